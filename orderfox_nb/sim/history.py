"""Bars, trades and liquidations of one symbol at any time, computed from the seed on demand.

The future can be computed as well: callers limit their requests to the present.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

import numpy as np

from orderfox_nb.core.timeframes import HOUR_US, MINUTE_US
from orderfox_nb.sim.bar_table import OPEN_US, aggregate, no_bars
from orderfox_nb.sim.block import BLOCK_US
from orderfox_nb.sim.facts import LiquidationFact, TradeFact
from orderfox_nb.sim.liquidations import SHOWN, LiquidationPast
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.price_path import PricePath
from orderfox_nb.sim.trades import TradePast

_KEPT_BLOCKS: Final = 6

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


def _locked(
    method: Callable[Concatenate[History, Arguments], Answer],
) -> Callable[Concatenate[History, Arguments], Answer]:
    """Admit one thread at a time."""

    @wraps(method)
    def locked(self: History, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        with self.lock:
            return method(self, *args, **kwargs)

    return locked


class History:
    """Minutes, hours, trades and liquidations of one symbol since its listing.

    Args:
        listing: What is traded.
        seed: The same seed gives the same at the same time.
        liquidation_rate: Factor on the frequency of liquidations of an ordinary day.
    """

    def __init__(self, listing: ListedContract, *, seed: int, liquidation_rate: float = 1.0) -> None:
        self.tick_size = float(listing.tick_size)
        self.first_us = listing.onboard_us
        self._path = PricePath(listing, seed=seed)
        self._block = lru_cache(maxsize=_KEPT_BLOCKS)(self._path.block)
        self._hours: dict[int, np.ndarray] = {}
        self._liquidations = LiquidationPast(listing, seed=seed, rate=liquidation_rate, block=self._block)
        self._trades = TradePast(
            listing, seed=seed, path=self._path, block=self._block, liquidations=self._liquidations
        )
        self.lock = threading.RLock()

    @property
    def ordinary_aggregates(self) -> float:
        """Aggregate trades of an ordinary second."""
        return self._path.block_aggregates / (BLOCK_US / 1e6)

    @_locked
    def minutes(self, start_us: int, stop_us: int) -> np.ndarray:
        """Return one-minute bars that open in [start, stop)."""
        return self._cut(lambda number: self._block(number).rows, start_us, stop_us)

    @_locked
    def hours(self, start_us: int, stop_us: int) -> np.ndarray:
        """Return one-hour bars that open in [start, stop)."""
        return self._cut(self._block_hours, start_us, stop_us)

    @_locked
    def minute_trades(self, open_us: int) -> list[TradeFact]:
        """Return the trades of a minute, oldest first; the minute's bar is their sum."""
        return self._trades.minute(open_us // MINUTE_US)

    @_locked
    def last_trade(self, end_us: int) -> TradeFact | None:
        """Return the last trade before a time, None before the listing."""
        return self._trades.last_before(end_us)

    @_locked
    def latest_trades(self, limit: int, *, start_us: int = 0, end_us: int) -> list[TradeFact]:
        """Return the latest aggregate trades of [start, end), oldest first."""
        return self._trades.until(end_us, limit, start_us=start_us)

    @_locked
    def trades_since(self, limit: int, *, start_us: int = 0, from_agg_id: int = -1, end_us: int) -> list[TradeFact]:
        """Return the first aggregate trades from a time and an id on, before an end, oldest first."""
        return self._trades.since(start_us, limit, end_us=end_us, from_agg_id=from_agg_id)

    @_locked
    def trades_since_single(self, limit: int, trade_id: int, *, end_us: int) -> list[TradeFact]:
        """Return the first aggregate trades from the one that holds a single trade on, oldest first."""
        return self._trades.since_trade(trade_id, limit, end_us=end_us)

    @_locked
    def liquidations(
        self, start_us: int, end_us: int, limit: int | None = None, *, public: bool = True
    ) -> list[LiquidationFact]:
        """Return liquidations in [start, end), oldest first; with a limit the latest of them."""
        found: list[LiquidationFact] = []
        start_us = max(start_us, self.first_us)
        number = (end_us - 1) // BLOCK_US
        while number * BLOCK_US + BLOCK_US > start_us and (limit is None or len(found) < limit):
            rows = self._liquidations.between(number, start_us, end_us)
            if public:
                rows = rows[rows[:, SHOWN] == 1]
            if limit is not None:
                rows = rows[max(0, len(rows) - limit + len(found)) :]
            found = self._liquidations.facts(rows) + found
            number -= 1
        return found

    @_locked
    def liquidation_sums(self, bucket_us: int, start_us: int, end_us: int) -> dict[tuple[int, str], float]:
        """Sum the notional of public liquidations in [start, end) by bucket, aligned to the start, and side."""
        first_us = max(start_us, self.first_us)
        sums: dict[tuple[int, str], float] = {}
        if bucket_us % HOUR_US == 0 and start_us % HOUR_US == 0:
            # Sums of whole hours are cached; the hour in progress is summed again.
            hour_us = max(first_us, end_us - end_us % HOUR_US)
            self._add_sums(sums, bucket_us, start_us, first_us, hour_us, hourly=True)
            first_us = hour_us
        self._add_sums(sums, bucket_us, start_us, first_us, end_us, hourly=False)
        return sums

    def prepare(self, start_us: int, end_us: int, *, liquidations: bool = False) -> None:
        """Compute the hours since a time, and on request the sums of liquidations; meant for another thread.

        Years of minutes take up to a second. The results are cached, and the lock is free between blocks.
        """
        for number in range(max(start_us, self.first_us) // BLOCK_US, end_us // BLOCK_US + 1):
            with self.lock:
                self._block_hours(number)
                if liquidations:
                    self._liquidations.sums(number, hourly=True)

    def _add_sums(
        self,
        sums: dict[tuple[int, str], float],
        bucket_us: int,
        aligned_us: int,
        start_us: int,
        end_us: int,
        *,
        hourly: bool,
    ) -> None:
        for number in range(start_us // BLOCK_US, -(-end_us // BLOCK_US)) if end_us > start_us else ():
            times, sells, notionals = self._liquidations.sums(number, hourly=hourly)
            low, high = np.searchsorted(times, [start_us, end_us])
            buckets = (times[low:high] - aligned_us) // bucket_us * 2 + sells[low:high]
            keys, index = np.unique(buckets, return_inverse=True)
            totals = np.bincount(index, weights=notionals[low:high], minlength=len(keys))
            for key, total in zip(keys.tolist(), totals.tolist(), strict=True):
                at = (aligned_us + key // 2 * bucket_us, "sell" if key % 2 else "buy")
                sums[at] = sums.get(at, 0.0) + total

    def _cut(self, block: Callable[[int], np.ndarray], start_us: int, stop_us: int) -> np.ndarray:
        start_us = max(start_us, self.first_us)
        parts: list[np.ndarray] = []
        for number in range(start_us // BLOCK_US, -(-stop_us // BLOCK_US) if stop_us > start_us else 0):
            rows = block(number)
            low, high = np.searchsorted(rows[:, OPEN_US], [start_us, stop_us])
            parts.append(rows[low:high])
        if not parts:
            return no_bars()
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _block_hours(self, number: int) -> np.ndarray:
        hours = self._hours.get(number)
        if hours is None:
            hours = self._hours[number] = aggregate(self._block(number).rows, "1h")
        return hours
