"""Forced closing of positions, live: when, how large, and which of them the public stream shows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from operator import attrgetter
from typing import Final

import msgspec
import numpy as np

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.facts import LiquidationFact
from orderfox_nb.sim.flow import STEP_US, STEPS, Flow
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.matching import ASK, BID

QUIET_RATE: Final = 0.0095
"""Liquidations a second of the largest symbol while nothing moves."""
RATE_EXPONENT: Final = 0.3
SHORTS: Final = 0.64
"""Share of shorts, so of buy orders, while nothing moves."""
MEDIAN_NOTIONAL: Final = 260.0
SIGMA_NOTIONAL: Final = 1.85

_CASCADES: Final = 0.25
"""Share of the sharp moves that set off a cascade."""
_SHARP: Final = 4.0
_DECAY: Final = 0.84
_CONTAGION: Final = 0.07
_HIGHEST_RATE: Final = 14.0
_SEEN_COMING: Final = 0.35
_MOST_WITHDRAWN: Final = 12
_KEPT: Final = 20_000
_TOLD_AFTER_US: Final = 12_000


def limit_distance_bp(listing: Listing) -> float:
    """Return how far the limit of a liquidation order is from the price."""
    return 40.0 if listing.rank == 0 else 140.0


class Forced(msgspec.Struct, frozen=True, gc=False):
    """A position that the exchange closes now."""

    offset_us: int
    side: int
    """Of the order."""
    notional: float
    limit_bp: float
    withdrawn: int
    """How many makers may step back from it."""


class LiquidationDesk:
    """Decides on one symbol's liquidations and keeps the truth about them."""

    def __init__(self, listing: Listing, *, seed: int, rate: float = 1.0) -> None:
        self._random = np.random.default_rng([seed, 3, *listing.symbol.encode()])
        self._rate = rate * QUIET_RATE * listing.share**RATE_EXPONENT
        self._limit_bp = limit_distance_bp(listing)
        self._sigma_bp = Flow.volatility_bp(listing)
        self._median = MEDIAN_NOTIONAL * (1.6 if listing.rank == 0 else 1.0)
        self._price = 0.0
        self._excess = 0.0
        self._direction = BID
        self._by_slot: dict[int, list[Forced]] = {}
        self._window: list[LiquidationFact] = []
        self._sampled_us = -SECOND_US
        self._decided: list[LiquidationFact] = []
        self._truth: deque[LiquidationFact] = deque(maxlen=_KEPT)

    def draw(self, *, price: float) -> None:
        """Decide on the liquidations of the second that begins, from the price's move in the one before."""
        random = self._random
        move_bp = (price / self._price - 1) * 1e4 if self._price else 0.0
        self._price = price
        self._excess *= _DECAY
        sharpness = abs(move_bp) / self._sigma_bp
        if sharpness > _SHARP and random.random() < _CASCADES:
            self._excess += 0.12 * sharpness * (0.4 + float(random.standard_exponential()))
            self._direction = BID if move_bp > 0 else ASK
        count = int(random.poisson(self._rate * (0.6 + min(6.0, 0.4 * sharpness**2))))
        forced = int(random.poisson(min(self._excess, _HIGHEST_RATE)))
        self._excess += _CONTAGION * forced
        self._by_slot.clear()
        for index in range(count + forced):
            cascading = index >= count
            side = self._direction if cascading else (BID if random.random() < SHORTS else ASK)
            size = float(np.exp(SIGMA_NOTIONAL * random.standard_normal())) * self._median * (1.4 if cascading else 1.0)
            limit_bp = self._limit_bp * (0.75 + 0.5 * random.random())
            withdrawn = _MOST_WITHDRAWN if random.random() < _SEEN_COMING else 0
            order = Forced(int(random.integers(0, STEP_US - 2_000)), side, size, limit_bp, withdrawn)
            self._by_slot.setdefault(int(random.integers(0, STEPS)), []).append(order)

    def due(self, slot: int) -> list[Forced]:
        """Return the orders of one step of the second, in time order."""
        return sorted(self._by_slot.pop(slot, ()), key=attrgetter("offset_us")) if self._by_slot else []

    def traded(self, fact: LiquidationFact) -> None:
        """Take note of an executed order, whose publicity is still open."""
        if self._window and fact.time_us >= self._window[0].time_us + SECOND_US:
            self._close_window()
        if self._window or fact.time_us >= self._sampled_us + SECOND_US:
            self._window.append(fact)
        else:
            self._decide(fact)

    def decided(self, now_us: int) -> list[LiquidationFact]:
        """Return the orders whose window has passed, in time order."""
        if self._window and now_us >= self._window[0].time_us + SECOND_US:
            self._close_window()
        if not self._decided:
            return []
        decided, self._decided = self._decided, []
        return decided

    def truth(self, start_us: int, end_us: int) -> list[LiquidationFact]:
        """Return the decided orders that traded within bounds, both inclusive."""
        facts = list(self._truth)
        time = attrgetter("time_us")
        return facts[bisect_left(facts, start_us, key=time) : bisect_right(facts, end_us, key=time)]

    def _close_window(self) -> None:
        event_us = self._window[0].time_us + SECOND_US + _TOLD_AFTER_US
        *others, latest = self._window
        self._window = []
        self._sampled_us = latest.time_us
        for fact in others:
            self._decide(msgspec.structs.replace(fact, event_us=event_us))
        self._decide(msgspec.structs.replace(latest, event_us=event_us, sampled=True))

    def _decide(self, fact: LiquidationFact) -> None:
        self._decided.append(fact)
        self._truth.append(fact)
