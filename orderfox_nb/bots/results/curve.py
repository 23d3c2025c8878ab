"""Equity over time in a bounded number of points."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.errors import BadValue

MAX_POINTS: Final = 20_000
SECOND_US: Final = 1_000_000


class CurveColumns(msgspec.Struct, frozen=True):
    """Parallel columns, times ascending."""

    time_us: NDArray[np.int64]
    equity: NDArray[np.float64]
    """Cash and unrealised profit, quote currency."""
    lots: NDArray[np.int64]
    """Position, negative for a short."""
    price: NDArray[np.float64]
    """Price of the market; equity is at the mark price where there is one."""


class EquityCurve:
    """Samples of one session at equal steps of time.

    Where there are too many points, every second one is dropped and the step is doubled. The largest drawdown and the
    time-weighted exposure count every sample, also those that were dropped.

    Args:
        step_us: Time between samples, microseconds, at least 1.
        max_points: How many points are kept at most, at least 4.

    Raises:
        BadValue: A step or a bound that is too small.
    """

    def __init__(self, step_us: int = SECOND_US, max_points: int = MAX_POINTS) -> None:
        if step_us < 1:
            raise BadValue("step_us", step_us, "1 or more")
        if max_points < 4:
            raise BadValue("max_points", max_points, "4 or more")
        self.step_us = step_us
        self.due_us = 0
        """A sample at or after this time is kept."""
        self.peak = -np.inf
        self.max_drawdown = 0.0
        """Largest fall of equity below an earlier maximum, quote currency."""
        self.max_drawdown_share = 0.0
        """Largest fall as a fraction of that maximum; 1 where nothing was left."""
        self._max_points = max_points
        self._points: list[tuple[int, float, int, float]] = []
        self._exposed = 0.0
        self._seconds = 0.0
        self._last: tuple[int, float] | None = None

    def sample(self, time_us: int, equity: float, lots: int, price: float, *, exposure: float = 0.0) -> None:
        """Add a sample; one at the time of the last replaces it.

        Args:
            time_us: Not before the last one's.
            equity: Quote currency.
            lots: Position.
            price: Price of the market.
            exposure: Absolute notional of the position, quote currency.
        """
        self.peak = max(self.peak, equity)
        fall = self.peak - equity
        self.max_drawdown = max(self.max_drawdown, fall)
        if self.peak > 0:
            self.max_drawdown_share = max(self.max_drawdown_share, min(1.0, fall / self.peak))
        if self._last is not None:
            before_us, share = self._last
            self._exposed += share * (time_us - before_us) / SECOND_US
            self._seconds += (time_us - before_us) / SECOND_US
        self._last = time_us, exposure / equity if equity > 0 else 0.0
        point = time_us, equity, lots, price
        if self._points and self._points[-1][0] == time_us:
            self._points[-1] = point
            return
        self._points.append(point)
        self.due_us = (time_us // self.step_us + 1) * self.step_us
        if len(self._points) > self._max_points:
            self.step_us *= 2
            kept = self._points[:1]
            for each in self._points[1:]:
                # One point in each step, the last of it.
                if each[0] // self.step_us == kept[-1][0] // self.step_us and len(kept) > 1:
                    kept[-1] = each
                else:
                    kept.append(each)
            self._points = kept
            self.due_us = (time_us // self.step_us + 1) * self.step_us

    @property
    def exposure(self) -> float:
        """Mean of the position's notional as a fraction of equity, by time."""
        return self._exposed / self._seconds if self._seconds else 0.0

    @property
    def newest_equity(self) -> float | None:
        """Equity of the newest sample, None before the first."""
        return self._points[-1][1] if self._points else None

    @property
    def columns(self) -> CurveColumns:
        """The points, oldest first."""
        times, equity, lots, prices = zip(*self._points, strict=True) if self._points else ((), (), (), ())
        return CurveColumns(
            np.array(times, np.int64),
            np.array(equity, np.float64),
            np.array(lots, np.int64),
            np.array(prices, np.float64),
        )
