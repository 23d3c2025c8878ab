"""The blocks of one recording: found by their heads, read when somebody asks for their lines."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
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
    """What an index means, and the block that declared it first."""

    row: TopicRow
    block: int


class RecordingFiles:
    """Every block of a recording, in order; one that is still written is read up to now.

    Args:
        folder: Of the recording.

    Raises:
        RecordingError: No recording, or one of a format that this version does not read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damages: list[tuple[Path, Damage]] = []
        """What cannot be read, by file: also the block that is being written at the end of one."""
        self.bytes = 0
        self.blocks: list[JournalBlock] = []
        self._lines: dict[int, list[bytes]] = {}
        paths = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
        if not paths:
            raise RecordingError(folder, f"a folder with {SUFFIX} files")
        for path in paths:
            self._index(path)
        if not self.blocks:
            raise RecordingError(folder, "a recording with at least one whole block")
        self._stamps = [block.head.stamp_us for block in self.blocks]
        self.declared: dict[int, Declared] = {}
        self.head = self._read_declared()

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
        """Return the last block before one that has a keyframe of an index, else the one that declares it."""
        first = self.declared[index].block
        for number in range(block - 1, first, -1):
            if index in self.blocks[number].head.keys:
                return number
        return first

    def lines(self, number: int) -> list[bytes]:
        """Return the lines of a block.

        Raises:
            ValueError: The block is damaged.
            OSError: Its file was deleted, or cannot be read.
        """
        found = self._lines.pop(number, None)
        if found is None:
            path, head = self.blocks[number]
            with path.open("rb") as file:
                file.seek(head.offset)
                data = file.read(head.end - head.offset)
            found = decode_lines(data, head)
            while len(self._lines) >= _CACHED_FRAMES:
                del self._lines[next(iter(self._lines))]
        self._lines[number] = found
        return found

    def _index(self, path: Path) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.bytes += size
            if not size:
                return
            with mmap(file.fileno(), size, access=ACCESS_READ) as data:
                for found in read_heads(data):
                    if isinstance(found, BlockHead):
                        self.blocks.append(JournalBlock(path, found))
                    else:
                        self.damages.append((path, found))

    def _read_declared(self) -> FileHead:
        head: FileHead | None = None
        for number, block in enumerate(self.blocks):
            if not block.head.declares:
                continue
            try:
                lines = self.lines(number)
            except ValueError as error:
                self.damages.append((block.path, Damage(block.head.offset, block.head.end, str(error))))
                continue
            for line in lines:
                if line.startswith(b"H"):
                    head = head or self._check_head(line)
                elif line.startswith(b"T"):
                    row = decode_row(line[1:])
                    self.declared.setdefault(row.index, Declared(row, number))
        if head is None:
            raise RecordingError(self.folder, "a recording whose first block can be read")
        return head

    def _check_head(self, line: bytes) -> FileHead:
        try:
            head = _decode_head(line[1:])
        except msgspec.DecodeError as error:
            raise RecordingError(self.folder, f"a journal that this version reads ({error})") from None
        if head.version != SCHEMA_VERSION:
            raise RecordingError(self.folder, f"schema {SCHEMA_VERSION}, found {head.version}")
        return head


def first_block(path: Path) -> BlockHead | None:
    """Return the first block of a journal that can be found, None where there is none."""
    return next(_blocks(path), None)


def last_block(path: Path) -> BlockHead | None:
    """Return the last block of a journal that can be found, None where there is none."""
    found = deque(_blocks(path), maxlen=1)
    return found[0] if found else None


def read_head(paths: Sequence[Path]) -> FileHead | None:
    """Return what the first journal that can be read says of its recording, None where none can."""
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
