"""The venue's time, from its time endpoint: offset to ours and, for a recording, its rate."""

from __future__ import annotations

import asyncio
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Topic

JUMP_US: Final = 2_000_000
"""Less than this is the doubt of a measurement over the network."""

LEAD_US: Final = 1_500_000
"""A stream whose times have moved so far against the venue's time is a reason to ask for it."""


class VenueClock:
    """Tells the venue's time between two observations of it; ours until the first.

    A recording that is played at 20× runs at that rate and holds still at its end; one that is played as fast as it
    is read has the rate of the last two observations. A jump is no rate.

    Args:
        clock: Our clock.
        speed: Seconds of the venue in one of ours, infinity where nobody can know.
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
        local_us = self._clock.now_us()
        if not self.known:
            return local_us
        return self._venue_us + round((local_us - self._local_us) * self._rate)

    def observe(self, venue_us: int, *, asked_us: int, answered_us: int, doubted: bool = False) -> int:
        """Learn the venue's time, which was read somewhere between two times of ours.

        Args:
            venue_us: What it said.
            asked_us: Before the question, by our clock.
            answered_us: After the answer.
            doubted: Its events have shown that something is wrong: less time than ours has passed is then no pause.

        Returns:
            How far its clock has jumped, in microseconds: 0 where it ran on, or stood still.
        """
        local_us = (asked_us + answered_us) // 2
        passed_us = local_us - self._local_us
        jumped_us = 0
        if self.known and passed_us > 0 and self._speed != float("inf"):
            ahead_us = venue_us - self._venue_us - round(passed_us * self._speed)
            doubt_us = JUMP_US + round((answered_us - asked_us) * self._speed)
            if ahead_us > doubt_us or venue_us < self._venue_us - doubt_us or (doubted and ahead_us < -doubt_us):
                jumped_us = ahead_us
        if jumped_us:
            self._rate = self._speed
        elif self.known and passed_us > 0:
            rate = max(0.0, (venue_us - self._venue_us) / passed_us)
            # Two looks within a second tell no rate: a venue's clock may move in steps.
            if self._speed == float("inf") or (rate < self._speed / 2 and passed_us >= 1_000_000):
                self._rate = rate
            else:
                self._rate = self._speed
        self._venue_us = venue_us
        self._local_us = local_us
        self.known = True
        return jumped_us


class Leads:
    """How far the times of each stream are ahead of the venue's; what is usual for one is no concern."""

    def __init__(self) -> None:
        self._usual: dict[Topic, int] = {}

    def moved(self, topic: Topic, lead_us: int) -> bool:
        """Tell whether a stream's times have moved, which are then its usual ones."""
        usual_us = self._usual.setdefault(topic, lead_us)
        if abs(lead_us - usual_us) <= LEAD_US:
            return False
        self._usual[topic] = lead_us
        return True

    def forget(self, topic: Topic) -> None:
        """Forget a stream."""
        self._usual.pop(topic, None)

    def clear(self) -> None:
        """Forget every stream."""
        self._usual.clear()


async def sleep_unless(doubt: asyncio.Event, seconds: float, *, clock: Clock) -> None:
    """Wait for a duration, or until something is in doubt."""
    whole = asyncio.ensure_future(clock.sleep(seconds))
    doubted = asyncio.ensure_future(doubt.wait())
    try:
        await asyncio.wait({whole, doubted}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        whole.cancel()
        doubted.cancel()
        await asyncio.wait({whole, doubted})
