"""Calls a function of the user with each event: on the running loop, or in a thread."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, Callable, MutableSet
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

_log = logging.getLogger(__name__)

Callback: TypeAlias = Callable[[Any], object]
"""Called with an event; the result of a coroutine function is awaited."""

Item = TypeVar("Item")

_CLOSE_S: Final = 5.0


class Subscription(Generic[Item]):
    """A function that is called with each event of a channel until ``close()``.

    Args:
        callback: The function.
        events: Makes the iterator of the events.
        open_ones: Set that contains the subscription while it is open.
        name: Name of what it reads, for messages.
    """

    def __init__(
        self,
        callback: Callback,
        events: Callable[[], AsyncGenerator[Item, None]],
        open_ones: MutableSet[Subscription[Any]],
        *,
        name: str,
    ) -> None:
        self._callback = callback
        self._events = events
        self._open_ones = open_ones
        self._name = name
        self.calls = 0
        """Number of calls."""
        self.errors = 0
        """Number of calls that raised an exception."""
        self.error: Exception | None = None
        """The exception that ended it, otherwise the last one of the function."""
        self._thread: threading.Thread | None = None
        self._task: asyncio.Task[None] | None = None
        open_ones.add(self)
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = asyncio.new_event_loop()
            self._task = self._loop.create_task(self._run(), name=f"callback of {name}")
            self._thread = threading.Thread(target=self._run_loop, name=f"callback of {name}", daemon=True)
            self._thread.start()
        else:
            self._task = self._loop.create_task(self._run(), name=f"callback of {name}")

    @property
    def closed(self) -> bool:
        """Whether the function is no longer called."""
        return self not in self._open_ones

    def close(self) -> None:
        """Stop calling the function; waits up to 5 s for a call that is running in the thread.

        May be called twice, and within the callback.
        """
        self._open_ones.discard(self)
        if not self._loop.is_closed() and self._task is not None:
            try:
                self._loop.call_soon_threadsafe(self._task.cancel)
            except RuntimeError:
                return
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Subscription to {self._name}, {state}, {self.calls} calls, {self.errors} errors>"

    def _run_loop(self) -> None:
        assert self._task is not None
        try:
            self._loop.run_until_complete(asyncio.wait({self._task}))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        events = self._events()
        try:
            async for event in events:
                if self.closed:
                    return
                await self._call(event)
        except Exception as error:  # noqa: BLE001 - nobody awaits this task
            self.error = error
            _log.warning("%s ended, and its callback with it: %s", self._name, error)
        finally:
            self._open_ones.discard(self)
            await events.aclose()

    async def _call(self, event: Item) -> None:
        self.calls += 1
        try:
            result = self._callback(event)
            if inspect.isawaitable(result):
                await result
        except Exception as error:  # noqa: BLE001 - the next event follows
            self.errors += 1
            self.error = error
            # A callback that always fails must not fill the log: the 1st, 2nd, 4th, 8th … of its errors are logged.
            if self.errors & (self.errors - 1) == 0:
                _log.exception("the callback of %s failed, %d of %d times", self._name, self.errors, self.calls)
