"""Runs the active bots of a store, each in a task, for as long as the server does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.config import load_settings
from orderfox_nb.desk.brokers.lock import TradingLock
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.records import BotRecord
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.strategies import load_strategy
from orderfox_nb.errors import InputError, OrderFoxError, UnknownBot
from orderfox_nb.feeds.retry import backoff

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.run import BotRun
    from orderfox_nb.desk.brokers.opening import Brokers

_log = logging.getLogger(__name__)

MAX_RUNNING: Final = 50
STOP_S: Final = 0.8
"""How long bots have to save their state when the server stops."""
LIVE_STOP_S: Final = 10.0
"""The same where some of them have to cancel real orders."""
LEASE_S: Final = 5.0
"""Pause between two attempts to run the bots of a database that another server runs."""
ELSEWHERE: Final = "Another server runs the bots of this database"


class BotRunner:
    """Keeps one run for each active bot that has a strategy.

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
        self._store = store
        self._open_desk = open_desk
        self._clock = clock or SystemClock()
        self._lock = lock or TradingLock(load_settings(ORDERFOX_LIVE_TRADING=False), public=True)
        self._brokers: Brokers | None = None
        self._main: asyncio.Task[None] | None = None
        self._leased = asyncio.Event()
        self._stopping = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, BotRun] = {}
        self._problems: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        """Why a run that is cancelled ends for good."""

    @property
    def running(self) -> int:
        """How many bots trade at present."""
        return sum(run.session.live and not run.session.stopped for run in self._runs.values())

    @property
    def runs(self) -> Sequence[BotRun]:
        """The bots that run at present."""
        return tuple(self._runs.values())

    def run_of(self, bot_id: str) -> BotRun | None:
        """Return a bot that runs, else None."""
        return self._runs.get(bot_id)

    def trades(self, bot_id: str) -> bool:
        """Return whether a bot trades at present: it runs, and its data are whole."""
        run = self._runs.get(bot_id)
        return run is not None and run.session.live and not run.session.stopped

    def note(self, record: BotRecord) -> str:
        """Return why a bot does not trade, or why it was stopped; empty where it trades."""
        if not record.is_active:
            return record.note
        if record.strategy is None:
            return "It has no strategy and only watches its symbol"
        run = self._runs.get(record.id)
        if run is not None:
            return run.note
        return self._problems.get(record.id) or ("It is being started" if self._leased.is_set() else ELSEWHERE)

    def start(self) -> None:
        """Run the active bots of the database, once this server has the right to; safe to call twice."""
        if self._main is None and not self._stopping:
            self._main = asyncio.create_task(self._lead(), name="orderfox bots")

    async def follow(self, record: BotRecord) -> None:
        """Start or stop a bot that was created or changed."""
        self._problems.pop(record.id, None)
        task = self._tasks.get(record.id)
        if record.is_active and record.strategy is not None:
            self.start()
            if task is None and self._leased.is_set():
                self._begin(record)
        elif task is not None:
            self._reasons[record.id] = "stopped by hand"
            await self._end([task], self._stop_s([record.id]))

    async def forget(self, bot_id: str) -> None:
        """End the run of a bot that was deleted."""
        if (task := self._tasks.get(bot_id)) is not None:
            await self._end([task], STOP_S)

    async def stop(self) -> None:
        """End every run; its orders stay, and it continues from them with the next server."""
        self._stopping = True
        tasks = [*self._tasks.values()]
        await self._end(tasks, self._stop_s(list(self._tasks)))
        if self._main is not None:
            self._main.cancel()
            await asyncio.wait({self._main}, timeout=STOP_S)

    def _stop_s(self, bot_ids: Sequence[str]) -> float:
        """Return how long some bots have to end."""
        runs = [self._runs[bot_id] for bot_id in bot_ids if bot_id in self._runs]
        return LIVE_STOP_S if any(run.live for run in runs) else STOP_S

    @staticmethod
    async def _end(tasks: list[asyncio.Task[None]], seconds: float) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _lead(self) -> None:
        """Wait for the right to run the bots, start them, and hold it."""
        for delay_s in backoff(first_s=LEASE_S):
            try:
                async with self._store.lease() as leased:
                    if leased:
                        self._leased.set()
                        for record in await (await self._store.bots()).active():
                            if record.strategy is not None and record.id not in self._tasks:
                                self._begin(record)
                        # Held until the server stops.
                        await asyncio.Event().wait()
            except OrderFoxError as error:
                _log.warning("bots=waiting %s", error)
            finally:
                self._leased.clear()
            await self._clock.sleep(delay_s)

    def _begin(self, record: BotRecord) -> None:
        if len(self._tasks) >= MAX_RUNNING:
            self._problems[record.id] = (
                f"This server runs at most {MAX_RUNNING} bots at once: stop another one, then start this one again"
            )
            return
        task = self._tasks[record.id] = asyncio.create_task(self._keep(record), name=f"bot {record.id}")
        task.add_done_callback(lambda done: self._ended(record.id, done))

    def _ended(self, bot_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(bot_id) is task:
            del self._tasks[bot_id]
        self._reasons.pop(bot_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("bot=%s failed", bot_id, exc_info=error)
            self._problems[bot_id] = "It ended by a fault of the server, whose log has more"

    async def _keep(self, record: BotRecord) -> None:
        """Run a bot until it ends, again after a fault that may pass."""
        for delay_s in backoff(first_s=1.0):
            try:
                await self._run(record)
            except UnknownBot:
                return
            except InputError as error:
                # A strategy that is not installed, or parameters that it does not have.
                self._problems[record.id] = str(error)
                return
            except OrderFoxError as error:
                _log.warning("bot=%s waits: %s", record.id, error)
                self._problems[record.id] = str(error)
            else:
                return
            await self._clock.sleep(delay_s)

    async def _run(self, record: BotRecord) -> None:
        # A server without bots does not import what they are made of.
        from orderfox_nb.desk.bot_runs.run import BotRun  # noqa: PLC0415
        from orderfox_nb.desk.brokers.opening import Brokers  # noqa: PLC0415

        assert record.strategy is not None
        kind = await asyncio.to_thread(load_strategy, record.strategy)
        desk = await self._open_desk(record.venue or None)
        instrument = (await desk.catalogue.resolve(record.symbol)).instrument
        history = await self._store.history()
        saved = await history.snapshot(record.number)
        strategy = kind(**record.params)
        self._brokers = self._brokers or Brokers(self._lock, self._clock)
        broker = await self._brokers.open(instrument, desk, paper=record.is_paper_trading)
        run = BotRun(record, strategy, instrument, desk=desk, broker=broker, history=history, clock=self._clock)
        if saved is not None:
            run.restore(saved)
        self._runs[record.id] = run
        _log.info("bot=%s strategy=%s symbol=%s runs", record.id, record.strategy, record.symbol)
        try:
            await run.run()
        except asyncio.CancelledError:
            with suppress(OrderFoxError):
                await run.end(self._reasons.get(record.id, ""))
            raise
        finally:
            self._runs.pop(record.id, None)
        await run.end()
        _log.warning("bot=%s ended: %s", record.id, run.note)
        await (await self._store.bots()).change(record.id, {"is_active": False, "note": run.note})
