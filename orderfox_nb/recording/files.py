"""The blocks of one recording: found by their heads, read when somebody asks for their lines."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import msgspec

from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import RecordingError
from orderfox_nb.recording.journal import (
    SCHEMA_VERSION,
    SUFFIX,
    BlockHead,
    Damage,
    FileHead,
    TopicRow,
    decode_lines,
    read_heads,
)

_CACHED_FRAMES: Final = 64
"""Blocks whose lines are kept: a slider that is dragged reads the same minute again and again."""

decode_row = msgspec.json.Decoder(TopicRow).decode
_decode_head = msgspec.json.Decoder(FileHead).decode


class JournalBlock(NamedTuple):
    """A block of a recording."""

    path: Path
    head: BlockHead


class Declared(NamedTuple):
    """The topic of an index, and the block that declared it first."""

    row: TopicRow
    block: int


class RecordingFiles:
    """Every block of a recording, in order; one that is still written is read up to now, and further by ``refresh``.

    Threads may share it: what is found is only added to, and one thread at a time refreshes.

    Args:
        folder: Folder of the recording.

    Raises:
        RecordingError: No recording, or one of a format that this version does not read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damages: list[tuple[Path, Damage]] = []
        """What cannot be read, by file: also the block that is being written at the end of one."""
        self.bytes = 0
        self.blocks: list[JournalBlock] = []
        self.declared: dict[int, Declared] = {}
        self._stamps: list[int] = []
        self._keyframes: defaultdict[int, list[int]] = defaultdict(list)
        """Blocks that have a keyframe, ascending, by index."""
        self._lines: dict[int, list[bytes]] = {}
        self._lines_lock = Lock()
        self._tail: tuple[Path | None, int, int] = (None, 0, 0)
        """The newest file, where its next block begins, and its size when it was read; None before the first one."""
        self._first = 0
        """The first block whose file is still there."""
        if not (folder.is_dir() and any(folder.glob(f"*{SUFFIX}"))):
            raise RecordingError(folder, f"a folder with {SUFFIX} files")
        heads = self._index_new()
        if not self.blocks:
            raise RecordingError(folder, "a recording with at least one whole block")
        if not heads:
            raise RecordingError(folder, "a recording whose first block can be read")
        self.head = heads[0]

    def refresh(self) -> None:
        """Read what was written since, and notice which files were deleted.

        Raises:
            OSError: The folder cannot be read.
        """
        self._index_new()

    @property
    def start_us(self) -> int:
        """From when on it is recorded: later than its beginning where the oldest files were deleted."""
        first = self.blocks[min(self._first, len(self.blocks) - 1)].head
        return self.head.created_us if first.number == 0 else first.stamp_us

    @property
    def end_us(self) -> int:
        """Up to when it is recorded."""
        return self.blocks[-1].head.stamp_us

    def instrument(self, topic: Topic) -> Instrument:
        """Return what a topic's events are counted by at first.

        Raises:
            KeyError: The topic is not recorded.
        """
        return self.declared[self.indexes(topic)[0]].row.instrument

    def indexes(self, topic: Topic) -> list[int]:
        """Return the indexes of a topic: one for each time that it was opened, ascending."""
        return [index for index, declared in self.declared.items() if declared.row.topic == topic]

    def block_at(self, stamp_us: int) -> int:
        """Return the number of the first block that may have a line of a stamp or later."""
        return min(bisect_left(self._stamps, stamp_us), len(self.blocks) - 1)

    def keyframe(self, index: int, block: int) -> int:
        """Return the last block before one that has a keyframe of an index, otherwise the one that declares it."""
        first = self.declared[index].block
        found = self._keyframes.get(index, ())
        at = bisect_left(found, block)
        return max(found[at - 1], first) if at else first

    def lines(self, number: int) -> list[bytes]:
        """Return the lines of a block.

        Raises:
            ValueError: The block is damaged.
            OSError: Its file was deleted, or cannot be read.
        """
        with self._lines_lock:
            found = self._lines.pop(number, None)
            if found is not None:
                self._lines[number] = found
                return found
        path, head = self.blocks[number]
        with path.open("rb") as file:
            file.seek(head.offset)
            data = file.read(head.end - head.offset)
        found = decode_lines(data, head)
        with self._lines_lock:
            while len(self._lines) >= _CACHED_FRAMES:
                del self._lines[next(iter(self._lines))]
            self._lines[number] = found
        return found

    def _index_new(self) -> list[FileHead]:
        """Read the heads of blocks that are new; return what their files say of the recording."""
        paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        there = set(paths)
        while self._first < len(self.blocks) and self.blocks[self._first].path not in there:
            self._first += 1
        before = len(self.blocks)
        for path in paths:
            if self._tail[0] is None or path >= self._tail[0]:
                self._index(path)
        return self._read_declared(before)

    def _index(self, path: Path) -> None:
        start, known = self._tail[1:] if path == self._tail[0] else (0, 0)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.bytes += size - known
            if size > known:
                # The end that could not be read is read again: it was being written.
                self.damages = [row for row in self.damages if row[0] != path or row[1].offset < start]
                with mmap(file.fileno(), size, access=ACCESS_READ) as data:
                    for found in read_heads(data, start):
                        if isinstance(found, BlockHead):
                            self._add(JournalBlock(path, found))
                            start = found.end
                        else:
                            self.damages.append((path, found))
        self._tail = (path, start, size)

    def _add(self, block: JournalBlock) -> None:
        for index in block.head.keys:
            self._keyframes[index].append(len(self.blocks))
        self._stamps.append(block.head.stamp_us)
        self.blocks.append(block)

    def _read_declared(self, first: int) -> list[FileHead]:
        heads: list[FileHead] = []
        declared = dict(self.declared)
        for number in range(first, len(self.blocks)):
            block = self.blocks[number]
            if not block.head.declares:
                continue
            try:
                lines = self.lines(number)
            except ValueError as error:
                self.damages.append((block.path, Damage(block.head.offset, block.head.end, str(error))))
                continue
            for line in lines:
                if line.startswith(b"H"):
                    heads.append(self._check_head(line))
                elif line.startswith(b"T"):
                    row = self._check_row(line)
                    declared.setdefault(row.index, Declared(row, number))
        # Another thread may be reading the old one.
        self.declared = declared
        return heads

    def _check_row(self, line: bytes) -> TopicRow:
        try:
            return decode_row(line[1:])
        except (ValueError, msgspec.DecodeError) as error:
            raise RecordingError(self.folder, f"a journal that this version reads ({error})") from None

    def _check_head(self, line: bytes) -> FileHead:
        try:
            head = _decode_head(line[1:])
        except msgspec.DecodeError as error:
            raise RecordingError(self.folder, f"a journal that this version reads ({error})") from None
        if head.version != SCHEMA_VERSION:
            raise RecordingError(self.folder, f"schema {SCHEMA_VERSION}, found {head.version}")
        return head


def first_block(path: Path) -> BlockHead | None:
    """Return the first block of a journal that can be found, None if there is none."""
    return next(_blocks(path), None)


def last_block(path: Path) -> BlockHead | None:
    """Return the last block of a journal that can be found, None if there is none."""
    found = deque(_blocks(path), maxlen=1)
    return found[0] if found else None


def read_head(paths: Sequence[Path]) -> FileHead | None:
    """Return what the first journal that can be read says of its recording, None if none can."""
    for path in paths:
        block = first_block(path)
        if block is None:
            continue
        with path.open("rb") as file:
            file.seek(block.offset)
            data = file.read(block.end - block.offset)
        try:
            first = decode_lines(data, block)[0]
            if first.startswith(b"H"):
                return _decode_head(first[1:])
        except (ValueError, msgspec.DecodeError):
            continue
    return None


def _blocks(path: Path) -> Iterator[BlockHead]:
    with path.open("rb") as file:
        if not (size := os.fstat(file.fileno()).st_size):
            return
        with mmap(file.fileno(), size, access=ACCESS_READ) as data:
            yield from (found for found in read_heads(data) if isinstance(found, BlockHead))
