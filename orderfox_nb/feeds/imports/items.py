"""Items that every format is read as: events, and losses between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from orderfox_nb.core.events import Channel, Event, Trade


class ImportedFill(Struct, frozen=True):
    """One execution of an order: imported where the file has no aggregate trades of the symbol."""

    trade: Trade
    market: bool
    """Whether it was traded on the market; others count for the ids only."""


class Disconnected(Struct, frozen=True):
    """The recorder was disconnected: what follows does not continue what came before."""

    reason: str
    of: frozenset[tuple[str, Channel]]
    """Symbols and channels that the connection carried."""


class Unreadable(Struct, frozen=True):
    """A line that cannot be read."""

    line: int
    """Line of the file, from 1."""
    reason: str
    channel: Channel = ""
    """What it was of, empty if it could be anything."""


Item: TypeAlias = Event | ImportedFill | Disconnected | Unreadable
"""A ``BookSnapshot`` without a symbol is a depth body that does not name one."""


class Row(NamedTuple):
    """An item and when it was received, in microseconds."""

    stamp_us: int
    item: Item


class UpdateIds:
    """Ids for the book of a format without any: each follows the last one, and those of a later file are higher."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def follow(self, symbol: str, stamp_us: int) -> tuple[int, int]:
        """Return the id before and the id of the next change of a symbol."""
        before = self._last.get(symbol, stamp_us - 1)
        now = self._last[symbol] = max(stamp_us, before + 1)
        return before, now


class Facts(Struct):
    """Facts about a file beside its rows; complete once they are read."""

    venue: str = "imported"
    """The venue that the rows are of."""
    contiguous_trades: bool = True
    """Whether a hole in the ids of a symbol's trades is a loss; True if there are none."""
    has_update_ids: bool = True
    """Whether the changes of a book are numbered, so that a missing one shows; True if there is none."""
    whole_market: bool = False
    """Whether the liquidations are those of every symbol."""
    received: bool = True
    """Whether the stamps are those of a receiver."""
    corruption: str = ""
    """Why the contents of the file may be wrong; empty if nothing suggests it."""
    cut_off: str = ""
    """Why the file ends early; empty if it is whole."""
    lacks: dict[str, str] = {}
    """By channel, what the format does not carry."""
    notes: list[str] = []


class FileReader(Protocol):
    """Reads one file of one format, as often as it is asked."""

    facts: Facts

    def rows(self, progress: Callable[[int], None]) -> Iterator[Row]:
        """Yield the rows of the file in its order.

        Args:
            progress: Called with the bytes of the file that were read since the last call.

        Raises:
            RecordingError: A file that this format cannot be imported from at all.
        """
        ...
