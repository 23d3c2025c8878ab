"""The server: one loopback port with the venue's REST, streams and liquidation history, and a control API."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Final, Literal, Self

from aiohttp import web

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.sim.endpoints import Endpoints
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server.connections import StreamConnection
from orderfox_nb.sim.server.control import Control
from orderfox_nb.sim.server.exchange_source import ExchangeSource
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.gate import Gate, unknown_path
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.liquidation_api import LiquidationApi
from orderfox_nb.sim.server.rest import Rest
from orderfox_nb.sim.server.rest_accounts import AccountsRest
from orderfox_nb.sim.server.rest_orders import OrdersRest
from orderfox_nb.sim.server.rest_reference import ReferenceRest
from orderfox_nb.sim.server.rest_series import SeriesRest
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.signing import SignedRequests
from orderfox_nb.sim.server.sockets import Sockets
from orderfox_nb.sim.server.source import ServedSource
from orderfox_nb.sim.server.spot import SPOT_LIMITS, spot_publish
from orderfox_nb.sim.server.switchboard import Switchboard
from orderfox_nb.sim.server.user_streams import UserStreams

_PORTION_S: Final = 0.02
"""How often the server wakes up to let time pass."""
_MAX_LAG_S: Final = 5.0
"""After a longer pause (a suspended machine) the venue's time continues from where it was and does not catch up."""


class SimServer(Endpoints):
    """Serves an exchange or a tape.

    Args:
        source: What to serve.
        host: Address to listen at.
        port: 0 for a free one.
        speed: How many seconds of the venue pass in one; infinity plays as fast as readers read.
        manual: Time passes only by ``advance``, so that a test is deterministic.
        faults: Faults in force from the start.
        limits: The venue's limits, for tests that shorten them.
        clock: Sets the pace.
        market: Which of the venue's hosts it is.
        on_time: The source's time is that of the clock, also after a start that took long.
    """

    def __init__(
        self,
        source: Exchange | ServedSource,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        manual: bool = False,
        faults: Faults | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        market: Literal["futures", "spot"] = "futures",
        on_time: bool = False,
    ) -> None:
        self._spot = market == "spot"
        self.source: ServedSource = ExchangeSource(source, spot=self._spot) if isinstance(source, Exchange) else source
        self.faults = faults if faults is not None else Faults()
        self.limits = limits if limits is not None else SPOT_LIMITS if self._spot else Limits()
        self.host = host
        self.port = port
        self._speed = speed
        self._on_time = on_time
        self._manual = manual
        self._clock: Clock = clock if clock is not None else SystemClock()
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
        selection = Selection(self.source)
        self._rest = Rest(selection, self._gate, spot=self._spot)
        self._series = SeriesRest(selection, self._gate, spot=self._spot)
        self._reference = ReferenceRest(selection, self._gate)
        self._private: list[web.RouteDef] = []
        """Routes of accounts, which a tape and the spot host do not have."""
        self._user_streams: UserStreams | None = None
        if isinstance(source, Exchange) and not self._spot:
            trading = source.trading
            signed = SignedRequests(trading, selection.now_ms)
            streams = UserStreams(trading, selection.numbers, self._switchboard.publish, self.now_us)
            self._user_streams = streams
            self._private += OrdersRest(trading, selection, self._gate, signed).routes()
            self._private += AccountsRest(trading, selection, self._gate, signed, streams).routes()
        self._liquidation_api = LiquidationApi(self.source, self.faults, self._clock)
        self._sockets = Sockets(self._switchboard, self.faults, self.limits, self._clock, spot=self._spot)
        self._control = Control(
            self.source,
            self.faults,
            self._switchboard,
            gate=self._gate,
            selection=selection,
            statistics=self.statistics,
        )
        publish = self._switchboard.publish
        self._publish = spot_publish(publish) if self._spot else publish
        self._runner: web.AppRunner | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def connections(self) -> tuple[StreamConnection, ...]:
        """The sockets that are open."""
        return tuple(self._switchboard.connections.values())

    def now_us(self) -> int:
        """Return the venue's time."""
        return self.source.now_us()

    async def advance(self, seconds: float) -> None:
        """Advance the venue's time and return when every frame of it was sent to the sockets."""
        await self._play(round(seconds * 1e6), flush=True)

    async def failed(self) -> None:
        """Wait until the pump of time fails, which only a defect causes, and raise the failure."""
        if self._pump is None:
            await asyncio.Event().wait()
        else:
            await asyncio.shield(self._pump)

    def add_fault(self, kind: Any, **options: Any) -> Fault:
        """Add a fault; see ``Fault``."""
        return self._control.add(kind, **options)

    def statistics(self) -> dict[str, Any]:
        """Return counters of sockets, streams, frames, requests and faults."""
        return {
            "connections": [connection.statistics() for connection in self.connections],
            "published": self._switchboard.published,
            "requests": dict(self._gate.requests),
            "liquidation_requests": self._liquidation_api.requests,
            "faults": dict(self.faults.applied),
            "now_us": self.now_us(),
        }

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(self._rest.routes())
        app.add_routes(self._series.routes())
        if not self._spot:
            app.add_routes(self._reference.routes())
            app.add_routes(self._liquidation_api.routes())
        app.add_routes(self._private)
        app.add_routes(self._control.routes())
        app.add_routes(self._sockets.routes())
        app.router.add_route("*", "/{path:.*}", unknown_path)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
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
        if self._on_time:
            # Several exchanges can be compared only if none is behind by what its start took.
            await self._play(max(0, before_us - self.now_us()), flush=False)
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
            for _ in self.source.play(elapsed_us, self._publish):
                if self._user_streams is not None:
                    self._user_streams.expire()
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
