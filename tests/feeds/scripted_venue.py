"""A small real venue under a test's hand: it sends scripted messages over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

Handler = Callable[[web.Request], Any]


class ScriptedVenue:
    """Speaks the two stream roots and REST of Binance, with the answers that a test lays out.

    ``answers[path]`` is what a path returns: a JSON value, a function of the request, or a queue of either of which the
    last one stays. A ``web.Response`` is sent as it is.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"time": {"serverTime": 1_700_000_000_000}}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.sockets: dict[str, list[web.WebSocketResponse]] = {"public": [], "market": []}
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.subscribed: dict[web.WebSocketResponse, set[str]] = {}
        self.refuse_sockets = 0
        """HTTP status with which new sockets are refused."""
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/fapi/v1/{path:.+}", self._rest)
        app.router.add_get("/api/{path:.+}", self._rest)
        app.router.add_get("/futures/data/{path:.+}", self._rest)
        app.router.add_get("/{root:public|market}/stream", self._socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sockets in self.sockets.values():
            for socket in list(sockets):
                await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait until a condition holds, checked after each thing that happens here."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def until_subscribed(self, stream: str, *, sockets: int = 1) -> None:
        await self.until(lambda: sum(stream in streams for streams in self.subscribed.values()) >= sockets)

    def calls(self, path: str) -> list[dict[str, str]]:
        return [parameters for called, parameters in self.requests if called == path]

    async def send(self, stream: str, data: Any) -> None:
        """Send an event to every socket that subscribed to its stream."""
        await self.send_text(stream, json.dumps({"stream": stream, "data": data}))

    async def send_text(self, stream: str, text: str) -> None:
        for socket, streams in list(self.subscribed.items()):
            if stream in streams and not socket.closed:
                await socket.send_str(text)

    async def cut(self, root: str) -> None:
        """Drop every connection of a root without a farewell."""
        for socket in list(self.sockets[root]):
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()
        await self.until(lambda: not self.sockets[root])

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.requests.append((path, dict(request.query)))
        await self._notify()
        answer = self.answers.get(path, web.json_response({"code": -1, "msg": "not laid out"}, status=404))
        if isinstance(answer, deque):
            answer = answer.popleft() if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(request)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, web.Response):
            # A response can be sent once: each caller gets its own.
            return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_sockets:
            await self._notify()
            return web.Response(status=self.refuse_sockets)
        root = request.match_info["root"]
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets[root].append(socket)
        self.subscribed[socket] = set()
        await self._notify()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    command = json.loads(message.data)
                    self.commands.append((root, command))
                    await socket.send_json({"result": None, "id": command["id"]})
                    names = self.subscribed[socket]
                    params = command.get("params", ())
                    names.update(params) if command["method"] == "SUBSCRIBE" else names.difference_update(params)
                    await self._notify()
        finally:
            self.sockets[root].remove(socket)
            del self.subscribed[socket]
            await self._notify()
        return socket


def depth(
    first: int, last: int, previous: int, *, bids: Any = (), asks: Any = (), symbol: str = "BTCUSDT"
) -> dict[str, Any]:
    """A depth diff as the venue sends it."""
    return {
        "e": "depthUpdate",
        "E": 1_700_000_000_010,
        "T": 1_700_000_000_005,
        "s": symbol,
        "ps": symbol,
        "U": first,
        "u": last,
        "pu": previous,
        "b": list(bids),
        "a": list(asks),
        "st": 1,
    }


def book(update_id: int) -> dict[str, Any]:
    """A depth snapshot as REST answers it."""
    return {
        "lastUpdateId": update_id,
        "E": 1_700_000_000_000,
        "T": 1_700_000_000_000,
        "bids": [["100.0", "1.000"], ["99.9", "2.000"]],
        "asks": [["100.1", "1.500"]],
    }


def trade(number: int, *, st: int = 1) -> dict[str, Any]:
    """An aggregate trade as the venue sends it."""
    return {
        "e": "aggTrade",
        "E": 1_700_000_000_000 + number,
        "s": "BTCUSDT",
        "a": number,
        "p": "100.0",
        "q": "0.010",
        "nq": "0.010",
        "f": number,
        "l": number,
        "T": 1_700_000_000_000 + number,
        "m": number % 2 == 0,
        "st": st,
    }


def past_trades(first: int, last: int) -> list[dict[str, Any]]:
    """Rows of ``aggTrades``."""
    return [
        {"a": n, "p": "100.0", "q": "0.010", "f": n, "l": n, "T": 1_700_000_000_000 + n, "m": n % 2 == 0}
        for n in range(first, last + 1)
    ]
