"""The interface between a server and what it serves, the embedded exchange or a tape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.served_market import Levels, ServedMarket
from orderfox_nb.sim.server.names import ServedStream

Publish: TypeAlias = Callable[[ServedStream, bytes], None]
"""Sends one payload to the subscribers of a stream."""


class ServedSource(Protocol):
    """A venue without its sockets."""

    paced_by_readers: bool
    """Waits for its readers after every portion, so that they lose nothing."""

    @property
    def listings(self) -> Sequence[ListedContract]: ...

    def now_us(self) -> int:
        """Return the venue's time."""
        ...

    def market(self, symbol: str) -> ServedMarket:
        """Return a symbol's market, brought up to now.

        Raises:
            KeyError: Not listed.
        """
        ...

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        """Return a snapshot that a client can join with any diff stream: its id lies within the next diff's."""
        ...

    def liquidations_from_us(self, symbol: str) -> int:
        """Return the start of the liquidation history."""
        ...

    def open_stream(self, name: ServedStream) -> None:
        """Open a stream that has its first subscriber; only open streams are encoded."""
        ...

    def first_frame(self, name: ServedStream) -> bytes:
        """Return what a new subscriber of an open stream is sent before anything else, empty if nothing is."""
        ...

    def close_stream(self, name: ServedStream) -> None:
        """Close a stream that has lost its last subscriber."""
        ...

    def play(self, elapsed_us: int, publish: Publish) -> Iterator[None]:
        """Let time pass and publish what happens, pausing after every portion."""
        ...

    def refine(self, symbol: str, factor: int) -> None:
        """Send a symbol's prices on a finer tick from now on, by a factor on the listing's.

        Raises:
            ValueError: The contracts of this source do not change.
        """
        ...

    def halt(self, symbol: str, *, halted: bool, closed: bool) -> None:
        """Suspend a symbol, with silent streams or with its session closed, or resume it.

        Raises:
            ValueError: The contracts of this source do not change.
        """
        ...

    def restart(self, symbol: str, *, renumber: bool) -> None:
        """Let the ids of a symbol's book start over.

        Args:
            symbol: Symbol of the book.
            renumber: The chain of its frames continues; otherwise it begins again with a snapshot.

        Raises:
            ValueError: The ids of this source, or of this protocol, do not start over.
        """
        ...

    def shift_events(self, offset_us: int) -> None:
        """Shift the event times of every frame from now on (a venue's clock that jumps)."""
        ...
