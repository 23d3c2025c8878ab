"""Compare a live book with a fresh snapshot at the same update id."""

from __future__ import annotations

import numpy as np

from orderfox_nb.core.book import Book, BookSide
from orderfox_nb.core.book_sync import BookSync
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.price_levels import Integers


class BookAudit:
    """A second book, from a fresh snapshot and the same deltas as the live one.

    A snapshot's update id may lie within a delta, so the two books are compared after the first delta that both hold.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._sync = BookSync()
        self._book = Book(instrument)
        self.deltas = 0
        """How many deltas were applied."""
        self.invalid = False
        """The live book was rebuilt meanwhile: the audit is inconclusive."""

    def apply(self, event: Event) -> None:
        """Apply an event of the book's topic; the first one comes before the snapshot is requested."""
        if isinstance(event, BookDelta):
            self.deltas += 1
            answer = self._sync.delta(event)
            if isinstance(answer, Gap):
                self.invalid = True
            elif answer is not None:
                self._book.apply(answer)
        elif isinstance(event, BookSnapshot | Gap):
            self.invalid = True

    def snapshot(self, snapshot: BookSnapshot) -> bool:
        """Apply a fresh snapshot; False if it is older than the first delta and another is needed."""
        events = self._sync.snapshot(snapshot)
        for event in events or ():
            self._book.apply(event)
        return events is not None

    def differing(self, live: Book) -> int | None:
        """Return how many levels differ where both books know them, None while they are not at the same update id."""
        reach, fresh = live.reach, self._book.reach
        if not live.synced or live.update_id != self._book.update_id or reach is None or fresh is None:
            return None
        # Read first: levels that wait to be read may turn out to be unreadable.
        lowest, highest = max(reach[0], fresh[0]), min(reach[1], fresh[1])
        count = _differing(live, self._book, "bid", lowest, highest) + _differing(
            live, self._book, "ask", lowest, highest
        )
        return count if live.synced else None


def _differing(one: Book, other: Book, side: BookSide, lowest: int, highest: int) -> int:
    sizes = [_within(*book.levels(side), lowest, highest) for book in (one, other)]
    ticks = np.union1d(sizes[0][0], sizes[1][0])
    columns = [np.zeros(len(ticks), np.int64) for _ in sizes]
    for column, (known, lots) in zip(columns, sizes, strict=True):
        column[np.searchsorted(ticks, known)] = lots
    return int(np.count_nonzero(columns[0] != columns[1]))


def _within(ticks: Integers, lots: Integers, lowest: int, highest: int) -> tuple[Integers, Integers]:
    inside = (ticks >= lowest) & (ticks <= highest)
    return ticks[inside], lots[inside]
