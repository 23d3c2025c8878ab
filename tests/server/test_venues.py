"""One server on several venues: two embedded exchanges over real sockets, a market of futures and one of spot."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from jupyter_server.auth.identity import IdentityProvider
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketHandler
from websockets.asyncio.client import ClientConnection, connect

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.desks import Desks
from orderfox_nb.errors import FeedError, SettingError
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance_spot.feed import SpotFeed
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.sources import open_feeds
from orderfox_nb.server.routes import routes
from orderfox_nb.server.service import DeskService
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.feeds.stages import Eager
from tests.feeds.test_embedded import simulations
from tests.server.conftest import until
from tests.server.test_remote import served_by
from tests.server.test_streams import closed_with, receive

pytestmark = pytest.mark.server

BOTH = "sim?symbols=1, sim?market=spot&symbols=2"


@asynccontextmanager
async def serving(service: DeskService) -> AsyncIterator[tuple[str, ClientSession]]:
    app = web.Application(identity_provider=IdentityProvider(token=""), log_function=lambda _: None)
    app.add_handlers(".*$", routes("/", service, top_level=True, catch_all=True))
    async with served_by(app) as url, ClientSession(f"{url}/api/v1/") as client:
        yield url, client
        await service.stop()


async def ask(client: ClientSession, path: str) -> tuple[int, Any]:
    async with client.get(path) as response:
        return response.status, await response.json()


async def subscribe(page: ClientConnection, key: str) -> None:
    await page.send(json.dumps({"type": "subscribe", "key": key}))


async def frame_of(page: ClientConnection, key: str) -> dict[str, Any]:
    """Return the next frame of a key that has a book."""
    while not ((frame := await receive(page, "frame"))["key"] == key and frame["levels"][0]):
        pass
    return frame


async def test_two_venues_are_served_side_by_side_and_one_that_fails_costs_the_other_nothing(tmp_path: Path) -> None:
    start_us = time.time_ns() // 1_000
    async with AsyncExitStack() as stack:
        futures = await stack.enter_async_context(SimServer(Exchange(7, 1, start_us=start_us)))
        spot_stack = await stack.enter_async_context(AsyncExitStack())
        spot = await spot_stack.enter_async_context(SimServer(Exchange(7, 2, start_us=start_us), market="spot"))

        @asynccontextmanager
        async def open_(settings: Settings) -> AsyncIterator[Desks]:
            feeds = [
                BinanceFeed(http_url=futures.http_url, ws_url=futures.ws_url),
                SpotFeed(http_url=spot.http_url, ws_url=spot.ws_url, random=Eager()),
            ]
            async with Desks(feeds, settings, linger_s=0) as desks:
                yield desks

        service = DeskService(load_settings(data_dir=tmp_path), public=True, standalone=True, open_=open_)
        url, client = await stack.enter_async_context(serving(service))
        page = await stack.enter_async_context(connect(url.replace("http", "ws") + "/api/v1/ws/live"))
        hello = await receive(page, "hello")
        assert hello["venue"] == hello["origin"]["venue"] == "binance"
        assert {venue: origin["absent"] for venue, origin in hello["origins"].items()} == {
            "binance": [],
            "binance-spot": ["liquidations", "mark", "open_interest"],
        }

        # Where no venue is named the first one is meant, and an unread venue is not opened.
        first, second = "binance/BTCUSDT/book?rows=10", "binance-spot/BTCUSDT/book?rows=10"
        await subscribe(page, first)
        await frame_of(page, first)
        status, book = await ask(client, "orderbook/BTCUSDT")
        assert (status, bool(book["bids"])) == (200, True)
        assert [row["id"] for row in (await ask(client, "symbols"))[1]] == ["BTCUSDT"]
        assert not spot.statistics()["requests"]
        assert not spot.connections

        await subscribe(page, second)
        await frame_of(page, second)
        rows = (await ask(client, "symbols?venue=binance-spot"))[1]
        assert {row["id"]: row["contractType"] for row in rows} == {"BTCUSDT": "SPOT", "ETHUSDT": "SPOT"}
        assert (await ask(client, "orderbook/ETHUSDT"))[0] == 404
        status, book = await ask(client, "orderbook/ETHUSDT?venue=binance-spot")
        assert (status, bool(book["bids"])) == (200, True)
        for path in ("trades/ETHUSDT", "candles/ETHUSDT", "quality/ETHUSDT"):
            assert (await ask(client, f"{path}?venue=binance-spot"))[0] == 200
        status, refused = await ask(client, "orderbook/BTCUSDT?venue=okx")
        assert (status, refused["detail"]) == (400, "Invalid venue 'okx': expected one of binance, binance-spot")
        async with connect(
            url.replace("http", "ws") + "/api/v1/ws/orderbook?symbol=ETHUSDT&venue=binance-spot"
        ) as socket:
            assert (await receive(socket, "orderbook_update"))["symbol"] == "ETHUSDT"
        async with connect(url.replace("http", "ws") + "/api/v1/ws/orderbook?symbol=BTCUSDT&venue=okx") as socket:
            assert (await closed_with(socket))[0] == 4000
        await page.send(json.dumps({"type": "request", "id": 1, "what": "symbols", "symbols": ["eth"], "venue": "okx"}))
        assert "okx" in (await receive(page, "error"))["message"]
        await page.send(
            json.dumps({"type": "request", "id": 2, "what": "symbols", "symbols": ["eth"], "venue": "binance-spot"})
        )
        assert (await receive(page, "response"))["data"][0]["symbol"] == "ETHUSDT"

        # One venue goes away: its topics say so, and the other's frames go on.
        await spot_stack.aclose()
        while True:
            status, health = await ask(client, "health")
            states = {row["topic"]: row["state"] for row in health["topics"]}
            if states["binance-spot/BTCUSDT/book"] == "down":
                break
            await frame_of(page, first)
        assert (status, health["status"], states["binance/BTCUSDT/book"]) == (200, "degraded", "live")
        venues = {row["venue"]: row for row in health["venues"]}
        assert (venues["binance"]["status"], venues["binance"]["problem"]) == ("healthy", "")
        assert venues["binance-spot"]["status"] == "degraded"
        while (await receive(page, "frame"))["key"] != second:
            pass
        assert (await frame_of(page, first))["quality"]["state"] == "live"
        assert (await ask(client, "orderbook/BTCUSDT"))[0] == 200


async def test_a_server_over_a_server_of_two_venues_serves_both_by_their_names(tmp_path: Path) -> None:
    start_us = time.time_ns() // 1_000
    async with AsyncExitStack() as stack:
        futures = await stack.enter_async_context(SimServer(Exchange(7, 1, start_us=start_us)))
        spot = await stack.enter_async_context(SimServer(Exchange(7, 2, start_us=start_us), market="spot"))

        @asynccontextmanager
        async def open_(settings: Settings) -> AsyncIterator[Desks]:
            feeds = [
                BinanceFeed(http_url=futures.http_url, ws_url=futures.ws_url),
                SpotFeed(http_url=spot.http_url, ws_url=spot.ws_url, random=Eager()),
            ]
            async with Desks(feeds, settings, linger_s=0) as desks:
                yield desks

        first = DeskService(load_settings(data_dir=tmp_path / "1"), public=True, standalone=True, open_=open_)
        [listener] = bind_sockets(0, "127.0.0.1")
        source = f"http://127.0.0.1:{listener.getsockname()[1]}"

        # The second server starts before the first one listens: its pages learn of the venues as soon as it does.
        settings = load_settings(ORDERFOX_SOURCE=source, data_dir=tmp_path / "2")
        second = DeskService(settings, public=True, standalone=True)
        url, client = await stack.enter_async_context(serving(second))
        page = await stack.enter_async_context(connect(url.replace("http", "ws") + "/api/v1/ws/live"))
        assert [*(await receive(page, "hello"))["origins"]] == ["remote"]
        app = web.Application(identity_provider=IdentityProvider(token=""), log_function=lambda _: None)
        app.add_handlers(".*$", routes("/", first, top_level=True, catch_all=True))
        server = HTTPServer(app)
        server.add_sockets([listener])
        stack.push_async_callback(server.close_all_connections)
        stack.push_async_callback(first.stop)
        stack.callback(server.stop)

        hello = await receive(page, "hello")
        assert hello["venue"] == "binance"
        assert {venue: (origin["source"], origin["absent"]) for venue, origin in hello["origins"].items()} == {
            "binance": (source, []),
            "binance-spot": (source, ["liquidations", "mark", "open_interest"]),
        }
        assert hello["times"].keys() == hello["origins"].keys()
        for venue in hello["origins"]:
            await subscribe(page, key := f"{venue}/BTCUSDT/book?rows=10")
            await frame_of(page, key)
        rows = (await ask(client, "symbols?venue=binance-spot"))[1]
        assert {row["id"]: row["contractType"] for row in rows} == {"BTCUSDT": "SPOT", "ETHUSDT": "SPOT"}
        assert [row["id"] for row in (await ask(client, "symbols"))[1]] == ["BTCUSDT"]
        for path in ("trades", "candles", "orderbook"):
            assert (await ask(client, f"{path}/ETHUSDT?venue=binance-spot"))[0] == 200, path
            assert (await ask(client, f"{path}/ETHUSDT"))[0] == 404, path
        assert [row["venue"] for row in (await ask(client, "health"))[1]["venues"]] == ["binance", "binance-spot"]
        # One of the same name has a number, since keys name what is read.
        feeds = await RemoteFeed(source).venues(taken=["binance", "binance-2"])
        assert [feed.venue for feed in feeds] == ["binance-3", "binance-spot"]


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        ('{"type":"hello","wire":99,"venue":"sim","time":1}', "version 99"),
        ('{"type":"hello","wire":2,"venue":"../sim","time":1}', "names no venue"),
        ('{"type":"hello","wire":2,"venue":"sim","time":1,"origins":{"a b":{}}}', "names no venue"),
        ('{"type":"hello","wire":2,"venue":7,"time":1}', "hello of"),
        (b"\xff\xfe", "hello of"),
        ("[]", "hello of"),
    ],
)
async def test_a_server_that_does_not_say_which_venues_it_has_is_reported(hello: str | bytes, reason: str) -> None:
    class Greeting(WebSocketHandler):
        async def open(self) -> None:
            await self.write_message(hello, binary=isinstance(hello, bytes))

    async with served_by(web.Application([("/api/v1/ws/live", Greeting)], log_function=lambda _: None)) as url:
        with pytest.raises(FeedError, match=reason):
            await RemoteFeed(url).venues(taken=())
        # Its first venue is read by the name that a source has before it is known, and asked for again.
        settings = load_settings(ORDERFOX_SOURCE=url)
        async with Desks(open_feeds(url, settings), settings, clock=ManualClock()) as desks:
            assert [desk.venue for desk in desks.all] == ["remote"]


async def test_a_source_of_several_runs_each_exchange_only_while_it_is_read(tmp_path: Path) -> None:
    others = simulations()
    settings = load_settings(ORDERFOX_SOURCE=BOTH, data_dir=tmp_path)
    service = DeskService(settings, public=True, standalone=True)
    async with serving(service) as (_, client):
        assert (await ask(client, "health"))[1]["venues"] == []
        assert (await ask(client, "quality/BTCUSDT?venue=bybit"))[0] == 400
        health = (await ask(client, "health"))[1]
        assert [(row["venue"], row["source"]) for row in health["venues"]] == [
            ("sim", "sim?symbols=1"),
            ("sim-spot", "sim?market=spot&symbols=2"),
        ]
        assert simulations() == others
        assert [row["id"] for row in (await ask(client, "symbols?venue=sim-spot"))[1]] == ["BTCUSDT", "ETHUSDT"]
        assert len(simulations() - others) == 1
        assert [row["id"] for row in (await ask(client, "symbols"))[1]] == ["BTCUSDT"]
        assert len(simulations() - others) == 2
    await until(lambda: simulations() == others)


def test_sources_are_separated_by_commas_that_no_file_or_address_has() -> None:
    settings = load_settings()
    feeds = open_feeds("binance,binance-spot , http://a.example/x,y,sim?seed=3", settings)
    assert [type(feed) for feed in feeds] == [BinanceFeed, SpotFeed, RemoteFeed, EmbeddedFeed]
    assert [feed.origin.source for feed in feeds][2:] == ["http://a.example/x,y", "sim?seed=3"]
    for text, expected in (
        ("binance,bnance-spot", "did you mean binance-spot"),
        ("sim,", "one of sim"),
        ("", "one of"),
    ):
        with pytest.raises(SettingError, match=expected):
            open_feeds(text, settings)
    with pytest.raises(SettingError, match="each venue once"):
        Desks(open_feeds("sim,sim?seed=8", settings), settings)
