"""Quality of data that is made of several topics: that of the worst one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderfox_nb.core.events import Coverage, MarketState
from orderfox_nb.core.lapses import Lapse, LapseLog
from orderfox_nb.core.quality import History, QualityState, QualityTracker, QualityView

_WORST_FIRST: Final = (
    QualityState.DOWN,
    QualityState.GAP,
    QualityState.SYNCING,
    QualityState.SKEWED,
    QualityState.STALE,
    QualityState.LIVE,
)


class JoinedQuality:
    """The qualities of several topics as one, to be read only: the topics write theirs.

    Args:
        parts: At least one.
    """

    def __init__(self, parts: Sequence[QualityTracker]) -> None:
        self._parts = parts

    @property
    def _worst(self) -> QualityTracker:
        return min(self._parts, key=lambda part: _WORST_FIRST.index(part.state))

    @property
    def state(self) -> QualityState:
        return self._worst.state

    @property
    def reason(self) -> str:
        return self._worst.reason

    @property
    def since_us(self) -> int:
        return self._worst.since_us

    @property
    def market(self) -> MarketState:
        return self._worst.market

    @property
    def history(self) -> History:
        return self._worst.history

    @property
    def coverage(self) -> Coverage:
        """Sampled where any part is."""
        return "sampled" if any(part.coverage == "sampled" for part in self._parts) else "complete"

    @property
    def lapses(self) -> LapseLog:
        """Those of every part that have ended, by their end."""
        if len(self._parts) == 1:
            return self._parts[0].lapses
        joined = LapseLog()
        for lapse in sorted((lapse for part in self._parts for lapse in part.lapses), key=lambda lapse: lapse.end_us):
            joined.add(lapse)
        joined.added = sum(part.lapses.added for part in self._parts)
        joined.lost = sum(part.lapses.lost for part in self._parts)
        return joined

    def intervals(self) -> list[Lapse]:
        """Return every lapse that is kept, by its start; those that last have an end of 0."""
        return sorted((lapse for part in self._parts for lapse in part.intervals()), key=lambda lapse: lapse.start_us)

    def wire(self) -> QualityView:
        """Return the quality as messages carry it."""
        worst = self._worst.wire()
        return QualityView(worst.state, self.coverage, worst.since, session=worst.session, status=worst.status)
