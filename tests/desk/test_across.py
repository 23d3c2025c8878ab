"""Views over venues: one that freezes, fails or never answers is dropped and named, and comes back when it is fresh."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Status, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.session import LiveSession
from orderfox_nb.desk.streams.registry import parse_key
from orderfox_nb.errors import BadValue, UnknownSymbol, VenueUnreachable
from tests.desk.scripted import ScriptedFeed, delta, live, snapshot, trade
from tests.desk.test_frames import START_US, liquidation

pytestmark = pytest.mark.core

MARKETS = "scripted:BTCUSDT,other:BTCUSDT"
BOOK_KEY = f"*/{MARKETS}/book?rounding=0.1&rows=10"


class OtherFeed(ScriptedFeed):
    """A second venue."""

    venue = "other"
    absent: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        return Origin(source="other", venue="other", absent=self.absent, unverified=self.unverified)


@dataclass
class Venues:
    """Two venues that a test plays by hand, on one clock."""

    clock: ManualClock
    one: ScriptedFeed
    other: OtherFeed
    desks: Desks
    last_ids: dict[str, int] = field(default_factory=dict[str, int])

    def put_books(self) -> None:
        """Scripted at 49,999.9 / 50,000.1, other at 50,000.0 / 50,000.2."""
        self.put_book(self.one, 49_999.9, 50_000.1)
        self.put_book(self.other, 50_000.0, 50_000.2)

    def put_book(self, feed: ScriptedFeed, bid: float, ask: float) -> None:
        topic = Topic(feed.venue, "BTCUSDT", "book")
        now = self.clock.now_us()
        self.last_ids[feed.venue] = 100
        feed.put(topic, snapshot(now, [(bid, 2.0)], [(ask, 3.0)]), live(now))

    def change(self, feed: ScriptedFeed, size: float) -> None:
        """Change the size of a far bid: the book is heard of."""
        topic = Topic(feed.venue, "BTCUSDT", "book")
        self.last_ids[feed.venue] += 1
        feed.put(topic, delta(self.clock.now_us(), self.last_ids[feed.venue], [(49_000.0, size)], []))

    async def opened(self, channel: str, *feeds: ScriptedFeed) -> None:
        """Wait until the venues are read: their lists come from files, which no clock of a test moves."""
        wanted = [Topic(feed.venue, "BTCUSDT", channel) for feed in feeds or (self.one, self.other)]
        async with asyncio.timeout(60):
            while {*wanted} - {*self.one.opened, *self.other.opened}:
                await settle()

    async def next(self, reader: FrameReader) -> dict[str, Any]:
        """Return the newest frame, once time has passed for it."""
        await settle()
        frame = None
        while (newest := reader.next_frame()) is not None:
            frame = newest
        while frame is None:
            await self.clock.advance(0.1)
            frame = reader.next_frame()
        return json.loads(frame.text)


@asynccontextmanager
async def venues(tmp_path: Path, *, absent: tuple[str, ...] = ()) -> AsyncIterator[Venues]:
    clock = ManualClock(START_US)
    one, other = ScriptedFeed(clock), OtherFeed(clock)
    other.absent = absent
    async with Desks([one, other], load_settings(data_dir=tmp_path), clock, linger_s=0) as desks:
        yield Venues(clock, one, other, desks)
    await settle()
    assert (one.opened, other.opened) == (one.closed, other.closed), "a stream outlived its readers"
    assert asyncio.all_tasks() == {asyncio.current_task()}


def dropped(frame: Mapping[str, Any]) -> dict[str, str]:
    return {member["venue"]: member["dropped"] for member in frame["members"]}


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


async def test_a_venue_that_falls_silent_is_dropped_within_its_bound_and_comes_back(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        await two.opened("book")
        two.put_books()
        for step in range(105):
            two.change(two.one, 1.0 + step)
            await two.clock.advance(0.1)
            if step == 95:
                assert dropped(await two.next(reader))["other"] == ""
        two.change(two.one, 0.5)
        await two.clock.advance(0.5)
        frame = await two.next(reader)
        assert dropped(frame)["scripted"] == ""
        assert dropped(frame)["other"].startswith("stale: no")
        assert frame["bids"][3][1] == [0] * len(frame["bids"][0])
        assert (frame["best_bid"], frame["quality"]["state"]) == (499_999, "live")
        two.change(two.other, 7.0)
        two.change(two.one, 7.0)
        await two.clock.advance(0.5)
        frame = await two.next(reader)
        assert dropped(frame)["other"] == ""
        assert frame["best_bid"] == 500_000


async def test_a_crossing_with_a_venue_whose_book_cannot_be_verified_is_no_opportunity(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        two.other.unverified = ("book",)
        await two.opened("book")
        two.put_book(two.one, 49_999.9, 50_000.1)
        two.put_book(two.other, 50_000.4, 50_000.6)
        await two.clock.advance(0.5)
        crossing = (await two.next(reader))["crossing"]
    assert (crossing["opportunity"], crossing["size"], crossing["gross"]) == (False, None, None)
    assert crossing["unconfirmed"] == "other:BTCUSDT is not verified: a lost update would go unnoticed"


async def test_a_crossing_stops_being_an_opportunity_before_its_silent_venue_is_dropped(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        await two.opened("book")
        two.put_book(two.one, 49_999.9, 50_000.1)
        two.put_book(two.other, 50_000.5, 50_000.9)
        await two.clock.advance(0.3)
        crossing = (await two.next(reader))["crossing"]
        assert crossing == {
            "kind": "arbitrage", "buy": 0, "sell": 1, "ask": "50000.1", "bid": "50000.5", "width": "0.4", "size": "2",
            "gross": "0.8", "opportunity": True, "unconfirmed": "",
        }  # fmt: skip
        seen: list[tuple[bool, bool]] = []
        for step in range(150):
            two.change(two.one, 1.0 + step)
            await two.clock.advance(0.1)
            frame = await two.next(reader)
            crossing = frame["crossing"]
            silent_s = (two.clock.now_us() - START_US) / 1e6
            if crossing is not None and crossing["opportunity"]:
                assert silent_s < 3.2
            seen.append((crossing is not None, crossing is not None and crossing["opportunity"]))
        assert list(dict.fromkeys(seen)) == [(True, True), (True, False), (False, False)]
        assert crossing is None
        assert dropped(frame)["other"].startswith("stale: ")


async def test_a_venue_that_is_disconnected_is_dropped_at_once_with_its_reason(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        await two.opened("book")
        two.put_books()
        await two.clock.advance(0.3)
        await two.next(reader)
        down = Status(symbol="BTCUSDT", time_us=two.clock.now_us(), state="down", reason="connection lost")
        two.other.put(Topic("other", "BTCUSDT", "book"), down)
        await two.clock.advance(0.3)
        frame = await two.next(reader)
        assert dropped(frame) == {"scripted": "", "other": "down: connection lost"}
        assert frame["best_bid"] == 499_999
        two.put_book(two.other, 50_000.0, 50_000.2)
        await two.clock.advance(0.3)
        assert dropped(await two.next(reader))["other"] == ""


async def test_a_venue_that_acknowledges_and_sends_nothing_is_named_as_loading(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        await two.opened("book")
        two.put_book(two.one, 49_999.9, 50_000.1)
        for step in range(30):
            two.change(two.one, 1.0 + step)
            await two.clock.advance(0.5)
        frame = await two.next(reader)
        assert dropped(frame) == {"scripted": "", "other": "loading"}
        assert frame["quality"]["state"] == "live"


async def test_a_stream_that_fails_is_tried_again_while_the_other_venue_goes_on(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        await two.opened("book")
        two.put_books()
        await two.clock.advance(0.3)
        topic = Topic("scripted", "BTCUSDT", "book")
        two.one.fail(topic, VenueUnreachable("scripted", "refused"))
        await two.clock.advance(0.2)
        frame = await two.next(reader)
        # The first of the markets is no more than the others.
        assert dropped(frame)["scripted"].startswith("down: ")
        assert (frame["best_bid"], dropped(frame)["other"]) == (500_000, "")
        two.put_book(two.one, 49_999.9, 50_000.1)
        for step in range(12):
            two.change(two.other, 1.0 + step)
            await two.clock.advance(0.5)
        assert dropped(await two.next(reader))["scripted"] == ""
        assert two.one.opened[topic] == 2


async def test_a_venue_whose_symbols_come_later_is_read_by_its_own_name(tmp_path: Path):
    async with venues(tmp_path) as two:
        (eth, btc), away = two.other.rows, VenueUnreachable("other", "away")
        own = msgspec.structs.replace(btc.instrument, venue="other", symbol="BTC-USDT-SWAP")
        two.other.rows = (eth, msgspec.structs.replace(btc, instrument=own))
        two.other.listing_error = away
        key = parse_key(f"*/{MARKETS}/book?rounding=0.1&rows=10")
        async with two.desks.across.frames(key) as reader:
            await two.opened("book", two.one)
            two.put_book(two.one, 49_999.9, 50_000.1)
            await two.clock.advance(1)
            assert dropped(await two.next(reader))["other"] == "down: other: away"
            two.other.listing_error = None
            topic = Topic("other", "BTC-USDT-SWAP", "book")
            async with asyncio.timeout(20):
                while topic not in two.other.opened:
                    await two.clock.advance(10)
            now = two.clock.now_us()
            two.change(two.one, 7.0)
            opening = (snapshot(now, [(50_000.0, 2.0)], [(50_000.2, 3.0)]), live(now))
            two.other.put(topic, *(msgspec.structs.replace(event, symbol=topic.symbol) for event in opening))
            await two.clock.advance(0.5)
            frame = await two.next(reader)
        assert dropped(frame) == {"scripted": "", "other": ""}
        assert frame["best_bid"] == 500_000


async def test_a_stream_that_fails_inside_this_program_is_named_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with venues(tmp_path) as two:
        calls: list[Topic] = []

        def broken(topic: Topic) -> object:
            calls.append(topic)
            raise TypeError("a topic that nobody expected")

        hub = two.desks.of("other").hub
        monkeypatch.setattr(hub, "watch", broken)
        async with two.desks.across.members(MARKETS, "book") as members:
            await two.opened("book", two.one)
            await two.clock.advance(60)
            assert len(calls) > 1
            why = members.members[1].quality(two.clock.now_us()).dropped
            assert why == "down: its stream failed (TypeError); the log has more"
            monkeypatch.undo()
            await two.clock.advance(60)
            await two.opened("book", two.other)


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
        "*/scripted:BTCUSDT/book",
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
                state = msgspec.structs.replace(state, coverage="complete")
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
    assert frame["quality"]["coverage"] == "sampled"
    assert frame["orders"][1] == [-1, 1]


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
