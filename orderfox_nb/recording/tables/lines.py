"""Reads one journal file by itself, also one that grows: the events of a table, each with its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Final, NamedTuple

from orderfox_nb.core.events import Event, Gap, Status, decode_event, is_restart
from orderfox_nb.errors import RecordingError
from orderfox_nb.recording.files import RecordingFiles, decode_row
from orderfox_nb.recording.journal import BlockHead, Damage, TopicRow, decode_lines, read_heads
from orderfox_nb.recording.tables.schema import EVENTS, channel_of

_TAGS: Final = tuple(f'{{"type":"{kind.__name__}"'.encode() for kind in (Status, Gap))


class TableEvent(NamedTuple):
    """An event that has rows in a table."""

    row: TopicRow
    seq: int
    stamp_us: int
    event: Any
    prelude: bool


class JournalEvents:
    """The events of one table in one journal file, read on from where the last reading ended.

    Args:
        path: Path of the file.
        table: Name of the table.
        growing: Whether the file is still written, so that an end that cannot be read is one that is not there yet.
    """

    def __init__(self, path: Path, table: str, *, growing: bool = False) -> None:
        self._path = path
        self._channel = channel_of(table)
        self._kinds = EVENTS[table]
        self._growing = growing
        self._rows: dict[int, TopicRow] = {}
        self._starting: set[int] = set()
        """Indexes of topics whose prelude is not over."""
        self._at = 0
        self._seq = self._stamp_us = 0

    def read(self) -> Iterator[TableEvent]:
        """Return what was written since the last reading, in order.

        Raises:
            OSError: The file cannot be read.
        """
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= self._at:
                return
            with mmap(file.fileno(), size, access=ACCESS_READ) as data:
                start = self._at
                for found in read_heads(data[start:] if start else data):
                    offset, end = found.offset + start, found.end + start
                    if isinstance(found, Damage):
                        if self._growing and end == size:
                            return
                        yield from self._lost(found.reason)
                    else:
                        yield from self._block(data[offset:end], found)
                    self._at = end

    def _block(self, data: bytes, head: BlockHead) -> Iterator[TableEvent]:
        try:
            lines = decode_lines(data, head)
        except ValueError as error:
            self._stamp_us = self._stamp_us or head.stamp_us
            yield from self._lost(str(error))
            return
        for line in lines:
            code = line[:1]
            if code == b"T":
                row = decode_row(line[1:])
                self._rows[row.index] = row
            elif code == b"A":
                self._seq, self._stamp_us = map(int, line[1:].split(b" "))
            elif code in b"EOX":
                found = self._line(code, line)
                if found is not None:
                    yield found

    def _line(self, code: bytes, line: bytes) -> TableEvent | None:
        # Most lines are of another channel.
        index_end = line.index(b" ")
        index = int(line[1:index_end])
        row = self._rows.get(index)
        if row is None or (self._channel is not None and row.topic.channel != self._channel):
            return None
        if code != b"E":
            (self._starting.add if code == b"O" else self._starting.discard)(index)
            return None
        _, seq_text, stamp_text, text = line.split(b" ", 3)
        if self._channel is None and not text.startswith(_TAGS):
            return None
        event = decode_event(text)
        starting = index in self._starting
        self._follow(index, event)
        self._seq, self._stamp_us = int(seq_text), int(stamp_text)
        if not isinstance(event, self._kinds):
            return None
        return TableEvent(row, self._seq, self._stamp_us, event, starting)

    def _follow(self, index: int, event: Event) -> None:
        if is_restart(event):
            self._starting.add(index)
        elif isinstance(event, Status) and event.ends_prelude:
            self._starting.discard(index)

    def _lost(self, reason: str) -> Iterator[TableEvent]:
        """Return a gap of every topic, and find out about topics that were declared in what is lost."""
        try:
            declared = RecordingFiles(self._path.parent).declared
        except RecordingError:
            declared = {}
        for index, (row, _) in declared.items():
            self._rows.setdefault(index, row)
        if Gap not in self._kinds:
            return
        for row in self._rows.values():
            gap = Gap(
                symbol=row.topic.symbol,
                time_us=self._stamp_us,
                reason=f"a part of the recording cannot be read: {reason}",
            )
            yield TableEvent(row, self._seq, self._stamp_us, gap, False)
