"""Group a book's levels into price rows of any height, exactly."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from math import gcd
from typing import Final, NamedTuple

import msgspec

from orderfox_nb.core.book import Book, BookSide
from orderfox_nb.core.formatting import plain
from orderfox_nb.core.instrument import decimal_digits
from orderfox_nb.core.numerals import decimal_number
from orderfox_nb.errors import BadValue

_MAX_ROUNDING: Final = Decimal(10) ** 15
_MIN_ROUNDING: Final = Decimal(10) ** -24


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Price rows of both sides, best first, and what is behind them. Rows without a level are left out.

    The price of a row is its key times ``rounding``: at or below its levels for bids, at or above for asks.
    """

    rounding: Decimal
    """Height of a row in force: what was requested, raised to the tick."""
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
    """How many rows a side were requested."""
    depth_limited: bool
    """Whether a side has fewer rows than were requested."""


def parse_rounding(text: str) -> Decimal:
    """Read the height of a row from text.

    Raises:
        BadValue: Not a positive decimal, or beyond what any price needs (24 digits, 10^-24 to 10^15).
    """
    rounding = decimal_number(text.strip())
    in_range = rounding is not None and _MIN_ROUNDING <= rounding <= _MAX_ROUNDING
    if rounding is None or not in_range or len(rounding.as_tuple().digits) > 24:
        raise BadValue("rounding", text, "a positive decimal number")
    return plain(rounding)


def build_ladder(book: Book, *, rounding: Decimal, limit: int) -> Ladder:
    """Group the best levels of a book into at most ``limit`` rows a side.

    Args:
        book: Read at its present state.
        rounding: Height of a row in quote currency, any positive decimal; raised to the tick where it is below.
        limit: Rows a side, at least 1.
    """
    height = _height(book.instrument.tick_size, rounding)
    bid_keys, bid_lots = book.rows("bid", tick=height.tick, row=height.row, limit=limit)
    ask_keys, ask_lots = book.rows("ask", tick=height.tick, row=height.row, limit=limit)
    raw_bids, raw_asks = book.counts
    return Ladder(
        rounding=height.rounding,
        price_digits=height.price_digits,
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


def above_zero(ladder: Ladder) -> Ladder:
    """Return a ladder without the row of the bids that are lower than one row: it would be at price 0."""
    if not ladder.bid_keys or ladder.bid_keys[-1]:
        return ladder
    return msgspec.structs.replace(
        ladder,
        bid_keys=ladder.bid_keys[:-1],
        bid_lots=ladder.bid_lots[:-1],
        bid_cumulative=ladder.bid_cumulative[:-1],
        depth_limited=True,
    )


def first_rows(ladder: Ladder, limit: int) -> Ladder:
    """Return the ladder that ``build_ladder`` makes of the same book for no more rows.

    Args:
        ladder: Ladder of a book.
        limit: Rows a side, at most as many as the ladder was built for.
    """
    if limit == ladder.requested:
        return ladder
    return msgspec.structs.replace(
        ladder,
        bid_keys=ladder.bid_keys[:limit],
        bid_lots=ladder.bid_lots[:limit],
        bid_cumulative=ladder.bid_cumulative[:limit],
        ask_keys=ladder.ask_keys[:limit],
        ask_lots=ladder.ask_lots[:limit],
        ask_cumulative=ladder.ask_cumulative[:limit],
        requested=limit,
        depth_limited=min(len(ladder.bid_keys), len(ladder.ask_keys)) < limit,
    )


def row_price_units(ladder: Ladder, side: BookSide) -> list[int]:
    """Return the prices of the rows, best first, in units of 10^-price_digits."""
    height = int(ladder.rounding.scaleb(ladder.price_digits))
    return [key * height for key in (ladder.bid_keys if side == "bid" else ladder.ask_keys)]


class _Height(NamedTuple):
    rounding: Decimal
    price_digits: int
    tick: int
    row: int


@lru_cache(maxsize=256)
def _height(tick_size: Decimal, rounding: Decimal) -> _Height:
    """Measure tick and rounding in their largest common unit: 0.1 and 0.25 are 2 and 5 of 0.05."""
    rounding = plain(max(rounding, tick_size))
    digits = max(decimal_digits(rounding), decimal_digits(tick_size))
    tick, row = int(tick_size.scaleb(digits)), int(rounding.scaleb(digits))
    unit = gcd(tick, row)
    return _Height(rounding, decimal_digits(rounding), tick // unit, row // unit)
