"""What the Binance feed does with what the venue sends, over real sockets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import pytest
from aiohttp import web

from orderfox_nb.core.events import BookDelta, BookSnapshot, Gap, Status, Topic, Trade
from orderfox_nb.errors import UnknownSymbol
from orderfox_nb.feeds.binance.feed import BinanceFeed
from tests.feeds.conftest import next_of
from tests.feeds.scripted_venue import ScriptedVenue, book, depth, past_trades, trade

pytestmark = pytest.mark.feeds
OpenOn = Callable[..., AbstractAsyncContextManager[BinanceFeed]]

BOOK = Topic("binance", "BTCUSDT", "book")
TRADES = Topic("binance", "BTCUSDT", "trades")
DEPTH_STREAM = "btcusdt@depth@100ms"
TRADE_STREAM = "btcusdt@aggTrade"


async def test_a_book_opens_with_a_snapshot_and_goes_on_with_the_diffs_that_join_it(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as stream:
        answered = asyncio.Event()

        async def snapshot(_: web.Request) -> Any:
            await venue.send(DEPTH_STREAM, depth(90, 99, 89))
            await venue.send(DEPTH_STREAM, depth(100, 105, 99))
            answered.set()
            return book(102)

        venue.answers["depth"] = snapshot
        opened = await next_of(stream, BookSnapshot)
        assert opened.update_id == 102
        joined = await next_of(stream, BookDelta, Gap)
        assert (joined.first_id, joined.last_id) == (100, 105)
        await venue.send(DEPTH_STREAM, depth(106, 110, 105, bids=[["100.0", "0"]]))
        after = await next_of(stream, BookDelta, Gap)
        assert after.bids == [(100.0, 0.0)]


async def test_a_missing_diff_is_reported_as_a_gap_and_healed_by_a_new_snapshot(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["depth"] = deque([book(102), book(150)])
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as stream:
        await next_of(stream, BookSnapshot)
        await venue.send(DEPTH_STREAM, depth(103, 110, 102))
        await venue.send(DEPTH_STREAM, depth(121, 130, 120))
        assert isinstance(await next_of(stream, BookDelta), BookDelta)
        assert isinstance(await next_of(stream, Gap, BookDelta), Gap)
        assert (await next_of(stream, BookSnapshot, BookDelta)).update_id == 150
        assert feed.statistics()["gaps"] == 1


async def test_a_cut_connection_is_reported_and_heals_without_ending_the_stream(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["depth"] = deque([book(102), book(500)])
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as stream:
        await next_of(stream, BookSnapshot)
        assert (await next_of(stream, Status, BookSnapshot)).state == "live"
        cut = asyncio.create_task(venue.cut("public"))
        down = await next_of(stream, Status)
        assert down.state == "down"
        assert isinstance(await next_of(stream, Gap, BookSnapshot), Gap)
        assert (await next_of(stream, BookSnapshot)).update_id == 500
        await cut
        assert feed.statistics()["reconnects"] == 1


async def test_trades_open_with_the_past_and_each_comes_once_in_the_order_of_ids(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    async def newest(_: web.Request) -> Any:
        await venue.send(TRADE_STREAM, trade(9))
        await venue.send(TRADE_STREAM, trade(10))
        await venue.send(TRADE_STREAM, trade(11))
        return past_trades(1, 10)

    venue.answers["aggTrades"] = newest
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as stream:
        ids = [(await next_of(stream, Trade, Gap)).sequence for _ in range(11)]
        assert ids == list(range(1, 12))


async def test_missing_trades_are_fetched_by_id_without_a_gap(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    def answer(request: web.Request) -> Any:
        if (first := request.query.get("fromId")) is None:
            return past_trades(1, 10)
        return past_trades(int(first), int(first) + int(request.query["limit"]) - 1)

    venue.answers["aggTrades"] = answer
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as stream:
        for _ in range(10):
            await next_of(stream, Trade)
        await venue.send(TRADE_STREAM, trade(20))
        await venue.send(TRADE_STREAM, trade(21))
        ids = [(await next_of(stream, Trade, Gap)).sequence for _ in range(11)]
        assert ids == list(range(11, 22))


async def test_trades_that_the_venue_no_longer_has_are_a_gap_with_their_number(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["aggTrades"] = deque([past_trades(1, 3), []])
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as stream:
        for _ in range(3):
            await next_of(stream, Trade)
        await venue.send(TRADE_STREAM, trade(8))
        gap = await next_of(stream, Trade, Gap)
        assert gap.lost == 4
        assert (await next_of(stream, Trade)).sequence == 8


async def test_trade_ids_that_go_back_with_current_timestamps_are_reported_with_the_first_and_the_tape_starts_again(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["aggTrades"] = deque([past_trades(1_001, 1_003), past_trades(1, 4)])
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as stream:
        for _ in range(3):
            await next_of(stream, Trade)
        await venue.send(TRADE_STREAM, trade(1_002))
        await venue.send(TRADE_STREAM, trade(1_004))
        assert (await next_of(stream, Trade, Gap)).sequence == 1_004, "a late one is no alarm"
        await venue.send(TRADE_STREAM, trade(5) | {"T": trade(1_004)["T"] + 1_001})
        gap = await next_of(stream, Trade, Gap)
        assert (type(gap), gap.restart) == (Gap, True)
        assert [(await next_of(stream, Trade, Gap)).sequence for _ in range(5)] == [1, 2, 3, 4, 5]
        assert (await next_of(stream, Status)).state == "live"


async def test_update_ids_that_go_back_with_current_timestamps_are_reported_with_the_first_to_all_that_keep_a_past(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["depth"] = deque([book(5_000), book(102)])
    venue.answers["aggTrades"] = deque([past_trades(1_001, 1_003), past_trades(1, 4)])
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(BOOK)) as books,
        aclosing(feed.stream(TRADES)) as trades,
    ):
        await next_of(books, BookSnapshot)
        for _ in range(3):
            await next_of(trades, Trade)
        await venue.send(DEPTH_STREAM, depth(5_001, 5_010, 5_000))
        await next_of(books, BookDelta)
        await venue.send(DEPTH_STREAM, depth(100, 105, 99) | {"T": depth(1, 1, 1)["T"] + 1_001})
        assert (await next_of(books, BookDelta, Gap)).restart
        assert (await next_of(books, BookSnapshot, Gap)).update_id == 102
        assert (await next_of(books, BookDelta, Gap)).last_id == 105
        assert (await next_of(trades, Trade, Gap)).restart
        assert [(await next_of(trades, Trade, Gap)).sequence for _ in range(4)] == [1, 2, 3, 4]


async def test_an_unknown_symbol_ends_the_stream_with_that_error(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["depth"] = web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as stream:
        with pytest.raises(UnknownSymbol):
            await next_of(stream, BookSnapshot)


async def test_a_malformed_frame_is_counted_and_reported_and_the_stream_goes_on(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["aggTrades"] = past_trades(1, 1)
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as stream:
        await next_of(stream, Trade)
        assert (await next_of(stream, Status, Trade)).state == "live"
        await venue.send_text(TRADE_STREAM, '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","p":"nan"')
        status = await next_of(stream, Status)
        assert "malformed" in status.reason
        await venue.send(TRADE_STREAM, trade(2))
        assert (await next_of(stream, Trade)).sequence == 2
        assert feed.statistics()["malformed"] == 1


async def test_closing_the_last_stream_closes_its_socket_and_leaves_no_task(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["depth"] = book(102)
    async with feed_on(venue) as feed:
        assert not venue.requests
        async with aclosing(feed.stream(BOOK)) as stream:
            await next_of(stream, BookSnapshot)
            assert feed.statistics()["sockets"] == 1
        assert feed.statistics()["sockets"] == 0
        await venue.until(lambda: not venue.sockets["public"])
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(("binance", "fetch"))]
