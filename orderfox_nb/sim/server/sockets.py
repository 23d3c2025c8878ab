"""The websockets of a server: accepts a connection, reads its requests, closes it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from aiohttp import WSMsgType, web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.server.connections import StreamConnection
from orderfox_nb.sim.server.faults import Faults
from orderfox_nb.sim.server.gate import fault_response
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.names import Root
from orderfox_nb.sim.server.subscriptions import Subscriptions
from orderfox_nb.sim.server.switchboard import Switchboard

_ROOTS: Final[dict[str, Root]] = {"public": "public", "market": "market", "private": "private"}
_MAX_MESSAGE: Final = 1 << 20


class Sockets:
    """Accepts the connections of one server.

    Args:
        switchboard: Sends frames to them.
        faults: Faults in force, for sockets that are refused.
        limits: The venue's limits.
        clock: What delays and limits are measured by.
        spot: Whether it is the spot host, which has one root.
    """

    def __init__(
        self, switchboard: Switchboard, faults: Faults, limits: Limits, clock: Clock, *, spot: bool = False
    ) -> None:
        self._switchboard = switchboard
        self._faults = faults
        self._limits = limits
        self._clock = clock
        self._spot = spot
        self._issued = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        prefixes = ("",) if self._spot else ("/public", "/market", "/private", "")
        return [
            web.get(prefix + path, self._accept) for prefix in prefixes for path in ("/ws", "/ws/{names:.*}", "/stream")
        ]

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        first, _, rest = request.path.lstrip("/").partition("/")
        root = _ROOTS.get(first, "")
        if (fault := self._faults.for_request(request.path, "")) is not None and fault.kind == "status":
            return fault_response(fault, {})
        combined = (rest if root else first) == "stream"
        named = request.query.get("streams", "") if combined else request.match_info.get("names", "")
        # An account's stream is named by its key, in the path or as a parameter of its own.
        named += "/" + request.query.get("listenKey", "") if root == "private" else ""
        subscriptions = Subscriptions(
            [name for name in named.split("/") if name],
            combined=combined,
            limit=self._limits.streams_per_connection,
        )
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=_MAX_MESSAGE, timeout=1.0)
        await socket.prepare(request)
        if subscriptions.too_many:
            await socket.close(code=1008, message=b"Too many streams")
            return socket
        self._issued += 1
        connection = StreamConnection(
            self._issued,
            "spot" if self._spot else root,
            subscriptions,
            socket,
            limits=self._limits,
            clock=self._clock,
        )
        await self._serve(connection, socket)
        return socket

    async def _serve(self, connection: StreamConnection, socket: web.WebSocketResponse) -> None:
        self._switchboard.join(connection)
        tasks = {
            asyncio.create_task(connection.write(), name=f"sim-write-{connection.number}"),
            asyncio.create_task(self._read(connection, socket), name=f"sim-read-{connection.number}"),
            asyncio.create_task(connection.keep(), name=f"sim-keep-{connection.number}"),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._switchboard.leave(connection)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not connection.closing:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await socket.close()

    async def _read(self, connection: StreamConnection, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if connection.half_open:
                continue
            if not connection.incoming(message):
                await socket.close(code=1008, message=b"Too many requests")
                return
            if message.type is WSMsgType.PING:
                connection.send(message.data, WSMsgType.PONG)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                answer = connection.subscriptions.answer(message.data)
                self._switchboard.update(connection)
                connection.send(answer)
