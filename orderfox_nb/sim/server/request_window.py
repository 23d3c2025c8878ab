"""Limits of requests: so many within a span of time, and whole numbers in a request's query."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aiohttp import web

from orderfox_nb.core.numerals import whole_number
from orderfox_nb.sim.venue_error import VenueError


class RequestWindow:
    """Counts requests within a sliding span.

    Args:
        seconds: Length of the span.
    """

    def __init__(self, seconds: float) -> None:
        self._us = round(seconds * 1e6)
        self._times: dict[tuple[str, str], deque[int]] = {}

    def charge(self, address: str, path: str, most: int, now_us: int) -> int:
        """Count a request and return how many are left, below zero for one too many, which is not counted."""
        times = self._times.setdefault((address, path), deque())
        while times and times[0] <= now_us - self._us:
            times.popleft()
        if len(times) < most:
            times.append(now_us)
            return most - len(times)
        return -1


def whole(
    request: web.Request, name: str, default: int, *, low: int, high: int, refused: Callable[[str], VenueError]
) -> int:
    """Read a whole number from the query.

    Raises:
        VenueError: Not a number, or outside ``low`` to ``high``.
    """
    text = request.query.get(name, "")
    if not text:
        return default
    value = whole_number(text)
    if value is None or not low <= value <= high:
        raise refused(name)
    return value
