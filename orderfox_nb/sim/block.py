"""A block of minutes of one symbol's past."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from orderfox_nb.core.timeframes import DAY_US, MINUTE_US
from orderfox_nb.sim.minute import Minute

BLOCK_US: Final = 8 * DAY_US
BLOCK_MINUTES: Final = BLOCK_US // MINUTE_US


class Block(msgspec.Struct, frozen=True, gc=False):
    """The minutes of a block, those before the listing left out."""

    rows: np.ndarray
    """Table of bars, columns as in ``bar_table``."""
    aggregates: np.ndarray
    """Number of aggregate trades of each."""
    first_trade_ids: np.ndarray
    first_agg_ids: np.ndarray
    turns: np.ndarray
    """When the first and the second of high and low come, as shares of the minute."""
    by_buyer: np.ndarray
    """Whether the first and the last trade are a buyer's."""
    jumps: float

    def minute(self, index: int) -> Minute:
        """Return one minute."""
        opened, closed = self.by_buyer[index].tolist()
        one, two = self.turns[index].tolist()
        return Minute(
            *self.rows[index].tolist(),
            aggregates=int(self.aggregates[index]),
            first_trade_id=int(self.first_trade_ids[index]),
            first_agg_id=int(self.first_agg_ids[index]),
            opened_by_buyer=opened,
            closed_by_buyer=closed,
            turns=(one, two),
            jumps=self.jumps,
        )
