"""What happened before the simulation began, made from the seed when somebody asks for it.

Time is cut into blocks of eight days. The price at each bound of a block is drawn once, backwards from the price at the
start; within a block the minutes are a Brownian bridge between the two, with a generator of their own. So any block can
be made alone, and every longer bar is put together from the same minutes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

import numpy as np

from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US
from orderfox_nb.sim.bars import (
    CLOSE,
    HIGH,
    LOTS,
    LOW,
    OPEN,
    OPEN_US,
    QUOTE,
    TAKER_LOTS,
    TAKER_QUOTE,
    TRADES,
    aggregate,
)
from orderfox_nb.sim.facts import LiquidationFact, TradeFact
from orderfox_nb.sim.flow import Flow
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.past import MOST_TAIL_MINUTES, PastLiquidations, past_trades

_BLOCK_US: Final = 8 * DAY_US
_BLOCK_MINUTES: Final = _BLOCK_US // MINUTE_US
_KEPT_BLOCKS: Final = 6
_TRADES: Final = 1_000
_DAILY: Final = 0.030
"""Standard deviation of the largest symbol's day."""
# What the price does from block to block returns slowly to where it is now: no symbol ends at a handful of ticks.
_RETURN: Final = 0.012
# Relative volume by hour of the day, UTC: the American afternoon is the busiest.
_BY_HOUR: Final = np.array(
    [1.0, 0.95, 0.9, 0.8, 0.72, 0.7, 0.72, 0.85, 0.95, 0.95, 0.92, 0.95,
     1.05, 1.35, 1.6, 1.55, 1.4, 1.2, 1.1, 1.05, 1.0, 0.95, 0.9, 0.95]
)  # fmt: skip
_WEEKEND: Final = 0.62


Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


def _alone(
    method: Callable[Concatenate[History, Arguments], Answer],
) -> Callable[Concatenate[History, Arguments], Answer]:
    """Let one thread at a time into the history."""

    @wraps(method)
    def locked(self: History, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked


class History:
    """The past of one symbol: minutes, hours, last trades, liquidations.

    Args:
        listing: What is traded; its price is the one at the start.
        seed: The same seed and start give the same past.
        start_us: Where the past ends.
    """

    def __init__(self, listing: Listing, *, seed: int, start_us: int) -> None:
        self._seed = [seed, 6, *listing.symbol.encode()]
        self._listing = listing
        self._start_us = start_us
        self._volatility = listing.volatility
        self.tick_size = float(listing.tick_size)
        self.first_us = listing.onboard_us
        self.last_price = listing.price_ticks
        """Last price before the start, in ticks."""
        self.end_minute_us = start_us - start_us % MINUTE_US
        """Start of the minute that is in progress at the start."""
        self.end_hour_us = start_us - start_us % HOUR_US
        flow = Flow(listing, seed=seed)
        self._lot_notional = flow.lot_notional
        self._mean_fill = flow.mean_fill_notional
        # About the ids of a symbol of this size after some years.
        self.first_ids = int(1e9 + 7e9 * listing.share**0.5), int(5e8 + 2.5e9 * listing.share**0.5)
        """Ids of the first live trade and aggregate trade."""
        self._anchors: np.ndarray | None = None
        self._blocks: OrderedDict[int, np.ndarray] = OrderedDict()
        self._hours: dict[int, np.ndarray] = {}
        self._tail: tuple[list[TradeFact], np.ndarray] | None = None
        self._past = PastLiquidations(listing, seed=seed)
        self._lock = threading.RLock()

    @_alone
    def minutes(self, start_us: int, stop_us: int) -> np.ndarray:
        """Return one-minute bars that open in [start, stop), up to the one before the start's."""
        return self._cut(self._block, start_us, min(stop_us, self.end_minute_us))

    @_alone
    def hours(self, start_us: int, stop_us: int) -> np.ndarray:
        """Return one-hour bars that open in [start, stop), up to the one before the start's."""
        return self._cut(self._block_hours, start_us, min(stop_us, self.end_hour_us))

    @_alone
    def partial_minute(self) -> list[int] | None:
        """Return what the minute in progress at the start has seen so far; None where it had just begun."""
        if self._start_us == self.end_minute_us:
            return None
        return self._block(self.end_minute_us // _BLOCK_US)[-1].tolist()

    @_alone
    def trades(self) -> list[TradeFact]:
        """Return the last aggregate trades before the start, oldest first; the last minutes are their sums."""
        return self._made_tail()[0]

    @_alone
    def liquidations(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]:
        """Return public liquidations in [start, end), oldest first; with a limit the latest of them."""
        found: list[LiquidationFact] = []
        start_us, end_us = max(start_us, self.first_us), min(end_us, self._start_us)
        number = (end_us - 1) // _BLOCK_US
        while number * _BLOCK_US + _BLOCK_US > start_us and (limit is None or len(found) < limit):
            left = None if limit is None else limit - len(found)
            found = self._past.orders(number, self._block, start_us, end_us, left) + found
            number -= 1
        return found

    @_alone
    def liquidation_sums(self, bucket_us: int, start_us: int, end_us: int) -> dict[tuple[int, str], float]:
        """Sum the notional of public liquidations in [start, end) by bucket, aligned to the start, and side."""
        sums: dict[tuple[int, str], float] = {}
        end_us = min(end_us, self._start_us)
        first_us = max(start_us, self.first_us)
        for number in range(first_us // _BLOCK_US, -(-end_us // _BLOCK_US)):
            times, sells, notionals = self._past.sums(
                number, self._block, hourly=bucket_us % HOUR_US == 0 and start_us % HOUR_US == 0
            )
            low, high = np.searchsorted(times, [first_us, end_us])
            buckets = (times[low:high] - start_us) // bucket_us * 2 + sells[low:high]
            keys, index = np.unique(buckets, return_inverse=True)
            totals = np.bincount(index, weights=notionals[low:high], minlength=len(keys))
            for key, total in zip(keys.tolist(), totals.tolist(), strict=True):
                at = (start_us + key // 2 * bucket_us, "sell" if key % 2 else "buy")
                sums[at] = sums.get(at, 0.0) + total
        return sums

    def prepare(self, start_us: int, *, liquidations: bool = False) -> None:
        """Make the hours since a time, and the sums of liquidations where asked for; meant for another thread.

        Years of minutes take up to a second. What is made here is kept, and the lock is free between blocks.
        """
        for number in range(max(start_us, self.first_us) // _BLOCK_US, self._start_us // _BLOCK_US + 1):
            with self._lock:
                self._block_hours(number)
                if liquidations:
                    self._past.sums(number, self._block, hourly=True)

    def _cut(self, block: Callable[[int], np.ndarray], start_us: int, stop_us: int) -> np.ndarray:
        start_us = max(start_us, self.first_us)
        parts: list[np.ndarray] = []
        for number in range(start_us // _BLOCK_US, -(-stop_us // _BLOCK_US) if stop_us > start_us else 0):
            rows = block(number)
            low, high = np.searchsorted(rows[:, OPEN_US], [start_us, stop_us])
            parts.append(rows[low:high])
        if not parts:
            return np.empty((0, 10), np.int64)
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _block_hours(self, number: int) -> np.ndarray:
        hours = self._hours.get(number)
        if hours is None:
            hours = self._hours[number] = aggregate(self._block(number), "1h")
        return hours

    def _block(self, number: int) -> np.ndarray:
        """Return the minutes of a block, with the partial one where the past ends in it."""
        rows = self._blocks.get(number)
        if rows is None:
            rows = self._made_block(number)
            if len(rows) and (number + 1) * _BLOCK_US > self.end_minute_us - MOST_TAIL_MINUTES * MINUTE_US:
                tail = self._made_tail()[1]
                low, high = np.searchsorted(tail[:, OPEN_US], rows[[0, -1], OPEN_US] + [0, 1])
                if high > low:
                    at = int(np.searchsorted(rows[:, OPEN_US], tail[low, OPEN_US]))
                    rows[at : at + high - low] = tail[low:high]
            self._blocks[number] = rows
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return rows

    def _anchor(self, number: int) -> float:
        """Return the logarithm of the price at a block's start, beside the price at the simulation's start."""
        last = self._start_us // _BLOCK_US
        if self._anchors is None:
            count = last - self.first_us // _BLOCK_US + 2
            normals = np.random.default_rng([*self._seed, 0]).standard_normal(count)
            scale = _DAILY * self._volatility
            levels = [0.0]
            for index, normal in enumerate(normals.tolist()):
                days = (self._start_us - last * _BLOCK_US) / DAY_US if index == 0 else 8.0
                levels.append(levels[-1] * (1 - _RETURN) + scale * max(days, 0.01) ** 0.5 * normal)
            self._anchors = np.array(levels)
        return float(self._anchors[last + 1 - number])

    def _made_block(self, number: int) -> np.ndarray:
        random = np.random.default_rng([*self._seed, number])
        begin_us = number * _BLOCK_US
        last = number == self._start_us // _BLOCK_US
        count = (self.end_minute_us - begin_us) // MINUTE_US if last else _BLOCK_MINUTES
        part_us = self._start_us - self.end_minute_us if last else 0
        total = count + (part_us > 0)
        opens_us = begin_us + MINUTE_US * np.arange(total, dtype=np.int64)
        if not total:
            return np.empty((0, 10), np.int64)
        hour = (opens_us // HOUR_US % 24).astype(np.int64)
        weekday = (opens_us // DAY_US + 3) % 7
        busy = _BY_HOUR[hour] * np.where(weekday >= 5, _WEEKEND, 1.0)

        # Volatility wanders from hour to hour.
        hours = random.standard_normal(_BLOCK_US // HOUR_US).tolist()
        level, wandering = 0.0, []
        for normal in hours:
            level = 0.93 * level + 0.2 * normal
            wandering.append(level)
        wild = np.exp(np.array(wandering))[(opens_us - begin_us) // HOUR_US]

        sigma = _DAILY * self._volatility / 1_440**0.5 * wild * busy**0.5 * 0.9
        if part_us:
            sigma[-1] *= (part_us / MINUTE_US) ** 0.5
        heavy = 0.75 + 0.5 * random.standard_exponential(total)
        moves = sigma * heavy * random.standard_normal(total) * 0.78
        path = np.cumsum(moves)
        share = np.cumsum(sigma * sigma)
        share /= share[-1]
        from_log = self._anchor(number)
        to_log = 0.0 if last else self._anchor(number + 1)
        path += from_log - share * (path[-1] - (to_log - from_log))
        close = np.rint(self.last_price * np.exp(path)).astype(np.int64)
        np.maximum(close, 20, out=close)
        open_ = np.empty_like(close)
        open_[1:] = close[:-1]
        open_[0] = max(20, round(self.last_price * float(np.exp(from_log))))

        reach = sigma * close * 0.4
        high = np.maximum(open_, close) + (reach * random.standard_exponential(total)).astype(np.int64)
        low = np.minimum(open_, close) - (reach * random.standard_exponential(total)).astype(np.int64)
        np.maximum(low, 10, out=low)

        sharp = np.abs(moves) / sigma
        ordinary = self._listing.daily_notional / 1_440
        notional = ordinary * busy * wild * (0.45 + 0.55 * sharp) * np.exp(0.55 * random.standard_normal(total) - 0.15)
        if part_us:
            notional[-1] *= part_us / MINUTE_US
        lots = np.maximum(1, notional * (self.last_price / close) ** 0.4 / self._lot_notional).astype(np.int64)
        takers = 0.5 + 0.1 * np.tanh(moves / sigma) + 0.09 * random.standard_normal(total)
        taker_lots = (lots * np.clip(takers, 0.02, 0.98)).astype(np.int64)
        four = open_ + high + low + close

        rows = np.empty((total, 10), np.int64)
        rows[:, OPEN_US], rows[:, OPEN], rows[:, HIGH], rows[:, LOW], rows[:, CLOSE] = opens_us, open_, high, low, close
        rows[:, LOTS], rows[:, QUOTE] = lots, lots * four // 4
        rows[:, TRADES] = np.maximum(1, np.minimum(notional / self._mean_fill, lots))
        rows[:, TAKER_LOTS], rows[:, TAKER_QUOTE] = taker_lots, taker_lots * four // 4
        return rows[rows[:, OPEN_US] >= self.first_us] if begin_us < self.first_us else rows

    def _made_tail(self) -> tuple[list[TradeFact], np.ndarray]:
        """Make the last trades and the minutes that they sum up to."""
        if self._tail is None:
            last = self._start_us // _BLOCK_US
            rows = self._made_block(last)
            if len(rows) < MOST_TAIL_MINUTES:
                rows = np.concatenate((self._made_block(last - 1), rows))
            random = np.random.default_rng([*self._seed, 1])
            self._tail = past_trades(rows, random, count=_TRADES, before_ids=self.first_ids, end_us=self._start_us)
        return self._tail
