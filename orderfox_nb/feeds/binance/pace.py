"""How often books may be rebuilt: one symbol's trouble must not use up the request weight of all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from random import Random
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.feeds.retry import backoff

BURST: Final = 15
"""Snapshots that may be asked for at once; 20 of weight each."""

PER_S: Final = 1.5
"""And so many a second from then on: 1,800 of weight a minute, of 2,400."""

CALM_S: Final = 30.0
"""A book that was whole for so long starts again without a pause."""


class ResyncBucket:
    """A token bucket that the books of all symbols share."""

    def __init__(self, clock: Clock, *, burst: int = BURST, per_s: float = PER_S) -> None:
        self._clock = clock
        self._burst = burst
        self._per_us = per_s / 1e6
        self._tokens = float(burst)
        self._then_us = clock.now_us()

    def reserve(self) -> float:
        """Take a token and return how many seconds to wait until it is there."""
        now_us = self._clock.now_us()
        self._tokens = min(float(self._burst), self._tokens + max(0, now_us - self._then_us) * self._per_us)
        self._then_us = now_us
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_us / 1e6)


class ResyncPace:
    """When one book may ask for its next snapshot: at once, and later and later while it does not come to rest.

    Whatever it is asked for, also once more since the last one was stale or failed, takes a token; only the first
    snapshot of a stream does not, since somebody looks at an empty screen.

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
        """Take note that the book is whole."""
        self._whole_us = self._clock.now_us()

    def delay_s(self) -> float:
        """Return how long a book waits for its own sake, which is new, lost, or still not whole."""
        if self._whole_us is not None and self._clock.now_us() - self._whole_us > CALM_S * 1e6:
            self._delays = self._growing()
        self._whole_us = None
        return next(self._delays)

    async def turn(self) -> None:
        """Wait for the sake of the other books, right before each request."""
        if self._asked:
            await self._clock.sleep(self._bucket.reserve())
        self._asked = True

    def _growing(self) -> Iterator[float]:
        yield 0.0
        yield from backoff(first_s=0.25, most_s=15.0, random=self._random)
