"""Ranges of one recording, for ``market/history``."""

from __future__ import annotations

from typing import Any

from orderfox_nb.core.events import Topic
from orderfox_nb.core.moments import Moment
from orderfox_nb.feeds.past import RangePage
from orderfox_nb.market.frames import origin_attributes
from orderfox_nb.recording.complete import WINDOW_US, complete_part
from orderfox_nb.recording.recording import Recording


class RecordingRanges:
    """Reads ranges of one recording: the parts in which nothing is missing."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def now_us(self) -> int:
        return self._recording.end_us

    def moment_us(self, moment: Moment, name: str) -> int:
        return self._recording.moment_us(moment, name)

    def page(self, topic: Topic, start_us: int, end_us: int) -> RangePage:
        at_us = max(start_us, self._recording.start_us)
        while at_us < end_us and topic in self._recording.topics:
            part = complete_part(self._recording, topic, at_us, end_us)
            if part is not None:
                if part.start_us <= start_us:
                    return RangePage(part.end_us, part.events, "recording")
                return RangePage(part.start_us, source="", reason="not recorded as a whole")
            at_us += WINDOW_US
        return RangePage(end_us, source="", reason="not recorded as a whole")

    def attributes(self, topic: Topic) -> dict[str, Any]:
        origin = self._recording.origin
        return {"symbol": topic.symbol, **origin_attributes(origin), "recording": self._recording.name}
