"""A hostile server: bodies without an end, decompression bombs, redirects, giant messages."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Final

import psutil
from aiohttp import web

BOMB_BYTES: Final = 400_000_000
MEMORY_BOUND: Final = 150_000_000
"""What a test may add to the memory of this process, where what is sent would need many times as much."""

Attack = Callable[[web.Request], Awaitable[web.StreamResponse]]


def memory() -> int:
    """Return the resident memory of this process."""
    return psutil.Process().memory_info().rss


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(BOMB_BYTES), 1)


class Hostile:
    """Answers of a hostile server; counts what it got rid of."""

    def __init__(self) -> None:
        self.sent = 0
        self.redirected = 0
        self.dripped = asyncio.Event()

    async def endless(self, request: web.Request) -> web.StreamResponse:
        """Send a JSON list that never ends."""
        return await self._stream(request, self._rows())

    async def bomb(self, request: web.Request) -> web.StreamResponse:
        """Send 400 MB of zeros in 2 MB."""

        packed = _bomb()

        async def body() -> AsyncIterator[bytes]:
            for start in range(0, len(packed), 16_384):
                yield packed[start : start + 16_384]

        return await self._stream(request, body(), headers={"Content-Encoding": "gzip"})

    async def announced(self, request: web.Request) -> web.StreamResponse:
        """Announce 800 MB, and send them."""
        return await self._stream(request, self._rows(), headers={"Content-Length": "800000000"})

    async def levels(self, request: web.Request) -> web.StreamResponse:
        """Send a book of a million levels a side."""

        async def body() -> AsyncIterator[bytes]:
            for side in (b'{"lastUpdateId":1,"bids":[', b',"asks":['):
                yield side + b'["1.0","1.0"]'
                for _ in range(1_000):
                    yield b',["1.0","1.0"]' * 1_000
                yield b"]"
            yield b"}"

        return await self._stream(request, body())

    async def drip(self, request: web.Request) -> web.StreamResponse:
        """Send a byte now and then."""

        async def body() -> AsyncIterator[bytes]:
            while True:
                yield b" "
                self.dripped.set()
                await asyncio.sleep(0.01)

        return await self._stream(request, body())

    async def redirect(self, request: web.Request) -> web.StreamResponse:
        """Redirect every request to another host."""
        return web.Response(status=307, headers={"Location": f"http://localhost:{request.url.port}/elsewhere"})

    async def elsewhere(self, _: web.Request) -> web.StreamResponse:
        """Answer at the address of the redirect."""
        self.redirected += 1
        return web.json_response([])

    async def deep(self, request: web.Request) -> web.StreamResponse:
        """Send deeply nested lists in a field that is not read."""
        nested = b'{"unread":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
        whole = nested if request.path.endswith("exchangeInfo") else b"[" + nested + b"]"
        return web.Response(body=whole, content_type="application/json")

    async def encoded(self, request: web.Request) -> web.StreamResponse:
        """Send an encoding that was not requested."""

        async def body() -> AsyncIterator[bytes]:
            yield b"{}"

        return await self._stream(request, body(), headers={"Content-Encoding": "br"})

    async def cut(self, request: web.Request) -> web.StreamResponse:
        """Send half of a compressed answer."""

        async def body() -> AsyncIterator[bytes]:
            yield gzip.compress(json.dumps([[number] for number in range(1_000)]).encode())[:-200]

        return await self._stream(request, body(), headers={"Content-Encoding": "gzip"})

    async def refusal(self, request: web.Request) -> web.StreamResponse:
        """Refuse with a reason that never ends."""
        return await self._stream(request, self._rows(), status=400)

    async def _rows(self) -> AsyncIterator[bytes]:
        yield b"[1"
        while True:
            yield b",1" * 32_768

    async def _stream(
        self,
        request: web.Request,
        body: AsyncIterator[bytes],
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        async for chunk in body:
            await response.write(chunk)
            self.sent += len(chunk)
        return response
