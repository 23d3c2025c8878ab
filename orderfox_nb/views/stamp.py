"""The common fields of every frame, and the encoding of frames."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from orderfox_nb.core.quality import QualityView


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Number, time and quality of one frame."""

    key: str = ""
    """Canonical text of a live frame's key, empty for public frames."""
    sequence: int = 0
    base: int | None = None
    """The sequence that a delta applies to; None for a full frame."""
    time_us: int
    """The venue's time."""
    quality: QualityView

    @property
    def time(self) -> int:
        """The venue's time in milliseconds."""
        return self.time_us // 1000


_encoder: Final = msgspec.json.Encoder()


def encode(message: Any) -> bytes:
    """Encode a message as JSON text."""
    return _encoder.encode(message)


def live_frame(stamp: Stamp, columns: dict[str, Any]) -> bytes:
    """Encode one frame of ``ws/live``: the key first, then numbers and quality, then the columns."""
    return _encoder.encode(
        {
            "type": "frame",
            "key": stamp.key,
            "sequence": stamp.sequence,
            "base": stamp.base,
            "time": stamp.time,
            "quality": stamp.quality,
            **columns,
        }
    )


def rekeyed(text: bytes, canonical: str, asked: str) -> bytes:
    """Return a live frame under the key as its reader wrote it."""
    if canonical == asked:
        return text
    head = b'{"type":"frame","key":'
    return head + _encoder.encode(asked) + text[len(head) + len(_encoder.encode(canonical)) :]


def number(value: Decimal) -> int | float:
    """Return a decimal as the JSON number that people expect: 10 and not 10.0, 0.1 and not 0.1000."""
    return int(value) if value == value.to_integral_value() else float(value)
