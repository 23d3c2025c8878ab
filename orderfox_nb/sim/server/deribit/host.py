"""Deribit's host: ``/api/v2`` and the socket of JSON-RPC."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from orderfox_nb.sim.server.deribit.conversation import DeribitConversation
from orderfox_nb.sim.server.deribit.guard import DeribitGuard, envelope
from orderfox_nb.sim.server.deribit.names import parse_channel
from orderfox_nb.sim.server.deribit.rest import DeribitRest
from orderfox_nb.sim.server.guard import json_response
from orderfox_nb.sim.server.host import Host, Parts
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.sockets import Entry, Sockets

_PATH: Final = "/ws/api/v2"

DERIBIT_LIMITS: Final = Limits(
    messages_per_second=200,
    # The venue does not ping unless it is asked to.
    ping_s=float("inf"),
    connection_s=float("inf"),
    idle_s=900.0,
    # A full pool of credits, and what comes back in the meantime.
    requests_per_window=200,
    window_s=5.0,
)


class DeribitHost(Host):
    """The host of linear perpetuals.

    Args:
        parts: What it is made from.
    """

    def __init__(self, parts: Parts) -> None:
        self._known = parts.selection.is_traded
        self._now_us = parts.source.now_us
        self.guard = guard = DeribitGuard(
            limits=parts.limits,
            faults=parts.faults,
            clock=parts.clock,
            clock_us=parts.clock_us,
            now_us=parts.source.now_us,
        )
        self._rest = DeribitRest(parts.selection, guard)
        self._sockets = Sockets(
            parts.switchboard,
            parts.faults,
            parts.limits,
            parts.clock,
            paths=[_PATH],
            enter=self._enter,
            refuse=lambda fault: guard.refuse(fault, {}),
        )

    def routes(self) -> list[web.RouteDef]:
        return [*self._rest.routes(), *self._sockets.routes()]

    async def unknown_path(self, request: web.Request) -> web.Response:
        error = {"code": -32601, "message": f"Method not found: {request.path}"}
        return json_response(envelope({"error": error}, now_us=self._now_us()), 404, {})

    def _enter(self, request: web.Request, number: int) -> Entry:
        del request, number
        conversation = DeribitConversation(known=self._known, now_us=self._now_us)
        return Entry("public", conversation, parse_channel)
