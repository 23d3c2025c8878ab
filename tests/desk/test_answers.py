from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import Gap, MarkPrice, OpenInterest, Topic
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import BadValue, UnknownSymbol, VenueUnreachable
from tests.desk.scripted import VENUE, ScriptedFeed, live, ticker, trade
from tests.desk.test_frames import (
    BARS,
    LIQUIDATIONS,
    MINUTE_US,
    START_US,
    TRADES,
    bar,
    desk_of,
    liquidation,
    next_json,
)
from tests.desk.test_volume import passes

pytestmark = pytest.mark.core


async def test_trades_of_the_past_and_live_ones_are_merged_by_id_newest_first(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    feed.past_trades = [trade(START_US - 100 + n, n) for n in range(1, 61)]
    async with desk_of(feed, tmp_path) as desk, desk.frames(frame_key(VENUE, "BTCUSDT", "trades")):
        feed.put(TRADES, live(START_US), *(trade(START_US + n, n) for n in range(50, 81)))
        await passes(clock, 0.2)
        rows = json.loads((await desk.answers.trades("btc/usdt", limit=70)).text)
        newest = json.loads((await desk.answers.trades("btc/usdt", limit=5)).text)
    assert [row["id"] for row in rows] == [str(n) for n in range(80, 10, -1)]
    assert [row["id"] for row in newest] == ["80", "79", "78", "77", "76"]


async def test_candles_are_answered_oldest_first_from_the_venue_or_the_live_fold(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    opens = [START_US - minutes * MINUTE_US for minutes in range(20, -1, -1)]
    feed.past_candles = [bar(open_us, 50_001.0) for open_us in opens]
    feed.preludes[BARS] = [bar(open_us, 50_002.0) for open_us in opens]
    async with desk_of(feed, tmp_path) as desk:
        rows = json.loads((await desk.answers.candles("BTCUSDT", "1m", limit=3)).text)
        assert rows[-1] == {
            "timestamp": START_US // 1000,
            "time": START_US // 1_000_000,
            "open": 50_000.0,
            "high": 50_001.0,
            "low": 50_000.0,
            "close": 50_001.0,
            "volume": 1.0,
        }
        assert [row["time"] for row in rows] == [open_us // 1_000_000 for open_us in opens[-3:]]
        past = json.loads((await desk.answers.candles("BTCUSDT", "1m", limit=3, end_ms=opens[5] // 1000 + 1)).text)
        assert [row["time"] for row in past] == [open_us // 1_000_000 for open_us in opens[3:6]]
        async with desk.frames(frame_key(VENUE, "BTCUSDT", "candles")):
            await passes(clock, 0.2)
            assert json.loads((await desk.answers.candles("BTCUSDT", "1m", limit=3)).text)[-1]["close"] == 50_002.0
        with pytest.raises(BadValue, match="timeframe"):
            await desk.answers.candles("BTCUSDT", "7m", limit=3)
        with pytest.raises(UnknownSymbol):
            await desk.answers.candles("NOPE", "1m", limit=3)


async def test_older_bars_come_as_columns_with_their_liquidations(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    opens = [START_US - minutes * MINUTE_US for minutes in range(3000, 2990, -1)]
    feed.past_candles = [bar(open_us, 50_001.0) for open_us in opens]
    feed.history = [(opens[4], 10.0, 5.0, 2)]
    feed.preludes[LIQUIDATIONS] = [live(START_US)]
    async with desk_of(feed, tmp_path) as desk:
        columns = json.loads(await desk.answers.candle_columns("BTCUSDT", "1m", limit=10, end_ms=START_US // 1000))
    assert columns["bars"][0] == columns["liquidations"][0] == [open_us // 1_000_000 for open_us in opens]
    assert columns["liquidations"][1] == [0.0] * 4 + [10.0] + [0.0] * 5
    assert columns["liquidations"][4] == [0] * 4 + [2] + [0] * 5


async def test_liquidations_of_the_past_and_live_ones_are_answered_once_newest_first(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    feed.past_liquidations = [liquidation(START_US - 60, "sell", 0.009, 68_412.3)]
    async with desk_of(feed, tmp_path) as desk, desk.events(LIQUIDATIONS):
        feed.put(LIQUIDATIONS, live(START_US))
        feed.put(LIQUIDATIONS, liquidation(START_US + 1, "buy", 0.5, 50_000.0), *feed.past_liquidations)
        await passes(clock, 0.1)
        rows = json.loads((await desk.answers.liquidations("BTCUSDT", limit=10)).text)
    assert [row["side"] for row in rows] == ["BUY", "SELL"]
    assert rows[0] == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "quantity": "0.5",
        "quantityFormatted": "0.500",
        "priceUsdt": "25000",
        "priceUsdtFormatted": "25,000",
        "timestamp": START_US // 1000,
        "displayTime": "22:14:00",
        "avgPrice": "50000",
        "baseAsset": "BTC",
    }


async def test_a_list_says_how_far_it_can_be_trusted(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    feed.past_trades = [trade(START_US, n) for n in range(1, 6)]
    feed.preludes[LIQUIDATIONS] = [msgspec.structs.replace(live(START_US), coverage="sampled")]
    async with desk_of(feed, tmp_path) as desk, desk.frames(frame_key(VENUE, "BTCUSDT", "trades")):
        feed.put(TRADES, live(START_US), trade(START_US, 6), Gap(symbol="BTCUSDT", time_us=START_US, reason="cut"))
        await passes(clock, 0.2)
        # The tape has a hole: the venue is asked, and what it answers is whole.
        assert (await desk.answers.trades("BTCUSDT", limit=6)).quality.state == "live"
        feed.past_error = VenueUnreachable(VENUE, "cut off")
        assert (await desk.answers.trades("BTCUSDT", limit=6)).quality.state == "gap"
        orders = await desk.answers.liquidations("BTCUSDT", limit=6)
        assert (json.loads(orders.text), orders.quality.state, orders.quality.coverage) == ([], "live", "sampled")


async def test_ticker_frame_joins_ticker_mark_price_and_open_interest(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    async with desk_of(feed, tmp_path) as desk, desk.frames(frame_key(VENUE, "BTCUSDT", "ticker")) as reader:
        first = await next_json(reader)
        assert (first["last"], first["mark"], first["funding"], first["base"]) == (50_000.0, None, 0.0001, None)
        feed.put(Topic(VENUE, "BTCUSDT", "ticker"), ticker("BTCUSDT", 51_000.0, 2e9, time_us=START_US))
        feed.put(
            Topic(VENUE, "BTCUSDT", "mark"),
            MarkPrice(
                symbol="BTCUSDT",
                time_us=START_US,
                mark_price=51_001.5,
                index_price=51_002.5,
                funding_rate=0.0002,
                next_funding_us=START_US + 1_000_000,
            ),
        )
        feed.put(
            Topic(VENUE, "BTCUSDT", "open_interest"),
            OpenInterest(symbol="BTCUSDT", time_us=START_US, open_interest=80_000.0),
        )
        await passes(clock, 0.2)
        frame = await next_json(reader)
    for name, value in {
        "base_asset": "BTC",
        "quote": "USDT",
        "ui_name": "BTC/USDT",
        "last": 51_000.0,
        "mark": 51_001.5,
        "index": 51_002.5,
        "funding": 0.0002,
        "next_funding": START_US // 1000 + 1000,
        "open_interest": 80_000.0,
        "volume_quote": 2e9,
    }.items():
        assert frame[name] == value


async def test_health_reports_each_topic(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    async with desk_of(feed, tmp_path) as desk, desk.frames(frame_key(VENUE, "BTCUSDT", "trades")):
        feed.put(TRADES, live(START_US), trade(START_US - 5_000, 1))
        await passes(clock, 0.1)
        assert msgspec.to_builtins(desk.health().topics) == [
            {
                "topic": f"{VENUE}/BTCUSDT/trades",
                "state": "live",
                "coverage": "complete",
                "reason": "",
                "lag_ms": 5,
                "subscribers": 1,
                "reconnects": 0,
                "dropped": 0,
                "lapses": 0,
                "lost": 0,
            }
        ]
        assert (desk.health().status, desk.health().working) == ("healthy", True)
