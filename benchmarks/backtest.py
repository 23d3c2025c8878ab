"""A bot's session over the recorded five minutes of BTCUSDT: events a second, beside the book alone.

Ten orders a side are placed again every 100 ms and take 10 ms to the venue. hftbacktest needs numpy below 2.3 and an
environment of its own, so it does not run here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.table import machine, print_table, ratio
from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.builtin.grid import GridMaker
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.bots.session import BotSession
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Event, Trade
from tests.bots.judge import RECORDING, recorded_market
from tests.conftest import RECORDINGS
from tests.core.books import BTC

TITLE = "Backtest"

ROUNDS = 5
TRADES = 200_000


class TradeCounter(Strategy):
    """Reads trades only."""

    reads = ("trades",)

    def on_start(self, desk: Any) -> None:
        self.seen = 0

    def on_trade(self, trade: Trade, desk: Any) -> None:
        self.seen += 1


class BookReader(Strategy):
    """Reads the best prices with each change of the book, and sends nothing."""

    reads = ("book", "trades")

    def on_start(self, desk: Any) -> None:
        self.spread = 0.0

    def on_book(self, book: Any, desk: Any) -> None:
        self.spread = book.best_ask - book.best_bid


def session_of(strategy: Strategy) -> BotSession:
    return BotSession(
        strategy,
        BTC,
        venue=PaperVenue(BTC, TradingRules(instrument=BTC), queue=QueueModel("power")),
        account=Account(BTC),
        latency=Latency.constant(10_000, 0),
        channels=("book", "trades"),
        opened=True,
    )


def applied(make: Callable[[], Any], events: Sequence[Event]) -> float:
    """Return the CPU seconds of applying all events to a new fold."""
    apply = make().apply
    start = time.process_time()
    for event in events:
        apply(event)
    return time.process_time() - start


def main() -> None:
    print(machine())
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDINGS / RECORDING
    if not path.is_file():
        print(f"\nno recording at {path}: give its path, or set ORDERFOX_RECORDINGS")
        return
    events = recorded_market(path)
    trades = [event for event in events if type(event) is Trade]
    many = (trades * (TRADES // len(trades) + 1))[:TRADES]
    book = [event for event in events if type(event) is not Trade]
    contenders: dict[str, tuple[Callable[[], Any], Sequence[Event]]] = {
        "book alone": (lambda: Book(BTC), book),
        "trade-only strategy": (lambda: session_of(TradeCounter()), many),
        "strategy that reads the book": (lambda: session_of(BookReader()), events),
        "grid of 20 orders": (lambda: session_of(GridMaker(levels=10)), events),
    }
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        # They take turns, so that a busy spell of the machine hits all of them alike.
        for name, (make, applied_events) in contenders.items():
            taken[name].append(applied(make, applied_events))
    base = median(taken["book alone"]) / len(book)
    rows: list[list[object]] = []
    for name, (_, applied_events) in contenders.items():
        seconds = median(taken[name])
        each = seconds / len(applied_events)
        rows.append([name, len(applied_events), f"{seconds:.3f}", f"{1 / each / 1_000:,.0f} k", ratio(each, base)])
    print_table(TITLE, ["contender", "events", "CPU s", "events/s", "cost of an event, the book alone is 1"], rows)
    session = session_of(GridMaker(levels=10))
    for event in events:
        session.apply(event)
    session.finish()
    print(f"The grid sent {len(session.orders):,} orders and had {len(session.fills):,} fills.")


if __name__ == "__main__":
    main()
