# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""Consolidated views as DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orderfox_nb.core.across.book import ConsolidatedView
from orderfox_nb.core.across.members import Currency, Member
from orderfox_nb.core.across.tape import ConsolidatedLiquidations, ConsolidatedTape
from orderfox_nb.market.frames import times_index
from orderfox_nb.views.live_across import COVERAGE

if TYPE_CHECKING:
    import pandas as pd

_SIDES = ("ask", "bid")


def book_frame(
    views: Sequence[ConsolidatedView], members: Sequence[Member], attributes: dict[str, Any]
) -> pd.DataFrame:
    """Return the levels of each currency as a ladder; sizes are summed outward from the best price, in whole units."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    parts = [_side(view, side) for view in views for side in _SIDES]
    names = ["quote", "side", "price", "size", "cumulative", "venue", "symbol"]
    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) if parts else () for name in names}
    frame = pd.DataFrame(columns, columns=names)
    frame.attrs.update(
        attributes,
        members=[member_attributes(member) for member in members],
        dropped=_dropped(views, members),
        best={view.currency: _best(view) for view in views},
        crossing={view.currency: _crossing(view) for view in views},
    )
    return frame


def _side(view: ConsolidatedView, side: str) -> dict[str, Any]:
    """Return the levels of one side from the worst ask to the best, or from the best bid to the worst."""
    prices, sizes, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for place, levels in enumerate(view.levels):
        if levels is not None:
            found = levels.asks if side == "ask" else levels.bids
            prices.append(found[0])
            sizes.append(found[1])
            places.append(np.full(len(found[0]), place, np.int64))
    price, size, place = (np.concatenate(column) for column in (prices, sizes, places))
    # Of equal prices the first market comes first, outward from the best price.
    order = np.lexsort((place, price if side == "ask" else -price))
    price, size, place = price[order], size[order], place[order]
    cumulative = np.cumsum(size)
    if side == "ask":
        price, size, place, cumulative = price[::-1], size[::-1], place[::-1], cumulative[::-1]
    markets = [member.market.partition(":") for member in view.members]
    quotes = np.array([member.quote for member in view.members], dtype=object)
    return {
        "quote": quotes[place],
        "side": np.full(len(price), side, dtype=object),
        "price": _floats(price, view.price_unit, view.price_digits),
        "size": _floats(size, view.size_unit, view.size_digits),
        "cumulative": _floats(cumulative, view.size_unit, view.size_digits),
        "venue": np.array([venue for venue, _, _ in markets], dtype=object)[place],
        "symbol": np.array([symbol for _, _, symbol in markets], dtype=object)[place],
    }


def _floats(units: Any, step: Any, digits: int) -> Any:
    """Return the floats nearest to the exact decimals."""
    return units * int(step.scaleb(digits)) / 10**digits


def _dropped(views: Sequence[ConsolidatedView], members: Sequence[Member]) -> dict[str, str]:
    """Return what is in no book, and why."""
    in_one = {place for view in views for place, why in enumerate(view.left_out) if not why}
    return {
        member.market: member.quality.dropped or next((view.left_out[place] for view in views), "not listed")
        for place, member in enumerate(members)
        if place not in in_one
    }


def _best(view: ConsolidatedView) -> dict[str, Any]:
    def price(units: int | None) -> float | None:
        return None if units is None else float(view.price(units))

    return {
        "bid": price(view.best_bid),
        "bid_of": [view.members[place].market for place in view.best_bid_of],
        "ask": price(view.best_ask),
        "ask_of": [view.members[place].market for place in view.best_ask_of],
    }


def _crossing(view: ConsolidatedView) -> dict[str, Any] | None:
    crossing = view.crossing
    if crossing is None:
        return None
    return {
        "kind": crossing.kind,
        "opportunity": crossing.is_opportunity,
        "unconfirmed": crossing.unconfirmed,
        "buy": view.members[crossing.buy].market,
        "ask": float(view.price(crossing.ask)),
        "sell": view.members[crossing.sell].market,
        "bid": float(view.price(crossing.bid)),
        "size": float(view.size(crossing.size)) if crossing.is_opportunity else None,
        "gross": float(crossing.gross * view.price_unit * view.size_unit) if crossing.is_opportunity else None,
    }


def trades_frame(tape: ConsolidatedTape, currency: Currency, attributes: dict[str, Any]) -> pd.DataFrame:
    """Return the trades of all markets by time, oldest first."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    rows = tape.view(currency)
    trades = [trade for _, trade in rows]
    price = np.array([trade.price for trade in trades], np.float64)
    size = np.array([trade.size for trade in trades], np.float64)
    columns = {
        **_market_columns([place for place, _ in rows], tape.members),
        "id": [trade.id for trade in trades],
        "price": price,
        "size": size,
        "aggressor": pd.Categorical([trade.aggressor for trade in trades], categories=["buy", "sell"]),
        "notional": price * size,
    }
    frame = pd.DataFrame(columns, index=times_index([trade.time_us for trade in trades]))
    _describe(frame, tape.members, tape.left_out(currency), attributes)
    return frame


def liquidations_frame(
    found: ConsolidatedLiquidations, currency: Currency, spans: Sequence[str], attributes: dict[str, Any]
) -> pd.DataFrame:
    """Return the liquidated orders of all markets by time, oldest first."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    rows = found.view(currency)[::-1]
    orders = [order for _, order in rows]
    columns = {
        **_market_columns([place for place, _ in rows], found.members),
        "liquidated": ["short" if order.side == "buy" else "long" for order in orders],
        "side": [order.side for order in orders],
        "price": np.array([order.price for order in orders], np.float64),
        "size": np.array([order.size for order in orders], np.float64),
        "notional": np.array([order.notional for order in orders], np.float64),
    }
    frame = pd.DataFrame(columns, index=times_index([order.time_us for order in orders]))
    members = found.members
    _describe(frame, members, found.left_out(currency), attributes)
    frame.attrs["sums"] = {
        span: {
            member.market: {
                "shorts": sums.by_member[place][0],
                "longs": sums.by_member[place][1],
                "coverage": COVERAGE[member.quality.coverage],
                "since_us": found.since_us[place],
            }
            for place, member in enumerate(members)
        }
        for span in spans
        for sums in (found.sums(span, currency),)
    }
    return frame


def _market_columns(places: Sequence[int], members: Sequence[Member]) -> dict[str, Any]:
    markets = [member.market.partition(":") for member in members]
    return {
        "venue": [markets[place][0] for place in places],
        "symbol": [markets[place][2] for place in places],
        "quote": [members[place].quote for place in places],
    }


def _describe(
    frame: pd.DataFrame, members: Sequence[Member], left_out: Sequence[str], attributes: dict[str, Any]
) -> None:
    dropped = {member.market: why for member, why in zip(members, left_out, strict=True) if why}
    frame.attrs.update(attributes, members=[member_attributes(member) for member in members], dropped=dropped)


def member_attributes(member: Member) -> dict[str, Any]:
    """Return a market and its quality as ``df.attrs`` has them."""
    quality = member.quality
    return {
        "market": member.market,
        "quote": member.quote,
        "kind": member.kind,
        "state": quality.state,
        "reason": quality.reason,
        "whole": quality.whole,
        "coverage": quality.coverage,
        "since_us": quality.since_us,
        "time_us": quality.now_us,
        "age_us": quality.age_us if quality.last_us else None,
        "clock_offset_us": quality.clock_offset_us,
    }
