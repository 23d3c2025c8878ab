"""A reader of a topic's events: a prelude, then live events through a bounded inbox."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from orderfox_nb.core.events import Event, Gap, Topic, is_restart
from orderfox_nb.errors import SlowReader


class Numbered(NamedTuple):
    """An event with the topic's number of it; a prelude's events carry the number they stand for together."""

    sequence: int
    event: Event
    arrival: int = 0
    """Its place among the folded events of all topics of this process; 0 in a prelude."""


class Repeat(Numbered):
    """An event that the topic's readers have already been sent: it counts for folds, not for readers.

    An order of liquidations that the fold knows, and all that a fold begins again with under another tick size.
    """


class EventReader:
    """One reader's bounded inbox.

    A reader that does not keep up loses what waits and gets, by ``overflow``, a ``Gap`` and a fresh prelude (``gap``)
    or a ``SlowReader`` (``close``). The fresh prelude is taken when it is read, so it is never behind what follows.

    Args:
        topic: What is read.
        prelude: Returns the topic's state as events, with its number.
        bound: How many live events may wait.
        overflow: What a reader gets that does not keep up.
    """

    def __init__(
        self, topic: Topic, prelude: Callable[[], Sequence[Numbered]], *, bound: int, overflow: Literal["gap", "close"]
    ) -> None:
        self.topic = topic
        self.dropped = 0
        self._prelude = prelude
        self._bound = bound
        self._overflow = overflow
        self._queue: deque[Numbered] = deque()
        self._first: Sequence[Numbered] = prelude()
        self._lost = 0
        self._restarted = False
        self._wake = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None
        if self._first:
            self._wake.set()

    def put(self, numbered: Numbered) -> None:
        """Put the topic's next event; called by its pump."""
        self._restarted = self._restarted or is_restart(numbered.event)
        if self._lost:
            self._lost += 1
        elif len(self._queue) < self._bound:
            self._queue.append(numbered)
        else:
            self._lost = len(self._first) + len(self._queue) + 1
            self._queue.clear()
            self._first = ()
        self._wake.set()

    def end(self, error: BaseException | None = None) -> None:
        """Let the reader finish after what waits, with an error if there is one."""
        self._ended = True
        self._error = error
        self._wake.set()

    @property
    def ready(self) -> bool:
        """Whether ``batch`` returns, or raises, without waiting."""
        return bool(self._lost or self._first or self._queue or self._ended)

    def wake_with(self, wake: asyncio.Event) -> None:
        """Set an event of the caller's where ``ready`` becomes true: one for several readers, who are read together."""
        self._wake = wake
        if self.ready:
            wake.set()

    async def batch(self) -> list[Numbered]:
        """Wait for events and return all that wait, in order; empty at the end of the stream.

        Raises:
            SlowReader: The inbox overflowed and the reader asked for that.
            FeedError: The stream cannot continue.
        """
        while True:
            if self._lost:
                return self._after_overflow()
            if self._first or self._queue:
                batch = [*self._first, *self._queue]
                self._first = ()
                self._queue.clear()
                self._restarted = False
                return batch
            if self._ended:
                if self._error is not None:
                    raise self._error
                return []
            self._wake.clear()
            await self._wake.wait()

    def _after_overflow(self) -> list[Numbered]:
        lost, self._lost = self._lost, 0
        self.dropped += lost
        if self._overflow == "close":
            raise SlowReader(self.topic, lost)
        fresh = self._prelude()
        # The prelude holds what was lost, as far as a fold keeps it: how many a reader misses it cannot be known.
        sequence = fresh[-1].sequence if fresh else 0
        time_us = max((numbered.event.time_us for numbered in fresh), default=0)
        gap = Gap(
            symbol=self.topic.symbol,
            time_us=time_us,
            reason="this reader did not keep up",
            # A prelude does not show that the venue restarted among what was lost.
            restart=self._restarted,
        )
        self._restarted = False
        return [Numbered(sequence, gap), *fresh]

    @property
    def waiting(self) -> int:
        """How many live events wait."""
        return len(self._queue)
