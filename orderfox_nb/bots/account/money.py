"""Decimal arithmetic that does not depend on the context of the calling thread."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final, TypeAlias

from orderfox_nb.errors import BadValue

MONEY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Enough digits that sums and products of prices and sizes are exact."""
CENT: Final = Decimal("1E-8")
"""Amounts of quote currency are multiples of this, as the venue's are."""
ZERO: Final = Decimal(0)


Money: TypeAlias = Decimal | int | float | str
"""An amount or a rate as people give it; a float stands for the shortest decimal that it is written as."""


def decimal_of(name: str, value: Money) -> Decimal:
    """Return a number as a decimal.

    Raises:
        BadValue: No finite number.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadValue(name, value, "a number")
    return number


def rounded(amount: Decimal) -> Decimal:
    """Round an amount to a whole number of cents of the venue (1e-8)."""
    return amount.quantize(CENT, context=MONEY)


def exact(number: float) -> Decimal:
    """Return the decimal that a float was read from: the shortest one that gives it back."""
    return Decimal(repr(float(number)))
