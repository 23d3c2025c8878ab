"""Recorded raw frames: one line is a receive time in nanoseconds, a space, and the frame as it came."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from decimal import Decimal
from io import BufferedIOBase
from pathlib import Path
from typing import Final

import msgspec

_HEAD_LINES: Final = 20_000
_ENOUGH_LINES: Final = 2_000
_GZIP: Final = b"\x1f\x8b"
_NOTHING: Final = msgspec.Raw(b"null")


class _Line(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = _NOTHING
    e: str = ""
    last_update_id: int = msgspec.field(name="lastUpdateId", default=0)
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []


class Frame(msgspec.Struct):
    """The fields of a recorded frame that a tape looks at, under the venue's names; the text itself is forwarded."""

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
    frame: Frame
    snapshot: Snapshot | None = None


class Head(msgspec.Struct):
    """What the first lines tell of a recording."""

    start_us: int = 0
    """Receive time of the first frame."""
    skew_us: int = -(2**62)
    """How far the exchange's clock is ahead of the receiver's."""
    kinds: set[str] = msgspec.field(default_factory=set)
    """Event types that occur."""
    symbols: dict[str, Steps] = msgspec.field(default_factory=dict)
    snapshots: list[Snapshot] = []


class Steps:
    """The smallest step that every number seen is a multiple of."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def add(self, what: str, text: str) -> None:
        """Take note of a price or a size."""
        whole, _, rest = text.partition(".")
        digits, divisor = self._seen.get(what, (0, 0))
        if len(rest) > digits:
            divisor *= 10 ** (len(rest) - digits)
            digits = len(rest)
        self._seen[what] = (digits, math.gcd(divisor, int(whole + rest.ljust(digits, "0"))))

    def step(self, what: str) -> Decimal:
        """Return the step; one unit where nothing was seen."""
        digits, divisor = self._seen.get(what, (0, 1))
        return Decimal(max(1, divisor)).scaleb(-digits)


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_frame = msgspec.json.Decoder(Frame).decode
_decode_levels = msgspec.json.Decoder(list[tuple[str, str]]).decode


def read_records(path: Path) -> Iterator[Record]:
    """Read a recording from its start, plain or gzipped; lines that are no frames are left out.

    Raises:
        OSError: It cannot be read.
    """
    with _opened(path) as lines:
        for line in lines:
            record = _record(line)
            if record is not None:
                yield record


def read_head(path: Path) -> Head:
    """Look at the first lines of a recording.

    Raises:
        OSError: It cannot be read.
        ValueError: There is no frame in it.
    """
    head = Head()
    for count, record in enumerate(read_records(path)):
        if not count:
            head.start_us = record.received_us
        if record.snapshot is not None:
            head.snapshots.append(record.snapshot)
            steps = next(iter(head.symbols.values()), None)
            if steps is not None:
                _note(steps, record.snapshot.bids + record.snapshot.asks)
            continue
        frame = record.frame
        head.kinds.add(frame.e)
        if frame.E:
            head.skew_us = max(head.skew_us, frame.E * 1_000 - record.received_us)
        steps = head.symbols.setdefault(frame.s, Steps())
        if frame.e == "depthUpdate":
            _note(steps, _decode_levels(frame.b) + _decode_levels(frame.a))
        elif frame.e in ("trade", "aggTrade"):
            _note(steps, [(frame.p, frame.q)])
        if count >= _HEAD_LINES or (count >= _ENOUGH_LINES and head.snapshots):
            break
    if not head.symbols:
        raise ValueError(f"{path}: no recorded frame in it")
    return head


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
            return Record(received_us, "", text, Frame(), snapshot)
        payload = text if outer.e else bytes(outer.data)
        frame = _decode_frame(payload)
    except (ValueError, msgspec.MsgspecError):
        return None
    return Record(received_us, outer.stream, payload, frame) if frame.s else None


def _note(steps: Steps, levels: list[tuple[str, str]]) -> None:
    for price, size in levels:
        steps.add("price", price)
        steps.add("size", size)
