"""A small real venue with one kind of socket: REST answers and socket answers are what a test lays out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

Answers = Callable[["ScriptedSocketVenue", web.WebSocketResponse, str], list[str]]


class ScriptedSocketVenue:
    """Answers what is asked for.

    Args:
        answer: Returns what a socket sends in answer to a message; calls ``subscribe`` as the message says.
        path: That of its sockets.
    """

    def __init__(self, answer: Answers, path: str) -> None:
        self._answer = answer
        self._path = path
        self.rest: dict[str, Any] = {}
        """By path: a JSON value, a ``web.Response``, or a function of the query that returns either."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.messages: list[str] = []
        self.subscribed: dict[web.WebSocketResponse, list[str]] = {}
        """Names of the streams of each socket, in the order of subscription."""
        self.opening: dict[str, list[dict[str, Any]]] = {}
        """What a stream sends right after its subscription."""
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def urls(self) -> dict[str, str]:
        return {"http_url": f"http://127.0.0.1:{self.port}", "ws_url": f"ws://127.0.0.1:{self.port}"}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(self._path, self._socket)
        app.router.add_get("/{path:.+}", self._rest)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for socket in list(self.subscribed):
            await socket.close()
        assert self._runner is not None
        await self._runner.cleanup()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, checked after each thing that happens here."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(condition)

    async def send(self, stream: str, *messages: Any) -> None:
        """Send messages to every socket that subscribed to a stream."""
        await self.until(lambda: any(stream in names for names in self.subscribed.values()))
        for socket, names in list(self.subscribed.items()):
            if stream in names:
                for message in messages:
                    await socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def cut(self) -> None:
        """Drop every connection without a farewell."""
        cut = set(self.subscribed)
        for socket in cut:
            assert socket._req is not None
            if (transport := socket._req.transport) is not None:
                transport.abort()
        await self.until(lambda: not cut & self.subscribed.keys())

    async def _rest(self, request: web.Request) -> web.Response:
        path = request.path
        query = dict(request.query)
        self.asked.append((path, query))
        answer = self.rest.get(path, web.json_response({}, status=404))
        if callable(answer):
            answer = answer(query)
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)
        return web.json_response(answer)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.subscribed[socket] = []
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.messages.append(message.data)
                    before = list(self.subscribed[socket])
                    for text in self._answer(self, socket, message.data):
                        await socket.send_str(text)
                    for stream in self.subscribed[socket]:
                        if stream not in before:
                            for opening in self.opening.get(stream, ()):
                                await socket.send_str(json.dumps(opening))
                    async with self._changed:
                        self._changed.notify_all()
        finally:
            del self.subscribed[socket]
            async with self._changed:
                self._changed.notify_all()
        return socket
