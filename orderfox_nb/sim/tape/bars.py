"""The bars of a tape, grown from its trades."""

from __future__ import annotations

from bisect import bisect_left
from functools import reduce
from operator import itemgetter
from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import DAY_US, MINUTE_US, bar_open_us
from orderfox_nb.sim.bar_table import (
    CLOSE,
    OPEN,
    OPEN_US,
    add_trade,
    aggregate,
    bar_row,
    extended,
    flat_bar,
    no_bars,
)
from orderfox_nb.sim.facts import BarRow, TradeFact

_DAY_MINUTES: Final = DAY_US // MINUTE_US

_open_us = itemgetter(OPEN_US)


class TapeBars:
    """Every minute from the first trade's to the last one's."""

    def __init__(self) -> None:
        self._minutes: list[list[int]] = []

    def __len__(self) -> int:
        """Count the minutes."""
        return len(self._minutes)

    def add(self, trade: TradeFact) -> None:
        """Add a trade to the bar of its minute."""
        open_us = trade.time_us - trade.time_us % MINUTE_US
        minutes = self._minutes
        while minutes and minutes[-1][OPEN_US] + MINUTE_US < open_us:
            minutes.append(flat_bar(minutes[-1][OPEN_US] + MINUTE_US, minutes[-1][CLOSE]))
        # A trade that was received late belongs to the bar of its own time.
        at = bisect_left(minutes, open_us, key=_open_us)
        if at == len(minutes) or minutes[at][OPEN_US] != open_us:
            minutes.insert(at, flat_bar(open_us, trade.price))
        add_trade(minutes[at], trade)

    def rows(self, interval: str, start_us: int | None, end_us: int | None, limit: int) -> list[BarRow]:
        """Return bars that open within the bounds, oldest first."""
        table = aggregate(np.array(self._minutes, np.int64), interval) if self._minutes else no_bars()
        kept = [
            bar
            for bar in table.tolist()
            if (start_us is None or bar[OPEN_US] >= start_us) and (end_us is None or bar[OPEN_US] <= end_us)
        ]
        kept = kept[:limit] if start_us is not None else kept[-limit:]
        return [bar_row(bar, interval) for bar in kept]

    def current(self, interval: str) -> BarRow:
        """Return the bar of the last trade; there must be one."""
        open_us = bar_open_us(self._minutes[-1][OPEN_US], interval)
        first = bisect_left(self._minutes, open_us, key=_open_us)
        return bar_row([open_us, *reduce(extended, self._minutes[first:])[OPEN:]], interval)

    def day(self) -> list[int]:
        """Return the one bar that covers the last 24 hours; there must be a trade."""
        return reduce(extended, self._minutes[-_DAY_MINUTES:])
