"""The paper venue: events a second with nothing at rest, and with twenty orders in their queues.

The market is drawn like the BTCUSDT recording: three trades to a change of the book, a change of 34 levels in the
median, most of them near the best price and some far away.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from decimal import Decimal

from benchmarks.folds import BTC
from benchmarks.table import machine, medians_us, print_table
from orderfox_nb.bots.orders import OrderRequest
from orderfox_nb.bots.paper.queues import QueueModel, QueueName
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import (
    NO_TEXT,
    BookDelta,
    BookSnapshot,
    Event,
    LevelColumns,
    Side,
    SideColumns,
    Trade,
    raw_levels,
)

TITLE = "Paper venue"

EVENTS = 20_000
STEP_US = 13_000
A_SIDE = 10
SIZE = 10


class DrawnMarket:
    """A snapshot, then changes and trades around a best price that moves by a tick now and then."""

    def __init__(self) -> None:
        draw = random.Random(12)
        self.bid = 600_000
        ask = self.bid + 1
        self.time_us = 0
        bids = [(BTC.price(self.bid - d), BTC.size(draw.randint(1, 9_999))) for d in range(1_000)]
        asks = [(BTC.price(ask + d), BTC.size(draw.randint(1, 9_999))) for d in range(1_000)]
        self.snapshot = BookSnapshot(
            symbol="BTCUSDT", time_us=0, update_id=0, raw_bids=raw_levels(bids), raw_asks=raw_levels(asks)
        )
        self.events: list[Event] = []
        number = 0
        while len(self.events) < EVENTS:
            self.time_us += STEP_US
            if draw.random() < 0.75:
                self.events.append(self._trade(draw))
            else:
                self.events.append(self._change(number, draw))
                number += 1

    def _trade(self, draw: random.Random) -> Trade:
        side: Side = "buy" if draw.random() < 0.5 else "sell"
        return Trade(
            symbol="BTCUSDT",
            time_us=self.time_us,
            id=str(self.time_us),
            price=BTC.price(self.bid + (side == "buy")),
            size=BTC.size(draw.randint(1, 300)),
            aggressor=side,
        )

    def _change(self, number: int, draw: random.Random) -> BookDelta:
        move = draw.choice((-1, 1)) if draw.random() < 0.1 else 0
        self.bid += move
        sides: list[SideColumns] = []
        for best, sign in ((self.bid, -1), (self.bid + 1, 1)):
            levels = {best: draw.randint(1, 9_999)}
            if move:
                # The level that the price has passed is gone.
                levels[best - sign] = 0
            for _ in range(min(400, int(draw.expovariate(1 / 24)) + 4)):
                away = 1 + int(draw.expovariate(1 / 300) if draw.random() < 0.9 else draw.expovariate(1 / 20_000))
                levels[best + sign * away] = draw.choice((0, draw.randint(1, 9_999)))
            sides.append(SideColumns(array("q", levels).tobytes(), array("q", levels.values()).tobytes()))
        return BookDelta(
            symbol="BTCUSDT",
            time_us=self.time_us,
            first_id=number + 1,
            last_id=number + 1,
            previous_id=number,
            raw_bids=NO_TEXT,
            raw_asks=NO_TEXT,
            columns=LevelColumns(sides[0], sides[1], BTC.price_digits, BTC.size_digits),
        )


def book_run(drawn: DrawnMarket) -> Callable[[], None]:
    """The book's events only: what the venue cannot be faster than."""

    def run() -> None:
        book = Book(BTC)
        book.apply(drawn.snapshot)
        for event in drawn.events:
            if type(event) is not Trade:
                book.apply(event)

    return run


def venue_run(drawn: DrawnMarket, *, name: QueueName = "power", every_us: int = 0) -> Callable[[], None]:
    """All events through a venue; orders on the ten best levels of each side, moved with the price every so often."""

    def run() -> None:
        rules = TradingRules(instrument=BTC, min_notional=Decimal(0))
        venue = PaperVenue(BTC, rules, queue=QueueModel(name))
        venue.apply(drawn.snapshot)
        due_us, number = every_us or drawn.time_us + 1, 0
        for event in drawn.events:
            venue.apply(event)
            venue.drain()
            if event.time_us >= due_us:
                due_us += every_us
                number = quote(venue, number, event.time_us)

    return run


def quote(venue: PaperVenue, number: int, now_us: int) -> int:
    """Cancel what is not on a wanted level and send what is missing there; return the last order's number."""
    bid, ask = venue.best_bid, venue.best_ask
    assert bid is not None
    assert ask is not None
    wanted: dict[tuple[Side, int], None] = {("buy", bid - n): None for n in range(A_SIDE)}
    wanted |= {("sell", ask + n): None for n in range(A_SIDE)}
    for order in venue.open_orders:
        if wanted.pop((order.side, order.ticks), order) is order:
            venue.cancel(order.number, now_us)
    for side, ticks in wanted:
        number += 1
        request = OrderRequest(symbol="BTCUSDT", side=side, lots=SIZE, ticks=ticks, time_in_force="GTX")
        venue.submit(number, request, now_us)
    return number


def main() -> None:
    drawn = DrawnMarket()
    times = medians_us(
        {
            "the book alone": book_run(drawn),
            "venue, nothing rests": venue_run(drawn),
            "venue, 20 orders rest, moved each second": venue_run(drawn, every_us=1_000_000),
            "venue, 20 orders rest, moved each 100 ms": venue_run(drawn, every_us=100_000),
            "the same, risk-averse": venue_run(drawn, name="risk_averse", every_us=100_000),
        },
        rounds=5,
        per_call=EVENTS,
    )
    rows = [[name, time_us, f"{1_000 / time_us:,.0f}"] for name, time_us in times.items()]
    print(f"# {TITLE}\n\n{machine()}")
    print_table("An event of a book or a trade", ["run", "µs", "thousand a second"], rows)


if __name__ == "__main__":
    main()
