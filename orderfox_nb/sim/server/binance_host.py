"""The hosts of Binance: USD-M futures with accounts and liquidation history, and spot."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from orderfox_nb.sim.server.gate import Gate, fault_response, unknown_path
from orderfox_nb.sim.server.host import Host, Parts
from orderfox_nb.sim.server.liquidation_api import LiquidationApi
from orderfox_nb.sim.server.names import Root, ServedStream, parse_stream
from orderfox_nb.sim.server.rest import Rest
from orderfox_nb.sim.server.rest_accounts import AccountsRest
from orderfox_nb.sim.server.rest_orders import OrdersRest
from orderfox_nb.sim.server.rest_reference import ReferenceRest
from orderfox_nb.sim.server.rest_series import SeriesRest
from orderfox_nb.sim.server.signing import SignedRequests
from orderfox_nb.sim.server.sockets import Entry, Sockets
from orderfox_nb.sim.server.source import Publish
from orderfox_nb.sim.server.spot import parse_spot_stream, spot_publish
from orderfox_nb.sim.server.subscriptions import Subscriptions
from orderfox_nb.sim.server.user_streams import UserStreams

_ROOTS: Final[dict[str, Root]] = {"public": "public", "market": "market", "private": "private"}
_PATHS: Final = ("/ws", "/ws/{names:.*}", "/stream")


class BinanceHost(Host):
    """One of the two hosts.

    Args:
        parts: What it is made from.
        spot: Which of the two.
    """

    def __init__(self, parts: Parts, *, spot: bool) -> None:
        self._spot = spot
        self._limits = parts.limits
        selection = parts.selection
        self.guard = gate = Gate(
            limits=parts.limits,
            faults=parts.faults,
            clock_us=parts.clock_us,
            snapshot=self._book,
            symbols=list(selection.listings),
            clock=parts.clock,
        )
        self._rest = Rest(selection, gate, spot=spot)
        self._routes = [*self._rest.routes(), *SeriesRest(selection, gate, spot=spot).routes()]
        self._liquidation_api = LiquidationApi(parts.source, parts.faults, parts.clock)
        if not spot:
            self._routes += [*ReferenceRest(selection, gate).routes(), *self._liquidation_api.routes()]
        self._user_streams: UserStreams | None = None
        # A tape and the spot host have no accounts.
        if parts.exchange is not None and not spot:
            trading = parts.exchange.trading
            signed = SignedRequests(trading, selection.now_ms)
            streams = UserStreams(trading, selection.numbers, parts.switchboard.publish, parts.source.now_us)
            self._user_streams = streams
            self._routes += OrdersRest(trading, selection, gate, signed).routes()
            self._routes += AccountsRest(trading, selection, gate, signed, streams).routes()
        prefixes = ("",) if spot else ("/public", "/market", "/private", "")
        self._sockets = Sockets(
            parts.switchboard,
            parts.faults,
            parts.limits,
            parts.clock,
            paths=[prefix + path for prefix in prefixes for path in _PATHS],
            enter=self._enter,
            refuse=lambda fault: fault_response(fault, {}),
        )

    @property
    def history_requests(self) -> int:
        return self._liquidation_api.requests

    def routes(self) -> list[web.RouteDef]:
        return [*self._routes, *self._sockets.routes()]

    async def unknown_path(self, request: web.Request) -> web.Response:
        return await unknown_path(request)

    def publisher(self, publish: Publish) -> Publish:
        return spot_publish(publish) if self._spot else publish

    def expire(self) -> None:
        if self._user_streams is not None:
            self._user_streams.expire()

    def _enter(self, request: web.Request, number: int) -> Entry:
        del number
        first, _, rest = request.path.lstrip("/").partition("/")
        root = _ROOTS.get(first, "")
        combined = (rest if root else first) == "stream"
        named = request.query.get("streams", "") if combined else request.match_info.get("names", "")
        # An account's stream is named by its key, in the path or as a parameter of its own.
        named += "/" + request.query.get("listenKey", "") if root == "private" else ""
        subscriptions = Subscriptions(
            [name for name in named.split("/") if name],
            combined=combined,
            limit=self._limits.streams_per_connection,
        )
        refusal = "Too many streams" if subscriptions.too_many else ""
        if self._spot:
            return Entry("spot", subscriptions, parse_spot_stream, refusal)

        def parse(text: str) -> ServedStream | None:
            name = parse_stream(text)
            return name if name is not None and name.delivered_under(root) else None

        return Entry(root, subscriptions, parse, refusal)

    def _book(self, symbol: str) -> bytes | None:
        try:
            return self._rest.depth_body(symbol, 1_000)
        except KeyError:
            return None
