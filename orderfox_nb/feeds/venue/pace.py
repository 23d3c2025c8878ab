"""Limits how often books are rebuilt, so that one failing symbol does not use up the request weight of all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from random import Random
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.feeds.retry import backoff

BURST: Final = 15
"""Snapshots that may be requested at once; each has a weight of 20."""

PER_S: Final = 1.5
"""Snapshots per second after that: a weight of 1,800 per minute, of 2,400."""

CALM_S: Final = 30.0
"""A book that stayed in sync for this long is rebuilt without a pause."""


class ResyncBucket:
    """A token bucket that the books of all symbols share."""

    def __init__(self, clock: Clock, *, burst: int = BURST, per_s: float = PER_S) -> None:
        self._clock = clock
        self._burst = burst
        self._per_us = per_s / 1e6
        self._tokens = float(burst)
        self._then_us = clock.now_us()

    def reserve(self) -> float:
        """Take a token and return how many seconds to wait until it is available."""
        now_us = self._clock.now_us()
        self._tokens = min(float(self._burst), self._tokens + max(0, now_us - self._then_us) * self._per_us)
        self._then_us = now_us
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_us / 1e6)


class ResyncPace:
    """When one book may request its next snapshot: at once, then after growing delays until it stays in sync.

    Every request takes a token, including a retry after a stale or failed snapshot. Only the first snapshot of a stream
    takes none, since the screen is empty until it arrives.

    Args:
        bucket: Shared with the other books.
        random: Source of jitter.
    """

    def __init__(self, bucket: ResyncBucket, clock: Clock, *, random: Random | None = None) -> None:
        self._bucket = bucket
        self._clock = clock
        self._random = random
        self._delays: Iterator[float] = chain((0.0,), self._growing())
        self._whole_us: int | None = None
        self._asked = False

    def whole(self) -> None:
        """Record that the book is in sync."""
        self._whole_us = self._clock.now_us()

    def delay_s(self) -> float:
        """Return the book's own delay, depending on whether it is new, lost, or still not in sync."""
        if self._whole_us is not None and self._clock.now_us() - self._whole_us > CALM_S * 1e6:
            self._delays = self._growing()
        self._whole_us = None
        return next(self._delays)

    async def turn(self) -> None:
        """Wait for a token of the shared bucket, right before each request."""
        if self._asked:
            await self._clock.sleep(self._bucket.reserve())
        self._asked = True

    def _growing(self) -> Iterator[float]:
        yield 0.0
        yield from backoff(first_s=0.25, max_s=15.0, random=self._random)
