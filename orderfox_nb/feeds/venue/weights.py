"""The venue's request budget: orders requests so that no burst of snapshots gets this address banned."""

from __future__ import annotations

import asyncio
import heapq
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.errors import RateLimited

MINUTE_US: Final = 60_000_000
_SLACK_US: Final = 500_000
"""Uncertainty of our clock about when the venue's minute begins."""

URGENT: Final = 0
"""Snapshots: a book is useless without one."""
ROUTINE: Final = 1
"""Requests that complete the streams, and the symbol list."""
BACKGROUND: Final = 2
ASKED: Final = 3
"""Single requests of clients, such as older bars."""

_SHARES: Final = {URGENT: 0.9, ROUTINE: 0.75, BACKGROUND: 0.75, ASKED: 0.75}
"""Part of a minute's limit up to which each is granted: the last of our share is for books alone, and a tenth of the
limit is left to other clients at the same address."""
ASKED_SHARE: Final = 0.5
"""Part of a minute's limit that single requests may take in all."""


class WeightBudget:
    """Grants request weight within a minute's limit, the most urgent first and in order of arrival among equals.

    It keeps its own count, corrects it by the usage that the venue reports, and grants nothing while the venue requires
    a pause.

    Args:
        venue: Name for errors.
        clock: What minutes are measured by.
        limit: Weight a minute.
    """

    def __init__(self, venue: str, clock: Clock, *, limit: int = 2_400) -> None:
        self._venue = venue
        self._clock = clock
        self.limit = limit
        self.offset_us = 0
        """The venue's clock minus ours."""
        self.used = 0
        """Weight used in this minute, as far as known."""
        self.asked = 0
        """Weight of it used by single requests."""
        self._flying = 0
        self._minute = -1
        self._paused_until_us = 0
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._arrivals = 0
        self._pump: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait for weight."""
        return sum(not entry[3].done() for entry in self._waiting)

    async def acquire(self, weight: int, *, priority: int = URGENT, timeout_s: float | None = None) -> None:
        """Wait until a request of this weight may be sent; ``release`` must follow its answer.

        Raises:
            RateLimited: It would not be granted within the timeout.
        """
        if self._fits(weight, priority) and not self._has_earlier_waiter(priority):
            self._spend(weight, priority)
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (priority, self._arrivals, weight, granted))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._grant(), name="venue weights")
        try:
            async with asyncio.timeout(timeout_s):
                await granted
        except TimeoutError:
            if granted.done() and not granted.cancelled():
                self.refund(weight)
            raise RateLimited(
                self._venue, "the request budget of this minute is used up", status=429, retry_after_s=self._wait_s()
            ) from None
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.refund(weight)
            raise
        finally:
            self._rest()

    def release(self, weight: int, *, used: int | None = None) -> None:
        """Record that an answer has arrived, with the weight that the venue has counted in its minute."""
        self._flying = max(0, self._flying - weight)
        if used is not None:
            self._roll()
            self.used = used + self._flying

    def refund(self, weight: int) -> None:
        """Return weight that was granted and not used."""
        self._flying = max(0, self._flying - weight)
        self.used = max(0, self.used - weight)

    def pause(self, seconds: float) -> None:
        """Grant nothing for a while, as the venue requires."""
        self._paused_until_us = max(self._paused_until_us, self._clock.now_us() + round(seconds * 1e6))

    @property
    def paused_s(self) -> float:
        """Seconds until weight is granted again, 0 if the venue does not require a pause."""
        return max(0.0, (self._paused_until_us - self._clock.now_us()) / 1e6)

    async def close(self) -> None:
        """Refuse all waiting requests."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})
            self._pump = None
        for *_, granted in self._waiting:
            granted.cancel()
        self._waiting.clear()

    def _rest(self) -> None:
        """End the pump if no request is waiting, so that it does not wait for the next minute in vain."""
        if not self.waiting and self._pump is not None:
            self._pump.cancel()
            self._pump = None

    def _has_earlier_waiter(self, priority: int) -> bool:
        return any(entry[0] <= priority and not entry[3].done() for entry in self._waiting)

    def _fits(self, weight: int, priority: int) -> bool:
        self._roll()
        if self._paused_until_us > self._clock.now_us():
            return False
        if priority == ASKED and self.asked and self.asked + weight > self.limit * ASKED_SHARE:
            return False
        return self.used == 0 or self.used + weight <= self.limit * _SHARES[priority]

    def _spend(self, weight: int, priority: int) -> None:
        self.used += weight
        self._flying += weight
        if priority == ASKED:
            self.asked += weight

    def _roll(self) -> None:
        minute = (self._clock.now_us() + self.offset_us - _SLACK_US) // MINUTE_US
        if minute != self._minute:
            self._minute = minute
            self.used = self._flying
            self.asked = 0

    def _wait_s(self) -> float:
        now_us = self._clock.now_us()
        if self._paused_until_us > now_us:
            return (self._paused_until_us - now_us) / 1e6
        return (MINUTE_US - (now_us + self.offset_us - _SLACK_US) % MINUTE_US) / 1e6

    async def _grant(self) -> None:
        while self._waiting:
            priority, _, weight, granted = self._waiting[0]
            if granted.done():
                heapq.heappop(self._waiting)
            elif self._fits(weight, priority):
                heapq.heappop(self._waiting)
                self._spend(weight, priority)
                granted.set_result(None)
            else:
                await self._clock.sleep(self._wait_s() + 0.001)
