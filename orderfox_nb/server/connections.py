"""Limits the connections of a server, and closes idle ones if there are too many.

An idle connection costs a file descriptor and memory, and at the system's limit of open files no request is answered.
So there is a lower limit: at it the connection that has been idle for longest is closed, and only if all are in use
new ones wait in the system's queue.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from orderfox_nb.server.clients import client_of

try:
    import resource
except ImportError:
    # Windows counts handles, and has a limit of millions.
    resource = None

_log = logging.getLogger(__name__)

RESERVED_FILES: Final = 1024
"""For kernels, upstreams and files, beside the connections."""
SPARED_S: Final = 1.0
"""A new connection, or one that was just answered, is not closed for this long."""
_MIN_CONNECTIONS: Final = 32
_NOTE_EVERY_S: Final = 60.0


class OpenConnection(Protocol):
    """A connection that can be closed to make room."""

    def close(self) -> None:
        """End the connection."""
        ...


class Connections:
    """Counts connections, in all and of each client, and knows which are idle.

    Args:
        overall: How many there may be.
        per_client: How many of them from one address.
        exempt: Whether an address has no limit of its own.
        now_s: Measures time.
    """

    def __init__(
        self,
        *,
        overall: int,
        per_client: int,
        exempt: Callable[[str], bool] = lambda _: False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.overall = overall
        self.per_client = per_client
        self._exempt = exempt
        self._now_s = now_s
        self._open: dict[OpenConnection, str] = {}
        self._clients: Counter[str] = Counter()
        # Since when a connection waits for a request, in all and for each client, the longest idle one first.
        self._idle: OrderedDict[OpenConnection, float] = OrderedDict()
        self._idle_of: dict[str, OrderedDict[OpenConnection, float]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """Whether there is no room for another one, and none that could go."""
        return len(self._open) >= self.overall and self._oldest(self._idle) is None

    def admits(self, address: str) -> bool:
        """Make room for a connection from an address; False if all of the client's own are in use."""
        client = client_of(address)
        if self._clients[client] >= self.per_client and not self._exempt(address):
            return self._close_oldest(self._idle_of.get(client))
        return len(self._open) < self.overall or self.close_idle()

    def add(self, connection: OpenConnection, address: str) -> None:
        """Count a new connection."""
        client = self._open[connection] = client_of(address)
        self._clients[client] += 1
        self.set_idle(connection)

    def remove(self, connection: OpenConnection) -> None:
        """Forget a connection that has ended."""
        if (client := self._open.get(connection)) is None:
            return
        self.set_busy(connection)
        del self._open[connection]
        self._clients[client] -= 1
        if self._clients[client] <= 0:
            del self._clients[client]

    def set_busy(self, connection: OpenConnection) -> None:
        """Note that a request is being answered, or that it is a WebSocket now."""
        if connection in self._idle and (client := self._open.get(connection)) is not None:
            del self._idle[connection]
            del self._idle_of[client][connection]
            if not self._idle_of[client]:
                del self._idle_of[client]

    def set_idle(self, connection: OpenConnection) -> None:
        """Note that a connection waits for its next request."""
        if (client := self._open.get(connection)) is not None and connection not in self._idle:
            now_s = self._now_s()
            self._idle[connection] = now_s
            self._idle_of.setdefault(client, OrderedDict())[connection] = now_s

    def close_idle(self) -> bool:
        """Close the connection that has been idle for longest, and long enough; False if there is none."""
        return self._close_oldest(self._idle)

    def _close_oldest(self, idle: OrderedDict[OpenConnection, float] | None) -> bool:
        if (oldest := self._oldest(idle)) is None:
            return False
        # Its place is free now, whenever the system says that it has ended.
        self.remove(oldest)
        oldest.close()
        return True

    def _oldest(self, idle: OrderedDict[OpenConnection, float] | None) -> OpenConnection | None:
        connection, since_s = next(iter(idle.items())) if idle else (None, 0.0)
        return None if self._now_s() - since_s < SPARED_S else connection


class OccasionalLog:
    """Writes a warning of each kind at most once a minute: what happens ten thousand times a second is one line.

    Args:
        now_s: Measures time.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._logged_s: dict[str, float] = {}

    def warn(self, message: str, *values: object) -> None:
        """Write a line, unless one of the same kind was written within the minute."""
        now_s = self._now_s()
        logged_s = self._logged_s.get(message)
        if logged_s is None or now_s - logged_s >= _NOTE_EVERY_S:
            self._logged_s[message] = now_s
            _log.warning(message, *values)


def allowed_connections(wanted: int) -> int:
    """Raise this process's limit of open files as far as needed, and return how many connections it leaves room for.

    Args:
        wanted: How many connections there should be.
    """
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinity = resource.RLIM_INFINITY
    needed = wanted + RESERVED_FILES
    if soft != infinity and soft < needed:
        raised = needed if hard == infinity else min(needed, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
        except (OSError, ValueError):
            _log.debug("the limit of %d open files could not be raised", soft, exc_info=True)
    if soft == infinity or soft >= needed:
        return wanted
    room = min(wanted, max(soft - RESERVED_FILES, soft // 2, _MIN_CONNECTIONS))
    _log.warning(
        "the system allows this process %d open files, so it holds %d connections and not %d: raise it with ulimit -n",
        soft,
        room,
        wanted,
    )
    return room
