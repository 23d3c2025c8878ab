"""The best levels of a book as one stream has sent them: each frame is what has changed in this window since the last.

Bybit and OKX send a window of the best levels and not the whole book: a level that leaves it is removed, and one that
comes into it is sent, though nothing was traded or cancelled there. Deribit sends every level: its window is wide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from orderfox_nb.sim.served_market import Levels, ServedMarket
from orderfox_nb.sim.server.names import ServedStream

Rows: TypeAlias = list[tuple[str, str]]
"""Price and size as text."""
Text: TypeAlias = Callable[[int], str]


class LevelWindow:
    """The window of one stream.

    Args:
        name: The stream, with its number of levels.
        market: Market of the book.
        price: Writes a price in ticks.
        size: Writes a size in lots.
    """

    def __init__(self, name: ServedStream, market: ServedMarket, *, price: Text, size: Text) -> None:
        self.name = name
        self._market = market
        self._price = price
        self._size = size
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}
        self.update_id = 0
        """Id of the market's last change that is in it."""
        self.sent_id = 0
        """Id of the last frame, as the protocol counts."""
        self.sent_ms = 0
        self.changes()

    def changes(self) -> tuple[Rows, Rows]:
        """Bring the window up to date and return the changed levels, a removed one with an empty size."""
        self.update_id, *sides = self._market.depth(self.name.levels)
        bids, asks = (self._text(side) for side in sides)
        changed = _changes(self._bids, bids), _changes(self._asks, asks)
        self._bids, self._asks = bids, asks
        return changed

    @property
    def levels(self) -> tuple[Rows, Rows]:
        """The window as it was last brought up to date, best levels first."""
        return list(self._bids.items()), list(self._asks.items())

    def _text(self, side: Levels) -> dict[str, str]:
        price, size = self._price, self._size
        return {price(ticks): size(lots) for ticks, lots in side}


def _changes(before: dict[str, str], after: dict[str, str]) -> Rows:
    changed = [(price, size) for price, size in after.items() if before.get(price) != size]
    changed += [(price, "") for price in before.keys() - after.keys()]
    # Text of the same digits sorts as its numbers do, so that a frame does not depend on the hash of a string.
    return sorted(changed, key=lambda row: (len(row[0]), row[0]))
