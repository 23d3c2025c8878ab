"""Limits the share of the server that one client's REST requests take: concurrent requests, and event-loop time.

A limit of requests a second alone is not enough: an answer with a thousand rows costs fifty times as much as one with
ten, and a request that waits for a venue holds its place for seconds.
"""

from __future__ import annotations

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
