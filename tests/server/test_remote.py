"""Another server as the source: real sockets and requests between the two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketHandler

from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Channel, Event, Status, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.desk.desk import Desk
from orderfox_nb.errors import FeedError, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.sources import open_feed
from tests.server.conftest import TOKEN, Served, until
from tests.server.scripted import LISTINGS, START_US, listing

pytestmark = pytest.mark.server

OURS = {"Authorization": f"token {TOKEN}"}


async def test_past_liquidations_of_another_server_are_listed_once(server: Served) -> None:
    async with Desk(RemoteFeed(server.url), load_settings(), linger_s=0) as desk:
        rows = json.loads((await desk.answers.liquidations("BTCUSDT", limit=10)).text)
    assert [row["quantity"] for row in rows] == ["2.5", "1.5", "0.5"]


async def test_origin_of_another_server_is_passed_on_whole(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Origin(
        source="theirs",
        venue="their-venue",
        simulated=True,
        recorded=True,
        unbroken_trades=False,
        absent=("liquidations", "mark"),
        unverified=("trades",),
    )
    monkeypatch.setattr(server.feed, "origin", theirs)
    ours = msgspec.structs.replace(theirs, source=server.url.rstrip("/"))
    async with RemoteFeed(server.url) as feed:
        assert feed.origin.unbroken_trades
        await feed.listings()  # said with an answer over REST
        assert feed.origin == ours
    topic = Topic("remote", "BTCUSDT", "trades")
    async with RemoteFeed(server.url) as feed, aclosing(feed.stream(topic)) as stream, asyncio.timeout(60):
        async for event in stream:
            if isinstance(event, Status) and event.state == "live":
                break
        assert feed.origin == ours


async def test_more_topics_than_a_socket_carries_are_read_over_several(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = listing("SOLUSDT", tick="0.01", lot="1", price=100.0, volume=1e9)

    async def listings() -> Sequence[Listing]:
        return (*LISTINGS, more)

    monkeypatch.setattr(server.feed, "listings", listings)
    monkeypatch.setattr(
        server.feed, "prelude", lambda topic: [Status(symbol=topic.symbol, time_us=START_US, state="live")]
    )
    symbols = [row.instrument.symbol for row in await listings()]
    channels: list[tuple[Channel, str]] = [("book", ""), ("trades", ""), *(("candles", name) for name in TIMEFRAME_US)]
    topics = [Topic("remote", symbol, *stream) for symbol in symbols for stream in channels]
    assert len(topics) > 64

    async with RemoteFeed(server.url) as feed, AsyncExitStack() as stack, asyncio.timeout(60):

        async def live(topic: Topic) -> None:
            events = await stack.enter_async_context(aclosing(feed.stream(topic)))
            async for event in events:
                if event == Status(symbol=topic.symbol, time_us=START_US, state="live"):
                    return

        await asyncio.gather(*(live(topic) for topic in topics))
        assert feed.statistics()["streams"] == len(topics)
        assert feed.statistics()["sockets"] == len(server.service.sockets) == 2
        # A topic that is read twice stays on its socket, whatever has room.
        await live(topics[0])
        assert len(server.service.sockets) == 2
        await stack.aclose()
        assert feed.statistics()["sockets"] == 0
    await until(lambda: not server.service.sockets)


async def test_a_reader_that_comes_while_the_last_ones_socket_closes_gets_one_of_its_own(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        server.feed, "prelude", lambda topic: [Status(symbol=topic.symbol, time_us=START_US, state="live")]
    )
    topics = [Topic("remote", "BTCUSDT", channel) for channel in ("book", "trades", "mark")]

    async def live(stream: AsyncGenerator[Event, None]) -> None:
        async for event in stream:
            if event == Status(symbol="BTCUSDT", time_us=START_US, state="live"):
                return

    async with RemoteFeed(server.url) as feed, asyncio.timeout(60):
        for _ in range(10):
            first, second, third = (feed.stream(topic) for topic in topics)
            await live(first)
            leaving = asyncio.create_task(first.aclose())
            # One turn of the loop: the socket is closing, and is not closed yet.
            await asyncio.sleep(0)
            await live(second)
            await leaving
            await live(third)
            await second.aclose()
            await third.aclose()
    await until(lambda: not server.service.sockets)


@asynccontextmanager
async def served_by(app: web.Application) -> AsyncIterator[str]:
    """Somebody else's server; yields its address."""
    server = HTTPServer(app)
    listeners = bind_sockets(0, "127.0.0.1")
    server.add_sockets(listeners)
    try:
        yield f"http://127.0.0.1:{listeners[0].getsockname()[1]}"
    finally:
        server.stop()
        await server.close_all_connections()


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[str | None]]]:
    """Another server, which notes the authorizations that it receives; yields its address and these."""
    authorizations: list[str | None] = []

    class Anything(WebSocketHandler):
        async def prepare(self) -> None:
            authorizations.append(self.request.headers.get("Authorization"))

        def open(self) -> None:
            self.close()

    async with served_by(web.Application([(".*", Anything)], log_function=lambda _: None)) as url:
        yield url, authorizations


@pytest.mark.parametrize("step", ["0", "-0.1", '"NaN"', '"Infinity"', '"1e-5000"'])
async def test_symbol_without_a_usable_step_does_not_cost_the_list(server: Served, step: str) -> None:
    async with server.session.get(server.url + "api/v1/symbols") as response:
        rows = await response.text()
    assert rows.count('"tickSize":0.01,') == 1

    class OddSteps(web.RequestHandler):
        def get(self) -> None:
            self.finish(rows.replace('"tickSize":0.01,', f'"tickSize":{step},'))

    app = web.Application([("/api/v1/symbols", OddSteps)], log_function=lambda _: None)
    async with served_by(app) as url, RemoteFeed(url) as feed:
        listings = await feed.listings()
    assert {row.instrument.symbol for row in listings} == {"BTCUSDT", "BTCUSDC"}


async def test_built_in_list_of_another_server_is_not_used_as_the_venues(
    server: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venues_own = server.feed.listings

    async def away() -> Sequence[Listing]:
        raise VenueUnreachable("scripted", "away")

    monkeypatch.setattr(server.feed, "listings", away)
    settings = load_settings(data_dir=tmp_path)
    async with RemoteFeed(server.url) as feed:
        with pytest.raises(VenueUnreachable, match="only the built-in list"):
            await feed.listings()
    async with Desk(RemoteFeed(server.url), settings, linger_s=0) as desk:
        assert len(await desk.catalogue.rows()) > len(LISTINGS)
        assert desk.origin.demo_symbols
        assert "only the built-in list" in desk.origin.problem
        monkeypatch.setattr(server.feed, "listings", venues_own)
        async with server.session.post(server.url + "api/v1/refresh-symbols", headers=OURS) as response:
            assert response.status == 200
        rows = await desk.catalogue.refresh()
        assert [row.instrument.symbol for row in rows] == [row.instrument.symbol for row in LISTINGS]
        assert not desk.origin.demo_symbols

    # An older list is the venue's own.
    monkeypatch.setattr(server.feed, "listings", away)
    async with server.session.post(server.url + "api/v1/refresh-symbols", headers=OURS) as response:
        assert response.status == 503
    async with Desk(RemoteFeed(server.url), settings, linger_s=0) as desk:
        assert len(await desk.catalogue.refresh()) == len(LISTINGS)


@pytest.mark.parametrize("header", ["", "no JSON", "[]", '{"state":1}', '{"state":"live"}'])
async def test_a_list_is_accepted_whose_header_says_nothing_against_it(server: Served, header: str) -> None:
    async with server.session.get(server.url + "api/v1/symbols") as response:
        rows = await response.text()

    class SymbolsWithHeader(web.RequestHandler):
        def get(self) -> None:
            if header:
                self.set_header("X-Quality", header)
            self.finish(rows)

    app = web.Application([("/api/v1/symbols", SymbolsWithHeader)], log_function=lambda _: None)
    async with served_by(app) as url, RemoteFeed(url) as feed:
        assert len(await feed.listings()) == len(LISTINGS)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"ORDERFOX_URL": "http://127.0.0.1:1"}, None),
        ({"ORDERFOX_SOURCE_TOKEN": "theirs"}, "token theirs"),
        ({"ORDERFOX_URL": "its own", "ORDERFOX_SOURCE_TOKEN": "theirs"}, "token ours"),
    ],
)
async def test_our_token_is_sent_to_no_other_server(variables: dict[str, str], expected: str | None) -> None:
    async with listening() as (url, authorizations):
        given = {name: value.replace("its own", f"{url}/") for name, value in variables.items()}
        settings = load_settings(ORDERFOX_TOKEN="ours", **given)
        async with open_feed(f"{url}/", settings) as feed, asyncio.timeout(60):
            with pytest.raises(FeedError):
                await feed.listings()
            async with aclosing(feed.stream(Topic(feed.venue, "BTCUSDT", "book"))) as events:
                async for event in events:
                    if getattr(event, "state", "") == "down":
                        break
        assert len(authorizations) >= 2
        assert set(authorizations) == {expected}
