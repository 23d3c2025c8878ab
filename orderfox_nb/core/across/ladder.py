"""Price rows of a consolidated book, with each market's part of a row."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from math import gcd
from typing import NamedTuple

import msgspec
import numpy as np

from orderfox_nb.core.across.book import ConsolidatedView
from orderfox_nb.core.formatting import plain
from orderfox_nb.core.instrument import decimal_digits
from orderfox_nb.core.price_levels import Integers


class ConsolidatedSide(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one side, best first; rows without a level are left out."""

    keys: list[int]
    """Price over row height: at or below a row's levels for bids, at or above for asks."""
    sizes: list[int]
    """In size units."""
    cumulative: list[int]
    parts: list[list[int]]
    """Sizes of each market, in the order of the members."""
    averages: list[float]
    """Average price of an order that sweeps the side to each row, over all markets."""


class ConsolidatedLadder(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of both sides."""

    rounding: Decimal
    """Height of a row in force: what was requested, raised to the common step of the ticks."""
    bids: ConsolidatedSide
    asks: ConsolidatedSide
    requested: int

    @property
    def price_digits(self) -> int:
        """Digits after the point that a row's price can have."""
        return decimal_digits(self.rounding)

    def price_units(self, side: ConsolidatedSide) -> list[int]:
        """Return the prices of rows in units of 10^-price_digits."""
        height = int(self.rounding.scaleb(self.price_digits))
        return [key * height for key in side.keys]


class _Rows(NamedTuple):
    keys: Integers
    sizes: Integers
    paid: np.ndarray[tuple[int], np.dtype[np.float64]]


def build_consolidated_ladder(view: ConsolidatedView, *, rounding: Decimal, limit: int) -> ConsolidatedLadder:
    """Group the levels of all markets that count into at most ``limit`` rows a side, exactly.

    Args:
        view: What is grouped.
        rounding: Height of a row in quote currency; raised to the common step of the ticks where it is below.
        limit: Rows a side, at least 1.
    """
    rounding = plain(max(rounding, view.price_unit))
    digits = max(decimal_digits(rounding), view.price_digits)
    unit, row = int(view.price_unit.scaleb(digits)), int(rounding.scaleb(digits))
    common = gcd(unit, row)
    unit, row = unit // common, row // common
    sides: list[ConsolidatedSide] = []
    for name in ("bids", "asks"):
        parts = [
            None if levels is None else _rows(getattr(levels, name), unit, row, limit, up=name == "asks")
            for levels in view.levels
        ]
        sides.append(_joined(parts, float(view.price_unit), limit, ascending=name == "asks"))
    return ConsolidatedLadder(rounding=rounding, bids=sides[0], asks=sides[1], requested=limit)


def _rows(side: tuple[Integers, Integers], unit: int, row: int, limit: int, *, up: bool) -> _Rows | None:
    prices, sizes = side
    if not len(prices):
        return None
    if int(prices.max()) * unit >= 2**62 or row >= 2**62:
        exact = [int(price) * unit for price in prices.tolist()]
        keys = np.array([-(-price // row) if up else price // row for price in exact], np.int64)
    else:
        keys = -(-prices * unit // row) if up else prices * unit // row
    begins = np.empty(len(keys), np.bool_)
    begins[0] = True
    np.not_equal(keys[1:], keys[:-1], out=begins[1:])
    starts = begins.nonzero()[0]
    paid = np.add.reduceat(prices.astype(np.float64) * sizes, starts)[:limit]
    return _Rows(keys[starts[:limit]], np.add.reduceat(sizes, starts)[:limit], paid)


def _joined(parts: Sequence[_Rows | None], price_unit: float, limit: int, *, ascending: bool) -> ConsolidatedSide:
    """Join rows of the markets. The best ``limit`` rows of all hold at most as many of each, so none is missing."""
    # No row has a price of zero: bids that are lower than one row would be in it.
    found = {key for part in parts if part is not None for key in part.keys.tolist() if key}
    keys = sorted(found, reverse=not ascending)[:limit]
    place = {key: at for at, key in enumerate(keys)}
    sizes = [[0] * len(keys) for _ in parts]
    paid = [0.0] * len(keys)
    for column, part in zip(sizes, parts, strict=True):
        if part is None:
            continue
        for key, size, cost in zip(part.keys.tolist(), part.sizes.tolist(), part.paid.tolist(), strict=True):
            if (at := place.get(key)) is not None:
                column[at] = size
                paid[at] += cost
    totals = [sum(row) for row in zip(*sizes, strict=True)] if keys else []
    cumulative = list(accumulate(totals))
    averages = [
        cost / size * price_unit if size else 0.0 for cost, size in zip(accumulate(paid), cumulative, strict=True)
    ]
    return ConsolidatedSide(keys=keys, sizes=totals, cumulative=cumulative, parts=sizes, averages=averages)
