"""A bid of one market above an ask of another, and whether that is an opportunity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from orderfox_nb.core.across.members import Member
from orderfox_nb.core.price_levels import Integers

FRESH_US: Final = 2_000_000
"""Largest age of both sides of an opportunity: an active venue changes its book ten times a second."""
_MATCHED: Final = 500
"""Levels of a side that are matched; levels behind them do not count."""


class Quotes(NamedTuple):
    """Best levels of one market for a crossing: prices and sizes in common units, best first."""

    member: Member
    bids: tuple[Integers, Integers]
    asks: tuple[Integers, Integers]


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """A bid of one market above the ask of another, with its sizes before fees."""

    buy: int
    """Place of the market whose ask is lowest."""
    sell: int
    """Place of the market whose bid is highest."""
    ask: int
    """Price in units."""
    bid: int
    size: int
    """Size in units that can be bought below the price at which it is sold."""
    gross: int
    """Its profit in price units times size units, before fees."""
    kind: Literal["arbitrage", "basis", "currency"]
    """``basis``: of two kinds of contract, ``currency``: quoted in two currencies. Neither is without risk."""
    unconfirmed: str
    """Why it is not an opportunity: which side is too old, not traded or not verified. Empty if it is one."""

    @property
    def is_opportunity(self) -> bool:
        """Whether both sides are live, whole, open, fresh and verified."""
        return not self.unconfirmed


def find_crossing(quotes: Sequence[Quotes | None], *, fresh_us: int) -> Crossing | None:
    """Return the widest crossing of two markets, if possible a confirmed one; None if there is no crossing.

    Args:
        quotes: Quotes of each market in its place, None for those that do not count.
        fresh_us: How old both sides may be.
    """
    pairs = sorted(_crossed_pairs(quotes), key=lambda pair: -pair[0])
    if not pairs:
        return None
    caveats = [_caveats(quotes[buy], quotes[sell], fresh_us) for _, buy, sell in pairs]
    # A side that is in doubt must not hide what two others offer.
    chosen = next((place for place, caveat in enumerate(caveats) if not caveat), 0)
    _, buy, sell = pairs[chosen]
    bought, sold = quotes[buy], quotes[sell]
    assert bought is not None and sold is not None  # noqa: PT018 - as found among the pairs
    size, gross = _matched(bought.asks, sold.bids)
    return Crossing(
        buy=buy,
        sell=sell,
        ask=int(bought.asks[0][0]),
        bid=int(sold.bids[0][0]),
        size=size,
        gross=gross,
        kind=_kind(bought.member, sold.member),
        unconfirmed=caveats[chosen],
    )


def _crossed_pairs(quotes: Sequence[Quotes | None]) -> Iterator[tuple[int, int, int]]:
    for buy, bought in enumerate(quotes):
        if bought is None or not len(bought.asks[0]):
            continue
        for sell, sold in enumerate(quotes):
            if sold is None or sell == buy or not len(sold.bids[0]):
                continue
            if (width := int(sold.bids[0][0]) - int(bought.asks[0][0])) > 0:
                yield width, buy, sell


def _caveats(bought: Quotes | None, sold: Quotes | None, fresh_us: int) -> str:
    sides = [side.member for side in (bought, sold) if side is not None]
    return ", ".join(caveat for member in sides if (caveat := _caveat(member, fresh_us)))


def _caveat(member: Member, fresh_us: int) -> str:
    """Return why a side confirms nothing, empty if it does."""
    quality = member.quality
    if quality.dropped or quality.closed:
        return f"{member.market} {quality.dropped or 'is closed'}"
    if not quality.is_fresh(fresh_us):
        return f"{member.market} last changed {quality.age_us / 1e6:.1f} s ago (at most {fresh_us / 1e6:g} s)"
    # A level that was removed in a lost update would be the best price for as long as it takes to notice.
    return f"{member.market} is not verified: a lost update would go unnoticed" if quality.unverified else ""


def _kind(bought: Member, sold: Member) -> Literal["arbitrage", "basis", "currency"]:
    if bought.kind != sold.kind:
        return "basis"
    return "arbitrage" if bought.quote == sold.quote else "currency"


def _matched(asks: tuple[Integers, Integers], bids: tuple[Integers, Integers]) -> tuple[int, int]:
    """Match asks with the bids above them, best first; return the size and its profit."""
    buying = list(zip(*(column[:_MATCHED].tolist() for column in asks), strict=True))
    selling = list(zip(*(column[:_MATCHED].tolist() for column in bids), strict=True))
    size = gross = at = 0
    left = selling[0][1]
    for ask, ask_size in buying:
        offered = ask_size
        while offered and at < len(selling) and selling[at][0] > ask:
            taken = min(offered, left)
            size += taken
            gross += taken * (selling[at][0] - ask)
            offered -= taken
            left -= taken
            if not left:
                at += 1
                left = selling[at][1] if at < len(selling) else 0
        if at == len(selling) or selling[at][0] <= ask:
            break
    return size, gross
