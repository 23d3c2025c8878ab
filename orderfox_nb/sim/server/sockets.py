"""The websockets of a server: accepts a connection, reads its requests, closes it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from aiohttp import WSMsgType, web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.server.connections import Conversation, StreamConnection
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.switchboard import Switchboard

_MAX_MESSAGE: Final = 1 << 20


class Entry(msgspec.Struct, frozen=True):
    """Start of a connection."""

    root: str
    """Under which address it was opened, for the statistics."""
    conversation: Conversation
    parse: Callable[[str], ServedStream | None]
    """Reads the name of a subscribed stream; ``None`` for one that this connection does not receive."""
    refusal: str = ""
    """Why the connection is closed at once, empty if it is not."""


class Sockets:
    """Accepts the connections of one server.

    Args:
        switchboard: Sends frames to them.
        faults: Faults in force, for sockets that are refused.
        limits: The venue's limits.
        clock: What delays and limits are measured by.
        paths: Where sockets are opened.
        enter: Begins the conversation of a request, which becomes the connection of a number.
        refuse: Answers a request with the status of a fault.
    """

    def __init__(
        self,
        switchboard: Switchboard,
        faults: Faults,
        limits: Limits,
        clock: Clock,
        *,
        paths: Sequence[str],
        enter: Callable[[web.Request, int], Entry],
        refuse: Callable[[Fault], web.Response],
    ) -> None:
        self._switchboard = switchboard
        self._faults = faults
        self._limits = limits
        self._clock = clock
        self._paths = paths
        self._enter = enter
        self._refuse = refuse
        self._issued = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [web.get(path, self._accept) for path in self._paths]

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        if (fault := self._faults.for_request(request.path, "")) is not None and fault.kind == "status":
            return self._refuse(fault)
        entry = self._enter(request, self._issued + 1)
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=_MAX_MESSAGE, timeout=1.0)
        await socket.prepare(request)
        if entry.refusal:
            await socket.close(code=1008, message=entry.refusal.encode())
            return socket
        self._issued += 1
        connection = StreamConnection(
            self._issued,
            entry.root,
            entry.conversation,
            socket,
            parse=entry.parse,
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
                for answer in connection.subscriptions.answers(message.data):
                    connection.send(answer)
                # After the answer: some protocols send the first frame of a stream at once.
                self._switchboard.update(connection)
