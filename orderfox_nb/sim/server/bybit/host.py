"""Bybit's host: ``/v5/market`` and the public socket of linear perpetuals."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from orderfox_nb.sim.server.bybit.conversation import BybitConversation
from orderfox_nb.sim.server.bybit.guard import BybitGuard
from orderfox_nb.sim.server.bybit.names import parse_topic
from orderfox_nb.sim.server.bybit.rest import BybitRest
from orderfox_nb.sim.server.bybit.rest_series import BybitSeries
from orderfox_nb.sim.server.bybit.selection import BybitSelection
from orderfox_nb.sim.server.host import Host, Parts
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.sockets import Entry, Sockets

_PATH: Final = "/v5/public/linear"

BYBIT_LIMITS: Final = Limits(
    messages_per_second=500,
    # The venue does not ping: it closes what is silent in both directions for ten minutes.
    ping_s=float("inf"),
    connection_s=float("inf"),
    idle_s=600.0,
    argument_bytes=21_000,
    requests_per_window=600,
    window_s=5.0,
)


class BybitHost(Host):
    """The host of linear perpetuals.

    Args:
        parts: What it is made from.
    """

    def __init__(self, parts: Parts) -> None:
        self._known = parts.selection.is_traded
        self._selection = BybitSelection(parts.selection)
        self._limits = parts.limits
        self.guard = guard = BybitGuard(
            limits=parts.limits,
            faults=parts.faults,
            clock=parts.clock,
            clock_us=parts.clock_us,
            now_ms=parts.selection.now_ms,
        )
        self._rest = BybitRest(self._selection, guard)
        self._series = BybitSeries(self._selection, guard)
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
        return [*self._rest.routes(), *self._series.routes(), *self._sockets.routes()]

    async def unknown_path(self, request: web.Request) -> web.Response:
        return web.Response(status=404, text=f"404 page not found: {request.path}")

    def _enter(self, request: web.Request, number: int) -> Entry:
        del request
        conversation = BybitConversation(f"sim-{number}", known=self._known, limit_bytes=self._limits.argument_bytes)
        return Entry("linear", conversation, parse_topic)
