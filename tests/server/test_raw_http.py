"""What arrives on a connection that is no plain request: read in one way only, and never for long."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.server.conftest import Serve, Served
from tests.server.raw_http import requests, until_closed

pytestmark = pytest.mark.server

REQUESTS = requests(b"localhost")


async def connected(server: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(server.url.split(":")[2].partition("/")[0]))


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_that_can_be_read_in_two_ways_is_refused_and_ends_its_connection(
    server: Served, name: str
) -> None:
    reader, writer = await connected(server)
    writer.write(REQUESTS[name])
    answer = await until_closed(reader)
    writer.close()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ")


async def bytewise(writer: asyncio.StreamWriter, head: bytes, drop: bytes) -> None:
    """Send a head, and then another piece each time the loop has nothing else to do."""
    writer.write(head)
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16000\r\n\r\n", b"a"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"X: a\r\n"),
        (b"GET /", b"a"),
    ],
    ids=["chunks", "body", "headers", "line"],
)
async def test_a_request_that_drips_ends_in_time_and_delays_no_other(serve: Serve, head: bytes, drop: bytes) -> None:
    # Bodies and heads have the time that is set here; orderfox serve sets 30 s and 120 s.
    async with serve(http={"body_timeout": 0.5, "idle_connection_timeout": 0.5}) as server:
        reader, writer = await connected(server)
        dripping = asyncio.ensure_future(bytewise(writer, head, drop))
        assert (await server.ask("health"))[0] == 200
        assert b"HTTP/1.1 200" not in await until_closed(reader)
        writer.close()
        dripping.cancel()
        assert (await server.ask("health"))[0] == 200


async def test_a_body_of_many_small_chunks_has_the_limit_of_any_other(serve: Serve) -> None:
    async with serve(http={"max_body_size": 32_000}) as server:
        reader, writer = await connected(server)
        writer.write(b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"1\r\na\r\n" * 40_000)
        answer = await until_closed(reader)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert (await server.ask("health"))[0] == 200
