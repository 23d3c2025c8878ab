"""Round labels along the axes of a still, the same as ``ticks.js`` writes on the page."""

from __future__ import annotations

import math
from typing import Final

from orderfox_nb.core.formatting import with_minus

_FACTORS: Final = ((1, 0), (2, 0), (2.5, 1), (5, 0), (10, -1))
"""Each with the digits that it needs beyond its power of ten."""
_LABEL_GAP: Final = 17.0
_USUAL_GAP: Final = 60.0
_LABELS: Final = 7
_TAGS: Final = 82.0
"""Pixels in which tags leave no label."""
_LETTERS: Final = ((1e9, "B"), (1e6, "M"), (1e3, "K"))


def _nice_step(rough: float, max_digits: int) -> tuple[float, int]:
    power = math.floor(math.log10(max(rough, 10.0**-max_digits)) + 1e-12)
    fitting = (
        (factor, more)
        for factor, more in _FACTORS
        if factor * 10.0**power >= rough * (1 - 1e-12) and more - power <= max_digits
    )
    factor, more = next(fitting, _FACTORS[-1])
    return factor * 10.0**power, max(0, more - power)


def nice_ticks(low: float, high: float, wanted: int, max_digits: int = 12) -> tuple[list[float], int]:
    """Return ``wanted`` round numbers of a range or fewer, and the digits that write each of them exactly.

    Args:
        low: Where the range begins.
        high: Where it ends.
        wanted: How many.
        max_digits: Digits that there may be.
    """
    step, digits = _nice_step((high - low) / max(1, wanted), max_digits)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [at * step for at in range(first, last + 1)], digits


def _log_ticks(low: float, high: float, ratio: float, max_digits: int) -> tuple[list[float], int]:
    ticks, digits, start = list[float](), 0, low
    while len(ticks) < 100:
        step, needed = _nice_step(start * (ratio - 1), max_digits)
        tick = math.ceil(start / step - 1e-9) * step
        if tick > high:
            break
        ticks.append(tick)
        digits = max(digits, needed)
        start = max(tick * ratio, tick + _nice_step(tick * (ratio - 1), max_digits)[0] / 2)
    return ticks, digits


def price_ticks(
    low: float, high: float, height: float, max_digits: int, *, log: bool = False
) -> tuple[list[float], int]:
    """Return the labels of a price axis of a height in pixels, and their digits.

    Args:
        low: Lowest price.
        high: Highest price.
        height: In pixels.
        max_digits: Digits of a price.
        log: Whether the scale is logarithmic.
    """
    fitting = max(2, int(height // _LABEL_GAP))
    beside = math.ceil(_LABELS * height / (height - _TAGS)) if height > _TAGS else fitting
    wanted = min(fitting, max(beside, round(height / _USUAL_GAP)))
    found: tuple[list[float], int] = [], 0
    for count in range(wanted, fitting + 1):
        ratio = math.exp(math.log(high / low) / count) if log else 0.0
        found = _log_ticks(low, high, ratio, max_digits) if log else nice_ticks(low, high, count, max_digits)
        if len(found[0]) >= wanted:
            break
    return found


def axis_text(value: float, digits: int) -> str:
    """Return a quantity beside an axis, round in itself: 1.5B, 250K, 0.10."""
    for limit, letter in _LETTERS:
        if abs(value) >= limit:
            return with_minus(f"{value / limit:.12g}{letter}")
    return with_minus(f"{value:.{digits}f}")
