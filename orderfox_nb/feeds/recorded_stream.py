"""One stream of a replay: what waits for its reader, and the end behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from orderfox_nb.core.events import Event, Topic

QUEUED: Final = 20_000
"""Events that wait for a reader; the replay waits for one that is slower."""


class TimeState(NamedTuple):
    """The state of a stream at a time."""

    events: Sequence[Event]
    moves: int
    """The playhead's count of moves at that time."""


Waiting: TypeAlias = Event | TimeState | Exception


class ReplayStream:
    """One topic that is being read."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.started = False
        """Whether it has the state of the current run."""
        self.read = False
        """Whether it has had the state of any run."""
        self.left = False
        self.moves = -1
        """The playhead's count of moves for the last state that was read whole; -1 before the first."""
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue(QUEUED)
        self._end: Waiting | None = None

    async def put(self, item: Event | TimeState) -> None:
        """Add an item, waiting until there is room."""
        await self._queue.put(item)

    def finish(self, end: Event | Exception) -> None:
        """Add the last item behind all others, at once: the end of one stream never waits for the reader of another."""
        if self._queue.full():
            self._end = end
        else:
            self._queue.put_nowait(end)

    async def next(self) -> Waiting:
        """Return the next item, waiting for one."""
        if self._end is not None and self._queue.empty():
            end, self._end = self._end, None
            return end
        return await self._queue.get()

    def discard(self) -> None:
        """Take back what was not read yet, and begin again."""
        self.started = False
        self._end = None
        while not self._queue.empty():
            self._queue.get_nowait()
