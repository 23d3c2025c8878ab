"""Runs one bot as its record says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.failures import LeaseLost
from orderfox_nb.desk.store.records import BotRecord, SessionRows
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.strategies import load_strategy
from orderfox_nb.errors import InputError, OrderFoxError, UnknownBot
from orderfox_nb.feeds.retry import backoff

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.activity import BotLog
    from orderfox_nb.desk.bot_runs.run import BotRun
    from orderfox_nb.desk.brokers.base import Broker

_log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
"""First pause before a bot that could not run is tried again."""
STOPPED: Final = "stopped by hand"


def should_run(record: BotRecord) -> bool:
    """Return whether a bot is to trade."""
    return record.is_active and record.strategy is not None


class BotKeeper:
    """Keeps one bot running while its record is active.

    One task does everything: a run has ended, and is saved, before the next one begins. The task ends once the bot is
    stopped.

    Args:
        record: An active bot.
        store: Where its runs are saved.
        open_desk: Returns the desk of a venue.
        open_broker: Returns where a run's orders go.
        clock: Measures saves and pauses.
        epoch: Epoch of the lease under which it runs.
        log: Log of the bot.
        changed: Called when there is something new to show.
        saved: Called with the record that was stored when the bot ended by itself.
        ended: Called with a run that has ended and is saved.
    """

    def __init__(
        self,
        record: BotRecord,
        *,
        store: Store,
        open_desk: Callable[[str | None], Awaitable[Desk]],
        open_broker: Callable[[BotRecord, Instrument, Desk], Awaitable[Broker]],
        clock: Clock,
        epoch: int,
        log: BotLog,
        changed: Callable[[], None],
        saved: Callable[[BotRecord], None],
        ended: Callable[[BotRun], None],
    ) -> None:
        self.record = record
        self.run: BotRun | None = None
        """There while it runs."""
        self.ending: BotRun | None = None
        """A run that does not trade any more and is being saved."""
        self.problem = ""
        """Why it does not, although it should."""
        self.live = False
        """Whether the orders of its last run are real."""
        self._store = store
        self._open_desk = open_desk
        self._open_broker = open_broker
        self._clock = clock
        self._epoch = epoch
        self._log = log
        self._show = changed
        self._saved = saved
        self._run_ended = ended
        self._changed = asyncio.Event()
        self._stops = False
        self._leaves = False
        self._drops = False
        self._retries = False
        self._unended = True
        """Whether the session that is stored may be one that has not ended."""
        self.task = asyncio.create_task(self._keep(), name=f"bot {record.id}")

    def follow(self, record: BotRecord) -> None:
        """Stop the bot, or start it again, where its newest record says so."""
        if record.updated_us <= self.record.updated_us:
            return
        self.record = record
        if self.run is not None:
            self.run.record = record
        if not should_run(record):
            self._stops = True
            self._changed.set()
        elif self.problem:
            # It may be what was changed: try at once.
            self._changed.set()

    def leave(self, *, save: bool) -> None:
        """End the task; the bot continues from its last save on the server that runs it next.

        Args:
            save: Whether to save what was done since; not where another server runs the bot by now.
        """
        self._leaves, self._drops = True, not save
        self._changed.set()

    async def ended(self, seconds: float) -> None:
        """Wait until the task has ended, at most this long."""
        await asyncio.wait({self.task}, timeout=seconds)

    async def _keep(self) -> None:
        delays = backoff(first_s=RETRY_S)
        while not self._leaves:
            self._changed.clear()
            if self._stops or not should_run(self.record):
                await self._until_changed(self._end_saved())
                if not self._unended:
                    self._stops = False
                    if not should_run(self.record):
                        return
                continue
            self._retries = False
            await self._until_changed(self._attempt())
            run = self.run
            if run is not None and run.session.started:
                delays = backoff(first_s=RETRY_S)
            note = run.note if run is not None and run.session.stopped else ""
            await self._end_run()
            if self._changed.is_set():
                continue
            if note:
                await self._until_changed(self._deactivate(note))
            elif self._retries:
                await self._until_changed(self._clock.sleep(next(delays)))
            else:
                await self._changed.wait()

    async def _until_changed(self, work: Any) -> None:
        """Work until it is done, or the bot is to do something else."""
        task = asyncio.create_task(work, name=f"{self.task.get_name()} works")
        change = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({task, change}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            change.cancel()
            await asyncio.wait({task, change})
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("bot=%s failed", self.record.id, exc_info=error)
            run, self.run = self.run, None
            if run is not None:
                with suppress(OrderFoxError):
                    await run.abandon()
            self._note("It ended by a fault of the server, whose log has more", "error")

    async def _attempt(self) -> None:
        """Run the bot until it ends by itself, or cannot continue."""
        try:
            await self._run()
        except UnknownBot:
            self.run, self._leaves = None, True
        except LeaseLost as error:
            self.run = None
            self._note(str(error), "warning")
        except InputError as error:
            # A strategy that is not installed, or parameters that it does not have.
            self._note(str(error), "error")
        except OrderFoxError as error:
            _log.warning("bot=%s waits: %s", self.record.id, error)
            self._retries = True
            self._note(str(error), "warning")

    async def _run(self) -> None:
        # A server without bots does not import what they are made of.
        from orderfox_nb.desk.bot_runs.activity import BotActivity  # noqa: PLC0415
        from orderfox_nb.desk.bot_runs.run import BotRun  # noqa: PLC0415

        record = self.record
        assert record.strategy is not None
        kind = await asyncio.to_thread(load_strategy, record.strategy)
        desk = await self._open_desk(record.venue or None)
        instrument = (await desk.catalogue.resolve(record.symbol)).instrument
        history = await self._store.history()
        saved = await history.snapshot(record.number)
        make = partial(kind, **record.params)
        # Parameters that it does not have are found before a broker is opened.
        make()
        activity = BotActivity(self._log, instrument)
        await activity.load(history, record)
        broker = await self._open_broker(record, instrument, desk)
        self.live = broker.live
        try:
            run = BotRun(
                record,
                make,
                instrument,
                activity=activity,
                desk=desk,
                broker=broker,
                history=history,
                clock=self._clock,
                epoch=self._epoch,
            )
            activity.orders.clear()
            if saved is not None:
                run.restore(saved)
        except BaseException:
            # There is no run that would close it.
            await broker.finish()
            raise
        self.run, self.problem, self._unended = run, "", True
        run.watch(self._show)
        self._show()
        _log.info("bot=%s strategy=%s symbol=%s runs", record.id, record.strategy, record.symbol)
        await run.run()
        _log.warning("bot=%s ended: %s", record.id, run.note)

    async def _end_run(self) -> None:
        """Save the run and end it: for good where the bot is to stop."""
        run, self.run = self.run, None
        if run is None:
            return
        self.ending = run
        try:
            if self._drops:
                await run.abandon()
            else:
                stops = self._stops or bool(run.session.stopped)
                await run.end(STOPPED if self._stops else "")
                self._unended = not stops
                self._run_ended(run)
        except UnknownBot:
            self._leaves = True
        except OrderFoxError as error:
            _log.warning("bot=%s is not saved since its last save: %s", self.record.id, error)
        finally:
            self.ending = None
        self._show()

    async def _end_saved(self) -> None:
        """End the session of a bot that is stopped while it does not run, such as between two attempts."""
        from orderfox_nb.desk.bot_runs.row_log import close_orders  # noqa: PLC0415

        delays = backoff(first_s=RETRY_S)
        while self._unended:
            try:
                history = await self._store.history()
                saved = await history.snapshot(self.record.number)
                state: Any = None if saved is None else msgspec.msgpack.decode(saved)
                if state is not None and not state["ended"]:
                    orders, state["log"] = close_orders(state["log"], self._clock.now_us(), STOPPED)
                    rows = SessionRows(orders=orders, snapshot=msgspec.msgpack.encode({**state, "ended": STOPPED}))
                    await history.save(self.record.number, rows, epoch=self._epoch)
                self._unended = False
            except (UnknownBot, LeaseLost):
                self._leaves = True
                return
            except OrderFoxError as error:
                _log.warning("bot=%s is stopped, which is not saved yet: %s", self.record.id, error)
                await self._clock.sleep(next(delays))

    async def _deactivate(self, note: str) -> None:
        """Store that the bot has ended by itself; it must not begin again before that."""
        delays = backoff(first_s=RETRY_S)
        while True:
            try:
                record = await (await self._store.bots()).change(self.record.id, {"is_active": False, "note": note})
            except UnknownBot:
                self._leaves = True
                return
            except OrderFoxError as error:
                _log.warning("bot=%s has ended, which is not saved yet: %s", self.record.id, error)
                await self._clock.sleep(next(delays))
            else:
                self.record = record
                self._saved(record)
                return

    def _note(self, problem: str, level: Any) -> None:
        if problem != self.problem:
            self.problem = problem
            self._log.add(self._clock.now_us(), problem, level)
        self._show()
