"""Hostile or broken upstreams: nothing of theirs is read without a limit, and each is reported as what it is."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import BookDelta, BookSnapshot, Gap, Status, Topic, Trade
from orderfox_nb.errors import FeedError, MalformedFrame, VenueRefused, VenueUnreachable
from orderfox_nb.feeds import remote_link, transport
from orderfox_nb.feeds.binance.dialect import MAX_FRAME_BYTES
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance.protocol import MAX_SIDE_BYTES
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.liquidation_history import LiquidationHistory
from orderfox_nb.feeds.remote import RemoteFeed
from tests.feeds.conftest import next_of
from tests.feeds.hostile import MEMORY_BOUND, Attack, Hostile, memory
from tests.feeds.scripted_venue import ScriptedVenue, book, depth, past_trades, trade
from tests.feeds.stages import Eager
from tests.feeds.venue.test_sockets import passing

pytestmark = pytest.mark.feeds
OpenOn = Callable[..., AbstractAsyncContextManager[BinanceFeed]]

BOOK = Topic("binance", "BTCUSDT", "book")
TRADES = Topic("binance", "BTCUSDT", "trades")
DEPTH_STREAM = "btcusdt@depth@100ms"
TRADE_STREAM = "btcusdt@aggTrade"
Ask = Callable[[], Awaitable[object]]


@asynccontextmanager
async def binance(venue: ScriptedVenue) -> AsyncIterator[tuple[str, Ask]]:
    rest = BinanceRest(venue.http_url, venue="binance", clock=ManualClock())
    yield "exchangeInfo", rest.symbols
    await rest.close()


@asynccontextmanager
async def history(venue: ScriptedVenue) -> AsyncIterator[tuple[str, Ask]]:
    api = LiquidationHistory(f"{venue.http_url}/api", venue="binance", clock=ManualClock())
    yield "liquidation-orders", lambda: api.orders("BTCUSDT")
    await api.close()


@asynccontextmanager
async def another_server(venue: ScriptedVenue) -> AsyncIterator[tuple[str, Ask]]:
    async with RemoteFeed(venue.http_url, clock=ManualClock()) as feed:
        yield "symbols", feed.listings


UPSTREAMS = (binance, history, another_server)
ATTACKS: dict[str, tuple[Callable[[Hostile], Attack], str]] = {
    "endless": (lambda hostile: hostile.endless, "it sent more than"),
    "bomb": (lambda hostile: hostile.bomb, "it sent more than"),
    "announced": (lambda hostile: hostile.announced, "it sent more than"),
    "redirect": (lambda hostile: hostile.redirect, "which is not followed"),
    "deep": (lambda hostile: hostile.deep, "nested too deep"),
    "encoded": (lambda hostile: hostile.encoded, "encoded as br"),
    "cut": (lambda hostile: hostile.cut, "cut off"),
    "refusal": (lambda hostile: hostile.refusal, "it sent more than 64 kB"),
}


@pytest.mark.parametrize("upstream", UPSTREAMS, ids=lambda upstream: upstream.__name__)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_endless_answer_is_given_up_reported_and_logged_once(
    venue: ScriptedVenue,
    upstream: Callable[[ScriptedVenue], AbstractAsyncContextManager[tuple[str, Ask]]],
    attack: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hostile = Hostile()
    chosen, text = ATTACKS[attack]
    async with upstream(venue) as (path, ask):
        for sane in ("exchangeInfo", "v1/symbols", path):
            venue.answers[sane] = {"symbols": []} if path == "exchangeInfo" else []
        await ask()
        before = memory()
        for hit in (path, f"v1/{path}"):
            venue.answers[hit] = chosen(hostile)
        venue.answers["elsewhere"] = hostile.elsewhere
        for _ in range(3):
            with pytest.raises(MalformedFrame, match=text) as refused:
                await ask()
            assert path in str(refused.value)
        assert memory() - before < MEMORY_BOUND
        assert hostile.sent < 120_000_000  # three times 16 MB, and what the sockets' buffers hold
        assert not hostile.redirected
        logged = [record for record in caplog.records if text in record.getMessage()]
        assert [record.levelno for record in logged] == [logging.WARNING], "once, however often it happens"
        for sane in (path, f"v1/{path}"):
            venue.answers[sane] = {"symbols": []} if path == "exchangeInfo" else []
        assert await ask() == []


@pytest.mark.parametrize("upstream", UPSTREAMS, ids=lambda upstream: upstream.__name__)
async def test_an_answer_that_drips_is_given_up_in_time(
    venue: ScriptedVenue, upstream: Callable[..., AbstractAsyncContextManager[tuple[str, Ask]]]
) -> None:
    hostile = Hostile()
    clock = ManualClock()
    asks: dict[str, Ask] = {}
    rest = BinanceRest(venue.http_url, venue="binance", clock=clock)
    api = LiquidationHistory(f"{venue.http_url}/api", venue="binance", clock=clock)
    feed = RemoteFeed(venue.http_url, clock=clock)
    asks = {"binance": rest.symbols, "history": lambda: api.orders("BTCUSDT"), "another_server": feed.listings}
    for path in ("exchangeInfo", "liquidation-orders", "v1/symbols"):
        venue.answers[path] = hostile.drip
    asking = asyncio.ensure_future(asks[upstream.__name__]())
    await hostile.dripped.wait()
    await clock.advance(16)
    with pytest.raises(VenueUnreachable, match="no answer in time"):
        await asking
    await rest.close()
    await api.close()
    await feed.__aexit__(None, None, None)


async def test_a_book_of_a_million_levels_is_refused_and_the_next_one_applied(
    venue: ScriptedVenue, feed_on: OpenOn, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = Hostile()
    venue.answers["depth"] = deque([hostile.levels, hostile.levels, hostile.levels, book(5)])
    venue.answers["aggTrades"] = past_trades(1, 3)
    clock = ManualClock()
    async with feed_on(venue, clock=clock) as feed, aclosing(feed.stream(BOOK)) as books:
        before = memory()
        reasons: list[str] = []
        async with passing(clock), asyncio.timeout(60):
            async for event in books:
                if isinstance(event, BookSnapshot):
                    break
                if isinstance(event, Status) and event.reason:
                    reasons.append(event.reason)
        assert isinstance(event, BookSnapshot)
        assert event.update_id == 5
        assert memory() - before < MEMORY_BOUND
        assert ["/depth: it sent more than 1 MB" in reason for reason in reasons] == [True] * 3
        assert sum("more than 1 MB" in record.getMessage() for record in caplog.records) == 1
        assert feed.origin.problem == ""


async def test_a_giant_frame_ends_its_socket_alone_and_the_book_heals(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["depth"] = deque([book(10), book(30)])
    venue.answers["aggTrades"] = past_trades(1, 3)
    clock = ManualClock()
    async with (
        feed_on(venue, clock=clock) as feed,
        aclosing(feed.stream(BOOK)) as books,
        aclosing(feed.stream(TRADES)) as trades,
        passing(clock),
    ):
        assert (await next_of(books, BookSnapshot)).update_id == 10
        assert (await next_of(trades, Trade)).sequence == 1
        before = memory()
        level = ["1.0", "1.0"]
        giant = json.dumps({"stream": DEPTH_STREAM, "data": depth(11, 12, 10, bids=[level] * (MAX_FRAME_BYTES // 8))})
        assert len(giant) > MAX_FRAME_BYTES
        await venue.send_text(DEPTH_STREAM, giant)
        down = await next_of(books, Status)
        while down.state == "live":
            down = await next_of(books, Status)
        assert (down.state, down.reason) == ("down", "it sent a message that is too large, which is refused")
        assert memory() - before < MEMORY_BOUND
        await venue.send(TRADE_STREAM, trade(4))
        assert (await next_of(trades, Trade)).sequence in (2, 3, 4)
        assert (await next_of(books, BookSnapshot)).update_id == 30


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (f'{{"stream":"{DEPTH_STREAM}","data":{{"e":"depthUpdate","unread":{"[" * 100_000}', "nested too deep"),
        (
            json.dumps(
                {"stream": DEPTH_STREAM, "data": depth(11, 12, 10, asks=[["1.0", "1.0"]] * (MAX_SIDE_BYTES // 14))}
            ),
            "a book update of more than 128 kB a side",
        ),
    ],
    ids=["deep", "many levels"],
)
async def test_a_frame_that_cannot_be_read_costs_no_socket_and_is_logged_once(
    venue: ScriptedVenue, feed_on: OpenOn, caplog: pytest.LogCaptureFixture, frame: str, reason: str
) -> None:
    venue.answers["depth"] = deque([book(10), book(20)])
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as books:
        await next_of(books, BookSnapshot)
        for _ in range(50):
            await venue.send_text(DEPTH_STREAM, frame)
        status = await next_of(books, Status)
        while not status.reason:
            status = await next_of(books, Status)
        assert reason in status.reason
        # What was in it is missing now: the chain shows it.
        await venue.send(DEPTH_STREAM, depth(13, 14, 12))
        await next_of(books, Gap)
        assert (await next_of(books, BookSnapshot)).update_id == 20
        await venue.send(DEPTH_STREAM, depth(21, 22, 20))
        assert (await next_of(books, BookDelta)).last_id == 22
        assert feed.statistics()["malformed"] == 50
        assert sum(reason in record.getMessage() for record in caplog.records) == 1
        assert feed.statistics()["reconnects"] == 0


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """Answer connections by hand; yields the port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n"[:1])
        await writer.drain()
        if not await reader.read(1):
            return


async def _redirects(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://localhost:1/\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def _headers_without_an_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(64)))
        await writer.drain()


async def _one_header_without_an_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"a" * 65_536)
        await writer.drain()


@pytest.mark.parametrize("serve", [_headers_without_an_end, _one_header_without_an_end])
@pytest.mark.parametrize("kind", ["binance", "history", "another server"])
async def test_an_answer_whose_headers_do_not_end_is_given_up_and_reported(serve: Serve, kind: str) -> None:
    clock = ManualClock()
    async with listening(serve) as port:
        url = f"http://127.0.0.1:{port}"
        rest = BinanceRest(url, venue="binance", clock=clock)
        api = LiquidationHistory(f"{url}/api", venue="binance", clock=clock)
        async with RemoteFeed(url, clock=clock) as feed:
            asks: dict[str, Ask] = {
                "binance": rest.symbols,
                "history": lambda: api.orders("BTCUSDT"),
                "another server": feed.listings,
            }
            before = memory()
            with pytest.raises(VenueUnreachable, match="its answer is not valid HTTP"):
                await asks[kind]()
            assert memory() - before < MEMORY_BOUND
        await rest.close()
        await api.close()


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (_never, "no answer in time"),
        (_redirects, "it redirects (HTTP 302), which is not followed"),
        (_headers_without_an_end, "it does not answer as a WebSocket"),
    ],
    ids=["never", "redirect", "headers"],
)
@pytest.mark.parametrize("kind", ["venue", "server"])
async def test_a_handshake_that_never_ends_or_leads_elsewhere_is_given_up_and_reported(
    serve: Serve, reason: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "OPEN_TIMEOUT_S", 0.1)
    async with listening(serve) as port:
        feed = (
            BinanceFeed(http_url="http://127.0.0.1:9", ws_url=f"ws://127.0.0.1:{port}", random=Eager())
            if kind == "venue"
            else RemoteFeed(f"http://127.0.0.1:{port}", random=Eager())
        )
        async with feed, aclosing(feed.stream(Topic(feed.venue, "BTCUSDT", "trades"))) as stream:
            down = await next_of(stream, Status)
            while down.state != "down":
                down = await next_of(stream, Status)
            assert down.reason == reason
            assert reason in feed.origin.problem or kind == "venue"


async def test_another_server_that_says_no_hello_is_given_up_and_reported(
    venue: ScriptedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_link, "HELLO_S", 0.1)
    async with RemoteFeed(f"{venue.http_url}/public/stream#", random=Eager()) as feed:
        feed._links[0]._url = f"{venue.ws_url}/public/stream"
        async with aclosing(feed.stream(Topic("remote", "BTCUSDT", "trades"))) as stream:
            down = await next_of(stream, Status)
            while down.state != "down":
                down = await next_of(stream, Status)
            assert down.reason == "no hello within 0.1 s"


async def test_a_refusal_is_reported_in_one_line_of_bounded_length(venue: ScriptedVenue) -> None:
    from aiohttp import web

    rest = BinanceRest(venue.http_url, venue="binance", clock=ManualClock())
    venue.answers["depth"] = web.json_response({"code": -1, "msg": "no\n" * 9_000}, status=400)
    with pytest.raises(VenueRefused) as refused:
        await rest.depth("BTCUSDT")
    assert isinstance(refused.value, FeedError)
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)
    await rest.close()
