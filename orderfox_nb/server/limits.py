"""Limits on requests, for one client and in total."""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from orderfox_nb.core.events import Topic
from orderfox_nb.errors import ClientLimited, TooManyFrames, TooManyPlayheads
from orderfox_nb.server.clients import client_of, is_loopback

MAX_REQUESTS: Final = 256
"""Requests in progress at once."""
_MAX_CLIENTS: Final = 1024
_OPENING_S: Final = 1.0
"""Within this time a topic that a client opens counts once; shorter than the linger of an unread topic."""


class RateLimit:
    """A bucket of permits for each client: a number at once, then a number a second.

    Args:
        burst: How many a client that was quiet has.
        per_s: How many come back a second.
        max_debt: Largest number that a client owes; what it spends beyond that is not charged.
        now_s: Measures time.
    """

    def __init__(
        self,
        *,
        burst: float,
        per_s: float,
        max_debt: float = math.inf,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_s = per_s
        self._max_debt = max_debt
        self._now_s = now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str = "", permits: float = 1) -> float:
        """Take permits of a client, by its address; returns 0, or in how many seconds there will be as many."""
        left = self._take(client, permits, owed=False)
        return (permits - left) / self._per_s if left < permits else 0.0

    def spend(self, client: str, permits: float) -> None:
        """Take permits that a client has already used, even if that leaves it in debt."""
        self._take(client, permits, owed=True)

    def _take(self, address: str, permits: float, *, owed: bool) -> float:
        """Take permits if there are enough, or if they are owed; returns how many there were."""
        client, now_s = client_of(address), self._now_s()
        left, then_s = self._left.pop(client, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - then_s) * self._per_s)
        rest = left - permits if owed or left >= permits else left
        self._left[client] = (max(rest, -self._max_debt), now_s)
        # The client seen longest ago has a full bucket again, or there are more clients than are tracked.
        if len(self._left) > _MAX_CLIENTS:
            self._left.popitem(last=False)
        return left


class ClientWeight:
    """Request budget of each client at the venue, for requests in addition to the streams that all share.

    Args:
        per_minute: Request weight, all of it at once for a client that was quiet.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
    """

    def __init__(self, *, per_minute: int, loopback_limited: bool = False, now_s: Callable[[], float]) -> None:
        self._left = RateLimit(burst=per_minute, per_s=per_minute / 60, now_s=now_s)
        self._loopback_limited = loopback_limited

    def spend(self, client: str, weight: int) -> None:
        """Spend request weight of a client.

        Raises:
            ClientLimited: It has none left.
        """
        if not self._loopback_limited and is_loopback(client):
            return
        if wait_s := self._left.wait_s(client, weight):
            raise ClientLimited(wait_s)


class NewTopics:
    """Limits topics without readers that a client opens: most begin with requests on the venue's budget.

    Args:
        per_minute: Topics of each channel, all of them at once for a client that was quiet.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
    """

    def __init__(self, *, per_minute: int, loopback_limited: bool = False, now_s: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._left: dict[str, RateLimit] = {}
        self._loopback_limited = loopback_limited
        self._now_s = now_s
        self._opening: OrderedDict[tuple[str, Topic], float] = OrderedDict()

    def open(self, client: str, topic: Topic) -> None:
        """Count a topic that a client opens: once, however many of its panels ask for it at the same time.

        Raises:
            TooManyFrames: The client has opened too many lately.
        """
        if not self._loopback_limited and is_loopback(client):
            return
        now_s, opening = self._now_s(), (client_of(client), topic)
        while self._opening and now_s - next(iter(self._opening.values())) > _OPENING_S:
            self._opening.popitem(last=False)
        if opening in self._opening:
            return
        left = self._left.get(topic.channel)
        if left is None:
            per_minute = self._per_minute
            left = RateLimit(burst=per_minute, per_s=per_minute / 60, now_s=self._now_s)
            self._left[topic.channel] = left
        if wait_s := left.wait_s(client):
            raise TooManyFrames(
                f"At most {self._per_minute} {topic.channel} topics without other readers may be opened in a minute: "
                f"try again in {max(1, round(wait_s))} s"
            )
        self._opening[opening] = now_s
        if len(self._opening) > _MAX_CLIENTS:
            self._opening.popitem(last=False)


class ClientRate:
    """Limits an action of a client by rate, over all of its connections.

    Args:
        per_s: Permits a second.
        burst: Permits at once after a quiet time; ``per_s`` by default.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
    """

    def __init__(
        self, *, per_s: int, burst: int | None = None, loopback_limited: bool = False, now_s: Callable[[], float]
    ) -> None:
        self.per_s = per_s
        self._left = RateLimit(burst=burst or per_s, per_s=per_s, now_s=now_s)
        self._loopback_limited = loopback_limited

    def wait_s(self, client: str) -> float:
        """Count one of a client; returns 0, or where it is one too many in how many seconds it may be done."""
        if not self._loopback_limited and is_loopback(client):
            return 0.0
        return self._left.wait_s(client)


class EventReaders:
    """Limits a client's streams of events: each has a queue of its own, and is encoded for its reader alone.

    Args:
        per_client: How many of one client.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
    """

    def __init__(self, *, per_client: int, loopback_limited: bool = False) -> None:
        self._per_client = per_client
        self._loopback_limited = loopback_limited
        self._reading: Counter[str] = Counter()

    @contextmanager
    def reading(self, address: str, *, trusted: bool = False) -> Generator[None]:
        """Count a stream of a client while it is read.

        Raises:
            TooManyFrames: It reads as many as one may.
        """
        client = client_of(address)
        limited = not trusted and (self._loopback_limited or not is_loopback(address))
        if limited and self._reading[client] >= self._per_client:
            raise TooManyFrames(f"At most {self._per_client} streams of events a client: close one and try again")
        self._reading[client] += 1
        try:
            yield
        finally:
            self._reading[client] -= 1
            if self._reading[client] <= 0:
                del self._reading[client]


class Playheads:
    """Limits pages in the past: each plays a recording and computes its own frames.

    Args:
        overall: How many there may be.
        per_client: How many of them of one address.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
    """

    def __init__(self, *, overall: int, per_client: int, loopback_limited: bool = False) -> None:
        self._overall = overall
        self._per_client = per_client
        self._loopback_limited = loopback_limited
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._held.total()

    @contextmanager
    def holding(self, address: str, *, trusted: bool = False) -> Generator[None]:
        """Count a playhead of a client while it has it.

        Raises:
            TooManyPlayheads: It has as many as one may, or there are too many in all.
        """
        client = client_of(address)
        if len(self) >= self._overall:
            raise TooManyPlayheads(f"All of this server's {self._overall} playheads are in use: try again later")
        limited = not trusted and (self._loopback_limited or not is_loopback(address))
        if limited and self._held[client] >= self._per_client:
            raise TooManyPlayheads(f"At most {self._per_client} pages of a client may be in the past: close one")
        self._held[client] += 1
        try:
            yield
        finally:
            self._held[client] -= 1
            if self._held[client] <= 0:
                del self._held[client]


class SocketSlots:
    """Limits open sockets, in all and of each client.

    Args:
        overall: How many there may be.
        per_client: How many of them from one address.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
    """

    def __init__(self, *, overall: int, per_client: int, loopback_limited: bool = False) -> None:
        self.overall = overall
        self.per_client = per_client
        self._loopback_limited = loopback_limited
        self._clients: Counter[str] = Counter()
        self._reserved = 0

    def reserve(self, address: str) -> str:
        """Reserve a place; returns why there is none, empty when there is one."""
        client = client_of(address)
        if self._reserved >= self.overall:
            return f"This server has all of its {self.overall} sockets in use: try again later"
        if self._clients[client] >= self.per_client and not self.exempts(address):
            return f"At most {self.per_client} sockets a client: close one and try again"
        self._reserved += 1
        self._clients[client] += 1
        return ""

    def exempts(self, address: str) -> bool:
        """Return whether an address has no limit of its own."""
        return not self._loopback_limited and is_loopback(address)

    def release(self, address: str) -> None:
        """Give a place back."""
        client = client_of(address)
        self._reserved -= 1
        self._clients[client] -= 1
        if self._clients[client] <= 0:
            del self._clients[client]
