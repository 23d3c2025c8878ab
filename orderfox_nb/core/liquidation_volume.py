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

import numpy as np

from orderfox_nb.core.bucket_sums import BucketSums, add_order
from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, Liquidation, LiquidationVolume, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidations import MICRO, LiquidationOrders, notional_micro
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, nests
from orderfox_nb.core.volume_columns import MAX_BUCKETS, IntColumn, VolumeColumns, bucket_starts, moving_average
from orderfox_nb.errors import BadValue, EventError

FINEST: Final = "1m"
"""Live orders are kept by this bucket; every timeframe is a sum of it."""


class LiquidationBuckets:
    """Bucket sums at every timeframe, from histories at any of them and from single orders.

    Args:
        keep: How many non-empty buckets of each history timeframe are kept.
    """

    def __init__(self, *, keep: int = 20_000) -> None:
        self.version = 0
        self._keep = keep
        self._rest: dict[str, BucketSums] = {FINEST: BucketSums(FINEST, keep)}
        self._live: dict[int, list[int]] = {}
        self._merged: dict[str, tuple[int, IntColumn, IntColumn, IntColumn, IntColumn]] = {}

    @property
    def intervals(self) -> tuple[str, ...]:
        """Timeframes at which there is a history."""
        return tuple(interval for interval, rest in self._rest.items() if rest.until_us)

    def until_us(self, interval: str) -> int:
        """Return the time before which the sums at a timeframe come from history, 0 if they do not."""
        return self._rest[self._source(interval)].until_us

    def clear(self) -> None:
        """Forget all sums."""
        self._rest = {FINEST: BucketSums(FINEST, self._keep)}
        self._live.clear()
        self.version += 1

    def history(self, event: LiquidationVolume, known: Iterable[Liquidation]) -> None:
        """Apply sums from history: they replace what was there from their first bucket on.

        Args:
            event: The sums, everything before its ``time_us``.
            known: The orders that are kept one by one.

        Raises:
            EventError: It is not a timeframe.
        """
        if event.interval not in TIMEFRAME_US:
            raise EventError(f"liquidation volume at timeframe {event.interval!r}")
        rest = self._rest.setdefault(event.interval, BucketSums(event.interval, self._keep))
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
                    rest.remove(order)
        self.version += 1

    def add(self, order: Liquidation) -> None:
        """Count an order that is kept from now on."""
        add_order(self._live, bar_open_us(order.time_us, FINEST), order)
        for rest in self._rest.values():
            if order.time_us < rest.until_us:
                rest.remove(order)
        self.version += 1

    def with_history(self, event: LiquidationVolume, known: Iterable[Liquidation]) -> LiquidationBuckets:
        """Return a copy with sums from history, such as those of another timeframe or of a longer past.

        Orders that have left the kept list since the history was asked stay in, to the minute.

        Raises:
            EventError: As for ``history``.
        """
        copy = LiquidationBuckets(keep=self._keep)
        copy._rest = {interval: rest.copy() for interval, rest in self._rest.items()}
        copy._live = {start: list(held) for start, held in self._live.items()}
        copy.history(event, known)
        if event.start_us or event.interval not in self._rest:
            rest = copy._rest[event.interval]
            for start, left in self._rest[FINEST].sums.items():
                if start >= event.time_us:
                    held = rest.sums.setdefault(rest.start_us(start), [0, 0, 0])
                    held[:] = (total + more for total, more in zip(held, left, strict=True))
        return copy

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
                    add_order(sums, rest.start_us(order.time_us), order)
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


class LiquidationState:
    """Fold of a liquidations topic: the newest orders and the bucket sums.

    Args:
        instrument: Instrument of the liquidations, None for a whole market.
        keep: How many orders are kept one by one.
    """

    def __init__(self, instrument: Instrument | None, *, keep: int = 1000) -> None:
        self.instrument = instrument
        self.orders = LiquidationOrders(instrument, keep=keep)
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
        if is_restart(event):
            self.buckets.clear()
        elif type(event) is LiquidationVolume:
            if self.instrument is not None and event.symbol != self.instrument.symbol:
                raise EventError(f"liquidation volume of {event.symbol} for {self.instrument.symbol}")
            self.buckets.history(event, self.orders.oldest_first)

    def view(self) -> tuple[Liquidation, ...]:
        """Return the kept orders, newest first."""
        return self.orders.view()

    def at(self, interval: str, start_us: int, end_us: int) -> VolumeColumns:
        """See ``LiquidationBuckets.at``."""
        return self.buckets.at(interval, start_us, end_us)

    def with_history(self, event: LiquidationVolume) -> LiquidationBuckets:
        """Return the sums as they are with a history that is not part of the topic; the fold stays as it is.

        The answer to a question about the past: ask the feed for its rows, give them the time until which was asked.
        """
        return self.buckets.with_history(event, self.orders.oldest_first)

    def sum_since(self, time_us: int) -> tuple[float, float]:
        """Sum the notional at or after a time: shorts (buy orders) and longs (sell orders), in quote currency.

        Whole minutes are those of the buckets, which know the history and the orders that have left the kept list; the
        part of a minute before them is that of the kept orders.
        """
        minute_us = TIMEFRAME_US[FINEST]
        first_us = -(-time_us // minute_us) * minute_us
        newest_us = self.orders.oldest_first[-1].time_us if self.orders.oldest_first else 0
        end_us = max(newest_us + 1, self.buckets.until_us(FINEST))
        if (end_us - first_us) // minute_us >= MAX_BUCKETS:
            return self.orders.sum_since(time_us)
        volume = self.at(FINEST, first_us, end_us)
        sums = {"buy": int(volume.buy_micro.sum()), "sell": int(volume.sell_micro.sum())}
        for order in self.orders.since(time_us):
            if order.time_us >= first_us:
                break
            sums[order.side] += notional_micro(order)
        return sums["buy"] / MICRO, sums["sell"] / MICRO

    def prelude(self) -> Sequence[Event]:
        """Return the sums, then the orders, oldest first."""
        symbol = self.instrument.symbol if self.instrument is not None else "*"
        orders = self.orders.oldest_first
        return (*self.buckets.prelude(symbol, orders), *orders)

    def digest(self) -> str:
        return self.orders.digest() + self.buckets.digest()
