"""Liquidated notional by time bucket: history and live added, nothing counted twice.

A ``LiquidationVolume`` event covers everything before its ``time_us``, the **time until** which the history was asked.
A ``Liquidation`` before that time is in those sums already, whether it came along in the same prelude, live before the
history arrived, or live and late; an order at or after it adds. The sums are kept as what remains of a bucket when the
orders that are known one by one are taken out, never below zero. So a bucket holds::

    orders known one by one + max(0, history - known orders before the time until)

which is right where the history is complete, and still never less than what was seen where it lags behind.
An order that leaves the kept list goes into the remainder. ``prelude()`` puts the known orders back into the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, Liquidation, LiquidationVolume
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidations import MICRO, Liquidations, notional_micro
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, nests, next_bar_us
from orderfox_nb.errors import BadValue, EventError

FINEST: Final = "1m"
"""Live orders are kept by this bucket; every timeframe is a sum of it."""
AVERAGE_WINDOW: Final = 50
MAX_BUCKETS: Final = 5_000
"""The most buckets that one question is answered with."""

IntColumn = NDArray[np.int64]


class VolumeColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Contiguous buckets, oldest first, empty ones zero; sums in millionths of the quote currency."""

    start_us: IntColumn
    buy_micro: IntColumn
    """Liquidated shorts."""
    sell_micro: IntColumn
    """Liquidated longs."""
    count: IntColumn
    average_micro: IntColumn
    """``moving_average`` at each bucket."""

    @property
    def buy(self) -> NDArray[np.float64]:
        """Liquidated shorts in quote currency."""
        return self.buy_micro / MICRO

    @property
    def sell(self) -> NDArray[np.float64]:
        """Liquidated longs in quote currency."""
        return self.sell_micro / MICRO

    @property
    def average(self) -> NDArray[np.float64]:
        """Moving average of the absolute delta in quote currency."""
        return self.average_micro / MICRO


def moving_average(
    starts_us: IntColumn, deltas_micro: IntColumn, at_us: IntColumn, *, window: int = AVERAGE_WINDOW
) -> IntColumn:
    """Mean absolute delta of the last non-empty buckets up to and including each time, rounded half up.

    Args:
        starts_us: Starts of all non-empty buckets that are known, ascending, also those before the times asked.
        deltas_micro: Buy less sell of these buckets.
        at_us: Bucket starts to answer for, empty ones allowed.
        window: How many non-empty buckets.

    Returns:
        One value per time; 0 where no bucket precedes it.
    """
    total = np.concatenate(([0], np.cumsum(np.abs(deltas_micro)))).astype(np.int64)
    end = np.searchsorted(starts_us, at_us, side="right")
    begin = np.maximum(end - window, 0)
    held = np.maximum(end - begin, 1)
    return ((total[end] - total[begin]) * 2 + held) // (2 * held)


class _Buckets:
    """Sparse sums ``[buy, sell, count]`` by bucket start; at most ``keep`` buckets."""

    def __init__(self, interval: str, keep: int) -> None:
        self.interval = interval
        self.keep = keep
        self.until_us = 0
        self.sums: dict[int, list[int]] = {}

    def start_us(self, time_us: int) -> int:
        return bar_open_us(time_us, self.interval)

    def add(self, order: Liquidation) -> None:
        _add(self.sums, self.start_us(order.time_us), order)
        if len(self.sums) > self.keep:
            for start in sorted(self.sums)[: max(1, self.keep // 10)]:
                del self.sums[start]

    def take_out(self, order: Liquidation) -> None:
        """Take an order out of the history that holds it; what the history does not hold it cannot lose."""
        start = self.start_us(order.time_us)
        held = self.sums.get(start)
        if held is None:
            return
        side = 0 if order.side == "buy" else 1
        held[side] = max(0, held[side] - notional_micro(order))
        held[2] = max(0, held[2] - 1)
        if not any(held):
            del self.sums[start]


def _add(sums: dict[int, list[int]], start_us: int, order: Liquidation) -> None:
    held = sums.get(start_us)
    if held is None:
        held = sums[start_us] = [0, 0, 0]
    held[0 if order.side == "buy" else 1] += notional_micro(order)
    held[2] += 1


class LiquidationBuckets:
    """Bucket sums at every timeframe, from histories at any of them and from single orders.

    Args:
        keep: How many non-empty buckets of each history timeframe are kept.
    """

    def __init__(self, *, keep: int = 20_000) -> None:
        self.version = 0
        self._keep = keep
        self._rest: dict[str, _Buckets] = {FINEST: _Buckets(FINEST, keep)}
        self._live: dict[int, list[int]] = {}
        self._merged: dict[str, tuple[int, IntColumn, IntColumn, IntColumn, IntColumn]] = {}

    @property
    def intervals(self) -> tuple[str, ...]:
        """Timeframes at which there is a history."""
        return tuple(interval for interval, rest in self._rest.items() if rest.until_us)

    def until_us(self, interval: str) -> int:
        """Return the time before which the sums at a timeframe come from history, 0 where they do not."""
        return self._rest[self._source(interval)].until_us

    def history(self, event: LiquidationVolume, known: Iterable[Liquidation]) -> None:
        """Take sums from history: they replace what was there from their first bucket on.

        Args:
            event: The sums, everything before its ``time_us``.
            known: The orders that are kept one by one.

        Raises:
            EventError: A timeframe that is none, or columns of different lengths.
        """
        if event.interval not in TIMEFRAME_US:
            raise EventError(f"liquidation volume at timeframe {event.interval!r}")
        if not len(event.start_us) == len(event.buy) == len(event.sell) == len(event.count):
            raise EventError("liquidation volume with columns of different lengths")
        rest = self._rest.setdefault(event.interval, _Buckets(event.interval, self._keep))
        rest.until_us = event.time_us
        if event.start_us:
            first_us = rest.start_us(min(event.start_us))
            for start in [start for start in rest.sums if start >= first_us]:
                del rest.sums[start]
            for start, buy, sell, count in zip(event.start_us, event.buy, event.sell, event.count, strict=True):
                held = rest.sums.setdefault(rest.start_us(start), [0, 0, 0])
                held[0] += round(buy * MICRO)
                held[1] += round(sell * MICRO)
                held[2] += count
            for order in known:
                if first_us <= order.time_us < event.time_us:
                    rest.take_out(order)
        self.version += 1

    def add(self, order: Liquidation) -> None:
        """Count an order that is kept from now on."""
        _add(self._live, bar_open_us(order.time_us, FINEST), order)
        for rest in self._rest.values():
            if order.time_us < rest.until_us:
                rest.take_out(order)
        self.version += 1

    def evict(self, order: Liquidation) -> None:
        """Move an order that is no longer kept into the sums."""
        start = bar_open_us(order.time_us, FINEST)
        held = self._live[start]
        held[0 if order.side == "buy" else 1] -= notional_micro(order)
        held[2] -= 1
        if not held[2]:
            del self._live[start]
        for rest in self._rest.values():
            rest.add(order)
        self.version += 1

    def at(self, interval: str, start_us: int, end_us: int) -> VolumeColumns:
        """Return the buckets that begin from ``start_us`` (its bucket) to before ``end_us``, zero-filled.

        Raises:
            BadValue: Not a timeframe, or more than ``MAX_BUCKETS`` buckets.
        """
        if interval not in TIMEFRAME_US:
            raise BadValue("timeframe", interval, f"one of {' '.join(TIMEFRAME_US)}")
        starts = bucket_starts(interval, start_us, end_us)
        held, buy, sell, count = self._sparse(interval)
        at = np.searchsorted(held, starts)
        found = at < len(held)
        found[found] = held[at[found]] == starts[found]
        columns: list[IntColumn] = []
        for column in (buy, sell, count):
            filled = np.zeros(len(starts), np.int64)
            filled[found] = column[at[found]]
            columns.append(filled)
        return VolumeColumns(
            start_us=starts,
            buy_micro=columns[0],
            sell_micro=columns[1],
            count=columns[2],
            average_micro=moving_average(held, buy - sell, starts),
        )

    def prelude(self, symbol: str, known: Sequence[Liquidation]) -> list[LiquidationVolume]:
        """Return the sums as events that cover everything before their time, known orders included."""
        events: list[LiquidationVolume] = []
        for interval, rest in self._rest.items():
            sums = {start: list(held) for start, held in rest.sums.items()}
            for order in known:
                if order.time_us < rest.until_us:
                    _add(sums, rest.start_us(order.time_us), order)
            starts = sorted(sums)
            if not starts and not rest.until_us:
                continue
            events.append(
                LiquidationVolume(
                    symbol=symbol,
                    time_us=rest.until_us,
                    interval=interval,
                    start_us=starts,
                    buy=[sums[start][0] / MICRO for start in starts],
                    sell=[sums[start][1] / MICRO for start in starts],
                    count=[sums[start][2] for start in starts],
                )
            )
        return events

    def digest(self) -> str:
        parts: list[Iterable[int] | IntColumn] = []
        for interval in sorted(self._rest):
            parts.append([self._rest[interval].until_us])
            parts.extend(self._sparse(interval))
        return digest_of(*parts)

    def _source(self, interval: str) -> str:
        """The coarsest history that the timeframe is made of: it reaches back furthest."""
        nested = [source for source in self._rest if nests(source, interval)]
        return max(nested, key=lambda source: TIMEFRAME_US[source])

    def _sparse(self, interval: str) -> tuple[IntColumn, IntColumn, IntColumn, IntColumn]:
        """Non-empty buckets, ascending: starts, buy, sell, count; kept until the next change."""
        cached = self._merged.get(interval)
        if cached is not None and cached[0] == self.version:
            return cached[1:]
        merged: dict[int, list[int]] = {}
        for sums in (self._rest[self._source(interval)].sums, self._live):
            for start, held in sums.items():
                total = merged.setdefault(bar_open_us(start, interval), [0, 0, 0])
                for place in range(3):
                    total[place] += held[place]
        starts = sorted(merged)
        table = np.array([merged[start] for start in starts], np.int64).reshape(-1, 3)
        columns = (np.array(starts, np.int64), table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy())
        self._merged[interval] = (self.version, *columns)
        return columns


def bucket_starts(interval: str, start_us: int, end_us: int) -> IntColumn:
    """Return the starts of contiguous buckets from the one that holds ``start_us`` to before ``end_us``.

    Raises:
        BadValue: More than ``MAX_BUCKETS`` buckets.
    """
    if end_us <= start_us:
        return np.zeros(0, np.int64)
    first_us = bar_open_us(start_us, interval)
    if (end_us - first_us) // TIMEFRAME_US[interval] > MAX_BUCKETS:
        raise BadValue("time range", f"{start_us}..{end_us}", f"at most {MAX_BUCKETS} buckets of {interval}")
    if interval != "1M":
        return np.arange(first_us, end_us, TIMEFRAME_US[interval], dtype=np.int64)
    starts: list[int] = []
    while first_us < end_us:
        starts.append(first_us)
        first_us = next_bar_us(first_us, interval)
    return np.array(starts, np.int64)


class LiquidationState:
    """Fold of a liquidations topic: the newest orders and the bucket sums.

    Args:
        instrument: Whose liquidations, None for a whole market's.
        keep: How many orders are kept one by one.
    """

    def __init__(self, instrument: Instrument | None, *, keep: int = 1000) -> None:
        self.instrument = instrument
        self.orders = Liquidations(instrument, keep=keep)
        self.buckets = LiquidationBuckets()

    @property
    def version(self) -> int:
        return self.orders.version + self.buckets.version

    def apply(self, event: Event) -> None:
        if type(event) is Liquidation:
            added, left = self.orders.add(event)
            if added is not None:
                self.buckets.add(added)
            if left is not None:
                self.buckets.evict(left)
            return
        self.orders.apply(event)
        if type(event) is LiquidationVolume:
            if self.instrument is not None and event.symbol != self.instrument.symbol:
                raise EventError(f"liquidation volume of {event.symbol} for {self.instrument.symbol}")
            self.buckets.history(event, self.orders.oldest_first)

    def view(self) -> tuple[Liquidation, ...]:
        """Return the kept orders, newest first."""
        return self.orders.view()

    def at(self, interval: str, start_us: int, end_us: int) -> VolumeColumns:
        """See ``LiquidationBuckets.at``."""
        return self.buckets.at(interval, start_us, end_us)

    def sum_since(self, time_us: int) -> tuple[float, float]:
        """See ``Liquidations.sum_since``."""
        return self.orders.sum_since(time_us)

    def prelude(self) -> Sequence[Event]:
        """Return the sums, then the orders, oldest first."""
        symbol = self.instrument.symbol if self.instrument is not None else "*"
        orders = self.orders.oldest_first
        return (*self.buckets.prelude(symbol, orders), *orders)

    def digest(self) -> str:
        return self.orders.digest() + self.buckets.digest()
