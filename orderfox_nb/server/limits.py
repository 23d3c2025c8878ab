"""How much one client, and all of them together, may ask of a server."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from orderfox_nb.errors import ClientLimited, TooManyFrames
from orderfox_nb.server.clients import client_of, is_loopback

MAX_REQUESTS: Final = 256
"""Requests under way at once."""
_MAX_CLIENTS: Final = 1024
_OPENING_S: Final = 1.0
"""So long it may take until a book that a client opens is one that is open; less than one stays open unread."""


class RateLimit:
    """A bucket of permits for each client: so many at once, then so many a second.

    Args:
        burst: How many a client that was quiet has.
        per_s: How many come back a second.
        now_s: Measures time.
    """

    def __init__(self, *, burst: int, per_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._per_s = per_s
        self._now_s = now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str = "", permits: float = 1) -> float:
        """Take permits of a client, by its address; returns 0, or in how many seconds there will be as many."""
        client = client_of(client)
        now_s = self._now_s()
        left, then_s = self._left.pop(client, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - then_s) * self._per_s)
        taken = left >= permits
        self._left[client] = (left - permits if taken else left, now_s)
        # Who was not seen for longest has a full bucket again, or is one of more clients than are told apart.
        if len(self._left) > _MAX_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if taken else (permits - left) / self._per_s


class ClientWeight:
    """How much of the venue's request budget each client has, for what it asks beside the streams that all share.

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


class NewBooks:
    """How many books that nobody has open a client may open: each costs a snapshot of the budget that all share.

    Args:
        per_minute: Books, all of them at once for a client that was quiet.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
    """

    def __init__(self, *, per_minute: int, loopback_limited: bool = False, now_s: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._left = RateLimit(burst=per_minute, per_s=per_minute / 60, now_s=now_s)
        self._loopback_limited = loopback_limited
        self._now_s = now_s
        self._opening: OrderedDict[tuple[str, Hashable], float] = OrderedDict()

    def open(self, client: str, book: Hashable) -> None:
        """Count a book that a client opens: once, however many of its panels ask for it at the same time.

        Raises:
            TooManyFrames: The client has opened too many lately.
        """
        if not self._loopback_limited and is_loopback(client):
            return
        now_s, opening = self._now_s(), (client_of(client), book)
        while self._opening and now_s - next(iter(self._opening.values())) > _OPENING_S:
            self._opening.popitem(last=False)
        if opening in self._opening:
            return
        if wait_s := self._left.wait_s(client):
            raise TooManyFrames(
                f"At most {self._per_minute} books that nobody else reads may be opened in a minute: "
                f"try again in {max(1, round(wait_s))} s"
            )
        self._opening[opening] = now_s
        if len(self._opening) > _MAX_CLIENTS:
            self._opening.popitem(last=False)


class ClientMessages:
    """How many messages a client may send over all of its sockets, beside what each socket allows.

    Args:
        per_s: Messages a second, and so many at once.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
    """

    def __init__(self, *, per_s: int, loopback_limited: bool = False, now_s: Callable[[], float]) -> None:
        self.per_s = per_s
        self._left = RateLimit(burst=per_s, per_s=per_s, now_s=now_s)
        self._loopback_limited = loopback_limited

    def exceeded(self, client: str) -> bool:
        """Count a message of a client; returns whether it is one too many."""
        if not self._loopback_limited and is_loopback(client):
            return False
        return self._left.wait_s(client) > 0


class Places:
    """How many sockets are open, in all and of each client.

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
        self._taken = 0

    def reserve(self, address: str) -> str:
        """Reserve a place; returns why there is none, empty when there is one."""
        client = client_of(address)
        if self._taken >= self.overall:
            return f"This server has all of its {self.overall} sockets in use: try again later"
        if self._clients[client] >= self.per_client and not self.exempts(address):
            return f"At most {self.per_client} sockets a client: close one and try again"
        self._taken += 1
        self._clients[client] += 1
        return ""

    def exempts(self, address: str) -> bool:
        """Return whether an address has no limit of its own."""
        return not self._loopback_limited and is_loopback(address)

    def release(self, address: str) -> None:
        """Give a place back."""
        client = client_of(address)
        self._taken -= 1
        self._clients[client] -= 1
        if self._clients[client] <= 0:
            del self._clients[client]
