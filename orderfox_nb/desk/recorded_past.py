"""The complete parts of the recordings in the data directory."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Topic
from orderfox_nb.errors import RecordingError
from orderfox_nb.recording.complete import WINDOW_US, CompletePart, complete_part
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.recording import Recording

_log = logging.getLogger(__name__)

_FRESH_US: Final = 10_000_000
"""A recording that is being written is looked at again after that time: the rest is asked of the venue."""
_OPEN: Final = 16
"""Recordings whose index is kept in memory."""
_PARTS: Final = 8
"""Parts that were read last: a long one is given away in pages."""


class RecordedPast:
    """Finds what was recorded of a venue's run.

    Args:
        root: Folder of all recordings.
        clock: Measures how old an index is.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._open: dict[Path, tuple[int, Recording | None]] = {}
        self._parts: dict[tuple[Path, Topic, int, int], CompletePart | None] = {}

    def next_part(self, venue: str, epoch: str, topic: Topic, start_us: int, end_us: int) -> CompletePart | None:
        """Return the first complete part of a topic in a range, None if there is none; reads files.

        Args:
            venue: As recordings name it.
            epoch: Epoch of the venue's run; empty for one that has no runs.
            topic: Topic of the events.
            start_us: Beginning of the range.
            end_us: End of the range.
        """
        if not channel_spec(topic.channel).is_past:
            return None
        found: CompletePart | None = None
        for recording in self._recordings():
            head = recording.files.head
            if (head.venue, head.epoch) != (venue, epoch) or topic not in recording.topics:
                continue
            at_us, stop_us = max(start_us, recording.start_us), min(end_us, recording.end_us)
            while at_us < stop_us and (found is None or at_us < found.start_us):
                part = self._part(recording, topic, at_us, stop_us)
                if part is not None:
                    if found is None or (part.start_us, -part.end_us) < (found.start_us, -found.end_us):
                        found = part
                    break
                at_us += WINDOW_US
        return found

    def _part(self, recording: Recording, topic: Topic, start_us: int, end_us: int) -> CompletePart | None:
        key = (recording.path, topic, start_us, recording.files.end_us)
        known = self._parts.get(key)
        if known is not None and known.end_us <= end_us:
            return known
        try:
            part = complete_part(recording, topic, start_us, end_us)
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be read: %s", recording.path, error)
            return None
        while len(self._parts) >= _PARTS:
            del self._parts[next(iter(self._parts))]
        self._parts[key] = part
        return part

    def _recordings(self) -> list[Recording]:
        folders = sorted(self._root.iterdir()) if self._root.is_dir() else []
        now_us = self._clock.now_us()
        for path in self._open.keys() - set(folders):
            del self._open[path]
        found: list[Recording] = []
        for folder in folders[-_OPEN:]:
            read_us, recording = self._open.get(folder, (None, None))
            if read_us is None or now_us - read_us > _FRESH_US:
                recording = _opened(folder)
                self._open[folder] = now_us, recording
            if recording is not None:
                found.append(recording)
        while len(self._open) > _OPEN:
            del self._open[next(iter(self._open))]
        return found


def _opened(folder: Path) -> Recording | None:
    try:
        return Recording(RecordingFiles(folder))
    except (RecordingError, OSError, ValueError):
        # Deleted meanwhile, without a whole block yet, or damaged: the venue is asked.
        return None
