"""Whether all data that a bot reads are there: it does nothing while they are not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from orderfox_nb.bots.handles import Pause
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import BookSnapshot, Channel, Event, Gap, Status


class _Channel(msgspec.Struct, kw_only=True):
    """What is known of one channel."""

    connected: bool
    """A prelude is over."""
    has_snapshot: bool
    """Where the channel has snapshots: one came since the last loss."""
    sound: bool
    """Nothing is missing since."""


class DataGate:
    """Follows the quality of a session's channels by their events, as ``core/quality.py`` does for a screen.

    Args:
        channels: Those that must be complete.
        opened: They are complete already: the events have no prelude and no ``Status``.
    """

    def __init__(self, channels: Collection[Channel], *, opened: bool) -> None:
        self._channels = {
            name: _Channel(connected=opened, has_snapshot=opened, sound=opened) for name in sorted(channels)
        }
        self.live = self._whole()
        self.reason = "" if self.live else "waiting for data"
        """Why it is not live."""
        self.pauses: list[Pause] = []
        """Times in which a bot that had started did nothing."""

    def apply(self, event: Event, channel: Channel) -> None:
        """Apply an event of a channel; a ``Status`` or ``Gap`` of an unknown channel (empty) is about all of them."""
        if isinstance(event, Status | Gap):
            for name in (channel,) if channel else self._channels:
                if (state := self._channels.get(name)) is not None:
                    self._notice(event, state, name)
        elif (state := self._channels.get(channel)) is not None:
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
        """Record that it goes on."""
        if self.pauses and not self.pauses[-1].end_us:
            last = self.pauses[-1]
            self.pauses[-1] = msgspec.structs.replace(last, end_us=max(time_us, last.start_us))

    def _notice(self, event: Status | Gap, state: _Channel, name: Channel) -> None:
        spec = channel_spec(name)
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
        return all(state.connected and state.sound and state.has_snapshot for state in self._channels.values())

    def snapshot(self) -> dict[str, Any]:
        """Return the state as builtins."""
        return {
            "reason": self.reason,
            "pauses": [msgspec.to_builtins(pause) for pause in self.pauses],
            "channels": {name: msgspec.to_builtins(state) for name, state in self._channels.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``snapshot`` returned."""
        self.pauses = msgspec.convert(state["pauses"], list[Pause])
        self._channels = {name: _Channel(**fields) for name, fields in state["channels"].items()}
        self.reason = state["reason"]
        self.live = self._whole()
