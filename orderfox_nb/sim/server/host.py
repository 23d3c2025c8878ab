"""The parts that a protocol adds to the server: its REST paths, its sockets, its form of frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server.faults import Faults
from orderfox_nb.sim.server.guard import Guard
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.source import Publish, ServedSource
from orderfox_nb.sim.server.switchboard import Switchboard


class Parts(NamedTuple):
    """Inputs of the hosts of every protocol.

    Args:
        exchange: The embedded exchange; None for a tape.
        source: What is served.
        faults: Faults in force.
        limits: The venue's limits.
        clock: Sets the pace.
        clock_us: The clock of limits by time.
        switchboard: The connections.
        selection: Symbols and how their numbers are written.
    """

    exchange: Exchange | None
    source: ServedSource
    faults: Faults
    limits: Limits
    clock: Clock
    clock_us: Callable[[], int]
    switchboard: Switchboard
    selection: Selection


class Host(ABC):
    """One protocol of one server."""

    guard: Guard
    """Guards its REST answers."""

    @property
    def history_requests(self) -> int:
        """How often a history of liquidations beside the venue's REST was requested."""
        return 0

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """Return the routes of REST and sockets."""

    @abstractmethod
    async def unknown_path(self, request: web.Request) -> web.Response:
        """Answer a path that the venue does not have."""

    def publisher(self, publish: Publish) -> Publish:
        """Return what the source publishes to, which may change each frame."""
        return publish

    def expire(self) -> None:  # noqa: B027 - most protocols have nothing that ends
        """End what lasts only for a time; called with every step of the source."""
