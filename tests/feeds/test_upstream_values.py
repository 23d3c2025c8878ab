"""Numbers and names that no market has: refused where they are read, and what is beside them goes on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
from aiohttp import web

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import Status, Topic
from orderfox_nb.core.wire import WIRE
from orderfox_nb.errors import MalformedFrame
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.remote import RemoteFeed
from tests.feeds.conftest import next_of
from tests.feeds.scripted_venue import ScriptedVenue
from tests.feeds.stages import Eager

pytestmark = pytest.mark.feeds

NAMES = ["BTCUSDT", "../../etc", "A/B", "*", "A?b=c", "A&B", "A B", "A\nB", "A%2FB", "a@depth", "A" * 41, "A\u202eB"]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("klines", [60_000, "nan", "1", "1", "1", "1", 119_999, "1", 1, "1"]),
        ("klines", [60_000, "1", "-1", "1", "1", "1", 119_999, "1", 1, "1"]),
        ("klines", [10**30, "1", "1", "1", "1", "1", 119_999, "1", 1, "1"]),
        ("aggTrades", {"a": 1, "p": "1", "q": "-5", "T": 1, "m": True}),
        ("aggTrades", {"a": 1, "p": "inf", "q": "5", "T": 1, "m": True}),
        ("aggTrades", {"a": 10**30, "p": "1", "q": "5", "T": 1, "m": True}),
        ("time", {"serverTime": 10**18}),
    ],
)
async def test_a_number_that_cannot_be_is_refused_where_it_is_read(
    venue: ScriptedVenue, path: str, row: object
) -> None:
    venue.answers[path] = row if path == "time" else [row]
    rest = BinanceRest(venue.http_url, venue="binance", clock=ManualClock())
    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "klines": lambda: rest.klines("BTCUSDT", "1m", limit=5),
        "aggTrades": lambda: rest.aggregate_trades("BTCUSDT", limit=5),
        "time": rest.time_ms,
    }
    with pytest.raises(MalformedFrame, match=path):
        await asks[path]()
    await rest.close()


async def test_symbols_whose_names_mean_something_in_a_path_or_a_key_are_left_out(
    venue: ScriptedVenue, caplog: pytest.LogCaptureFixture
) -> None:
    names = [*NAMES, "币安人生USDT"]
    steps = [{"filterType": "PRICE_FILTER", "tickSize": "0.1"}, {"filterType": "LOT_SIZE", "stepSize": "0.1"}]
    of_venue = {"status": "TRADING", "contractType": "PERPETUAL", "baseAsset": "A", "quoteAsset": "B", "filters": steps}
    of_server = {"symbol": "A/B", "baseAsset": "A", "quoteAsset": "B", "tickSize": 0.1, "stepSize": 0.1}
    venue.answers["exchangeInfo"] = {"symbols": [{"symbol": name, **of_venue} for name in names]}
    venue.answers["v1/symbols"] = [{"id": name, **of_server} for name in names]
    clock = ManualClock()
    async with (
        BinanceFeed(http_url=venue.http_url, ws_url=venue.ws_url, clock=clock) as feed,
        RemoteFeed(venue.http_url, clock=clock) as server,
    ):
        for source in (feed, server):
            assert sorted(row.instrument.symbol for row in await source.listings()) == ["BTCUSDT", "币安人生USDT"]
    assert sum("11 rows are left out" in record.getMessage() for record in caplog.records) == 1


async def test_what_another_server_says_of_its_source_is_bounded(venue: ScriptedVenue) -> None:
    giant = "x" * 500_000
    texts = dict.fromkeys(("venue", "problem", "epoch", "unknown", "simulated"), giant)
    hellos = deque([{"venue": giant, "origin": {}}, {"venue": "sim", "origin": {**texts, "absent": [giant] * 5}}])
    subscribed = asyncio.Event()

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "wire": WIRE, "time": 1_700_000_000_000, **hellos.popleft()})
        async for _ in socket:
            subscribed.set()
        return socket

    venue.answers["v1/ws/live"] = serve
    async with (
        RemoteFeed(venue.http_url, random=Eager()) as feed,
        aclosing(feed.stream(Topic("remote", "BTCUSDT", "trades"))) as stream,
    ):
        down = await next_of(stream, Status)
        while down.state != "down":
            down = await next_of(stream, Status)
        assert down.reason == "its hello names no venue"
        async with asyncio.timeout(60):
            await subscribed.wait()
        described = feed.origin
        assert len(described.epoch) == len(described.problem) == 200
        assert (described.simulated, described.absent, described.venue) == (False, (), "remote")
        assert max(map(len, feed._link.origin)) < 20, "only what is known is kept"
