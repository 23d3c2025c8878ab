"""Reading never writes: neither the version of a frame nor its view or its text changes a topic or asks a venue."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.catalogue import TTL_S
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.streams.registry import frame_key
from tests.core.facts import kline
from tests.desk.scripted import VENUE, ScriptedFeed, delta, live, snapshot, ticker, trade

pytestmark = pytest.mark.core

BOOK, TRADES, BARS, ORDERS, TICKER = (
    Topic(VENUE, "BTCUSDT", channel, interval)
    for channel, interval in (("book", ""), ("trades", ""), ("candles", "1m"), ("liquidations", ""), ("ticker", ""))
)
PANELS = ("book", "depth", "trades", "candles", "liquidations", "ticker")
PUBLIC = ("v1.orderbook", "v1.trades", "v1.candles", "v1.liquidation_volume")
KEYS = [
    *(frame_key(VENUE, "BTCUSDT", stream) for stream in (*PANELS, *PUBLIC)),
    frame_key(VENUE, "BTCUSDT", "study", {"name": "live_candles", "interval": "1m"}),
    frame_key(VENUE, "*", "symbols"),
]


async def _read(reader: FrameReader) -> None:
    async for _ in reader:
        pass


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.text)
async def test_what_a_frame_reads_changes_nothing(key: FrameKey, tmp_path: Path):
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    feed.history = []
    now_us = clock.now_us()
    feed.preludes = {
        BOOK: [snapshot(now_us, [(50_000.0, 1.0)], [(50_000.1, 1.0)])],
        TRADES: [trade(now_us, 1)],
        BARS: [kline(now_us)],
        ORDERS: [live(now_us)],
        TICKER: [ticker("BTCUSDT", 50_000.0, 1e9, time_us=now_us)],
    }
    settings = load_settings(ORDERFOX_DATA_DIR=str(tmp_path))
    async with Desk(feed, settings, clock, linger_s=0) as desk, desk.frames(key) as reader:
        reading = asyncio.create_task(_read(reader))
        for _ in range(40):
            await clock.advance(0.1)
        recipe = desk._frames.active[0].recipe
        assert recipe is not None
        if (book := desk.hub.state(BOOK)) is not None:
            # The best bid is above the best ask from here on, and no task has run since.
            book.apply(delta(now_us + 1, 101, [(60_000.0, 1.0)], []))
        tasks = asyncio.all_tasks()
        before = [(state.topic, state.sequence, state.revision) for state in desk.hub.topics]
        calls = len(feed.history_calls), feed.listing_calls
        for _ in range(2):
            recipe.version()
            recipe.ready()
            view, stamp = recipe.capture(), recipe.stamp()
            assert recipe.full(view, stamp)
            recipe.delta(view, view, stamp)
        assert [(state.topic, state.sequence, state.revision) for state in desk.hub.topics] == before
        assert (len(feed.history_calls), feed.listing_calls) == calls
        assert asyncio.all_tasks() == tasks
        reading.cancel()
        await asyncio.wait({reading})


async def test_the_first_frame_of_a_crossed_book_says_that_it_is_wrong(tmp_path: Path):
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    now_us = clock.now_us()
    feed.preludes[BOOK] = [snapshot(now_us, [(50_000.0, 1.0)], [(50_000.1, 1.0)])]
    key = frame_key(VENUE, "BTCUSDT", "book")
    settings = load_settings(ORDERFOX_DATA_DIR=str(tmp_path))
    async with Desk(feed, settings, clock, linger_s=0) as desk, desk.frames(key) as reader:
        for _ in range(40):
            await clock.advance(0.1)
        assert b'"state":"live"' in (await anext(reader)).text
        feed.put(BOOK, delta(now_us + 1, 101, [(60_000.0, 1.0)], []))
        await clock.advance(0.2)
        text = (await anext(reader)).text
        assert b'"best_bid":600000,"best_ask":500001' in text
        assert b'"state":"gap"' in text


async def test_the_symbol_list_is_kept_fresh_while_it_is_watched(tmp_path: Path):
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Desk(feed, load_settings(ORDERFOX_DATA_DIR=str(tmp_path)), clock, linger_s=0) as desk:
        async with desk.frames(frame_key(VENUE, "*", "symbols")) as reader:
            await anext(reader)
            assert feed.listing_calls == 1
            feed.rows = feed.rows[:1]
            for _ in range(TTL_S // 10 + 2):
                await clock.advance(10)
            assert feed.listing_calls == 2
            assert (await anext(reader)).text.count(b"USDT") < 4
        for _ in range(TTL_S // 10 + 2):
            await clock.advance(10)
        assert feed.listing_calls == 2
