"""Decimal arithmetic that does not depend on the context of the calling thread."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

MONEY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Enough digits that sums and products of prices and sizes are exact."""
CENT: Final = Decimal("1E-8")
"""Amounts of quote currency are multiples of this, as the venue's are."""
ZERO: Final = Decimal(0)


def rounded(amount: Decimal) -> Decimal:
    """Round an amount to a whole number of cents of the venue (1e-8)."""
    return amount.quantize(CENT, context=MONEY)


def exact(number: float) -> Decimal:
    """Return the decimal that a float was read from: the shortest one that gives it back."""
    return Decimal(repr(float(number)))
