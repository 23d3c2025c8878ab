"""Bars of every timeframe from the trades of a file that has no bars itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from orderfox_nb.core.events import Candle, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.timeframes import MINUTE_US, SECOND_US, TIMEFRAME_US, bar_open_us

_MAX_FLAT: Final = 1_500
"""Minutes without a trade that are filled in: the longest history of a chart."""


class _Bar(Struct):
    """Sums in whole lots and ticks, so that they are exact."""

    open_us: int
    open: float
    high: float
    low: float
    close: float
    lots: int = 0
    buy_lots: int = 0
    units: int = 0
    """Ticks times lots."""
    trades: int = 0
    last_fill_id: int = -1

    def add(self, other: _Bar) -> None:
        """Add a later part of the same bar."""
        if not other.trades:
            return
        if not self.trades:
            self.open, self.high, self.low = other.open, other.high, other.low
        self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
        self.lots += other.lots
        self.buy_lots += other.buy_lots
        self.units += other.units
        self.trades += other.trades
        self.last_fill_id = max(self.last_fill_id, other.last_fill_id)


class DerivedBars:
    """Grows bars trade by trade; the last two minutes are open, for trades that come late.

    Args:
        instrument: Instrument of the trades.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._minutes: list[_Bar] = []
        self._settled: dict[str, _Bar] = {}
        """The newest bar of each timeframe, without the minutes that are open."""
        self._due_us = dict.fromkeys(TIMEFRAME_US, 0)
        self._dirty: set[str] = set()
        self.late = 0
        """Trades that came too late for their bar."""

    def add(self, trade: Trade) -> Iterator[Candle]:
        """Count a trade; yields bars that are over."""
        open_us = trade.time_us - trade.time_us % MINUTE_US
        while self._minutes and (newest := self._minutes[-1]).open_us < open_us:
            following_us = newest.open_us + MINUTE_US
            if open_us - following_us > _MAX_FLAT * MINUTE_US:
                following_us = open_us
            yield from self._begin(following_us, newest.close, trade.time_us)
        if not self._minutes:
            self._minutes.append(_flat(open_us, trade.price))
        bar = next((bar for bar in self._minutes if bar.open_us == open_us), None)
        if bar is None:
            self.late += 1
            return
        lots = self._instrument.lots(trade.size)
        at = trade.price
        part = _Bar(
            open_us,
            at,
            at,
            at,
            at,
            lots=lots,
            buy_lots=lots if trade.aggressor == "buy" else 0,
            units=self._instrument.ticks(trade.price) * lots,
            trades=1,
            last_fill_id=trade.last_fill_id,
        )
        bar.add(part)
        self._dirty.update(TIMEFRAME_US)
        if bar is not self._minutes[-1]:
            newest_us = self._minutes[-1].open_us
            for interval in TIMEFRAME_US:
                start_us = bar_open_us(open_us, interval)
                if start_us != bar_open_us(newest_us, interval):
                    yield self._candle(self._bar(interval, start_us), interval, trade.time_us, closed=True)

    def due(self, now_us: int) -> Iterator[Candle]:
        """Yield the bars that grew and were not shown for a while: a second of a minute, a minute of an hour."""
        for interval in sorted(self._dirty, key=TIMEFRAME_US.__getitem__):
            if now_us >= self._due_us[interval]:
                self._due_us[interval] = now_us + max(SECOND_US, TIMEFRAME_US[interval] // 60)
                self._dirty.discard(interval)
                yield self._candle(self._present(interval), interval, now_us, closed=False)

    def rest(self, now_us: int) -> Iterator[Candle]:
        """Yield the bars that grew since they were shown last."""
        self._due_us = dict.fromkeys(TIMEFRAME_US, 0)
        yield from self.due(now_us)

    def _begin(self, open_us: int, close: float, now_us: int) -> Iterator[Candle]:
        """Begin a minute: the bars of every timeframe that are over with the previous one."""
        for interval in TIMEFRAME_US:
            if bar_open_us(open_us, interval) != bar_open_us(self._minutes[-1].open_us, interval):
                self._dirty.discard(interval)
                yield self._candle(self._present(interval), interval, now_us, closed=True)
        self._minutes.append(_flat(open_us, close))
        while len(self._minutes) > 2:
            settled = self._minutes.pop(0)
            for interval in TIMEFRAME_US:
                start_us = bar_open_us(settled.open_us, interval)
                known = self._settled.get(interval)
                if known is None or known.open_us != start_us:
                    known = self._settled[interval] = _flat(start_us, settled.open)
                known.add(settled)

    def _present(self, interval: str) -> _Bar:
        """Return the newest bar of a timeframe."""
        return self._bar(interval, bar_open_us(self._minutes[-1].open_us, interval))

    def _bar(self, interval: str, start_us: int) -> _Bar:
        """Return a bar of which a minute at least is still open."""
        settled = self._settled.get(interval)
        if settled is not None and settled.open_us == start_us:
            bar = _flat(start_us, settled.open)
            bar.add(settled)
        else:
            first = next(part for part in self._minutes if bar_open_us(part.open_us, interval) == start_us)
            bar = _flat(start_us, first.open)
        for part in self._minutes:
            if bar_open_us(part.open_us, interval) == start_us:
                bar.add(part)
        return bar

    def _candle(self, bar: _Bar, interval: str, now_us: int, *, closed: bool) -> Candle:
        instrument = self._instrument
        scale = instrument.price_scale * instrument.size_scale
        return Candle(
            symbol=instrument.symbol,
            time_us=now_us,
            received_us=now_us,
            interval=interval,
            open_us=bar.open_us,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=instrument.size(bar.lots),
            quote_volume=bar.units * instrument.tick_units * instrument.lot_units / scale,
            trades=bar.trades,
            taker_buy_volume=instrument.size(bar.buy_lots),
            closed=closed,
            last_fill_id=bar.last_fill_id,
        )


def _flat(open_us: int, price: float) -> _Bar:
    return _Bar(open_us, price, price, price, price)
