"""Single trades and liquidations of the past, made to fit the minutes around them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import HOUR_US, MINUTE_US, SECOND_US
from orderfox_nb.sim.bars import CLOSE, HIGH, LOTS, LOW, OPEN, OPEN_US, QUOTE, TAKER_LOTS, TAKER_QUOTE, TRADES
from orderfox_nb.sim.facts import LiquidationFact, TradeFact
from orderfox_nb.sim.liquidations import (
    MEDIAN_NOTIONAL,
    QUIET_RATE,
    RATE_EXPONENT,
    SHORTS,
    SIGMA_NOTIONAL,
    limit_distance_bp,
)
from orderfox_nb.sim.listings import Listing

_FILLS_PER_TRADE: Final = 3
MOST_TAIL_MINUTES: Final = 240
_KEPT_BLOCKS: Final = 8
_TOLD_AFTER_US: Final = SECOND_US + 12_000


def past_trades(
    rows: np.ndarray, random: np.random.Generator, *, count: int, before_ids: tuple[int, int], end_us: int
) -> tuple[list[TradeFact], np.ndarray]:
    """Make the last aggregate trades before a moment, and the bars that they sum up to.

    The prices stay in the bars and touch their open, high, low and close; volumes, counts and takers of the bars are
    then those of the trades.

    Args:
        rows: One-minute bars, the last of which ends at ``end_us``.
        random: Where chance comes from.
        count: How many there must be at least.
        before_ids: First trade id and aggregate id after them.
        end_us: All of them are before it.
    """
    rows = rows[-MOST_TAIL_MINUTES:].copy()
    wanted = np.maximum(4, rows[:, TRADES] // _FILLS_PER_TRADE)
    enough = np.flatnonzero(np.cumsum(wanted[::-1]) >= count)
    rows = rows[-(int(enough[0]) + 1) :] if len(enough) else rows
    wanted = wanted[-len(rows) :]
    drafts: list[tuple[int, int, int, bool, tuple[int, ...]]] = []
    for bar, number in zip(rows, wanted.tolist(), strict=True):
        drafts += _minute_trades(bar, random, number, end_us)
    trade_id = before_ids[0] - sum(len(fills) for *_, fills in drafts)
    agg_id = before_ids[1] - len(drafts)
    trades: list[TradeFact] = []
    for time_us, price, lots, seller_takes, fills in drafts:
        last_id = trade_id + len(fills) - 1
        trades.append(TradeFact(time_us, trade_id, last_id, agg_id, price, lots, seller_takes, fills))
        trade_id, agg_id = last_id + 1, agg_id + 1
    return trades, rows


def _minute_trades(
    bar: np.ndarray, random: np.random.Generator, number: int, end_us: int
) -> list[tuple[int, int, int, bool, tuple[int, ...]]]:
    """Make the trades of one minute and write their sums into its bar."""
    open_us, open_, high, low, close = bar[:LOTS].tolist()
    length_us = min(MINUTE_US, end_us - open_us)
    times = open_us + np.sort(random.integers(0, max(1, length_us - 1_000), number))
    turns = np.sort(random.random(2)) * (number - 1)
    first, second = (low, high) if close > open_ else (high, low)
    middle = np.clip(np.rint(turns), 1, max(1, number - 2)).astype(np.int64)
    if middle[1] == middle[0]:
        middle = np.array([1, 2])
    path = np.interp(np.arange(number), [0, *middle, number - 1], [open_, first, second, close])
    wobble = random.standard_normal(number) * (high - low) * 0.03
    wobble[[0, -1]] = 0.0
    wobble[middle] = 0.0
    prices = np.clip(np.rint(path + wobble), low, high).astype(np.int64)
    sellers = np.empty(number, bool)
    sellers[0] = close < open_
    moves = np.sign(np.diff(prices))
    chance = random.random(number - 1)
    for index in range(1, number):
        move = moves[index - 1]
        sellers[index] = move < 0 if move else sellers[index - 1] ^ bool(chance[index - 1] < 0.2)
    weights = np.exp(1.5 * random.standard_normal(number))
    lots = np.maximum(1, weights / weights.sum() * int(bar[LOTS])).astype(np.int64)
    parts = np.minimum(1 + random.poisson(_FILLS_PER_TRADE - 1, number), lots)

    drafts: list[tuple[int, int, int, bool, tuple[int, ...]]] = []
    columns = zip(times.tolist(), prices.tolist(), lots.tolist(), sellers.tolist(), parts.tolist(), strict=True)
    for time_us, price, size, seller_takes, count in columns:
        piece = size // count
        drafts.append((time_us, price, size, seller_takes, (size - piece * (count - 1),) + (piece,) * (count - 1)))
    quotes = prices * lots
    bar[LOTS], bar[QUOTE], bar[TRADES] = lots.sum(), quotes.sum(), parts.sum()
    bar[TAKER_LOTS], bar[TAKER_QUOTE] = lots[~sellers].sum(), quotes[~sellers].sum()
    return drafts


class PastLiquidations:
    """The public liquidations of one symbol before the start, by block of minutes."""

    def __init__(self, listing: Listing, *, seed: int) -> None:
        self._seed = [seed, 7, *listing.symbol.encode()]
        self._rate = 60 * QUIET_RATE * listing.share**RATE_EXPONENT
        self._median = MEDIAN_NOTIONAL * (1.6 if listing.rank == 0 else 1.0)
        self._limit_bp = limit_distance_bp(listing)
        self._tick_size = float(listing.tick_size)
        self._lot_size = float(listing.lot_size)
        self._blocks: OrderedDict[int, tuple[np.ndarray, ...]] = OrderedDict()
        self._hourly: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def orders(
        self, number: int, minutes: Callable[[int], np.ndarray], start_us: int, end_us: int, limit: int | None
    ) -> list[LiquidationFact]:
        """Return the orders of a block in [start, end), oldest first; with a limit the latest."""
        columns = self._block(number, minutes)
        low, high = np.searchsorted(columns[0], [start_us, end_us]).tolist()
        if limit is not None:
            low = max(low, high - limit)
        times, sells, lots, last, limits, prices = (column[low:high].tolist() for column in columns)
        return [
            LiquidationFact(
                time_us=time_us,
                event_us=time_us + _TOLD_AFTER_US,
                side="sell" if sell else "buy",
                lots_original=size,
                lots_filled=size,
                lots_last=last_size,
                limit_ticks=limit_ticks,
                average_price=price * self._tick_size,
                sampled=True,
            )
            for time_us, sell, size, last_size, limit_ticks, price in zip(
                times, sells, lots, last, limits, prices, strict=True
            )
        ]

    def sums(
        self, number: int, minutes: Callable[[int], np.ndarray], *, hourly: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return times, whether sold, and notional: of each order, or summed by hour and side."""
        if hourly and number in self._hourly:
            return self._hourly[number]
        times, sells, lots, _, _, prices = self._block(number, minutes)
        notionals = lots * self._lot_size * (prices * self._tick_size)
        if not hourly:
            return times, sells, notionals
        keys, index = np.unique(times // HOUR_US * 2 + sells, return_inverse=True)
        totals = np.bincount(index, weights=notionals, minlength=len(keys))
        self._hourly[number] = keys // 2 * HOUR_US, keys % 2, totals
        return self._hourly[number]

    def _block(self, number: int, minutes: Callable[[int], np.ndarray]) -> tuple[np.ndarray, ...]:
        found = self._blocks.get(number)
        if found is None:
            found = self._blocks[number] = self._made(minutes(number), np.random.default_rng([*self._seed, number]))
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return found

    def _made(self, rows: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        if not len(rows):
            return tuple(np.empty(0, np.int64) for _ in range(6))
        moves = (rows[:, CLOSE] - rows[:, OPEN]) / rows[:, OPEN]
        sharp = moves / (moves.std() + 1e-9)
        rates = self._rate * (0.5 + np.minimum(30.0, 0.4 * sharp**2 + 0.05 * sharp**4))
        counts = random.poisson(rates)
        at = np.repeat(np.arange(len(rows)), counts)
        times = rows[at, OPEN_US] + random.integers(0, MINUTE_US, len(at))
        order = np.argsort(times, kind="stable")
        times, at = times[order], at[order]
        # The public stream has one order of a symbol in a second, and so has a record of it.
        kept = np.concatenate(([True], np.diff(times // SECOND_US) > 0)) if len(times) else np.empty(0, bool)
        times, at = times[kept], at[kept]
        size = len(at)
        sells = (random.random(size) > 1 / (1 + np.exp(-(np.log(SHORTS / (1 - SHORTS)) + 1.5 * sharp[at])))).astype(int)
        notional = np.exp(SIGMA_NOTIONAL * random.standard_normal(size)) * self._median
        low, high = rows[at, LOW], rows[at, HIGH]
        prices = low + random.random(size) * (high - low)
        lots = np.maximum(1, notional / (prices * self._tick_size * self._lot_size)).astype(np.int64)
        part = np.where(random.random(size) < 0.5, 1.0, random.random(size))
        last = np.maximum(1, lots * part).astype(np.int64)
        away = self._limit_bp / 1e4 * (0.75 + 0.5 * random.random(size))
        limits = np.rint(prices * (1 + np.where(sells == 1, -away, away))).astype(np.int64)
        return times, sells, lots, last, limits, prices
