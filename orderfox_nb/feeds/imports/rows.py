"""Rows of comma-separated files as numbers, each checked: what floats say of ``nan`` and ``1e999`` is no price."""

from __future__ import annotations

from orderfox_nb.core.numerals import MAX_AMOUNT, MAX_PRICE, decimal_number, whole_number


def price(text: str) -> float:
    """Read a price.

    Raises:
        ValueError: It is none.
    """
    return _number(text, MAX_PRICE)


def amount(text: str) -> float:
    """Read a size, or a sum of quote currency.

    Raises:
        ValueError: It is none.
    """
    return _number(text, MAX_AMOUNT)


def rate(text: str) -> float:
    """Read a rate, which may be negative.

    Raises:
        ValueError: It is none.
    """
    found = decimal_number(text)
    if found is None or abs(found) > 1_000_000:
        raise ValueError(f"{text[:40]!r} is no rate")
    return float(found)


def whole(text: str) -> int:
    """Read an id or a count.

    Raises:
        ValueError: It is none.
    """
    found = whole_number(text)
    if found is None or not 0 <= found < 2**63:
        raise ValueError(f"{text[:40]!r} is no whole number")
    return found


def truth(text: str) -> bool:
    """Read a truth value.

    Raises:
        ValueError: It is none.
    """
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text.lower() == "true"


def _number(text: str, highest: float) -> float:
    found = decimal_number(text)
    if found is None or not 0 <= found <= highest:
        raise ValueError(f"{text[:40]!r} is no number that can be a price or a size")
    return float(found)
