"""The server: one loopback port with the venue's REST, streams and liquidation history, and a control API."""

from __future__ import annotations

import asyncio
import contextlib
import time
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from aiohttp import WSMsgType, web

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server.connections import Connection
from orderfox_nb.sim.server.exchange_source import ExchangeSource
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.gate import Gate, struck, unknown_path
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.liquidation_api import LiquidationApi
from orderfox_nb.sim.server.names import Root, StreamName
from orderfox_nb.sim.server.rest import Rest
from orderfox_nb.sim.server.rest_series import SeriesRest
from orderfox_nb.sim.server.source import Source
from orderfox_nb.sim.server.subscriptions import Subscriptions
from orderfox_nb.sim.server.switchboard import Switchboard

_PORTION_S: Final = 0.02
"""How often the server wakes up to let time pass."""
_MAX_LAG_S: Final = 5.0
"""After a longer stop (a suspended machine) the venue's time goes on from where it was, it does not catch up."""


class SimServer:
    """Serves an exchange or a tape.

    Args:
        source: What to serve.
        host: Address to listen at.
        port: 0 for a free one.
        speed: How many seconds of the venue pass in one; infinity plays as fast as readers read.
        manual: Time passes only by ``advance``, so that a test is deterministic.
        faults: Faults in force from the start.
        limits: The venue's limits, for tests that shorten them.
        clock: What the pace is taken from.
    """

    def __init__(
        self,
        source: Exchange | Source,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        manual: bool = False,
        faults: Faults | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.source: Source = ExchangeSource(source) if isinstance(source, Exchange) else source
        self.faults = faults if faults is not None else Faults()
        self.limits = limits if limits is not None else Limits()
        self._host = host
        self._port = port
        self._speed = speed
        self._manual = manual
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._issued = 0
        self._closed: dict[str, bool] = {}
        """Symbols whose session was closed or opened on request."""
        self._playing = asyncio.Lock()
        self._switchboard = Switchboard(
            self.faults, self.limits, opened=self.source.open_stream, closed=self.source.close_stream
        )
        self._gate = Gate(
            limits=self.limits,
            faults=self.faults,
            clock_us=self._weight_clock_us,
            snapshot=self._book,
            symbols=[listing.symbol for listing in self.source.listings],
            clock=self._clock,
        )
        self._rest = Rest(self.source, self._gate)
        self._series = SeriesRest(self.source, self._gate, self._rest.numbers)
        self._liquidation_api = LiquidationApi(self.source, self.faults, self._clock)
        self._runner: web.AppRunner | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Port that it listens at, once entered."""
        return self._port

    @property
    def http_url(self) -> str:
        """Base of REST addresses, without a slash at the end."""
        return f"http://{self._host}:{self._port}"

    @property
    def ws_url(self) -> str:
        """Base of stream addresses, before ``/public`` and ``/market``."""
        return f"ws://{self._host}:{self._port}"

    @property
    def liquidation_url(self) -> str:
        """Base of the liquidation history."""
        return f"{self.http_url}/api"

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The sockets that are open."""
        return tuple(self._switchboard.connections.values())

    def now_us(self) -> int:
        """Return the venue's time."""
        return self.source.now_us()

    async def advance(self, seconds: float) -> None:
        """Let time of the venue pass and return when every frame of it was handed to the sockets."""
        await self._play(round(seconds * 1e6), flush=True)

    async def failed(self) -> None:
        """Wait until time stops passing, which it does only by a defect, and raise what stopped it."""
        if self._pump is None:
            await asyncio.Event().wait()
        else:
            await asyncio.shield(self._pump)

    def add_fault(self, kind: Any, **options: Any) -> Fault:
        """Ask for a fault; see ``Fault``."""
        fault = self.faults.add(kind, **options)
        if fault.kind == "clock_jump":
            self.source.shift_events(round(fault.seconds * 1e6))
            self.faults.take("clock_jump")
        elif fault.kind == "stale_snapshot":
            self._gate.remember(fault)
        elif fault.kind == "contract":
            self.faults.take("contract")
            self._change_contract(fault)
        elif fault.kind in ("cut", "half_open"):
            # A connection that is quiet is cut as well: the network does not wait for a frame.
            self._break_now(fault)
        return fault

    def statistics(self) -> dict[str, Any]:
        """Return counters of sockets, streams, frames, requests and faults."""
        return {
            "connections": [connection.statistics() for connection in self.connections],
            "published": self._switchboard.published,
            "requests": dict(self._gate.requests),
            "liquidation_requests": self._liquidation_api.requests,
            "faults": dict(self.faults.struck),
            "now_us": self.now_us(),
        }

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(self._rest.routes())
        app.add_routes(self._series.routes())
        app.add_routes(self._liquidation_api.routes())
        app.add_routes(
            [
                web.get("/sim/statistics", self._statistics),
                web.get("/sim/faults", self._list_faults),
                web.post("/sim/faults", self._post_fault),
                web.delete("/sim/faults", self._clear_faults),
            ]
        )
        for prefix in ("/public", "/market", "/private", ""):
            app.router.add_get(f"{prefix}/ws", self._socket)
            app.router.add_get(prefix + "/ws/{names:.*}", self._socket)
            app.router.add_get(f"{prefix}/stream", self._socket)
        app.router.add_route("*", "/{path:.*}", unknown_path)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        if not self._manual:
            self._pump = asyncio.create_task(self._run(), name="sim-pump")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})
        self._switchboard.cut()
        assert self._runner is not None
        await self._runner.cleanup()
        if self._pump is not None and not self._pump.cancelled() and (failure := self._pump.exception()) is not None:
            raise failure

    # Time

    async def _run(self) -> None:
        before_us = self._clock.now_us()
        while True:
            await self._clock.sleep(_PORTION_S)
            now_us = self._clock.now_us()
            elapsed_us = min(now_us - before_us, round(_MAX_LAG_S * 1e6))
            before_us = now_us
            if self.source.paced_by_readers:
                await self._play(0, flush=True)
            else:
                await self._play(round(max(0, elapsed_us) * self._speed), flush=False)

    async def _play(self, elapsed_us: int, *, flush: bool) -> None:
        async with self._playing:
            for _ in self.source.play(elapsed_us, self._switchboard.publish):
                # Sockets are served between two portions, so that a long way to go does not fill their queues.
                if flush:
                    await self._switchboard.flushed(held=not self._manual)
                await asyncio.sleep(0)

    def _weight_clock_us(self) -> int:
        return self.source.now_us() if self._manual else time.time_ns() // 1000

    def _book(self, symbol: str) -> bytes | None:
        try:
            return self._rest.depth_body(symbol, 1_000)
        except KeyError:
            return None

    def _break_now(self, fault: Fault) -> None:
        hit = [
            connection
            for connection in self.connections
            if (not fault.connection or connection.number == fault.connection) and _carries(connection, fault)
        ]
        hit = hit if fault.count < 0 else hit[: fault.count]
        if fault.kind == "cut":
            self._switchboard.cut(hit)
        else:
            self._switchboard.part(hit)
        self.faults.struck[fault.kind] = self.faults.struck.get(fault.kind, 0) + len(hit)
        self.faults.remove(fault.id)

    def _change_contract(self, fault: Fault) -> None:
        symbol = fault.symbol.upper()
        listing = next((listing for listing in self.source.listings if listing.symbol == symbol), None)
        if listing is None:
            raise ValueError(f"{fault.symbol!r} is not listed")
        contracts = self._rest.contracts
        if fault.tick_size:
            factor = listing.tick_size / Decimal(fault.tick_size)
            if factor not in (1, 10, 100):
                raise ValueError(f"the tick size of {symbol} can be {listing.tick_size}, or 10 or 100 times as fine")
            self.source.refine(symbol, int(factor))
            self._rest.refine(symbol, int(factor))
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
        self.source.halt(symbol, halted=contract.status != "TRADING", closed=self._closed.get(symbol, False))

    # Sockets

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        first, _, rest = request.path.lstrip("/").partition("/")
        root = first if first in ("public", "market", "private") else ""
        if (fault := self.faults.for_request(request.path, "")) is not None and fault.kind == "status":
            return struck(fault, {})
        combined = (rest if root else first) == "stream"
        named = request.query.get("streams", "") if combined else request.match_info.get("names", "")
        subscriptions = Subscriptions(
            [name for name in named.split("/") if name],
            combined=combined,
            limit=self.limits.streams_per_connection,
        )
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20, timeout=1.0)
        await socket.prepare(request)
        if subscriptions.too_many:
            await socket.close(code=1008, message=b"Too many streams")
            return socket
        self._issued += 1
        connection = Connection(self._issued, _root(root), subscriptions, socket, limits=self.limits, clock=self._clock)
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
        return socket

    async def _read(self, connection: Connection, socket: web.WebSocketResponse) -> None:
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

    # Control

    async def _statistics(self, _: web.Request) -> web.Response:
        return _json(self.statistics())

    async def _list_faults(self, _: web.Request) -> web.Response:
        return _json(self.faults.listed())

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return _json([])

    async def _post_fault(self, request: web.Request) -> web.Response:
        try:
            fault = msgspec.json.decode(await request.read(), type=Fault)
        except msgspec.DecodeError as error:
            return _json({"error": str(error)}, status=400)
        try:
            return _json(self.add_fault(fault))
        except (ValueError, ArithmeticError) as error:
            return _json({"error": str(error)}, status=400)


def _root(text: str) -> Root:
    return "public" if text == "public" else "market" if text == "market" else "private" if text == "private" else ""


def _carries(connection: Connection, fault: Fault) -> bool:
    streams: dict[str, StreamName] = connection.delivered()
    if fault.stream:
        return fault.stream in streams
    return not fault.symbol or any(name.symbol == fault.symbol.upper() for name in streams.values())


def _json(body: Any, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
