"""Fills of hftbacktest and of the paper venue for the same orders on the same data.

``python -m tests.bots.judge`` writes what hftbacktest 2.4.4 answers to ``hftbacktest_answers.json``. It needs numpy
below 2.3, so give it an environment of its own: ``pip install hftbacktest==2.4.4 msgspec``. The recording is read from
``../shared/data`` where that exists.
"""

from __future__ import annotations

import gzip
import json
from array import array
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from orderfox_nb.bots.orders import DONE, OrderReport, OrderRequest
from orderfox_nb.bots.paper.queues import QUEUE_NAMES, QueueModel
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.core.book import Book
from orderfox_nb.core.book_sync import BookSync
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
from tests.core.books import BTC, Lots, delta, snapshot

ANSWERS = Path(__file__).with_name("hftbacktest_answers.json")
RECORDING = "usdm_btcusdt_20240808.gz"
SEEDS = (1, 2)
SIZES = (1, 7, 40, 300, 2_000)
STEP_US = 400_000
LASTS_US = 390_000


class Planned(NamedTuple):
    """An order at the best price of its side, and when it is cancelled."""

    number: int
    side: Side
    ticks: int
    lots: int
    sent_us: int
    cancelled_us: int


def made_market(seed: int, steps: int = 9_000) -> list[Event]:
    """A snapshot, deltas and trades of a market of whole ticks, whose book is never crossed."""
    random = Random(seed)
    bids: Lots = {10_000 - i: random.randint(100, 500) for i in range(40)}
    asks: Lots = {10_001 + i: random.randint(100, 500) for i in range(40)}
    events: list[Event] = [snapshot(1, bids, asks, time_us=1_000_000)]
    time_us, update_id = 1_000_000, 1
    for step in range(steps):
        time_us += 2 * random.randint(1, 4_000)
        buys = random.random() < 0.5
        side = asks if buys else bids
        best = min(asks) if buys else max(bids)
        changed: tuple[Lots, Lots] = ({}, {})
        mine = changed[1] if buys else changed[0]
        if random.random() < 0.25:
            lots = random.randint(1, 60)
            taken = min(lots, side[best])
            events.append(_trade(step, time_us, best, taken, "buy" if buys else "sell"))
            side[best] -= taken
            mine[best] = side[best]
        else:
            ticks = best + (random.randint(-2, 6) if buys else -random.randint(-2, 6))
            beyond = ticks <= max(bids) if buys else ticks >= min(asks)
            ticks = best if beyond else ticks
            # Cancels of a part and additions; some levels vanish.
            size = side.get(ticks, 0)
            side[ticks] = random.choice((size * 3 // 4, size // 2, size + random.randint(1, 200)))
            if random.random() < 0.03:
                side[ticks] = 0
            mine[ticks] = side[ticks]
        for ticks in [ticks for ticks, lots in side.items() if not lots]:
            del side[ticks]
        worst = max(side, default=best) if buys else min(side, default=best)
        while len(side) < 20:
            worst += 1 if buys else -1
            side[worst] = mine[worst] = random.randint(100, 500)
        if random.random() < 0.7:
            time_us += 2 * random.randint(0, 100)
        events.append(in_columns(delta(update_id, update_id + 1, *changed, time_us=time_us)))
        update_id += 1
    return events


def recorded_market(path: Path) -> list[Event]:
    """The book and the trades of the BTCUSDT recording from its snapshot on, with times that do not go back."""
    sync, events = BookSync(), list[Event]()
    time_us = 0
    with gzip.open(path) as lines:
        for line in lines:
            text = line.partition(b" ")[2]
            emitted: list[Event | None] = []
            if b'"lastUpdateId"' in line:
                body = msgspec.json.decode(text)
                bids, asks = ([(float(p), float(q)) for p, q in body[side]] for side in ("bids", "asks"))
                emitted += (
                    sync.snapshot(
                        BookSnapshot(
                            symbol="BTCUSDT",
                            time_us=body["E"] * 1_000,
                            update_id=body["lastUpdateId"],
                            raw_bids=raw_levels(bids),
                            raw_asks=raw_levels(asks),
                        )
                    )
                    or ()
                )
            elif b'"depthUpdate"' in line:
                emitted.append(sync.delta(_recorded_delta(msgspec.json.decode(text)["data"])))
            elif b'"e":"trade"' in line and events:
                emitted.append(_recorded_trade(msgspec.json.decode(text)["data"]))
            for event in emitted:
                if event is not None:
                    time_us = max(time_us, event.time_us)
                    kept = in_columns(event) if isinstance(event, BookDelta) else event
                    events.append(msgspec.structs.replace(kept, time_us=time_us))
    return events


def plan(events: list[Event], *, step_us: int = STEP_US, lasts_us: int = LASTS_US) -> list[Planned]:
    """Orders at the touch of both sides at fixed times, one of a side at a time, between the events."""
    book, planned = Book(BTC), list[Planned]()
    at_us = events[0].time_us + 1
    for event in events:
        while book.synced and event.time_us > at_us:
            lots = SIZES[len(planned) // 2 % len(SIZES)]
            for side, ticks in (("buy", book.best_bid), ("sell", book.best_ask)):
                assert ticks is not None
                planned.append(Planned(len(planned) + 1, side, ticks, lots, at_us, at_us + lasts_us))  # type: ignore[arg-type]
            at_us += step_us
        if not isinstance(event, Trade):
            book.apply(event)
    return planned[:-2]


def recorded_plan(events: list[Event]) -> list[Planned]:
    """Orders of both sides at the touch of a recording, each for a second."""
    return plan(events, step_us=1_000_000, lasts_us=990_000)


def commands(planned: list[Planned]) -> list[tuple[int, bool, Planned]]:
    """Time, whether it is the cancellation, and the order, in the order in which they are sent."""
    sent = [(order.sent_us, False, order) for order in planned]
    return sorted([*sent, *((order.cancelled_us, True, order) for order in planned)], key=lambda each: each[0])


def of_paper(events: list[Event], planned: list[Planned], queue: QueueModel) -> list[int | None]:
    """When each order was filled on paper, None where it was not."""
    venue = PaperVenue(BTC, TradingRules(instrument=BTC, min_notional=Decimal(0)), queue=queue)
    filled: dict[int, int] = {}
    todo = iter(commands(planned))
    due = next(todo, None)
    for event in events:
        while due is not None and due[0] < event.time_us:
            at_us, cancels, order = due
            if cancels:
                venue.cancel(order.number, at_us)
            else:
                request = OrderRequest(
                    symbol="BTCUSDT", side=order.side, lots=order.lots, ticks=order.ticks, time_in_force="GTX"
                )
                venue.submit(order.number, request, at_us)
            due = next(todo, None)
        venue.apply(event)
        for item in venue.drain():
            if isinstance(item, OrderReport) and item.state == "filled":
                filled[item.number] = item.time_us
            elif isinstance(item, OrderReport):
                assert item.state not in DONE - {"cancelled"}, item
    return [filled.get(order.number) for order in planned]


def of_hftbacktest(events: list[Event], planned: list[Planned], name: str, power: float) -> list[int | None]:
    """When each order was filled in hftbacktest's exchange without partial fills and without latency."""
    import hftbacktest as hft  # type: ignore[import-not-found]
    import numpy as np

    rows = np.array(list(_rows(events, hft)), hft.types.event_dtype)
    asset: Any = hft.BacktestAsset().data([rows]).linear_asset(1.0).constant_order_latency(0, 0)
    if name == "risk_averse":
        asset = asset.risk_adverse_queue_model()
    else:
        number = name[-1] if name[-1].isdigit() else ""
        model = getattr(asset, f"{name.rstrip('23')}_prob_queue_model{number}")
        asset = model() if name.startswith("log") else model(power)
    asset = asset.no_partial_fill_exchange().trading_value_fee_model(0, 0).tick_size(0.1).lot_size(0.001)
    backtest: Any = hft.HashMapMarketDepthBacktest([asset])
    found: dict[int, int | None] = {}
    now_ns = None
    for at_us, cancels, order in commands(planned):
        if now_ns is None:
            assert backtest.elapse(0) in (0, 2, 3)
        step = at_us * 1_000 - int(backtest.current_timestamp)
        assert backtest.elapse(step) == 0
        now_ns = at_us * 1_000
        if not cancels:
            send = backtest.submit_buy_order if order.side == "buy" else backtest.submit_sell_order
            price, size = order.ticks * 0.1, order.lots * 0.001
            assert send(0, order.number, price, size, hft.GTX, hft.LIMIT, False) == 0
            continue
        held = backtest.orders(0).get(order.number)
        assert held.status in (hft.FILLED, hft.NEW), held.status
        if held.status == hft.FILLED:
            found[order.number] = int(held.exch_timestamp) // 1_000
        else:
            found[order.number] = None
            assert backtest.cancel(0, order.number, False) == 0
    backtest.close()
    return [found[order.number] for order in planned]


def _rows(events: list[Event], hft: Any) -> Iterator[tuple[Any, ...]]:
    both = hft.EXCH_EVENT | hft.LOCAL_EVENT
    for event in events:
        ns = event.time_us * 1_000
        if isinstance(event, Trade):
            side = hft.BUY_EVENT if event.aggressor == "buy" else hft.SELL_EVENT
            yield both | hft.TRADE_EVENT | side, ns, ns, event.price, event.size, 0, 0, 0.0
            continue
        assert isinstance(event, BookDelta | BookSnapshot)
        kind = hft.DEPTH_SNAPSHOT_EVENT if isinstance(event, BookSnapshot) else hft.DEPTH_EVENT
        for side, levels in ((hft.BUY_EVENT, event.bids), (hft.SELL_EVENT, event.asks)):
            for price, size in levels:
                yield both | kind | side, ns, ns, price, size, 0, 0, 0.0


def _trade(step: int, time_us: int, ticks: int, lots: int, aggressor: Side) -> Trade:
    price, size = BTC.price(ticks), BTC.size(lots)
    return Trade(symbol="BTCUSDT", time_us=time_us, id=str(step), price=price, size=size, aggressor=aggressor)


def _recorded_trade(data: dict[str, Any]) -> Trade:
    return Trade(
        symbol="BTCUSDT",
        time_us=data["T"] * 1_000,
        id=str(data["t"]),
        price=float(data["p"]),
        size=float(data["q"]),
        aggressor="sell" if data["m"] else "buy",
    )


def in_columns(event: BookDelta) -> BookDelta:
    """The same delta with its levels as recordings hold them, which need not be decoded again by each run."""
    bids, asks = (
        SideColumns(
            array("q", [BTC.ticks(price) for price, _ in levels]).tobytes(),
            array("q", [BTC.lots(size) for _, size in levels]).tobytes(),
        )
        for levels in (event.bids, event.asks)
    )
    columns = LevelColumns(bids, asks, BTC.price_digits, BTC.size_digits)
    return msgspec.structs.replace(event, raw_bids=NO_TEXT, raw_asks=NO_TEXT, columns=columns)


def _recorded_delta(data: dict[str, Any]) -> BookDelta:
    return BookDelta(
        symbol="BTCUSDT",
        time_us=data["T"] * 1_000,
        first_id=data["U"],
        last_id=data["u"],
        previous_id=data["pu"],
        raw_bids=raw_levels([(float(p), float(q)) for p, q in data["b"]]),
        raw_asks=raw_levels([(float(p), float(q)) for p, q in data["a"]]),
    )


def markets(folder: Path) -> Iterator[tuple[str, list[Event], list[Planned]]]:
    """All markets by name, with the orders."""
    for seed in SEEDS:
        events = made_market(seed)
        yield f"seed {seed}", events, plan(events)
    if (folder / RECORDING).exists():
        events = recorded_market(folder / RECORDING)
        assert all(one.time_us <= other.time_us for one, other in pairwise(events))
        yield RECORDING, events, recorded_plan(events)


def main() -> None:
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    answers = {
        market: {name: of_hftbacktest(events, planned, name, 3.0) for name in QUEUE_NAMES}
        for market, events, planned in markets(folder)
    }
    ANSWERS.write_text(json.dumps(answers, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
