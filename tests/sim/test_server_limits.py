from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import Limits, SimServer
from tests.sim.client import START_US, SimClient

pytestmark = pytest.mark.sim


def exchange() -> Exchange:
    return Exchange(7, 1, start_us=START_US)


async def test_more_than_ten_messages_in_a_second_drop_the_connection(client: SimClient) -> None:
    connection = await client.socket("/public/ws")
    for number in range(11):
        await connection.raw.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
    assert await connection.closed() == 1008
    other = await client.socket("/public/ws")
    assert await other.ask("LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


async def test_a_connection_has_at_most_1024_streams(client: SimClient) -> None:
    connection = await client.socket("/public/ws")
    names = [f"s{number}usdt@trade" for number in range(1_024)]
    assert (await connection.ask("SUBSCRIBE", names))["result"] is None
    assert (await connection.ask("SUBSCRIBE", ["btcusdt@trade"]))["code"] == 2
    assert (await connection.ask("SUBSCRIBE", names[:5]))["result"] is None


async def test_more_streams_in_the_address_than_allowed_close_it() -> None:
    limits = Limits(streams_per_connection=2)
    async with SimServer(exchange(), manual=True, limits=limits) as server, SimClient(server) as client:
        connection = await client.socket("/public/ws/a@trade/b@trade/c@trade")
        assert await connection.closed() == 1008


async def test_a_connection_ends_after_24_hours() -> None:
    limits = Limits(connection_s=0.2)
    async with SimServer(exchange(), manual=True, limits=limits) as server, SimClient(server) as client:
        connection = await client.socket("/public/ws/btcusdt@trade")
        assert await connection.closed() is not None
        assert not server.connections


async def test_the_server_pings_and_drops_a_client_that_does_not_answer() -> None:
    limits = Limits(ping_s=0.05, pong_s=0.2)
    async with SimServer(exchange(), manual=True, limits=limits) as server, SimClient(server) as client:
        connection = await client.socket("/public/ws")
        message = await connection.raw.receive(5)
        assert message.type is aiohttp.WSMsgType.PING
        assert await connection.closed() is not None


async def test_a_client_that_answers_pings_stays() -> None:
    limits = Limits(ping_s=0.2, pong_s=0.2)
    async with SimServer(exchange(), manual=True, limits=limits) as server, SimClient(server) as client:
        connection = await client.socket("/public/ws")
        for _ in range(4):
            message = await connection.raw.receive(5)
            assert message.type is aiohttp.WSMsgType.PING
            await connection.raw.pong(message.data)
        assert len(server.connections) == 1


async def test_a_ping_of_the_client_is_answered(client: SimClient) -> None:
    connection = await client.socket("/public/ws")
    await connection.raw.ping(b"here")
    message = await connection.raw.receive(5)
    assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"here")


async def test_a_socket_that_does_not_read_is_dropped_and_blocks_no_other() -> None:
    limits = Limits(queued_bytes=1_000_000, stalled_s=0.05)
    async with SimServer(exchange(), manual=True, limits=limits) as server, SimClient(server) as client:
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader, writer = await asyncio.open_connection(sock=raw, limit=1_024)
        writer.write(
            b"GET /public/ws/btcusdt@depth@0ms HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert b"101" in await reader.readline()
        good = await client.socket("/public/ws/btcusdt@bookTicker")
        stuck, _ = server.connections
        for _ in range(200):
            # More than its streams would send in hours, since the system's buffers hold megabytes.
            stuck.send(b" " * 200_000)
            await server.advance(0.2)
            if stuck not in server.connections:
                break
        assert stuck not in server.connections
        assert len(await good.received()) > 10
        writer.transport.abort()
