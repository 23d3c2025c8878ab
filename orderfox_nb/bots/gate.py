"""Checks whether all data that a bot reads is complete; the bot pauses while it is not."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from orderfox_nb.bots.handles import Pause
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import BookSnapshot, Event, Gap, Status, Topic

MAX_PAUSES: Final = 10_000


class _Stream(msgspec.Struct, kw_only=True):
    """State of one stream."""

    connected: bool
    """A prelude is over."""
    has_snapshot: bool
    """Where the channel has snapshots: one came since the last loss."""
    sound: bool
    """Nothing is missing since."""


def stream_name(topic: Topic) -> str:
    """Return the name of a topic among those of a session: ``book``, ``candles@5m``."""
    return f"{topic.channel}@{topic.interval}" if topic.interval else topic.channel


class DataGate:
    """Follows the quality of a session's streams by their events, as ``core/quality.py`` does for a screen.

    Args:
        streams: Those that must be complete, as ``stream_name`` has them.
        opened: They are complete already: the events have no prelude and no ``Status``.
    """

    def __init__(self, streams: Collection[str], *, opened: bool) -> None:
        self._streams = {name: _Stream(connected=opened, has_snapshot=opened, sound=opened) for name in sorted(streams)}
        self.live = self._whole()
        self.reason = "" if self.live else "waiting for data"
        """Why it is not live."""
        self.pauses: deque[Pause] = deque(maxlen=MAX_PAUSES)
        """Times in which a bot that had started did nothing: the newest 10,000."""

    def apply(self, event: Event, stream: str) -> None:
        """Apply an event of a stream.

        A ``Status`` or ``Gap`` of a channel without its interval is about all streams of that channel, and one without
        a channel (empty) about all streams.
        """
        if isinstance(event, Status | Gap):
            for name, state in self._streams.items():
                if stream in {"", name, name.partition("@")[0]}:
                    self._notice(event, state, name)
        elif (state := self._streams.get(stream)) is not None:
            if type(event) is BookSnapshot:
                state.has_snapshot = True
            if state.connected and state.has_snapshot:
                state.sound = True
        self.live = self._whole()
        if self.live:
            self.reason = ""

    def pause(self, time_us: int) -> None:
        """Record that the bot does nothing from now on."""
        self.pauses.append(Pause(start_us=time_us, end_us=0, reason=self.reason))

    def resume(self, time_us: int) -> None:
        """Record that it continues."""
        if self.pauses and not self.pauses[-1].end_us:
            last = self.pauses[-1]
            self.pauses[-1] = msgspec.structs.replace(last, end_us=max(time_us, last.start_us))

    def _notice(self, event: Status | Gap, state: _Stream, name: str) -> None:
        spec = channel_spec(name.partition("@")[0])
        if isinstance(event, Gap):
            if spec.sparse and not event.restart:
                # The next event may be hours away, and nothing shows that more is missing.
                return
            state.connected = state.connected and not event.restart
            state.sound, state.has_snapshot = False, spec.snapshot is None
        elif event.state == "live":
            state.connected = True
            state.sound = state.has_snapshot = state.has_snapshot or spec.snapshot is None
        else:
            state.sound = False
            if event.state in {"connecting", "down"}:
                state.connected = False
            if event.state == "down":
                state.has_snapshot = spec.snapshot is None
        if not state.sound:
            state_name = event.state if isinstance(event, Status) else "events are missing"
            self.reason = f"{name}: {event.reason or state_name}"

    def _whole(self) -> bool:
        return all(state.connected and state.sound and state.has_snapshot for state in self._streams.values())

    def snapshot(self) -> dict[str, Any]:
        """Return the state as builtins."""
        return {
            "reason": self.reason,
            "pauses": [msgspec.to_builtins(pause) for pause in self.pauses],
            "streams": {name: msgspec.to_builtins(state) for name, state in self._streams.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``snapshot`` returned."""
        self.pauses = deque(msgspec.convert(state["pauses"], list[Pause]), maxlen=MAX_PAUSES)
        self._streams = {name: _Stream(**fields) for name, fields in state["streams"].items()}
        self.reason = state["reason"]
        self.live = self._whole()
