"""Writes a part of a recording as a recording of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from orderfox_nb.core.events import Topic
from orderfox_nb.errors import RecordingError
from orderfox_nb.recording.journal import SUFFIX
from orderfox_nb.recording.reading import StateAt, state_at
from orderfox_nb.recording.recording import Recording
from orderfox_nb.recording.writer import Writer

_BATCH_US: Final = 1_000_000
_KEY_US: Final = 60_000_000


def save(part: Recording, folder: Path, *, progress: Callable[[float], None] = lambda _done: None) -> Path:
    """Write a part of a recording into a new folder and return it.

    Args:
        part: What is written.
        folder: Of the new recording; it must be empty or not exist.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        RecordingError: The folder holds a recording already.
        OSError: It cannot be written.
    """
    if folder.exists() and any(folder.glob(f"*{SUFFIX}")):
        raise RecordingError(folder, "a folder without a recording: nothing is overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    head = msgspec.structs.replace(
        part.files.head, recording=folder.name, number=0, created_us=part.start_us, version=part.files.head.version
    )
    writer = Writer(folder, head)
    states: dict[Topic, StateAt] = {}
    keyed: dict[Topic, int] = {}
    cut_us = part.start_us + _BATCH_US
    whole_us = max(part.end_us - part.start_us, 1)
    for seq, stamp_us, topic, event in part.events():
        if stamp_us >= cut_us:
            for other, state in states.items():
                if stamp_us - keyed[other] >= _KEY_US:
                    writer.keyframe(other, state.instrument, state.prelude(), cut_us)
                    keyed[other] = stamp_us
            writer.written(writer.cut(cut_us).write())
            progress(min((cut_us - part.start_us) / whole_us, 1.0))
            cut_us = stamp_us + _BATCH_US
        if topic not in states:
            known = state_at(part.files, topic, stamp_us)
            instrument = known.instrument if known is not None else part.files.instrument(topic)
            states[topic] = StateAt.empty(topic, instrument)
            keyed[topic] = stamp_us
            writer.opened(topic, instrument, stamp_us)
        state = states[topic]
        state.apply(event, seq, state.instrument)
        writer.event(topic, state.instrument, event, stamp_us)
    writer.written(writer.cut(part.end_us - 1).write())
    progress(1.0)
    return folder
