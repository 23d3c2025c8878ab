"""Folds that a session keeps beside the venue's book: candles, and the studies that a strategy names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from orderfox_nb.analytics.studies import check_study
from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.market_view import CandleHistory
from orderfox_nb.core.events import Candle, Channel, Event, Liquidation, MarkPrice, Trade
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.timeframes import bar_open_us, next_bar_us


class ClosedBars:
    """Adds candles to a strategy's history, and yields each once when it is closed.

    Args:
        history: The strategy's; None if it reads no candles.
        from_trades: The events have no candles: they are made of trades.
    """

    def __init__(self, history: CandleHistory | None, *, from_trades: bool) -> None:
        self.from_trades = from_trades and history is not None
        self.history = history
        self.closed_us = -1
        """Start of the newest bar that was yielded or is known to be closed."""
        self._open_us = -1
        self._end_us = -1

    def trade(self, event: Trade) -> Iterator[Candle]:
        """Add a trade; yield the bar that it closes."""
        history = self.history
        if history is None or not self.from_trades:
            return
        ended_us = self._open_us if event.time_us >= self._end_us else -1
        history.fold.apply(event)
        if event.time_us >= self._end_us:
            self._open_us = bar_open_us(event.time_us, history.interval)
            self._end_us = next_bar_us(self._open_us, history.interval)
        bar = history.fold.bar(ended_us) if ended_us >= 0 else None
        if bar is not None:
            self.closed_us = ended_us
            yield msgspec.structs.replace(bar, closed=True)

    def candle(self, event: Candle) -> Iterator[Candle]:
        """Add the venue's candle; yield it where it is closed."""
        history = self.history
        if history is None or event.interval != history.interval:
            return
        history.fold.apply(event)
        if event.closed and event.open_us > self.closed_us:
            self.closed_us = event.open_us
            yield event

    def past(self, event: Trade | Candle) -> None:
        """Add what the strategy does not act on."""
        bars = self.trade(event) if type(event) is Trade else self.candle(event) if type(event) is Candle else ()
        for _ in bars:
            pass

    def snapshot(self) -> list[int]:
        """Return the state beside the history."""
        return [self.closed_us, self._open_us, self._end_us]

    def restore(self, state: Iterable[int]) -> None:
        """Continue from what ``snapshot`` returned."""
        self.closed_us, self._open_us, self._end_us = state


class StudyFolds:
    """The folds of the studies that a strategy names.

    Args:
        names: ``name``, or ``name@timeframe``.
        instrument: What is traded.
    """

    def __init__(self, names: Iterable[str], instrument: Instrument) -> None:
        self.folds: dict[str, Fold[Any]] = {}
        self.by_channel: dict[Channel, list[tuple[str, Fold[Any]]]] = {}
        for text in dict.fromkeys(names):
            name, _, interval = text.partition("@")
            study = check_study(name, interval)
            fold = self.folds[text] = study.fold(instrument, interval)
            for channel in (*study.inputs, *study.beside):
                self.by_channel.setdefault(channel, []).append((interval, fold))

    def apply(self, channel: Channel, event: Event) -> None:
        """Apply an event to the studies that have its channel as an input."""
        for interval, fold in self.by_channel.get(channel, ()):
            if type(event) is not Candle or event.interval == interval:
                fold.apply(event)

    def snapshot(self) -> Mapping[str, list[Event]]:
        """Return the events that rebuild each fold."""
        return {name: list(fold.prelude()) for name, fold in self.folds.items()}

    def restore(self, state: Mapping[str, Iterable[Event]]) -> None:
        """Rebuild the folds."""
        for name, events in state.items():
            for event in events:
                self.folds[name].apply(event)


def add_past(desk: TradingDesk, event: Event) -> None:
    """Add an event to what a strategy sees, each once, where the strategy does not act on it."""
    if isinstance(event, Trade):
        last = desk.trades.last
        if last is None or event.sequence is None or last.sequence is None or event.sequence > last.sequence:
            desk.trades.kept.append(event)
    elif isinstance(event, Liquidation):
        last_order = desk.liquidations.last
        if last_order is None or event.time_us > last_order.time_us:
            desk.liquidations.add(event)
    elif isinstance(event, MarkPrice):
        desk.mark_event = event
