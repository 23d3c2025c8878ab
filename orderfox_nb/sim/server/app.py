"""The server: one loopback port with a venue's REST and streams, and a control API."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.sim.endpoints import Endpoints
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server.connections import StreamConnection
from orderfox_nb.sim.server.control import Control
from orderfox_nb.sim.server.exchange_source import ExchangeSource
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.host import Host, Parts
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.protocols import MarketKind, ProtocolName, protocol_of
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.source import ServedSource
from orderfox_nb.sim.server.switchboard import Switchboard

_PORTION_S: Final = 0.02
"""How often the server wakes up to let time pass."""
_CATCH_UPS: Final = 3
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
        market: Which of Binance's hosts it is.
        on_time: The source's time is that of the clock, also after a start that took long.
        protocol: Protocol of the exchange.

    Raises:
        ValueError: The arguments cannot be combined.
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
        market: MarketKind = "futures",
        on_time: bool = False,
        protocol: ProtocolName = "binance",
    ) -> None:
        exchange = source if isinstance(source, Exchange) else None
        family = protocol_of(protocol, market, tape=exchange is None)
        self.source: ServedSource = (
            ExchangeSource(source, spot=market == "spot", family=family.streams)
            if isinstance(source, Exchange)
            else source
        )
        self.faults = faults if faults is not None else Faults()
        self.limits = limits if limits is not None else family.limits
        self.host = host
        self.port = port
        self._speed = speed
        self._on_time = on_time
        self._manual = manual
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._playing = asyncio.Lock()
        self._switchboard = Switchboard(
            self.faults,
            self.limits,
            opened=self.source.open_stream,
            closed=self.source.close_stream,
            first=self.source.first_frame,
        )
        selection = Selection(self.source)
        self._host: Host = family.host(
            Parts(
                exchange=exchange,
                source=self.source,
                faults=self.faults,
                limits=self.limits,
                clock=self._clock,
                clock_us=self._limit_clock_us,
                switchboard=self._switchboard,
                selection=selection,
            )
        )
        self._control = Control(
            self.source,
            self.faults,
            self._switchboard,
            gate=self._host.guard,
            selection=selection,
            statistics=self.statistics,
        )
        self._publish = self._host.publisher(self._switchboard.publish)
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
            "requests": dict(self._host.guard.requests),
            "liquidation_requests": self._host.history_requests,
            "faults": dict(self.faults.applied),
            "now_us": self.now_us(),
        }

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(self._control.routes())
        app.add_routes(self._host.routes())
        app.router.add_route("*", "/{path:.*}", self._host.unknown_path)
        # Several exchanges can be compared only if none is behind by what its start took. Catching up takes time too,
        # less each round.
        for _ in range(_CATCH_UPS if self._on_time else 0):
            await self._play(max(0, self._clock.now_us() - self.now_us()), flush=False)
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
        before_us = self.now_us() if self._on_time else self._clock.now_us()
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
                self._host.expire()
                # Sockets are served between two portions, so that a long way to go does not fill their queues.
                if flush:
                    await self._switchboard.flushed(held=not self._manual)
                await asyncio.sleep(0)

    def _limit_clock_us(self) -> int:
        return self.source.now_us() if self._manual else time.time_ns() // 1000
