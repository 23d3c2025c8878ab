"""Views over venues: what they show, who may ask for them, and what readers share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.session import LiveSession
from orderfox_nb.desk.streams.registry import parse_key
from orderfox_nb.errors import BadValue, UnknownSymbol, VenueUnreachable
from tests.desk.across_rig import BOOK_KEY, MARKETS, OtherFeed, dropped, venues
from tests.desk.scripted import live, trade
from tests.desk.test_frames import START_US, liquidation

pytestmark = pytest.mark.core


async def test_one_ladder_has_the_rows_of_both_venues_and_each_ones_part(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        await two.opened("book")
        two.put_books()
        await two.clock.advance(0.5)
        frame = await two.next(reader)
    assert frame["key"] == f"*/{MARKETS}/book?currency=apart&rounding=0.1&rows=10"
    assert frame["quality"]["state"] == "live"
    assert frame["bids"] == [[500_000, 499_999], [2_000, 2_000], [2_000, 4_000], [[0, 2_000], [2_000, 0]]]
    assert frame["asks"][3] == [[3_000, 0], [0, 3_000]]
    assert (frame["best_bid"], frame["best_bid_of"]) == (500_000, [1])
    assert (frame["best_ask"], frame["best_ask_of"]) == (500_001, [0])
    assert dropped(frame) == {"scripted": "", "other": ""}
    assert frame["crossing"] is None


async def test_a_view_that_is_left_after_everything_was_closed_leaves_quietly(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.members(MARKETS, "book"):
        await two.opened("book")
        await two.desks.across.close()


async def test_readers_of_one_view_share_its_topics_and_its_frames(tmp_path: Path):
    async with venues(tmp_path) as two:
        across = two.desks.across
        spelled = "*/scripted:btc,other:BTC-USDT/book?rounding=0.1&rows=10"
        async with across.frames(parse_key(BOOK_KEY)) as first, across.frames(parse_key(spelled)) as second:
            await two.opened("book")
            two.put_books()
            await two.clock.advance(0.5)
            assert await two.next(first) == await two.next(second)
            assert across.statistics()["frame_keys_active"] == 1
            assert two.one.opened[Topic("scripted", "BTCUSDT", "book")] == 1


async def test_markets_that_cannot_be_one_view_are_refused_with_what_to_do(tmp_path: Path):
    async with venues(tmp_path) as two:
        for text, error, words in (
            ("*/scripted:BTCUSDT,other:ETHUSDT/book", BadValue, "markets of one base asset"),
            ("*/scripted:BTCUSDT,scripted:btcusdt/book", BadValue, "each market once"),
            ("*/scripted:BTCUSDT,nowhere:BTCUSDT/book", BadValue, "one of scripted, other"),
            ("*/scripted:BTCUSDT,other:NOPE/book", UnknownSymbol, "NOPE"),
        ):
            with pytest.raises(error, match=words):
                async with two.desks.across.frames(parse_key(text)):
                    pass
    for text in (
        "*/scripted:BTCUSDT,scripted:BTCUSDT/book",
        "*/BTCUSDT,other:BTCUSDT/book",
        "*/scripted:BTCUSDT,other:BTCUSDT/candles",
        "*/scripted:BTCUSDT,other:BTCUSDT/book?currency=a%20b",
    ):
        with pytest.raises(BadValue):
            parse_key(text)


async def test_one_tape_has_the_trades_of_both_venues_by_time(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(f"*/{MARKETS}/trades?rows=50")) as reader:
        await two.opened("trades")
        for feed, times in ((two.one, (1, 3)), (two.other, (2, 3))):
            topic = Topic(feed.venue, "BTCUSDT", "trades")
            feed.put(topic, *(trade(START_US + at * 1_000, at, 50_000.0 + at) for at in times), live(START_US))
        await two.clock.advance(0.5)
        frame = await two.next(reader)
        columns = frame["trades"]
        assert [time - START_US // 1000 for time in columns[1]] == [1, 2, 3, 3]
        assert columns[5] == [0, 1, 0, 1]
        assert [member["clock_offset"] for member in frame["members"]] == [0, 0]


async def test_liquidations_are_summed_with_the_coverage_of_each_venue_beside(tmp_path: Path):
    key = parse_key(f"*/{MARKETS}/liquidations?rows=20")
    async with venues(tmp_path) as two, two.desks.across.frames(key) as reader:
        await two.opened("liquidations")
        for feed, side in ((two.one, "sell"), (two.other, "buy")):
            topic = Topic(feed.venue, "BTCUSDT", "liquidations")
            state = live(START_US)
            if feed is two.other:
                state = msgspec.structs.replace(state, coverage="complete", history="complete")
            else:
                state = msgspec.structs.replace(state, coverage="sampled")
            feed.put(topic, state, liquidation(START_US - 1_000_000, side, 0.5, 50_000.0))
        await two.clock.advance(1.5)
        frame = await two.next(reader)
    assert frame["sums"]["1m"] == [25_000.0, 25_000.0]
    assert [member["sums"]["1m"] for member in frame["members"]] == [[0.0, 25_000.0], [25_000.0, 0.0]]
    assert [member["covers"] for member in frame["members"]] == [
        "sampled: at most one order per contract and second", "all orders",
    ]  # fmt: skip
    # Where no history shows what was before, an hour's sum is that of a second here.
    assert [member["since"] for member in frame["members"]] == [START_US // 1000, None]
    assert frame["since"] == START_US // 1000
    assert frame["quality"]["coverage"] == "sampled"
    assert frame["orders"][1] == [-1, 1]


async def test_liquidations_of_a_market_that_was_never_open_are_not_said_to_be_all(tmp_path: Path):
    key = parse_key(f"*/{MARKETS}/liquidations?rows=20")
    async with venues(tmp_path) as two:
        two.other.listing_error = VenueUnreachable("other", "refused")
        async with two.desks.across.frames(key) as reader:
            await two.opened("liquidations", two.one)
            two.one.put(Topic("scripted", "BTCUSDT", "liquidations"), live(START_US))
            await two.clock.advance(1.5)
            frame = await two.next(reader)
    assert frame["members"][1]["state"] == "down"
    assert frame["members"][1]["since"] == frame["since"] > START_US // 1000


async def test_a_market_without_liquidations_is_named_and_not_asked(tmp_path: Path):
    key = parse_key(f"*/{MARKETS}/liquidations?rows=20")
    async with venues(tmp_path, absent=("liquidations",)) as two, two.desks.across.frames(key) as reader:
        await two.opened("liquidations", two.one)
        two.one.put(Topic("scripted", "BTCUSDT", "liquidations"), live(START_US))
        await two.clock.advance(1.5)
        frame = await two.next(reader)
        assert dropped(frame) == {"scripted": "", "other": "no liquidations in this market"}
        assert frame["members"][1]["covers"] == "none reported"
        assert not two.other.opened


class _OtherInThePast:
    """The playhead of a page that shows the second venue in the past."""

    def desk(self, live: Desk) -> Desk:
        return live.over(OtherFeed(ManualClock(START_US))) if live.venue == "other" else live

    async def greet(self) -> None:
        """It is where it is."""

    tick = close = greet

    async def handle(self, command: object) -> None:
        """It stays."""


@pytest.mark.parametrize("in_the_past", [False, True])
async def test_a_page_gets_a_view_under_the_key_that_it_wrote_and_none_while_a_venue_is_in_the_past(
    tmp_path: Path, in_the_past: bool
):
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(texts: Sequence[bytes]) -> None:
        for text in texts:
            messages.put_nowait(json.loads(text))

    async with venues(tmp_path) as two:
        playhead: Any = (lambda _: _OtherInThePast()) if in_the_past else None
        session = LiveSession(two.desks, send, playhead=playhead)
        running = asyncio.create_task(session.run())
        asked = "*/scripted:btc,other:BTCUSDT/book"
        await session.handle({"type": "subscribe", "key": asked})
        async with asyncio.timeout(60):
            answer = await messages.get()
        running.cancel()
        await asyncio.wait({running})
    assert answer["key"] == asked
    if in_the_past:
        assert (answer["type"], "other is shown in the past" in answer["message"]) == ("gone", True)
    else:
        assert (answer["type"], len(answer["members"])) == ("frame", 2)
