"""One minute of the past: its bar, and the properties of its trades that are fixed before the trades are made."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np

from orderfox_nb.sim.facts import BarFigures
from orderfox_nb.sim.flow import LAST_MOMENT_US, STEP_US

MIN_AGGREGATES: Final = 12
"""Aggregate trades of a minute at least: open, high, low, close, and enough of each side to make the sums exact."""
ORDINARY: Final = 10
"""Smallest number of them that are not liquidations."""

Lots = TypeVar("Lots", int, np.ndarray)


class Minute(BarFigures, frozen=True, kw_only=True, gc=False):
    """A bar of one minute and the properties of its trades that are fixed."""

    aggregates: int
    """Number of aggregate trades."""
    first_trade_id: int
    first_agg_id: int
    opened_by_buyer: bool
    closed_by_buyer: bool
    turns: tuple[float, float]
    """When the first and the second of high and low come, as shares of the minute."""
    jumps: float
    """Moves of the price in an ordinary minute."""


def pin_lots(lots: Lots, side_lots: Lots) -> tuple[Lots, Lots, Lots]:
    """Return the sizes of the trades that make a bar's open, its high or low, and its close.

    Args:
        lots: Lots of the bar.
        side_lots: Lots of the side that makes the high (buyers) or the low (sellers).
    """
    return 1 + (lots >> 11), 1 + (side_lots >> 9), 1 + (lots >> 10)


def within_step(times_us: np.ndarray) -> np.ndarray:
    """Move times out of the last moment of their step, which belongs to the levels that changed."""
    return times_us - np.maximum(0, times_us % STEP_US - (STEP_US - LAST_MOMENT_US))
