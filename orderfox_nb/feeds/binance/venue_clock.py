"""The venue's time, from its time endpoint: offset to ours and, for a recording, its rate."""

from __future__ import annotations

from orderfox_nb.clock import Clock


class VenueClock:
    """Tells the venue's time between two observations of it; ours until the first.

    A venue's clock runs at our rate. A recording that is played at 20×, or holds still at its end, does not: its rate
    is taken from the last two observations.

    Args:
        clock: Our clock.
        steady: Whether the venue's clock runs at our rate.
    """

    def __init__(self, clock: Clock, *, steady: bool = True) -> None:
        self._clock = clock
        self._steady = steady
        self._rate = 1.0
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

    def observe(self, venue_us: int, *, asked_us: int, answered_us: int) -> None:
        """Learn the venue's time, which was read somewhere between two times of ours."""
        local_us = (asked_us + answered_us) // 2
        passed_us = local_us - self._local_us
        if self.known and not self._steady and passed_us > 0:
            self._rate = max(0.0, (venue_us - self._venue_us) / passed_us)
        self._venue_us = venue_us
        self._local_us = local_us
        self.known = True
