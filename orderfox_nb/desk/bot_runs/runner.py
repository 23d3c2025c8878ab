"""Runs the active bots of a store, each by a keeper, for as long as the server does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.bot_runs.keeper import BotKeeper, should_run
from orderfox_nb.desk.bot_runs.known import KnownBots
from orderfox_nb.desk.brokers.lock import TradingLock
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.records import BotRecord, EquityRecord
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.watched import Watchers
from orderfox_nb.errors import DatabaseUnavailable, OrderFoxError
from orderfox_nb.feeds.retry import backoff
from orderfox_nb.views.bot_contract import BotStateName

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.activity import BotLog
    from orderfox_nb.desk.bot_runs.run import BotRun
    from orderfox_nb.desk.brokers.base import Broker
    from orderfox_nb.desk.brokers.opening import Brokers
    from orderfox_nb.desk.store.lease import Lease

_log = logging.getLogger(__name__)

MAX_RUNNING: Final = 50
STOP_S: Final = 0.8
"""How long bots have to save their state when the server stops."""
LIVE_STOP_S: Final = 10.0
"""The same where some of them have to cancel real orders."""
LEASE_S: Final = 5.0
"""Pause between two attempts to run the bots of a database that another server runs."""
WATCH_S: Final = 1.0
"""How often the server that runs the bots asks whether another one has changed them, and whether it still may."""
ELSEWHERE: Final = "Another server runs the bots of this database"
_FULL: Final = f"This server runs at most {MAX_RUNNING} bots at once: this one starts when another one is stopped"


class BotRunner(Watchers):
    """Keeps one run for each active bot that has a strategy; it signals when there is something new to show.

    Args:
        store: Where bots are, and where their runs are saved.
        open_desk: Returns the desk of a venue.
        clock: Measures saves and pauses.
        lock: Whether bots may trade live; none may where it is not given.
    """

    def __init__(
        self,
        store: Store,
        open_desk: Callable[[str | None], Awaitable[Desk]],
        clock: Clock | None = None,
        *,
        lock: TradingLock | None = None,
    ) -> None:
        super().__init__()
        self.known = KnownBots(store, deleted=self._forget_records)
        self.known.watch(self.signal)
        self.open_desk = open_desk
        self._store = store
        self._clock = clock or SystemClock()
        self._lock = lock or TradingLock(load_settings(ORDERFOX_LIVE_TRADING=False), public=True)
        self._brokers: Brokers | None = None
        self._main: asyncio.Task[None] | None = None
        self._lease: Lease | None = None
        self._elsewhere = False
        """Whether the last attempt has found another server that runs the bots."""
        self._stopping = False
        self._keepers: dict[str, BotKeeper] = {}
        self._logs: dict[str, BotLog] = {}
        self.last_equity: dict[int, EquityRecord] = {}
        """Last equity of bots that have run here and no longer run, by their number."""

    @property
    def leads(self) -> bool:
        """Whether this server runs the bots of its database."""
        return self._lease is not None

    @property
    def running(self) -> int:
        """How many bots trade at present."""
        return sum(run.trades for run in self.runs)

    @property
    def runs(self) -> Sequence[BotRun]:
        """The bots that run at present."""
        return [keeper.run for keeper in self._keepers.values() if keeper.run is not None]

    def run_of(self, bot_id: str) -> BotRun | None:
        """Return a bot that runs, else None."""
        keeper = self._keepers.get(bot_id)
        return None if keeper is None else keeper.run

    def shown_run(self, bot_id: str) -> BotRun | None:
        """Return a bot that runs, or one that has just stopped and is not saved yet; else the database has it all."""
        keeper = self._keepers.get(bot_id)
        return None if keeper is None else keeper.run or keeper.ending

    def trades(self, bot_id: str) -> bool:
        """Return whether a bot trades at present: it runs, and its data are whole."""
        run = self.run_of(bot_id)
        return run is not None and run.trades

    def trades_live(self, record: BotRecord) -> bool:
        """Return whether a bot's orders are real: it is not on paper, and live trading is unlocked here."""
        return self._lock.open and not record.is_paper_trading

    def log_of(self, bot_id: str) -> BotLog:
        """Return a bot's log since the start of this server."""
        from orderfox_nb.desk.bot_runs.activity import BotLog  # noqa: PLC0415  (it imports what bots are made of)

        return self._logs.setdefault(bot_id, BotLog())

    def state(self, record: BotRecord) -> BotStateName:
        """Return what a bot does at present, in a word."""
        run = self.run_of(record.id)
        if not record.is_active:
            return "failed" if record.note else "stopped"
        if record.strategy is None:
            return "watching"
        if run is not None:
            return run.session.state
        if not self.leads:
            return "elsewhere" if self._elsewhere else "starting"
        return "problem" if self._problem(record) else "starting"

    def note(self, record: BotRecord) -> str:
        """Return why a bot does not trade, or why it was stopped; empty if it trades."""
        if not record.is_active:
            return record.note
        if record.strategy is None:
            return "It has no strategy and only watches its symbol"
        run = self.run_of(record.id)
        if run is not None:
            return run.note
        return self._problem(record) or (ELSEWHERE if self._elsewhere and not self.leads else "It is being started")

    def _problem(self, record: BotRecord) -> str:
        keeper = self._keepers.get(record.id)
        if keeper is None:
            return _FULL if self.leads and len(self._keepers) >= MAX_RUNNING else ""
        return keeper.problem

    def start(self) -> None:
        """Run the active bots of the database, once this server has the right to; safe to call twice."""
        if self._main is None and not self._stopping:
            self._main = asyncio.create_task(self._lead(), name="orderfox bots")

    async def follow(self, record: BotRecord) -> None:
        """Start or stop a bot that was created or changed here; where another server runs it, that one finds out."""
        self.known.put(record)
        if should_run(record):
            self.start()
        if self.leads:
            self._apply(record)
            keeper = self._keepers.get(record.id)
            if keeper is not None and not should_run(record):
                await keeper.ended(_stop_s([keeper]))

    async def forget(self, bot_id: str) -> None:
        """End the run of a bot that was deleted."""
        self.known.remove(bot_id)
        if (keeper := self._keepers.get(bot_id)) is not None:
            keeper.leave(save=False)
            await keeper.ended(_stop_s([keeper]))

    async def stop(self) -> None:
        """End every run; its orders stay, and it continues from them with the next server."""
        self._stopping = True
        await self._leave_all(save=True)
        if self._main is not None:
            self._main.cancel()
            await asyncio.wait({self._main}, timeout=STOP_S)

    async def _leave_all(self, *, save: bool) -> None:
        keepers = [*self._keepers.values()]
        seconds = _stop_s(keepers)
        for keeper in keepers:
            keeper.leave(save=save)
        if keepers:
            _, late = await asyncio.wait({keeper.task for keeper in keepers}, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                _log.warning("bots=%d did not end within %g s", len(late), seconds)
                await asyncio.wait(late, timeout=STOP_S)

    async def _lead(self) -> None:
        """Wait for the right to run the bots, run them, and hold it."""
        delays = backoff(first_s=LEASE_S)
        while True:
            try:
                async with self._store.lease() as lease:
                    self._elsewhere = lease is None
                    self.signal()
                    if lease is not None:
                        delays = backoff(first_s=LEASE_S)
                        await self._hold(lease)
            except OrderFoxError as error:
                _log.warning("bots=waiting %s", error)
            except Exception:  # noqa: BLE001  (nobody waits for this task, and bots must run again)
                _log.exception("bots=waiting after a fault")
            await self._clock.sleep(next(delays))

    async def _hold(self, lease: Lease) -> None:
        """Run the bots as the database says, until the right is lost.

        Raises:
            LeaseLost: Another server has it.
            DatabaseUnavailable: The bots cannot be read at the start.
        """
        self._lease = lease
        try:
            await self.known.refresh()
            while True:
                self._apply_all()
                await self._clock.sleep(WATCH_S)
                try:
                    await lease.check()
                    await self.known.refresh()
                except DatabaseUnavailable as error:
                    # No other server can run the bots meanwhile: they continue, and what they do waits to be saved.
                    _log.warning("bots=unwatched %s", error)
        finally:
            self._lease = None
            await self._leave_all(save=False)
            self.signal()

    def _apply_all(self) -> None:
        for record in tuple(self.known.records.values()):
            self._apply(record)
        for bot_id, keeper in self._keepers.items():
            if bot_id not in self.known.records:
                keeper.leave(save=False)

    def _apply(self, record: BotRecord) -> None:
        record = self.known.records.get(record.id, record)
        if (keeper := self._keepers.get(record.id)) is not None:
            keeper.follow(record)
        elif self._lease is not None and should_run(record) and len(self._keepers) < MAX_RUNNING:
            keeper = self._keepers[record.id] = BotKeeper(
                record,
                store=self._store,
                open_desk=self.open_desk,
                open_broker=self._open_broker,
                clock=self._clock,
                epoch=self._lease.epoch,
                log=self.log_of(record.id),
                changed=self.signal,
                saved=self.known.put,
                ended=self._keep_equity,
            )
            keeper.task.add_done_callback(lambda _: self._ended(keeper))

    async def _open_broker(self, record: BotRecord, instrument: Instrument, desk: Desk) -> Broker:
        from orderfox_nb.desk.brokers.opening import Brokers  # noqa: PLC0415  (it imports what bots are made of)

        self._brokers = self._brokers or Brokers(self._lock, self._clock)
        return await self._brokers.open(instrument, desk, paper=record.is_paper_trading)

    def _forget_records(self, record: BotRecord) -> None:
        self._logs.pop(record.id, None)
        self.last_equity.pop(record.number, None)

    def _keep_equity(self, run: BotRun) -> None:
        if run.last_equity is not None and run.record.id in self.known.records:
            self.last_equity[run.record.number] = run.last_equity

    def _ended(self, keeper: BotKeeper) -> None:
        if self._keepers.get(keeper.record.id) is keeper:
            del self._keepers[keeper.record.id]
        if not keeper.task.cancelled() and (error := keeper.task.exception()) is not None:
            _log.error("bot=%s failed", keeper.record.id, exc_info=error)
        self.signal()


def _stop_s(keepers: Sequence[BotKeeper]) -> float:
    """Return how long some bots have to end."""
    return LIVE_STOP_S if any(keeper.live for keeper in keepers) else STOP_S
