"""Liquidations: when, how large, and which of them the public stream shows.

They are drawn by block of minutes from the bars alone, before the trades, which then include them. Sums over years
therefore need no trades.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import HOUR_US, MINUTE_US, SECOND_US
from orderfox_nb.sim.bar_table import CLOSE, HIGH, LOTS, LOW, OPEN, OPEN_US, TAKER_LOTS
from orderfox_nb.sim.block import Block
from orderfox_nb.sim.facts import LiquidationFact
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.minute import ORDINARY, within_step

_QUIET_RATE: Final = 0.0095
"""Liquidations a second of the largest symbol while nothing moves."""
_RATE_EXPONENT: Final = 0.3
_SHORTS: Final = 0.64
"""Share of shorts, so of buy orders, while nothing moves."""
_MEDIAN_NOTIONAL: Final = 260.0
_SIGMA_NOTIONAL: Final = 1.85
_MAX_LEVELS_A_SIDE: Final = 0.15
"""Largest share of a minute's volume of one side that is forced: bars do not depend on the liquidation rate."""
_SPREAD: Final = 1.5
_CASCADES: Final = 0.6
"""Share of a minute's liquidations that follow one another closely."""
_FOLLOWING: Final = 0.4 / 60
"""Mean distance of such followers, as a share of a minute."""
_PIECES: Final = 0.5
"""Share that is filled in more than one piece; of large ones more."""
_KEPT_BLOCKS: Final = 8
REPORTED_AFTER_US: Final = SECOND_US
"""By then the order's second is over, which decides whether it is public."""
_LATENCY_US: Final = 12_000

# Columns of a table of orders, int64.
TIME_US, SOLD, SIZE, LAST, LIMIT, PRICE, SHOWN = range(7)


class LiquidationPast:
    """The liquidations of one symbol, all of them and the public ones.

    Args:
        listing: What is traded.
        seed: The same seed and rate give the same orders at the same times.
        rate: Factor on the frequency of an ordinary day.
        block: Returns the minutes of a block.
    """

    def __init__(self, listing: ListedContract, *, seed: int, rate: float, block: Callable[[int], Block]) -> None:
        self._seed = [seed, 7, *listing.symbol.encode()]
        self._rate = rate * 60 * _QUIET_RATE * listing.share**_RATE_EXPONENT
        self._median = _MEDIAN_NOTIONAL * (1.6 if listing.rank == 0 else 1.0)
        self._limit_bp = 40.0 if listing.rank == 0 else 140.0
        self._tick_size = listing.tick_size
        self._value = float(listing.tick_size * listing.lot_size)
        self._block = block
        self.rows = lru_cache(maxsize=_KEPT_BLOCKS)(self._rows)
        self._hourly: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def _rows(self, number: int) -> np.ndarray:
        """Return the orders of a block as a table in time order, columns as named above."""
        return self._made(self._block(number), np.random.default_rng([*self._seed, number]))

    def between(self, number: int, start_us: int, end_us: int) -> np.ndarray:
        """Return the orders of a block in [start, end)."""
        rows = self.rows(number)
        low, high = np.searchsorted(rows[:, TIME_US], [start_us, end_us])
        return rows[low:high]

    def facts(self, rows: np.ndarray) -> list[LiquidationFact]:
        """Return the orders of a table."""
        return [
            LiquidationFact(
                time_us=time_us,
                event_us=time_us + REPORTED_AFTER_US + _LATENCY_US,
                side="sell" if sold else "buy",
                lots_original=lots,
                lots_filled=lots,
                lots_last=last,
                limit_ticks=limit,
                average_price=float(price * self._tick_size),
                sampled=bool(shown),
            )
            for time_us, sold, lots, last, limit, price, shown in rows.tolist()
        ]

    def sums(self, number: int, *, hourly: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return times, whether sold, and notional: of each public order, or summed by hour and side."""
        if hourly and number in self._hourly:
            return self._hourly[number]
        rows = self.rows(number)
        rows = rows[rows[:, SHOWN] == 1]
        times, sells = rows[:, TIME_US], rows[:, SOLD]
        notionals = rows[:, SIZE] * rows[:, PRICE] * self._value
        if not hourly:
            return times, sells, notionals
        keys, index = np.unique(times // HOUR_US * 2 + sells, return_inverse=True)
        totals = np.bincount(index, weights=notionals, minlength=len(keys))
        self._hourly[number] = keys // 2 * HOUR_US, keys % 2, totals
        return self._hourly[number]

    def _made(self, block: Block, random: np.random.Generator) -> np.ndarray:
        bars = block.rows
        if not len(bars):
            return np.empty((0, 7), np.int64)
        moves = (bars[:, CLOSE] - bars[:, OPEN]) / bars[:, OPEN]
        sharp = moves / (moves.std() + 1e-9)
        rates: np.ndarray = self._rate * (0.5 + np.minimum(30.0, 0.4 * sharp**2 + 0.05 * sharp**4))
        # Liquidations come in clusters.
        rates *= random.standard_gamma(_SPREAD, len(bars)) / _SPREAD
        # The bar fixes the number of trades, and some of them must be ordinary.
        counts = np.minimum(random.poisson(rates), block.aggregates - ORDINARY)
        at = np.repeat(np.arange(len(bars)), counts)
        size = len(at)
        shares = random.random(size)
        leaders = random.random(len(bars))[at]
        together = random.random(size) < _CASCADES
        shares[together] = leaders[together] + random.standard_exponential(int(together.sum())) * _FOLLOWING
        shares = np.minimum(0.998, 0.002 + 0.996 * shares)
        times = bars[at, OPEN_US] + within_step((shares * MINUTE_US).astype(np.int64))
        order = np.argsort(times, kind="stable")
        times, at, shares = times[order], at[order], shares[order]

        sells = random.random(size) > 1 / (1 + np.exp(-(np.log(_SHORTS / (1 - _SHORTS)) + 1.5 * sharp[at])))
        low: np.ndarray = bars[at, LOW]
        high: np.ndarray = bars[at, HIGH]
        prices = self._prices(block, at, shares, random)
        # Where there are two prices, buyers pay the higher one.
        prices = np.where(high - low <= 1, np.where(sells, low, high), prices)
        taker: np.ndarray = bars[at, TAKER_LOTS]
        side_lots: np.ndarray = np.where(sells, bars[at, LOTS] - taker, taker)
        most = np.maximum(1, (_MAX_LEVELS_A_SIDE * side_lots / counts[at]).astype(np.int64))
        sizes = random.standard_normal(size)
        notional = np.exp(_SIGMA_NOTIONAL * sizes) * self._median
        lots = np.clip((notional / (prices * self._value)).astype(np.int64), 1, most)
        part = np.where(random.random(size) < _PIECES + 0.25 * sizes, random.random(size), 1.0)
        last = np.maximum(1, lots * part).astype(np.int64)
        away = self._limit_bp / 1e4 * (0.75 + 0.5 * random.random(size))
        limits = np.rint(prices * (1 + np.where(sells, -away, away))).astype(np.int64)
        # The public stream shows the latest order of a symbol in a second.
        shown = np.diff(times // SECOND_US, append=-1) != 0
        return np.stack((times, sells, lots, last, limits, prices, shown), axis=1).astype(np.int64)

    @staticmethod
    def _prices(block: Block, at: np.ndarray, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return prices on the way from open to close by high and low, in ticks within the bar."""
        bars, turns = block.rows, block.turns[at]
        open_: np.ndarray = bars[at, OPEN]
        high: np.ndarray = bars[at, HIGH]
        low: np.ndarray = bars[at, LOW]
        close: np.ndarray = bars[at, CLOSE]
        rising = close > open_
        first, second = np.where(rising, low, high), np.where(rising, high, low)
        one, two = turns[:, 0], turns[:, 1]
        way = np.where(
            shares < one,
            open_ + (first - open_) * shares / one,
            np.where(
                shares < two,
                first + (second - first) * (shares - one) / (two - one),
                second + (close - second) * (shares - two) / (1 - two),
            ),
        )
        way += 0.1 * (high - low) * random.standard_normal(len(at))
        return np.clip(np.rint(way), low, high).astype(np.int64)
