"""A lifetime is one task.

Hooks come in pairs on different tasks (server start and stop, two notebook cells, fixtures) and a ``TaskGroup`` cannot
span them: entered in one and left in the other it hangs when a child fails. A ``Service`` therefore runs an async
context manager inside a single task; ``start()`` waits until it is open and ``stop()`` asks it to leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

Resource = TypeVar("Resource")


class Service(Generic[Resource]):
    """Runs an async context manager in a task of its own.

    Args:
        open_: Makes the context manager; called in the task.
        name: Name of the task.
        stop_timeout_s: After that long ``stop()`` cancels what does not leave.
    """

    def __init__(
        self, open_: Callable[[], AbstractAsyncContextManager[Resource]], *, name: str, stop_timeout_s: float = 5.0
    ) -> None:
        self._open = open_
        self._name = name
        self._stop_timeout_s = stop_timeout_s
        self._task: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._opened: asyncio.Future[Resource] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def current(self) -> Resource | None:
        """The resource while it is open, else None."""
        opened = self._opened
        if not self.running or opened is None or not opened.done() or opened.cancelled() or opened.exception():
            return None
        return opened.result()

    async def start(self) -> Resource:
        """Open the resource and return it; a second call returns the same one.

        Raises:
            Exception: Whatever entering the context manager raised.
        """
        if self._task is None or self._task.done():
            self._leave = asyncio.Event()
            self._opened = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._opened, self._leave), name=self._name)
        assert self._opened is not None
        return await asyncio.shield(self._opened)

    async def stop(self) -> None:
        """Ask the resource to close and wait until it has; safe to call twice.

        Raises:
            Exception: Whatever leaving the context manager raised.
        """
        task = self._task
        if task is None:
            return
        self._leave.set()
        done, _ = await asyncio.wait({task}, timeout=self._stop_timeout_s)
        if not done:
            task.cancel()
            await asyncio.wait({task}, timeout=self._stop_timeout_s)
        self._task = None
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _run(self, opened: asyncio.Future[Resource], leave: asyncio.Event) -> None:
        entered = False
        try:
            async with self._open() as resource:
                entered = True
                if not opened.done():
                    opened.set_result(resource)
                await leave.wait()
        except BaseException as error:
            if entered:
                raise
            # The caller of start() gets the error; the task does not report it a second time.
            if not opened.done():
                if isinstance(error, asyncio.CancelledError):
                    opened.cancel()
                else:
                    opened.set_exception(error)
            if not isinstance(error, Exception):
                raise
