"""The one exchange object of a venue: requests within its limits, with our errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from aiohttp import WSMsgType

from orderfox_nb.clock import Clock
from orderfox_nb.core.symbols import suggest
from orderfox_nb.errors import RateLimited, UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.ccxt.failures import PAUSE_S, our_error, readable
from orderfox_nb.feeds.ccxt.loading import ccxt_errors, load_exchange
from orderfox_nb.feeds.ccxt.markets import CcxtMarkets, contract_size
from orderfox_nb.feeds.ccxt.structures import StructureReader
from orderfox_nb.feeds.ccxt.venues import Kind, facts_of, options_of
from orderfox_nb.feeds.venue.weights import ROUTINE, WeightBudget

_log = logging.getLogger(f"{__name__}.ccxt")
# What it has to say at this level is said by the streams.
_log.setLevel(logging.ERROR)

ANSWER_S: Final = 20.0
"""How long one answer is waited for."""
SILENT_S: Final = 5.0
"""A socket without a frame for this long, while one of its streams is overdue, is taken for dead."""
PONG_S: Final = 3.0
"""How long a socket has to answer a ping."""
_STREAM: Final[ContextVar[str]] = ContextVar("ccxt stream", default="")
"""The stream for which this task asks ccxt."""
_ASKED_S: Final = 30.0
_CLOSE_S: Final = 5.0


class CcxtClient:
    """An exchange of ccxt.

    Args:
        exchange_id: As in ``ccxt.exchanges``.
        kind: Which of its markets are meant, swap where it has them and spot else with ``None``.
        venue: Its name here, ``ccxt-<id>`` where it is empty, with ``-spot`` for spot markets.
        urls: Replaces its addresses, for tests: ``urls["api"]`` of ccxt.
        paced: Whether requests are spread as the venue wants it; one of our own wants nothing.
        clock: Measures pauses.

    Raises:
        MissingExtra: ccxt is not installed.
    """

    def __init__(
        self,
        exchange_id: str,
        *,
        kind: Kind | None = None,
        venue: str = "",
        urls: Mapping[str, Any] | None = None,
        paced: bool = True,
        clock: Clock,
    ) -> None:
        self.exchange: Any = load_exchange(exchange_id, {"enableRateLimit": paced, "logger": _log})
        has: Mapping[str, Any] = self.exchange.has
        self.kind: Kind = kind or ("swap" if has.get("swap") else "spot")
        self.facts = facts_of(exchange_id)
        self.venue = venue or f"ccxt-{exchange_id}{'-spot' if self.kind == 'spot' else ''}"
        self.report: Callable[[BaseException | None], None] = _ignore
        """Called with the error when it cannot be reached, and with ``None`` when it can."""
        self._clock = clock
        self._loading = asyncio.Lock()
        self.exchange.options.update(options_of(exchange_id, self.kind))
        self.exchange.timeout = round(ANSWER_S * 1000)
        # Most venues want keys for it, and no market needs it.
        has["fetchCurrencies"] = False  # type: ignore[index]
        if urls is not None:
            self.exchange.urls["api"] = dict(urls)
        a_minute = max(6, round(60_000 / (float(self.exchange.rateLimit) or 1_000.0))) if paced else 60_000
        self.budget = WeightBudget(self.venue, clock, limit=a_minute)
        self.markets = CcxtMarkets(self._load_markets, self.exchange.precisionMode, self.kind, venue=self.venue)
        self.frames = 0
        self._heard_us: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        """When each socket last got a frame."""
        self._carried: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
        """The streams for which ccxt uses each socket."""
        self._probes: dict[Any, asyncio.Task[None]] = {}
        """Sockets that were pinged, with the task that waits for the pong."""
        self._pinged: WeakSet[Any] = WeakSet()
        self._answers_pings = False
        """Whether the venue has ever sent a pong: if so, a socket without a pong in time is half open."""
        self._guard_sockets()
        self.calls = 0
        self.failures = 0

    def _guard_sockets(self) -> None:
        make = self.exchange.client

        def guarded(url: str) -> Any:
            known: Mapping[str, Any] = self.exchange.clients or {}
            new = url not in known
            socket = make(url)
            if new:
                socket.handle_message = partial(self._receive, socket, socket.handle_message)
                self._heard_us[socket] = self._clock.now_us()
            if stream := _STREAM.get():
                self._carried.setdefault(socket, set()).add(stream)
            return socket

        self.exchange.client = guarded

    def _receive(self, socket: Any, handle: Callable[[Any], None], message: Any) -> None:
        self.frames += 1
        self._heard_us[socket] = self._clock.now_us()
        self._answers_pings = self._answers_pings or message.type is WSMsgType.PONG
        try:
            handle(message)
        except Exception as error:  # noqa: BLE001 - ccxt reads messages with few checks
            # ccxt would stop reading from this socket without a word.
            _fail(socket, f"a message that cannot be read: {readable(error, self.venue)}")

    @contextmanager
    def asking_for(self, stream: str) -> Generator[None]:
        """Note which sockets ccxt uses for a stream that this task waits for."""
        token = _STREAM.set(stream)
        try:
            yield
        finally:
            _STREAM.reset(token)

    def drop_silent_sockets(self, stream: str) -> None:
        """Close the silent sockets of an overdue stream, and ping the others before they are closed.

        Args:
            stream: Is overdue. A socket that carries it is closed after ``SILENT_S`` without a message. A socket of
                other streams may be quiet for a good reason, and is closed only if it does not answer a ping.
        """
        for socket in self._sockets:
            if self._silent_us(socket) <= SILENT_S * 1e6:
                continue
            if stream in self._carried.get(socket, ()):
                self._drop(socket)
            else:
                self._begin_probe(socket, overdue=True)

    def probe_sockets(self) -> None:
        """Ping every silent socket, and each socket once to learn whether the venue answers pings."""
        for socket in self._sockets:
            if socket not in self._pinged or (self._answers_pings and self._silent_us(socket) > SILENT_S * 1e6):
                self._begin_probe(socket, overdue=False)

    def _begin_probe(self, socket: Any, *, overdue: bool) -> None:
        if socket in self._probes or socket.closed():
            return
        task = asyncio.create_task(self._probe(socket, overdue=overdue), name=f"venue ccxt pong of {self.venue}")
        self._probes[socket] = task
        task.add_done_callback(lambda _: self._probes.pop(socket, None))

    async def _probe(self, socket: Any, *, overdue: bool) -> None:
        with suppress(Exception):
            async with asyncio.timeout(PONG_S):
                await socket.connection.ping()
                # One that is not connected yet could not be asked.
                self._pinged.add(socket)
        await self._clock.sleep(PONG_S)
        is_silent = self._silent_us(socket) > SILENT_S * 1e6
        if is_silent and (overdue or self._answers_pings) and not socket.closed():
            self._drop(socket)

    def _silent_us(self, socket: Any) -> int:
        now_us = self._clock.now_us()
        return now_us - self._heard_us.get(socket, now_us)

    def _drop(self, socket: Any) -> None:
        silent_us = self._silent_us(socket)
        _fail(socket, f"nothing has come for {silent_us / 1e6:.0f} s", silent_us=silent_us)

    def has(self, name: str) -> bool:
        """Return whether the exchange has a method, by its name in ``exchange.has``."""
        return bool(self.exchange.has.get(name))

    async def reading(self, symbol: str) -> tuple[str, StructureReader]:
        """Return a symbol's unified name and how its structures are read; loads the markets before.

        Raises:
            UnknownSymbol: The venue does not list it.
            FeedError: The venue cannot be asked.
        """
        async with self._loading:
            if not self.markets.known:
                await self.markets.read()
        market = self.markets.known.get(symbol)
        if market is None:
            reason = self.markets.state(symbol).reason
            raise UnknownSymbol(symbol, suggest(symbol, list(self.markets.known)), reason=reason)
        return str(market["symbol"]), self.reading_of(symbol)

    def reading_of(self, symbol: str) -> StructureReader:
        """Return how the structures of a known symbol are read."""
        return StructureReader(symbol=symbol, unit=contract_size(self.markets.known[symbol]), facts=self.facts)

    async def ask(self, method: str, *arguments: Any, priority: int = ROUTINE, **named: Any) -> Any:
        """Return the answer of one of ccxt's methods.

        Raises:
            FeedError: The venue refused, or did not answer.
        """
        await self.budget.acquire(1, priority=priority, timeout_s=_ASKED_S if priority > ROUTINE else None)
        try:
            return await self._asked(getattr(self.exchange, method)(*arguments, **named))
        finally:
            self.budget.release(1)

    async def _asked(self, request: Awaitable[Any]) -> Any:
        self.calls += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await request
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            raise self.failed(VenueUnreachable(self.venue, "the connection was closed")) from None
        except Exception as error:  # noqa: BLE001 - half an answer may raise anything in ccxt
            raise self.failed(error) from None
        self.report(None)
        return answer

    def failed(self, error: BaseException) -> Exception:
        """Count a failure, keep the pause that the venue wants, and return our error."""
        self.failures += 1
        ours = our_error(error, self.venue, retry_after_s=self._retry_after_s())
        if isinstance(ours, RateLimited):
            self.budget.pause(ours.retry_after_s)
        self.report(ours)
        return ours

    def _retry_after_s(self) -> float:
        headers: Mapping[str, str] = self.exchange.last_response_headers or {}
        for name, value in headers.items():
            if name.lower() == "retry-after":
                with suppress(ValueError):
                    return max(0.0, min(float(value), 3_600.0))
        return PAUSE_S

    async def _load_markets(self, again: bool) -> Mapping[str, Any]:
        return await self._asked(self.exchange.load_markets(again))

    @property
    def open_sockets(self) -> int:
        """How many websockets are open."""
        return sum(not socket.closed() for socket in self._sockets)

    @property
    def connected(self) -> bool:
        """Whether every websocket is open, and there is one."""
        sockets = self._sockets
        return bool(sockets) and all(socket.isConnected and not socket.closed() for socket in sockets)

    @property
    def _sockets(self) -> Sequence[Any]:
        clients: Mapping[str, Any] = self.exchange.clients or {}
        return list(clients.values())

    async def close_sockets(self) -> None:
        """Close every websocket; streams that are still read open them again."""
        await self._end_probes()
        async with asyncio.timeout(_CLOSE_S):
            await self.exchange.close_ws_clients()

    async def close(self) -> None:
        """Close every connection; what does not close in time is left, and logged."""
        await self._end_probes()
        await self.budget.close()
        # What it waits for at the end is for programs that exit at once.
        self.exchange.timeout_on_exit = 0
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self.exchange.close()
        except Exception:  # noqa: BLE001 - ccxt may raise anything, and the caller has nothing to do about it
            _log.exception("%s: a connection was not closed", self.venue)

    async def _end_probes(self) -> None:
        """Cancel what waits for a pong."""
        probes = list(self._probes.values())
        for task in probes:
            task.cancel()
        if probes:
            await asyncio.wait(probes)


def is_cancelled() -> bool:
    """Return whether this task is cancelled: ccxt cancels what waits for a socket that it closes."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _fail(socket: Any, reason: str, *, silent_us: int = 0) -> None:
    """Close a socket of ccxt with an error for everything that waits for it."""
    error = ccxt_errors().NetworkError(reason)
    error.silent_us = silent_us
    socket.on_error(error)


def _ignore(_: BaseException | None) -> None:
    """Nobody asks."""
