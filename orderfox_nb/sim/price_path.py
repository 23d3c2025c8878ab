"""The price path of one symbol by blocks of minutes: a function of the seed and the time alone.

Time is divided into blocks of eight days, counted since 1970. The prices at the bounds of blocks are drawn outwards
from a fixed day, on which the price is the listing's. Within a block the minutes are a Brownian bridge between its
bounds, with a generator of their own. Any block can therefore be made alone, also the current one. Every block of a
symbol has the same number of trades, so that ids follow from the time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US
from orderfox_nb.sim.bar_table import OPEN_US, TRADES
from orderfox_nb.sim.block import BLOCK_MINUTES, BLOCK_US, Block
from orderfox_nb.sim.flow import lot_notional, mean_fill_notional
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.minute import MIN_AGGREGATES, pin_lots

_REFERENCE: Final = 2_589
"""Block that begins with the listing's price: from 2026-09-16."""
_FIRST: Final = 2_260
"""Block of the first ids: 2019-07-03, before every listing."""
_DAILY: Final = 0.030
"""Standard deviation of the largest symbol's day."""
# From block to block the price reverts to the listing's within weeks: the largest symbol stays between half and double
# of it, and no symbol falls to a few ticks.
_RETURN: Final = 0.3
_COMMON: Final = 0.6
"""Share of a move that all symbols have in common."""
# Relative volume by hour of the day, UTC: the American afternoon is the busiest.
_BY_HOUR: Final = np.array(
    [1.0, 0.95, 0.9, 0.8, 0.72, 0.7, 0.72, 0.85, 0.95, 0.95, 0.92, 0.95,
     1.05, 1.35, 1.6, 1.55, 1.4, 1.2, 1.1, 1.05, 1.0, 0.95, 0.9, 0.95]
)  # fmt: skip
_WEEKEND: Final = 0.62
_FILLS_PER_TRADE: Final = 3
_MIN_TRADES: Final = MIN_AGGREGATES * _FILLS_PER_TRADE
_MIN_FILL_LOTS: Final = 8
_GOLDEN: Final = 0.381966011250105
_MAX_IDS: Final = 4_000_000_000
_JUMPS: Final = 78.0


def seed_share(seed: int) -> float:
    """Return a number in [0, 1) by which markets of neighbouring seeds lie far apart in their ids."""
    return seed * _GOLDEN % 1.0


class PricePath:
    """Makes the blocks of one symbol.

    Args:
        listing: What is traded.
        seed: The same seed gives the same path.
    """

    def __init__(self, listing: ListedContract, *, seed: int) -> None:
        self._seed = [seed, 6, *listing.symbol.encode()]
        # Every symbol draws the same common factor: correlated, yet independent of which symbols are simulated.
        self._common_seed = [seed, 2]
        self._listing = listing
        self._volatility = listing.volatility
        self._ticks = listing.price_ticks
        self._factor = listing.price_factor
        self._lot_notional = lot_notional(listing)
        self._mean_fill = mean_fill_notional(listing)
        self._jumps = _JUMPS * listing.share**0.2
        trades = listing.daily_notional / self._mean_fill * (BLOCK_US // DAY_US)
        # A multiple of the fills of an aggregate trade, so that both kinds of ids follow.
        self.block_aggregates = max(round(trades / _FILLS_PER_TRADE), 2 * MIN_AGGREGATES * BLOCK_MINUTES)
        self.block_trades = self.block_aggregates * _FILLS_PER_TRADE
        base = 1_000_000 + int(_MAX_IDS * seed_share(seed))
        self._base_ids = base, base // _FILLS_PER_TRADE
        self._levels: dict[int, list[float]] = {}

    def block(self, number: int) -> Block:
        """Make the block of a number: minutes since 1970 divided by those of a block."""
        random = np.random.default_rng([*self._seed, 0, number])
        count = BLOCK_MINUTES
        begin_us = number * BLOCK_US
        opens_us = begin_us + MINUTE_US * np.arange(count, dtype=np.int64)
        hour = opens_us // HOUR_US % 24
        weekday = (opens_us // DAY_US + 3) % 7
        busy = _BY_HOUR[hour] * np.where(weekday >= 5, _WEEKEND, 1.0)

        # Volatility wanders from hour to hour.
        level = 0.0
        wandering: list[float] = []
        for normal in random.standard_normal(BLOCK_US // HOUR_US).tolist():
            level = 0.93 * level + 0.2 * normal
            wandering.append(level)
        wild = np.repeat(np.exp(np.array(wandering)), HOUR_US // MINUTE_US)

        sigma = _DAILY * self._volatility / 1_440**0.5 * wild * busy**0.5 * 0.9
        heavy = 0.75 + 0.5 * random.standard_exponential(count)
        common = np.random.default_rng([*self._common_seed, number]).standard_normal(count)
        normals = _COMMON * common + (1 - _COMMON**2) ** 0.5 * random.standard_normal(count)
        moves = sigma * heavy * normals * 0.78
        path = np.cumsum(moves)
        share = np.cumsum(sigma * sigma)
        share /= share[-1]
        from_log, to_log = self._level(number), self._level(number + 1)
        path += from_log - share * (path[-1] - (to_log - from_log))
        ticks = self._ticks * np.exp(path)
        close = np.maximum(20, np.rint(ticks * self._factor)).astype(np.int64)
        open_ = np.concatenate(([max(20, round(self._ticks * float(np.exp(from_log)) * self._factor))], close[:-1]))

        reach = sigma * close * 0.4
        high = np.maximum(open_, close) + (reach * random.standard_exponential(count)).astype(np.int64)
        low = np.minimum(open_, close) - (reach * random.standard_exponential(count)).astype(np.int64)
        low = np.maximum(low, 10)
        # Buyers and sellers trade a tick apart.
        high = np.maximum(high, low + 1)

        sharp = np.abs(moves) / sigma
        ordinary = self._listing.daily_notional / 1_440
        notional = ordinary * busy * wild * (0.45 + 0.55 * sharp) * np.exp(0.55 * random.standard_normal(count) - 0.15)
        trades = self._trades(notional)
        # Without the spread: venues that differ in it trade the same sizes.
        unspread = np.maximum(20, np.rint(ticks)).astype(np.int64)
        lots = (notional * (self._ticks / unspread) ** 0.4 / self._lot_notional).astype(np.int64)
        lots = np.maximum(lots, _MIN_FILL_LOTS * trades)
        takers = 0.5 + 0.1 * np.tanh(moves / sigma) + 0.09 * random.standard_normal(count)
        taker_lots = (lots * np.clip(takers, 0.2, 0.8)).astype(np.int64)
        narrow = high - low == 1
        opened = np.where(narrow, open_ == high, random.random(count) < 0.5)
        closed = np.where(narrow, close == high, random.random(count) < 0.5)
        turns = 0.04 + 0.92 * random.random((2, count))
        turns = np.stack((np.minimum(*turns), np.maximum(*turns) + 0.01))
        bounds, ends = (low, high), ((open_, opened), (close, closed))
        middle = 0.44 + 0.16 * random.random((2, count))
        taker_quote = _quote(
            taker_lots, lots, buys=True, bounds=bounds, ends=ends, middle=np.where(narrow, 1.0, middle[0])
        )
        maker_quote = _quote(
            lots - taker_lots, lots, buys=False, bounds=bounds, ends=ends, middle=np.where(narrow, 0.0, middle[1])
        )
        columns = (opens_us, open_, high, low, close, lots, taker_quote + maker_quote, trades, taker_lots, taker_quote)
        return self._cut(number, np.stack(columns, axis=1), turns.T, np.stack((opened, closed), axis=1))

    def block_of(self, *, trade_id: int = -1, agg_id: int = -1) -> int:
        """Return the number of the block that has an id."""
        if agg_id >= 0:
            return _FIRST + (agg_id - self._base_ids[1]) // self.block_aggregates
        return _FIRST + (trade_id - self._base_ids[0]) // self.block_trades

    def _cut(self, number: int, rows: np.ndarray, turns: np.ndarray, by_buyer: np.ndarray) -> Block:
        trades = rows[:, TRADES]
        running = np.cumsum(trades)
        aggregates = np.diff(running // _FILLS_PER_TRADE, prepend=0)
        trade_ids = self._base_ids[0] + (number - _FIRST) * self.block_trades + running - trades
        ids = self._base_ids[1] + (number - _FIRST) * self.block_aggregates + np.cumsum(aggregates) - aggregates
        from_ = int(np.searchsorted(rows[:, OPEN_US], self._listing.onboard_us))
        return Block(
            rows[from_:],
            aggregates[from_:],
            trade_ids[from_:],
            ids[from_:],
            turns[from_:],
            by_buyer[from_:],
            self._jumps,
        )

    def _trades(self, notional: np.ndarray) -> np.ndarray:
        """Share a block's trades by volume; every minute has some."""
        spare = self.block_trades - _MIN_TRADES * len(notional)
        bounds = np.floor(np.cumsum(notional) * (spare / notional.sum())).astype(np.int64)
        bounds[-1] = spare
        return _MIN_TRADES + np.diff(bounds, prepend=0)

    def _level(self, number: int) -> float:
        """Return the logarithm of the price at a block's start, beside the listing's."""
        steps = number - _REFERENCE
        sign = 1 if steps >= 0 else 0
        levels = self._levels.get(sign)
        if levels is None or len(levels) <= abs(steps):
            # A longer draw starts with the same numbers.
            normals = np.random.default_rng([*self._seed, 1, sign]).standard_normal(abs(steps) + 64)
            scale = _DAILY * self._volatility * (BLOCK_US / DAY_US) ** 0.5
            levels = [0.0]
            for normal in normals.tolist():
                levels.append(levels[-1] * (1 - _RETURN) + scale * normal)
            self._levels[sign] = levels
        return levels[abs(steps)]


def _quote(
    side_lots: np.ndarray,
    lots: np.ndarray,
    *,
    buys: bool,
    bounds: tuple[np.ndarray, np.ndarray],
    ends: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    middle: np.ndarray,
) -> np.ndarray:
    """Return the quote volume of one side of each bar.

    The trades that make open, high, low and close have prices of their own; the rest of a side trades at a mean price
    in the middle of the bar.
    """
    low, high = bounds
    (open_, opened), (close, closed) = ends
    open_lots, side_pin, close_lots = pin_lots(lots, side_lots)
    open_lots, close_lots = open_lots * (opened == buys), close_lots * (closed == buys)
    left = side_lots - side_pin - open_lots - close_lots
    quote = left * low + (left * middle * (high - low)).astype(np.int64)
    return quote + side_pin * (high if buys else low) + open_lots * open_ + close_lots * close
