"""Bybit natively: its streams over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Gap,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Status,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.errors import BadValue
from tests.feeds.bybit.messages import (
    BOOK,
    NOW_MS,
    REFUSED,
    TICKER,
    TRADES,
    answered,
    book,
    feed_on,
    past_trade,
    trade,
    trades,
)
from tests.feeds.conftest import next_of
from tests.feeds.scripted_socket import ScriptedSocketVenue
from tests.feeds.venue.test_sockets import passing

pytestmark = pytest.mark.feeds


async def test_a_book_opens_with_the_snapshot_of_its_socket_and_a_hole_is_a_gap_and_a_new_one(
    venue: ScriptedSocketVenue,
) -> None:
    stream = "orderbook.200.BTCUSDT"
    venue.opening[stream] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as events:
        assert (await next_of(events, BookSnapshot)).update_id == 10
        assert (await next_of(events, Status)).state == "live"
        await venue.send(stream, book("delta", 11, [["100.0", "0"]]))
        assert (await next_of(events, BookDelta, Gap)).last_id == 11
        venue.opening[stream] = [book("snapshot", 20, [["99.0", "1"]], [["100.1", "2"]])]
        await venue.send(stream, book("delta", 13))
        assert "expected the update after 11" in (await next_of(events, BookDelta, Gap)).reason
        assert (await next_of(events, BookDelta, BookSnapshot)).update_id == 20
        assert (await next_of(events, Status)).state == "live"
        # The service was restarted: its ids begin again, and the book is whole at once.
        await venue.send(stream, book("delta", 1, [["98.0", "1"]], [["100.1", "2"]]), book("delta", 2))
        assert (await next_of(events, BookDelta, BookSnapshot, Gap)).update_id == 1
        assert (await next_of(events, BookDelta, BookSnapshot, Gap)).last_id == 2
        assert feed.statistics()["gaps"] == 1
        assert await feed.book("BTCUSDT") is None


async def test_a_second_reader_of_a_book_gets_a_snapshot_of_its_own(venue: ScriptedSocketVenue) -> None:
    stream = "orderbook.200.BTCUSDT"
    venue.opening[stream] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as first, aclosing(feed.stream(BOOK)) as second:
        await next_of(first, BookSnapshot)
        assert (await next_of(second, BookSnapshot)).update_id == 10


async def test_what_a_lost_connection_left_out_is_read_from_the_newest_trades(venue: ScriptedSocketVenue) -> None:
    stream = "publicTrade.BTCUSDT"
    recent = {"category": "linear", "list": [past_trade("b", 1), past_trade("a", 0)]}
    venue.rest["/v5/market/recent-trade"] = answered(recent)
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as events:
        assert [(await next_of(events, Trade)).id for _ in range(2)] == ["a", "b"]
        await venue.send(stream, trades(trade("b", at=1), trade("c", at=2)))
        assert (await next_of(events, Trade, Gap)).id == "c"
        recent["list"] = [past_trade("e", 4), past_trade("d", 3), past_trade("c", 2)]
        await venue.cut()
        assert [(await next_of(events, Trade, Gap)).id for _ in range(2)] == ["d", "e"]
        recent["list"] = [past_trade("z", 9)]
        await venue.cut()
        assert "do not reach back" in (await next_of(events, Trade, Gap)).reason
        assert (await next_of(events, Trade, Gap)).id == "z"


async def test_readers_of_a_shared_stream_get_their_own_events(venue: ScriptedSocketVenue) -> None:
    whole = {"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "cs": 1, "data": TICKER}
    venue.opening["tickers.BTCUSDT"] = [whole]
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(Topic("bybit", "BTCUSDT", "mark"))) as marks,
        aclosing(feed.stream(Topic("bybit", "BTCUSDT", "open_interest"))) as interests,
    ):
        assert isinstance(await next_of(marks, MarkPrice, OpenInterest, Ticker), MarkPrice)
        assert isinstance(await next_of(interests, MarkPrice, OpenInterest, Ticker), OpenInterest)
        assert sum(len(names) for names in venue.subscribed.values()) == 1
        assert (await next_of(marks, Status)).silence_s == 10


async def test_equal_liquidations_are_several_and_the_stream_is_complete(venue: ScriptedSocketVenue) -> None:
    row = {"T": NOW_MS, "s": "BTCUSDT", "S": "Buy", "v": "1.5", "p": "100"}
    frame = {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": [row, row]}
    async with feed_on(venue) as feed, aclosing(feed.stream(Topic("bybit", "BTCUSDT", "liquidations"))) as events:
        assert (await next_of(events, Status)).coverage == "complete"
        await venue.send("allLiquidation.BTCUSDT", frame)
        assert [(await next_of(events, Liquidation)).side for _ in range(2)] == ["sell", "sell"]
        with pytest.raises(BadValue, match="no stream of all"):
            await anext(feed.stream(Topic("bybit", "*", "liquidations")))


async def test_a_refused_stream_leaves_the_others_and_is_tried_again(venue: ScriptedSocketVenue) -> None:
    clock = ManualClock()
    venue.opening["orderbook.200.BTCUSDT"] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with (
        feed_on(venue, clock=clock) as feed,
        aclosing(feed.stream(Topic("bybit", "GONEUSDT", "book"))) as gone,
        aclosing(feed.stream(BOOK)) as events,
    ):
        async with passing(clock):
            assert (await next_of(gone, Status)).state == "connecting"
            down = asyncio.create_task(next_of(gone, Status))
            assert (await next_of(events, BookSnapshot)).update_id == 10
            status = await down
            assert (status.state, "handler not found" in status.reason) == ("down", True)
            refusals = len(venue.messages)
            await venue.until(lambda: any(REFUSED in message for message in venue.messages[refusals:]))
        assert len(venue.subscribed) == 1


async def test_the_venue_is_pinged_while_data_flows(venue: ScriptedSocketVenue) -> None:
    clock = ManualClock()
    venue.opening["orderbook.200.BTCUSDT"] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with feed_on(venue, clock=clock) as feed, aclosing(feed.stream(BOOK)) as events, passing(clock, 0.5):
        await next_of(events, BookSnapshot)
        for number in range(11, 10_000):
            await venue.send("orderbook.200.BTCUSDT", book("delta", number))
            if any('"ping"' in message for message in venue.messages):
                break
            await next_of(events, BookDelta)
        else:
            pytest.fail("no ping among 10,000 updates")
