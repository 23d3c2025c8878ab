"""Writes a recording: lines gathered on one loop, blocks written in a thread, a new file every ten minutes.

``Writer`` only gathers: it does no I/O. ``Batch.write`` does, and may run in any thread; batches are written one after
the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from orderfox_nb.core.events import Event, Topic, encode_event
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.recording.journal import SUFFIX, FileHead, TopicRow, encode_block

MAX_FILE_BYTES: Final = 64_000_000
MAX_FILE_US: Final = 600_000_000

_encode = msgspec.json.Encoder().encode


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Data of one write to disk."""

    path: Path
    lines: list[bytes]
    number: int
    stamp_us: int
    declares: bool
    keys: tuple[int, ...]

    def write(self, *, sync: bool = False) -> int:
        """Append the block to its file and return its bytes.

        Args:
            sync: Wait until the disk has it, which protects against a loss of power.

        Raises:
            OSError: The disk is full or cannot be written. What was written of the block is taken back, so that the
                file ends with a whole one.
        """
        block = encode_block(
            self.lines, number=self.number, stamp_us=self.stamp_us, declares=self.declares, keys=self.keys
        )
        with self.path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                written = 0
                while written < len(block):
                    written += file.write(block[written:])
                if sync:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
        return len(block)


class Writer:
    """Gathers what happens to topics and cuts it into batches.

    Args:
        folder: Folder of the recording; it exists.
        head: What each file says of the recording; its number counts on.
        max_file_us: After which a new file begins; ten minutes by default.
    """

    def __init__(self, folder: Path, head: FileHead, *, max_file_us: int | None = None) -> None:
        self.folder = folder
        self._max_file_us = MAX_FILE_US if max_file_us is None else max_file_us
        self.seq = 0
        """Number of the last event."""
        self.stamp_us = head.created_us
        """When the last line was recorded: it never falls."""
        self._head = head
        self._rows: dict[Topic, TopicRow] = {}
        self._indexes = 0
        self._lines: list[bytes] = []
        self._keys: list[int] = []
        self._declares = False
        self._block = 0
        self._begin_file(0)

    def opened(self, topic: Topic, instrument: Instrument, stamp_us: int) -> None:
        """Begin to record a topic, whose prelude follows as events."""
        self._declare(topic, instrument)
        self._mark("O", topic, stamp_us)

    def closed(self, topic: Topic, stamp_us: int) -> None:
        """Record that nothing more comes of a topic."""
        self._mark("X", topic, stamp_us)
        del self._rows[topic]

    def event(self, topic: Topic, instrument: Instrument, event: Event, stamp_us: int) -> None:
        """Record an event of an open topic, counted by an instrument."""
        row = self._rows[topic]
        if row.instrument is not instrument:
            row = self._declare(topic, instrument)
        self._stamp(stamp_us)
        self.seq += 1
        self._lines.append(b"E%d %d %d %b" % (row.index, self.seq, self.stamp_us, encode_event(event)))

    def keyframe(self, topic: Topic, instrument: Instrument, prelude: Iterable[Event], stamp_us: int) -> None:
        """Record the state of an open topic: the events that rebuild it."""
        # A reader that begins here must know what the state is counted by.
        index = self._declare(topic, instrument, first=False).index
        self._mark("K", topic, stamp_us)
        self._lines += [b"P%d %b" % (index, encode_event(event)) for event in prelude]
        self._keys.append(index)

    def cut(self, stamp_us: int) -> Batch:
        """Return what was gathered since the last cut, with a line that says that the recorder is alive."""
        self._stamp(stamp_us)
        self._lines.append(b"A%d %d" % (self.seq, self.stamp_us))
        batch = Batch(
            path=self.folder / f"{self._file:06}{SUFFIX}",
            lines=self._lines,
            number=self._block,
            stamp_us=self.stamp_us,
            declares=self._declares,
            keys=tuple(self._keys),
        )
        self._lines, self._keys, self._declares = [], [], False
        self._block += 1
        if self._file_bytes >= MAX_FILE_BYTES or self.stamp_us - self._file_us >= self._max_file_us:
            self._begin_file(self._file + 1)
        return batch

    def written(self, count: int) -> None:
        """Count the bytes of a batch that was written: a large file is ended."""
        self._file_bytes += count

    def __contains__(self, topic: Topic) -> bool:
        """Return whether a topic is being recorded."""
        return topic in self._rows

    @property
    def pending(self) -> int:
        """How many lines wait for the next cut."""
        return len(self._lines)

    def _begin_file(self, number: int) -> None:
        # Each file declares its topics, since an older one may be deleted.
        self._file, self._file_bytes, self._file_us = number, 0, self.stamp_us
        self._lines.append(b"H" + _encode(msgspec.structs.replace(self._head, number=number)))
        self._lines += [b"T" + _encode(row) for row in self._rows.values()]
        self._declares = True

    def _declare(self, topic: Topic, instrument: Instrument, *, first: bool = True) -> TopicRow:
        known = self._rows.get(topic)
        if known is None:
            self._indexes += 1
        index = self._indexes - 1 if known is None else known.index
        row = self._rows[topic] = TopicRow(index=index, topic=topic, instrument=instrument)
        self._declares = self._declares or first or known is None
        self._lines.append(b"T" + _encode(row))
        return row

    def _mark(self, kind: str, topic: Topic, stamp_us: int) -> None:
        self._stamp(stamp_us)
        self._lines.append(f"{kind}{self._rows[topic].index} {self.seq} {self.stamp_us}".encode())

    def _stamp(self, stamp_us: int) -> None:
        self.stamp_us = max(self.stamp_us, stamp_us)
