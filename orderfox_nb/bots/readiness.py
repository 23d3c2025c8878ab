"""Decides when a bot acts: from its start on, while all its data is complete. Other events are only folded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orderfox_nb.bots.gate import DataGate
from orderfox_nb.bots.gateway import NEVER_US
from orderfox_nb.bots.market_folds import add_past
from orderfox_nb.bots.steps import LiveSteps
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Event,
    Gap,
    Liquidation,
    MarkPrice,
    Status,
    Trade,
    is_restart,
)

CHANNEL_OF: Final[dict[type, Channel]] = {
    Trade: "trades",
    BookSnapshot: "book",
    BookDelta: "book",
    Candle: "candles",
    Liquidation: "liquidations",
    MarkPrice: "mark",
}
"""Of each kind of event that has data."""


def _ignore(_: Event) -> None:
    """Apply nothing."""


class BotReadiness:
    """Applies events while a bot does not act and those about the data themselves, and begins and ends its acting.

    Args:
        symbol: Symbol of the events.
        gate: Follows the quality of the data.
        steps: Apply an event while the bot acts.
        start_us: It does not act before.
        stop: Stops the bot for a reason.
    """

    def __init__(
        self, symbol: str, gate: DataGate, steps: LiveSteps, *, start_us: int, stop: Callable[[str], None]
    ) -> None:
        self.live = False
        """Whether the bot acts."""
        self.started = False
        """Whether it has ever."""
        self.handlers: Final[dict[type, Callable[[Any], None]]] = {}
        """What an event is applied by at present, by its kind; without a handler by ``notice``."""
        self._symbol = symbol
        self._gate = gate
        self._steps = steps
        self.start_us = start_us
        """It does not act before."""
        self._stop = stop

    def notice(self, event: Event, stream: str) -> None:
        """Apply an event while the bot does not act, or one about the data themselves."""
        kind = type(event)
        if kind is Status or kind is Gap:
            self._quality(event, stream)
        elif kind in CHANNEL_OF and not self.live:
            self._data(event, CHANNEL_OF[kind])

    def lose_book(self, time_us: int) -> None:
        """Wait for a new snapshot of the book."""
        self.notice(Gap(symbol=self._symbol, time_us=time_us, reason="a change of the book is missing"), "book")

    def restore(self, *, live: bool, started: bool) -> None:
        """Continue as it was at a snapshot."""
        self.live, self.started = live, started
        self.handlers.clear()
        if live:
            self.handlers.update(self._steps.handlers)

    def end(self) -> None:
        """Apply nothing any more."""
        self.live = False
        self.handlers.clear()
        self.handlers.update(dict.fromkeys((*CHANNEL_OF, Status, Gap), _ignore))

    def _quality(self, event: Event, stream: str) -> None:
        self._gate.apply(event, stream)
        if type(event) is Gap and event.relisted:
            self._stop(f"the tick or lot size of {self._symbol} has changed")
        if is_restart(event):
            # Times on both sides cannot be compared.
            self._steps.skew_us = NEVER_US
        if self.live and not self._gate.live:
            self._pause(event.time_us)
        elif not self.live and self._gate.live and event.time_us >= self.start_us:
            self._resume(event.time_us)

    def _data(self, event: Event, channel: Channel) -> None:
        self._gate.apply(event, f"{channel}@{event.interval}" if isinstance(event, Candle) else channel)
        ready = self._gate.live and event.time_us >= self.start_us
        if ready and type(event) is not BookSnapshot:
            # The first event after a loss, or after the start: the bot acts on it.
            self._resume(event.time_us)
            self.handlers[type(event)](event)
            return
        self._fold(event, channel)
        if ready:
            self._resume(event.time_us)

    def _fold(self, event: Event, channel: Channel) -> None:
        """Add an event to what the strategy sees, without acting on it."""
        steps = self._steps
        add_past(steps.desk, event)
        if isinstance(event, Trade | Candle):
            steps.bars.past(event)
        steps.studies.apply(channel, event)
        if channel == "book":
            steps.venue.apply(event)
        elif isinstance(event, MarkPrice) and event.received_us:
            steps.account.apply_mark(event)

    def _resume(self, time_us: int) -> None:
        steps = self._steps
        steps.desk.now_us = max(steps.desk.now_us, time_us)
        self.live = True
        self.handlers.update(steps.handlers)
        steps.venue.apply(Status(symbol=self._symbol, time_us=time_us, state="live"))
        self._gate.resume(time_us)
        if not self.started:
            self.started = True
            steps.calls.dispatch("on_start")

    def _pause(self, time_us: int) -> None:
        self.live = False
        self.handlers.clear()
        self._gate.pause(time_us)
        self._steps.venue.apply(Gap(symbol=self._symbol, time_us=time_us, reason=self._gate.reason))
