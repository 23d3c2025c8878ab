"""Steps that are finer than the venue lists, counted by while its data need them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orderfox_nb.core.book import Book
from orderfox_nb.core.instrument import Instrument

HOLD_S: Final = 5.0
"""How long a finer step is kept at least, the first time."""
MAX_HOLD_S: Final = 3600.0


class Refinements:
    """The finer records of symbols whose data lie between two listed ticks or lots.

    Messages that were in progress when a tick became coarser need a finer step for a moment; orders that were placed
    before need it as long as they stand in the book. So a finer record is dropped once no level of an open book needs
    it. Each time it is needed again it is kept twice as long, at most ``MAX_HOLD_S``.
    """

    def __init__(self) -> None:
        self._finer: dict[str, tuple[Instrument, Instrument, int]] = {}
        self._hold_s: dict[str, tuple[Instrument, float]] = {}

    def add(self, listed: Instrument, finer: Instrument, now_us: int) -> None:
        """Count a symbol by a finer record from now on.

        Args:
            listed: What the venue lists.
            finer: The same with steps of which the listed ones are multiples.
            now_us: Microseconds since the epoch.
        """
        before, hold_s = self._hold_s.get(listed.symbol, (listed, HOLD_S / 2))
        hold_s = min(2 * hold_s, MAX_HOLD_S) if before.same_steps(listed) else HOLD_S
        self._hold_s[listed.symbol] = listed, hold_s
        self._finer[listed.symbol] = listed, finer, now_us + round(hold_s * 1e6)

    def in_force(self, listed: Instrument) -> Instrument:
        """Return the finer record of a symbol, or the listed one; a list that names other steps is believed."""
        known = self._finer.get(listed.symbol)
        if known is None:
            return listed
        if known[0].same_steps(listed):
            return known[1]
        del self._finer[listed.symbol]
        return listed

    def drop_unneeded(self, symbol: str, books: Iterable[Book], now_us: int) -> None:
        """Return to the listed record where its time is over and no level of the books lies between its steps."""
        known = self._finer.get(symbol)
        if known is None or now_us < known[2]:
            return
        listed, finer, _ = known
        tick, lot = round(listed.tick_size / finer.tick_size), round(listed.lot_size / finer.lot_size)
        for book in books:
            for ticks, lots in (book.levels("bid"), book.levels("ask")):
                if (ticks % tick).any() or (lots % lot).any():
                    return
        del self._finer[symbol]
