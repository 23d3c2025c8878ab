"""Writes a recording from given events: in blocks, with the keyframes that seeking needs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from orderfox_nb.core.events import Event, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.recording.journal import FileHead
from orderfox_nb.recording.reading import StateAt
from orderfox_nb.recording.writer import Writer

_CHECK_US: Final = 1_000_000
_KEY_US: Final = 60_000_000
_MIN_LINES: Final = 200
"""Smallest number of lines in a block: events of days may be minutes apart."""
_MAX_BLOCK_US: Final = 3_600_000_000
_MAX_FILE_US: Final = 86_400_000_000


class _Built(msgspec.Struct):
    state: StateAt
    keyed_us: int
    events: int = 0
    """Since the last keyframe."""
    prelude: int = 0
    """Events of the last keyframe."""


class Builder:
    """A new recording. Stamps may not fall by more than a moment: one that does is written as the last one.

    Args:
        folder: Folder of the recording; it exists and is empty.
        head: What each file says of it.
    """

    def __init__(self, folder: Path, head: FileHead) -> None:
        self._writer = Writer(folder, head, max_file_us=_MAX_FILE_US)
        self._states: dict[Topic, _Built] = {}
        self._next_us = head.created_us + _CHECK_US
        self._cut_us = head.created_us

    def __contains__(self, topic: Topic) -> bool:
        """Return whether a topic is open."""
        return topic in self._states

    def state(self, topic: Topic) -> StateAt:
        """Return an open topic as it is now."""
        return self._states[topic].state

    def advance(self, stamp_us: int) -> bool:
        """Let time pass up to the next event; returns whether a second is over, for what is to be checked then."""
        if stamp_us < self._next_us:
            return False
        if self._writer.pending >= _MIN_LINES or stamp_us - self._cut_us >= _MAX_BLOCK_US:
            self._key(self._next_us)
            self._write(self._next_us)
            self._cut_us = stamp_us
        self._next_us = stamp_us + _CHECK_US
        return True

    def open(self, topic: Topic, instrument: Instrument, stamp_us: int) -> None:
        """Begin a topic."""
        self._states[topic] = _Built(StateAt.empty(topic, instrument), stamp_us)
        self._writer.opened(topic, instrument, stamp_us)

    def put(self, topic: Topic, event: Event, stamp_us: int) -> None:
        """Add an event of an open topic."""
        built = self._states[topic]
        built.state.apply(event, self._writer.seq + 1, built.state.instrument)
        built.events += 1
        self._writer.event(topic, built.state.instrument, event, stamp_us)

    def _key(self, stamp_us: int) -> None:
        for topic, built in self._states.items():
            # A keyframe of many events is worth as many.
            if stamp_us - built.keyed_us < _KEY_US or built.events < max(built.prelude, 1):
                continue
            prelude = built.state.prelude()
            self._writer.keyframe(topic, built.state.instrument, prelude, stamp_us)
            built.keyed_us, built.events, built.prelude = stamp_us, 0, len(prelude)

    def end(self, stamp_us: int) -> None:
        """Write the rest; the recording ends at a stamp."""
        self._write(stamp_us)

    def _write(self, stamp_us: int) -> None:
        self._writer.written(self._writer.cut(stamp_us).write())
