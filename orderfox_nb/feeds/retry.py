"""Retry policy: a pure function that decides whether to try again, and a generator of delays."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from orderfox_nb.errors import RateLimited, VenueRefused, VenueUnreachable


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed later without intervention."""
    if isinstance(error, VenueRefused):
        return isinstance(error, RateLimited)
    return isinstance(error, (VenueUnreachable, OSError, TimeoutError))


def backoff(
    *, first_s: float = 0.5, max_s: float = 30.0, factor: float = 2.0, random: Random | None = None
) -> Iterator[float]:
    """Yield growing delays without end, each drawn from its upper half so that many clients do not return at once."""
    draw = random or Random()  # noqa: S311  (jitter is not a secret)
    delay_s = first_s
    while True:
        yield delay_s * draw.uniform(0.5, 1.0)
        delay_s = min(delay_s * factor, max_s)
