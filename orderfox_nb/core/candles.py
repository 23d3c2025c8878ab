"""The bars of one symbol at one timeframe.

The venue's kline is the authority for a bar and trades move it in between. A kline covers every fill up to its
``last_fill_id``, or, where ids are unknown, for everything up to its ``time_us``: trades after that are kept (a
bounded number) and put on top of each newer kline. A bar made of trades alone has its ``open_us`` as the time
of the last kline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from orderfox_nb.core.bars import BarColumns, BarRing
from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Candle, Event, Trade, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, next_bar_us
from orderfox_nb.core.trade_order import TradeOrder
from orderfox_nb.errors import BadValue, EventError

_PENDING: Final = 1024
"""Trades since the last kline that are kept one by one; klines come every 250 ms, in a rush about 400 trades apart."""
_AHEAD_US: Final = 1_000_000
"""A trade that came before a kline and is this much younger shows that the venue's clocks disagree, as after a jump."""
_CHANGES: Final = 256
"""Bars whose last change is remembered, besides the newest."""


class CandleState:
    """Fold of klines and trades.

    Args:
        instrument: Instrument of the bars.
        interval: Timeframe, such as ``1m``.
        keep: How many of the newest bars are kept.

    Raises:
        BadValue: Not a timeframe.
    """

    def __init__(self, instrument: Instrument, interval: str, *, keep: int = 1500) -> None:
        if interval not in TIMEFRAME_US:
            raise BadValue("timeframe", interval, f"one of {' '.join(TIMEFRAME_US)}")
        self.instrument = instrument
        self.interval = interval
        self.keep = keep
        self.version = 0
        self._ring = BarRing(keep)
        # The newest bar in plain numbers, since a write into an array costs ten times as much; the ring has it only
        # after _flush(). ``_base`` is what the sums below are added to.
        self._base: Candle | None = None
        self._open_us = -1
        self._next_us = -1
        self._as_of_us = -1
        self._high = self._low = self._open = self._close = 0.0
        self._lots = self._buy_lots = self._count = 0
        self._quote_units = 0
        self._pending: list[Trade] = []
        self._order = TradeOrder()
        self._dirty = False
        self._changes: dict[int, int] = {}
        self._changes_after = 0
        self._price_scale, self._tick_units = instrument.price_scale, instrument.tick_units
        self._size_scale, self._lot_units = instrument.size_scale, instrument.lot_units
        self._quote_scale = instrument.price_scale * instrument.size_scale
        self._quote_digits = min(instrument.price_digits + instrument.size_digits, 12)
        self._unit = instrument.tick_units * instrument.lot_units
        self._symbol = instrument.symbol

    def apply(self, event: Event) -> None:
        """Apply a kline or a trade.

        A trade that an applied kline or trade covers already changes nothing, nor does one of an older bar: the
        venue's kline corrects that one. No bar outlives a restart of its venue.

        Raises:
            EventError: An event of another symbol or timeframe.
        """
        if type(event) is Trade:
            if event.symbol != self._symbol:
                raise EventError(f"trade of {event.symbol} in candles of {self.instrument.symbol}")
            self._trade(event)
        elif type(event) is Candle:
            if event.symbol != self.instrument.symbol or event.interval != self.interval:
                raise EventError(
                    f"candle of {event.symbol} {event.interval} in those of {self.instrument.symbol} {self.interval}"
                )
            self._candle(event)
        elif is_restart(event):
            self._clear()

    def _clear(self) -> None:
        self._ring = BarRing(self.keep)
        self._open_us = self._next_us = -1
        self._begin(None)
        self._order.clear()
        self._dirty = False
        self.version += 1
        self._changes.clear()
        self._changes_after = self.version

    def _trade(self, trade: Trade) -> None:
        if trade.time_us < self._open_us or not self._order.is_new(trade):
            return
        if trade.time_us >= self._next_us:
            self._roll(bar_open_us(trade.time_us, self.interval), None)
        elif self._base is not None and (self._base.closed or self._counted(self._base, trade)):
            return
        if len(self._pending) >= _PENDING:
            # All but the new trade become part of the bar below: a kline that is this late replaces them.
            self._begin(self.last)
        self._pending.append(trade)
        self._add(trade)
        self.version += 1
        self._dirty = True

    def _add(self, trade: Trade) -> None:
        price = trade.price
        if self._base is None and not self._count:
            self._open = self._high = self._low = price
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        # What Instrument.lots and .ticks do, without two calls for each trade.
        lots = round(trade.size * self._size_scale)
        if self._lot_units != 1:
            lots = round(lots / self._lot_units)
        ticks = round(price * self._price_scale)
        if self._tick_units != 1:
            ticks = round(ticks / self._tick_units)
        self._lots += lots
        self._quote_units += ticks * lots
        if trade.aggressor == "buy":
            self._buy_lots += lots
        self._count += 1

    def _candle(self, candle: Candle) -> None:
        if candle.open_us > self._open_us:
            self._roll(candle.open_us, candle)
        elif candle.open_us == self._open_us:
            pending = self._pending
            self._begin(candle)
            # A closed bar has all of its trades, whatever the clocks say.
            if not candle.closed:
                self._pending = [trade for trade in pending if self._ahead(candle, trade)]
                for trade in self._pending:
                    self._add(trade)
        else:
            if not self._ring.put(candle):
                return
            self._changed(candle.open_us)
        self.version += 1
        self._dirty = True

    def _roll(self, open_us: int, base: Candle | None) -> None:
        """Begin the next bar."""
        self._flush()
        if self._open_us >= 0:
            self._changed(self._open_us)
        self._open_us = open_us
        self._next_us = next_bar_us(open_us, self.interval)
        self._begin(base)

    def _changed(self, open_us: int) -> None:
        self._changes.pop(open_us, None)
        self._changes[open_us] = self.version + 1
        if len(self._changes) > _CHANGES:
            oldest = next(iter(self._changes))
            self._changes_after = self._changes.pop(oldest)

    def _begin(self, base: Candle | None) -> None:
        """Begin the bar with the venue's kline, without any trade on top."""
        self._base = base
        self._as_of_us = self._open_us
        self._lots = self._buy_lots = self._count = self._quote_units = 0
        if base is not None:
            self._as_of_us = base.time_us
            self._open, self._high, self._low, self._close = base.open, base.high, base.low, base.close
        self._pending = []

    def _counted(self, base: Candle, trade: Trade) -> bool:
        """Return whether a trade that comes after a kline is in it."""
        if not base.volume:
            return False
        if base.last_fill_id >= 0 and trade.last_fill_id >= 0:
            return trade.last_fill_id <= base.last_fill_id
        return self._open_us < base.time_us >= trade.time_us

    def _ahead(self, base: Candle, trade: Trade) -> bool:
        """Return whether a trade that came before a kline is not in it.

        Where only times are known one that is much younger is taken to be in it: the clocks disagree.
        """
        if self._counted(base, trade):
            return False
        by_id = not base.volume or (base.last_fill_id >= 0 and trade.last_fill_id >= 0)
        return by_id or trade.time_us <= base.time_us + _AHEAD_US

    @property
    def last(self) -> Candle | None:
        """The newest bar as it stands; ``time_us`` is that of the venue's last kline of it."""
        if self._open_us < 0:
            return None
        base, instrument = self._base, self.instrument
        volume, quote, buy = instrument.size(self._lots), self._quote(), instrument.size(self._buy_lots)
        if base is not None:
            # Rounded to the lot: sums of floats would show binary noise.
            if self._lots:
                volume = round(base.volume + volume, instrument.size_digits)
                quote = round(base.quote_volume + quote, self._quote_digits)
                buy = round(base.taker_buy_volume + buy, instrument.size_digits)
            else:
                volume, quote, buy = base.volume, base.quote_volume, base.taker_buy_volume
        return Candle(
            symbol=instrument.symbol,
            time_us=self._as_of_us,
            interval=self.interval,
            open_us=self._open_us,
            open=self._open,
            high=self._high,
            low=self._low,
            close=self._close,
            volume=volume,
            quote_volume=quote,
            trades=(base.trades if base is not None else 0) + self._count,
            taker_buy_volume=buy,
            closed=base is not None and base.closed,
            last_fill_id=self._pending[-1].last_fill_id if self._pending else base.last_fill_id if base else -1,
        )

    def _quote(self) -> float:
        return self._quote_units * self._unit / self._quote_scale

    def _flush(self) -> None:
        if self._dirty:
            # A kline without trades on top stands as the venue sent it: most bars, and all of a prelude.
            last = self._base if self._base is not None and not self._count else self.last
            if last is not None:
                self._ring.put(last)
        self._dirty = False

    def view(self) -> BarColumns:
        """Return all kept bars, oldest first, as copies."""
        return self.columns(self.keep)

    def columns(self, last: int) -> BarColumns:
        """Return at most that many of the newest bars, oldest first, as copies."""
        self._flush()
        return self._ring.columns(last)

    def bar(self, open_us: int) -> Candle | None:
        """Return one bar, None if it is not kept."""
        self._flush()
        return self._ring.candle(open_us, self.instrument.symbol, self.interval)

    def changed_since(self, version: int) -> list[int] | None:
        """Return the starts of bars that changed after a version, ascending.

        None if the version is too old to know: use all columns.
        """
        if version >= self.version:
            return []
        if version < self._changes_after:
            return None
        changed = [open_us for open_us, at in self._changes.items() if at > version and open_us != self._open_us]
        return [*sorted(changed), self._open_us]

    def prelude(self) -> Sequence[Event]:
        """Return the bars, then the trades since the newest one's kline."""
        self._flush()
        bars: list[Event] = list(self._ring.candles(self.instrument.symbol, self.interval))
        if self._open_us >= 0:
            bars.pop()
            if self._base is not None:
                bars.append(self._base)
        return (*bars, *self._pending)

    def digest(self) -> str:
        columns, instrument = self.view(), self.instrument
        prices = [
            np.rint(column * instrument.price_scale).astype(np.int64)
            for column in (columns.open, columns.high, columns.low, columns.close)
        ]
        volume = np.rint(columns.volume * instrument.size_scale).astype(np.int64)
        return digest_of(columns.open_us, *prices, volume, columns.trades, columns.closed.astype(np.int64))
