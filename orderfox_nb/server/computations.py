"""Limits on distinct computed frames, for one client and in total.

A frame is computed once for all its readers, so readers are cheap and distinct frames are not. Each key is charged to
one client, its first reader, and to the next one when that leaves: a reader of a computed key is never refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager

from orderfox_nb.desk.frames import INTERVAL_US
from orderfox_nb.errors import TooManyFrames
from orderfox_nb.server.clients import client_of, is_loopback
from orderfox_nb.server.limits import RateLimit


class Computations:
    """Counts the keys that are read.

    Args:
        overall: How many different ones there may be.
        per_client: How many of them on the account of one client, of whom a quarter may be new in a second.
        loopback_limited: Whether this counts for this machine itself, where a reverse proxy would be one client.
        now_s: Measures time.
    """

    def __init__(
        self, *, overall: int, per_client: int, loopback_limited: bool = False, now_s: Callable[[], float]
    ) -> None:
        self._overall = overall
        self._per_client = per_client
        self._loopback_limited = loopback_limited
        # A page that is loaded opens all of its keys at once.
        self._starts = RateLimit(burst=2 * per_client, per_s=max(1.0, per_client / 4), now_s=now_s)
        self._readers: dict[Hashable, dict[str, int]] = {}
        self._accounts: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self.crowded: set[str] = set()
        """Clients with more readers than their share: nearly always none, so that the check for each frame is cheap."""

    def __len__(self) -> int:
        return len(self._readers)

    def admit(self, address: str, key: Hashable, *, trusted: bool = False) -> None:
        """Check that a client may have a key computed.

        Raises:
            TooManyFrames: It has no reader yet, and this client or all of them have too many.
        """
        if key in self._readers or trusted:
            return
        if len(self._readers) >= self._overall:
            raise TooManyFrames(f"All of this server's {self._overall} different frames are in use: try again later")
        if not self._loopback_limited and is_loopback(address):
            return
        client = client_of(address)
        if self._accounts[client] >= self._per_client:
            raise TooManyFrames(f"At most {self._per_client} different frames a client: close one and try again")
        if self._starts.wait_s(client):
            raise TooManyFrames("You change parameters too often: try again in a second")

    @contextmanager
    def reading(self, address: str, key: Hashable) -> Generator[None]:
        """Count a key of a client that was admitted, while it is read."""
        client = client_of(address)
        readers = self._readers.setdefault(key, {})
        if not readers:
            self._accounts[client] += 1
        readers[client] = readers.get(client, 0) + 1
        self._hold(address, 1)
        try:
            yield
        finally:
            self._hold(address, -1)
            readers[client] -= 1
            if not readers[client]:
                self._leave(client, key)

    def pause_s(self, address: str) -> float:
        """Return how long a reader waits after a frame, so that all of its client's take what twice its keys would.

        Sending costs as much as computing where one client reads the same things thousands of times.
        """
        if not self.crowded or (client := client_of(address)) not in self.crowded:
            return 0.0
        return self._held[client] / (2 * self._per_client) * INTERVAL_US / 1e6

    def _hold(self, address: str, change: int) -> None:
        client = client_of(address)
        self._held[client] += change
        if self._held[client] <= 2 * self._per_client:
            self.crowded.discard(client)
        elif self._loopback_limited or not is_loopback(address):
            self.crowded.add(client)
        if self._held[client] <= 0:
            del self._held[client]

    def _leave(self, client: str, key: Hashable) -> None:
        readers = self._readers[key]
        paid = next(iter(readers)) == client
        del readers[client]
        if paid:
            self._accounts[client] -= 1
            if self._accounts[client] <= 0:
                del self._accounts[client]
            if readers:
                self._accounts[next(iter(readers))] += 1
        if not readers:
            del self._readers[key]
