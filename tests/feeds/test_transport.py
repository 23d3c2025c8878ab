"""The client connection of feeds against a server that is written here, byte by byte."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest

from orderfox_nb.feeds.transport import open_socket

pytestmark = pytest.mark.feeds


async def test_a_cancelled_closing_handshake_ends_the_connection() -> None:
    opened, closing, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        key = next(line.split(": ")[1] for line in head if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
        writer.write("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        await reader.read(64)  # the closing frame, which is never answered
        closing.set()
        try:
            while await reader.read(64):
                pass
        except ConnectionError:
            pass
        ended.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    async def read() -> None:
        async with open_socket(address, max_bytes=1_000) as socket:
            opened.set()
            await socket.recv()

    async with server, asyncio.timeout(60):
        task = asyncio.create_task(read())
        await opened.wait()
        task.cancel()
        await closing.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await ended.wait()
