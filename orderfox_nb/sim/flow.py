"""The order flow of one symbol: what traders want to do, drawn a second at a time.

A second's activity is lognormal and persistent, with rare bursts, because a real market's trades per second are; the
fair price rests and jumps rather than diffuses, because a real best price does. Everything is drawn with numpy for the
whole second, then handed over by step. What becomes of it depends on the book and is the market's part.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

import msgspec
import numpy as np

from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.matching import ASK, BID

STEP_US: Final = 50_000
STEPS: Final = 20
"""Steps in a second."""
DAY_S: Final = 86_400

# Distance from the opposite best price in bp: edges, resting notional per bp and side (USDT), mean order notional,
# mean lifetime in seconds. From the recorded BTCUSDT book; the far orders live long, so that they cost little.
_EDGES_BP: Final = np.array([0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 150.0])
_DENSITY: Final = np.array([240e3, 460e3, 1.1e6, 2.0e6, 3.2e6, 2.4e6, 1.9e6, 1.3e6])
_ORDER: Final = np.array([2.4e3, 5.0e3, 13e3, 24e3, 36e3, 32e3, 32e3, 30e3])
_LIFETIME_S: Final = np.array([0.7, 2.0, 5.0, 14.0, 35.0, 200.0, 600.0, 900.0])
_ORDER_SIGMA: Final = 1.7
_MOST_LEVELS: Final = 1_900
_FARTHEST_BP: Final = 1_200.0

_REGIMES: Final = np.array([0.6, 1.0, 1.9])
_REGIME_CHANGE: Final = 1 / 600
_BURST_RATE: Final = 1 / 75
_MOST_ACTIVITY: Final = 50.0


class Second(msgspec.Struct):
    """What traders want in one second, each list by step."""

    jumps_bp: list[float]
    """Moves of the fair price."""
    placements: list[list[tuple[int, int, int, int]]]
    """Side, ticks behind the best possible price, lots, lifetime in steps."""
    takers: list[list[tuple[int, int, float]]]
    """Time within the step, side, notional."""
    uniforms: list[float]
    """For what the market decides by itself, 8 a step."""
    activity: float


class Flow:
    """Draws the seconds of one symbol, in order."""

    def __init__(self, listing: Listing, *, seed: int) -> None:
        self._random = np.random.default_rng([seed, 1, *listing.symbol.encode()])
        # Every symbol draws the same common factor from a generator of its own: correlated, yet independent of
        # which symbols are simulated and in which order.
        self._common = np.random.default_rng([seed, 2])
        self._regime = 1
        self._log_activity = 0.0
        self._common_log = 0.0
        self._burst_left = 0
        self._burst = 1.0
        self._sign = BID

        share = listing.share
        self.pace = share**0.5
        """Events beside the largest symbol's."""
        self.depth = share**0.7
        """Resting notional beside the largest symbol's."""
        self.tick_bp = 1e4 / listing.price_ticks
        self.lot_notional = listing.price * float(listing.lot_size)
        self.min_lots = max(1, round(listing.min_notional / self.lot_notional + 0.5))
        self.sigma_bp = self.volatility_bp(listing)
        self._jumps = 1.3 * share**0.2
        self._takers = 7.5 * self.pace
        self.taker_notional = listing.daily_notional / DAY_S / (self._takers * 6.0)
        self.mean_fill_notional = self.taker_notional * 0.9
        """Of a single trade."""
        self.best_lots = max(4.0, 330e3 * self.depth / self.lot_notional)
        """Ordinary size at the best price."""
        self._set_bins()

    def _set_bins(self) -> None:
        edges, density, order, lifetime = _EDGES_BP, _DENSITY, _ORDER, _LIFETIME_S
        # Coarse ticks need a wider range for a book of the same number of levels.
        wanted_bp = min(_MOST_LEVELS * self.tick_bp, _FARTHEST_BP)
        if wanted_bp > edges[-1]:
            edges = np.append(edges, wanted_bp)
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

    @staticmethod
    def volatility_bp(listing: Listing) -> float:
        """Return the ordinary move of a symbol in one second."""
        return 1.05 * listing.volatility

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

    def second(self) -> Second:
        """Draw the next second."""
        activity = self._next_activity()
        hurry = activity**0.75
        random = self._random

        count = int(random.poisson(self._rate * hurry))
        bins = np.searchsorted(self._cumulative, random.random(count), side="right")
        np.minimum(bins, len(self._cumulative) - 1, out=bins)
        placements: list[list[tuple[int, int, int, int]]] = [[] for _ in range(STEPS)]
        steps = random.integers(0, STEPS, count).tolist()
        for step, placed in zip(steps, self._placed(bins, random.integers(0, 2, count), hurry=hurry), strict=True):
            placements[step].append(placed)

        return Second(
            jumps_bp=self._next_jumps(activity),
            placements=placements,
            takers=self._next_takers(activity),
            uniforms=random.random(8 * STEPS).tolist(),
            activity=activity,
        )

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

    def _next_activity(self) -> float:
        random = self._random
        uniforms = random.random(3).tolist()
        if uniforms[0] < _REGIME_CHANGE:
            self._regime = int(uniforms[1] * 3)
        self._log_activity = 0.93 * self._log_activity + 0.22 * float(random.standard_normal())
        self._common_log = 0.97 * self._common_log + 0.17 * float(self._common.standard_normal())
        common_burst, common_size = self._common.random(2).tolist()
        if self._burst_left:
            self._burst_left -= 1
        elif uniforms[2] < _BURST_RATE * 0.6 or common_burst < _BURST_RATE * 0.4:
            self._burst_left = 1 + int(random.exponential(1.2))
            self._burst = 8.0 + 26.0 * common_size
        burst = self._burst if self._burst_left else 1.0
        return min(_MOST_ACTIVITY, float(_REGIMES[self._regime]) * exp(self._log_activity + self._common_log) * burst)

    def _next_jumps(self, activity: float) -> list[float]:
        random = self._random
        jumps = [0.0] * STEPS
        rate = self._jumps * activity**0.35
        count = int(random.poisson(rate))
        scale = self.sigma_bp * min(3.2, activity**0.42) / 2.45
        if count:
            sizes = random.standard_normal(count) * random.standard_exponential(count) * scale
            for step, size in zip(random.integers(0, STEPS, count).tolist(), sizes.tolist(), strict=True):
                jumps[step] += size
        happens, step, size, draw = self._common.random(4).tolist()
        if happens < 0.5:
            normal = (draw - 0.5) * 3.4
            jumps[int(step * STEPS)] += normal * -log(size + 1e-9) * 0.5 * self.sigma_bp * min(2.0, activity**0.3)
        return jumps

    def _next_takers(self, activity: float) -> list[list[tuple[int, int, float]]]:
        random = self._random
        takers: list[list[tuple[int, int, float]]] = [[] for _ in range(STEPS)]
        count = int(random.poisson(self._takers * activity))
        if not count:
            return takers
        # Orders cluster on few moments of the second: what reacts, reacts at once.
        moments = np.sort(random.integers(0, STEPS * STEP_US - 4_000, 1 + int(count**0.75)))
        at = moments[np.sort(random.integers(0, len(moments), count))]
        notional = np.exp(2.0 * random.standard_normal(count) - 1.6) * self.taker_notional
        switches = (random.random(count) < 0.24).tolist()
        sign = self._sign
        for time, size, switch in zip(at.tolist(), notional.tolist(), switches, strict=True):
            if switch:
                sign = ASK if sign == BID else BID
            takers[time // STEP_US].append((time % STEP_US, sign, size))
        self._sign = sign
        return takers
