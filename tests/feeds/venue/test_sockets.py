"""Sockets of the Binance feed: roots, limits, rotation, and what stays open."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager

import msgspec
import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import BookDelta, BookSnapshot, Gap, Liquidation, Status, Topic, Trade, raw_levels
from orderfox_nb.feeds.binance.dialect import BinanceDialect
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance.protocol import root_of
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.handover import HELD_BYTES, Route
from orderfox_nb.feeds.venue.items import Item, Overflowed
from orderfox_nb.feeds.venue.sockets import OVERLAP_S, StreamSockets
from tests.feeds.conftest import next_of
from tests.feeds.scripted_venue import ScriptedVenue, book, depth, past_trades, trade
from tests.feeds.test_binance_market import ORDER_STREAM, PREMIUM, forced

pytestmark = pytest.mark.feeds
OpenOn = Callable[..., AbstractAsyncContextManager[BinanceFeed]]

BOOK = Topic("binance", "BTCUSDT", "book")
TRADES = Topic("binance", "BTCUSDT", "trades")
LIQUIDATIONS = Topic("binance", "BTCUSDT", "liquidations")
DEPTH_STREAM = "btcusdt@depth@100ms"
TRADE_STREAM = "btcusdt@aggTrade"


class Sides(msgspec.Struct):
    bids: msgspec.Raw
    asks: msgspec.Raw


@asynccontextmanager
async def passing(clock: ManualClock, step_s: float = 0.05) -> AsyncIterator[None]:
    """Let a manual clock run, so that pacing and back-off pass without waiting."""

    async def run() -> None:
        while True:
            await clock.advance(step_s)
            await asyncio.sleep(0.001)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize(
    ("stream", "root"),
    [
        ("btcusdt@depth@100ms", "public"),
        ("btcusdt@depth20@100ms", "public"),
        ("btcusdt@bookTicker", "public"),
        ("!bookTicker", "public"),
        ("btcusdt@trade", "public"),
        ("btcusdt@aggTrade", "market"),
        ("btcusdt@kline_1m", "market"),
        ("btcusdt@markPrice@1s", "market"),
        ("!forceOrder@arr", "market"),
        ("btcusdt@ticker", "market"),
    ],
)
def test_each_stream_belongs_to_the_root_that_delivers_it(stream: str, root: str) -> None:
    assert root_of(stream) == root


async def test_book_and_trades_use_a_socket_of_their_own_root(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["depth"] = book(1)
    venue.answers["aggTrades"] = past_trades(1, 1)
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(BOOK)) as books,
        aclosing(feed.stream(TRADES)) as trades,
    ):
        await next_of(books, BookSnapshot)
        await next_of(trades, Trade)
        assert [(root, command["params"]) for root, command in venue.commands] == [
            ("public", [DEPTH_STREAM]),
            ("market", [TRADE_STREAM]),
        ]


async def test_many_streams_are_subscribed_in_few_messages_and_at_most_so_many_a_socket(venue: ScriptedVenue) -> None:
    clock = ManualClock()
    sockets = StreamSockets(f"{venue.ws_url}/market/stream", BinanceDialect(), clock=clock, per_socket=200)
    inbox: Inbox[Item] = Inbox(1_000, overflow=Overflowed)
    async with passing(clock), AsyncExitStack() as stack:
        for number in range(450):
            await stack.enter_async_context(sockets.read(f"s{number}usdt@aggTrade", inbox))
        await venue.until(lambda: sum(len(streams) for streams in venue.subscribed.values()) == 450)
        assert sorted(len(streams) for streams in venue.subscribed.values()) == [50, 200, 200]
        assert len(venue.commands) <= 6
    await venue.until(lambda: not venue.sockets["market"])
    assert sockets.statistics()["sockets"] == 0


async def test_commands_keep_well_below_ten_a_second(venue: ScriptedVenue) -> None:
    clock = ManualClock()
    sockets = StreamSockets(f"{venue.ws_url}/market/stream", BinanceDialect(), clock=clock)
    inbox: Inbox[Item] = Inbox(1_000, overflow=Overflowed)
    sent_us: list[int] = []
    async with passing(clock, 0.01), AsyncExitStack() as stack:
        for number in range(12):
            stream = f"s{number}usdt@aggTrade"
            await stack.enter_async_context(sockets.read(stream, inbox))
            await venue.until_subscribed(stream)
            sent_us.append(clock.now_us())
    assert len(venue.commands) == 12
    assert (sent_us[-1] - sent_us[0]) / 1e6 >= 11 * 0.19


async def test_a_stream_that_is_opened_again_before_its_end_was_sent_becomes_live(venue: ScriptedVenue) -> None:
    clock = ManualClock()
    sockets = StreamSockets(f"{venue.ws_url}/market/stream", BinanceDialect(), clock=clock)
    inbox: Inbox[Item] = Inbox(1_000, overflow=Overflowed)
    async with passing(clock, 0.01), sockets.read("btcusdt@aggTrade", inbox):
        async with sockets.read("ethusdt@aggTrade", inbox):
            await venue.until(lambda: sockets.live("ethusdt@aggTrade"))
        async with sockets.read("ethusdt@aggTrade", inbox):
            assert not sockets.live("ethusdt@aggTrade")
            await venue.until(lambda: sockets.live("ethusdt@aggTrade"), timeout_s=60)


async def test_an_unsubscribed_stream_leaves_the_others_on_their_socket(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["aggTrades"] = past_trades(1, 1)
    venue.answers["premiumIndex"] = PREMIUM
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as trades:
        await next_of(trades, Trade)
        async with aclosing(feed.stream(LIQUIDATIONS)) as orders:
            await next_of(orders, Status)
            await venue.until_subscribed(ORDER_STREAM)
        await venue.until(lambda: {TRADE_STREAM} in venue.subscribed.values())
        await venue.send(TRADE_STREAM, trade(2))
        assert (await next_of(trades, Trade)).sequence == 2


async def test_a_socket_is_renewed_in_time_without_a_hole_or_a_repeat(venue: ScriptedVenue) -> None:
    clock = ManualClock()
    venue.answers["depth"] = book(100)
    venue.answers["premiumIndex"] = PREMIUM
    async with (
        BinanceFeed(http_url=venue.http_url, ws_url=venue.ws_url, clock=clock, rotate_after_s=3_600) as feed,
        aclosing(feed.stream(BOOK)) as books,
        aclosing(feed.stream(LIQUIDATIONS)) as orders,
    ):
        opening = asyncio.create_task(next_of(books, BookSnapshot))
        await venue.until_subscribed(DEPTH_STREAM)
        await venue.send(DEPTH_STREAM, depth(101, 110, 100))
        await opening
        assert (await next_of(books, BookDelta)).last_id == 110
        await next_of(orders, Status)
        await next_of(orders, Status)
        await clock.advance(3_600)
        await venue.until_subscribed(DEPTH_STREAM, sockets=2)
        await venue.until_subscribed(ORDER_STREAM, sockets=2)
        # Both sockets carry everything: each event comes once.
        await venue.send(DEPTH_STREAM, depth(111, 120, 110))
        await venue.send(DEPTH_STREAM, depth(121, 130, 120))
        assert [(await next_of(books, BookDelta, Gap)).last_id for _ in range(2)] == [120, 130]
        await venue.send(ORDER_STREAM, forced(1_000))
        await venue.send(ORDER_STREAM, forced(2_000))
        assert [(await next_of(orders, Status, Gap, Liquidation)).time_us for _ in range(2)] == [
            1_000_000,
            2_000_000,
        ]
        await clock.advance(OVERLAP_S)
        await venue.until(lambda: len(venue.sockets["public"]) == 1 and len(venue.sockets["market"]) == 1)
        await venue.send(DEPTH_STREAM, depth(131, 140, 130))
        assert (await next_of(books, BookDelta, Gap, Status)).last_id == 140
        assert feed.statistics()["rotations"] == 2
        assert feed.statistics()["reconnects"] == 0


def a_delta(previous_id: int, last_id: int) -> BookDelta:
    return BookDelta(
        symbol="BTCUSDT",
        time_us=last_id,
        raw_bids=raw_levels([]),
        raw_asks=raw_levels([]),
        first_id=previous_id + 1,
        last_id=last_id,
        previous_id=previous_id,
    )


@pytest.mark.parametrize("order", ["ahead", "behind", "first dies"])
def test_whatever_socket_is_ahead_the_handover_keeps_the_order_and_loses_nothing(order: str) -> None:
    route = Route()
    inbox: Inbox[Item] = Inbox(100, overflow=Overflowed)
    route.readers.append(inbox)
    route.open("old")
    route.handle("old", a_delta(0, 10))
    route.expect("new")
    if order == "ahead":
        route.handle("new", a_delta(20, 30))
        route.handle("old", a_delta(10, 20))
        route.handle("old", a_delta(20, 30))
        route.handle("new", a_delta(30, 40))
        route.end("old")
    elif order == "behind":
        route.handle("old", a_delta(10, 20))
        route.handle("old", a_delta(20, 30))
        route.handle("new", a_delta(10, 20))
        route.handle("new", a_delta(20, 30))
        route.handle("old", a_delta(30, 40))
        route.handle("new", a_delta(30, 40))
        route.end("old")
    else:
        route.handle("new", a_delta(20, 30))
        route.handle("old", a_delta(10, 20))
        route.end("old")
        route.handle("new", a_delta(30, 40))
    seen: list[int] = []
    while (item := inbox.get_nowait()) is not None:
        if isinstance(item, BookDelta):
            seen.append(item.last_id)
    assert seen == [10, 20, 30, 40]


def test_what_waits_for_the_old_socket_is_bounded_by_its_bytes_and_holds_no_message() -> None:
    """A message may be large beside its levels, and what is decoded from it keeps all of it."""
    padding, levels = b" " * 200_000, b"[" + b",".join([b'["1.0","2.0"]'] * 9_000) + b"]"
    tracemalloc.start()
    try:
        route, inbox = Route(), Inbox[Item](10_000, overflow=Overflowed)
        route.readers.append(inbox)
        route.open("old")
        route.handle("old", a_delta(0, 10))
        route.expect("new")
        for number in range(2, 200):
            text = b'{"bids":%s,"asks":[],"padding":"%s"}' % (levels, padding)
            sides = msgspec.json.decode(text, type=Sides)
            delta = a_delta(10 * number, 10 * (number + 1))
            route.handle("new", msgspec.structs.replace(delta, raw_bids=sides.bids, raw_asks=sides.asks))
        del text, sides, delta
        # All of them have 24 MB of levels, in 64 MB of messages.
        assert tracemalloc.get_traced_memory()[0] < 1.25 * HELD_BYTES
    finally:
        tracemalloc.stop()
    route.end("old")
    seen = [item.last_id for _ in range(len(inbox)) if isinstance(item := inbox.get_nowait(), BookDelta)]
    assert seen[0] == 10
    assert seen[1:] == list(range(2000 - 10 * (len(seen) - 2), 2001, 10)), "the newest are kept, in order"
    assert HELD_BYTES * 0.9 < (len(seen) - 1) * len(levels) <= HELD_BYTES


async def test_a_reader_that_stops_reading_loses_its_own_events_and_no_others(venue: ScriptedVenue) -> None:
    clock = ManualClock()
    sockets = StreamSockets(f"{venue.ws_url}/market/stream", BinanceDialect(), clock=clock)
    slow: Inbox[Item] = Inbox(4, overflow=Overflowed)
    quick: Inbox[Item] = Inbox(1_000, overflow=Overflowed)
    async with sockets.read(TRADE_STREAM, slow), sockets.read(TRADE_STREAM, quick):
        await venue.until_subscribed(TRADE_STREAM)
        for number in range(1, 11):
            await venue.send(TRADE_STREAM, trade(number))
        ids: list[int] = []
        async with asyncio.timeout(60):
            while len(ids) < 10:
                item = await quick.get()
                if isinstance(item, Trade):
                    ids.append(int(item.id))
        assert ids == list(range(1, 11))
        assert any(isinstance(slow.get_nowait(), Overflowed) for _ in range(len(slow)))


def test_a_successor_that_fails_after_it_was_followed_leaves_the_stream_to_the_old_socket() -> None:
    route, inbox, old, new = Route(), Inbox[Item](100, overflow=Overflowed), object(), object()
    route.readers.append(inbox)
    route.handle(old, a_delta(0, 10))
    route.expect(new)
    route.handle(new, a_delta(10, 20))
    route.give_up(new)
    route.handle(old, a_delta(10, 20))
    route.handle(old, a_delta(20, 30))
    delivered = [inbox.get_nowait() for _ in range(len(inbox))]
    assert [delta.last_id for delta in delivered if isinstance(delta, BookDelta)] == [10, 20, 30]
