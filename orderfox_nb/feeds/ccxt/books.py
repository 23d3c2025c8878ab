"""A book of ccxt as a snapshot and the changes since: ccxt passes on the whole book with each update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orderfox_nb.core.events import BookDelta, BookSnapshot, Level, raw_levels
from orderfox_nb.feeds.ccxt.structures import StructureReader, levels_of

_RECENT_US: Final = 3_000_000
"""For how long a changed level is not compared with a fresh book, which may be from before the change."""
_MAX_RECENT: Final = 20_000


class BookChanges:
    """The state of one book as its readers have it.

    Update ids are the venue's where they grow, else they count: the chain of deltas is this class's own, and whether an
    update was lost before is known to ccxt only, if at all.
    """

    def __init__(self, reading: StructureReader) -> None:
        self._reading = reading
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._id = 0
        self._time_us = 0
        self._recent: dict[tuple[bool, float], int] = {}
        self.whole = False
        """Whether there is a book."""

    def update(self, book: Mapping[str, Any], *, now_us: int, received_us: int) -> BookSnapshot | BookDelta | None:
        """Take the book as it is now: a snapshot at first, then what has changed; None if nothing has."""
        unit = self._reading.unit
        bids, asks = dict(levels_of(book["bids"], unit)), dict(levels_of(book["asks"], unit))
        first = not self.whole
        changed = [] if first else _changes(self._bids, bids), [] if first else _changes(self._asks, asks)
        if not first and not changed[0] and not changed[1]:
            return None
        before_id, self._id = self._id, max(self._id + 1, int(book.get("nonce") or 0))
        time_ms = book.get("timestamp")
        self._time_us = max(self._time_us, int(time_ms) * 1_000) if time_ms else now_us
        self._bids, self._asks, self.whole = bids, asks, True
        if first:
            return self.snapshot(received_us=received_us)
        self._remember(changed, received_us)
        return BookDelta(
            symbol=self._reading.symbol,
            time_us=self._time_us,
            received_us=received_us,
            first_id=before_id + 1,
            last_id=self._id,
            previous_id=before_id,
            raw_bids=raw_levels(changed[0]),
            raw_asks=raw_levels(changed[1]),
        )

    def snapshot(self, *, received_us: int = 0) -> BookSnapshot:
        """Return the book as its readers have it."""
        return BookSnapshot(
            symbol=self._reading.symbol,
            time_us=self._time_us,
            received_us=received_us,
            update_id=self._id,
            raw_bids=raw_levels(list(self._bids.items())),
            raw_asks=raw_levels(list(self._asks.items())),
        )

    def fresh(self, book: Mapping[str, Any], now_us: int) -> BookSnapshot:
        """Return a book that was requested as if it were of the present update, so that it can be compared.

        It is from some moment of the last seconds: levels that changed in them are taken as they are here.
        """
        unit = self._reading.unit
        sides = dict(levels_of(book["bids"], unit)), dict(levels_of(book["asks"], unit))
        # It has fewer levels than the one here: further out it says nothing.
        reach = min(sides[0], default=0.0), max(sides[1], default=0.0)
        for (is_bid, price), changed_us in self._recent.items():
            if changed_us > now_us - _RECENT_US and (price >= reach[0] if is_bid else price <= reach[1]):
                ours, theirs = (self._bids, sides[0]) if is_bid else (self._asks, sides[1])
                if price in ours:
                    theirs[price] = ours[price]
                else:
                    theirs.pop(price, None)
        return BookSnapshot(
            symbol=self._reading.symbol,
            time_us=self._time_us,
            update_id=self._id,
            raw_bids=raw_levels(sorted(sides[0].items(), reverse=True)),
            raw_asks=raw_levels(sorted(sides[1].items())),
            reach=reach,
        )

    def _remember(self, changed: tuple[list[Level], list[Level]], now_us: int) -> None:
        for is_bid, levels in ((True, changed[0]), (False, changed[1])):
            self._recent.update(((is_bid, price), now_us) for price, _ in levels)
        if len(self._recent) > _MAX_RECENT:
            kept = {level: time_us for level, time_us in self._recent.items() if time_us > now_us - _RECENT_US}
            self._recent = kept if len(kept) <= _MAX_RECENT else {}


def _changes(before: Mapping[float, float], after: Mapping[float, float]) -> list[Level]:
    changed = [level for level in after.items() if before.get(level[0]) != level[1]]
    changed += [(price, 0.0) for price in before if price not in after]
    return changed
