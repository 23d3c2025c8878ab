"""Numbers and times as the public contract writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from math import floor, log10
from typing import Final

MIN_PLAIN: Final = 1e-5
"""Prices and sizes below it are written with an exponent."""
MAX_PLAIN: Final = 999.0
"""Sizes below it are written without a unit, whatever they round to."""
_NEGATIVE: Final = re.compile(r"(?<![\w.])-([0-9][0-9.,]*)")
_ZERO: Final = frozenset("0.,")
_UNITS: Final = ((1e3, "K"), (1e6, "M"), (1e9, "B"))


def plain(number: Decimal) -> Decimal:
    """Return the same number without trailing zeros and without an exponent: one form for 10, 10.0 and 1E+1."""
    short = number.normalize()
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else short


def decimal_text(number: float | Decimal) -> str:
    """Write all digits of a number, never with an exponent: 0.0000012, 61659.7, 5."""
    exact = number if isinstance(number, Decimal) else Decimal(repr(float(number)))
    return format(plain(exact), "f") if exact.is_finite() else str(exact)


def format_volume(amount: float) -> str:
    """Write a sum: 12.59B, 456.78M, 1.00K, two digits below 1,000."""
    return _scaled(amount, 2)


def format_amount(amount: float, digits: int) -> str:
    """Write a base quantity with the digits of its step size, with K, M or B from 1,000."""
    return _scaled(amount, digits)


def format_price(price: float, digits: int) -> str:
    """Write a price with the digits of its tick size, or of the rounding where rows are grouped."""
    if price and abs(price) < MIN_PLAIN:
        return _tiny(price, digits)
    return f"{price:.{digits}f}"


def format_notional(notional: float) -> str:
    """Write a liquidation's worth: whole, thousands separated by commas."""
    return f"{notional:,.0f}"


def format_prices(units: Iterable[int], digits: int) -> list[str]:
    """Write prices given in units of 10^-digits, as ``format_price`` does."""
    scale, write, tiny = 10**digits, _writer(digits), MIN_PLAIN * 10**digits
    return [write(u / scale) if u >= tiny or not u else format_price(u / scale, digits) for u in units]


def format_amounts(units: Iterable[int], digits: int) -> list[str]:
    """Write sizes given in units of 10^-digits, the step's digits, as ``format_amount`` does."""
    return _scaled_units(units, digits, digits)


def format_volumes(units: Iterable[int], digits: int) -> list[str]:
    """Write sums given in units of 10^-digits, as ``format_volume`` does."""
    return _scaled_units(units, digits, 2)


def format_time(time_us: int, zone: tzinfo = UTC) -> str:
    """Write the time of day, 14:31:13."""
    return _time_of_second(time_us // 1_000_000, zone)


@lru_cache(maxsize=256)
def _time_of_second(time_s: int, zone: tzinfo) -> str:
    # Many frames are of one second.
    return datetime.fromtimestamp(time_s, zone).strftime("%H:%M:%S")


def format_iso(time_us: int) -> str:
    """Write a moment in UTC with milliseconds, 2024-08-08T23:59:59.123Z."""
    at = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def with_minus(text: str) -> str:
    """Return text with a minus sign before its negative numbers instead of a hyphen, and none before a zero.

    Pages, stills and reports have it. Terminals, REST and files keep the hyphen, which programs read.
    """
    return _NEGATIVE.sub(lambda found: found[1] if set(found[1]) <= _ZERO else f"−{found[1]}", text)


def _writer(digits: int) -> Callable[[float], str]:
    return f"{{:.{digits}f}}".format


def _scaled(amount: float, digits: int) -> str:
    size = abs(amount)
    if 0 < size < MIN_PLAIN:
        return _tiny(amount, digits)
    text = f"{amount:.{digits}f}"
    if size < MAX_PLAIN:
        return text
    # What rounds up to 1,000 is written in the next unit: 1.00M and not 1000.00K.
    if size < 1e3 and abs(float(text)) < 1e3:
        return text
    for divisor, letter in _UNITS:
        text = f"{amount / divisor:.2f}"
        if abs(float(text)) < 1e3 or letter == "B":
            return text + letter
    raise AssertionError(amount)


def _tiny(number: float, digits: int) -> str:
    # Two digits after the point of the mantissa, more where the step needs them: rows must stay distinct.
    exponent = floor(log10(abs(number)))
    return f"{number:.{max(2, digits + exponent)}e}"


def _scaled_units(units: Iterable[int], unit_digits: int, digits: int) -> list[str]:
    scale, plainly = 10**unit_digits, f"%.{digits}f"
    amounts = [count / scale for count in units]
    # Most are far from where rounding decides on the unit.
    return [
        plainly % amount
        if MIN_PLAIN <= amount < MAX_PLAIN
        else "%.2fK" % (amount / 1e3)
        if 1e3 <= amount < 999e3
        else "%.2fM" % (amount / 1e6)
        if 1e6 <= amount < 999e6
        else _scaled(amount, digits)
        for amount in amounts
    ]
