"""The format of a journal file: blocks of lines, each block with a head, a checksum and no need of the others.

A file is a sequence of blocks. A block is a zstd *skippable* frame that holds its head, followed by one zstd frame with
content size and checksum that holds its lines, so that ``zstd -dc`` shows any journal. All numbers are little-endian:

========  =====================================================================================
bytes     head
========  =====================================================================================
4 + 4     skippable magic ``0x184D2A5D`` and the size of what follows
4         ``OFJ1``: format and version
4         CRC-32 of the rest of the head
4         size of the zstd frame behind the head
4         number of the block in the recording, from 0 without holes
4         flags: 1 where the block declares topics
8         stamp of its last line: the venue's time at receipt, microseconds
4 · n     indexes of the topics that have a keyframe in it
========  =====================================================================================

A line begins with its kind:

========================================  =====================================================
``H<FileHead>``                           about the file; its first line
``T<TopicRow>``                           declares a topic under an index, or its new instrument
``E<index> <seq> <stamp> <event>``        an event as it was folded
``K<index> <seq> <stamp>``                a keyframe: the state after event ``seq`` is what follows
``P<index> <event>``                      an event of that keyframe
``O<index> <seq> <stamp>``                the topic was opened: its prelude follows as events
``X<index> <seq> <stamp>``                the topic was closed: nothing of it is recorded any more
``A<seq> <stamp>``                        alive: silence up to the stamp is not a gap
========================================  =====================================================

``seq`` counts the events of all topics together in the order in which they were folded; it alone is the order of a
replay. ``stamp`` never falls.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from mmap import mmap
from typing import Final, NamedTuple

import msgspec
import zstandard

from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import Instrument

SUFFIX: Final = ".ofj"
SCHEMA_VERSION: Final = 1

_SKIPPABLE: Final = 0x184D2A5D
_NAME: Final = b"OFJ1"
_OUTER: Final = struct.Struct("<II4sI")
_INNER: Final = struct.Struct("<IIIq")
_MARK: Final = struct.pack("<I", _SKIPPABLE)
_DECLARES: Final = 1
MAX_FRAME_BYTES: Final = 256 << 20
"""Largest size of the lines of one block; a head with a larger one is damaged."""
_MAX_KEYS: Final = 100_000
_LEVEL: Final = 3


class FileHead(msgspec.Struct, frozen=True, kw_only=True):
    """Header of a recording, the first line of each file."""

    version: int
    recording: str
    """Id of the recording."""
    number: int
    """Number of the file, from 0."""
    venue: str
    source: str
    simulated: bool
    unbroken_trades: bool
    absent: tuple[str, ...]
    epoch: str
    created_us: int
    software: str
    notes: tuple[str, ...] = ()
    """For an imported recording: what its files lack, and what could not be read in them."""


class TopicRow(msgspec.Struct, frozen=True, kw_only=True):
    """The topic of an index of a file, with the instrument that its events are counted by."""

    index: int
    topic: Topic
    instrument: Instrument


class BlockHead(NamedTuple):
    """One block of a file."""

    offset: int
    """Where its head begins."""
    body: int
    """Where its lines begin."""
    size: int
    """Bytes of its lines, compressed."""
    number: int
    stamp_us: int
    declares: bool
    keys: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.body + self.size


class Damage(NamedTuple):
    """A stretch of a file that cannot be read."""

    offset: int
    end: int
    reason: str


def encode_block(
    lines: Sequence[bytes], *, number: int, stamp_us: int, declares: bool = False, keys: Sequence[int] = ()
) -> bytes:
    """Return a block with its head."""
    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True)
    body = packer.compress(b"\n".join(lines))
    rest = _INNER.pack(len(body), number, _DECLARES if declares else 0, stamp_us) + struct.pack(f"<{len(keys)}I", *keys)
    return _OUTER.pack(_SKIPPABLE, 8 + len(rest), _NAME, zlib.crc32(rest)) + rest + body


def read_heads(data: bytes | mmap, start: int = 0) -> Iterator[BlockHead | Damage]:
    """Return the blocks of a file in order, and what lies between them where a head is damaged or cut off.

    Args:
        data: The whole file; of bodies only the length is looked at.
        start: Where to begin: the beginning of a block.
    """
    at = start
    while at < len(data):
        found = _head_at(data, at)
        if isinstance(found, BlockHead):
            yield found
            at = found.end
            continue
        onward = _next_head(data, at + 1)
        yield Damage(at, onward, found)
        at = onward


def decode_lines(data: bytes, head: BlockHead) -> list[bytes]:
    """Return the lines of a block.

    Args:
        data: The block, from its head on.
        head: Head of the block.

    Raises:
        ValueError: The block is damaged: its checksum is another one.
    """
    body = data[head.body - head.offset : head.end - head.offset]
    try:
        size = zstandard.frame_content_size(body)
        if not 0 <= size <= MAX_FRAME_BYTES:
            raise ValueError(f"a block of {size} bytes")
        return zstandard.ZstdDecompressor().decompress(body).split(b"\n")
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged block {head.number}: {error}") from None


def _head_at(data: bytes | mmap, at: int) -> BlockHead | str:
    """Return the block that begins at an offset, or why there is none."""
    outer = data[at : at + _OUTER.size]
    if len(outer) < _OUTER.size:
        return "the file ends within a head"
    magic, size, name, checksum = _OUTER.unpack(outer)
    if magic != _SKIPPABLE or name != _NAME or not 8 + _INNER.size <= size <= 8 + _INNER.size + 4 * _MAX_KEYS:
        return "not a head"
    body = at + 8 + size
    rest = data[at + _OUTER.size : body]
    if len(rest) < size - 8:
        return "the file ends within a head"
    if zlib.crc32(rest) != checksum:
        return "damaged head"
    length, number, flags, stamp_us = _INNER.unpack_from(rest)
    if body + length > len(data):
        return "the file ends within a block"
    keys = struct.unpack_from(f"<{(len(rest) - _INNER.size) // 4}I", rest, _INNER.size)
    return BlockHead(at, body, length, number, stamp_us, bool(flags & _DECLARES), keys)


def _next_head(data: bytes | mmap, start: int) -> int:
    """Return where the next good head begins, or the end."""
    at = data.find(_MARK, start)
    while at >= 0:
        if isinstance(_head_at(data, at), BlockHead):
            return at
        at = data.find(_MARK, at + 1)
    return len(data)
