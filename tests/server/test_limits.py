"""What one client, and all of them together, may ask for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket as sockets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from orderfox_nb.core.events import Topic
from orderfox_nb.server.frame_limit import MAX_FRAMES_PER_S
from orderfox_nb.server.handlers.sockets import COSTLY_PER_S, MAX_LEFT_OUT, MAX_MESSAGES_PER_S
from orderfox_nb.server.handlers.writing import UNSENT, text_frame
from orderfox_nb.server.limits import MAX_REQUESTS, RateLimit, SocketSlots
from tests.server.conftest import TOKEN, Serve, Served, until
from tests.server.scripted import VENUE
from tests.server.test_streams import closed_with, receive

pytestmark = pytest.mark.server

LIVE = "api/v1/ws/live"
EVERY_SOCKET = [
    "api/v1/ws/orderbook/BTCUSDT",
    "api/v1/ws/trades/BTCUSDT",
    "api/v1/ws/trades/BTCUSDT?delta=true",
    "api/v1/ws/candles/BTCUSDT",
    "api/v1/ws/liquidations/BTCUSDT?timeframe=1m",
    LIVE,
]


def test_permits_come_back_with_time_and_each_client_has_its_own() -> None:
    now = [0.0]
    limit = RateLimit(burst=2, per_s=0.5, now_s=lambda: now[0])
    assert [limit.wait_s("a") for _ in range(3)] == [0, 0, 2]
    assert limit.wait_s("b") == 0
    now[0] = 2
    assert [limit.wait_s("a") for _ in range(2)] == [0, 2]
    now[0] = 1000
    assert [limit.wait_s("a") for _ in range(3)] == [0, 0, 2]


def test_the_number_of_distinguished_clients_is_bounded() -> None:
    limit = RateLimit(burst=1, per_s=1)
    for number in range(5000):
        limit.wait_s(str(number))
    assert len(limit._left) <= 1024


def test_places_are_counted_for_each_client_but_this_machine() -> None:
    places = SocketSlots(overall=4, per_client=1)
    assert places.reserve("192.0.2.1") == ""
    assert "a client" in places.reserve("192.0.2.1")
    assert [places.reserve("127.0.0.1"), places.reserve("::1"), places.reserve("")] == ["", "", ""]
    assert "all of its 4" in places.reserve("192.0.2.2")
    places.release("192.0.2.1")
    assert places.reserve("192.0.2.1") == ""


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
async def test_frame_of_any_size_is_read_by_another_library(size: int) -> None:
    from websockets.frames import Frame, Opcode
    from websockets.streams import StreamReader

    text = b"x" * size
    reader = StreamReader()
    reader.feed_data(text_frame(text))
    parsing = Frame.parse(reader.read_exact, mask=False, max_size=None)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    frame = parsed.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, text)


@pytest.mark.parametrize("path", EVERY_SOCKET)
@pytest.mark.parametrize("limited", ["ORDERFOX_MAX_SOCKETS", "ORDERFOX_MAX_CLIENT_SOCKETS"])
async def test_server_at_its_limit_says_so_and_has_room_again_later(serve: Serve, path: str, limited: str) -> None:
    async with serve(loopback_limited=True, **{limited: "2"}) as server:
        url = server.ws_url + path
        async with connect(url) as one, connect(url) as two:
            await receive(one)
            await receive(two)
            async with connect(url) as third:
                assert "try again" in (await receive(third, "error"))["message"]
                code, reason = await closed_with(third)
            assert code == 1013
            assert "try again" in reason
            assert (await server.ask("api/v1/health"))[0] == 200
        await until(lambda: not server.service.sockets)
        async with connect(url) as again:
            assert (await receive(again))["type"] != "error"
        assert server.service.metrics.refused._value.get() == 1


@pytest.fixture
def held(server: Served) -> Served:
    """A server for whose rates no time passes."""
    server.service.now_s = lambda: 0.0
    return server


async def flood(socket: ClientConnection, text: str, times: int) -> None:
    async with asyncio.timeout(60):
        for _ in range(times):
            await socket.send(text)


@pytest.mark.parametrize("path", EVERY_SOCKET)
async def test_flood_of_messages_is_answered_by_one_complaint_and_the_close(held: Served, path: str) -> None:
    async with connect(held.ws_url + path) as socket:
        await receive(socket)
        sending = asyncio.create_task(flood(socket, '{"type":"ping"}', MAX_MESSAGES_PER_S * 3 + MAX_LEFT_OUT))
        complaints = 0
        try:
            while True:
                complaints += (await receive(socket))["type"] == "error"
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 0
        await asyncio.wait({sending})
        assert isinstance(sending.exception(), ConnectionClosed | None)
        assert code == 1008
        assert complaints == 1
    await until(lambda: not held.service.sockets)


async def read_all(socket: ClientConnection) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        return [json.loads(message) async for message in socket]


async def test_sockets_of_one_client_share_its_rate_of_messages(serve: Serve) -> None:
    most, each, sockets = 100, MAX_MESSAGES_PER_S - 10, 8
    async with (
        serve(ORDERFOX_MAX_CLIENT_MESSAGES=str(most), ORDERFOX_TRUSTED_PROXIES="127.0.0.1") as server,
        contextlib.AsyncExitStack() as stack,
    ):
        server.service.now_s = lambda: 0.0

        async def seen_as(address: str, **headers: str) -> ClientConnection:
            headers["X-Forwarded-For"] = address
            socket = await stack.enter_async_context(connect(server.ws_url + LIVE, additional_headers=headers))
            await receive(socket)
            return socket

        async def answers(socket: ClientConnection, pings: int) -> list[dict[str, Any]]:
            """Send pings and leave; gives all that was answered."""
            reading = asyncio.create_task(read_all(socket))
            await flood(socket, '{"type":"ping"}', pings)
            await socket.close()
            return await reading

        crowd = [await seen_as("203.0.113.9") for _ in range(sockets)]
        replies = [await answers(socket, each) for socket in crowd]
        kinds = [answer["type"] for answers in replies for answer in answers]
        assert kinds.count("pong") == most
        # Each of those that were left out says so once.
        assert kinds.count("error") == sockets - most // each
        assert replies[-1] == [
            {
                "type": "error",
                "message": f"More than {most} messages in a second over all sockets of a client: some were left out",
            }
        ]
        # No other client is affected, and one with the token has no such limit.
        for other in (
            await seen_as("203.0.113.10"),
            await seen_as("203.0.113.9", Authorization=f"token {TOKEN}"),
        ):
            assert [answer["type"] for answer in await answers(other, each)] == ["pong"] * each


@pytest.mark.parametrize("kind", ["pings", "empty fragments"])
async def test_frames_that_are_no_messages_are_limited_too(held: Served, kind: str) -> None:
    """Pings and fragments pass the limit of messages, and a flood of them used the server's whole core."""

    async def pieces(number: int) -> AsyncIterator[str]:
        for _ in range(number):
            yield ""

    async with connect(held.ws_url + LIVE) as beside, connect(held.ws_url + LIVE) as flooding:
        await receive(beside)
        await receive(flooding)
        with contextlib.suppress(ConnectionClosed):
            if kind == "pings":
                for _ in range(MAX_FRAMES_PER_S):
                    await flooding.ping()
            else:
                await flooding.send(pieces(MAX_FRAMES_PER_S))
        assert flooding.state is State.OPEN, "as many as a second has are let through"
        with pytest.raises(ConnectionClosed):  # noqa: PT012  (which of them it is depends on the network)
            async with asyncio.timeout(60):
                if kind == "pings":
                    while True:
                        await flooding.ping()
                        # A ping waits for nothing while the system takes it, and the server has its turn in this loop.
                        await asyncio.sleep(0)
                await flooding.send(pieces(100_000))
                await flooding.wait_closed()
                await flooding.ping()
        await beside.send('{"type": "ping"}')
        assert (await receive(beside, "pong"))["type"] == "pong"


async def test_frames_of_one_client_are_counted_over_its_sockets(serve: Serve) -> None:
    async with serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_MESSAGES="100") as server:
        server.service.now_s = lambda: 0.0
        async with connect(server.ws_url + LIVE) as one, connect(server.ws_url + LIVE) as two:
            for _ in range(60):
                await (await one.ping())
            with pytest.raises(ConnectionClosed):  # noqa: PT012  (which of them it is depends on the network)
                for _ in range(60):
                    await (await two.ping())
            # A client with the token is trusted.
            headers = {"Authorization": f"token {TOKEN}"}
            async with connect(server.ws_url + LIVE, additional_headers=headers) as trusted:
                await (await trusted.ping())


async def test_streams_of_events_are_counted_for_each_client(serve: Serve) -> None:
    """Each has a queue and is encoded for its reader alone, also where many read one topic."""
    async with (
        serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_EVENTS="2") as server,
        contextlib.AsyncExitStack() as stack,
    ):
        one, two = [await stack.enter_async_context(connect(server.ws_url + LIVE)) for _ in range(2)]
        for socket in (one, two):
            await receive(socket)

        async def subscribed(socket: ClientConnection, name: str) -> dict[str, Any]:
            key = f"{VENUE}/BTCUSDT/events?channel=mark&subscription={name}"
            await socket.send(json.dumps({"type": "subscribe", "key": key}))
            while (message := await receive(socket)).get("key") != key:
                pass
            return message

        assert (await subscribed(one, "a"))["type"] == "event"
        assert (await subscribed(two, "b"))["type"] == "event"
        refused = await subscribed(two, "c")
        assert refused["type"] == "gone"
        assert refused["message"] == "At most 2 streams of events a client: close one and try again"
        await one.close()
        while (await subscribed(two, "d"))["type"] == "gone":
            pass


async def test_questions_over_rest_are_limited_for_each_client(serve: Serve) -> None:
    async with serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_REQUESTS="3") as server:
        server.service.now_s = lambda: 0.0
        statuses = [(await server.ask("api/v1/health"))[0] for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        async with server.session.get(server.url + "api/v1/health") as response:
            assert (await response.json())["detail"] == "At most 3 requests a second"
            assert response.headers["Retry-After"] == "1"
        headers = {"Authorization": f"token {TOKEN}"}
        assert (await server.ask("api/v1/health", headers=headers))[0] == 200
        server.service.now_s = lambda: 1.0
        assert (await server.ask("api/v1/health"))[0] == 200


async def test_changes_of_parameters_are_limited(held: Served) -> None:
    async with connect(held.ws_url + "api/v1/ws/orderbook/BTCUSDT?limit=5") as socket:
        await receive(socket)
        for number in range(COSTLY_PER_S + 5):
            await socket.send(json.dumps({"type": "update_params", "limit": 1 + number % 7}))
        kinds = []
        while kinds.count("params_updated") + kinds.count("error") < COSTLY_PER_S + 5:
            kinds.append((await receive(socket))["type"])
        assert kinds.count("error") == 5


async def test_questions_of_a_page_are_limited(held: Served) -> None:
    async with connect(held.ws_url + LIVE) as socket:
        await receive(socket)
        for number in range(COSTLY_PER_S + 5):
            asked = {"type": "request", "id": number, "what": "candles", "symbol": "BTCUSDT", "interval": "1m"}
            await socket.send(json.dumps(asked))
        answers = [await receive(socket) for _ in range(COSTLY_PER_S + 5)]
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert [answer["id"] for answer in refused] == list(range(COSTLY_PER_S, COSTLY_PER_S + 5))


async def test_page_has_so_many_keys_and_no_more(server: Served) -> None:
    seconds = itertools.count()
    server.service.now_s = lambda: float(next(seconds))
    async with connect(server.ws_url + LIVE) as socket:
        await receive(socket)
        keys = [f"{VENUE}/BTCUSDT/book?rounding={number}&rows=10" for number in range(1, 67)]
        refused = []
        for key in keys:
            await socket.send(json.dumps({"type": "subscribe", "key": key}))
        # 64 first frames may come before both refusals.
        while len(refused) < 2:
            message = await receive(socket)
            if message["type"] == "error":
                refused.append(message["key"])
        assert refused == keys[64:]


@pytest.mark.parametrize("path", EVERY_SOCKET)
async def test_message_that_is_too_long_ends_the_socket_with_1009(server: Served, path: str) -> None:
    async with connect(server.ws_url + path) as socket:
        await receive(socket)
        await socket.send('{"type":"ping","pad":"' + "x" * 5000 + '"}')
        assert (await closed_with(socket))[0] == 1009
    await until(lambda: not server.service.sockets)


async def test_writes_are_limited_and_refused_with_retry_after(held: Served) -> None:
    headers = {"Authorization": f"token {TOKEN}"}
    statuses = []
    for _ in range(25):
        async with held.session.post(held.url + "api/v1/refresh-symbols", headers=headers) as response:
            statuses.append(response.status)
            if response.status == 429:
                assert int(response.headers["Retry-After"]) >= 1
                assert (await response.json())["status_code"] == 429
    assert statuses == [200] * 20 + [429] * 5
    # Reading goes on.
    assert (await held.ask("api/v1/symbols"))[0] == 200


async def test_requests_under_way_are_bounded(server: Served) -> None:
    server.service.requests = MAX_REQUESTS
    status, answer = await server.ask("api/v1/symbols")
    assert (status, answer["status_code"]) == (503, 503)
    server.service.requests = 0
    assert (await server.ask("api/v1/symbols"))[0] == 200
    assert (await server.ask("api/v1/symbols?x=1"))[0] == 200
    assert server.service.requests == 0
    assert (await server.ask("api/v1/orderbook/NOPE"))[0] == 404
    assert server.service.requests == 0


@pytest.mark.skipif(not hasattr(sockets, "TCP_NOTSENT_LOWAT"), reason="this system cannot bound what is not sent")
async def test_system_holds_little_for_a_slow_reader(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT") as client:
        await receive(client)
        for one in server.service.sockets:
            stream: Any = one.ws_connection.stream  # type: ignore[attr-defined]
            assert stream.socket.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT) == UNSENT


async def test_upstream_of_a_reader_that_was_turned_away_is_never_opened(serve: Serve) -> None:
    async with (
        serve(ORDERFOX_MAX_SOCKETS="1") as server,
        connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT") as one,
        connect(server.ws_url + "api/v1/ws/trades/ETHUSDT") as two,
    ):
        await receive(one)
        assert (await closed_with(two))[0] == 1013
        assert Topic(VENUE, "ETHUSDT", "trades") not in server.feed.streams
