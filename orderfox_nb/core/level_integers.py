"""Levels as a book counts them: prices in whole ticks, sizes in whole lots, from text's floats or from columns."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np

from orderfox_nb.core.events import Level, LevelColumns, SideColumns
from orderfox_nb.core.instrument import OFF_STEP, Instrument, off_step
from orderfox_nb.core.price_levels import Integers
from orderfox_nb.errors import OffStep

_MAX_NUMBER: Final = 2**53
"""Ticks and lots beyond this are not exact in the float that they came in."""
_OFF_STEP_SQUARED: Final = OFF_STEP**2
_MAX_BITS: Final = int(np.float64(_MAX_NUMBER).view(np.uint64))
_IMPOSSIBLE: Final = "a price or size that cannot be"


def level_integers(
    instrument: Instrument, bids: list[Level], asks: list[Level]
) -> tuple[tuple[Integers, Integers], tuple[Integers, Integers]]:
    """Convert prices and sizes to keys and lots of both sides, a bid's key being its negated ticks.

    Raises:
        ValueError: A number that is negative, not finite or too large to be exact.
        OffStep: A price or size that is not a multiple of the tick or lot.
    """
    # Both sides at once: with some tens of changes the number of calls costs, not the length of the arrays.
    split, count = len(bids), len(bids) + len(asks)
    columns: Sequence[tuple[float, ...]] = list(zip(*bids, *asks, strict=True)) if count else ((), ())
    numbers = np.fromiter(columns[0] + columns[1], np.float64, 2 * count)
    prices, sizes = numbers[:count], numbers[count:]
    prices *= instrument.price_scale
    sizes *= instrument.size_scale
    if count:
        # As bits, floats from zero on are in order; whatever is negative or not a number is beyond all of them.
        bits = numbers.view(np.uint64)
        if bits[bits.argmax()] >= _MAX_BITS and not (numbers.min() >= 0 and numbers.max() < _MAX_NUMBER):
            raise ValueError(_IMPOSSIBLE)
    if instrument.tick_units != 1:
        prices /= instrument.tick_units
    if instrument.lot_units != 1:
        sizes /= instrument.lot_units
    whole = np.rint(numbers)
    numbers -= whole
    # The sum of squares first: one product is all that most deltas cost.
    if numbers.dot(numbers) > _OFF_STEP_SQUARED:
        _check_steps(instrument, (*bids, *asks))
    numbers = whole
    prices = numbers[:count]
    np.negative(prices[:split], prices[:split])
    keys_and_lots = numbers.astype(np.int64)
    keys, lots = keys_and_lots[:count], keys_and_lots[count:]
    return (keys[:split], lots[:split]), (keys[split:], lots[split:])


def _check_steps(instrument: Instrument, levels: Sequence[Level]) -> None:
    for price, size in levels:
        if off_step(price, instrument.price_scale, instrument.tick_units):
            raise OffStep(instrument.symbol, "price", price, instrument.tick_size)
        if off_step(size, instrument.size_scale, instrument.lot_units):
            raise OffStep(instrument.symbol, "size", size, instrument.lot_size)


def counts_alike(columns: LevelColumns, instrument: Instrument) -> bool:
    """Return whether columns are in ticks and lots as they are."""
    return (
        columns.price_digits == instrument.price_digits
        and columns.size_digits == instrument.size_digits
        and instrument.tick_units == instrument.lot_units == 1
    )


def column_integers(side: SideColumns, columns: LevelColumns, instrument: Instrument) -> tuple[Integers, Integers]:
    """Convert one side of columns to ticks and lots.

    Raises:
        ValueError: A number that is negative or too large to be exact, or columns of different lengths.
        OffStep: A price or size that is not a multiple of the tick or lot.
    """
    if len(side.prices) != len(side.sizes):
        raise ValueError("columns of different lengths")
    counts: list[Integers] = []
    for name, column, digits, step in (
        ("price", side.prices, columns.price_digits, instrument.tick_size),
        ("size", side.sizes, columns.size_digits, instrument.lot_size),
    ):
        numbers = np.frombuffer(column, np.int64)
        factor, unit = _ratio(digits, str(step))
        # Read as unsigned, a negative number is a huge one.
        if len(numbers) and int(numbers.view(np.uint64).max()) * factor >= _MAX_NUMBER:
            raise ValueError(_IMPOSSIBLE)
        if factor != 1 or unit != 1:
            numbers, rest = np.divmod(numbers * factor, unit)
            if rest.any():
                found = np.frombuffer(column, np.int64)[rest.argmax()] / 10**digits
                raise OffStep(instrument.symbol, name, float(found), step)
        counts.append(numbers)
    return counts[0], counts[1]


@lru_cache(maxsize=1_024)
def _ratio(digits: int, step: str) -> tuple[int, int]:
    """Return the factor and the divisor that convert a number of these digits to steps."""
    ratio = Fraction(1, 10**digits) / Fraction(step)
    return ratio.numerator, ratio.denominator
