"""Events and outputs of a run, kept within a bound, so that they can be replayed and compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.bots.handles import SessionOutput
from orderfox_nb.core.events import BookDelta, BookSnapshot
from orderfox_nb.market.paper.inlet import SeenEvents

SEGMENT_EVENTS: Final = 50_000
SEGMENT_BYTES: Final = 32_000_000
"""Largest text of a book's levels in a segment."""
_EVENT_BYTES: Final = 200


class TapeSegment(msgspec.Struct, kw_only=True):
    """A stretch of a run."""

    states: Sequence[dict[str, Any]] | None
    """States of each session at its beginning; None for the beginning of the run, or where they cannot be kept."""
    acted: int
    """Number of events that the strategy had acted on before."""
    outputs: Sequence[SessionOutput]
    """Output of each session."""
    events: SeenEvents = []
    bytes: int = 0


class RunTape:
    """The newest two stretches of a run: at least 50,000 events, or 32 MB of them.

    Args:
        sessions: Number of sessions side by side.
        max_events: Largest number of events of a stretch.
    """

    def __init__(self, sessions: int, *, max_events: int = SEGMENT_EVENTS) -> None:
        self._sessions = sessions
        self._max_events = max_events
        self._segments: deque[TapeSegment] = deque(maxlen=2)
        self.begin(None, 0)

    @property
    def full(self) -> bool:
        """Whether the next stretch is to begin."""
        newest = self._segments[-1]
        return len(newest.events) >= self._max_events or newest.bytes >= SEGMENT_BYTES

    def begin(self, states: Sequence[dict[str, Any]] | None, acted: int) -> None:
        """Begin the next stretch with the states of the sessions; the oldest one is dropped."""
        self._segments.append(TapeSegment(states=states, acted=acted, outputs=self._nothing()))

    def add(self, events: SeenEvents, outputs: Sequence[SessionOutput]) -> None:
        """Add events, and the output of each session."""
        segment = self._segments[-1]
        segment.events.extend(events)
        for _, event in events:
            levels = isinstance(event, BookDelta | BookSnapshot)
            segment.bytes += _EVENT_BYTES + (len(event.raw_bids) + len(event.raw_asks) if levels else 0)
        for kept, output in zip(segment.outputs, outputs, strict=True):
            _extend(kept, output)

    def whole(self) -> TapeSegment:
        """Return everything that is kept as one stretch."""
        first, outputs = self._segments[0], self._nothing()
        for segment in self._segments:
            for kept, output in zip(outputs, segment.outputs, strict=True):
                _extend(kept, output)
        events = [item for segment in self._segments for item in segment.events]
        return TapeSegment(states=first.states, acted=first.acted, outputs=outputs, events=events)

    def _nothing(self) -> list[SessionOutput]:
        return [SessionOutput([], [], [], []) for _ in range(self._sessions)]


def _extend(kept: SessionOutput, output: SessionOutput) -> None:
    kept.orders.extend(output.orders)
    kept.reports.extend(output.reports)
    kept.fills.extend(output.fills)
