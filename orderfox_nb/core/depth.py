"""Cumulative depth around the middle price, and average fill prices of a ladder's rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.book import Book, BookSide
from orderfox_nb.core.price_levels import Integers

POINTS: Final = 200
"""Points a side: one for each 200th part of the range that has a level."""


class DepthSide(NamedTuple):
    """One side, best first. Every point is at a level of the book, with the exact sum up to it."""

    ticks: Integers
    lots: Integers
    """Lots from the best price up to and including the point."""
    notional: NDArray[np.float64]
    """What these lots cost, in quote currency."""
    known: int | None
    """Price in ticks up to which every level is known, also outside the range: beyond the last snapshot, the book has
    only the levels that have changed since."""


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """Cumulative depth of both sides around the middle price."""

    bids: DepthSide
    asks: DepthSide
    middle_ticks: float | None
    """Middle between the best prices, in ticks; None if a side is empty."""


def build_depth(book: Book, *, percent: Decimal) -> Depth:
    """Sum a book from its best prices outward, as far as a percentage of the middle price.

    Args:
        book: Read at its present state.
        percent: How far from the middle, above zero.
    """
    bid, ask = book.best_bid, book.best_ask
    if bid is None or ask is None:
        nothing = np.zeros(0, np.int64)
        empty = DepthSide(nothing, nothing, np.zeros(0), None)
        return Depth(bids=empty, asks=empty, middle_ticks=None)
    middle = (bid + ask) / 2
    reach = middle * float(percent) / 100
    sides = [_side(book, side, middle, reach) for side in ("bid", "ask")]
    return Depth(bids=sides[0], asks=sides[1], middle_ticks=middle)


def average_prices(book: Book, side: BookSide, cumulative: list[int]) -> list[float]:
    """Return the average fill price of a market order for each size in ``cumulative``.

    Args:
        book: Read at the state that the sums are of.
        side: The side that is taken.
        cumulative: Sums of whole levels, as those of a ladder's rows.
    """
    if not cumulative:
        return []
    ticks, lots = book.levels(side)
    wanted = np.array(cumulative, np.int64)
    at = np.searchsorted(np.cumsum(lots), wanted)
    # Ticks times lots may leave 64 bits; a float's 53 exact ones are plenty for an average.
    paid = np.cumsum(ticks.astype(np.float64) * lots)
    step = book.instrument.tick_units / book.instrument.price_scale
    return (paid[np.minimum(at, len(paid) - 1)] / wanted * step).tolist()


def _side(book: Book, side: BookSide, middle: float, reach: float) -> DepthSide:
    ticks, lots = book.levels(side)
    distance = np.abs(ticks - middle)
    known = int(ticks[-1])
    if book.reach is not None:
        end = book.reach[0] if side == "bid" else book.reach[1]
        # Once the best price has left the snapshot's range, the end of that range is meaningless.
        if distance[0] < abs(end - middle) < distance[-1] and (end < middle) == (side == "bid"):
            known = end
    inside = int(np.searchsorted(distance, reach, side="right"))
    ticks, lots, distance = ticks[:inside], lots[:inside], distance[:inside]
    sums: Integers = np.cumsum(lots)
    instrument = book.instrument
    unit = instrument.tick_units / instrument.price_scale * (instrument.lot_units / instrument.size_scale)
    paid = np.cumsum(ticks.astype(np.float64) * lots) * unit
    if inside > POINTS:
        # The last level of each of ``POINTS`` equal steps, and always the best and the last one.
        step = np.ceil(distance * (POINTS / reach))
        last = np.empty(inside, np.bool_)
        np.not_equal(step[1:], step[:-1], out=last[:-1])
        last[0] = last[-1] = True
        ticks, sums, paid = ticks[last], sums[last], paid[last]
    return DepthSide(ticks, sums, paid, known)
