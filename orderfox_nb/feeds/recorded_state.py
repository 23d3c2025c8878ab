"""The state with which a stream of a replay begins, and its end."""

from __future__ import annotations

from datetime import UTC, datetime

from orderfox_nb.core.events import Event, Gap, Status, Topic
from orderfox_nb.recording.reading import StateAt


def opened_with(topic: Topic, state: StateAt | None, stamp_us: int, *, moved: bool) -> list[Event]:
    """Return what a stream begins with: the state of a time, behind a restart where it was at another one."""
    events: list[Event] = []
    if moved:
        at = datetime.fromtimestamp(stamp_us / 1e6, UTC)
        events.append(Gap(symbol=topic.symbol, time_us=stamp_us, reason=f"moved to {at:%H:%M:%S} UTC", restart=True))
    if state is None:
        return [*events, down(topic, stamp_us, "not recorded at this time")]
    events += state.prelude()
    return events if state.open else [*events, down(topic, stamp_us, "not recorded at this time: nobody read it")]


def down(topic: Topic, time_us: int, reason: str) -> Status:
    """Return that nothing of a topic is known."""
    return Status(symbol=topic.symbol, time_us=time_us, state="down", reason=reason)
