"""The market as a strategy sees it: read-only views of the events up to the current one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from orderfox_nb.bots.durations import Seconds, duration_us
from orderfox_nb.bots.ports import VenuePort
from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.book import BookSide
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Candle, Liquidation, Side, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidations import MICRO, notional_micro
from orderfox_nb.core.timeframes import DAY_US
from orderfox_nb.errors import BadValue

KEPT_TRADES: Final = 1_000
KEPT_LIQUIDATIONS: Final = 100_000
KEPT_BARS: Final = 1_500


class BookView:
    """The order book as received."""

    def __init__(self, venue: VenuePort, instrument: Instrument) -> None:
        self._venue = venue
        self._price, self._size = instrument.price, instrument.size

    @property
    def best_bid(self) -> float | None:
        """Highest bid price; None while that side is empty."""
        ticks = self._venue.best_bid
        return None if ticks is None else self._price(ticks)

    @property
    def best_ask(self) -> float | None:
        """Lowest ask price; None while that side is empty."""
        ticks = self._venue.best_ask
        return None if ticks is None else self._price(ticks)

    @property
    def mid(self) -> float | None:
        """Mean of both; None while a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    def levels(self, side: BookSide, limit: int = 10) -> list[tuple[float, float]]:
        """Return price and size of the best levels of a side, best first."""
        ticks, lots = self._venue.levels(side, limit)
        return [(self._price(tick), self._size(lot)) for tick, lot in zip(ticks, lots, strict=True)]

    def imbalance(self, limit: int = 5) -> float:
        """Return (bids - asks) / (bids + asks) of the sizes on the best levels: 1 for bids only, -1 for asks only."""
        bids, asks = (sum(self._venue.levels(side, limit)[1]) for side in ("bid", "ask"))
        return (bids - asks) / (bids + asks) if bids + asks else 0.0


class RecentTrades:
    """The newest trades, oldest first, at most 1,000."""

    def __init__(self) -> None:
        self.kept: deque[Trade] = deque(maxlen=KEPT_TRADES)

    @property
    def last(self) -> Trade | None:
        return self.kept[-1] if self.kept else None

    def newest(self, count: int) -> list[Trade]:
        """Return at most ``count`` of the newest trades, oldest first."""
        return list(islice(self.kept, max(0, len(self.kept) - count), None))

    def __len__(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Iterator[Trade]:
        return iter(self.kept)

    def __getitem__(self, index: int) -> Trade:
        return self.kept[index]


class _Window:
    """Running sum of liquidations of one side over one length of time."""

    def __init__(self, side: Side, length_us: int) -> None:
        self.side = side
        self.length_us = length_us
        self.sum_micro = 0
        self.orders: deque[tuple[int, int]] = deque()

    def add(self, order: Liquidation) -> None:
        if order.side == self.side:
            self.orders.append((order.time_us, notional_micro(order)))
            self.sum_micro += self.orders[-1][1]
            # Also if nobody reads the sum; orders that were dropped beyond the limit are not in it either.
            self.at(order.time_us)
            while len(self.orders) > KEPT_LIQUIDATIONS:
                self.sum_micro -= self.orders.popleft()[1]

    def at(self, now_us: int) -> int:
        orders, start_us = self.orders, now_us - self.length_us
        while orders and orders[0][0] <= start_us:
            self.sum_micro -= orders.popleft()[1]
        return self.sum_micro


class LiquidationFlow:
    """Liquidation orders of the last day, at most 100,000; venues report a sample of them."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self.kept: deque[Liquidation] = deque(maxlen=KEPT_LIQUIDATIONS)
        self._now_us = now_us
        self._windows: dict[tuple[Side, Seconds], _Window] = {}

    @property
    def last(self) -> Liquidation | None:
        return self.kept[-1] if self.kept else None

    def sum(self, side: Side, window: Seconds) -> float:
        """Return the liquidated notional of the last seconds, quote currency.

        Args:
            side: Side of the orders: ``sell`` closes longs, ``buy`` closes shorts.
            window: Such as ``10s``, at most a day.

        Raises:
            BadValue: Not a side, or not a duration of at most a day.
        """
        found = self._windows.get((side, window))
        return (self._open(side, window) if found is None else found).at(self._now_us()) / MICRO

    def _open(self, side: Side, window: Seconds) -> _Window:
        length_us = duration_us(window, "window")
        if length_us > DAY_US:
            raise BadValue("window", window, "at most 1d")
        if side not in {"buy", "sell"}:
            raise BadValue("side", side, "buy or sell")
        if len(self._windows) >= 100:
            raise BadValue("window", window, "one of at most 100 different windows")
        opened = self._windows[side, window] = _Window(side, length_us)
        for order in self.kept:
            opened.add(order)
        return opened

    def add(self, order: Liquidation) -> None:
        """Add the next order."""
        kept = self.kept
        while kept and kept[0].time_us <= order.time_us - DAY_US:
            kept.popleft()
        kept.append(order)
        for window in self._windows.values():
            window.add(order)


class CandleHistory:
    """Candles of the strategy's timeframe, at most 1,500."""

    def __init__(self, instrument: Instrument, interval: str) -> None:
        self.interval = interval
        self.fold = CandleState(instrument, interval, keep=KEPT_BARS)

    @property
    def last(self) -> Candle | None:
        """The newest candle, which may still change."""
        return self.fold.last

    def columns(self, count: int = KEPT_BARS) -> BarColumns:
        """Return copies of at most ``count`` of the newest closed candles as columns, oldest first."""
        columns = self.fold.columns(min(count + 1, KEPT_BARS))
        stop = len(columns) if len(columns) and columns.closed[-1] else max(0, len(columns) - 1)
        return _part(columns, max(0, stop - count), stop)

    def closes(self, count: int = KEPT_BARS) -> Sequence[float]:
        """Return at most ``count`` of the newest closing prices of closed candles, oldest first."""
        return self.columns(count).close.tolist()


def _part(columns: BarColumns, start: int, stop: int) -> BarColumns:
    parts: dict[str, Any] = {name: getattr(columns, name)[start:stop] for name in columns.__struct_fields__}
    return BarColumns(**parts)
