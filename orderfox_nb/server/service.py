"""State that a server's handlers share: settings, access rules, counters, sockets and the desks."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.bot_runs.board import BotBoard
from orderfox_nb.desk.bot_runs.runner import BotRunner
from orderfox_nb.desk.brokers.lock import TradingLock, TradingMode
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.store.store import Store
from orderfox_nb.errors import MissingExtra, SettingError
from orderfox_nb.feeds.charges import Charge
from orderfox_nb.lifecycle import Service
from orderfox_nb.server.admission import Admission
from orderfox_nb.server.clients import TrustedProxies
from orderfox_nb.server.computations import Computations
from orderfox_nb.server.connections import Connections, allowed_connections
from orderfox_nb.server.limits import (
    ClientRate,
    ClientWeight,
    EventReaders,
    NewTopics,
    Playheads,
    RateLimit,
    SocketSlots,
)
from orderfox_nb.server.metrics import Metrics
from orderfox_nb.server.request_log import RequestLog
from orderfox_nb.server.request_share import PageShare, RequestShare

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from orderfox_nb.desk.bot_runs.manual import ManualTrader

_log = logging.getLogger(__name__)

MAX_REFUSED_ORIGINS: Final = 100
_ARRIVALS: Final = 2
"""Requests of any kind, as a multiple of those of REST: a page loads up to some hundred files."""
_ARRIVALS_AT_ONCE: Final = 20


class OpenSocket(Protocol):
    """A WebSocket that the server can close."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Start the closing handshake."""
        ...

    async def ended(self) -> None:
        """Wait until the socket's task has left."""
        ...


class DeskService:
    """One server's desks and the rules for reaching it; everything runs on the server's own loop.

    Nothing is opened before the first reader asks: an extension that is installed and not used costs nothing.

    Args:
        settings: What the environment and the command line say, or the reason why it cannot be used.
        public: Whether anybody may read market data.
        standalone: Whether there is no identity but our own token (``orderfox serve``).
        heartbeat_s: A socket that was quiet for this long gets a heartbeat.
        stall_timeout_s: A reader of events that reads nothing for this long is closed.
        loopback_limited: Whether the limit of sockets a client counts for this machine itself.
        open_: Opens the desks; those of the settings when not given.
    """

    def __init__(
        self,
        settings: Settings | SettingError | MissingExtra,
        *,
        public: bool,
        standalone: bool,
        heartbeat_s: float = 15.0,
        stall_timeout_s: float = 10.0,
        loopback_limited: bool = False,
        open_: Callable[[Settings], AbstractAsyncContextManager[Desks]] | None = None,
    ) -> None:
        self.problem = None if isinstance(settings, Settings) else settings
        self.settings = settings if isinstance(settings, Settings) else load_safe_settings()
        self.public = public
        self.standalone = standalone
        self.heartbeat_s = heartbeat_s
        self.stall_timeout_s = stall_timeout_s
        self.token = self.settings.server_token.get_secret_value() or secrets.token_urlsafe(32)
        """Opens every route to the kernels that this server started."""
        self.metrics = Metrics()
        self.request_log = RequestLog()
        self.sockets: set[OpenSocket] = set()
        self.slots = SocketSlots(
            overall=self.settings.max_sockets,
            # Logged-in users are trusted, and behind a hub all of them have the hub's address.
            per_client=self.settings.max_client_sockets if standalone else self.settings.max_sockets,
            loopback_limited=loopback_limited,
        )
        self.now_s: Callable[[], float] = time.monotonic
        """Measures every rate."""
        self.writes = RateLimit(burst=20, per_s=2, now_s=lambda: self.now_s())  # noqa: PLW0108  (it may be replaced)
        self.bot_writes = RateLimit(burst=500, per_s=100, now_s=lambda: self.now_s())  # noqa: PLW0108  (as above)
        """Bots are changed in the database, which costs no venue anything."""
        self.store = Store(self.settings)
        self.lock = TradingLock(self.settings, public=public)
        self.trading_mode: TradingMode = "paper"
        """Where orders by hand go; paper again after a restart."""
        self.runner = BotRunner(self.store, self.desk, lock=self.lock)
        self.bot_checks = asyncio.Semaphore(1)
        """Reports and replays of bots in progress: each computes for seconds."""
        self.board = BotBoard(self.runner, self.store)
        self._trader: ManualTrader | None = None
        self.weight = ClientWeight(
            per_minute=self.settings.max_client_weight,
            loopback_limited=loopback_limited,
            now_s=lambda: self.now_s(),  # noqa: PLW0108  (it may be replaced)
        )
        self.new_topics = NewTopics(
            per_minute=self.settings.max_client_topics,
            loopback_limited=loopback_limited,
            now_s=lambda: self.now_s(),  # noqa: PLW0108  (it may be replaced)
        )
        rate = partial(
            ClientRate,
            loopback_limited=loopback_limited,
            now_s=lambda: self.now_s(),  # noqa: PLW0108  (it may be replaced)
        )
        self.messages = rate(per_s=self.settings.max_client_messages)
        self.frames = rate(per_s=self.settings.max_client_messages)
        """WebSocket frames of clients that are not messages."""
        self.reads = rate(per_s=self.settings.max_client_requests)
        requests = self.settings.max_client_requests
        self.arrivals = rate(per_s=_ARRIVALS * requests, burst=_ARRIVALS_AT_ONCE * requests)
        """Requests of any kind: REST, pages, their files and what is refused."""
        self.event_readers = EventReaders(per_client=self.settings.max_client_events, loopback_limited=loopback_limited)
        self.playheads = Playheads(
            overall=self.settings.max_playheads,
            # As for sockets.
            per_client=self.settings.max_client_playheads if standalone else self.settings.max_playheads,
            loopback_limited=loopback_limited,
        )
        self.computations = Computations(
            overall=self.settings.max_keys,
            per_client=self.settings.max_client_keys if standalone else self.settings.max_keys,
            loopback_limited=loopback_limited,
            now_s=lambda: self.now_s(),  # noqa: PLW0108  (it may be replaced)
        )
        self.share = RequestShare(
            loopback_limited=loopback_limited,
            now_s=lambda: self.now_s(),  # noqa: PLW0108  (it may be replaced)
        )
        self.page_share = PageShare(
            loopback_limited=loopback_limited,
            now_s=lambda: self.now_s(),  # noqa: PLW0108  (it may be replaced)
        )
        self.requests = 0
        """REST requests in progress."""
        self.openapi: bytes | None = None
        """The encoded OpenAPI document, kept from the first request on."""
        self._refused_origins: set[str] = set()
        self._desks: Desks | None = None
        open_all = open_ or open_desks
        self._service = Service(lambda: self._opened(open_all), name="orderfox desks")

    def bounds(self) -> dict[str, Any]:
        """Return what a server that stands alone is bounded by: its connections, and the proxies it believes."""
        proxies = TrustedProxies(self.settings.proxy_networks)
        connections = Connections(
            overall=allowed_connections(self.settings.max_connections),
            per_client=self.settings.max_client_connections,
            exempt=lambda address: proxies.trusts(address) or self.slots.exempts(address),
        )
        return {"connections": connections, "proxies": proxies, "admission": Admission(self.arrivals, self.token)}

    def charge(self, client: str, *, trusted: bool) -> Charge | None:
        """Return what takes the cost of a client's questions from it: nothing does where the client is trusted."""
        if trusted or not self.standalone:
            return None
        return partial(self.weight.spend, client)

    def lists_origin(self, origin: str | None) -> bool:
        """Return whether an origin is one of CORS_ORIGINS."""
        origins = self.settings.origins
        return bool(origin) and (str(origin).rstrip("/") in origins or "*" in origins)

    def admits_origin(self, origin: str | None, host: str) -> bool:
        """Return whether a page of an origin may open a WebSocket of a server that stands alone.

        Args:
            origin: The Origin header; a program sends none.
            host: The Host header.
        """
        if not origin or urlsplit(origin.lower()).netloc == host.lower() or self.lists_origin(origin):
            return True
        self.note_refused_origin(origin, host)
        return False

    def note_refused_origin(self, origin: str, host: str) -> None:
        """Log, once an origin, that its WebSockets are refused: every reconnecting page asks again and again."""
        if origin in self._refused_origins or len(self._refused_origins) >= MAX_REFUSED_ORIGINS:
            return
        self._refused_origins.add(origin)
        _log.warning(
            "origin=%.200s host=%.200s WebSockets refused: a reverse proxy must forward the Host header, "
            "or CORS_ORIGINS must list the origin",
            origin,
            host,
        )

    @property
    def opened(self) -> Desks | None:
        """The desks, if somebody has asked for one yet."""
        return self._desks

    async def desk(self, venue: str | None = None) -> Desk:
        """Return the desk of a venue, the first one for none.

        Raises:
            BadValue: No such venue.
            SettingError: The settings cannot be used.
            MissingExtra: The source needs a library that is not installed.
        """
        return (await self.desks()).of(venue)

    async def desks(self) -> Desks:
        """Return the desks, opened by the first call.

        Raises:
            SettingError: The settings cannot be used.
            MissingExtra: The source needs a library that is not installed.
        """
        if self.problem is not None:
            raise self.problem
        return await self._service.start()

    @property
    def trader(self) -> ManualTrader:
        """What gives orders by hand."""
        if self._trader is None:
            from orderfox_nb.desk.bot_runs.manual import ManualTrader  # noqa: PLC0415  (it imports strategies)

            self._trader = ManualTrader(self.store, self.runner)
        return self._trader

    def start_bots(self) -> None:
        """Run the active bots, where there may be any; called once the server answers."""
        if self.problem is None and self.store.exists:
            self.runner.start()

    async def stop(self) -> None:
        """End bots and sockets, then the desks and the store; safe to call twice."""
        await asyncio.gather(self.runner.stop(), self._close_sockets())
        await asyncio.gather(self._service.stop(), self.board.close())
        await self.store.close()

    async def _close_sockets(self) -> None:
        sockets = tuple(self.sockets)
        for socket in sockets:
            socket.close(1001, "server stops")
        if sockets:
            waits = [asyncio.ensure_future(socket.ended()) for socket in sockets]
            _, late = await asyncio.wait(waits, timeout=0.5)
            for wait in late:
                wait.cancel()

    @asynccontextmanager
    async def _opened(self, open_: Callable[[Settings], AbstractAsyncContextManager[Desks]]) -> AsyncGenerator[Desks]:
        async with open_(self.settings) as desks:
            self._desks = desks
            desks.attach(self.board)
            _log.info("desk=open source=%s", self.settings.source)
            try:
                yield desks
            finally:
                self._desks = None


@asynccontextmanager
async def open_desks(settings: Settings) -> AsyncGenerator[Desks]:
    """Open the desks of the settings.

    Raises:
        SettingError: The source cannot be used.
        MissingExtra: It needs a library that is not installed.
    """
    # Here and below: an extension that nobody uses does not pay for the feeds.
    from orderfox_nb.feeds.sources import open_feeds  # noqa: PLC0415

    async with Desks(open_feeds(settings.source, settings, beside=True), settings) as desks:
        yield desks


def read_settings(**overrides: object) -> Settings:
    """Read the settings and check the source, without any I/O towards it.

    Raises:
        SettingError: A value that cannot be used; names the variable.
        MissingExtra: The source needs a library that is not installed.
    """
    from orderfox_nb.feeds.sources import open_feeds  # noqa: PLC0415

    settings = load_settings(**overrides)
    Desks(open_feeds(settings.source, settings, beside=True), settings)
    return settings


def load_safe_settings() -> Settings:
    """Return the defaults, for a server that has to say what is wrong with the given ones."""
    return Settings.model_construct()
