"""Bybit natively: frames as its documentation has them, read by the dialect."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import (
    Event,
    MarkPrice,
    OpenInterest,
    Ticker,
)
from orderfox_nb.feeds.bybit.dialect import BybitDialect
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Live
from orderfox_nb.feeds.venue.pace import ResyncBucket, ResyncPace
from orderfox_nb.feeds.venue.streamed_book import StreamedBookFollower
from tests.core.facts import BTC
from tests.feeds.bybit.messages import (
    BOOK,
    NOW_MS,
    TICKER,
    book,
    events_of,
    trade,
    trades,
)
from tests.feeds.stages import Eager
from tests.feeds.venue.stream_machine import LaidOutFetches

pytestmark = pytest.mark.feeds


async def _nothing() -> Sequence[Event]:
    return ()


def test_recorded_liquidations_name_the_position_that_was_closed(recordings: Path) -> None:
    lines = map(json.loads, (recordings / "ws_frames_2026_real.jsonl").read_text().splitlines())
    frames = [line["frame"] for line in lines if line.get("exchange") == "bybit"]
    orders = events_of(*frames)
    assert [(order.symbol, order.side, order.size, order.price) for order in orders] == [
        ("ICPUSDT", "sell", 19.7, 2.585),
        ("MARSCOINUSDT", "buy", 2380.0, 0.12734),
    ]


def test_a_ticker_is_three_channels_and_a_delta_keeps_what_it_does_not_name() -> None:
    whole = {"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "cs": 1, "data": TICKER}
    part = {
        "topic": "tickers.BTCUSDT",
        "type": "delta",
        "ts": NOW_MS + 100,
        "cs": 2,
        "data": {"symbol": "BTCUSDT", "markPrice": "101.5", "bid1Price": "1"},
    }
    assert events_of(part) == []
    ticker, mark, interest = events_of(whole, part)[3:]
    assert (type(ticker), ticker.last, ticker.quote_volume) == (Ticker, 101.0, 2_000_000.0)
    assert (type(mark), mark.mark_price, mark.index_price, mark.funding_rate) == (MarkPrice, 101.5, 101.2, -0.0001)
    assert (type(interest), interest.open_interest) == (OpenInterest, 5000.5)
    assert {event.time_us for event in (ticker, mark, interest)} == {(NOW_MS + 100) * 1_000}


def test_a_bar_is_closed_when_the_venue_confirms_it() -> None:
    bar = {
        "start": NOW_MS,
        "end": NOW_MS + 299_999,
        "interval": "5",
        "open": "100",
        "close": "101",
        "high": "102",
        "low": "99",
        "volume": "5.5",
        "turnover": "550",
        "confirm": True,
        "timestamp": NOW_MS + 300_000,
    }
    (candle,) = events_of({"topic": "kline.5.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": [bar]})
    assert (candle.interval, candle.closed, candle.open_us) == ("5m", True, NOW_MS * 1_000)
    assert (candle.volume, candle.quote_volume) == (5.5, 550.0)


def test_block_trades_are_left_out_and_ids_are_text() -> None:
    (only,) = events_of(trades(trade("a-1"), trade("a-2", block=True)))
    assert (only.id, only.sequence, only.aggressor) == ("a-1", None, "buy")


@given(st.lists(st.sampled_from(["sent", "sent", "lost", "twice", "late", "restarted", "renewed"]), max_size=60))
def test_a_book_that_is_shown_is_the_venues(fates: list[str]) -> None:
    """Whatever is lost, late or sent twice: the book is as the venue's was at its id, or it is known to be none."""
    fetches = LaidOutFetches(lambda: 0)
    clock = ManualClock()
    follower = StreamedBookFollower(
        StatusReporter(BOOK, lambda: 0),
        cast("Fetches", fetches),
        renew=lambda: None,
        pace=ResyncPace(ResyncBucket(clock), clock, random=Eager()),
        check=_nothing,
    )
    codec, shown = BybitDialect().codec(), Book(BTC)
    number, bid, late = 10, 100, book("delta", 9)
    best = {number: bid}
    list(follower.handle(Live()))
    frames = [book("snapshot", number, [["100.0", "1"]], [["900.0", "1"]])]
    for fate in ["sent", *fates, "sent", "sent"]:
        for frame in frames:
            for event in codec.decode(json.dumps(frame), 7).events or ():
                for yielded in follower.handle(event):
                    shown.apply(yielded)
        if shown.synced:
            assert shown.best_bid == BTC.ticks(best[shown.update_id])
            assert shown.update_id == number or not frames
        before, number, bid = bid, 1 if fate == "restarted" else number + 1, bid + 1
        change = book("delta", number, [[f"{before}.0", "0"], [f"{bid}.0", "1"]])
        best[number] = bid
        whole = book("snapshot", number, [[f"{bid}.0", "1"]], [["900.0", "1"]])
        frames = {
            "lost": [],
            "twice": [change, change],
            "late": [late, change],
            "restarted": [whole],
            "renewed": [whole],
        }.get(fate, [change])
        late = change
