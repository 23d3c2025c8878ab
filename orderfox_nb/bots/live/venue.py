"""The venue of a session whose orders are real: it keeps them, and what the venue has said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.bots.live.orders import LiveOrder, VenueOrder, VenueTrade
from orderfox_nb.bots.orders import DONE, Fill, OrderReport, OrderRequest, OrderState, Rejection
from orderfox_nb.bots.ports import Affordable, Reducible
from orderfox_nb.core.book import Book, BookSide
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap, Status
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError

MAX_ORDERS: Final = 200
"""Orders of a session that are not done."""
TOO_MANY: Final = Rejection(-2025, "Reach max open order limit.")
NOT_HERE: Final = Rejection(-4120, "Live bots send limit and market orders only.")


class _KeptOrders(msgspec.Struct, frozen=True, kw_only=True):
    orders: list[LiveOrder]
    interrupted: bool


class LiveVenue:
    """Holds a session's real orders between its commands and the venue's answers. It sends and reads nothing itself.

    A broker takes the commands (``take``) and returns what the venue says (``update``, ``trade``, ``refuse``,
    ``lose``). Each trade is booked once, whichever way and however often it is reported, and an order is done only
    when the trades that are known add up to what the venue says is filled.

    Args:
        instrument: What is traded.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.affordable: Affordable | None = None
        """Not asked: the venue knows its margin."""
        self.reducible: Reducible = lambda _: 0
        """Not asked: the venue knows the position."""
        self.orders: dict[int, LiveOrder] = {}
        """Those that are not done, by number."""
        self._book = Book(instrument)
        self._interrupted = False
        self._cancels: list[int] = []
        self.answers: list[OrderReport | Fill] = []
        """What ``drain`` would return."""

    @property
    def live(self) -> bool:
        """Whether the book is complete."""
        return self._book.synced and not self._interrupted

    @property
    def best_bid(self) -> int | None:
        return self._book.best_bid

    @property
    def best_ask(self) -> int | None:
        return self._book.best_ask

    def levels(self, side: BookSide, limit: int) -> tuple[list[int], list[int]]:
        """Return the best levels of a side as ticks and lots, best first."""
        ticks, lots = self._book.levels(side, limit)
        return ticks.tolist(), lots.tolist()

    def apply(self, event: Event) -> None:
        """Apply an event of the market; orders are not filled by it.

        Raises:
            EventError: An event of another symbol.
        """
        if isinstance(event, Gap | Status):
            self._interrupted = not (isinstance(event, Status) and event.state == "live")
        elif isinstance(event, BookDelta | BookSnapshot):
            try:
                self._book.apply(event)
            except EventError:
                if event.symbol != self.instrument.symbol:
                    raise

    def prelude(self) -> Sequence[Event]:
        """Return the events that rebuild the book."""
        return self._book.prelude()

    def submit(self, number: int, request: OrderRequest, now_us: int) -> None:
        """Have an order wait for the broker, or refuse it."""
        order = LiveOrder(number=number, request=request, time_us=now_us)
        if request.kind not in {"limit", "market"}:
            self._report(order, "rejected", rejection=NOT_HERE)
        elif len(self.orders) >= MAX_ORDERS:
            self._report(order, "rejected", rejection=TOO_MANY)
        else:
            self.orders[number] = order

    def cancel(self, number: int, now_us: int) -> None:
        """Have a cancel wait for the broker; an order that was not sent is cancelled at once."""
        order = self.orders.get(number)
        if order is None or order.cancelling or order.request.kind == "market":
            # A market order does not rest: it is traded or refused before a cancel can arrive.
            return
        order.cancelling = True
        if order.stage == "waiting":
            order.time_us = max(order.time_us, now_us)
            self._end(order, "cancelled")
        else:
            self._cancels.append(number)

    def cancel_all(self, now_us: int) -> None:
        """Have a cancel of every order wait for the broker."""
        for number in list(self.orders):
            self.cancel(number, now_us)

    def take(self) -> tuple[list[LiveOrder], list[LiveOrder]]:
        """Return the orders that are to be sent and those that are to be cancelled; from now on they count as sent."""
        placed = [order for order in self.orders.values() if order.stage == "waiting"]
        for order in placed:
            order.stage = "sent"
        cancels, self._cancels = self._cancels, []
        return placed, [self.orders[number] for number in cancels if number in self.orders]

    @property
    def waiting(self) -> bool:
        """Whether ``take`` would return something."""
        return bool(self._cancels) or any(order.stage == "waiting" for order in self.orders.values())

    @property
    def unsure(self) -> bool:
        """Whether something may have been traded that is unknown."""
        return any(order.stage == "sent" or order.traded < order.claimed for order in self.orders.values())

    def by_venue_id(self, venue_id: str) -> LiveOrder | None:
        """Return an order by the venue's number."""
        return next((order for order in self.orders.values() if order.venue_id == venue_id), None)

    def update(self, order: LiveOrder, said: VenueOrder) -> None:
        """Apply what the venue says of an order; what is older than what is known changes nothing."""
        if order.number not in self.orders:
            return
        order.stage, order.venue_id = "known", said.venue_id
        order.claimed = max(order.claimed, said.filled_lots)
        order.time_us = max(order.time_us, said.time_us)
        if said.state in DONE:
            order.final = said.state
        elif order.state == "sent":
            self._report(order, "open")
        self._settle(order)

    def trade(self, order: LiveOrder, said: VenueTrade) -> None:
        """Book a trade of an order, once."""
        if order.number not in self.orders or said.trade_id in order.trade_ids:
            return
        order.stage, order.venue_id = "known", said.venue_id
        order.trade_ids.append(said.trade_id)
        order.traded += said.lots
        order.claimed = max(order.claimed, order.traded)
        order.time_us = max(order.time_us, said.time_us)
        self.answers.append(
            Fill(
                number=order.number,
                time_us=said.time_us,
                side=order.request.side,
                ticks=said.ticks,
                lots=said.lots,
                maker=said.maker,
            )
        )
        if order.traded >= order.request.lots:
            order.final = "filled"
        elif order.final is None:
            self._report(order, "open")
        self._settle(order)

    def refuse(self, order: LiveOrder, rejection: Rejection) -> None:
        """Report that an order was refused."""
        self._end(order, "rejected", rejection=rejection)

    def lose(self, order: LiveOrder, reason: str, *, state: OrderState = "expired") -> None:
        """Report that an order has certainly not reached the venue, and will not."""
        order.reason = reason
        self._end(order, state)

    def drain(self) -> list[OrderReport | Fill]:
        """Return reports and fills since the last call, in order."""
        found, self.answers = self.answers, []
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return the orders as builtins; the book is not part of it."""
        return msgspec.to_builtins(_KeptOrders(orders=list(self.orders.values()), interrupted=self._interrupted))

    def restore(self, state: Any) -> None:
        """Continue from what ``snapshot`` returned. Orders that had not been sent by then never are.

        Raises:
            msgspec.ValidationError: Another thing than that.
        """
        kept = msgspec.convert(state, _KeptOrders)
        self.orders = {order.number: order for order in kept.orders}
        self._interrupted = kept.interrupted

    def _settle(self, order: LiveOrder) -> None:
        """Report a final state whose trades are all known."""
        if order.final is not None and order.traded >= order.claimed:
            self._end(order, order.final)

    def _end(self, order: LiveOrder, state: OrderState, *, rejection: Rejection | None = None) -> None:
        if self.orders.pop(order.number, None) is not None:
            self._report(order, state, rejection=rejection)

    def _report(self, order: LiveOrder, state: OrderState, *, rejection: Rejection | None = None) -> None:
        order.state = state
        self.answers.append(
            OrderReport(
                number=order.number,
                time_us=order.time_us,
                state=state,
                filled_lots=order.traded,
                rejection=rejection,
                reason=order.reason,
            )
        )
