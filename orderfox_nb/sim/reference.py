"""Index and mark price, funding and open interest of one symbol: what the exchange computes beside its order book."""

from __future__ import annotations

from math import exp, pi, sin
from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US
from orderfox_nb.sim.bars import Bars
from orderfox_nb.sim.facts import BarRow, FundingRow, MarkFact, PriceKind, PriceRow, RatioKind
from orderfox_nb.sim.listings import ListedContract

FUNDING_US: Final = 8 * HOUR_US
_INTEREST: Final = 0.0001
_CLAMP: Final = 0.0005
MAX_RATE: Final = 0.02
"""Cap of a funding rate, and its floor below zero."""
# Period and amplitude of what open interest does beside its ordinary size.
_WAVES: Final = (
    (7 * MINUTE_US, 4e-4),
    (53 * MINUTE_US, 3e-3),
    (9 * HOUR_US, 0.012),
    (3 * DAY_US, 0.05),
    (23 * DAY_US, 0.09),
)


# Period in seconds and amplitude of how far the mark price is from the index, and the index from the trades.
_BASIS: Final = ((173.0, 8e-6), (1_210.0, 1.6e-5), (9_700.0, 3e-5))
_PREMIUM: Final = ((7.3, 6e-6), (41.0, 1.4e-5), (307.0, 2.2e-5))


# Middle and phase of the long share.
_LONG: Final[dict[RatioKind, tuple[float, float]]] = {
    "accounts": (0.58, 0.0),
    "top accounts": (0.6, 0.7),
    "top positions": (0.54, 1.9),
}


class Reference:
    """Mark, index, funding and open interest as functions of the time and the last price.

    Args:
        listing: What is traded.
        seed: The same seed gives the same at the same time.
    """

    def __init__(self, listing: ListedContract, *, seed: int) -> None:
        fixed = np.random.default_rng([seed, 5, *listing.symbol.encode()])
        self._phases: list[float] = (fixed.random(8) * 2 * pi).tolist()
        self._open_lots = 0.55 * listing.daily_notional / (listing.price * float(listing.lot_size))
        self._volatility = listing.volatility

    def mark(self, now_us: int, price: float) -> MarkFact:
        """Return mark price, index and the next funding."""
        basis, premium = self.basis(now_us), self.premium(now_us)
        index = price * (1 - basis - premium)
        mark = index * (1 + basis)
        following = now_us // FUNDING_US + 1
        done = now_us % FUNDING_US / FUNDING_US
        rate = (1 - done) * self._rate(following - 1) + done * self._rate(following)
        return MarkFact(now_us, mark, index, index * (1 + basis / 2), round(rate, 8), following * FUNDING_US)

    def basis(self, at_us: int) -> float:
        """Return how far the mark price is above the index."""
        return self._waves(_BASIS, at_us)

    def premium(self, at_us: int) -> float:
        """Return how far the last price is above the mark price."""
        return self._waves(_PREMIUM, at_us)

    def price_row(self, kind: PriceKind, row: BarRow, *, now_us: int, tick_size: float) -> PriceRow:
        """Return the bar of a reference price that belongs to a bar of trades."""
        end_us = min(row.close_us, now_us)
        if kind == "premium":
            eighth_us = (end_us - row.open_us) / 8
            ratios = [self.basis(at) + self.premium(at) for at in (row.open_us + int(n * eighth_us) for n in range(9))]
            return PriceRow(row.open_us, row.close_us, ratios[0], max(ratios), min(ratios), ratios[-1])
        first, middle, last = (
            self._ratio(kind, at_us) * tick_size for at_us in (row.open_us, (row.open_us + end_us) // 2, end_us)
        )
        open_, close = row.open * first, row.close * last
        high, low = max(open_, close, row.high * middle), min(open_, close, row.low * middle)
        return PriceRow(row.open_us, row.close_us, open_, high, low, close)

    def long_share(self, kind: RatioKind, at_us: int) -> float:
        """Return the share of accounts or positions that are long."""
        middle, phase = _LONG[kind]
        days = at_us / DAY_US
        return middle + 0.05 * sin(days * 2.1 + phase + self._phases[4]) + 0.02 * sin(days * 17.3 + self._phases[7])

    def _ratio(self, kind: PriceKind, at_us: int) -> float:
        """Return a reference price beside the last price."""
        index = 1 - self.basis(at_us) - self.premium(at_us)
        return index * (1 + self.basis(at_us)) if kind == "mark" else index

    def _waves(self, waves: tuple[tuple[float, float], ...], at_us: int) -> float:
        at_s = at_us / 1e6
        phases = zip(waves, self._phases, strict=False)
        return sum(size * sin(2 * pi * (at_s % period_s) / period_s + phase) for (period_s, size), phase in phases)

    def settled(
        self, bars: Bars, *, now_us: int, start_us: int | None, end_us: int | None, limit: int
    ) -> list[FundingRow]:
        """Return past fundings, oldest first; with ``start_us`` the first from there on, otherwise the latest."""
        last = min(now_us, now_us if end_us is None else end_us) // FUNDING_US
        oldest = -(-bars.first_us // FUNDING_US)
        if start_us is None:
            first = last - limit + 1
        else:
            first = -(-start_us // FUNDING_US)
            last = min(last, first + limit - 1)
        return [
            FundingRow(number * FUNDING_US, round(self._rate(number), 8), bars.price_at(number * FUNDING_US))
            for number in range(max(first, oldest), last + 1)
        ]

    def open_interest(self, at_us: int) -> int:
        """Return the open contracts in lots."""
        level = 0.0
        for (period_us, size), phase in zip(_WAVES, self._phases, strict=False):
            level += size * sin(2 * pi * (at_us % period_us) / period_us + phase)
        return round(self._open_lots * exp(level))

    def _rate(self, number: int) -> float:
        """Return the rate that is settled at the end of a funding period, by the venue's formula."""
        phases = self._phases
        # The sine of a large product is as good as noise, and needs no generator for each period.
        noise = sin(12_345.678 * number + phases[7] * 1_000)
        waves = sin(number / 9 + phases[5]) + 0.7 * sin(number / 31 + phases[6])
        premium = 3e-4 * self._volatility * waves + 2e-4 * noise
        rate = premium + min(_CLAMP, max(-_CLAMP, _INTEREST - premium))
        return min(MAX_RATE, max(-MAX_RATE, rate))
