from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.streams.registry import frame_key, parse_key
from orderfox_nb.errors import BadValue, UnknownSymbol
from tests.desk.scripted import VENUE, ScriptedFeed, delta, live, trade
from tests.desk.test_frames import (
    BARS,
    BOOK,
    LIQUIDATIONS,
    MINUTE_US,
    START_US,
    TRADES,
    bar,
    desk_of,
    liquidation,
    next_json,
    put_book,
)

pytestmark = pytest.mark.core

MARKET = Topic(VENUE, "*", "liquidations")


async def test_a_whole_markets_orders_carry_their_symbols_and_digits(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    key = frame_key(VENUE, "*", "liquidations", {"rows": 20})
    async with desk_of(feed, tmp_path) as desk:
        await desk.catalogue.rows()
        async with desk.frames(key) as reader:
            order = liquidation(START_US - 2_000_000, "sell", 0.5, 50_000.0)
            other = msgspec.structs.replace(order, symbol="ETHUSDT", side="buy", price=2_500.0, time_us=START_US - 1)
            strange = msgspec.structs.replace(order, symbol="NEWUSDT", time_us=START_US - 3_000_000)
            feed.put(MARKET, live(feed.now_us(), "*"), strange, order, other)
            message = await next_json(reader)
            while len(message["orders"][0]) < 3:
                await feed.clock.advance(1.1)
                message = await next_json(reader)
    assert message["orders"][5] == ["ETHUSDT", "BTCUSDT", "NEWUSDT"]
    assert message["orders"][6] == [2, 1, None]
    assert message["orders"][1] == [1, -1, -1]
    assert message["sums"]["1m"] == [1_250.0, 50_000.0]
    assert message["since"] == START_US // 1000


async def test_only_liquidations_are_there_for_the_whole_market(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk:
        with pytest.raises(UnknownSymbol):
            async with desk.frames(frame_key(VENUE, "*", "trades")) as reader:
                await next_json(reader)


async def test_a_depth_frame_sums_the_book_around_its_middle(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk, desk.frames(parse_key(f"{VENUE}/BTCUSDT/depth?range=1.0")) as reader:
        put_book(feed)
        feed.put(BOOK, live(feed.now_us()))
        message = await next_json(reader)
        while message["middle"] is None:
            await feed.clock.advance(1.1)
            message = await next_json(reader)
    assert message["key"] == f"{VENUE}/BTCUSDT/depth?range=1"
    assert message["middle"] == 50_000.0
    assert message["bids"] == [[499_999, 499_850], [7_849, 8_850], [392_449, 442_484]]
    assert message["asks"] == [[500_001, 500_101], [23_400, 23_419], [1_170_002, 1_170_953]]
    assert message["known"] == [49_985.0, 50_010.1]


async def test_every_stream_of_a_dashboard_sends_ten_frames_a_second_where_there_is_news(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    streams = (
        "book?rows=20",
        "depth?range=1",
        "trades?rows=50",
        "candles?bars=200&interval=1m",
        "liquidations?rows=50",
    )
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(desk_of(feed, tmp_path))
        opened = [desk.frames(parse_key(f"{VENUE}/BTCUSDT/{stream}")) for stream in streams]
        readers = [await stack.enter_async_context(one) for one in opened]
        put_book(feed)
        feed.put(BOOK, live(feed.now_us()))
        feed.put(BARS, bar(START_US - START_US % MINUTE_US, 50_000.0))
        await clock.advance(1.0)
        for reader in readers:
            assert reader.next_frame() is not None
        before = [reader.delivered for reader in readers]
        for step in range(200):
            now_us = clock.now_us()
            feed.put(BOOK, delta(now_us, 101 + step, [(49_999.9, 1.0 + step)], []))
            feed.put(TRADES, trade(now_us, 1 + step, 50_000.0 + step))
            feed.put(LIQUIDATIONS, liquidation(now_us, "sell", 0.5, 50_000.0))
            await clock.advance(0.05)
            for reader in readers:
                reader.next_frame()
        counts = {stream: reader.delivered - was for stream, reader, was in zip(streams, readers, before, strict=True)}
        assert counts == dict.fromkeys(streams, 100)


@pytest.mark.parametrize("bad", ["3", "0", "-1", "nan", "1e", "", "inf", "1" * 50])
def test_depth_has_few_ranges_so_that_readers_share_frames(bad: str):
    with pytest.raises(BadValue, match="range"):
        frame_key(VENUE, "BTCUSDT", "depth", {"range": bad})
