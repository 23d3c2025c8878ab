"""The venue's time, from its time endpoint: offset to ours and, for a recording, its rate."""

from __future__ import annotations

import asyncio
from typing import Final

from orderfox_nb.clock import Clock

JUMP_US: Final = 2_000_000
"""Uncertainty of a measurement over the network; smaller differences are ignored."""


class VenueClock:
    """Estimates the venue's time between two observations of it; uses our time until the first.

    A recording that is played at 20× runs at that rate and holds still at its end; one that is played as fast as it
    is read has the rate of the last two observations. A jump is not a rate.

    Args:
        clock: Our clock.
        speed: Venue seconds per second of our clock, infinity where this is unknown.
    """

    def __init__(self, clock: Clock, *, speed: float = 1.0) -> None:
        self._clock = clock
        self._speed = speed
        self._rate = speed if speed != float("inf") else 1.0
        self._venue_us = 0
        self._local_us = 0
        self.known = False

    @property
    def offset_us(self) -> int:
        """The venue's clock minus ours."""
        return self.now_us() - self._clock.now_us()

    def now_us(self) -> int:
        """Return the venue's time."""
        return self.at(self._clock.now_us())

    def at(self, local_us: int) -> int:
        """Return the venue's time at a time of our clock."""
        if not self.known:
            return local_us
        passed_us = local_us - self._local_us
        # Only a market that is played at another speed has a rate other than 1.
        return self._venue_us + (passed_us if self._rate == 1.0 else round(passed_us * self._rate))

    def observe(self, venue_us: int, *, asked_us: int, answered_us: int, suspected: bool = False) -> int:
        """Record the venue's time, which was read somewhere between two times of our clock.

        Args:
            venue_us: What it said.
            asked_us: Before the question, by our clock.
            answered_us: After the answer.
            suspected: Events suggest a clock jump: less elapsed time than ours is then no pause.

        Returns:
            How far its clock has jumped, in microseconds: 0 if it ran on, or stood still.
        """
        local_us = (asked_us + answered_us) // 2
        passed_us = local_us - self._local_us
        jumped_us = 0
        if self.known and passed_us > 0 and self._speed != float("inf"):
            ahead_us = venue_us - self._venue_us - round(passed_us * self._speed)
            tolerance_us = JUMP_US + round((answered_us - asked_us) * self._speed)
            if (
                ahead_us > tolerance_us
                or venue_us < self._venue_us - tolerance_us
                or (suspected and ahead_us < -tolerance_us)
            ):
                jumped_us = ahead_us
        if jumped_us:
            self._rate = self._speed
        elif self.known and passed_us > 0:
            rate = max(0.0, (venue_us - self._venue_us) / passed_us)
            # Two observations within a second give no rate: a venue's clock may move in steps.
            if self._speed == float("inf") or (rate < self._speed / 2 and passed_us >= 1_000_000):
                self._rate = rate
            else:
                self._rate = self._speed
        self._venue_us = venue_us
        self._local_us = local_us
        self.known = True
        return jumped_us


async def sleep_unless(event: asyncio.Event, seconds: float, *, clock: Clock) -> None:
    """Wait for a duration, or until an event is set."""
    whole = asyncio.ensure_future(clock.sleep(seconds))
    suspected = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({whole, suspected}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        whole.cancel()
        suspected.cancel()
        await asyncio.wait({whole, suspected})
