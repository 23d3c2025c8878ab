"""The control API under ``/sim``: statistics, and faults on request."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from orderfox_nb.sim.server.connections import StreamConnection
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.guard import Guard
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.source import ServedSource
from orderfox_nb.sim.server.switchboard import Switchboard


class Control:
    """Adds faults, and applies those that apply at once.

    Args:
        source: What is served.
        faults: Faults in force.
        switchboard: The connections.
        gate: Keeps the books for stale snapshots.
        selection: Has the contracts, and writes prices.
        statistics: Returns the counters of the server.
    """

    def __init__(
        self,
        source: ServedSource,
        faults: Faults,
        switchboard: Switchboard,
        *,
        gate: Guard,
        selection: Selection,
        statistics: Callable[[], dict[str, Any]],
    ) -> None:
        self._source = source
        self._faults = faults
        self._switchboard = switchboard
        self._gate = gate
        self._selection = selection
        self._statistics = statistics
        self._closed: dict[str, bool] = {}
        """Symbols whose session was closed or opened on request."""

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [
            web.get("/sim/statistics", self._get_statistics),
            web.get("/sim/faults", self._list_faults),
            web.post("/sim/faults", self._post_fault),
            web.delete("/sim/faults", self._clear_faults),
        ]

    def add(self, kind: Any, **options: Any) -> Fault:
        """Add a fault; see ``Fault``.

        Raises:
            ValueError: A contract that cannot change so, or a fault that the protocol does not have.
        """
        fault = self._faults.add(kind, **options)
        try:
            self._begin(fault)
        except ValueError:
            self._faults.remove(fault.id)
            raise
        return fault

    def _begin(self, fault: Fault) -> None:
        """Apply a fault that applies at once."""
        if fault.kind == "clock_jump":
            self._source.shift_events(round(fault.seconds * 1e6))
            self._faults.consume("clock_jump")
        elif fault.kind == "stale_snapshot":
            if fault.stream:
                self._switchboard.remember(fault)
            else:
                self._gate.remember(fault)
        elif fault.kind == "contract":
            self._faults.consume("contract")
            self._change_contract(fault)
        elif fault.kind in ("cut", "half_open"):
            # A connection that is quiet is cut as well: the network does not wait for a frame.
            self._break(fault)
        elif fault.kind in ("restart", "renumber"):
            self._restart(fault)
            self._faults.consume(fault.kind)

    def _restart(self, fault: Fault) -> None:
        symbols = [listing.symbol for listing in self._source.listings]
        if fault.symbol and fault.symbol.upper() not in symbols:
            raise ValueError(f"{fault.symbol!r} is not listed")
        for symbol in [fault.symbol.upper()] if fault.symbol else symbols:
            self._source.restart(symbol, renumber=fault.kind == "renumber")

    def _break(self, fault: Fault) -> None:
        hit = [
            connection
            for connection in self._switchboard.connections.values()
            if (not fault.connection or connection.number == fault.connection) and _carries(connection, fault)
        ]
        hit = hit if fault.count < 0 else hit[: fault.count]
        if fault.kind == "cut":
            self._switchboard.cut(hit)
        else:
            self._switchboard.silence(hit)
        self._faults.applied[fault.kind] += len(hit)
        self._faults.remove(fault.id)

    def _change_contract(self, fault: Fault) -> None:
        symbol = fault.symbol.upper()
        listing = next((listing for listing in self._source.listings if listing.symbol == symbol), None)
        if listing is None:
            raise ValueError(f"{fault.symbol!r} is not listed")
        contracts = self._selection.contracts
        if fault.tick_size:
            factor = listing.tick_size / Decimal(fault.tick_size)
            if factor not in (1, 10, 100):
                raise ValueError(f"the tick size of {symbol} can be {listing.tick_size}, or 10 or 100 times as fine")
            self._source.refine(symbol, int(factor))
            self._selection.refine(symbol, int(factor))
        tradfi = fault.contract_type == "TRADIFI_PERPETUAL"
        contract = contracts.change(
            symbol,
            status=fault.trading,
            contract_type=fault.contract_type,
            underlying_type="COMMODITY" if tradfi else "",
            step_size=fault.lot_size,
        )
        if fault.session:
            self._closed[symbol] = fault.session == "closed"
            contracts.close(contract.underlying_type, closed=self._closed[symbol])
        self._source.halt(symbol, halted=contract.status != "TRADING", closed=self._closed.get(symbol, False))

    async def _get_statistics(self, _: web.Request) -> web.Response:
        return _json(self._statistics())

    async def _list_faults(self, _: web.Request) -> web.Response:
        return _json(self._faults.listed())

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return _json([])

    async def _post_fault(self, request: web.Request) -> web.Response:
        try:
            fault = msgspec.json.decode(await request.read(), type=Fault)
        except msgspec.DecodeError as error:
            return _json({"error": str(error)}, status=400)
        try:
            return _json(self.add(fault))
        except (ValueError, ArithmeticError) as error:
            return _json({"error": str(error)}, status=400)


def _carries(connection: StreamConnection, fault: Fault) -> bool:
    streams = connection.delivered()
    if fault.stream:
        return fault.stream in streams
    return not fault.symbol or any(name.symbol == fault.symbol.upper() for name in streams.values())


def _json(body: Any, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
