# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Data of a report's charts, reduced to as many points as a screen can show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from orderfox_nb.market.backtest.result import BacktestResult

MAX_POINTS: Final = 1_500
MAX_FILLS: Final = 2_000
"""Largest number of fills drawn of each side of the first model; the oldest ones are drawn."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One line: times in microseconds, ascending."""

    time_us: NDArray[np.int64]
    value: Floats


@dataclass(frozen=True)
class ReportColumns:
    """All data of a backtest's charts. Amounts are quote currency, drawdown is a percentage."""

    price: Curve
    buys: Curve
    sells: Curve
    left_out: int
    """Fills beyond those that are drawn."""
    equity: dict[str, Curve]
    low: Curve
    high: Curve
    drawdown: dict[str, Curve]
    position: dict[str, Curve]

    @property
    def empty(self) -> bool:
        """Whether the strategy never started."""
        return not len(self.price.time_us)


def columns_of(result: BacktestResult) -> ReportColumns:
    """Return the columns of a report: lines keep the lowest and the highest value of each stretch."""
    equity, drawdown, positions = result.equity, result.drawdown, result.positions
    index: Any = equity.index
    times: NDArray[np.int64] = index.as_unit("us").asi8
    names = [run.model for run in result.runs]

    def curve(values: Any) -> Curve:
        return thinned(Curve(times, values.to_numpy(np.float64)))

    fills = [booking for booking in result.runs[0].bookings if booking.kind == "fill"]
    sides = [[fill for fill in fills if fill.side == side] for side in ("buy", "sell")]
    buys, sells = (
        Curve(
            np.array([fill.time_us for fill in side[:MAX_FILLS]], np.int64),
            np.array([result.instrument.price(fill.ticks) for fill in side[:MAX_FILLS]], np.float64),
        )
        for side in sides
    )
    return ReportColumns(
        price=thinned(Curve(*result.prices)),
        buys=buys,
        sells=sells,
        left_out=sum(max(0, len(side) - MAX_FILLS) for side in sides),
        equity={name: curve(equity[name]) for name in names},
        low=_outline(times, equity["low"].to_numpy(np.float64), np.minimum),
        high=_outline(times, equity["high"].to_numpy(np.float64), np.maximum),
        drawdown={name: curve(drawdown[name] * 100) for name in names},
        position={name: curve(positions[name]) for name in names},
    )


def thinned(curve: Curve, count: int = MAX_POINTS) -> Curve:
    """Return a line in at most ``count`` points, with the extremes of each stretch among them, and both ends.

    Args:
        curve: Times ascending.
        count: At least 8.
    """
    total = len(curve.time_us)
    if total <= count:
        return curve
    edges = _edges(total, (count - 2) // 2)
    kept = {0, total - 1}
    for start, end in pairwise(edges.tolist()):
        stretch = curve.value[start:end]
        kept |= {int(start + stretch.argmin()), int(start + stretch.argmax())}
    at = np.array(sorted(kept))
    return Curve(curve.time_us[at], curve.value[at])


def _outline(times: NDArray[np.int64], values: Floats, extreme: np.ufunc, count: int = MAX_POINTS) -> Curve:
    """Return one edge of a band: the extreme of each stretch, at the same times for both edges."""
    if len(times) <= count:
        return Curve(times, values)
    edges = _edges(len(times), count)[:-1]
    return Curve(times[edges], extreme.reduceat(values, edges))


def _edges(total: int, stretches: int) -> NDArray[np.int64]:
    return np.linspace(0, total, stretches + 1).astype(np.int64)
