"""Durations as people write them: ``500ms``, ``10s``, ``5m``, ``1h``, ``1d``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeAlias

from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from orderfox_nb.errors import BadValue

Seconds: TypeAlias = str | float
"""A text with its unit, or a number of seconds."""

_UNITS: Final = {"ms": 1_000, "s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US}
_TEXT: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)")


@lru_cache(maxsize=256)
def duration_us(duration: Seconds, name: str = "duration") -> int:
    """Convert a duration to microseconds.

    Args:
        duration: A text such as ``500ms`` or ``1.5h``, or a number of seconds.
        name: What it is, for the error.

    Raises:
        BadValue: A text that cannot be read, a duration not above zero, or one longer than 365 days.
    """
    if isinstance(duration, str):
        match = _TEXT.fullmatch(duration.strip())
        length = round(float(match[1]) * _UNITS[match[2]]) if match else 0
    else:
        length = round(duration * SECOND_US) if 0 < duration < 1e9 else 0
    if not 0 < length <= 365 * DAY_US:
        raise BadValue(name, duration, "a number of seconds, or a text such as 500ms, 10s, 5m or 1h")
    return length
