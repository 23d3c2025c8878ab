"""One bot that runs: its session on the desk's events, saved as it goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from orderfox_nb.bots.gate import stream_name
from orderfox_nb.bots.handles import OrderHandle
from orderfox_nb.bots.orders import OrderReport
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Side, Status
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.bot_runs.activity import BotActivity, EquitySample
from orderfox_nb.desk.bot_runs.band import SessionBand
from orderfox_nb.desk.bot_runs.inlet import arriving
from orderfox_nb.desk.bot_runs.row_log import MAX_WAITING, RowLog
from orderfox_nb.desk.bot_runs.span import RunSpan, span_from_now
from orderfox_nb.desk.brokers.base import Broker
from orderfox_nb.desk.brokers.paper import PaperBroker
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.records import BotRecord, EquityRecord, SessionRows
from orderfox_nb.desk.watched import Watchers
from orderfox_nb.errors import BadValue, DatabaseUnavailable, FeedError, OrderFoxError
from orderfox_nb.feeds.retry import backoff, is_transient

if TYPE_CHECKING:
    from orderfox_nb.desk.store.bot_history import BotHistory

_log = logging.getLogger(__name__)

SAVE_US: Final = 1_000_000
"""Time between two saves of a bot that trades."""
QUIET_SAVE_US: Final = 30_000_000
"""Time between two saves of one that does not."""
EQUITY_US: Final = 60_000_000


class BotRun(Watchers):
    """A bot's session, from its last save on; it signals after each batch of events.

    Args:
        record: The bot.
        make: Makes a strategy with the bot's parameters.
        activity: Shows what the bot does.
        desk: Desk whose events it reads.
        broker: Where its orders go.
        history: Where it is saved.
        clock: Measures when it is saved.
        epoch: Epoch of the lease under which it runs; None without one.
    """

    def __init__(
        self,
        record: BotRecord,
        make: Callable[[], Strategy],
        instrument: Instrument,
        *,
        activity: BotActivity,
        desk: Desk,
        broker: Broker,
        history: BotHistory,
        clock: Clock,
        epoch: int | None = None,
    ) -> None:
        super().__init__()
        self.record = record
        self.activity = activity
        self.problem = ""
        """Why it waits, beside what its session says."""
        absent = desk.origin.absent
        self._topics = [topic for topic in make().topics(desk.venue, record.symbol) if topic.channel not in absent]
        self._desk = desk
        self._instrument = instrument
        self._make = make
        self._broker = broker
        self.band = self._new_band()
        self.account, self.session = self.band.main
        self._history = history
        self._clock = clock
        self._epoch = epoch
        self._rows = RowLog(instrument, activity)
        self._span = self._new_span()
        self._saved_us = clock.now_us()
        self._sampled_us = 0
        self._saving: asyncio.Task[bool] | None = None
        self._reported = ""
        self.last_equity: EquityRecord | None = None
        """The last sample of equity; None before the first."""

    def _new_band(self) -> SessionBand:
        streams = {stream_name(topic) for topic in self._topics}
        return SessionBand(self._make, self._broker, self._instrument, channels=streams, start_us=self._desk.now_us())

    def _new_span(self) -> RunSpan:
        return span_from_now(self.record, self._instrument, self.account, self._rows.last_numbers, self._desk)

    def _begin_session(self, reason: str, earlier: RunSpan | None = None) -> None:
        """Number on behind an earlier session, whose account continues where its span is given."""
        self._rows.next_session(self._desk.now_us(), reason)
        self._span = self._new_span()
        self._span.opened = self._span.start if earlier is None else earlier.opened

    @property
    def note(self) -> str:
        """Why it does not trade at present; empty if it does."""
        session = self.session
        if session.error is not None:
            return str(session.error)
        if session.stopped:
            return session.stopped
        if not session.live:
            return self.problem or session.gate.reason or "waiting for data"
        return self._broker.problem

    @property
    def live(self) -> bool:
        """Whether its orders are real."""
        return self._broker.live

    @property
    def trades(self) -> bool:
        """Whether it trades at present: its data are whole, and it was not stopped."""
        return self.session.live and not self.session.stopped

    def stored_number(self, order: OrderHandle) -> int:
        """Return the number of an order among all of the bot's, which those of a session are counted on from."""
        return self._rows.stored_number(order.number)

    def order_name(self, number: int) -> str:
        """Return the client id of an order of the present session, at most 36 characters."""
        return f"ofx-{self.record.id.replace('-', '')[:16]}-{self._rows.stored_number(number)}"

    def settle(self, *, act: bool = True) -> None:
        """Book what the broker has brought, without an event of the market."""
        self.session.settle(act=act)
        self.signal()

    def halt(self, reason: str) -> None:
        """Stop the session for a reason, and cancel its orders."""
        self.session.stop(reason)

    def order(self, side: Side, amount: float, price: float | None) -> OrderHandle:
        """Give an order by hand, a market order without a price.

        Raises:
            BadValue: An amount or a price that cannot be used.
        """
        self._span.broken = "it has orders that were given by hand"
        at = UNSET if price is None else price
        given, *_ = [session.desk.order(side, amount, at=at) for session in self.band]
        return given

    def close_position(self) -> OrderHandle | None:
        """Close the position with a market order; None without a position."""
        self._span.broken = "it has orders that were given by hand"
        given, *_ = [session.desk.close() for session in self.band]
        return given

    def restore(self, saved: bytes) -> None:
        """Continue the session that was saved; where it cannot continue, one with its account and its numbers."""
        state: Any = msgspec.msgpack.decode(saved)
        beside: Sequence[Any] = state.get("beside", ())
        self._rows.restore(state["log"])
        earlier = msgspec.convert(state["span"], RunSpan) if "span" in state else self._span
        if state.get("live", False) is not self._broker.live:
            self._begin_session("the bot trades live" if self._broker.live else "the bot trades on paper")
            return
        if (state["venue"], state["symbol"]) != (self._desk.venue, self.record.symbol):
            self._begin_session("the bot trades another symbol")
            return
        try:
            if state["ended"]:
                raise BadValue("session", state["ended"], "one that has not ended")
            self.session.restore(state["session"])
            self.band.restore(state["session"], beside)
        except OrderFoxError as error:
            _log.info("bot=%s starts a new session: %s", self.record.id, error)
            # A session that was restored in part is not used, nor what it had of the venue on paper.
            if not self._broker.live:
                self._broker = PaperBroker(self._instrument)
            self.band = self._new_band()
            self.account, self.session = self.band.main
            self.account.restore(state["session"]["account"])
            self.session.gateway.read_position()
            self.band.restore_accounts(state["session"], beside)
            self._begin_session("the bot was started again", earlier)
            return
        self._span = earlier
        self._span.broken = "the server was restarted during its run"
        # What happened meanwhile is unknown: it waits for whole data, and its orders are at the back of their queues.
        self._lose("the server was restarted")

    async def run(self) -> None:
        """Trade until the session ends, or this is cancelled.

        Raises:
            UnknownBot: The bot was deleted.
            LeaseLost: Another server runs the bots by now.
            OrderFoxError: It cannot continue.
        """
        try:
            await self._broker.begin(self)
            await self._trade()
        except OrderFoxError:
            # Another run takes its place: this one leaves nothing behind at the venue.
            await self._broker.finish()
            raise

    async def _trade(self) -> None:
        delays, failed = backoff(), False
        while True:
            try:
                async with aclosing(arriving(self._desk, self._topics)) as batches:
                    async for batch in batches:
                        self.problem = ""
                        for channel, event in batch:
                            self.band.apply(event, channel)
                            if self.session.started:
                                self._span.act(channel, event, self._desk.recorder.folder)
                        if self._broker.live:
                            self.session.settle()
                            self._broker.pass_on()
                        if failed and self.session.live:
                            # The next failure is another one, which has not lasted yet.
                            delays, failed = backoff(), False
                        self._save_if_due()
                        self._report_state()
                        self.signal()
                        if self.session.stopped:
                            return
            except FeedError as error:
                failed = True
                self.problem = str(error)
                self._span.broken = f"its data were lost ({self.problem})"
                self._lose(self.problem)
                self._report_state()
                self.signal()
                if not is_transient(error):
                    raise
            await self._clock.sleep(next(delays))

    async def end(self, reason: str = "") -> None:
        """Save what there is; with a reason the session is stopped before, and its orders are cancelled.

        Raises:
            UnknownBot: The bot was deleted.
            LeaseLost: Another server runs the bots by now.
            DatabaseUnavailable: What was done last is not saved.
        """
        await self.until_saved()
        if reason:
            self.band.stop(reason)
        await self._broker.finish()
        if self.session.stopped:
            self.band.finish()
        self._collect()
        if self.session.stopped:
            # An order that was still on its way never arrives.
            self._rows.next_session(self.session.desk.now_us, self.session.stopped)
        if self.session.started and self.session.desk.now_us > self._sampled_us:
            self.last_equity = self._rows.sample(self._equity_sample(self.session.desk.now_us), self.account)
        self._report_state()
        self.signal()
        await self._history.save(self.record.number, self._rows.rows(self._state()), epoch=self._epoch)

    async def abandon(self) -> None:
        """End without a save; nothing is left behind at the venue."""
        await self.until_saved()
        await self._broker.finish()

    async def until_saved(self) -> None:
        """Wait until no save is in progress."""
        if self._saving is not None:
            await asyncio.wait({self._saving})

    def _lose(self, reason: str) -> None:
        now_us = self.session.desk.now_us
        self.band.apply(Status(symbol=self.record.symbol, time_us=now_us, state="connecting", reason=reason))

    def _save_if_due(self) -> None:
        """Sample equity and save, when that is due.

        Raises:
            OrderFoxError: An earlier save failed for good, or the database does not keep up.
        """
        event_us = self.session.desk.now_us
        if self.session.started:
            sample = self.activity.now = self._equity_sample(event_us)
            if event_us >= self._sampled_us + EQUITY_US:
                self._sampled_us = event_us // EQUITY_US * EQUITY_US
                self.last_equity = self._rows.sample(sample, self.account)
        self._collect()
        if self._saving is not None:
            if not self._saving.done():
                return
            done, self._saving = self._saving, None
            done.result()
        now_us = self._clock.now_us()
        if now_us >= self._saved_us + (SAVE_US if self._rows.waiting else QUIET_SAVE_US):
            if self._rows.waiting > MAX_WAITING:
                raise DatabaseUnavailable(f"more than {MAX_WAITING} rows wait to be saved")
            self._saved_us = now_us
            self._saving = self._begin_save()

    async def store(self) -> None:
        """Save the session as it is now.

        Raises:
            DatabaseUnavailable: It is not saved.
            LeaseLost: Another server runs the bots by now.
        """
        while self._saving is not None and not self._saving.done():
            await asyncio.wait({self._saving})
        self._collect()
        self._saved_us = self._clock.now_us()
        saving = self._saving = self._begin_save()
        if not await asyncio.shield(saving):
            raise DatabaseUnavailable(self.problem)

    def _begin_save(self) -> asyncio.Task[bool]:
        rows = self._rows.rows(self._state())
        return asyncio.create_task(self._save(rows), name=f"bot {self.record.id} is saved")

    async def _save(self, rows: SessionRows) -> bool:
        """Save rows, and return whether that was done."""
        try:
            await self._history.save(self.record.number, rows, epoch=self._epoch)
        except DatabaseUnavailable as error:
            # Tried again with what comes: rows that were saved nevertheless are not saved twice.
            self._rows.put_back(rows)
            _log.warning("bot=%s is not saved, tried again: %s", self.record.id, error)
            self.problem = str(error)
            return False
        return True

    def _equity_sample(self, time_us: int) -> EquitySample:
        low, high = self.band.range()
        return EquitySample(time_us, self.account.equity(), low, high)

    def _collect(self) -> None:
        output = self.session.drain()
        self._rows.collect(output, self.account.drain())
        self.band.forget()
        for time_us, text in output.lines:
            self.activity.log.add(time_us, text)
        for report in output.reports:
            self._report_rejection(report)

    def _report_rejection(self, report: OrderReport) -> None:
        if report.rejection is not None:
            number = self._rows.stored_number(report.number)
            text = f"Order {number} was rejected: {report.rejection.message} ({report.rejection.code})"
            kind = f"{report.rejection.code} {report.rejection.message}"
            self.activity.log.add(report.time_us, text, "warning", kind=kind)

    def _report_state(self) -> None:
        """Add a line where the state has changed since the last one."""
        session = self.session
        state = f"{session.state}: {self.note}"
        if state == self._reported:
            return
        self._reported = state
        time_us = session.desk.now_us or self._desk.now_us()
        match session.state:
            case "failed":
                assert session.error is not None
                self.activity.log.add(time_us, f"{session.stopped}\n{session.error.trace}", "error")
            case "stopped":
                self.activity.log.add(time_us, f"Stopped: {session.stopped}")
            case "running":
                self.activity.log.add(time_us, "Trades")
            case "waiting" | "paused":
                self.activity.log.add(time_us, f"{session.state.capitalize()}: {self.note}", "warning")

    def _state(self) -> bytes:
        return msgspec.msgpack.encode(
            {
                "venue": self._desk.venue,
                "symbol": self.record.symbol,
                "live": self._broker.live,
                "ended": self.session.stopped,
                "log": self._rows.snapshot(),
                "span": msgspec.to_builtins(self._span),
                "session": self.session.snapshot(),
                "beside": self.band.snapshot(),
            }
        )
