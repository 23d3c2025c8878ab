"""A minimal client of the venue's protocol."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from orderfox_nb.sim.server import SimServer
from orderfox_nb.sim.server.app import SimServer as Server

START_US = 1_790_000_000_000_000


class SimClient:
    """REST and sockets of one server."""

    def __init__(self, server: SimServer) -> None:
        self.server: Server = server
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str, **query: Any) -> Any:
        status, body, _ = await self.ask(path, **query)
        assert status == 200, body
        return body

    async def ask(self, path: str, **query: Any) -> tuple[int, Any, Any]:
        url = self.server.http_url + path
        async with self._session.get(url, params={name: str(value) for name, value in query.items()}) as response:
            text = await response.text()
            try:
                body = json.loads(text)
            except ValueError:
                body = text
            return response.status, body, response.headers

    async def signed(
        self, method: str, path: str, *, key: str = "alice", secret: str = "", in_body: bool = False, **given: Any
    ) -> tuple[int, Any, Any]:
        """Send a signed request of an account, at the server's time unless another is given."""
        given.setdefault("timestamp", self.server.now_us() // 1000)
        text = urlencode({name: str(value) for name, value in given.items()})
        text += "&signature=" + hmac.new((secret or f"{key}-secret").encode(), text.encode(), "sha256").hexdigest()
        return await self.raw(method, path, text, key=key, in_body=in_body)

    async def raw(
        self, method: str, path: str, text: str, *, key: str | None = "alice", in_body: bool = False
    ) -> tuple[int, Any, Any]:
        """Send a request whose query or body is written already."""
        url = URL(self.server.http_url + path + ("" if in_body else f"?{text}"), encoded=True)
        headers = {"X-MBX-APIKEY": key} if key is not None else {}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = text if in_body else None
        async with self._session.request(method, url, data=body, headers=headers) as response:
            return response.status, await response.json(content_type=None), response.headers

    async def order(self, method: str = "POST", *, key: str = "alice", **given: Any) -> Any:
        """Send an order that is accepted and return the answer."""
        status, body, _ = await self.signed(method, "/fapi/v1/order", key=key, **given)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self._session.post(self.server.http_url + path, json=body) as response:
            return response.status, await response.json()

    async def socket(self, path: str) -> SimSocket:
        raw = await self._session.ws_connect(self.server.ws_url + path, autoping=False, max_msg_size=0)
        return SimSocket(raw)


class SimSocket:
    """One websocket that collects its frames."""

    def __init__(self, raw: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = raw
        self.frames: list[Any] = []
        self.pings = 0

    async def receive(self, timeout_s: float = 60) -> Any:
        """Return the next message, decoded; ``None`` when the connection is closed."""
        while True:
            message = await self.raw.receive(timeout_s)
            if message.type is aiohttp.WSMsgType.PING:
                self.pings += 1
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                return None
            try:
                return json.loads(message.data)
            except ValueError:
                return message.data

    async def ask(self, method: str, params: Any = None, request_id: Any = 1) -> Any:
        """Send a request and return its answer; frames in between are collected."""
        body: dict[str, Any] = {"method": method, "id": request_id}
        if params is not None:
            body["params"] = params
        return await self.answer(json.dumps(body))

    async def answer(self, text: str) -> Any:
        await self.raw.send_str(text)
        while True:
            frame = await self.receive()
            if frame is None or (isinstance(frame, dict) and ("result" in frame or "code" in frame)):
                return frame
            self.frames.append(frame)

    async def received(self) -> list[Any]:
        """Return the frames up to now: everything that the server sent before it answers a request."""
        await self.ask("LIST_SUBSCRIPTIONS", request_id=999)
        frames, self.frames = self.frames, []
        return frames

    async def until(self, done: Callable[[Any], bool], timeout_s: float = 60) -> list[Any]:
        """Collect frames until one satisfies a condition; it is the last of them."""
        frames: list[Any] = []
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self.receive(timeout_s)
                assert frame is not None, "the connection was closed"
                frames.append(frame)
                if done(frame):
                    return frames

    async def closed(self, timeout_s: float = 60) -> int | None:
        """Read until the server closes and return the close code, 1006 where there was none."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.raw.receive()
                if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
                    return self.raw.close_code
                if message.type is aiohttp.WSMsgType.ERROR:
                    return 1006
