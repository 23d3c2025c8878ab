"""The orders of a paper venue as builtins and back, so that a bot continues after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from orderfox_nb.bots.orders import OrderRequest
from orderfox_nb.bots.paper.arrivals import Arrivals
from orderfox_nb.bots.paper.matching import Matching
from orderfox_nb.bots.paper.prices import VenuePrices
from orderfox_nb.bots.paper.resting import PaperOrder
from orderfox_nb.bots.paper.triggers import PaperTrigger
from orderfox_nb.core.book import BookSide
from orderfox_nb.core.events import Trade
from orderfox_nb.errors import BadValue

_Place: TypeAlias = Literal["resting", "waiting", "held", "triggered"]


class _KeptOrder(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    request: OrderRequest
    since_us: int
    left: int
    filled: int
    ahead: float
    traded: int
    place: _Place
    extreme: int | None = None


class _KeptState(msgspec.Struct, frozen=True, kw_only=True):
    update_id: int
    lapses: int
    requeued: int
    orders: list[_KeptOrder]
    trade: Trade | None
    mark: str | None
    taken: dict[BookSide, dict[int, int]]
    interrupted: bool
    lost: bool


class KeptVenue(NamedTuple):
    """State of the venue itself in a snapshot."""

    held: list[tuple[PaperOrder, bool]]
    lapses: int
    requeued: int
    update_id: int
    taken: dict[BookSide, dict[int, int]]
    """What own orders had taken from the book."""
    interrupted: bool
    lost: bool


def keep(
    matching: Matching,
    arrivals: Arrivals,
    prices: VenuePrices,
    held: Sequence[tuple[PaperOrder, bool]],
    counts: tuple[int, int, bool, bool],
) -> dict[str, Any]:
    """Return the state as builtins."""
    orders = [_kept(order, "resting") for order in matching.orders.values()]
    orders += [_kept(each.order, "waiting", each.extreme) for each in arrivals.triggers.values()]
    orders += [_kept(order, "triggered" if triggered else "held") for order, triggered in held]
    book = matching.market.book
    state = _KeptState(
        update_id=book.update_id if book.synced else -1,
        lapses=counts[0],
        requeued=counts[1],
        orders=orders,
        trade=prices.trade,
        mark=None if prices.mark is None else str(prices.mark),
        taken=matching.market.taken,
        interrupted=counts[2],
        lost=counts[3],
    )
    return msgspec.to_builtins(state)


def restore(state: dict[str, Any], matching: Matching, arrivals: Arrivals, prices: VenuePrices) -> KeptVenue:
    """Put orders and prices back, and return the rest.

    Raises:
        BadValue: Not the state of a venue.
    """
    try:
        kept = msgspec.convert(state, _KeptState)
    except msgspec.ValidationError as error:
        raise BadValue("state of a paper venue", error, "what its snapshot returned") from error
    held: list[tuple[PaperOrder, bool]] = []
    for each in kept.orders:
        order = PaperOrder(each.number, each.request, each.since_us)
        order.left, order.filled = each.left, each.filled
        if each.place == "resting":
            matching.rest(order)
            order.ahead, order.traded = each.ahead, each.traded
        elif each.place == "waiting":
            trigger = arrivals.triggers[each.number] = PaperTrigger(order)
            trigger.extreme = each.extreme
        else:
            held.append((order, each.place == "triggered"))
    prices.trade = kept.trade
    prices.mark = None if kept.mark is None else Decimal(kept.mark)
    return KeptVenue(held, kept.lapses, kept.requeued, kept.update_id, kept.taken, kept.interrupted, kept.lost)


def _kept(order: PaperOrder, place: _Place, extreme: int | None = None) -> _KeptOrder:
    return _KeptOrder(
        number=order.number,
        request=order.request,
        since_us=order.since_us,
        left=order.left,
        filled=order.filled,
        ahead=order.ahead,
        traded=order.traded,
        place=place,
        extreme=extreme,
    )
