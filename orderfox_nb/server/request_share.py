"""Limits the share of the server that one client's requests take: concurrent requests, and event-loop time.

A limit of requests a second alone is not enough: an answer with a thousand rows costs fifty times as much as one with
ten, and a request that waits for a venue holds its place for seconds. Requests of REST are refused beyond the share,
those of pages wait: a page needs each of its files, and a browser asks once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from time import thread_time
from typing import Any, Final, Generic, TypeVar

from orderfox_nb.errors import ClientLimited
from orderfox_nb.server.clients import client_of, is_loopback
from orderfox_nb.server.limits import RateLimit

Answer = TypeVar("Answer")

MAX_CLIENT_PLACES: Final = 64
"""Requests of one client in progress at once: a quarter of all places."""
_SHARE: Final = 0.25
_AT_ONCE_S: Final = 1.0
_PAGES_AT_ONCE_S: Final = 2.0
"""As many browsers behind one address as load a page of panels at once, some thirty of them."""
MAX_PAGE_WAIT_S: Final = 20.0
_MAX_PAGE_DEBT_S: Final = MAX_PAGE_WAIT_S / 2 * _SHARE
"""A page may cost more than this; its own scripts, which come next, are not refused because of it."""
_SHORTEST_S: Final = 0.001
"""A shorter wait could be too short for a clock to see."""
MAX_PAGE_WAITING: Final = 256
"""Page requests of one client that wait at once: those of some forty browsers."""


class RequestShare:
    """Counts what the requests of each client take.

    Args:
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
    """

    def __init__(self, *, loopback_limited: bool = False, now_s: Callable[[], float]) -> None:
        self._loopback_limited = loopback_limited
        self._time = RateLimit(burst=_AT_ONCE_S, per_s=_SHARE, now_s=now_s)
        self._places: Counter[str] = Counter()

    @contextmanager
    def answering(self, address: str, *, trusted: bool = False) -> Generator[Callable[[float], None]]:
        """Hold a place for a request; yields a function that charges seconds of processor time to its client.

        Raises:
            ClientLimited: The client's requests have used up its share, or its places.
        """
        if trusted or (is_loopback(address) and not self._loopback_limited):
            yield lambda _: None
            return
        client = client_of(address)
        if self._places[client] >= MAX_CLIENT_PLACES:
            raise ClientLimited(1.0, f"At most {MAX_CLIENT_PLACES} requests of a client are answered at once")
        if wait_s := self._time.wait_s(client, 0):
            raise ClientLimited(wait_s, "Your requests have used up your share of the server's time")
        self._places[client] += 1
        try:
            yield lambda seconds: self._time.spend(client, seconds)
        finally:
            self._places[client] -= 1
            if self._places[client] <= 0:
                del self._places[client]


class PageShare:
    """Lets the page requests of a client that has used up its share wait in line.

    Args:
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
        sleep: Waits.
    """

    def __init__(
        self,
        *,
        loopback_limited: bool = False,
        now_s: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._loopback_limited = loopback_limited
        self._sleep = sleep
        self._time = RateLimit(burst=_PAGES_AT_ONCE_S, per_s=_SHARE, max_debt=_MAX_PAGE_DEBT_S, now_s=now_s)
        self._waiting: Counter[str] = Counter()
        self._lines: dict[str, asyncio.Lock] = {}

    async def admit(self, address: str) -> None:
        """Wait until the client has time left.

        Raises:
            ClientLimited: It has too many requests waiting, or this one has waited for too long.
        """
        client = client_of(address)
        if self._exempts(address) or not (self._waiting[client] or self._time.wait_s(client, 0)):
            return
        if self._waiting[client] >= MAX_PAGE_WAITING:
            raise ClientLimited(MAX_PAGE_WAIT_S, f"At most {MAX_PAGE_WAITING} requests of a client wait at once")
        self._waiting[client] += 1
        try:
            # One at a time: the next one waits for what this one will have cost.
            async with asyncio.timeout(MAX_PAGE_WAIT_S), self._lines.setdefault(client, asyncio.Lock()):
                while wait_s := self._time.wait_s(client, 0):
                    await self._sleep(max(wait_s, _SHORTEST_S))
        except TimeoutError:
            raise ClientLimited(MAX_PAGE_WAIT_S, "Your requests have used up a client's share of the server") from None
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client], self._lines[client]

    def spend(self, address: str, seconds: float) -> None:
        """Charge seconds of processor time to a client."""
        if not self._exempts(address):
            self._time.spend(address, seconds)

    def _exempts(self, address: str) -> bool:
        return is_loopback(address) and not self._loopback_limited


class Measured(Awaitable[Answer], Generic[Answer]):
    """Awaits something and reports, after each of its steps, how much of the thread's time the step took.

    Args:
        awaitable: What is awaited.
        spend: Called with the seconds of processor time of each step.
    """

    def __init__(self, awaitable: Awaitable[Answer], spend: Callable[[float], None]) -> None:
        self._awaitable = awaitable
        self._spend = spend

    def __await__(self) -> Generator[Any, Any, Answer]:
        steps = self._awaitable.__await__()
        error: BaseException | None = None
        while True:
            started_s = thread_time()
            try:
                step = steps.send(None) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            finally:
                self._spend(thread_time() - started_s)
            error = None
            try:
                yield step
            except BaseException as thrown:  # noqa: BLE001  (it is thrown into the awaitable)
                error = thrown
