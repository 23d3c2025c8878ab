from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.config import Settings
from orderfox_nb.core.events import Candle, Liquidation, Status, Topic
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.frames import INTERVAL_US, _next_due_us
from orderfox_nb.desk.streams.registry import frame_key, parse_key
from orderfox_nb.errors import BadValue, UnknownSymbol, VenueUnreachable
from tests.desk.scripted import VENUE, ScriptedFeed, delta, live, snapshot, trade

pytestmark = pytest.mark.core

BOOK = Topic(VENUE, "BTCUSDT", "book")
TRADES = Topic(VENUE, "BTCUSDT", "trades")
BARS = Topic(VENUE, "BTCUSDT", "candles", "1m")
LIQUIDATIONS = Topic(VENUE, "BTCUSDT", "liquidations")
START_US = 1_700_000_040_000_000
MINUTE_US = 60_000_000


def desk_of(feed: ScriptedFeed, folder: Path, *, linger_s: float = 0) -> Desk:
    return Desk(feed, Settings(ORDERFOX_DATA_DIR=folder), feed.clock, linger_s=linger_s)  # type: ignore[call-arg]


def bar(open_us: int, close: float, *, time_us: int = 0, closed: bool = False, volume: float = 1.0) -> Candle:
    time_us = time_us or open_us + 1
    return Candle(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us,
        interval="1m",
        open_us=open_us,
        open=50_000.0,
        high=max(50_000.0, close),
        low=min(50_000.0, close),
        close=close,
        volume=volume,
        closed=closed,
    )


def liquidation(time_us: int, side: str, size: float, price: float) -> Liquidation:
    return Liquidation(symbol="BTCUSDT", time_us=time_us, received_us=time_us, side=side, size=size, price=price)  # type: ignore[arg-type]


async def next_json(reader: FrameReader) -> dict[str, Any]:
    async with asyncio.timeout(60):
        return json.loads((await anext(reader)).text)


def put_book(feed: ScriptedFeed) -> None:
    now = feed.now_us()
    feed.put(
        BOOK,
        snapshot(now, [(49_999.9, 7.849), (49_985.0, 1.001)], [(50_000.1, 23.4), (50_010.1, 0.019)]),
        live(now),
    )


async def test_orderbook_update_follows_the_contract_to_the_field(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    key = frame_key(VENUE, "btc/usdt", "v1.orderbook", {"limit": 2, "rounding": "10", "tz": "Asia/Kolkata"})
    async with desk_of(feed, tmp_path) as desk, desk.frames(key) as reader:
        put_book(feed)
        message = await next_json(reader)
    assert message == {
        "type": "orderbook_update",
        "symbol": "BTCUSDT",
        "bids": [
            {
                "price": 49990.0,
                "amount": 7.849,
                "cumulative": 7.849,
                "price_formatted": "49990",
                "amount_formatted": "7.849",
                "cumulative_formatted": "7.85",
            },
            {
                "price": 49980.0,
                "amount": 1.001,
                "cumulative": 8.85,
                "price_formatted": "49980",
                "amount_formatted": "1.001",
                "cumulative_formatted": "8.85",
            },
        ],
        "asks": [
            {
                "price": 50020.0,
                "amount": 0.019,
                "cumulative": 23.419,
                "price_formatted": "50020",
                "amount_formatted": "0.019",
                "cumulative_formatted": "23.42",
            },
            {
                "price": 50010.0,
                "amount": 23.4,
                "cumulative": 23.4,
                "price_formatted": "50010",
                "amount_formatted": "23.400",
                "cumulative_formatted": "23.40",
            },
        ],
        "timestamp": START_US // 1000,
        "time_formatted": "03:44:00",
        "limit": 2,
        "rounding": 10,
        "rounding_options": [0.1, 1, 10, 100, 1000],
        "aggregated": True,
        "market_depth_info": {
            "actual_levels": 2,
            "requested_levels": 2,
            "is_market_depth_limited": False,
            "has_insufficient_raw_data": False,
            "raw_bids_count": 2,
            "raw_asks_count": 2,
        },
        "quality": {"state": "live", "coverage": "complete", "since": START_US // 1000},
        "sequence": 1,
    }


async def test_fifty_readers_with_fifty_parameters_get_ten_frames_a_second(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    keys = [
        frame_key(VENUE, "BTCUSDT", "v1.orderbook", {"limit": limit, "rounding": rounding})
        for limit in range(1, 11)
        for rounding in ("0.1", "0.25", "1", "10", "100")
    ]
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(desk_of(feed, tmp_path))
        readers = [await stack.enter_async_context(desk.frames(key)) for key in keys]
        put_book(feed)
        await settle()
        for reader in readers:
            assert reader.next_frame() is not None
        for step in range(200):
            feed.put(BOOK, delta(clock.now_us(), 101 + step, [(49_000.0, 1.0 + step)], []))
            await clock.advance(0.05)
            for reader in readers:
                reader.next_frame()
        # The first frame comes at once, then ten a second for ten seconds.
        assert {reader.delivered for reader in readers} <= {100, 101}
        assert feed.opened == {BOOK: 1}


@given(now_us=st.integers(0, 2**53))
def test_frames_are_due_at_tenths_of_a_second_100_ms_from_now_on_average(now_us: int):
    due_us = _next_due_us(now_us)
    assert due_us % INTERVAL_US == 0
    assert INTERVAL_US / 2 < due_us - now_us <= INTERVAL_US * 3 / 2


async def test_keys_that_are_opened_one_after_the_other_are_computed_together(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(desk_of(feed, tmp_path))
        put_book(feed)
        readers: list[FrameReader] = []
        for limit in (5, 10, 20):
            key = frame_key(VENUE, "BTCUSDT", "v1.orderbook", {"limit": limit})
            readers.append(await stack.enter_async_context(desk.frames(key)))
            await clock.advance(0.03)
            assert readers[-1].next_frame() is not None, "at once"
        await clock.advance(0.1)
        times_ms: list[list[int]] = [[], [], []]
        for step in range(32):
            feed.put(BOOK, delta(clock.now_us(), 101 + step, [(49_000.0, 1.0 + step)], []))
            await clock.advance(0.01)
            for reader, times in zip(readers, times_ms, strict=True):
                if reader.next_frame() is not None:
                    times.append((clock.now_us() - START_US) // 1000)
        assert times_ms == [[200, 300, 400, 500]] * 3


async def test_equal_parameters_are_encoded_once_however_many_read(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    key = parse_key(f"{VENUE}/BTCUSDT/book?rows=10")
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(desk_of(feed, tmp_path))
        put_book(feed)
        readers = [await stack.enter_async_context(desk.frames(key)) for _ in range(100)]
        await settle()
        first = [reader.next_frame() for reader in readers]
        await clock.advance(0.1)
        second = [reader.next_frame() for reader in readers]
        assert len({id(frame) for frame in first}) == 1
        assert len({id(frame) for frame in second}) == 1
        assert desk.statistics()["frames_encoded"] == 2


async def test_reader_that_stalls_slows_no_other_and_gets_the_newest_frame(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    key = frame_key(VENUE, "BTCUSDT", "trades", {"rows": 50})
    async with desk_of(feed, tmp_path) as desk, desk.frames(key) as quick, desk.frames(key) as stalled:
        feed.put(TRADES, live(clock.now_us()), trade(clock.now_us(), 1))
        await clock.advance(0.2)
        assert stalled.next_frame() is not None
        quick.next_frame()
        for number in range(2, 12):
            feed.put(TRADES, trade(clock.now_us(), number))
            await clock.advance(0.1)
            frame = quick.next_frame()
            assert frame is not None
            assert not frame.full
        caught_up = stalled.next_frame()
        assert caught_up is not None
        assert caught_up.full
        assert json.loads(caught_up.text)["trades"][0] == list(range(1, 12))
        assert stalled.next_frame() is None


async def test_trade_deltas_folded_by_a_reader_are_the_full_frame(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    key = frame_key(VENUE, "BTCUSDT", "trades", {"rows": 50})
    async with desk_of(feed, tmp_path) as desk, desk.frames(key) as reader:
        feed.put(TRADES, live(clock.now_us()))
        held: list[list[Any]] = []
        sequence, number, deltas = None, 0, 0
        for step in range(60):
            burst = (step * 7) % 80
            feed.put(TRADES, *(trade(clock.now_us(), number + n) for n in range(1, burst + 1)))
            number += burst
            await clock.advance(0.1)
            if (frame := reader.next_frame()) is None:
                continue
            message = json.loads(frame.text)
            columns = message["trades"]
            if message["base"] is None:
                held = columns
            else:
                deltas += 1
                assert message["base"] == sequence
                held = [(old + new)[-50:] for old, new in zip(held, columns, strict=True)]
            sequence = message["sequence"]
            async with desk.frames(key) as late:
                full = await next_json(late)
            assert full["base"] is None
            assert full["trades"] == held
        assert deltas > 10


async def test_candle_deltas_folded_by_a_reader_are_the_full_frame(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    key = frame_key(VENUE, "BTCUSDT", "candles", {"bars": 200, "interval": "1m"})
    opens = [START_US - (250 - n) * MINUTE_US for n in range(250)]
    feed.preludes[BARS] = [bar(open_us, 50_001.0, closed=True) for open_us in opens]
    async with desk_of(feed, tmp_path) as desk, desk.frames(key) as reader:
        held: dict[int, list[Any]] = {}
        sequence, deltas = None, 0
        for step in range(80):
            now = clock.now_us()
            feed.put(BARS, bar(now - now % MINUTE_US, 50_000.0 + step, time_us=now, volume=1.0 + step))
            if step % 3 == 0:
                feed.put(LIQUIDATIONS, liquidation(now - (step % 5) * MINUTE_US, "buy", 0.1, 50_000.0 + step))
            if step % 7 == 0:
                old = opens[-1 - step % 4]
                feed.put(BARS, bar(old, 49_000.0 - step, time_us=now, closed=True))
            await clock.advance(7.3)
            if (frame := reader.next_frame()) is None:
                continue
            message = json.loads(frame.text)
            rows = list(map(list, zip(*message["bars"], *message["liquidations"], strict=True)))
            if message["base"] is None:
                held = {}
            else:
                deltas += 1
                assert message["base"] == sequence
            held |= {row[0]: row for row in rows}
            held = dict(sorted(held.items())[-200:])
            sequence = message["sequence"]
            async with desk.frames(key) as late:
                full = await next_json(late)
            assert list(map(list, zip(*full["bars"], *full["liquidations"], strict=True))) == list(held.values())
        assert deltas > 50


async def test_quality_change_alone_makes_a_frame(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    async with desk_of(feed, tmp_path) as desk, desk.frames(parse_key(f"{VENUE}/BTCUSDT/book?rows=10")) as reader:
        put_book(feed)
        await clock.advance(0.2)
        reader.next_frame()
        feed.put(BOOK, Status(symbol="BTCUSDT", time_us=clock.now_us(), state="down", reason="cut"))
        await clock.advance(0.2)
        frame = reader.next_frame()
        assert frame is not None
        assert json.loads(frame.text)["quality"]["state"] == "down"


async def test_widget_gets_at_once_that_a_book_is_still_syncing(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk, desk.frames(parse_key(f"{VENUE}/BTCUSDT/book?rows=10")) as reader:
        message = await next_json(reader)
    assert message["quality"]["state"] == "syncing"
    assert message["bids"] == [[], [], []]


async def test_unknown_symbol_and_other_venue_are_refused_at_the_door(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk:
        with pytest.raises(UnknownSymbol, match="Did you mean: BTCUSDT"):
            async with desk.frames(frame_key(VENUE, "BTCUSD", "book")):
                pass
        with pytest.raises(BadValue, match="venue"):
            async with desk.frames(frame_key("elsewhere", "BTCUSDT", "book")):
                pass


async def test_feed_that_cannot_go_on_ends_the_frames_with_its_error(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk, desk.frames(frame_key(VENUE, "BTCUSDT", "v1.trades")) as reader:
        feed.fail(TRADES, VenueUnreachable(VENUE, "gone"))
        with pytest.raises(VenueUnreachable, match="gone"):
            await anext(reader)


async def test_public_trades_carry_the_newest_hundred_newest_first(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    async with desk_of(feed, tmp_path) as desk, desk.frames(frame_key(VENUE, "BTCUSDT", "v1.trades")) as reader:
        feed.put(TRADES, live(clock.now_us()), *(trade(START_US + n, n) for n in range(1, 151)))
        await settle()
        first = await next_json(reader)
        feed.put(TRADES, trade(START_US, 151))
        await clock.advance(0.1)
        second = await next_json(reader)
    assert [row["id"] for row in first["trades"]] == [str(n) for n in range(150, 50, -1)]
    assert (first["initial"], second["initial"]) == (True, False)
    assert len(second["trades"]) == 100
    assert first["trades"][0] == {
        "id": "150",
        "price": 50_000.0,
        "amount": 0.5,
        "side": "sell",
        "timestamp": (START_US + 150) // 1000,
        "price_formatted": "50000.0",
        "amount_formatted": "0.500",
        "time_formatted": "22:14:00",
    }


async def test_trades_move_the_open_bar_between_klines(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    key = frame_key(VENUE, "BTCUSDT", "candles", {"interval": "1m"})
    feed.preludes[BARS] = [bar(START_US - START_US % MINUTE_US, 50_001.0, time_us=START_US)]
    async with (
        desk_of(feed, tmp_path) as desk,
        desk.frames(key) as reader,
        desk.frames(frame_key(VENUE, "BTCUSDT", "trades")),
    ):
        await clock.advance(0.2)
        reader.next_frame()
        feed.put(TRADES, trade(START_US - 1, 1, 49_000.0), trade(START_US + 5, 2, 50_100.0, 0.25))
        await clock.advance(0.2)
        frame = reader.next_frame()
        assert frame is not None
        assert [column[-1] for column in json.loads(frame.text)["bars"]][1:] == [
            50_000.0,
            50_100.0,
            50_000.0,
            50_100.0,
            1.25,
        ]
