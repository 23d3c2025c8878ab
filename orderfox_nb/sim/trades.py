"""Every trade of one symbol since its listing, by time and by id, computed on demand."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import MINUTE_US
from orderfox_nb.sim.bar_table import OPEN_US
from orderfox_nb.sim.block import BLOCK_MINUTES, Block
from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.liquidations import LAST, PRICE, SIZE, SOLD, TIME_US, LiquidationPast
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.minute_trades import minute_trades
from orderfox_nb.sim.price_path import PricePath

_KEPT_MINUTES: Final = 64
_time = attrgetter("time_us")


class TradePast:
    """The trades of one symbol.

    Args:
        listing: What is traded.
        seed: The same seed gives the same trades.
        path: Finds the block of an id.
        block: Returns the minutes of a block.
        liquidations: Orders that are among them.
    """

    def __init__(
        self,
        listing: ListedContract,
        *,
        seed: int,
        path: PricePath,
        block: Callable[[int], Block],
        liquidations: LiquidationPast,
    ) -> None:
        self._seed = [seed, 8, *listing.symbol.encode()]
        self._first = listing.onboard_us // MINUTE_US
        self._path = path
        self._block = block
        self._liquidations = liquidations
        self.minute = lru_cache(maxsize=_KEPT_MINUTES)(self._made)

    def last_before(self, end_us: int) -> TradeFact | None:
        """Return the last trade before a time."""
        found = self.until(end_us, 1, start_us=0)
        return found[0] if found else None

    def until(self, end_us: int, limit: int, *, start_us: int) -> list[TradeFact]:
        """Return the latest trades of [start, end), oldest first."""
        found: list[list[TradeFact]] = []
        number, left = (end_us - 1) // MINUTE_US, limit
        while left > 0 and number >= max(self._first, start_us // MINUTE_US):
            facts = self.minute(number)
            low = bisect_left(facts, start_us, key=_time)
            high = bisect_left(facts, end_us, key=_time)
            low = max(low, high - left)
            found.append(facts[low:high])
            left -= high - low
            number -= 1
        return [fact for facts in reversed(found) for fact in facts]

    def since(self, start_us: int, limit: int, *, end_us: int, from_agg_id: int = -1) -> list[TradeFact]:
        """Return the first trades of [start, end), oldest first; with an id from there on."""
        found: list[TradeFact] = []
        number = max(self._first, start_us // MINUTE_US)
        if from_agg_id >= 0:
            number = max(number, self._minute_of(self._path.block_of(agg_id=from_agg_id), "first_agg_ids", from_agg_id))
        while len(found) < limit and number * MINUTE_US < end_us:
            found += [
                fact for fact in self.minute(number) if start_us <= fact.time_us < end_us and fact.agg_id >= from_agg_id
            ]
            number += 1
        return found[:limit]

    def since_trade(self, trade_id: int, limit: int, *, end_us: int) -> list[TradeFact]:
        """Return the first trades from the one that holds a single trade's id."""
        number = max(self._first, self._minute_of(self._path.block_of(trade_id=trade_id), "first_trade_ids", trade_id))
        found: list[TradeFact] = []
        while len(found) < limit and number * MINUTE_US < end_us:
            found += [fact for fact in self.minute(number) if fact.last_trade_id >= trade_id and fact.time_us < end_us]
            number += 1
        return found[:limit]

    def _minute_of(self, block: int, ids: str, wanted: int) -> int:
        """Return the minute of a block in which an id is."""
        begin = block * BLOCK_MINUTES
        if begin + BLOCK_MINUTES <= self._first:
            return self._first
        made = self._block(block)
        index = int(np.searchsorted(getattr(made, ids), wanted, side="right")) - 1
        return int(made.rows[max(0, index), OPEN_US]) // MINUTE_US

    def _made(self, number: int) -> list[TradeFact]:
        """Make the trades of a minute, counted since 1970, oldest first; none before the listing."""
        if number < self._first:
            return []
        open_us = number * MINUTE_US
        block = self._block(number // BLOCK_MINUTES)
        minute = block.minute(number - int(block.rows[0, OPEN_US]) // MINUTE_US)
        orders = self._liquidations.between(number // BLOCK_MINUTES, open_us, open_us + MINUTE_US)
        forced = orders[:, [TIME_US, SOLD, SIZE, LAST, PRICE]]
        forced[:, 0] -= open_us
        return minute_trades(minute, forced, np.random.default_rng([*self._seed, number]))
