"""Receive stamps of several formats: nanoseconds, microseconds, milliseconds or ISO 8601, known by their size."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

_ISO: Final = re.compile(rb"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|\+00:00)?")
_WHOLE: Final = re.compile(rb"[0-9]{1,20}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Microseconds have this many digits in the first two hundred years of the epoch.
_UNITS: Final = (("nanoseconds", 10**17, 10**19), ("microseconds", 10**14, 10**16), ("milliseconds", 10**11, 10**13))


class ReceiveStamp(NamedTuple):
    """A time and the form that it was written in."""

    unit: str
    time_us: int


def read_stamp(text: bytes) -> ReceiveStamp | None:
    """Return a stamp, None if the text is not one."""
    if _WHOLE.fullmatch(text):
        value = int(text)
        for unit, lowest, highest in _UNITS:
            if lowest <= value < highest:
                scaled = {"nanoseconds": value // 1_000, "microseconds": value, "milliseconds": value * 1_000}
                return ReceiveStamp(unit, scaled[unit])
        return None
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    second_us = _second_us(found[1])
    return (
        None if second_us is None else ReceiveStamp("ISO 8601", second_us + int((found[2] or b"0").ljust(6, b"0")[:6]))
    )


def time_us(value: int) -> int | None:
    """Return a number as microseconds since the epoch, whatever its unit; None if it is not a time."""
    found = read_stamp(str(value).encode())
    return None if found is None else found.time_us


@lru_cache(64)
def _second_us(text: bytes) -> int | None:
    try:
        at = datetime.fromisoformat(text.decode())
    except ValueError:
        return None
    return (at.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
