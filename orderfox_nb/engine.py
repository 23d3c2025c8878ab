"""The thread that owns every socket, task, hub and fold of a notebook's kernel.

A task on the kernel's main loop stalls while a cell computes; a loop in a thread of its own keeps going. Other threads
reach it through ``run`` and ``submit`` alone.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from orderfox_nb.config import Settings
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.errors import ForkedProcess, OrderFoxError
from orderfox_nb.feeds.sources import open_feeds
from orderfox_nb.lifecycle import Service

_log = logging.getLogger(__name__)
_STOP_S = 5.0

Answer = TypeVar("Answer")


class Engine:
    """The desks of a process on a loop in a daemon thread; nothing runs before ``start``.

    Args:
        settings: Where data comes from, see ``source_of``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.source = source_of(settings)
        self.desks = Desks(open_feeds(self.source, settings), settings)
        self._service: Service[Desks] = Service(lambda: self.desks, name="orderfox desks")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @property
    def desk(self) -> Desk:
        """The desk of the first venue, the default."""
        return self.desks.first

    @property
    def running(self) -> bool:
        return not self.forked and self._thread is not None and self._thread.is_alive()

    @property
    def forked(self) -> bool:
        """Whether this process is a fork of the one that made the engine, without its thread."""
        return self._pid != os.getpid()

    def start(self) -> Self:
        """Start the thread and open the desk; a running one stays as it is.

        Raises:
            FeedError: The desk cannot be opened.
            ForkedProcess: It is another process's.
        """
        if self.forked:
            raise ForkedProcess
        with self._lock:
            if self.running:
                return self
            ready = threading.Event()
            self._thread = threading.Thread(target=self._main, args=(ready,), name="orderfox engine", daemon=True)
            self._thread.start()
            ready.wait()
            # Before the interpreter joins its threads: the loop must end while its executor still takes work.
            atexit.register(self.stop)
        self.run(self._service.start())
        return self

    def submit(self, work: Coroutine[Any, Any, Answer]) -> Future[Answer]:
        """Run a coroutine on the engine's loop without waiting for it.

        Raises:
            ForkedProcess: The engine is another process's.
        """
        if self.forked:
            work.close()
            raise ForkedProcess
        if self._loop is None:
            work.close()
            raise RuntimeError("the engine is not running: connect() again")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, Answer], *, timeout_s: float = 60.0) -> Answer:
        """Run a coroutine on the engine's loop and return its answer; not from the engine's own thread.

        Raises:
            TimeoutError: No answer in time; the work was cancelled.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("the engine cannot wait for itself: await the work instead")
        future = self.submit(work)
        try:
            return future.result(timeout_s)
        except OrderFoxError as error:
            # What happened on the other thread says nothing that the error does not.
            raise error.with_traceback(None) from None
        except BaseException:
            # Also for an interrupted cell: work without a waiter must not continue.
            future.cancel()
            raise

    def stop(self) -> None:
        """Close the desk and end the thread; safe to call twice, and without effect in a fork."""
        if self.forked:
            return
        with self._lock:
            loop, thread = self._loop, self._thread
            if loop is None or thread is None:
                return
            atexit.unregister(self.stop)
            future = asyncio.run_coroutine_threadsafe(self._service.stop(), loop)
            try:
                future.result(_STOP_S)
            except Exception:  # noqa: BLE001 - the thread must end whatever the desk did
                _log.exception("The desks of %s did not close", self.source)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_STOP_S)
            self._loop = self._thread = None

    def _main(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._loop = loop
        loop.call_soon(ready.set)
        try:
            loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_STOP_S))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


_engines: dict[str, Engine] = {}
_engines_lock = threading.Lock()
_of_parents: list[Engine] = []
"""Engines of the processes that this one was forked from: kept, since what they hold would end itself when freed."""


def _forget_parents() -> None:
    """Let a fork make engines of its own; a lock may have been held by a thread that is not here."""
    global _engines_lock  # noqa: PLW0603 - there is one a process
    _engines_lock = threading.Lock()
    _of_parents.extend(_engines.values())
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents)


def source_of(settings: Settings) -> str:
    """Return where a kernel's data comes from: the server that started it, the one named, else a source of its own."""
    return settings.server_url or settings.backend_url or settings.source


def running_engine(settings: Settings) -> Engine | None:
    """Return the process's engine of a source if it runs; starts none."""
    with _engines_lock:
        engine = _engines.get(source_of(settings))
    return engine if engine is not None and engine.running else None


def shared_engine(settings: Settings) -> Engine:
    """Return the process's running engine of a source: a page's comm and ``connect()`` share one.

    Raises:
        SettingError: A source that cannot be used.
        FeedError: The desk cannot be opened.
    """
    source = source_of(settings)
    with _engines_lock:
        engine = _engines.get(source)
        if engine is None:
            engine = _engines[source] = Engine(settings)
    return engine.start()
