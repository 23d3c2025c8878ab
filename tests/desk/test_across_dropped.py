"""Views over venues: one that freezes, fails or never answers is dropped and named, and comes back when it is fresh."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from orderfox_nb.clock import settle
from orderfox_nb.core.events import Gap, Status, Topic
from orderfox_nb.desk.across.members import BEHIND_S
from orderfox_nb.desk.streams.registry import parse_key
from orderfox_nb.errors import UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.market.consolidated import listed_everywhere
from tests.desk.across_rig import BOOK_KEY, MARKETS, dropped, venues
from tests.desk.scripted import BTC, ETH, ScriptedFeed, live, snapshot
from tests.desk.test_frames import START_US

pytestmark = pytest.mark.core


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


async def test_a_venue_that_may_be_silent_for_longer_is_dropped_later(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.frames(parse_key(BOOK_KEY)) as reader:
        await two.opened("book")
        two.put_books()
        # As Bybit and OKX are: they send a book only when it changes.
        quiet = msgspec.structs.replace(live(two.clock.now_us()), silence_s=15)
        two.other.put(Topic("other", "BTCUSDT", "book"), quiet)
        await two.clock.advance(12)
        frame = await two.next(reader)
        assert dropped(frame)["other"] == ""
        assert dropped(frame)["scripted"].startswith("stale")
        await two.clock.advance(5)
        assert dropped(await two.next(reader))["other"].startswith("stale")


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
            async with asyncio.timeout(60):
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


async def test_one_market_alone_is_that_of_every_venue_that_lists_it(tmp_path: Path):
    async with venues(tmp_path) as two:
        across, key = two.desks.across, parse_key("*/other:btc/book?rounding=0.1&rows=10")
        assert (await across.resolved(key)).symbol == "other:BTCUSDT,scripted:BTCUSDT"
        async with across.frames(key) as reader:
            await two.opened("book")
            two.put_books()
            await two.clock.advance(0.5)
            frame = await two.next(reader)
        assert [member["venue"] for member in frame["members"]] == ["other", "scripted"]
        assert frame["best_bid_of"] == [0]
        # In another currency it is the same market, kept apart; of another kind or base it is none.
        usdc, spot = (
            msgspec.structs.replace(BTC, symbol=f"BTC-{at}", unified=unified, quote=quote)
            for at, unified, quote in ((1, "BTC/USDC:USDC", "USDC"), (2, "BTC/USDT", "USDT"))
        )
        for listed, wanted in (
            ([spot, usdc], "scripted:BTCUSDT,other:BTC-1"),
            ([spot, ETH], "scripted:BTCUSDT"),
        ):
            two.other.rows = [Listing(instrument=one) for one in listed]
            await two.desks.of("other").catalogue.refresh()
            resolved = await across.resolved(parse_key("*/scripted:BTCUSDT/trades"))
            assert resolved.symbol == wanted
        assert (await across.resolved(resolved)).symbol == wanted, "one venue alone is a view too"
        with pytest.raises(UnknownSymbol):
            await across.resolved(parse_key("*/scripted:NOPE/book"))


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_venue_whose_list_does_not_come_is_shown_as_down_and_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
):
    monkeypatch.setattr("orderfox_nb.desk.across.everywhere.LISTED_S", 0.01 if hangs else 60)
    async with venues(tmp_path) as two:
        answered = asyncio.Event()
        list_now = two.other.listings

        async def listings() -> Sequence[Listing]:
            if hangs:
                await answered.wait()
            return await list_now()

        monkeypatch.setattr(two.other, "listings", listings)
        two.other.listing_error = None if hangs else VenueUnreachable("other", "refused")
        await two.desks.of("scripted").catalogue.rows()
        key = parse_key("*/scripted:BTCUSDT/book?rounding=0.1&rows=10")
        async with two.desks.across.frames(key) as reader:
            assert reader.key.symbol == "scripted:BTCUSDT,other:BTC/USDT:USDT"
            await two.opened("book", two.one)
            two.put_book(two.one, 49_999.9, 50_000.1)
            assert dropped(await two.next(reader)).keys() == {"scripted", "other"}
            answered.set()
            two.other.listing_error = None
            while True:
                await two.clock.advance(1)
                two.put_books()
                frame = await two.next(reader)
                if not any(dropped(frame).values()):
                    break
        assert frame["best_bid"] == 500_000


async def test_a_venue_that_was_down_joins_with_the_same_market_in_its_own_currency(tmp_path: Path):
    async with venues(tmp_path) as two:
        usdc = msgspec.structs.replace(BTC, venue="other", symbol="BTC-USDC", unified="BTC/USDC:USDC", quote="USDC")
        spot = msgspec.structs.replace(BTC, venue="other", symbol="BTCUSDT", unified="BTC/USDT")
        two.other.rows = [Listing(instrument=spot), Listing(instrument=usdc)]
        two.other.listing_error = VenueUnreachable("other", "refused")
        await two.desks.of("scripted").catalogue.rows()
        key = parse_key("*/scripted:BTCUSDT/book?currency=joined&rounding=0.1&rows=10")
        async with two.desks.across.frames(key) as reader:
            await two.opened("book", two.one)
            two.put_book(two.one, 49_999.9, 50_000.1)
            await two.clock.advance(1)
            assert dropped(await two.next(reader))["other"] == "down: other: refused"
            two.other.listing_error = None
            topic = Topic("other", "BTC-USDC", "book")
            async with asyncio.timeout(60):
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


async def test_a_read_waits_for_the_first_data_of_a_market_and_not_for_one_that_has_lost_it(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.members(MARKETS, "book") as members:
        await two.opened("book")
        first = asyncio.ensure_future(members.until_ready(600))
        two.put_book(two.one, 49_999.9, 50_000.1)
        await two.clock.advance(0.5)
        assert not first.done()
        two.put_books()
        await two.clock.advance(0.5)
        await first
        gap = Gap(symbol="BTCUSDT", time_us=two.clock.now_us(), reason="a delta is missing")
        two.other.put(Topic("other", "BTCUSDT", "book"), gap)
        await two.clock.advance(0.5)
        assert members.members[1].quality(two.clock.now_us()).dropped == "rebuilding: a delta is missing"
        again = asyncio.ensure_future(members.until_ready(600))
        await settle()
        waited = not again.done()
        again.cancel()
        assert not waited


async def test_a_read_does_not_wait_for_a_venue_whose_connection_is_down(tmp_path: Path):
    async with venues(tmp_path) as two, two.desks.across.members(MARKETS, "book") as members:
        await two.opened("book")
        two.put_book(two.one, 49_999.9, 50_000.1)
        down = Status(symbol="BTCUSDT", time_us=two.clock.now_us(), state="down", reason="refused")
        two.other.put(Topic("other", "BTCUSDT", "book"), down)
        await two.clock.advance(0.5)
        reading = asyncio.ensure_future(members.until_ready(600))
        await settle()
        waited = not reading.done()
        reading.cancel()
        assert not waited


async def test_a_venue_that_sends_nothing_costs_one_read_a_few_seconds_and_the_next_ones_nothing(tmp_path: Path):
    async with (
        venues(tmp_path) as two,
        two.desks.across.members(MARKETS, "book") as members,
        asyncio.timeout(30),
    ):
        await two.opened("book")

        async def is_waiting(reading: asyncio.Future[None]) -> bool:
            await settle()
            return not reading.done()

        two.put_book(two.one, 49_999.9, 50_000.1)
        first = asyncio.ensure_future(members.until_ready(600))
        await two.clock.advance(BEHIND_S - 0.5)
        assert await is_waiting(first)
        await two.clock.advance(1)
        await first
        assert members.members[1].quality(two.clock.now_us()).dropped == "loading"
        await members.until_ready(600)
        # Once its venue has restarted there is something to wait for again.
        restart = Gap(symbol="BTCUSDT", time_us=two.clock.now_us(), reason="the venue restarted", restart=True)
        two.other.put(Topic("other", "BTCUSDT", "book"), restart)
        await two.clock.advance(0.5)
        again = asyncio.ensure_future(members.until_ready(600))
        assert await is_waiting(again)
        two.put_books()
        await two.clock.advance(0.5)
        await again
        assert members.members[1].quality(two.clock.now_us()).dropped == ""


@pytest.mark.parametrize("by_name", [False, True])
async def test_the_symbol_lists_of_several_venues_are_requested_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_name: bool
):
    async with venues(tmp_path) as two:
        answered, asked = asyncio.Event(), set[str]()

        def hold(feed: ScriptedFeed) -> None:
            list_now = feed.listings

            async def listings() -> Sequence[Listing]:
                asked.add(feed.venue)
                await answered.wait()
                return await list_now()

            monkeypatch.setattr(feed, "listings", listings)

        hold(two.one)
        hold(two.other)
        across = two.desks.across
        asking = listed_everywhere(two.desks.all, "BTC/USDT:USDT") if by_name else across.resolved(parse_key(BOOK_KEY))
        resolving = asyncio.create_task(asking)
        try:
            async with asyncio.timeout(20):
                while asked != {"scripted", "other"}:
                    await settle()
        finally:
            answered.set()
            await resolving


async def test_a_venue_whose_list_is_not_there_is_found_by_the_unified_name_and_not_by_a_symbol_of_another(
    tmp_path: Path,
):
    async with venues(tmp_path) as two:
        two.other.listing_error = VenueUnreachable("other", "refused")
        found = await listed_everywhere(two.desks.all, "btc/usdt:usdt")
        assert found == "scripted:BTCUSDT,other:BTC/USDT:USDT"
