"""OKX's host: ``/api/v5`` and the public and business sockets."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from orderfox_nb.sim.server.guard import json_response
from orderfox_nb.sim.server.host import Host, Parts
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.okx.conversation import OkxConversation
from orderfox_nb.sim.server.okx.guard import OkxGuard
from orderfox_nb.sim.server.okx.names import parse_channel
from orderfox_nb.sim.server.okx.rest import OkxRest
from orderfox_nb.sim.server.okx.rest_series import OkxSeries
from orderfox_nb.sim.server.okx.selection import OkxSelection
from orderfox_nb.sim.server.sockets import Entry, Sockets

_PATHS: Final = ("/ws/v5/public", "/ws/v5/business")

OKX_LIMITS: Final = Limits(
    messages_per_second=500,
    # The venue does not ping: it closes what is silent in both directions for half a minute.
    ping_s=float("inf"),
    connection_s=float("inf"),
    idle_s=30.0,
    argument_bytes=65_536,
    requests_per_window=500,
    window_s=2.0,
)


class OkxHost(Host):
    """The host of swaps.

    Args:
        parts: What it is made from.
    """

    def __init__(self, parts: Parts) -> None:
        self._known = parts.selection.is_traded
        self._selection = OkxSelection(parts.selection)
        self._limits = parts.limits
        self._clock_us = parts.clock_us
        self.guard = guard = OkxGuard(
            limits=parts.limits, faults=parts.faults, clock=parts.clock, clock_us=parts.clock_us
        )
        self._rest = OkxRest(self._selection, guard)
        self._series = OkxSeries(self._selection, guard)
        self._sockets = Sockets(
            parts.switchboard,
            parts.faults,
            parts.limits,
            parts.clock,
            paths=_PATHS,
            enter=self._enter,
            refuse=lambda fault: guard.refuse(fault, {}),
        )

    def routes(self) -> list[web.RouteDef]:
        return [*self._rest.routes(), *self._series.routes(), *self._sockets.routes()]

    async def unknown_path(self, request: web.Request) -> web.Response:
        return json_response({"code": "404", "msg": f"Not found: {request.path}", "data": []}, 404, {})

    def _enter(self, request: web.Request, number: int) -> Entry:
        root = request.path.rpartition("/")[2]
        conversation = OkxConversation(
            f"sim-{number}",
            root,
            known=self._known,
            clock_us=self._clock_us,
            limit_bytes=self._limits.argument_bytes,
        )
        return Entry(root, conversation, partial(parse_channel, root=root))
