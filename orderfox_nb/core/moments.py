"""Times as people write them: dates, ISO 8601, datetimes with a zone, and how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from orderfox_nb.core.numerals import MAX_TIME_MS
from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US, SECOND_US, WEEK_US
from orderfox_nb.errors import BadValue

Moment = datetime | str | int
"""``"2026-10-01"``, ISO 8601 (in UTC without a zone), ``"-30d"`` before now, a datetime with its zone, or microseconds
since the epoch."""

_AGO: Final = re.compile(r"-([0-9]{1,7})(s|m|h|d|w)")
_UNIT_US: Final = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US, "w": WEEK_US}
_EXPECTED: Final = "a time such as 2026-10-01, 2026-10-01T10:30Z, -30d, a datetime with a zone, or microseconds"


def moment_us(moment: Moment, *, now_us: int, name: str = "time", expected: str = _EXPECTED) -> int:
    """Return a moment as microseconds since the epoch.

    Args:
        moment: The time.
        now_us: What ``-30d`` is counted back from.
        name: What an error calls it.
        expected: What an error says that it may be.

    Raises:
        BadValue: No time that can be read, a datetime without a zone, or a time before 1970 or after 9999.
    """
    found = _read(moment, now_us)
    if found is None or not 0 <= found <= MAX_TIME_MS * 1_000:
        raise BadValue(name, moment, expected)
    return found


def _read(moment: Moment, now_us: int) -> int | None:
    # Also what a notebook passes by mistake: None, a float, a list.
    if isinstance(moment, bool) or not isinstance(moment, int | str | datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
        return None
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        text = moment.strip()
        if (ago := _AGO.fullmatch(text)) is not None:
            return now_us - int(ago[1]) * _UNIT_US[ago[2]]
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    if moment.tzinfo is None:
        return None
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
