"""All bots of the database as frames show them, refreshed while anybody watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.desk.bot_runs.described import described
from orderfox_nb.desk.bot_runs.runner import BotRunner
from orderfox_nb.desk.store.records import BotRecord, EquityRecord
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.watched import Watchers
from orderfox_nb.errors import OrderFoxError, UnknownBot
from orderfox_nb.views.bot_contract import BotAnswer

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.activity import BotActivity

_log = logging.getLogger(__name__)

TOUCH_S: Final = 0.5
"""Changes within this time are shown together."""
REFRESH_S: Final = 2.0
"""How often the database is asked about what other servers do."""
MAX_ROWS: Final = 200


class BotBoard(Watchers):
    """Signals when a bot has changed, at most twice a second; it reads the database only while it is watched.

    Args:
        runner: Runs the bots of this server.
        store: Where all of them are.
        clock: Measures how often the database is asked.
    """

    def __init__(self, runner: BotRunner, store: Store, clock: Clock | None = None) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.revision = 0
        """Counts the signals."""
        self._runner = runner
        self._store = store
        self._clock = clock or SystemClock()
        self._saved: Mapping[int, EquityRecord] = {}
        self._shown: WeakValueDictionary[str, BotActivity] = WeakValueDictionary()
        """What is shown of bots that do not run here."""
        self._pending: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Task[None] | None = None

    def watch(self, changed: Callable[[], None]) -> None:
        if not self._watchers:
            self._runner.watch(self._touch)
            self._refreshing = asyncio.create_task(self._refresh_again(), name="bots are refreshed")
            self._tasks.add(self._refreshing)
            self._refreshing.add_done_callback(self._tasks.discard)
        super().watch(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        super().unwatch(changed)
        if not self._watchers:
            self._runner.unwatch(self._touch)
            if self._refreshing is not None:
                self._refreshing.cancel()
            if self._pending is not None:
                self._pending.cancel()
                self._pending = None

    async def close(self) -> None:
        """End what is still refreshed."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def total(self) -> int:
        """How many bots are stored."""
        return len(self._runner.known.records)

    @property
    def running(self) -> int:
        """How many trade at present."""
        return self._runner.running

    @property
    def problem(self) -> str:
        """Why the bots cannot be read; the rows are the last known."""
        return self._runner.known.problem

    async def refresh(self) -> None:
        """Read what the database knows.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        await self._runner.known.refresh()
        history = await self._store.history()
        self._saved = await history.latest_equity()
        for bot_id, activity in list(self._shown.items()):
            record = self.find(bot_id)
            if record is not None and self._runner.shown_run(bot_id) is None and self._is_elsewhere(record):
                await activity.load(history, record)
                self._touch()

    def rows(self) -> Sequence[BotAnswer]:
        """Return the bots, newest first; where there are more than ``MAX_ROWS``, first of all those that run."""
        records = sorted(self._runner.known.records.values(), key=lambda record: -record.number)
        if len(records) > MAX_ROWS:
            records.sort(key=lambda record: self._runner.run_of(record.id) is None)
            records = sorted(records[:MAX_ROWS], key=lambda record: -record.number)
        return [self.answer(record) for record in records]

    def answer(self, record: BotRecord) -> BotAnswer:
        """Return a bot with what it does at present."""
        return described(record, self._runner, self._saved)

    def find(self, bot_id: str) -> BotRecord | None:
        """Return a bot, None if there is none of this id."""
        return self._runner.known.records.get(bot_id)

    async def activity(self, bot_id: str) -> BotActivity:
        """Return what a bot has done lately, from its run or as it is stored.

        Raises:
            UnknownBot: There is none of this id.
            DatabaseUnavailable: The database does not answer.
        """
        await self.refresh()
        if (record := self.find(bot_id)) is None:
            raise UnknownBot(bot_id)
        if (run := self._runner.shown_run(bot_id)) is not None:
            return run.activity
        if (shown := self._shown.get(bot_id)) is not None:
            return shown
        from orderfox_nb.desk.bot_runs.activity import BotActivity  # noqa: PLC0415  (as in ``BotRunner.log_of``)

        activity = BotActivity(self._runner.log_of(bot_id))
        with suppress(OrderFoxError):
            # Without it, prices and sizes are shown as they are written.
            desk = await self._runner.open_desk(record.venue or None)
            activity.instrument = (await desk.catalogue.resolve(record.symbol)).instrument
        await activity.load(await self._store.history(), record)
        self._shown[bot_id] = activity
        return activity

    def latest(self, bot_id: str, shown: BotActivity) -> BotActivity:
        """Return the activity of a bot's run, otherwise the one that is shown already."""
        run = self._runner.shown_run(bot_id)
        return shown if run is None else run.activity

    def _is_elsewhere(self, record: BotRecord) -> bool:
        return self._runner.state(record) == "elsewhere"

    def _touch(self) -> None:
        if self._pending is None:
            self._pending = asyncio.get_running_loop().call_later(TOUCH_S, self._show)

    def _show(self) -> None:
        self._pending = None
        self.revision += 1
        self.signal()

    async def _refresh_again(self) -> None:
        while True:
            await self._clock.sleep(REFRESH_S)
            known, saved = self._runner.known, self._saved
            problem = known.problem
            try:
                await self.refresh()
            except OrderFoxError:
                pass  # ``known.problem`` has it
            except Exception:  # noqa: BLE001  (nobody waits for this task, and the next attempt may succeed)
                _log.exception("bots are not refreshed")
            if self._saved != saved or known.problem != problem:
                self._touch()
