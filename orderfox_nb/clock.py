"""Clocks are passed in, so that tests and replays control time."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

Answer = TypeVar("Answer")


class Clock(Protocol):
    """A clock: reads the time, and waits for it."""

    def now_us(self) -> int:
        """Return microseconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for a duration of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that a test moves by hand; sleepers wake in the order of their time."""

    def __init__(self, now_us: int = 1_700_000_000_000_000) -> None:
        self._now_us = now_us
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_us(self) -> int:
        return self._now_us

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._now_us + round(seconds * 1e6), self._count, future))
        await future

    @property
    def sleepers(self) -> int:
        """How many are waiting."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move on by a duration, waking each sleeper at its own time and letting it run."""
        end_us = self._now_us + round(seconds * 1e6)
        while self._sleepers and self._sleepers[0][0] <= end_us:
            due_us, _, future = heapq.heappop(self._sleepers)
            self._now_us = max(self._now_us, due_us)
            if not future.done():
                future.set_result(None)
            await settle()
        self._now_us = end_us
        await settle()


async def in_time(clock: Clock, seconds: float, request: Coroutine[Any, Any, Answer]) -> Answer:
    """Wait for something, at most this long by a clock.

    Raises:
        TimeoutError: It took longer, and was cancelled.
    """
    task = asyncio.ensure_future(request)
    sleeper = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, sleeper}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:g} s")
        return task.result()
    finally:
        sleeper.cancel()
        task.cancel()
        await asyncio.wait({task, sleeper})
        # Retrieve the exception even after a cancellation, otherwise the loop logs it as never retrieved.
        if not task.cancelled():
            task.exception()


async def settle(turns: int = 20) -> None:
    """Let every ready callback of the loop run: a bounded number of turns, no time passes."""
    for _ in range(turns):
        await asyncio.sleep(0)
