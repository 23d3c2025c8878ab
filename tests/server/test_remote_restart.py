"""Another server as the source, whose venue restarts in an outage: reported, and then only data of the new one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from jupyter_server.auth.identity import IdentityProvider
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketHandler

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.events import Channel, Event, Gap, Status, Topic, Trade, encode_event
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.desks import Desks
from orderfox_nb.feeds.base import Feed
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.past import Span, read_past
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.server.routes import routes
from orderfox_nb.server.service import DeskService
from tests.feeds.stages import Eager
from tests.server.conftest import Served, until
from tests.server.scripted import START_US, VENUE, trade
from tests.server.test_remote import served_by

pytestmark = pytest.mark.server

TRADES = Topic(VENUE, "BTCUSDT", "trades")
RESTART = Gap(symbol="BTCUSDT", time_us=START_US, reason="ids went back", restart=True)
CHANNELS: tuple[Channel, ...] = ("book", "trades", "candles", "liquidations", "mark", "ticker", "open_interest")


def topic_of(channel: Channel) -> Topic:
    return Topic("remote", "BTCUSDT", channel, "1m" if channel == "candles" else "")


class Heard:
    """Reads a topic in a task of its own."""

    def __init__(self, feed: Feed, channel: Channel) -> None:
        self.events: list[Event] = []
        self._feed = feed
        self._topic = topic_of(channel)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        assert self._task.cancelled(), self._task.exception()

    async def _read(self) -> None:
        async with aclosing(self._feed.stream(self._topic)) as events:
            async for event in events:
                self.events.append(event)
        raise AssertionError("the stream has ended")

    def of(self, kind: type, *, since: int = 0) -> list[Any]:
        return [event for event in self.events[since:] if isinstance(event, kind)]

    @property
    def restarts(self) -> list[int]:
        """Where the venue's restart was reported."""
        return [at for at, event in enumerate(self.events) if isinstance(event, Gap) and event.restart]

    def since_restart(self, kind: type) -> list[Any]:
        """What came of a kind since the last one, nothing before there was any."""
        return self.of(kind, since=self.restarts[-1]) if self.restarts else []

    @property
    def live(self) -> bool:
        statuses = self.of(Status)
        return bool(statuses) and statuses[-1].state == "live"


def came_back(heard: Heard, since: int) -> Callable[[], bool]:
    """Whether a topic was down since and is live again."""

    def there() -> bool:
        states = [status.state for status in heard.of(Status, since=since)]
        return "down" in states and states[-1] == "live"

    return there


@asynccontextmanager
async def serving(feed: Feed, folder: Path, *, port: int = 0) -> AsyncIterator[tuple[str, int]]:
    """A server of this package on a feed, at the port of one before if that is given; yields address and port."""

    @asynccontextmanager
    async def open_(settings: Settings) -> AsyncIterator[Desks]:
        async with Desks([feed], settings, linger_s=0) as desks:
            yield desks

    service = DeskService(load_settings(data_dir=folder), public=True, standalone=True, open_=open_)
    app = web.Application(identity_provider=IdentityProvider(token=""), log_function=lambda _: None)
    app.add_handlers(".*$", routes("/", service, top_level=True, catch_all=True))
    listeners = bind_sockets(port, "127.0.0.1")
    server = HTTPServer(app)
    server.add_sockets(listeners)
    port = listeners[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", port
    finally:
        server.stop()
        await service.stop()
        await server.close_all_connections()


def cut(server: Served) -> None:
    """Close every socket of a server; each comes back by itself."""
    for socket in tuple(server.service.sockets):
        socket.close()


def restart_venue(server: Served, epoch: str) -> None:
    """Name the run of the scripted venue."""
    server.feed.origin = msgspec.structs.replace(server.feed.origin, epoch=epoch)


def demo(seed: int) -> EmbeddedFeed:
    origin = Origin(source="sim", venue="sim", simulated=True)
    return EmbeddedFeed(["--seed", str(seed), "--symbols", "1", "--speed", "20"], origin=origin, speed=20.0)


async def test_after_a_demo_server_was_restarted_all_data_is_of_its_new_venue(tmp_path: Path) -> None:
    async with AsyncExitStack() as first:
        url, port = await first.enter_async_context(serving(demo(seed=7), tmp_path))
        async with (
            RemoteFeed(url, random=Eager()) as feed,
            Heard(feed, "trades") as trades,
            Heard(feed, "candles") as bars,
            Heard(feed, "liquidations") as orders,
        ):
            every = (trades, bars, orders)
            await until(lambda: len(trades.of(Trade)) > 200 and all(heard.live for heard in every))
            before, epoch = trades.of(Trade), feed.origin.epoch
            await first.aclose()
            async with serving(demo(seed=8), tmp_path, port=port):
                await until(lambda: all(heard.restarts for heard in every))
                await until(lambda: all(heard.live for heard in every) and len(trades.since_restart(Trade)) > 200)
                assert feed.origin.epoch not in ("", epoch)
                newest, _ = await read_past(feed.past, Topic("remote", "BTCUSDT", "trades"), Trade, Span(limit=1000))
                real = {row.id: _to_the_ms(row) for row in newest}
                now = trades.since_restart(Trade)
                first_now, last_before = now[0].sequence or 0, before[-1].sequence or 0
                assert first_now <= last_before, "the new venue's ids are as low as those of the one before"
                assert [row.sequence for row in now] == list(range(first_now, first_now + len(now)))
                assert not set(map(_to_the_ms, before)) & set(map(_to_the_ms, now))
                compared = [row for row in now if row.id in real]
                assert len(compared) > 100
                assert [real[row.id] for row in compared] == [_to_the_ms(row) for row in compared]
                assert [len(heard.restarts) for heard in every] == [1, 1, 1]


def _to_the_ms(row: Trade) -> tuple[str, int, float, float]:
    """What REST returns of a trade."""
    return row.id, row.time_us // 1_000, row.price, row.size


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_restart_in_an_outage_is_reported_once_and_before_the_prelude(server: Served, channel: Channel) -> None:
    restart_venue(server, "one")
    async with RemoteFeed(server.url, random=Eager()) as feed, Heard(feed, channel) as heard:
        await until(lambda: heard.live)
        assert feed.origin.epoch == "one"
        at = len(heard.events)
        cut(server)
        restart_venue(server, "two")
        await until(came_back(heard, at))
        assert feed.origin.epoch == "two"
        (restart,) = heard.restarts
        assert all(isinstance(event, (Status, Gap)) for event in heard.events[at:restart])
        if channel == "trades":
            ids = [row.sequence for row in heard.since_restart(Trade)]
            assert ids == list(range(1, 151)), "the whole prelude, whose ids were known of the venue before"


@pytest.mark.parametrize("epoch", ["", "one"])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_link_that_comes_back_to_the_same_venue_reports_no_restart(
    server: Served, channel: Channel, epoch: str
) -> None:
    restart_venue(server, epoch)
    async with RemoteFeed(server.url, random=Eager()) as feed, Heard(feed, channel) as heard:
        await until(lambda: heard.live)
        at = len(heard.events)
        cut(server)
        await until(came_back(heard, at))
        assert not heard.restarts
        ids = [row.sequence for row in heard.of(Trade)]
        assert ids == sorted(set(ids)), "trades go on by id"


async def test_a_restart_that_was_received_is_not_reported_again_after_an_outage(server: Served) -> None:
    restart_venue(server, "one")
    async with RemoteFeed(server.url, random=Eager()) as feed, Heard(feed, "trades") as heard:
        await until(lambda: heard.live)
        restart_venue(server, "two")
        server.feed.emit(TRADES, RESTART)
        await until(lambda: feed.origin.epoch == "two")
        at = len(heard.events)
        cut(server)
        await until(came_back(heard, at))
        assert [heard.events[each] for each in heard.restarts] == [RESTART]


async def test_a_second_restart_is_reported_where_the_first_ones_name_was_not_received(server: Served) -> None:
    restart_venue(server, "one")
    async with RemoteFeed(server.url, random=Eager()) as feed, Heard(feed, "trades") as heard:
        await until(lambda: heard.live)
        server.feed.emit(TRADES, RESTART)
        await until(lambda: bool(heard.restarts))
        at = len(heard.events)
        cut(server)
        restart_venue(server, "three")
        await until(came_back(heard, at))
        assert len(heard.restarts) == 2


async def test_a_restart_that_only_the_servers_status_reports_brings_a_fresh_prelude(server: Served) -> None:
    restart_venue(server, "one")
    async with RemoteFeed(server.url, random=Eager()) as feed, Heard(feed, "trades") as heard:
        await until(lambda: heard.live)
        restart_venue(server, "two")
        await until(lambda: len(heard.since_restart(Trade)) == 150)
        assert len(heard.restarts) == 1


@pytest.mark.parametrize("in_band", [True, False])
async def test_a_reader_that_does_not_keep_up_gets_a_restart_however_often_its_link_is_lost(
    server: Served, in_band: bool
) -> None:
    restart_venue(server, "" if in_band else "one")
    async with RemoteFeed(server.url, random=Eager()) as feed, aclosing(feed.stream(topic_of("trades"))) as events:
        async for event in events:
            if isinstance(event, Trade) and event.sequence == 150:
                break
        frames = feed.statistics()["frames"]

        async def received(count: int) -> None:
            nonlocal frames
            frames += count
            await until(lambda: feed.statistics()["frames"] >= frames)
            frames = feed.statistics()["frames"]

        server.feed.emit(TRADES, *(trade("BTCUSDT", number, START_US) for number in range(151, 3_151)))
        await received(3_000)
        if in_band:
            server.feed.emit(TRADES, RESTART)
            await received(1)
        for _ in range(4):
            cut(server)
            if not in_band:
                restart_venue(server, "two")
            await received(150)
        assert feed.statistics()["reconnects"] == 4
        read: list[Event] = []
        async with asyncio.timeout(60):
            async for event in events:
                read.append(event)
                if isinstance(event, Trade) and event.sequence == 150:
                    break
        assert [isinstance(event, Gap) and event.restart for event in read].count(True) == 1
        assert {event.sequence for event in read if isinstance(event, Trade)} <= set(range(1, 151))


async def test_a_reader_that_comes_after_a_restart_gets_none(server: Served) -> None:
    restart_venue(server, "one")
    async with RemoteFeed(server.url, random=Eager()) as feed:
        async with Heard(feed, "trades") as heard:
            await until(lambda: heard.live)
        assert feed.origin.epoch == "", "nobody listens, so that nobody knows"
        restart_venue(server, "two")
        async with Heard(feed, "trades") as heard:
            await until(lambda: heard.live)
            assert not heard.restarts
            assert len(heard.of(Trade)) == 150


async def test_a_restart_behind_two_servers_is_reported_by_both(server: Served, tmp_path: Path) -> None:
    restart_venue(server, "one")
    async with (
        serving(RemoteFeed(server.url, random=Eager()), tmp_path) as (url, _),
        RemoteFeed(url, random=Eager()) as feed,
        Heard(feed, "trades") as heard,
    ):
        await until(lambda: heard.live and feed.origin.epoch == "one")
        at = len(heard.events)
        cut(server)
        restart_venue(server, "two")
        await until(came_back(heard, at))
        await until(lambda: feed.origin.epoch == "two")
        assert len(heard.restarts) == 1
        assert [row.sequence for row in heard.since_restart(Trade)] == list(range(1, 151))


async def test_what_is_left_of_an_earlier_subscription_is_no_part_of_the_next(server: Served) -> None:
    """A server whose last events are on the way while their reader leaves and another one comes."""
    requests: list[str] = []

    class Late(WebSocketHandler):
        def open(self) -> None:
            self.write_message({"type": "hello", "wire": 2, "venue": "scripted", "time": START_US // 1_000})

        def on_message(self, message: str | bytes) -> None:
            command = msgspec.json.decode(message)
            ids = [1, 2, 3] if command["type"] == "subscribe" else [99]
            requests.append(command["type"])
            for number in ids:
                event = msgspec.Raw(encode_event(trade("BTCUSDT", number, START_US)))
                body = {"type": "event", "key": command["key"], "sequence": number, "event": event}
                self.write_message(msgspec.json.encode(body))

    app = web.Application([("/api/v1/ws/live", Late)], log_function=lambda _: None)
    async with (
        served_by(app) as url,
        RemoteFeed(url, random=Eager()) as feed,
        Heard(feed, "ticker") as other,
    ):
        await until(lambda: len(other.of(Trade)) == 3)
        for _ in range(2):
            async with Heard(feed, "trades") as heard:
                await until(lambda heard=heard: len(heard.of(Trade)) == 3)
                assert [row.sequence for row in heard.of(Trade)] == [1, 2, 3]
        assert requests == ["subscribe", "subscribe", "unsubscribe", "subscribe"]


async def test_a_link_remembers_only_what_is_read(server: Served) -> None:
    async with RemoteFeed(server.url, random=Eager()) as feed, Heard(feed, "mark") as kept:
        await until(lambda: kept.live)
        for _ in range(5):
            async with Heard(feed, "trades") as heard, Heard(feed, "trades") as second:
                await until(lambda heard=heard, second=second: heard.live and second.live)
        (link,) = feed._links
        assert len(link._keys) == len(link.topics) == 1
        at = len(kept.events)
        cut(server)
        await until(came_back(kept, at))
        assert len(link._keys) == 1
