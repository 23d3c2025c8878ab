"""One bot as a fold: a strategy, its paper venue and its account, which apply events and nothing else.

The order of one step, for each event while all data are complete:

1. commands whose arrival is at or before the event's ``time_us`` reach the venue, by (arrival, command number);
2. the venue applies the event, and the account books its fills;
3. a mark price is applied to the account: funding, margin, and liquidation where the margin is used up;
4. answers that have arrived by now update their handles: ``on_fill``, ``on_order``, in the order of their arrival;
5. timers that are due: ``on_timer``, by (time, name);
6. the event is added to the desk's views, and the strategy gets it;
7. commands that were given in 4 to 6 have got their arrival times: now + entry latency.

Now is the venue's time: of an event that was received, ``received_us`` less the smallest difference of ``received_us``
and ``time_us`` so far; otherwise its ``time_us``. It never goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import msgspec

from orderfox_nb.bots.calls import StrategyCalls
from orderfox_nb.bots.checks import OrderChecks
from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.failures import StrategyFailure
from orderfox_nb.bots.gate import DataGate, stream_name
from orderfox_nb.bots.gateway import NEVER_US, OrderGateway
from orderfox_nb.bots.handles import OrderHandle, Pause, SentOrder, SessionOutput
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.limits import RiskGuard
from orderfox_nb.bots.market_folds import ClosedBars, StudyFolds
from orderfox_nb.bots.orders import Fill, OrderReport, OrderRequest, Rejection
from orderfox_nb.bots.ports import AccountPort, VenuePort
from orderfox_nb.bots.readiness import BotReadiness
from orderfox_nb.bots.snapshots import (
    decode_all,
    desk_state,
    encode_all,
    restore_desk,
    restore_strategy,
    strategy_state,
)
from orderfox_nb.bots.steps import LiveSteps
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Event
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BadValue, EventError

BotState: TypeAlias = Literal["waiting", "running", "paused", "stopped", "failed"]
"""``waiting``: not all data are there yet; ``paused``: some are missing; ``failed``: the strategy raised an error."""

_VERSION: Final = 2


class BotSession:
    """One strategy on one symbol of one venue.

    Args:
        strategy: Belongs to this session alone.
        instrument: What it trades.
        venue: Where its orders go.
        account: Its cash and position.
        guard: Risk limits; none by default.
        latency: Delays of orders and answers.
        seed: Seed of the delays.
        start_us: Events from before are only folded: the strategy sees them, and does not act.
        channels: What the events contain: channels, or streams as ``candles@5m``; by default all that the strategy
            reads. The bot acts only while each of them is complete. Without the candles of its timeframe among them
            they are built from trades.
        opened: The events have no prelude and no ``Status``, and are complete from the first one on.
    """

    def __init__(
        self,
        strategy: Strategy,
        instrument: Instrument,
        *,
        venue: VenuePort,
        account: AccountPort,
        guard: RiskGuard | None = None,
        latency: Latency = Latency(),  # noqa: B008  (immutable)
        seed: int = 0,
        start_us: int = 0,
        channels: Collection[str] | None = None,
        opened: bool = False,
    ) -> None:
        self.strategy = strategy
        self.instrument = instrument
        self.venue = venue
        self.account = account
        self.checks = OrderChecks(guard, account, venue)
        topics = strategy.topics(instrument.venue, instrument.symbol)
        streams = {
            stream_name(topic): topic.channel
            for topic in topics
            if channels is None or topic.channel in channels or stream_name(topic) in channels
        }
        self.channels: Final = frozenset(streams.values())
        self.gate = DataGate(streams, opened=opened)
        self.gateway = OrderGateway(instrument, venue=venue, account=account, latency=latency, seed=seed)
        self.gateway.cancel_order = self._cancel
        self.studies = StudyFolds(strategy.studies, instrument)
        self.desk = TradingDesk(
            instrument, self.gateway, timeframe=strategy.candle_timeframe, studies=self.studies.folds, send=self._send
        )
        self.bars = ClosedBars(self.desk.history, from_trades=f"candles@{strategy.candle_timeframe}" not in streams)
        self.error: StrategyFailure | None = None
        self.stopped = ""
        """Why it was stopped; empty while it was not."""
        self.events = 0
        """How many events were applied."""
        self._symbol = instrument.symbol
        self.calls = StrategyCalls(strategy, self.desk, lambda: self.desk.now_us, self._fail)
        self.steps = LiveSteps(
            self.desk,
            self.gateway,
            self.calls,
            checks=self.checks,
            bars=self.bars,
            studies=self.studies,
            channels=self.channels,
            stop=self.stop,
            book_lost=self._lose_book,
        )
        self._readiness = BotReadiness(instrument.symbol, self.gate, self.steps, start_us=start_us, stop=self.stop)
        self._handlers = self._readiness.handlers
        venue.affordable = self._affordable
        venue.reducible = account.reducible

    @property
    def state(self) -> BotState:
        if self.stopped:
            return "failed" if self.error else "stopped"
        return "running" if self.live else "paused" if self.started else "waiting"

    @property
    def start_us(self) -> int:
        """Events from before are only folded."""
        return self._readiness.start_us

    @start_us.setter
    def start_us(self, start_us: int) -> None:
        self._readiness.start_us = start_us

    @property
    def started(self) -> bool:
        """Whether ``on_start`` was called."""
        return self._readiness.started

    @property
    def live(self) -> bool:
        """Whether the bot acts: all data are complete, and the start is reached."""
        return self._readiness.live

    @property
    def pauses(self) -> Sequence[Pause]:
        """Times in which data were missing, so that the bot did nothing."""
        return self.gate.pauses

    @property
    def orders(self) -> Sequence[SentOrder]:
        """Every order that was sent since the last ``drain``, oldest first."""
        return self.gateway.sent

    @property
    def reports(self) -> Sequence[OrderReport]:
        """What the venue answered since the last ``drain``, in the order in which it happened."""
        return self.gateway.reports

    @property
    def fills(self) -> Sequence[Fill]:
        """What was traded since the last ``drain``."""
        return self.gateway.fills

    def apply(self, event: Event, stream: str = "") -> None:
        """Apply the next event.

        Args:
            event: An event of the session's symbol.
            stream: For a ``Status`` or ``Gap``, which do not name it: a channel, or ``candles@5m``. Empty for all.

        Raises:
            EventError: An event of another symbol.
        """
        if event.symbol != self._symbol:
            raise EventError(f"event of {event.symbol} in a session of {self._symbol}")
        self.events += 1
        handler = self._handlers.get(type(event))
        if handler is None:
            self._readiness.notice(event, stream)
        else:
            handler(event)

    def _lose_book(self, time_us: int) -> None:
        self._readiness.lose_book(time_us)

    def _cancel(self, handle: OrderHandle) -> None:
        self.desk.cancel(handle)

    def _send(self, request: OrderRequest) -> OrderHandle:
        refused = self.checks.refuse(request, self.desk, self.gateway)
        return self.gateway.send(request, self.desk.now_us, refused)

    def _affordable(self, number: int, request: OrderRequest) -> Rejection | None:
        return self.checks.afford(number, request, self.desk, self.gateway)

    def _fail(self, failure: StrategyFailure) -> None:
        self.error = failure
        self._end(f"{failure.callback} raised {failure.error}")

    def _end(self, reason: str) -> None:
        if not self.stopped:
            self.stopped = reason
            self.calls.bind(active=False)
            self.gateway.cancel_all(self.desk.now_us)

    def settle(self, *, act: bool = True) -> None:
        """Book what the venue has answered without an event, as one that is real does.

        Args:
            act: Whether the strategy learns of it and its commands reach the venue, unless data are missing.
        """
        self.gateway.collect()
        if not (self.live or self.stopped):
            return
        if act:
            self.steps.answer(NEVER_US)
        if act or self.stopped:
            self.gateway.arrive(self.desk.now_us)

    def stop(self, reason: str = "stopped by hand") -> None:
        """Call ``on_stop``, send a cancel of every order, and call nothing more of the strategy.

        The position stays. Apply events until ``gateway.open`` is empty to see the orders cancelled.
        """
        if not self.stopped:
            if self.started:
                self.calls.dispatch("on_stop")
            self._end(reason)

    def finish(self) -> None:
        """End the session with its data: stop it, and cancel at once what is still open at the venue."""
        self.stop("the data have ended")
        now_us = self.desk.now_us
        if self.gateway.open:
            self.venue.cancel_all(now_us)
            self.gateway.collect()
        self.steps.answer(NEVER_US)
        self.gate.resume(now_us)

    def drain(self) -> SessionOutput:
        """Return orders, reports, fills and log lines since the last call, and clear them."""
        return SessionOutput(*self.gateway.drain(), self.desk.drain_lines())

    def digest(self) -> str:
        """Return a hash over every order, report and fill so far, and over the position; equal for equal events."""
        position = self.account.position_lots
        text = f"{self.events} {self.desk.now_us} {position} {self.account.entry} {self.stopped}"
        return blake2b(self.gateway.chain + text.encode(), digest_size=16).hexdigest()

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state as builtins that msgpack encodes.

        A new session with the same arguments that restores it continues exactly as this one does.

        Raises:
            BadValue: The strategy has an attribute that cannot be kept; the error names it.
        """
        guard = self.checks.guard
        return {
            "version": _VERSION,
            "symbol": self._symbol,
            "strategy": strategy_state(self.strategy, self.gateway),
            "desk": desk_state(self.desk),
            "gateway": self.gateway.snapshot(),
            "venue": self.venue.snapshot(),
            "book": encode_all(self.venue.prelude()),
            "account": self.account.snapshot(),
            "guard": None if guard is None else guard.snapshot(),
            "gate": self.gate.snapshot(),
            "bars": self.bars.snapshot(),
            "studies": {name: encode_all(events) for name, events in self.studies.snapshot().items()},
            "error": msgspec.to_builtins(self.error),
            "flags": [self.events, self.started, self.live, self.steps.skew_us, self.stopped],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``snapshot`` returned; ``on_start`` is not called again.

        Where it fails this session has ended: a part of the snapshot may be in it.

        Raises:
            BadValue: The snapshot is of another strategy, symbol or version, or it is damaged.
        """
        found = f"version {state.get('version')} of {state.get('symbol')}"
        if (state.get("version"), state.get("symbol")) != (_VERSION, self._symbol):
            raise BadValue("snapshot", found, f"version {_VERSION} of {self._symbol}")
        try:
            self._restore(state)
        except Exception as error:
            self.stopped = f"a snapshot that cannot be restored: {error}"
            self._readiness.end()
            self.calls.bind(active=False)
            if isinstance(error, BadValue):
                raise
            # Whatever is wrong with it, its owner needs one kind of error.
            raise BadValue("snapshot", f"{found}: {type(error).__name__}: {error}", "one that is whole") from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        restore_desk(self.desk, state["desk"])
        restore_strategy(self.strategy, self.gateway, self.desk.timers, state["strategy"])
        self.gateway.restore(state["gateway"])
        self.venue.restore(state["venue"])
        for event in decode_all(state["book"]):
            self.venue.apply(event)
        self.account.restore(state["account"])
        if self.checks.guard is not None and state["guard"] is not None:
            self.checks.guard.restore(state["guard"])
        self.gate.restore(state["gate"])
        self.bars.restore(state["bars"])
        self.studies.restore({name: decode_all(texts) for name, texts in state["studies"].items()})
        self.error = msgspec.convert(state["error"], StrategyFailure | None)
        self.events, started, live, self.steps.skew_us, self.stopped = state["flags"]
        self.calls.bind(active=not self.stopped)
        self._readiness.restore(live=live, started=started)
