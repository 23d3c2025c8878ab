"""Recorded raw frames: one line is a receive time in nanoseconds, a space, and the frame as it came."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Final

import msgspec

_GZIP: Final = b"\x1f\x8b"
_NOTHING: Final = msgspec.Raw(b"null")


class _TapeLine(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = _NOTHING
    e: str = ""
    last_update_id: int = msgspec.field(name="lastUpdateId", default=0)
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []


class RecordedFrame(msgspec.Struct):
    """The fields of a recorded frame that a tape reads, under the venue's names; the text itself is forwarded."""

    e: str = ""
    s: str = ""
    E: int = 0
    T: int = 0
    U: int = 0
    u: int = 0
    pu: int = -1
    b: msgspec.Raw = _NOTHING
    a: msgspec.Raw = _NOTHING
    t: int = 0
    p: str = "0"
    q: str = "0"
    X: str = "MARKET"
    f: int = 0
    l: int = 0  # noqa: E741  # the venue's name
    m: bool = False


class Snapshot(msgspec.Struct, frozen=True):
    """A body of REST ``depth`` that was recorded in band."""

    update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Record(msgspec.Struct):
    """One line: when it was received, the stream it came on, and the payload as sent."""

    received_us: int
    stream: str
    payload: bytes
    frame: RecordedFrame
    snapshot: Snapshot | None = None


_decode_line = msgspec.json.Decoder(_TapeLine).decode
_decode_frame = msgspec.json.Decoder(RecordedFrame).decode


def read_records(path: Path) -> Iterator[Record]:
    """Read a recording from its start, plain or gzipped; lines that are not frames are left out.

    Raises:
        OSError: It cannot be read.
    """
    with _opened(path) as lines:
        for line in lines:
            record = _record(line)
            if record is not None:
                yield record


def _opened(path: Path) -> BufferedIOBase:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")


def _record(line: bytes) -> Record | None:
    received, _, text = line.strip().partition(b" ")
    try:
        received_us = int(received) // 1_000
        outer = _decode_line(text)
        if outer.last_update_id:
            snapshot = Snapshot(outer.last_update_id, outer.bids, outer.asks)
            return Record(received_us, "", text, RecordedFrame(), snapshot)
        payload = text if outer.e else bytes(outer.data)
        frame = _decode_frame(payload)
    except (ValueError, msgspec.MsgspecError):
        return None
    return Record(received_us, outer.stream, payload, frame) if frame.s else None
