"""The times in which a topic could not be trusted: a day of them, bounded."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

import msgspec

from orderfox_nb.core.timeframes import DAY_US

KEPT_US: Final = DAY_US
MAX_LAPSES: Final = 1_000


class Lapse(msgspec.Struct, frozen=True):
    """A time in which a topic was not live, on the venue's clock."""

    state: str
    start_us: int
    """When the last good data came, where that is known, otherwise when the trouble was noticed."""
    end_us: int
    """0 while it lasts."""
    reason: str
    lost: int = -1
    """How many events were missed, -1 where it cannot be known; they may have been fetched since."""


class LapseLog:
    """Lapses of the last 24 h, at most 1,000, with sums that outlive them."""

    def __init__(self) -> None:
        self._lapses: deque[Lapse] = deque(maxlen=MAX_LAPSES)
        self.counts: Counter[str] = Counter()
        """How many there were by state."""
        self.lapsed_us: Counter[str] = Counter()
        """How long they were by state."""
        self.lost = 0
        """Events that were missed, as far as known."""
        self.added = 0
        """How many there were."""

    def __len__(self) -> int:
        return len(self._lapses)

    def __iter__(self) -> Iterator[Lapse]:
        return iter(self._lapses)

    def add(self, lapse: Lapse) -> None:
        """Keep a lapse that has ended."""
        self._lapses.append(lapse)
        self.added += 1
        self.counts[lapse.state] += 1
        self.lapsed_us[lapse.state] += lapse.end_us - lapse.start_us
        self.lost += max(0, lapse.lost)

    def prune(self, now_us: int) -> None:
        """Forget what ended more than a day ago."""
        while self._lapses and self._lapses[0].end_us < now_us - KEPT_US:
            self._lapses.popleft()
