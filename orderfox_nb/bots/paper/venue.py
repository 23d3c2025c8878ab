"""The paper venue of one symbol: accepts, matches and cancels a bot's orders against real market data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderfox_nb.bots.orders import Fill, OrderReport, OrderRequest, Rejection
from orderfox_nb.bots.paper.arrivals import Arrivals
from orderfox_nb.bots.paper.kept import KeptVenue, keep, restore
from orderfox_nb.bots.paper.matching import Matching
from orderfox_nb.bots.paper.outbox import Outbox
from orderfox_nb.bots.paper.prices import VenuePrices
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.resting import PaperOrder
from orderfox_nb.bots.paper.rules import TOO_MANY_ORDERS, UNKNOWN_ORDER, TradingRules
from orderfox_nb.bots.ports import Affordable, Reducible
from orderfox_nb.core.book import BookSide
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap, MarkPrice, Status, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BadValue, EventError


class PaperVenue:
    """Matches the orders of one account against the market data of one symbol.

    Prices are in ticks, sizes in lots, times in microseconds of the venue's clock. It is a fold: it reads no clock and
    does no I/O, so equal events and commands give equal fills.

    Nothing is filled or activated while data are missing: before the first snapshot of the book, from a ``Gap`` or a
    ``Status`` other than ``live`` to the next ``live``, and from a delta that does not follow the previous one to the
    next snapshot. Orders that arrive meanwhile wait. Afterwards every resting order is at the back of its queue.

    Args:
        instrument: The instrument to trade.
        rules: Rules of the venue for orders.
        queue: Model that estimates queue positions.
        reducible: Returns the lots by which an order of a side can reduce the position.
        affordable: Returns why the account cannot carry an order, None if it can.
    """

    def __init__(
        self,
        instrument: Instrument,
        rules: TradingRules,
        *,
        queue: QueueModel,
        reducible: Reducible | None = None,
        affordable: Affordable | None = None,
    ) -> None:
        if not rules.instrument.same_steps(instrument):
            raise BadValue("rules", rules.instrument.symbol, f"rules with the steps of {instrument.symbol}")
        self.instrument = instrument
        self.rules = rules
        self.lapses = 0
        """How often matching stopped because data were missing, after the first snapshot."""
        self.requeued = 0
        """How many resting orders were put to the back of their queue because of that."""
        self._outbox = Outbox(reducible)
        self.answers: Sequence[OrderReport | Fill] = self._outbox.items
        """Answers that ``drain`` would return."""
        self._prices = VenuePrices(instrument)
        self._matching = Matching(instrument, queue, self._outbox)
        self._market = self._matching.market
        self._arrivals = Arrivals(rules, self._matching, self._prices, self._outbox)
        self._arrivals.affordable = affordable
        self._held: dict[int, tuple[PaperOrder, bool]] = {}
        """Orders that arrived, or whose trigger was reached (True), while data were missing."""
        self._interrupted = False
        self._live = False
        self._lost = False
        """Whether data have been missing since the queues were last correct."""
        self._kept: KeptVenue | None = None
        """Restored state that continues if the next snapshot of the book has the same update id."""

    @property
    def reducible(self) -> Reducible:
        """Lots by which an order of a side can reduce the position, before fills that were not drained yet."""
        return self._outbox.reducible

    @reducible.setter
    def reducible(self, reducible: Reducible) -> None:
        self._outbox.reducible = reducible

    @property
    def affordable(self) -> Affordable | None:
        """Why the account cannot carry an order."""
        return self._arrivals.affordable

    @affordable.setter
    def affordable(self, affordable: Affordable | None) -> None:
        self._arrivals.affordable = affordable

    @property
    def live(self) -> bool:
        """Whether data are complete, so that orders are matched."""
        return self._live

    @property
    def best_bid(self) -> int | None:
        """Best bid in ticks that own orders have not used up."""
        return self._market.best("bid")

    @property
    def best_ask(self) -> int | None:
        """Best ask in ticks that own orders have not used up."""
        return self._market.best("ask")

    @property
    def last(self) -> int | None:
        """Ticks of the newest trade."""
        return self._prices.last

    @property
    def mark(self) -> int | None:
        """Mark price in ticks, rounded."""
        return None if self._prices.mark is None else round(self._prices.mark)

    @property
    def open_orders(self) -> list[PaperOrder]:
        """Orders that are not done, in order of their numbers: resting, waiting for a trigger, and not yet matched."""
        orders = [*self._matching.orders.values(), *(trigger.order for trigger in self._arrivals.triggers.values())]
        orders += [order for order, _ in self._held.values()]
        return sorted(orders, key=lambda order: order.number)

    def levels(self, side: BookSide, limit: int) -> tuple[list[int], list[int]]:
        """Return the best levels of a side as ticks and lots, best first."""
        return self._market.levels(side, limit)

    def submit(self, number: int, request: OrderRequest, now_us: int) -> None:
        """Accept or refuse an order that arrives now.

        Args:
            number: Identifies the order in reports; each number is used once.
            request: The order.
            now_us: Time of arrival.

        Raises:
            BadValue: The order is of another symbol.
        """
        if request.symbol != self.instrument.symbol:
            raise BadValue("symbol of an order", request.symbol, self.instrument.symbol)
        order = PaperOrder(number, request, now_us)
        if self._live:
            self._arrivals.arrive(order, now_us)
        elif len(self._held) >= self.rules.max_orders:
            self._outbox.report(order, "rejected", now_us, rejection=TOO_MANY_ORDERS)
        else:
            self._held[number] = order, False

    def cancel(self, number: int, now_us: int, *, reason: str = "") -> Rejection | None:
        """Cancel the rest of an order; return the venue's rejection if there is none, for example if it was filled."""
        order = self._matching.orders.get(number)
        if order is not None:
            self._matching.remove(order)
        elif number in self._arrivals.triggers:
            order = self._arrivals.triggers.pop(number).order
        elif number in self._held:
            order = self._held.pop(number)[0]
        else:
            return UNKNOWN_ORDER
        self._outbox.report(order, "cancelled", now_us, reason=reason)
        return None

    def cancel_all(self, now_us: int, *, reason: str = "") -> None:
        """Cancel every order, in order of their numbers."""
        for order in self.open_orders:
            self.cancel(order.number, now_us, reason=reason)

    def apply(self, event: Event) -> None:
        """Apply the next event of the symbol; channels that do not matter for matching are ignored.

        Raises:
            EventError: An event of another symbol.
        """
        kind = type(event)
        if kind is Trade:
            self._apply_trade(event)  # type: ignore[arg-type]
        elif kind is BookDelta:
            self._apply_delta(event)  # type: ignore[arg-type]
        elif isinstance(event, MarkPrice):
            self._prices.apply_mark(event)
            if self._arrivals.triggers:
                self._trigger("mark", event.time_us)
        elif isinstance(event, BookSnapshot):
            self._apply_snapshot(event)
        elif isinstance(event, Gap | Status):
            self._interrupted = not (isinstance(event, Status) and event.state == "live")
            self._lost = self._lost or self._interrupted
            self._update_live(event.time_us)

    def drain(self) -> list[OrderReport | Fill]:
        """Return reports and fills since the last call, in order."""
        return self._outbox.drain()

    def prelude(self) -> Sequence[Event]:
        """Return the events that rebuild the book; a venue that applies them after ``restore`` continues exactly."""
        return self._market.book.prelude()

    def snapshot(self) -> dict[str, Any]:
        """Return the orders and their state as builtins, without the book."""
        held = [(order, triggered) for order, triggered in self._held.values()]
        counts = self.lapses, self.requeued, self._interrupted, self._lost
        return keep(self._matching, self._arrivals, self._prices, held, counts)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, in a venue without orders.

        The next snapshot of the book decides about the queues: if it has the same update id as the book had then, they
        continue; otherwise all resting orders are at the back.

        Raises:
            BadValue: It is not the state of a venue.
        """
        kept: KeptVenue = restore(state, self._matching, self._arrivals, self._prices)
        self._held = {order.number: (order, triggered) for order, triggered in kept.held}
        self.lapses, self.requeued, self._kept = kept.lapses, kept.requeued, kept
        self._interrupted, self._lost = kept.interrupted, True

    def _apply_trade(self, trade: Trade) -> None:
        self._prices.trade = trade
        if self._live and self._matching.orders:
            self._matching.trade(trade)
        if self._arrivals.triggers:
            self._trigger("last", trade.time_us)

    def _apply_delta(self, delta: BookDelta) -> None:
        try:
            if not self._matching.orders and self._market.untouched:
                self._market.apply(delta)
            elif (changed := self._market.apply_watched(delta)) is not None and self._live:
                self._matching.levels_changed(changed, delta.time_us)
        except EventError:
            if delta.symbol != self.instrument.symbol:
                raise
        if self._market.book.synced is not self._live:
            self._lost = self._lost or not self._market.book.synced
            self._update_live(delta.time_us)

    def _apply_snapshot(self, snapshot: BookSnapshot) -> None:
        book = self._market.book
        kept, self._kept = self._kept, None
        resumes = kept is not None and snapshot.update_id == kept.update_id
        continues = book.synced and snapshot.update_id == book.update_id
        try:
            self._market.apply(snapshot)
        except EventError:
            if snapshot.symbol != self.instrument.symbol:
                raise
        if kept is not None and resumes:
            self._market.taken = kept.taken
        if resumes or (continues and not self._lost):
            self._lost = kept is not None and kept.lost
            self._matching.read_levels()
        else:
            # A snapshot of another moment means that something is missing, even without a gap before it.
            self._lost = True
            if self._live:
                self._live = False
                self.lapses += 1
        self._update_live(snapshot.time_us)

    def _update_live(self, time_us: int) -> None:
        live = self._market.book.synced and not self._interrupted
        if live is self._live:
            return
        self._live = live
        if not live:
            self.lapses += 1
            return
        if self._lost:
            self._lost = False
            self.requeued += self._matching.requeue()
            arrived_us = (order.since_us for order in self._matching.orders.values())
            self._matching.fill_reached(max(time_us, *arrived_us, 0))
        self._release(time_us)

    def _release(self, time_us: int) -> None:
        held, self._held = self._held, {}
        for order, triggered in held.values():
            now_us = max(time_us, order.since_us)
            if triggered:
                self._arrivals.activate(order, now_us)
            else:
                self._arrivals.arrive(order, now_us)

    def _trigger(self, price: str, time_us: int) -> None:
        for order in self._arrivals.check_triggers(price, time_us):
            if self._live:
                self._arrivals.activate(order, time_us)
            else:
                self._held[order.number] = order, True
