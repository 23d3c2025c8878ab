"""Paper venues and orders in few words, in whole ticks and lots, for the tests of this folder."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderfox_nb.bots.orders import Fill, OrderReport, OrderRequest
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.core.events import Event, MarkPrice, Side, Status, Trade
from tests.core.books import BTC, Lots, delta, snapshot

FREE = TradingRules(instrument=BTC, min_notional=Decimal(0))
"""Without a least notional, so that few lots are enough."""
LIVE = Status(symbol="BTCUSDT", time_us=0, state="live")


class Bench:
    """A paper venue with its time and its update ids, and what it has reported."""

    def __init__(
        self, bids: Lots | None = None, asks: Lots | None = None, *, queue: QueueModel | None = None, **options: Any
    ) -> None:
        rules = options.pop("rules", FREE)
        self.venue = PaperVenue(rules.instrument, rules, queue=queue or QueueModel(), **options)
        self.now_us = 1_000
        self.update_id = 1
        self.number = 0
        self.fills: list[Fill] = []
        self.reports: list[OrderReport] = []
        if bids is not None or asks is not None:
            self.book(bids or {}, asks or {})

    def apply(self, event: Event) -> None:
        self.venue.apply(event)
        self.read()

    def read(self) -> None:
        for item in self.venue.drain():
            if isinstance(item, Fill):
                self.fills.append(item)
            else:
                self.reports.append(item)

    def book(self, bids: Lots, asks: Lots) -> None:
        """A snapshot that has nothing to do with the book before."""
        self.now_us += 10
        self.update_id += 10
        self.apply(snapshot(self.update_id, bids, asks, time_us=self.now_us))

    def change(self, bids: Lots | None = None, asks: Lots | None = None, *, lost: int = 0) -> None:
        """A delta, after so many that did not arrive."""
        self.now_us += 10
        before = self.update_id + lost
        self.update_id = before + 1
        self.apply(delta(before, self.update_id, bids, asks, time_us=self.now_us))

    def trade(self, ticks: int, lots: int, aggressor: Side, *, time_us: int | None = None) -> None:
        self.now_us += 10
        self.apply(
            Trade(
                symbol="BTCUSDT",
                time_us=self.now_us if time_us is None else time_us,
                id=str(self.now_us),
                price=BTC.price(ticks),
                size=BTC.size(lots),
                aggressor=aggressor,
            )
        )

    def mark(self, price: float) -> None:
        self.now_us += 10
        self.apply(
            MarkPrice(
                symbol="BTCUSDT",
                time_us=self.now_us,
                mark_price=price,
                index_price=price,
                funding_rate=None,
                next_funding_us=0,
            )
        )

    def send(self, side: Side, lots: int, ticks: int | None = None, **fields: Any) -> int:
        """Submit an order and return its number; a limit order where a price is given, else a market order."""
        self.number += 1
        self.now_us += 10
        kind = fields.pop("kind", "market" if ticks is None else "limit")
        request = OrderRequest(symbol="BTCUSDT", side=side, lots=lots, ticks=ticks, kind=kind, **fields)
        self.venue.submit(self.number, request, self.now_us)
        self.read()
        return self.number

    def cancel(self, number: int) -> int | None:
        """Cancel an order and return the code of a refusal."""
        self.now_us += 10
        refused = self.venue.cancel(number, self.now_us)
        self.read()
        return None if refused is None else refused.code

    def state(self, number: int) -> str:
        """The newest state of an order, "sent" before its first report."""
        return next((report.state for report in reversed(self.reports) if report.number == number), "sent")

    def states(self, number: int) -> list[str]:
        return [report.state for report in self.reports if report.number == number]

    def code(self, number: int) -> int | None:
        """The code of an order's refusal."""
        codes = [r.rejection.code for r in self.reports if r.number == number and r.rejection is not None]
        return codes[-1] if codes else None

    def filled(self, number: int) -> list[tuple[int, int]]:
        """Ticks and lots of an order's fills."""
        return [(fill.ticks, fill.lots) for fill in self.fills if fill.number == number]

    def order(self, number: int) -> Any:
        return next(order for order in self.venue.open_orders if order.number == number)
