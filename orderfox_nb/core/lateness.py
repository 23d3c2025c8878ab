"""How late the events of a stream arrive by the venue's clock, compared with their usual delay."""

from __future__ import annotations

from typing import Final

from orderfox_nb.core.timeframes import SECOND_US

MAX_LATE_S: Final = 8.0
"""How much later than the earliest ones events may arrive.

The venue's clock is known to within half of a request that may take ten seconds, and changes by less than two seconds
without a report.
"""
_CHECKS: Final = 4
"""Number of checks in a row that must find new events late: a process that was paused finds them late once."""


class Lateness:
    """Compares the newest event of each check with the venue's time.

    Two clocks may differ by any constant, so only a delay that has grown counts. A venue's time may pass faster than
    ours, as that of a simulation at speed 20: seconds are then those of our clock.
    """

    def __init__(self) -> None:
        self.newest_us = 0
        """Time of the newest live event since the last check, 0 if there was none."""
        self._least_us: int | None = None
        self._checks = 0
        self._marks: tuple[int, int, int] | None = None
        """Our time, the venue's and the newest event's at an earlier check: the rate of the venue's time follows."""
        self._rate: float | None = None

    def apply(self, time_us: int) -> None:
        """Note the time of a live event."""
        self.newest_us = max(self.newest_us, time_us)

    def clear(self) -> None:
        """Forget what is usual: times cannot be compared with those before."""
        self.newest_us = self._checks = 0
        self._least_us = self._marks = self._rate = None

    def check(self, now_us: int, local_us: int) -> int | None:
        """Return how late events arrive, in microseconds of the venue; 0 if they are in time, None if not known.

        Args:
            now_us: The venue's time.
            local_us: Our time, without the time in which this process did not run.
        """
        newest_us, self.newest_us = self.newest_us, 0
        if not newest_us:
            return None
        self._measure_rate(local_us, now_us, newest_us)
        lag_us = now_us - newest_us
        self._least_us = lag_us if self._least_us is None else min(self._least_us, lag_us)
        late_us = lag_us - self._least_us
        if self._rate is None:
            return None
        if late_us <= MAX_LATE_S * SECOND_US * self._rate:
            self._checks = 0
            # Between the half and the whole nothing changes: a stream at the limit does not flicker.
            return 0 if late_us <= MAX_LATE_S * SECOND_US * self._rate / 2 else None
        self._checks += 1
        return late_us if self._checks >= _CHECKS else None

    def _measure_rate(self, local_us: int, now_us: int, newest_us: int) -> None:
        if self._marks is None:
            self._marks = (local_us, now_us, newest_us)
            return
        then_us, venue_us, event_us = self._marks
        passed_us = local_us - then_us
        if passed_us >= SECOND_US:
            # Of another server only the events show how fast its venue's time passes.
            self._rate = max(1.0, (now_us - venue_us) / passed_us, (newest_us - event_us) / passed_us)
            self._marks = (local_us, now_us, newest_us)
