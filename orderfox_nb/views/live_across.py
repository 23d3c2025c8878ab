"""The columns of frames over several venues (docs/live.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from orderfox_nb.core.across.book import ConsolidatedView
from orderfox_nb.core.across.crossing import Crossing
from orderfox_nb.core.across.ladder import ConsolidatedLadder, ConsolidatedSide
from orderfox_nb.core.across.members import Member, MemberQuality, currencies
from orderfox_nb.core.across.tape import ConsolidatedSums, MemberOrder, MemberTrade
from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.quality import QualityState, QualityView

COVERAGE: Final[Mapping[str, str]] = {
    "complete": "all orders",
    "sampled": "sampled: at most one order per contract and second",
    "none": "none reported",
}
"""What the coverage of a market's liquidations means, to show."""
_BEST_FIRST: Final = ("live", "stale", "skewed", "syncing", "gap", "down")


class AcrossBookView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of a consolidated book."""

    book: ConsolidatedView
    ladder: ConsolidatedLadder
    heights: Sequence[Decimal]


class AcrossTradesView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of a consolidated tape."""

    members: Sequence[Member]
    left_out: Sequence[str]
    trades: Sequence[MemberTrade]
    """Oldest first."""
    rate: float
    """Trades per second over the last ten seconds, of all markets."""


class AcrossLiquidationsView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of consolidated liquidations."""

    members: Sequence[Member]
    left_out: Sequence[str]
    orders: Sequence[MemberOrder]
    """Newest first."""
    sums: Mapping[str, ConsolidatedSums]
    since_us: Sequence[int]
    """From when on the orders of each market are known, 0 where those before are known too."""


def joined_quality(qualities: Sequence[MemberQuality]) -> QualityView:
    """Return the quality of a view: that of its best market, since one that is dropped is not in it.

    ``left_out`` names those that are dropped.
    """
    reporting = [one for one in qualities if one.coverage != "none"] or qualities

    def rank(one: MemberQuality) -> int:
        state = "stale" if one.state == QualityState.LIVE.value and one.dropped else one.state
        return _BEST_FIRST.index(state)

    best = min(reporting, key=rank)
    state = _BEST_FIRST[rank(best)]
    sampled = any(one.coverage != "complete" for one in qualities)
    return QualityView(state, "sampled" if sampled else "complete", best.since_us // 1000)


def member_rows(members: Sequence[Member], left_out: Sequence[str]) -> list[dict[str, Any]]:
    """Return the markets as objects, in their order."""
    return [
        {
            "market": member.market,
            "venue": member.market.partition(":")[0],
            "symbol": member.market.partition(":")[2],
            "quote": member.quote,
            "kind": member.kind,
            "state": member.quality.state,
            "dropped": why,
            "age": member.quality.age_us // 1000 if member.quality.last_us else None,
            "clock_offset": round(member.quality.clock_offset_us / 1000),
            "coverage": member.quality.coverage,
        }
        for member, why in zip(members, left_out, strict=True)
    ]


def book_columns(view: AcrossBookView, symbols: str) -> dict[str, Any]:
    """Return rows as whole numbers, best first, with the part of each market."""
    book, ladder = view.book, view.ladder
    digits = book.price_digits
    unit, lot = _units(book.price_unit, digits), _units(book.size_unit, book.size_digits)

    def side(one: ConsolidatedSide) -> list[Any]:
        return [
            ladder.price_units(one),
            [size * lot for size in one.sizes],
            [size * lot for size in one.cumulative],
            [[size * lot for size in column] for column in one.parts],
        ]

    return {
        "symbol": symbols,
        "rounding": decimal_text(ladder.rounding),
        "rounding_options": [decimal_text(height) for height in view.heights],
        "rows": ladder.requested,
        "price_digits": ladder.price_digits,
        "size_digits": book.size_digits,
        "bids": side(ladder.bids),
        "asks": side(ladder.asks),
        "averages": [[round(price, digits + 2) for price in one.averages] for one in (ladder.bids, ladder.asks)],
        "best_bid": None if book.best_bid is None else book.best_bid * unit,
        "best_ask": None if book.best_ask is None else book.best_ask * unit,
        "best_bid_of": list(book.best_bid_of),
        "best_ask_of": list(book.best_ask_of),
        "tick_digits": digits,
        "levels": [
            sum(len(one.bids[0]) for one in book.levels if one),
            sum(len(one.asks[0]) for one in book.levels if one),
        ],
        "currency": book.currency,
        "currencies": currencies(book.members),
        "base_asset": next((one.instrument.base for one in book.members if one.instrument is not None), ""),
        "members": member_rows(book.members, book.left_out),
        "crossing": None if book.crossing is None else _crossing(book.crossing, book),
    }


def _crossing(crossing: Crossing, book: ConsolidatedView) -> dict[str, Any]:
    return {
        "kind": crossing.kind,
        "buy": crossing.buy,
        "sell": crossing.sell,
        "ask": decimal_text(book.price(crossing.ask)),
        "bid": decimal_text(book.price(crossing.bid)),
        "width": decimal_text(book.price(crossing.bid - crossing.ask)),
        # Where a side is in caveat, a size would read as an offer.
        "size": decimal_text(book.size(crossing.size)) if crossing.is_opportunity else None,
        "gross": decimal_text(crossing.gross * book.price_unit * book.size_unit) if crossing.is_opportunity else None,
        "opportunity": crossing.is_opportunity,
        "unconfirmed": crossing.unconfirmed,
    }


def trade_columns(view: AcrossTradesView, symbols: str) -> dict[str, Any]:
    """Return trades as columns of whole numbers, oldest first, with the place of each market."""
    instruments = [member.instrument for member in view.members]
    price_digits = max((one.price_digits for one in instruments if one is not None), default=0)
    size_digits = max((one.size_digits for one in instruments if one is not None), default=0)
    trades = view.trades
    return {
        "symbol": symbols,
        "price_digits": price_digits,
        "size_digits": size_digits,
        "trades": [
            [trade.sequence for _, trade in trades],
            [trade.time_us // 1000 for _, trade in trades],
            [round(trade.price * 10**price_digits) for _, trade in trades],
            [round(trade.size * 10**size_digits) for _, trade in trades],
            [1 if trade.aggressor == "buy" else -1 for _, trade in trades],
            [place for place, _ in trades],
        ],
        "rate": view.rate,
        "members": member_rows(view.members, view.left_out),
    }


def liquidation_columns(view: AcrossLiquidationsView, symbols: str) -> dict[str, Any]:
    """Return orders as columns, newest first, with the place of each market and the coverage beside each sum."""
    orders = view.orders
    instruments = [member.instrument for member in view.members]
    rows = member_rows(view.members, view.left_out)
    for place, row in enumerate(rows):
        row["covers"] = COVERAGE[row["coverage"]]
        row["since"] = view.since_us[place] // 1000 or None
        row["sums"] = {span: sums.by_member[place] for span, sums in view.sums.items()}
    return {
        "symbol": symbols,
        "price_digits": max((one.price_digits for one in instruments if one is not None), default=0),
        "size_digits": max((one.size_digits for one in instruments if one is not None), default=0),
        "orders": [
            [order.time_us // 1000 for _, order in orders],
            [1 if order.side == "buy" else -1 for _, order in orders],
            [order.price for _, order in orders],
            [order.size for _, order in orders],
            [order.notional for _, order in orders],
            [place for place, _ in orders],
        ],
        "sums": {span: sums.total for span, sums in view.sums.items()},
        "since": max(view.since_us, default=0) // 1000 or None,
        "members": rows,
    }


def _units(step: Decimal, digits: int) -> int:
    """Return a step in units of 10^-digits."""
    return int(step.scaleb(digits))
