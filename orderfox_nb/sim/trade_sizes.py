"""Sizes of trades that sum up to given figures to the last lot: what makes a bar and its trades one truth."""

from __future__ import annotations

from typing import Final

import numpy as np

_SHARES: Final = (0.08, 0.3)
"""Parts of the volume that two balancing trades carry, tried in order."""


def exact_sizes(
    prices: np.ndarray, weights: np.ndarray, *, total: int, quote: int, highest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Size trades so that their lots and their quote amounts have given sums.

    The sizes follow the weights, scaled apart above and below the mean price. Two trades are moved to the two ticks
    around the mean and carry what rounding leaves over. Where that is not possible, all trades move to these two ticks.

    Args:
        prices: In ticks, at least three, all within the bar, in time order.
        weights: Relative sizes, above zero.
        total: Sum of lots, at least four for each trade.
        quote: Sum of ticks times lots; its mean price lies within the bar.
        highest: No price is above it.

    Returns:
        Prices and lots, each lot count at least 1.
    """
    mean, rest = divmod(quote, total)
    if mean < highest:
        for share in _SHARES:
            found = _balanced(prices, weights, total=total, mean=mean, rest=rest, share=share)
            if found is not None:
                return found
    return _at_the_mean(len(prices), weights, total=total, mean=mean, rest=rest)


def _balanced(
    prices: np.ndarray, weights: np.ndarray, *, total: int, mean: int, rest: int, share: float
) -> tuple[np.ndarray, np.ndarray] | None:
    away = prices - mean
    first, second = _around(away)
    regular = np.ones(len(prices), bool)
    regular[[first, second]] = False

    away, weights = away[regular], weights[regular]
    volume = total * (1 - share)
    goal = (rest - total * share / 2) / volume
    weighted = weights * (away - goal)
    above = weighted > 0
    up, down = float(weighted[above].sum()), -float(weighted[~above].sum())
    if up <= 0 or down <= 0:
        return None
    scale = volume / (float(weights[above].sum()) * down + float(weights[~above].sum()) * up)
    sizes = np.maximum(1, weights * np.where(above, down, up) * scale).astype(np.int64)
    # What rounding took from the mean price is given back by the largest trade of each side of it.
    high, low = int(np.where(above, sizes, 0).argmax()), int(np.where(above, 0, sizes).argmax())
    apart = int(away[high] - away[low])
    moved_lots = round((rest - int((sizes * away).sum()) - total * share / 2) / apart) if apart else 0
    moved_lots = max(1 - int(sizes[high]), min(int(sizes[low]) - 1, moved_lots))
    sizes[high] += moved_lots
    sizes[low] -= moved_lots
    upper = rest - int((sizes * away).sum())
    lower = total - int(sizes.sum()) - upper
    if upper < 1 or lower < 1:
        return None
    lots = np.empty(len(prices), np.int64)
    lots[regular], lots[first], lots[second] = sizes, lower, upper
    moved = prices.copy()
    moved[first], moved[second] = mean, mean + 1
    return moved, lots


def _around(away: np.ndarray) -> tuple[int, int]:
    """Return which trades are moved to the mean and to the tick above it: where the price goes through it anyway."""
    above = away > 0
    crossings = np.flatnonzero(above[1:] != above[:-1])
    if not len(crossings):
        first = int(np.abs(away).argmin())
        return first, first - 1 if first else 1
    at = int(crossings[np.abs(away[crossings + 1] - away[crossings]).argmin()])
    return (at + 1, at) if above[at] else (at, at + 1)


def _at_the_mean(count: int, weights: np.ndarray, *, total: int, mean: int, rest: int) -> tuple[np.ndarray, np.ndarray]:
    lots = np.ones(count, np.int64)
    prices = np.full(count, mean, np.int64)
    if not rest:
        lots += shared(weights, total - count)
        return prices, lots
    # One trade has all of the smaller side, the others share the larger one.
    smaller = min(rest, total - rest)
    prices[0], prices[1:] = (mean + 1, mean) if smaller == rest else (mean, mean + 1)
    lots[0] = smaller
    lots[1:] += shared(weights[1:], total - smaller - (count - 1))
    return prices, lots


def shared(weights: np.ndarray, total: int) -> np.ndarray:
    """Share a whole number by weights: whole numbers whose sum it is, each within one of its exact share."""
    bounds = np.floor(np.cumsum(weights) * (total / weights.sum())).astype(np.int64)
    bounds[-1] = total
    return np.diff(bounds, prepend=0)


def parts_of(lots: np.ndarray, *, total: int) -> np.ndarray:
    """Choose in how many fills each trade went, larger ones in more: the sum is given, none has more than its lots."""
    spare = lots - 1
    wanted = total - len(lots)
    weights = spare**0.6
    extra = np.minimum(spare, (weights * (wanted / max(1.0, float(weights.sum())))).astype(np.int64))
    left = wanted - int(extra.sum())
    room = spare - extra
    if left:
        # Rounding a running sum of whole numbers never exceeds the room of a trade.
        given = np.cumsum(room) * left // int(room.sum())
        extra += np.diff(given, prepend=0)
    return extra + 1


def fills_of(lots: np.ndarray, parts: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Split each trade into its fills, one after another in a flat array, each at least one lot."""
    weights = np.exp(2.0 * random.standard_normal(int(parts.sum())))
    starts = np.cumsum(parts) - parts
    running = np.cumsum(weights)
    before = np.repeat(running[starts] - weights[starts], parts)
    whole = np.repeat(np.add.reduceat(weights, starts), parts)
    spare = np.repeat(lots - parts, parts)
    bounds = np.minimum(spare, ((running - before) / whole * spare).astype(np.int64))
    ends = starts + parts - 1
    bounds[ends] = lots - parts
    fills = np.diff(bounds, prepend=0)
    fills[starts] = bounds[starts]
    return fills + 1
