"""Finds events of a recording by their place."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, NamedTuple

from orderfox_nb.recording.entries import records
from orderfox_nb.recording.files import RecordingFiles

_MAX_BLOCKS: Final = 3_600
"""Blocks that are read for one search: an hour."""


class Place(NamedTuple):
    """An event of a recording."""

    stamp_us: int
    seq: int


def events_before(
    files: RecordingFiles, indexes: Container[int], stamp_us: int, seq: int | None, count: int
) -> list[Place]:
    """Return the places of the newest events up to a place, the oldest first; fewer where there are not as many.

    Args:
        files: The recording.
        indexes: Indexes of the topics whose events count.
        stamp_us: The place's time.
        seq: The last event before the place; all events of its time by default.
        count: How many.
    """
    found: list[Place] = []
    last = files.block_at(stamp_us)
    for number in range(last, max(last - _MAX_BLOCKS, -1), -1):
        of_block = [
            Place(record.stamp_us, record.seq)
            for record in records(files, number, number, indexes=indexes)
            if record.kind == "event" and record.stamp_us <= stamp_us and (seq is None or record.seq <= seq)
        ]
        found = of_block + found
        if len(found) >= count:
            break
    return found[-count:]
