"""Orders that reach the venue: each is refused, waits for a trigger, is filled, rests or expires."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from orderfox_nb.bots.orders import OrderRequest, Rejection
from orderfox_nb.bots.paper.market import OPPOSITE
from orderfox_nb.bots.paper.matching import Matching
from orderfox_nb.bots.paper.outbox import Outbox
from orderfox_nb.bots.paper.prices import VenuePrices
from orderfox_nb.bots.paper.resting import PaperOrder
from orderfox_nb.bots.paper.rules import (
    BEYOND_BAND,
    NOT_FILLED,
    NOT_MAKER,
    REDUCE_ONLY,
    TOO_MANY_ORDERS,
    WOULD_TRIGGER,
    Band,
    TradingRules,
)
from orderfox_nb.bots.paper.triggers import BECOMES, PaperTrigger
from orderfox_nb.bots.ports import Affordable
from orderfox_nb.core.events import Side


class Arrivals:
    """Accepts orders into the matching, or into the list of those that wait for a trigger."""

    def __init__(self, rules: TradingRules, matching: Matching, prices: VenuePrices, outbox: Outbox) -> None:
        self.rules = rules
        self.matching = matching
        self.prices = prices
        self.outbox = outbox
        self.triggers: dict[int, PaperTrigger] = {}
        """Waiting orders by number, in order of arrival."""
        self.affordable: Affordable | None = None
        self._band_of: Decimal | None = None
        self._bounds: Band | None = None

    def arrive(self, order: PaperOrder, time_us: int) -> None:
        """Accept or refuse an order that reaches the venue."""
        request = order.request
        order.since_us = time_us
        best = self.matching.market.best(OPPOSITE[order.side])
        reference = best if best is not None else self.prices.last
        rejection = self.rules.check(request, self._band(), reference)
        if rejection is not None:
            self.outbox.report(order, "rejected", time_us, rejection=rejection)
        elif request.kind in BECOMES:
            self._wait(order, time_us)
        else:
            self._enter(order, time_us, triggered=False)

    def check_triggers(self, price: str, time_us: int) -> list[PaperOrder]:
        """Follow a price, and return the orders that become active by it, as they are sent to the book."""
        reached: list[PaperOrder] = []
        for number, trigger in tuple(self.triggers.items()):
            order = trigger.order
            if order.request.trigger != price or order.since_us > time_us:
                continue
            bounds = self.prices.bounds(order.request.trigger)
            if bounds is not None and trigger.reached(*bounds):
                del self.triggers[number]
                kind = BECOMES[order.request.kind]
                order.request = msgspec.structs.replace(order.request, kind=kind, trigger_ticks=None)
                reached.append(order)
        return reached

    def activate(self, order: PaperOrder, time_us: int) -> None:
        """Send an order whose trigger was reached to the book; what the venue would refuse now expires."""
        order.since_us = time_us
        rejection = self.rules.check(order.request, self._band(), None)
        if rejection is not None:
            self._refuse(order, time_us, rejection, triggered=True)
        else:
            self._enter(order, time_us, triggered=True)

    def _wait(self, order: PaperOrder, time_us: int) -> None:
        trigger = PaperTrigger(order)
        bounds = self.prices.bounds(order.request.trigger)
        if bounds is not None and trigger.would_trigger(*bounds):
            self.outbox.report(order, "rejected", time_us, rejection=WOULD_TRIGGER)
        elif len(self.triggers) >= self.rules.max_triggers:
            self.outbox.report(order, "rejected", time_us, rejection=TOO_MANY_ORDERS)
        else:
            if bounds is not None:
                # A trailing stop follows from the present price on.
                trigger.reached(*bounds)
            self.triggers[order.number] = trigger
            self.outbox.report(order, "waiting", time_us)

    def _enter(self, order: PaperOrder, time_us: int, *, triggered: bool) -> None:
        request, market = order.request, self.matching.market
        limit = request.ticks
        wanted = min(order.left, self.outbox.reducible_now(order.side)) if request.reduce_only else order.left
        best = market.best(OPPOSITE[order.side])
        crosses = best is not None and (limit is None or (limit >= best if order.side == "buy" else limit <= best))
        parts: list[tuple[int, int]] = []
        if crosses:
            parts = market.walk(order.side, wanted, self._worst(order.side) if limit is None else limit)
        found = sum(lots for _, lots in parts)
        rejection = None
        if not wanted:
            rejection = REDUCE_ONLY
        elif self.affordable is not None and (refused := self.affordable(order.number, request)) is not None:
            rejection = refused
        elif request.time_in_force == "GTX" and (crosses or self.matching.crosses_own(order)):
            rejection = NOT_MAKER
        elif request.time_in_force == "FOK" and found < order.left:
            rejection = NOT_FILLED
        elif limit is None and crosses and not found:
            rejection = BEYOND_BAND
        elif self._rests(request) and found < wanted and len(self.matching.orders) >= self.rules.max_orders:
            rejection = TOO_MANY_ORDERS
        if rejection is not None:
            self._refuse(order, time_us, rejection, triggered=triggered)
            return
        self.outbox.report(order, "open", time_us)
        self.matching.expire_self_trades(order, parts, time_us)
        if parts:
            self.matching.take(order, parts, time_us)
        if order.left:
            self._leave(order, time_us, found=found, wanted=wanted)

    def _leave(self, order: PaperOrder, time_us: int, *, found: int, wanted: int) -> None:
        """Let the rest of an order rest or expire."""
        request = order.request
        if request.reduce_only and found == wanted:
            self.outbox.report(order, "expired", time_us, reason="reduce-only: the rest exceeds the position")
        elif self._rests(request):
            self.matching.rest(order)
        elif request.ticks is None:
            self.outbox.report(order, "expired", time_us, reason="the book has no more within the price band")
        else:
            reason = f"{request.time_in_force}: the rest was not filled at once"
            self.outbox.report(order, "expired", time_us, reason=reason)

    def _band(self) -> Band | None:
        mark = self.prices.mark
        if mark is not self._band_of:
            self._band_of, self._bounds = mark, None if mark is None else self.rules.band(mark)
        return self._bounds

    def _worst(self, side: Side) -> int | None:
        """Return ticks of the worst price of an order that walks the book."""
        band = self._band()
        return None if band is None else band[side == "buy"]

    @staticmethod
    def _rests(request: OrderRequest) -> bool:
        return request.ticks is not None and request.time_in_force in {"GTC", "GTX"}

    def _refuse(self, order: PaperOrder, time_us: int, rejection: Rejection, *, triggered: bool) -> None:
        # An order that was accepted once cannot be rejected any more.
        self.outbox.report(order, "expired" if triggered else "rejected", time_us, rejection=rejection)
