"""The order flow of one symbol's makers, drawn a second at a time.

The activity follows the trades of the second. Everything is drawn with numpy for the whole second, then used step by
step. How orders are placed depends on the book, see ``makers``.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.matching import ASK, BID

STEP_US: Final = 50_000
STEPS: Final = 20
"""Steps in a second."""
LAST_MOMENT_US: Final = 2_000
"""Reserved at the end of a step for level changes; no trade falls into it."""
DAY_S: Final = 86_400

# Distance from the opposite best price in bp: edges, resting notional per bp and side (USDT), mean order notional,
# mean lifetime in seconds. From the recorded BTCUSDT book; the far orders live long, so that they cost little.
_EDGES_BP: Final = np.array([0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 150.0])
_DENSITY: Final = np.array([240e3, 460e3, 1.1e6, 2.0e6, 3.2e6, 2.4e6, 1.9e6, 1.3e6])
_ORDER: Final = np.array([2.4e3, 5.0e3, 13e3, 24e3, 36e3, 32e3, 32e3, 30e3])
_LIFETIME_S: Final = np.array([0.7, 2.0, 5.0, 14.0, 35.0, 200.0, 600.0, 900.0])
_ORDER_SIGMA: Final = 1.7
_MAX_LEVELS: Final = 1_900
_FARTHEST_BP: Final = 1_200.0

_TAKERS: Final = 7.5
"""Orders that trade at once, of the largest symbol in an ordinary second."""
_FILLS: Final = 6.0
"""Trades of such an order."""
_MIN_ACTIVITY: Final = 0.25
_MAX_ACTIVITY: Final = 50.0


def lot_notional(listing: ListedContract) -> float:
    """Return the ordinary value of a lot in quote currency."""
    return listing.price * float(listing.lot_size)


def mean_fill_notional(listing: ListedContract) -> float:
    """Return the ordinary value of a single trade in quote currency."""
    return 0.9 * listing.daily_notional / DAY_S / (_TAKERS * listing.share**0.5 * _FILLS)


class Second(msgspec.Struct):
    """The order flow of one second, each list by step."""

    placements: list[list[tuple[int, int, int, int]]]
    """Side, ticks behind the best possible price, lots, lifetime in steps."""
    uniforms: list[float]
    """Random numbers for the makers' other decisions, 8 a step."""


class Flow:
    """Draws the seconds of one symbol, in order.

    Args:
        listing: What is traded.
        seed: Seed of the draws, with the start.
        start_s: Start in seconds; part of the seed, so that each start has its own opening.
        price_ticks: Price at the start.
    """

    def __init__(self, listing: ListedContract, *, seed: int, start_s: int, price_ticks: int) -> None:
        self._random = np.random.default_rng([seed, 1, start_s, *listing.symbol.encode()])
        share = listing.share
        self.pace = share**0.5
        """Events beside the largest symbol's."""
        self.depth = share**0.7
        """Resting notional beside the largest symbol's."""
        self.tick_bp = 1e4 / price_ticks
        self.lot_notional = price_ticks * float(listing.tick_size * listing.lot_size)
        self.min_lots = max(1, round(listing.min_notional / self.lot_notional + 0.5))
        self.best_lots = max(4.0, 330e3 * self.depth / self.lot_notional)
        """Ordinary size at the best price."""
        self._set_bins()

    def _set_bins(self) -> None:
        edges, density, order, lifetime = _EDGES_BP, _DENSITY, _ORDER, _LIFETIME_S
        # Coarse ticks need a wider range for a book of the same number of levels.
        range_bp = min(_MAX_LEVELS * self.tick_bp, _FARTHEST_BP)
        if range_bp > edges[-1]:
            edges = np.append(edges, range_bp)
            density = np.append(density, 0.8e6)
            order = np.append(order, 26e3)
            lifetime = np.append(lifetime, 1_200.0)
        # Fewer and smaller orders that live longer make the thinner book of a smaller symbol.
        ratio = self.pace
        orders = density * np.diff(edges) * self.depth / (order * self.depth / ratio)
        self._mean_lots = order * self.depth / ratio / self.lot_notional
        # Where an order would be less than a few lots, there are fewer of them instead.
        smallest = 2.0 * self.min_lots
        orders *= np.minimum(1.0, self._mean_lots / smallest)
        self._mean_lots = np.maximum(self._mean_lots, smallest)
        # A level that exists needs about one order, a far level no more.
        levels = np.diff(edges) / self.tick_bp
        few = np.minimum(1.0, 3.0 * levels / orders)
        few[:2] = 1.0
        orders, self._mean_lots = orders * few, self._mean_lots / few
        self._orders = orders
        self._lifetime = lifetime / ratio**0.3
        rates = orders / self._lifetime
        self._rate = float(rates.sum())
        self._cumulative = np.cumsum(rates) / self._rate
        self._edges = edges / self.tick_bp
        self._log_lots = np.log(self._mean_lots) - _ORDER_SIGMA**2 / 2

    @property
    def far_ticks(self) -> int:
        """Distance from the best price beyond which nothing is placed."""
        return int(self._edges[-1])

    def standing(self) -> list[tuple[int, int, int, int]]:
        """Draw the orders of a book in equilibrium, as placements, best first."""
        counts = self._random.poisson(np.tile(self._orders, 2))
        bins = np.repeat(np.tile(np.arange(len(self._orders)), 2), counts)
        sides = np.repeat([BID, ASK], [counts[: len(self._orders)].sum(), counts[len(self._orders) :].sum()])
        return self._placed(bins, sides, hurry=1.0)

    def second(self, activity: float) -> Second:
        """Draw the next second.

        Args:
            activity: Trades of the second beside an ordinary one's.
        """
        hurry = min(_MAX_ACTIVITY, max(_MIN_ACTIVITY, activity))
        random = self._random
        count = int(random.poisson(self._rate * hurry))
        bins = np.searchsorted(self._cumulative, random.random(count), side="right")
        np.minimum(bins, len(self._cumulative) - 1, out=bins)
        placements: list[list[tuple[int, int, int, int]]] = [[] for _ in range(STEPS)]
        steps: list[int] = random.integers(0, STEPS, count).tolist()
        for step, placed in zip(steps, self._placed(bins, random.integers(0, 2, count), hurry=hurry), strict=True):
            placements[step].append(placed)
        return Second(placements=placements, uniforms=random.random(8 * STEPS).tolist())

    def _placed(self, bins: np.ndarray, sides: np.ndarray, *, hurry: float) -> list[tuple[int, int, int, int]]:
        random, count = self._random, len(bins)
        low, high = self._edges[bins], self._edges[bins + 1]
        behind = (low + random.random(count) * (high - low)).astype(np.int64)
        lots = np.exp(self._log_lots[bins] + _ORDER_SIGMA * random.standard_normal(count))
        lots = np.maximum(lots, self.min_lots).astype(np.int64)
        steps = random.standard_exponential(count) * self._lifetime[bins] * (STEPS / hurry)
        return list(
            zip(sides.tolist(), behind.tolist(), lots.tolist(), (steps.astype(np.int64) + 1).tolist(), strict=True)
        )
