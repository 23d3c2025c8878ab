"""The market that a paper venue matches against: the venue's book, less what own orders have taken from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TypeAlias

import msgspec

from orderfox_nb.core.book import Book, BookSide
from orderfox_nb.core.events import NO_TEXT, BookDelta, BookSnapshot, Gap, LevelColumns, Side, SideColumns, Status
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.level_integers import column_integers, counts_alike, level_integers
from orderfox_nb.core.price_levels import Integers
from orderfox_nb.errors import EventError, OffStep

_WALKED: Final = 64
"""Levels read at once when an order walks the book: few orders go deeper."""

OPPOSITE: Final[dict[Side, BookSide]] = {"buy": "ask", "sell": "bid"}
"""The side of the book that an order takes from."""
OWN: Final[dict[Side, BookSide]] = {"buy": "bid", "sell": "ask"}
"""The side of the book that an order rests on."""
Changed: TypeAlias = tuple[Sequence[int] | memoryview, Sequence[int] | memoryview]
"""Ticks of the changed bids and asks."""


class PaperBook:
    """The book that own orders meet on arrival.

    Recorded data do not know of own trades, so a level keeps what own orders took from it until the venue sends the
    level again. Prices are in ticks, sizes in lots.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book = Book(instrument)
        self.taken: dict[BookSide, dict[int, int]] = {"bid": {}, "ask": {}}
        """Lots that own orders took, by ticks."""
        self._best: dict[BookSide, int | None] = {}
        """What ``best`` has found since the last change: orders that arrive together ask for it many times."""

    @property
    def untouched(self) -> bool:
        """Whether own orders have taken nothing that is still missing."""
        return not (self.taken["bid"] or self.taken["ask"])

    def apply(self, event: BookDelta | BookSnapshot | Gap | Status) -> None:
        """Apply an event of the book's topic that no own order depends on.

        Raises:
            EventError: As ``Book.apply``.
        """
        self._best.clear()
        if type(event) is BookSnapshot:
            self.taken = {"bid": {}, "ask": {}}
        self.book.apply(event)

    def apply_watched(self, delta: BookDelta) -> Changed | None:
        """Apply a delta and return the ticks of its levels, None if it is not news.

        Raises:
            EventError: As ``Book.apply``.
        """
        book = self.book
        self._best.clear()
        # Levels are wanted now: as columns they are decoded once.
        columns = self._columns(delta) if delta.columns is msgspec.UNSET else delta.columns
        if columns is not delta.columns and columns is not msgspec.UNSET:
            delta = msgspec.structs.replace(delta, raw_bids=NO_TEXT, raw_asks=NO_TEXT, columns=columns)
        before = book.update_id
        book.apply(delta)
        if columns is msgspec.UNSET:
            # Levels that cannot be read: the book finds that out when it needs them.
            book.levels("bid", 1)
            return None
        if not book.synced or book.update_id == before:
            return None
        if counts_alike(columns, self.instrument):
            changed: Changed = memoryview(columns.bids.prices).cast("q"), memoryview(columns.asks.prices).cast("q")
        else:
            changed = self._ticks(columns.bids, columns), self._ticks(columns.asks, columns)
        if not self.untouched:
            for taken, ticks in zip(self.taken.values(), changed, strict=True):
                for tick in taken.keys() & set(ticks):
                    del taken[tick]
        return changed

    def best(self, side: BookSide) -> int | None:
        """Return ticks of the best level of which something is left, None if there is none."""
        if side in self._best:
            return self._best[side]
        best = self.book.best_ask if side == "ask" else self.book.best_bid
        if best in self.taken[side]:
            best = next((ticks for ticks, _ in self._left(side)), None)
        self._best[side] = best
        return best

    def levels(self, side: BookSide, limit: int) -> tuple[list[int], list[int]]:
        """Return what is left of the best levels as ticks and lots, best first."""
        if not self.taken[side]:
            ticks, lots = self.book.levels(side, limit)
            return ticks.tolist(), lots.tolist()
        found = list(islice(self._left(side), limit))
        return [tick for tick, _ in found], [lot for _, lot in found]

    def walk(self, side: Side, lots: int, limit: int | None) -> list[tuple[int, int]]:
        """Return what an order would take, as (ticks, lots) from the best price on; nothing is taken yet.

        Args:
            side: The order's.
            lots: How much it wants.
            limit: Ticks of the worst price that it accepts, None for any.
        """
        found: list[tuple[int, int]] = []
        worst = None if limit is None else (limit if side == "buy" else -limit)
        for ticks, left in self._left(OPPOSITE[side]):
            if lots <= 0 or (worst is not None and (ticks if side == "buy" else -ticks) > worst):
                break
            found.append((ticks, min(lots, left)))
            lots -= left
        return found

    def take(self, side: Side, parts: Sequence[tuple[int, int]]) -> None:
        """Remove what ``walk`` returned, until the venue sends those levels again."""
        self._best.clear()
        taken = self.taken[OPPOSITE[side]]
        for ticks, lots in parts:
            taken[ticks] = taken.get(ticks, 0) + lots

    def _left(self, side: BookSide) -> Iterator[tuple[int, int]]:
        taken = self.taken[side]
        for read in (_WALKED, None):
            ticks, lots = self.book.levels(side, read)
            skipped = 0 if read else _WALKED
            for tick, size in islice(zip(ticks.tolist(), lots.tolist(), strict=True), skipped, None):
                left = size - taken.get(tick, 0)
                if left > 0:
                    yield tick, left
            if read and len(ticks) < read:
                return

    def _columns(self, delta: BookDelta) -> LevelColumns | msgspec.UnsetType:
        instrument = self.instrument
        try:
            bids, asks = level_integers(instrument, delta.bids, delta.asks)
        except (msgspec.DecodeError, ValueError, OffStep):
            # The book reports what is wrong with it.
            return msgspec.UNSET
        return LevelColumns(
            self._packed(-bids[0], bids[1]),
            self._packed(asks[0], asks[1]),
            instrument.price_digits,
            instrument.size_digits,
        )

    def _packed(self, ticks: Integers, lots: Integers) -> SideColumns:
        instrument = self.instrument
        return SideColumns((ticks * instrument.tick_units).tobytes(), (lots * instrument.lot_units).tobytes())

    def _ticks(self, side: SideColumns, columns: LevelColumns) -> list[int]:
        try:
            return column_integers(side, columns, self.instrument)[0].tolist()
        except (ValueError, OffStep) as error:
            raise EventError(str(error)) from error
