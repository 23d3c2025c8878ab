"""Floats as whole numbers and the digits that they have after the point: exact, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Digits: TypeAlias = NDArray[np.int8]

_EXACT: Final = float(2**53)
_MAX_INTEGER: Final = 2**63 - 1
_SCALES: Final = np.array([float(10**digits) for digits in range(23)])
"""Every power of ten that a float holds exactly."""


def exact_integers(columns: Sequence[Floats], digits: Digits) -> tuple[list[Integers], Digits]:
    """Convert rows of floats to whole numbers of 10^-digits.

    Nothing is rounded: a row that has more digits than its instrument gets its own.

    Args:
        columns: Columns of equal length.
        digits: Digits of each row by its instrument, 0 to 22.

    Returns:
        The columns, and the digits of each row, which all its columns share.

    Raises:
        ValueError: A row whose numbers no 64-bit integers of one scale hold.
    """
    scales = _SCALES[digits]
    wholes = [np.rint(column * scales) for column in columns]
    good = np.ones(len(digits), np.bool_)
    for column, whole in zip(columns, wholes, strict=True):
        good &= (np.abs(whole) < _EXACT) & (whole / scales == column)
    integers = [np.where(good, whole, 0).astype(np.int64) for whole in wholes]
    digits = digits.astype(np.int8)
    for at in np.flatnonzero(~good).tolist():
        row, digits[at] = _exact_row([float(column[at]) for column in columns])
        for column, value in zip(integers, row, strict=True):
            column[at] = value
    return integers, digits


def _exact_row(values: Sequence[float]) -> tuple[list[int], int]:
    # The shortest text of a float is what the venue sent, and gives the float back.
    decimals = [Decimal(repr(value)).normalize() for value in values]
    exponents = [int(number.as_tuple().exponent) for number in decimals if number]
    digits = -min(exponents, default=0)
    integers = [int(number.scaleb(digits)) for number in decimals]
    if not -128 <= digits <= 127 or any(abs(value) > _MAX_INTEGER for value in integers):
        raise ValueError(f"no 64-bit integers of one scale hold {', '.join(map(str, decimals))}")
    return integers, digits
