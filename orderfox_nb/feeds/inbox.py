"""A bounded queue that reports overflow to the reader instead of slowing the writer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class InboxClosed(Exception):
    """The writer has closed the inbox and all its items were read."""


class Inbox(Generic[Item]):
    """One reader's queue.

    When it is full, all waiting items are dropped and the reader gets one item that reports this; no more items are
    accepted until it has read that one. Connection notices are kept: of each kind (class) of notice the newest stays,
    in order, since a reader that never receives its subscription notice would wait forever. An older one of the same
    kind says nothing that the newest does not, and one kind never pushes out another, so that the bound of notices is
    the number of their classes. A writer that can wait (a socket's reader) may first ask for ``room()``.

    Args:
        bound: How many items may wait.
        overflow: Makes the item that stands for the given number of lost ones.
    """

    def __init__(self, bound: int, *, overflow: Callable[[int], Item]) -> None:
        self._bound = bound
        self._overflow = overflow
        self._items: deque[Item] = deque()
        self._urgent: deque[Item] = deque()
        self._notices: dict[type[Item], Item] = {}
        self._lost = 0
        self._closed = False
        self._error: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []
        self.direct: Callable[[Item], bool] | None = None
        """Called with an item that is put while nothing waits; returns False if the item must wait for ``get``.
        An exception of it closes the inbox, so that ``get`` raises it."""
        self.dropped = 0
        """Items lost so far."""

    def __len__(self) -> int:
        return len(self._items) + len(self._urgent) + bool(self._lost)

    @property
    def crowded(self) -> bool:
        """Whether the inbox is more than half full, and neither overflowed nor closed."""
        return not self._lost and not self._closed and len(self._items) * 2 > self._bound

    def put(self, item: Item) -> bool:
        """Add an item; drops all waiting items when the inbox is full.

        Returns:
            Whether it waits: False where ``direct`` took it, and where the inbox is closed.
        """
        if self._closed:
            return False
        if self.direct is not None and not (self._items or self._urgent or self._lost):
            try:
                if self.direct(item):
                    return False
            except Exception as error:  # noqa: BLE001 - the reader's, which raises it
                self.close(error)
                return False
        if self._lost:
            self._lost += 1
            return True
        if len(self._items) >= self._bound:
            self._drop()
            self._lost += 1
        else:
            self._items.append(item)
        self._wake_reader()
        return True

    def put_notice(self, item: Item) -> None:
        """Add an item in order that is not dropped with the others, unless a newer one of its kind waits."""
        if self._closed:
            return
        if not self._lost and len(self._items) >= self._bound:
            self._drop()
        self._notices.pop(type(item), None)
        self._notices[type(item)] = item
        if self._lost:
            self._items = deque(self._notices.values())
        else:
            self._items.append(item)
        self._wake_reader()

    def put_first(self, item: Item) -> None:
        """Add an item that is read before the others and is never dropped."""
        if not self._closed:
            self._urgent.append(item)
            self._wake_reader()

    async def get(self, *, first_only: bool = False) -> Item:
        """Return the next item, waiting for one; with ``first_only`` one of ``put_first``, the others wait.

        Raises:
            InboxClosed: Closed and empty.
        """
        while True:
            item = self.get_nowait(first_only=first_only)
            if item is not None:
                return item
            if self._closed:
                raise self._error or InboxClosed
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def get_nowait(self, *, first_only: bool = False) -> Item | None:
        """Return the next item, or ``None`` where nothing waits."""
        if self._urgent:
            return self._urgent.popleft()
        if first_only:
            return None
        if self._lost:
            lost, self._lost = self._lost, 0
            self.dropped += lost
            return self._overflow(lost)
        if not self._items:
            return None
        item = self._items.popleft()
        if self._notices and self._notices.get(type(item)) is item:
            del self._notices[type(item)]
        if self._writers and len(self._items) * 4 <= self._bound:
            self._release_writers()
        return item

    async def room(self, timeout_s: float) -> None:
        """Wait until the inbox is no longer crowded, at most the given time."""
        if not self.crowded:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._writers.append(waiter)
        await asyncio.wait({waiter}, timeout=timeout_s)
        if waiter in self._writers:
            self._writers.remove(waiter)
            self._give_up()

    def close(self, error: BaseException | None = None) -> None:
        """Accept no more items; the reader gets the waiting ones and then the error or ``InboxClosed``."""
        self._closed = True
        self._error = error
        self._release_writers()
        self._wake_reader()

    def _give_up(self) -> None:
        if len(self._items) > len(self._notices):
            self._drop()
            self._wake_reader()

    def _drop(self) -> None:
        self._lost += len(self._items) - len(self._notices)
        self._items = deque(self._notices.values())
        self._release_writers()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _release_writers(self) -> None:
        for waiter in self._writers:
            if not waiter.done():
                waiter.set_result(None)
        self._writers.clear()
