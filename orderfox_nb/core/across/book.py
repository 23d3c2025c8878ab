"""One order book over the markets of several venues: a fold of their levels and qualities.

Ticks and lots differ from venue to venue. All of them are whole multiples of the largest step that they have in
common, so prices and sizes are compared, grouped and summed as whole numbers of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import gcd
from typing import Final

import msgspec
import numpy as np

from orderfox_nb.core.across.crossing import FRESH_US, Crossing, Quotes, find_crossing
from orderfox_nb.core.across.members import APART, Currency, Member, MemberQuality, currency_in_force, left_out
from orderfox_nb.core.book import BookLevels
from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.instrument import decimal_digits
from orderfox_nb.core.price_levels import Integers

_INT64_ROOM: Final = 2**62


class MemberLevels(msgspec.Struct, frozen=True, kw_only=True):
    """The levels of one market on the common grid, best first."""

    bids: tuple[Integers, Integers]
    """Prices and sizes in the grid's units."""
    asks: tuple[Integers, Integers]

    @property
    def best_bid(self) -> int | None:
        return int(self.bids[0][0]) if len(self.bids[0]) else None

    @property
    def best_ask(self) -> int | None:
        return int(self.asks[0][0]) if len(self.asks[0]) else None


class ConsolidatedView(msgspec.Struct, frozen=True, kw_only=True):
    """The book of one currency over all markets that count; it never changes."""

    members: Sequence[Member]
    """All markets, in their order; the lists below are aligned with it."""
    left_out: Sequence[str]
    """Why a market does not count; empty if it does."""
    levels: Sequence[MemberLevels | None]
    """None of a market that does not count."""
    currency: str
    """Currency of the prices: its name, or ``joined``."""
    price_unit: Decimal
    """Largest step of which every tick is a multiple."""
    size_unit: Decimal
    best_bid: int | None
    """Highest bid in price units."""
    best_ask: int | None
    best_bid_of: Sequence[int]
    """Places of the markets that have the best bid."""
    best_ask_of: Sequence[int]
    crossing: Crossing | None
    """A bid of one market above an ask of another: an opportunity only where it is confirmed."""

    @property
    def price_digits(self) -> int:
        return decimal_digits(self.price_unit)

    @property
    def size_digits(self) -> int:
        return decimal_digits(self.size_unit)

    def price(self, units: int) -> Decimal:
        """Return the exact price of a number of units."""
        return self.price_unit * units

    def size(self, units: int) -> Decimal:
        """Return the exact size of a number of units."""
        return self.size_unit * units


class ConsolidatedBook:
    """Fold of the books of several markets. What is not live and whole is not in it, and the view says why.

    It depends on the last state of each market alone, not on the order in which they came.

    Args:
        markets: ``venue:symbol`` of each, in the order in which they are shown.
        fresh_us: How old both sides of an opportunity may be at most.
    """

    def __init__(self, markets: Sequence[str], *, fresh_us: int = FRESH_US) -> None:
        self._fresh_us = fresh_us
        self._members = {market: Member(market=market) for market in markets}
        self._levels: dict[str, BookLevels | None] = dict.fromkeys(markets)

    def apply(self, market: str, levels: BookLevels | None, quality: MemberQuality) -> None:
        """Apply the state of one market.

        Args:
            market: One of the markets.
            levels: Levels of its book, None if nothing is known.
            quality: Quality of its book.
        """
        known = self._members[market].instrument if levels is None else levels.instrument
        self._members[market] = Member(market=market, instrument=known, quality=quality)
        self._levels[market] = levels

    def advance(self, market: str, now_us: int) -> None:
        """Let time pass at one venue."""
        member = self._members[market]
        quality = msgspec.structs.replace(member.quality, now_us=now_us)
        self._members[market] = msgspec.structs.replace(member, quality=quality)

    @property
    def members(self) -> Sequence[Member]:
        return tuple(self._members.values())

    def view(self, currency: Currency = APART) -> ConsolidatedView:
        """Return the book of a currency.

        Args:
            currency: ``apart`` for that of the first market, ``joined`` for all at par, or the name of one.
        """
        members = self.members
        currency = currency_in_force(members, currency)
        reasons = left_out(members, currency)
        counted = [member.instrument for member, why in zip(members, reasons, strict=True) if not why]
        instruments = [one for one in counted if one is not None]
        price_unit = _common_step([one.tick_size for one in instruments])
        size_unit = _common_step([one.lot_size for one in instruments])
        found: list[MemberLevels | None] = []
        for place, member in enumerate(members):
            levels = None if reasons[place] else _on_grid(self._levels[member.market], price_unit, size_unit)
            if levels is None and not reasons[place]:
                unknown = self._levels[member.market] is None
                reasons[place] = "loading" if unknown else "its prices or sizes cannot be counted in a common unit"
            found.append(levels)
        best_bids = [None if one is None else one.best_bid for one in found]
        best_asks = [None if one is None else one.best_ask for one in found]
        best_bid = max((one for one in best_bids if one is not None), default=None)
        best_ask = min((one for one in best_asks if one is not None), default=None)
        quotes = [
            None if one is None else Quotes(member, one.bids, one.asks)
            for member, one in zip(members, found, strict=True)
        ]
        return ConsolidatedView(
            members=members,
            left_out=reasons,
            levels=found,
            currency=currency,
            price_unit=price_unit,
            size_unit=size_unit,
            best_bid=best_bid,
            best_ask=best_ask,
            best_bid_of=[place for place, one in enumerate(best_bids) if one is not None and one == best_bid],
            best_ask_of=[place for place, one in enumerate(best_asks) if one is not None and one == best_ask],
            crossing=find_crossing(quotes, fresh_us=self._fresh_us),
        )

    def digest(self) -> str:
        """Return a hash over the levels, states and times of all markets."""
        parts: list[Sequence[int] | Integers] = []
        for market, member in self._members.items():
            quality = member.quality
            parts.append([*market.encode(), quality.last_us, quality.now_us, quality.whole, *quality.dropped.encode()])
            if (levels := self._levels[market]) is not None:
                parts.extend((*levels.bids, *levels.asks))
        return digest_of(*parts)


def _common_step(steps: Sequence[Decimal]) -> Decimal:
    """Return the largest step of which all are multiples; 1 for none."""
    if not steps:
        return Decimal(1)
    digits = max(decimal_digits(step) for step in steps)
    return Decimal(gcd(*(int(step.scaleb(digits)) for step in steps))).scaleb(-digits)


def _on_grid(levels: BookLevels | None, price_unit: Decimal, size_unit: Decimal) -> MemberLevels | None:
    """Return levels in units; None if there are none, or numbers of 64 bits do not hold them."""
    if levels is None:
        return None
    tick, lot = int(levels.instrument.tick_size / price_unit), int(levels.instrument.lot_size / size_unit)
    sides: list[tuple[Integers, Integers]] = []
    for ticks, lots in (levels.bids, levels.asks):
        if len(ticks) and (
            int(np.abs(ticks).max()) * tick >= _INT64_ROOM or float(lots.sum(dtype=float)) * lot >= _INT64_ROOM
        ):
            return None
        sides.append((ticks * tick, lots * lot))
    return MemberLevels(bids=sides[0], asks=sides[1])
