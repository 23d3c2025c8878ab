"""A bot's session over the recorded five minutes of BTCUSDT: events a second, beside the book alone.

Ten orders a side are placed again every 100 ms and take 10 ms to the venue. The same grid runs in hftbacktest and in
nautilus_trader where they are installed: here, or in a folder of ``ORDERFOX_JUDGES`` (separated like ``PATH``), since
both have dependencies that exclude ours: ``pip install --target=<folder> hftbacktest==2.4.4``. Each is a process of
its own, and what is counted is the CPU time of its loop, without loading and compiling.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

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
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Trade
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


def columns_of(events: Sequence[Event]) -> np.ndarray[Any, Any]:
    """Return a market as rows that know nothing of us: a level each, or a trade."""
    rows: list[tuple[int, int, int, int, float, float]] = []
    for number, event in enumerate(events):
        ns = event.time_us * 1_000
        if isinstance(event, Trade):
            rows.append((number, 2, ns, 1 if event.aggressor == "buy" else -1, event.price, event.size))
        elif isinstance(event, BookSnapshot | BookDelta):
            kind = int(isinstance(event, BookDelta))
            for side, levels in ((1, event.bids), (-1, event.asks)):
                rows += [(number, kind, ns, side, price, size) for price, size in levels]
    fields = [("event", "i8"), ("kind", "i8"), ("ns", "i8"), ("side", "i8"), ("price", "f8"), ("size", "f8")]
    return np.array(rows, fields)


def judged(program: str, module: str, market: Path) -> dict[str, Any] | None:
    """Return what the grid of another engine says of itself, None if it is not installed."""
    folders = ["", *filter(None, os.environ.get("ORDERFOX_JUDGES", "").split(os.pathsep))]
    for folder in folders:
        environment = os.environ | {"PYTHONPATH": folder}
        found = subprocess.run(
            [sys.executable, "-c", f"import {module}"], env=environment, capture_output=True, timeout=120, check=False
        )
        if found.returncode == 0:
            command = [sys.executable, str(Path(__file__).with_name(program)), str(market)]
            answer = subprocess.run(command, env=environment, capture_output=True, timeout=600, check=True)
            return json.loads(answer.stdout)
    return None


def judges(events: Sequence[Event], ours_s: float) -> list[list[object]]:
    """Return a row of each other engine."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        market = Path(folder) / "market.npy"
        np.save(market, columns_of(events))
        for name, program, module in (
            ("hftbacktest", "grid_hftbacktest.py", "hftbacktest"),
            ("nautilus_trader", "grid_nautilus.py", "nautilus_trader"),
        ):
            found = judged(program, module, market)
            if found is None:
                rows.append([name, "not installed", "", "", ""])
                continue
            seconds = found["seconds"]
            rate = f"{len(events) / seconds / 1_000:,.0f} k"
            beside = ratio(seconds, ours_s)
            rows.append([f"{name} {found['version']}", f"{seconds:.3f}", rate, f"{found['fills']:,}", beside])
    return rows


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
    ours = median(taken["grid of 20 orders"])
    rate = f"{len(events) / ours / 1_000:,.0f} k"
    beside: list[list[object]] = [["ours", f"{ours:.3f}", rate, f"{len(session.fills):,}", "1.0×"]]
    beside += judges(events, ours)
    print_table("The same grid in other engines", ["engine", "CPU s", "events/s", "fills", "CPU to ours"], beside)


if __name__ == "__main__":
    main()
