"""The trades of one minute, drawn so that they sum up to its bar exactly.

The bar comes first and the trades are made to fit it. A bar of years ago therefore costs nothing but itself, its trades
can be computed on demand, and both are always the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import MINUTE_US, SECOND_US
from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.minute import Minute, pin_lots, within_step
from orderfox_nb.sim.trade_sizes import exact_sizes, fills_of, parts_of

_SECONDS: Final = 60
_MIN_OF_A_SIDE: Final = 3
_SIDE_CHANGES: Final = 0.24
_SIZE_SIGMA: Final = 2.0
_BURST_RATE: Final = 1 / 75
_MEMORY: Final = 0.93 ** np.arange(40)
_WANDERING: Final = 0.42
"""How far the price wanders off the way between two pins, beside the range of the bar."""


def minute_trades(minute: Minute, liquidations: np.ndarray, random: np.random.Generator) -> list[TradeFact]:
    """Make the aggregate trades of a minute, oldest first.

    Args:
        minute: What they sum up to.
        liquidations: Orders that are among them, a row each: offset in us, sold, lots, lots of the last fill, price.
        random: Random generator of this minute alone.
    """
    count, forced = minute.aggregates, len(liquidations)
    times, is_forced = _times(count - forced, liquidations[:, 0], random)
    ordinary = np.flatnonzero(~is_forced)
    forced_at = np.flatnonzero(is_forced)
    inner = ordinary[1:-1]
    turns = np.searchsorted(times[inner], np.array(minute.turns) * MINUTE_US)
    first = min(int(turns[0]), len(inner) - 2)
    second = max(first + 1, min(int(turns[1]), len(inner) - 1))
    rising = minute.close > minute.open
    low_at, high_at = (inner[first], inner[second]) if rising else (inner[second], inner[first])

    buys = (np.cumsum(random.random(count) < _SIDE_CHANGES) + int(random.integers(0, 2))) % 2 == 1
    prices = np.zeros(count, np.int64)
    lots = np.zeros(count, np.int64)
    pinned = is_forced.copy()
    open_lots, high_lots, close_lots = pin_lots(minute.lots, minute.taker_lots)
    _, low_lots, _ = pin_lots(minute.lots, minute.lots - minute.taker_lots)
    for at, price, size, buy in (
        (0, minute.open, open_lots, minute.opened_by_buyer),
        (high_at, minute.high, high_lots, True),
        (low_at, minute.low, low_lots, False),
        (count - 1, minute.close, close_lots, minute.closed_by_buyer),
    ):
        prices[at], lots[at], buys[at], pinned[at] = price, size, buy, True
    buys[forced_at] = liquidations[:, 1] == 0
    lots[forced_at], prices[forced_at] = liquidations[:, 2], liquidations[:, 4]

    free = np.flatnonzero(~pinned)
    for side in (True, False):
        missing = _MIN_OF_A_SIDE - int((buys[free] == side).sum())
        if missing > 0:
            others = free[buys[free] != side]
            buys[random.permutation(others)[:missing]] = side
    path = _path(minute, prices, np.flatnonzero(pinned), times, random)
    prices[free] = np.clip(path[free] + buys[free], minute.low, minute.high)
    weights = np.exp(_SIZE_SIGMA * random.standard_normal(count))
    for side, side_lots, side_quote in (
        (True, minute.taker_lots, minute.taker_quote),
        (False, minute.lots - minute.taker_lots, minute.quote - minute.taker_quote),
    ):
        fixed = pinned & (buys == side)
        at = free[buys[free] == side]
        total = side_lots - int(lots[fixed].sum())
        quote = side_quote - int((prices[fixed] * lots[fixed]).sum())
        _reach(prices, at, (low_at, high_at), quote / total, random)
        prices[at], lots[at] = exact_sizes(prices[at], weights[at], total=total, quote=quote, highest=minute.high)
    return _facts(minute, (times, prices, lots, buys), (forced_at, liquidations[:, 3]), random)


def _times(count: int, forced_us: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw when trades happen, in bursts, and merge the times of liquidations in: never the first or the last."""
    levels = np.convolve(random.standard_normal(_SECONDS + len(_MEMORY) - 1), _MEMORY, "valid") * 0.33
    activity = 0.5 + np.exp(levels)
    for second in np.flatnonzero(random.random(_SECONDS) < _BURST_RATE).tolist():
        activity[second : second + 1 + int(random.exponential(1.2))] *= 8.0 + 26.0 * random.random()
    edges = np.concatenate(([0.0], np.cumsum(activity)))
    # Orders cluster on few moments: what reacts, reacts at once.
    moments = min(count, 1 + int(4.0 * count**0.75))
    begins = np.sort(random.random(moments)) * float(edges[-1])
    at: np.ndarray = np.interp(begins, edges, np.arange(_SECONDS + 1.0))
    chosen = np.sort(random.integers(0, moments, count))
    times = np.minimum(MINUTE_US - 1_000, at[chosen] * SECOND_US).astype(np.int64)
    if len(forced_us):
        times[0] = min(times[0], int(forced_us[0]) - 1_000)
        times[-1] = max(times[-1], int(forced_us[-1]) + 1_000)
    times = within_step(times)
    if not len(forced_us):
        return times, np.zeros(count, bool)
    together = np.concatenate((forced_us, times))
    order = np.argsort(together, kind="stable")
    return together[order], order < len(forced_us)


def _path(
    minute: Minute, prices: np.ndarray, pins: np.ndarray, times: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Draw the best bid at each trade: it rests and jumps, meets the pins and stays within the bar."""
    count = len(times)
    moved = np.flatnonzero(np.diff(times, prepend=-1) > 0)
    chance = min(1.0, minute.jumps / len(moved))
    jumps = np.zeros(count)
    # A real best price rests and jumps and does not diffuse.
    jumps[moved] = (random.random(len(moved)) < chance) * random.standard_exponential(len(moved))
    jumps *= np.abs(random.standard_normal(count))
    signs = np.where(random.random(count) < 0.5, 1.0, -1.0)
    way = np.cumsum(jumps) + 1e-6 * np.arange(count)
    raw = np.cumsum(jumps * signs)
    low, high = minute.low, minute.high
    reach = _WANDERING * (high - low) / (float((jumps * jumps).sum()) ** 0.5 + 1e-9)
    at = way[pins]
    path = np.interp(way, at, prices[pins]) + reach * (raw - np.interp(way, at, raw[pins]))
    # Reflected at both ends.
    span = max(1, high - low)
    path = span - np.abs((path - low) % (2 * span) - span)
    return low + np.floor(path).astype(np.int64)


def _reach(
    prices: np.ndarray, at: np.ndarray, extremes: tuple[int, int], mean: float, random: np.random.Generator
) -> None:
    """Let some trades of a side be below and some above their mean price: the price dwells at its low or its high."""
    wanted = max(2, len(at) // 8)
    for extreme, above in zip(extremes, (False, True), strict=True):
        there = prices[at] > mean if above else prices[at] < mean
        reach = int(abs(prices[extreme] - mean))
        missing = min(wanted - int(there.sum()), len(at) // 2)
        if missing > 0 and reach > 1:
            near = at[~there][np.abs(at[~there] - extreme).argsort(kind="stable")[:missing]]
            away = random.integers(0, reach, len(near)) // 2
            prices[near] = prices[extreme] + (-away if above else away)


def _facts(
    minute: Minute, columns: tuple[np.ndarray, ...], forced: tuple[np.ndarray, np.ndarray], random: np.random.Generator
) -> list[TradeFact]:
    """Split the trades into fills and number them."""
    times, prices, lots, buys = columns
    forced_at, last_lots = forced
    parts = np.empty(len(lots), np.int64)
    ordinary = np.ones(len(lots), bool)
    ordinary[forced_at] = False
    parts[forced_at] = 1 + (last_lots < lots[forced_at])
    parts[ordinary] = parts_of(lots[ordinary], total=minute.trades - int(parts[forced_at].sum()))
    flat = fills_of(lots, parts, random)
    ends = np.cumsum(parts)
    for at, last in zip(forced_at.tolist(), last_lots.tolist(), strict=True):
        if parts[at] == 2:
            flat[ends[at] - 2 : ends[at]] = lots[at] - last, last
    fills = flat.tolist()
    facts: list[TradeFact] = []
    table = (minute.open_us + times, prices, lots, buys, parts, ends)
    agg_id, trade_id = minute.first_agg_id, minute.first_trade_id
    for time_us, price, size, buy, pieces, end in zip(*(column.tolist() for column in table), strict=True):
        facts.append(
            TradeFact(
                time_us, trade_id, trade_id + pieces - 1, agg_id, price, size, not buy, tuple(fills[end - pieces : end])
            )
        )
        agg_id, trade_id = agg_id + 1, trade_id + pieces
    return facts
