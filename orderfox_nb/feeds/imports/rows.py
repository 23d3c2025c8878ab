"""Rows of comma-separated files as numbers, each checked: ``nan`` and ``1e999`` are floats, but not prices."""

from __future__ import annotations

from orderfox_nb.core.numerals import MAX_AMOUNT, MAX_PRICE, decimal_number, whole_number


def price(text: str) -> float:
    """Read a price.

    Raises:
        ValueError: It is not a price.
    """
    return _number(text, MAX_PRICE)


def amount(text: str) -> float:
    """Read a size, or a sum of quote currency.

    Raises:
        ValueError: It is not an amount.
    """
    return _number(text, MAX_AMOUNT)


def rate(text: str) -> float:
    """Read a rate, which may be negative.

    Raises:
        ValueError: It is not a rate.
    """
    found = decimal_number(text)
    if found is None or abs(found) > 1_000_000:
        raise ValueError(f"{text[:40]!r} is not a rate")
    return float(found)


def whole(text: str) -> int:
    """Read an id or a count.

    Raises:
        ValueError: It is not a whole number.
    """
    found = whole_number(text)
    if found is None or not 0 <= found < 2**63:
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return found


def truth(text: str) -> bool:
    """Read a truth value.

    Raises:
        ValueError: It is neither true nor false.
    """
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text.lower() == "true"


def _number(text: str, highest: float) -> float:
    found = decimal_number(text)
    if found is None or not 0 <= found <= highest:
        raise ValueError(f"{text[:40]!r} is not a number that can be a price or a size")
    return float(found)
