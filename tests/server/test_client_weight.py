"""One client asks for old candles without end: it has to wait, and all others go on."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector
from jupyter_server.auth.identity import IdentityProvider
from tornado import web

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.desks import Desks
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.server.request_share import RequestShare
from orderfox_nb.server.routes import routes
from orderfox_nb.server.service import DeskService
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.server.test_remote import served_by

pytestmark = pytest.mark.server

TOKEN = "a-token-of-the-test"
MINUTE_MS = 60_000
BARS = 1_500


@asynccontextmanager
async def serving(folder: Path, **variables: str) -> AsyncIterator[tuple[str, DeskService, SimServer]]:
    """A server on the embedded exchange with the venue's own limits; this machine's addresses are clients."""
    start_us = time.time_ns() // 60_000_000_000 * 60_000_000
    async with AsyncExitStack() as stack:
        venue = await stack.enter_async_context(SimServer(Exchange(7, 3, start_us=start_us), manual=True))

        @asynccontextmanager
        async def open_(settings: Settings) -> AsyncIterator[Desks]:
            feed = BinanceFeed(http_url=venue.http_url, ws_url=venue.ws_url)
            async with Desks([feed], settings, linger_s=0) as desks:
                yield desks

        service = DeskService(
            load_settings(data_dir=folder, ORDERFOX_TOKEN=TOKEN, **variables),
            public=True,
            standalone=True,
            loopback_limited=True,
            open_=open_,
        )
        # Nothing comes back by itself.
        service.now_s = lambda: 0.0
        # A slow machine would use up the client's share of the processor first: test_request_share.py is about that.
        service.share = RequestShare(now_s=service.now_s)
        app = web.Application(identity_provider=IdentityProvider(token=""), log_function=lambda _: None)
        app.add_handlers(".*$", routes("/", service, top_level=True, catch_all=True))
        url = await stack.enter_async_context(served_by(app))
        stack.push_async_callback(service.stop)
        yield f"{url}/api/v1/", service, venue


def client_at(address: str) -> ClientSession:
    return ClientSession(connector=TCPConnector(local_addr=(address, 0)))


async def test_300_requests_of_old_candles_cost_neither_other_clients_nor_books_anything(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, ORDERFOX_MAX_CLIENT_REQUESTS="1000") as (url, service, venue),
        client_at("127.0.0.2") as greedy,
        client_at("127.0.0.3") as bystander,
    ):

        async def asked(client: ClientSession, path: str, **options: Any) -> tuple[int, str, Any]:
            async with client.get(url + path, **options) as response:
                return response.status, response.headers.get("Retry-After", ""), await response.json()

        def old(number: int) -> str:
            end_ms = time.time_ns() // 1_000_000 - number * BARS * MINUTE_MS
            return f"candles/BTCUSDT?timeframe=1m&limit={BARS}&end_time={end_ms}"

        assert (await asked(bystander, "symbols"))[0] == 200
        # However slow this machine is, it is one moment for the limits.
        service.now_s = lambda: 0.0
        flood = [asyncio.ensure_future(asked(greedy, old(number))) for number in range(300)]
        # Meanwhile: another one's old bars, and a book that was not open.
        assert (await asked(bystander, old(1)))[0] == 200
        assert (await asked(bystander, "health"))[0] == 200
        status, _, book = await asked(bystander, "orderbook/ETHUSDT")
        assert (status, bool(book["bids"])) == (200, True)

        answers = await asyncio.gather(*flood)
        assert Counter(status for status, *_ in answers) == {200: 30, 429: 270}  # 300 of weight at 10 each
        refused = next(answer for answer in answers if answer[0] == 429)
        assert refused[1] == "2"
        assert refused[2]["detail"].startswith("You have asked for more of the venue's past than one client may")
        assert venue.statistics()["requests"]["/fapi/v1/klines"] == 31

        # A book costs as much as it does at the venue, once for all of its readers.
        assert (await asked(greedy, "orderbook/SOLUSDT"))[0] == 429
        assert (await asked(greedy, "symbols"))[0] == 200, "what costs nothing is not limited"
        # A client with the server's token is trusted, and a minute later the client may ask again.
        headers = {"Authorization": f"token {TOKEN}"}
        assert (await asked(greedy, old(2), headers=headers))[0] == 200
        service.now_s = lambda: 61.0
        assert (await asked(greedy, old(2)))[0] == 200


async def test_a_pages_older_bars_are_charged_as_those_of_rest(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as (url, _, _),
        client_at("127.0.0.2") as page,
        page.ws_connect(url.replace("http", "ws", 1) + "ws/live") as socket,
    ):
        answers: Counter[str] = Counter()
        for number in range(9):
            end = time.time_ns() // 1_000_000 - number * BARS * MINUTE_MS
            await socket.send_json(
                {"type": "request", "id": number, "what": "candles", "symbol": "BTCUSDT", "interval": "1m"}
                | {"limit": BARS, "end": end}
            )
        async with page.get(f"{url}trades/BTCUSDT?limit=1000") as response:
            assert response.status == 200
        while answers.total() < 9:
            message = await socket.receive_json()
            if message["type"] in ("response", "error"):
                answers[message["type"]] += 1
        # 9 questions of 10, one of 20: room is left for 190.
        assert answers == {"response": 9}
        statuses = []
        for _ in range(10):
            async with page.get(f"{url}trades/ETHUSDT?limit=1000") as response:
                statuses.append(response.status)
        assert statuses == [200] * 9 + [429]


async def test_a_client_opens_so_many_new_topics_and_reads_those_that_are_open(tmp_path: Path) -> None:
    """Snapshots of books draw on what is reserved for all books: one client must not use up another's."""
    async with (
        serving(tmp_path, ORDERFOX_MAX_CLIENT_TOPICS="2") as (url, service, _),
        client_at("127.0.0.2") as greedy,
        client_at("127.0.0.3") as bystander,
        greedy.ws_connect(url.replace("http", "ws", 1) + "ws/live") as many,
        bystander.ws_connect(url.replace("http", "ws", 1) + "ws/live") as one,
    ):

        async def answer(socket: ClientWebSocketResponse, key: str) -> dict[str, Any]:
            """Subscribe and return the first frame, or that there is none."""
            await socket.send_json({"type": "subscribe", "key": key})
            while True:
                message = await socket.receive_json(timeout=60)
                if message.get("key") == key:
                    return message

        # Two panels of one book are one book, and a second reading of an open book is none.
        for key in ("BTCUSDT/book?rows=10", "BTCUSDT/depth", "BTCUSDT/book?rows=20", "ETHUSDT/book"):
            assert "message" not in await answer(many, f"binance/{key}"), key
        refused = {"type": "gone", "key": "binance/SOLUSDT/book"}
        sentence = "At most 2 book topics without other readers may be opened in a minute: try again in 30 s"
        assert await answer(many, refused["key"]) == {**refused, "message": sentence}
        events = "binance/SOLUSDT/events?channel=book"
        assert await answer(many, events) == {**refused, "key": events, "message": sentence}
        async with greedy.ws_connect(url.replace("http", "ws", 1) + "ws/orderbook/SOLUSDT") as public:
            assert (await public.receive_json(timeout=60))["message"] == sentence
            await public.receive(timeout=60)
            assert public.close_code == 1013
        # Each channel has its own: the trades of a symbol need no book.
        assert "message" not in await answer(many, "binance/SOLUSDT/trades")
        # Nobody else is concerned, and what others have open costs nothing.
        assert "message" not in await answer(one, "binance/SOLUSDT/book")
        assert "message" not in await answer(many, "binance/SOLUSDT/book?rows=50")
        assert service.opened is not None
        assert len(service.opened.topics) == 4
        # A minute later there is room again.
        service.now_s = lambda: 61.0
        service.new_topics.open("127.0.0.2", Topic("binance", "another", "book"))
