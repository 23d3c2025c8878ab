"""Group a book's levels into price rows of any height, exactly."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import accumulate
from math import gcd
from typing import Final

import msgspec
import numpy as np

from orderfox_nb.core.book import Book, BookSide
from orderfox_nb.core.formatting import plain
from orderfox_nb.core.instrument import decimal_digits
from orderfox_nb.core.price_levels import Integers
from orderfox_nb.errors import BadValue

_LARGEST_ROUNDING: Final = Decimal(10) ** 15
_INT64_ROOM: Final = 2**62


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Price rows of both sides, best first, and what is behind them. Rows without a level are left out.

    The price of a row is its key times ``rounding``: at or below its levels for bids, at or above for asks.
    """

    rounding: Decimal
    """Height of a row in force: what was asked for, raised to the tick."""
    price_digits: int
    """Digits after the point that a row's price can have."""
    bid_keys: list[int]
    bid_lots: list[int]
    bid_cumulative: list[int]
    """Lots from the best price up to and including the row."""
    ask_keys: list[int]
    ask_lots: list[int]
    ask_cumulative: list[int]
    raw_bids: int
    """Levels in the book, not only those in the rows."""
    raw_asks: int
    requested: int
    """How many rows a side were asked for."""
    depth_limited: bool
    """Whether a side has fewer rows than were asked for."""


def parse_rounding(text: str) -> Decimal:
    """Read the height of a row from text.

    Raises:
        BadValue: Not a positive decimal, or beyond what any price needs (24 digits, 10^15).
    """
    try:
        rounding = Decimal(text.strip()) if len(text) <= 40 else Decimal("NaN")
    except InvalidOperation:
        rounding = Decimal("NaN")
    if not rounding.is_finite() or not 0 < rounding <= _LARGEST_ROUNDING or len(rounding.as_tuple().digits) > 24:
        raise BadValue("rounding", text, "a positive decimal number")
    return plain(rounding)


def build_ladder(book: Book, *, rounding: Decimal, limit: int) -> Ladder:
    """Group the best levels of a book into at most ``limit`` rows a side.

    Args:
        book: Read at its present state.
        rounding: Height of a row in quote currency, any positive decimal; raised to the tick where it is below.
        limit: Rows a side, at least 1.
    """
    tick_size = book.instrument.tick_size
    rounding = plain(max(rounding, tick_size))
    # Tick and rounding in their largest common unit: 0.1 and 0.25 are 2 and 5 of 0.05.
    digits = max(decimal_digits(rounding), decimal_digits(tick_size))
    tick, row = int(tick_size.scaleb(digits)), int(rounding.scaleb(digits))
    unit = gcd(tick, row)
    tick, row = tick // unit, row // unit
    # No row holds more than so many levels, so these levels fill the rows asked for and nothing more is read.
    needed = limit * (-(-row // tick))
    bid_keys, bid_lots = _group(*book.levels("bid", needed), tick=tick, row=row, side="bid", limit=limit)
    ask_keys, ask_lots = _group(*book.levels("ask", needed), tick=tick, row=row, side="ask", limit=limit)
    raw_bids, raw_asks = book.counts
    return Ladder(
        rounding=rounding,
        price_digits=decimal_digits(rounding),
        bid_keys=bid_keys,
        bid_lots=bid_lots,
        bid_cumulative=list(accumulate(bid_lots)),
        ask_keys=ask_keys,
        ask_lots=ask_lots,
        ask_cumulative=list(accumulate(ask_lots)),
        raw_bids=raw_bids,
        raw_asks=raw_asks,
        requested=limit,
        depth_limited=min(len(bid_keys), len(ask_keys)) < limit,
    )


def row_price_units(ladder: Ladder, side: BookSide) -> list[int]:
    """Return the prices of the rows, best first, in units of 10^-price_digits."""
    height = int(ladder.rounding.scaleb(ladder.price_digits))
    return [key * height for key in (ladder.bid_keys if side == "bid" else ladder.ask_keys)]


def _group(
    ticks: Integers, lots: Integers, *, tick: int, row: int, side: BookSide, limit: int
) -> tuple[list[int], list[int]]:
    """Sum lots by row key: the price in units, ``ticks * tick``, over ``row``, floored for bids and ceiled for asks."""
    if not len(ticks):
        return [], []
    if row == tick:
        return ticks[:limit].tolist(), lots[:limit].tolist()
    farthest = max(int(ticks[0]), int(ticks[-1]))
    if row >= _INT64_ROOM or farthest * tick >= _INT64_ROOM:
        return _group_beyond_int64(ticks, lots, tick=tick, row=row, side=side, limit=limit)
    units = ticks * tick if tick != 1 else ticks
    keys = units // row if side == "bid" else -(-units // row)
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    if len(starts) > limit:
        lots = lots[: starts[limit]]
        starts = starts[:limit]
    return keys[starts].tolist(), np.add.reduceat(lots, starts).tolist()


def _group_beyond_int64(
    ticks: Integers, lots: Integers, *, tick: int, row: int, side: BookSide, limit: int
) -> tuple[list[int], list[int]]:
    sums: dict[int, int] = {}
    for price, size in zip(ticks.tolist(), lots.tolist(), strict=True):
        key = price * tick // row if side == "bid" else -(-price * tick // row)
        sums[key] = sums.get(key, 0) + size
    keys = list(sums)[:limit]
    return keys, [sums[key] for key in keys]
