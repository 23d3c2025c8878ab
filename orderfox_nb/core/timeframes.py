"""Timeframes of candles and where their bars begin, all in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import log
from typing import Final

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
WEEK_US: Final = 7 * DAY_US

TIMEFRAME_US: Final[dict[str, int]] = {
    "1m": MINUTE_US,
    "3m": 3 * MINUTE_US,
    "5m": 5 * MINUTE_US,
    "15m": 15 * MINUTE_US,
    "30m": 30 * MINUTE_US,
    "1h": HOUR_US,
    "2h": 2 * HOUR_US,
    "4h": 4 * HOUR_US,
    "6h": 6 * HOUR_US,
    "8h": 8 * HOUR_US,
    "12h": 12 * HOUR_US,
    "1d": DAY_US,
    "3d": 3 * DAY_US,
    "1w": WEEK_US,
    "1M": 30 * DAY_US,
}
"""Length of a bar in microseconds; a month's is nominal, its bounds follow the calendar."""

# 1970-01-01 was a Thursday: the first Monday of the epoch is day 4.
_FIRST_MONDAY_US: Final = 4 * DAY_US


_ASKED: Final = re.compile(r"([0-9]{1,5})\s*(s|m|min|h|d|w|mon|M|H|D|W)")
_UNIT_US: Final = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US, "w": WEEK_US, "M": 30 * DAY_US}
_UNIT_NAMES: Final = {"min": "m", "mon": "M", "M": "M"}


def near_timeframes(text: str) -> tuple[str, ...]:
    """Return the timeframes next to what was requested, the nearest first: 1h for 60m, 5m and 15m for 7m.

    One where it is the same time in another form, otherwise two; none where the text is not a time.
    """
    match = _ASKED.fullmatch(text.strip())
    if match is None or not int(match[1]):
        return ()
    asked = int(match[1]) * _UNIT_US[_UNIT_NAMES.get(match[2], match[2].lower())]
    near = sorted(TIMEFRAME_US, key=lambda name: abs(log(TIMEFRAME_US[name] / asked)))
    return (near[0],) if TIMEFRAME_US[near[0]] == asked else (near[0], near[1])


def bar_open_us(time_us: int, timeframe: str) -> int:
    """Return the start of the bar that holds a time: epoch-aligned, weeks from Monday, months by the calendar.

    Raises:
        KeyError: Not one of ``TIMEFRAME_US``.
    """
    length = TIMEFRAME_US[timeframe]
    if timeframe == "1w":
        return time_us - (time_us - _FIRST_MONDAY_US) % WEEK_US
    if timeframe == "1M":
        at = datetime.fromtimestamp(time_us // SECOND_US, UTC)
        return int(datetime(at.year, at.month, 1, tzinfo=UTC).timestamp()) * SECOND_US
    return time_us - time_us % length


def next_bar_us(open_us: int, timeframe: str) -> int:
    """Return the start of the bar after the one that starts at ``open_us``."""
    if timeframe == "1M":
        at = datetime.fromtimestamp(open_us // SECOND_US, UTC)
        year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
        return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * SECOND_US
    return open_us + TIMEFRAME_US[timeframe]


def previous_bar_us(open_us: int, timeframe: str, bars: int = 1) -> int:
    """Return the start of the bar ``bars`` before the one that starts at ``open_us``."""
    if timeframe == "1M":
        at = datetime.fromtimestamp(open_us // SECOND_US, UTC)
        month = at.year * 12 + at.month - 1 - bars
        return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * SECOND_US
    return open_us - bars * TIMEFRAME_US[timeframe]


def nests(source: str, target: str) -> bool:
    """Return whether every bar of the target is made of whole bars of the source (3d is in neither 1w nor 1M)."""
    if source == target:
        return True
    if target == "1M":
        return TIMEFRAME_US[source] <= DAY_US
    return TIMEFRAME_US[target] % TIMEFRAME_US[source] == 0
