"""One bot that runs: its session on the desk's events, saved as it goes."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orderfox_nb.bots.gate import stream_name
from orderfox_nb.bots.handles import OrderHandle
from orderfox_nb.bots.session import BotSession
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Status
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.bot_runs.inlet import arriving
from orderfox_nb.desk.bot_runs.row_log import MAX_WAITING, RowLog
from orderfox_nb.desk.brokers.base import Broker
from orderfox_nb.desk.brokers.paper import PaperBroker
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.records import BotRecord, SessionRows
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


class BotRun:
    """A bot's session, from its last save on.

    Args:
        record: The bot.
        strategy: A new one with the bot's parameters.
        instrument: What it trades.
        desk: Whose events it reads.
        broker: Where its orders go.
        history: Where it is saved.
        clock: Measures when it is saved.
    """

    def __init__(
        self,
        record: BotRecord,
        strategy: Strategy,
        instrument: Instrument,
        *,
        desk: Desk,
        broker: Broker,
        history: BotHistory,
        clock: Clock,
    ) -> None:
        self.record = record
        self.problem = ""
        """Why it waits, beside what its session says."""
        absent = desk.origin.absent
        self._topics = [topic for topic in strategy.topics(desk.venue, record.symbol) if topic.channel not in absent]
        self._desk = desk
        self._instrument = instrument
        self._broker = broker
        self.account = broker.account
        self.session = self._new_session(strategy)
        self._history = history
        self._clock = clock
        self._rows = RowLog(instrument)
        self._saved_us = clock.now_us()
        self._sampled_us = 0
        self._saving: asyncio.Task[bool] | None = None

    def _new_session(self, strategy: Strategy) -> BotSession:
        broker = self._broker
        return BotSession(
            strategy,
            self._instrument,
            venue=broker.venue,
            account=broker.account,
            guard=broker.guard,
            latency=broker.latency,
            start_us=self._desk.now_us(),
            channels={stream_name(topic) for topic in self._topics},
        )

    @property
    def note(self) -> str:
        """Why it does not trade at present; empty where it does."""
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

    def stored_number(self, order: OrderHandle) -> int:
        """Return the number of an order among all of the bot's, which those of a session are counted on from."""
        return self._rows.stored_number(order.number)

    def order_name(self, number: int) -> str:
        """Return the client id of an order of the present session, at most 36 characters."""
        return f"ofx-{self.record.id.replace('-', '')[:16]}-{self._rows.stored_number(number)}"

    def settle(self, *, act: bool = True) -> None:
        """Book what the broker has brought, without an event of the market."""
        self.session.settle(act=act)

    def halt(self, reason: str) -> None:
        """Stop the session for a reason, and cancel its orders."""
        self.session.stop(reason)

    def restore(self, saved: bytes) -> None:
        """Continue the session that was saved; where it cannot go on, one with its account and its numbers."""
        state: Any = msgspec.msgpack.decode(saved)
        self._rows.restore(state["log"])
        now_us = self._desk.now_us()
        if state.get("live", False) is not self._broker.live:
            self._rows.next_session(now_us, "the bot trades live" if self._broker.live else "the bot trades on paper")
            return
        if (state["venue"], state["symbol"]) != (self._desk.venue, self.record.symbol):
            self._rows.next_session(now_us, "the bot trades another symbol")
            return
        try:
            if state["ended"]:
                raise BadValue("session", state["ended"], "one that has not ended")
            self.session.restore(state["session"])
        except OrderFoxError as error:
            _log.info("bot=%s starts a new session: %s", self.record.id, error)
            # A session that was restored in part is not used, nor what it had of the venue on paper.
            strategy = type(self.session.strategy)(**self.session.strategy.values)
            if not self._broker.live:
                self._broker = PaperBroker(self._instrument)
                self.account = self._broker.account
            self.session = self._new_session(strategy)
            self.account.restore(state["session"]["account"])
            self.session.gateway.read_position()
            self._rows.next_session(now_us, "the bot was started again")
            return
        # What happened meanwhile is not known: it waits for whole data, and its orders are at the back of their queues.
        self.session.apply(
            Status(
                symbol=self.record.symbol,
                time_us=self.session.desk.now_us,
                state="connecting",
                reason="the server was restarted",
            )
        )

    async def run(self) -> None:
        """Trade until the session ends, or this is cancelled.

        Raises:
            UnknownBot: The bot was deleted.
            OrderFoxError: It cannot go on.
        """
        try:
            await self._broker.begin(self)
            await self._trade()
        except OrderFoxError:
            # Another run takes its place: this one leaves nothing behind at the venue.
            await self._broker.finish()
            raise

    async def _trade(self) -> None:
        for delay_s in backoff():
            try:
                async with aclosing(arriving(self._desk, self._topics)) as batches:
                    async for batch in batches:
                        self.problem = ""
                        for channel, event in batch:
                            self.session.apply(event, channel)
                        if self._broker.live:
                            self.session.settle()
                            self._broker.pass_on()
                        self._save_if_due()
                        if self.session.stopped:
                            return
            except FeedError as error:
                self.problem = str(error)
                lost = Status(
                    symbol=self.record.symbol,
                    time_us=self.session.desk.now_us,
                    state="connecting",
                    reason=self.problem,
                )
                self.session.apply(lost)
                if not is_transient(error):
                    raise
            await self._clock.sleep(delay_s)

    async def end(self, reason: str = "") -> None:
        """Save what there is; with a reason the session is stopped before, and its orders are cancelled.

        Raises:
            UnknownBot: The bot was deleted.
            DatabaseUnavailable: What was done last is not saved.
        """
        if self._saving is not None:
            await asyncio.wait({self._saving})
        if reason:
            self.session.stop(reason)
        await self._broker.finish()
        if self.session.stopped:
            self.session.finish()
        self._collect()
        if self.session.stopped:
            # An order that was still on its way never arrives.
            self._rows.next_session(self.session.desk.now_us, self.session.stopped)
        await self._history.save(self.record.number, self._rows.rows(self._state()))

    def _save_if_due(self) -> None:
        """Sample equity and save, when that is due.

        Raises:
            OrderFoxError: An earlier save failed for good, or the database does not keep up.
        """
        event_us = self.session.desk.now_us
        if self.session.started and event_us >= self._sampled_us + EQUITY_US:
            self._sampled_us = event_us // EQUITY_US * EQUITY_US
            self._rows.sample(event_us, self.account)
        if self._saving is not None:
            if not self._saving.done():
                return
            done, self._saving = self._saving, None
            done.result()
        now_us = self._clock.now_us()
        self._collect()
        if now_us >= self._saved_us + (SAVE_US if self._rows.waiting else QUIET_SAVE_US):
            if self._rows.waiting > MAX_WAITING:
                raise DatabaseUnavailable(f"more than {MAX_WAITING} rows wait to be saved")
            self._saved_us = now_us
            self._saving = self._begin_save()

    async def store(self) -> None:
        """Save the session as it is now.

        Raises:
            DatabaseUnavailable: It is not saved.
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
            await self._history.save(self.record.number, rows)
        except DatabaseUnavailable as error:
            # Tried again with what comes: rows that were saved nevertheless are not saved twice.
            self._rows.put_back(rows)
            self.problem = str(error)
            return False
        return True

    def _collect(self) -> None:
        self._rows.collect(self.session.drain(), self.account.drain())

    def _state(self) -> bytes:
        return msgspec.msgpack.encode(
            {
                "venue": self._desk.venue,
                "symbol": self.record.symbol,
                "live": self._broker.live,
                "ended": self.session.stopped,
                "log": self._rows.snapshot(),
                "session": self.session.snapshot(),
            }
        )
