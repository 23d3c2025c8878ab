"""Columns of liquidated volume, and what is computed from them alone."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.liquidations import MICRO
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, next_bar_us
from orderfox_nb.errors import BadValue

AVERAGE_WINDOW: Final = 50
UNKNOWN_AVERAGE: Final = -1
"""Stands for the average where no bucket is known yet: a zero would be a value."""
MAX_BUCKETS: Final = 5_000
"""The most buckets that one question is answered with."""

IntColumn = NDArray[np.int64]


class VolumeColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Contiguous buckets, oldest first, empty ones zero; sums in millionths of the quote currency."""

    start_us: IntColumn
    buy_micro: IntColumn
    """Liquidated shorts."""
    sell_micro: IntColumn
    """Liquidated longs."""
    count: IntColumn
    average_micro: IntColumn
    """``moving_average`` at each bucket; ``UNKNOWN_AVERAGE`` before the first bucket that is known."""

    @property
    def buy(self) -> NDArray[np.float64]:
        """Liquidated shorts in quote currency."""
        return self.buy_micro / MICRO

    @property
    def sell(self) -> NDArray[np.float64]:
        """Liquidated longs in quote currency."""
        return self.sell_micro / MICRO

    @property
    def average(self) -> NDArray[np.float64]:
        """Moving average of the absolute delta in quote currency, NaN if it is unknown."""
        return np.where(self.average_micro == UNKNOWN_AVERAGE, np.nan, self.average_micro / MICRO)


def moving_average(
    starts_us: IntColumn, deltas_micro: IntColumn, at_us: IntColumn, *, window: int = AVERAGE_WINDOW
) -> IntColumn:
    """Mean absolute delta of the last non-empty buckets up to and including each time, rounded half up.

    Args:
        starts_us: Starts of all non-empty buckets that are known, ascending, also those before the times asked.
        deltas_micro: Buy less sell of these buckets.
        at_us: Bucket starts to answer for, empty ones allowed.
        window: How many non-empty buckets.

    Returns:
        One value per time; ``UNKNOWN_AVERAGE`` where no bucket is known up to it.
    """
    total = np.concatenate(([0], np.cumsum(np.abs(deltas_micro)))).astype(np.int64)
    end = np.searchsorted(starts_us, at_us, side="right")
    begin = np.maximum(end - window, 0)
    held = np.maximum(end - begin, 1)
    mean = ((total[end] - total[begin]) * 2 + held) // (2 * held)
    return np.where(end > 0, mean, UNKNOWN_AVERAGE)


def bucket_starts(interval: str, start_us: int, end_us: int) -> IntColumn:
    """Return the starts of contiguous buckets from the one that holds ``start_us`` to before ``end_us``.

    Raises:
        BadValue: More than ``MAX_BUCKETS`` buckets.
    """
    if end_us <= start_us:
        return np.zeros(0, np.int64)
    first_us = bar_open_us(start_us, interval)
    if (end_us - first_us) // TIMEFRAME_US[interval] > MAX_BUCKETS:
        raise BadValue("time range", f"{start_us}..{end_us}", f"at most {MAX_BUCKETS} buckets of {interval}")
    if interval != "1M":
        return np.arange(first_us, end_us, TIMEFRAME_US[interval], dtype=np.int64)
    starts: list[int] = []
    while first_us < end_us:
        starts.append(first_us)
        first_us = next_bar_us(first_us, interval)
    return np.array(starts, np.int64)
