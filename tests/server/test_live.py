"""The widgets' socket, as docs/live.md has it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from orderfox_nb import __version__
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookDelta, BookSnapshot, Status, Topic, decode_event
from tests.server.conftest import Served, until
from tests.server.scripted import LISTINGS, VENUE, trade
from tests.server.test_streams import closed_with, moved_book, receive

pytestmark = pytest.mark.server

BOOK_KEY = f"{VENUE}/BTCUSDT/book?rounding=auto&rows=10"


@asynccontextmanager
async def page(server: Served) -> AsyncIterator[ClientConnection]:
    async with connect(server.ws_url + "api/v1/ws/live") as socket:
        hello = await receive(socket)
        assert hello["type"] == "hello"
        yield socket


async def say(socket: ClientConnection, **fields: object) -> None:
    await socket.send(json.dumps(fields))


async def live_frame(socket: ClientConnection, key: str) -> dict[str, Any]:
    """Subscribe and return the first frame with data: a widget gets an empty frame at once if there is none yet."""
    await say(socket, type="subscribe", key=key)
    frame = await receive(socket)
    assert (frame["type"], frame["key"], frame["base"]) == ("frame", key, None)
    while frame["quality"]["state"] == "syncing":
        frame = await receive(socket, "frame")
    return frame


async def test_hello_says_version_venue_and_origin(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/live") as socket:
        hello = await receive(socket)
    assert (hello["wire"], hello["version"], hello["venue"]) == (2, __version__, VENUE)
    assert hello["origin"] == {
        "source": "scripted",
        "venue": VENUE,
        "simulated": True,
        "recorded": False,
        "problem": "",
        "demo_symbols": False,
        "unbroken_trades": True,
        "unverified": [],
        "absent": [],
        "epoch": "",
    }
    assert hello["time"] == server.feed.time_us // 1000


async def test_subscription_is_answered_by_a_full_frame_under_the_key_as_it_was_sent(server: Served) -> None:
    async with page(server) as socket:
        for key in (
            BOOK_KEY,
            f"{VENUE}/btcusdt/book?rows=10",
            f"{VENUE}/btc/book?rows=10",
            f"{VENUE}/BTCUSDT/trades?rows=50",
        ):
            frame = await live_frame(socket, key)
            assert frame["symbol"] == "BTCUSDT"
            assert frame["quality"]["state"] == "live"


async def test_delta_names_the_sequence_that_it_applies_to(server: Served) -> None:
    key = f"{VENUE}/BTCUSDT/trades?rows=50"
    async with page(server) as socket:
        full = await live_frame(socket, key)
        server.feed.emit(Topic(VENUE, "BTCUSDT", "trades"), trade("BTCUSDT", 151, server.feed.time_us))
        delta = await receive(socket, "frame")
        assert delta["base"] == full["sequence"]
        assert delta["trades"][0] == [151]
        await say(socket, type="resume", key=key)
        again = await receive(socket, "frame")
        assert (again["base"], again["sequence"]) == (None, delta["sequence"])
        assert again["trades"][0] == list(range(102, 152))


async def test_unsubscribed_key_sends_no_more_and_closes_its_upstream(server: Served) -> None:
    topic = Topic(VENUE, "BTCUSDT", "book")
    async with page(server) as socket:
        await say(socket, type="subscribe", key=BOOK_KEY)
        await receive(socket, "frame")
        assert len(server.feed.streams[topic]) == 1
        await say(socket, type="unsubscribe", key=BOOK_KEY)
        await until(lambda: not server.feed.streams[topic])
        await say(socket, type="ping")
        assert (await receive(socket))["type"] == "pong"


@pytest.mark.parametrize(
    "key",
    [
        f"{VENUE}/NOSUCH/book",
        f"{VENUE}/BTCUSDT/nonsense",
        f"{VENUE}/BTCUSDT/book?rows=11",
        f"{VENUE}/BTCUSDT/book?rounding=0",
        f"{VENUE}/BTCUSDT/v1.trades",
        f"{VENUE}/BTCUSDT/events?channel=gossip",
        f"{VENUE}/BTCUSDT/events?channel=candles",
        f"{VENUE}/NOSUCH/events?channel=book",
        f"{VENUE}/BTCUSDT/events?" + "&".join(f"a{number}=1" for number in range(1, 12)),
        f"{VENUE}/BTCUSDT/events?channel=%FF",
        "elsewhere/BTCUSDT/book",
        "elsewhere/BTCUSDT/events?channel=book",
        "book",
        "",
        "x" * 2000,
    ],
)
async def test_key_that_cannot_be_sent_is_gone_and_the_socket_goes_on(server: Served, key: str) -> None:
    async with page(server) as socket:
        await say(socket, type="subscribe", key=key)
        gone = await receive(socket)
        assert gone["type"] == "gone"
        assert gone["message"]
        assert key.startswith(gone["key"])
        await say(socket, type="subscribe", key=BOOK_KEY)
        assert (await receive(socket))["type"] == "frame"


async def test_events_key_gives_a_kernel_what_it_needs_to_fold(server: Served) -> None:
    key = f"{VENUE}/BTCUSDT/events?channel=book"
    async with page(server) as socket:
        await say(socket, type="subscribe", key=key)
        book = Book(LISTINGS[0].instrument)
        seen: list[type] = []
        while BookDelta not in seen:
            message = await receive(socket, "event")
            if not seen:
                server.feed.emit(Topic(VENUE, "BTCUSDT", "book"), moved_book(server, 1))
            assert message["key"] == key
            event = decode_event(json.dumps(message["event"]))
            if isinstance(event, BookSnapshot | BookDelta | Status):
                seen.append(type(event))
                book.apply(event)
        assert BookSnapshot in seen
        assert book.best_bid == 499_900
        assert book.levels("bid", 1)[1].tolist() == [2000]


async def test_symbols_frame_lists_every_symbol(server: Served) -> None:
    async with page(server) as socket:
        await say(socket, type="subscribe", key=f"{VENUE}/*/symbols")
        frame = await receive(socket, "frame")
    assert frame["symbols"][0] == ["BTCUSDT", "ETHUSDT", "BTCUSDC"]
    assert frame["demo"] is False


async def test_older_bars_can_be_asked_for(server: Served) -> None:
    async with page(server) as socket:
        end = server.feed.time_us // 1000 - 3_600_000
        await say(socket, type="request", id=7, what="candles", symbol="BTCUSDT", interval="1m", limit=20, end=end)
        response = await receive(socket, "response")
    assert response["id"] == 7
    times = response["data"]["bars"][0]
    assert len(times) == 20
    assert times == sorted(times)
    assert times[-1] * 1000 <= end


async def test_a_page_learns_which_symbols_the_names_of_its_link_mean(server: Served) -> None:
    async with page(server) as socket:
        await say(socket, type="request", id=9, what="symbols", symbols=["btc", "ETH/USDT:USDT", "BTCUSD"])
        response = await receive(socket, "response")
    assert response["data"] == [
        {"asked": "btc", "symbol": "BTCUSDT", "name": "BTC/USDT", "tick_size": "0.1"},
        {"asked": "ETH/USDT:USDT", "symbol": "ETHUSDT", "name": "ETH/USDT", "tick_size": "0.01"},
        {
            "asked": "BTCUSD",
            "symbol": None,
            "message": "Symbol BTCUSD not found. Did you mean: BTCUSDT, BTCUSDC?",
            "suggestions": ["BTCUSDT", "BTCUSDC"],
            "largest": "BTCUSDT",
        },
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"what": "gossip"},
        {"what": "symbols"},
        {"what": "symbols", "symbols": ["BTCUSDT", 7]},
        {"what": "symbols", "symbols": ["BTCUSDT"] * 21},
        {"what": "candles", "symbol": "NOSUCH", "interval": "1m"},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "7m"},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "1m", "limit": 0},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "1m", "limit": "many"},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "1m", "end": -1},
        {"what": "candles", "symbol": 7, "interval": "1m"},
        {},
    ],
)
async def test_request_that_cannot_be_answered_is_an_error_with_its_id(
    server: Served, fields: dict[str, object]
) -> None:
    async with page(server) as socket:
        await say(socket, type="request", id=3, **fields)
        error = await receive(socket)
        assert (error["type"], error["id"]) == ("error", 3)
        assert error["message"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe"},
        {"type": "subscribe", "key": 7},
        {"type": "request", "id": "x"},
        {"type": "resume", "key": "?"},
    ],
)
async def test_message_without_what_it_needs_is_an_error(server: Served, message: dict[str, object]) -> None:
    async with page(server) as socket:
        await say(socket, **message)
        assert (await receive(socket))["type"] == "error"


async def test_socket_carries_at_most_64_keys(server: Served) -> None:
    # Each message comes a second after the one before: fifty a second are allowed.
    seconds = itertools.count()
    server.service.now_s = lambda: float(next(seconds))
    async with page(server) as socket:
        for number in range(1, 66):
            await say(socket, type="subscribe", key=f"{VENUE}/BTCUSDT/book?rounding={number}")
        error = await receive(socket, "error")
        assert "64" in error["message"]
        assert error["key"].endswith("rounding=65")


async def test_more_than_50_messages_a_second_are_left_out(server: Served) -> None:
    # However slow this machine is, it is one second.
    server.service.now_s = lambda: 0.0
    async with page(server) as socket:
        for _ in range(60):
            await say(socket, type="ping")
        error = await receive(socket, "error")
        assert "50" in error["message"]


async def test_page_gets_a_status_when_its_source_fails(server: Served) -> None:
    async with page(server) as socket:
        sick = "the venue does not answer: choose another source"
        server.feed.origin = msgspec.structs.replace(server.feed.origin, problem=sick)
        status = await receive(socket, "status")
        assert (status["state"], status["message"], status["origin"]["problem"]) == ("down", sick, sick)


async def test_stop_of_the_server_closes_the_sockets(server: Served) -> None:
    async with page(server) as socket:
        await say(socket, type="subscribe", key=BOOK_KEY)
        await receive(socket, "frame")
        closing = asyncio.create_task(closed_with(socket))
        await server.service.stop()
        assert (await closing)[0] == 1001
