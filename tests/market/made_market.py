"""A small market that a test makes from a seed: book, trades and mark prices of one symbol, five steps a second."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookDelta,
    BookSnapshot,
    Event,
    Gap,
    Liquidation,
    MarkPrice,
    Topic,
    Trade,
    raw_levels,
)
from orderfox_nb.core.instrument import whole_market
from orderfox_nb.recording.writer import Writer
from tests.desk.scripted import BTC, VENUE, live
from tests.recording.made import BOOK, SECOND_US, START_US, TRADES, head_of

MARK = Topic(VENUE, "BTCUSDT", "mark")
FORCED = Topic(VENUE, WHOLE_MARKET, "liquidations")
DELAY_US = 20_000
"""From the venue to us."""
FUNDING_SECOND = 40


def market_events(seconds: int, *, seed: int = 7, gap_at: int = -1) -> list[tuple[Topic, Event]]:
    """Return what a recorder folds: preludes, then a random walk with trades at the touch.

    Args:
        seconds: How long.
        seed: Equal seeds give equal events.
        gap_at: Second after which a part of the book is lost for a second; none by default.
    """
    chance = random.Random(seed)
    middle, number = 600_000, 100
    found: list[tuple[Topic, Event]] = []

    def book() -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        bids = [(BTC.price(middle - at), BTC.size(chance.randint(20, 60))) for at in range(1, 9)]
        asks = [(BTC.price(middle + at), BTC.size(chance.randint(20, 60))) for at in range(1, 9)]
        return bids, asks

    def snapshot(time_us: int) -> BookSnapshot:
        bids, asks = book()
        return BookSnapshot(
            symbol="BTCUSDT",
            time_us=time_us,
            received_us=time_us + DELAY_US,
            raw_bids=raw_levels(bids),
            raw_asks=raw_levels(asks),
            update_id=number,
        )

    for topic in (BOOK, TRADES, MARK):
        if topic == BOOK:
            found.append((BOOK, snapshot(START_US)))
        found.append((topic, live(START_US)))
    lost = False
    for step in range(seconds * 5):
        time_us = START_US + step * 200_000 + 7
        second = step // 5
        if second == gap_at and not lost:
            found.append((BOOK, Gap(symbol="BTCUSDT", time_us=time_us, reason="a test lost it")))
            lost = True
        if lost and second > gap_at:
            found += [(BOOK, snapshot(time_us)), (BOOK, live(time_us))]
            lost = False
        if step % 5 == 0:
            mark = MarkPrice(
                symbol="BTCUSDT",
                time_us=time_us,
                received_us=time_us + DELAY_US,
                mark_price=BTC.price(middle) + 0.03,
                index_price=BTC.price(middle),
                funding_rate=0.0001,
                next_funding_us=START_US + (FUNDING_SECOND + (3_600 if second >= FUNDING_SECOND else 0)) * SECOND_US,
            )
            found.append((MARK, mark))
        middle += chance.choice((-1, 0, 0, 0, 0, 0, 0, 0, 0, 1))
        number += 1
        if not lost:
            bids, asks = book()
            gone_bids = [(BTC.price(middle + at), 0.0) for at in range(10)]
            gone_asks = [(BTC.price(middle - at), 0.0) for at in range(10)]
            delta = BookDelta(
                symbol="BTCUSDT",
                time_us=time_us + 10,
                received_us=time_us + 10 + DELAY_US,
                raw_bids=raw_levels(bids + gone_bids),
                raw_asks=raw_levels(asks + gone_asks),
                first_id=number,
                last_id=number,
                previous_id=number - 1,
            )
            found.append((BOOK, delta))
        side = chance.choice(("buy", "sell"))
        trade = Trade(
            symbol="BTCUSDT",
            time_us=time_us + 50_000,
            received_us=time_us + 50_000 + DELAY_US,
            id=str(step),
            sequence=step,
            price=BTC.price(middle + 1 if side == "buy" else middle - 1),
            size=BTC.size(chance.randint(1, 40)),
            aggressor=side,
        )
        found.append((TRADES, trade))
    return found


def record_market(
    folder: Path, seconds: int, *, seed: int = 7, gap_at: int = -1, liquidations: Sequence[Liquidation] = ()
) -> Path:
    """Write such a market as a recording and return its folder.

    Args:
        folder: Of the recording.
        seconds: How long.
        seed: Equal seeds give equal events.
        gap_at: See ``market_events``.
        liquidations: Recorded as one stream of all symbols.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(folder, head_of(folder))
    for topic in (BOOK, TRADES, MARK):
        writer.opened(topic, BTC, START_US)
    events = market_events(seconds, seed=seed, gap_at=gap_at)
    if liquidations:
        writer.opened(FORCED, whole_market(VENUE), START_US)
        events += [(FORCED, live(START_US, WHOLE_MARKET)), *((FORCED, one) for one in liquidations)]
        events.sort(key=lambda each: each[1].time_us)
    stamp_us = START_US
    for topic, event in events:
        stamp_us = max(stamp_us, event.time_us + DELAY_US)
        writer.event(topic, whole_market(VENUE) if topic == FORCED else BTC, event, stamp_us)
    writer.written(writer.cut(stamp_us).write())
    return folder
