"""Finds which trades are new: by the venue's own order if it gives one, otherwise by their ids."""

from __future__ import annotations

from typing import Final

from orderfox_nb.core.events import Trade

MAX_IDS: Final = 4_000
"""Ids that are remembered of a venue without an order: more than any prelude holds."""


class TradeOrder:
    """Tracks which trades of one symbol were seen before."""

    def __init__(self) -> None:
        self.last: int = -1
        """The newest place in the venue's order, -1 before the first and if there is none."""
        self._ids: dict[str, None] = {}

    def is_new(self, trade: Trade) -> bool:
        """Record a trade; late ones of a venue with an order are not new."""
        if trade.sequence is not None:
            if trade.sequence <= self.last:
                return False
            self.last = trade.sequence
            return True
        if trade.id in self._ids:
            return False
        self._ids[trade.id] = None
        if len(self._ids) > MAX_IDS:
            del self._ids[next(iter(self._ids))]
        return True

    def clear(self) -> None:
        """Forget everything: the venue restarted."""
        self.last = -1
        self._ids.clear()
