"""Writes a part of a recording as a recording of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from orderfox_nb.errors import RecordingError
from orderfox_nb.recording.building import Builder
from orderfox_nb.recording.journal import SUFFIX
from orderfox_nb.recording.reading import state_at
from orderfox_nb.recording.recording import Recording


def save(part: Recording, folder: Path, *, progress: Callable[[float], None] = lambda _done: None) -> Path:
    """Write a part of a recording into a new folder and return it.

    Args:
        part: What is written.
        folder: Folder of the new recording; it must be empty or not exist.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        RecordingError: The folder holds a recording already, or cannot be made.
        OSError: It cannot be written.
    """
    if folder.exists() and any(folder.glob(f"*{SUFFIX}")):
        raise RecordingError(folder, "a folder without a recording: nothing is overwritten")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(folder, f"a folder that can be made ({error.strerror or error})") from None
    head = msgspec.structs.replace(
        part.files.head, recording=folder.name, number=0, created_us=part.start_us, version=part.files.head.version
    )
    builder = Builder(folder, head)
    whole_us = max(part.end_us - part.start_us, 1)
    for _, stamp_us, topic, event in part.events():
        if builder.advance(stamp_us):
            progress(min((stamp_us - part.start_us) / whole_us, 1.0))
        if topic not in builder:
            known = state_at(part.files, topic, stamp_us)
            builder.open(topic, known.instrument if known is not None else part.files.instrument(topic), stamp_us)
        builder.put(topic, event, stamp_us)
    builder.end(part.end_us - 1)
    progress(1.0)
    return folder
