"""Figures of one session: plain arithmetic over its equity curve, its trades and its bookings."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.bots.account.ledger import Booking, Ledger
from orderfox_nb.bots.results.curve import CurveColumns, EquityCurve
from orderfox_nb.bots.results.round_trips import RoundTrip
from orderfox_nb.core.instrument import Instrument

YEAR_US: Final = 365 * 86_400 * 1_000_000
_DAY_US: Final = 86_400 * 1_000_000
_PERIODS_US: Final = (_DAY_US, 3_600 * 1_000_000, 60 * 1_000_000)
_MIN_PERIODS: Final = 60
"""Smallest number of returns of a period; with fewer, a shorter period is taken."""
MIN_RATIO_US: Final = _MIN_PERIODS * _PERIODS_US[-1]
"""Shorter data have no Sharpe and no Sortino: annualised returns of seconds give figures in the hundreds."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one session. Amounts are quote currency; NaN if a figure is not defined."""

    profit: float
    """Profit in cash and in the open position, after fees and funding."""
    profit_share: float
    """As a fraction of the deposit."""
    realised: float
    """Profit of closed positions, before fees."""
    unrealised: float
    """Profit of the position that is open at the end, before fees."""
    fees: float
    """Paid; negative where rebates were larger."""
    funding: float
    """Received; negative where it was paid."""
    max_drawdown: float
    max_drawdown_share: float
    sharpe: float
    """Mean by standard deviation of the returns by ``period_s``, for a year of 365 days; risk-free rate zero.

    NaN for less than an hour of data.
    """
    sortino: float
    """The same by the deviation of negative returns only."""
    period_s: float
    """Length of a return: a day, an hour or a minute, chosen by the length of the data."""
    exposure: float
    """Mean of the position's notional as a fraction of equity, by time."""
    time_in_market: float
    """Fraction of time with a position."""
    turnover: float
    """Notional of all fills."""
    fills: int
    maker_share: float
    """Share of the fills' notional that was traded as maker."""
    orders: int
    rejected: int
    liquidations: int
    trades: int
    """Positions that were closed."""
    win_rate: float
    """Fraction of those with a profit."""
    profit_factor: float
    """Profits of the winning trades by losses of the others."""
    mean_trade: float
    """Profit of a trade."""


def returns_of(curve: CurveColumns, period_us: int) -> NDArray[np.float64]:
    """Return the relative changes of equity by period; a period without a sample has no change.

    Args:
        curve: The samples.
        period_us: Length of a period, epoch-aligned.
    """
    if len(curve.time_us) < 2:
        return np.empty(0)
    slots = curve.time_us // period_us
    ends = np.append(np.flatnonzero(np.diff(slots)), len(slots) - 1)
    whole = np.full(int(slots[-1] - slots[0]) + 1, nan)
    whole[slots[ends] - slots[0]] = curve.equity[ends]
    # Periods without a sample keep the value of the previous one.
    known = np.maximum.accumulate(np.where(np.isnan(whole), 0, np.arange(len(whole))))
    equity = np.append(curve.equity[:1], whole[known])
    before = equity[:-1]
    usable = before > 0
    return np.diff(equity)[usable] / before[usable]


def period_of(span_us: int) -> int:
    """Return the period of returns for data of a length, microseconds: the longest of which there are enough."""
    return next((period for period in _PERIODS_US if span_us >= _MIN_PERIODS * period), _PERIODS_US[-1])


def sharpe_and_sortino(returns: NDArray[np.float64], period_us: int) -> tuple[float, float]:
    """Return both ratios for a year, NaN if nothing deviates."""
    if len(returns) < 2:
        return nan, nan
    scale = sqrt(YEAR_US / period_us)
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
    downside = sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return (
        mean / deviation * scale if deviation > 0 else nan,
        mean / downside * scale if downside > 0 else nan,
    )


def time_in_market(trips: Sequence[RoundTrip], start_us: int, end_us: int) -> float:
    """Return the fraction of a span in which a position was open."""
    if end_us <= start_us:
        return 0.0
    held = sum(min(trip.closed_us or end_us, end_us) - max(trip.opened_us, start_us) for trip in trips)
    return min(1.0, max(0.0, held / (end_us - start_us)))


def performance_of(
    curve: EquityCurve,
    ledger: Ledger,
    bookings: Sequence[Booking],
    trips: Sequence[RoundTrip],
    instrument: Instrument,
    *,
    orders: int,
    rejected: int,
) -> Performance:
    """Compute the figures of a session whose events have ended.

    Args:
        curve: Its equity, with a sample of the end.
        ledger: Its sums.
        bookings: All of its changes of cash.
        trips: Its trades.
        instrument: The contract's.
        orders: How many it sent.
        rejected: How many of them were refused.
    """
    columns = curve.columns
    deposit = float(ledger.deposit)
    final = float(columns.equity[-1]) if len(columns.equity) else deposit
    start_us, end_us = (int(columns.time_us[0]), int(columns.time_us[-1])) if len(columns.time_us) else (0, 0)
    period_us = max(period_of(end_us - start_us), curve.step_us)
    sharpe = sortino = nan
    if end_us - start_us >= MIN_RATIO_US:
        sharpe, sortino = sharpe_and_sortino(returns_of(columns, period_us), period_us)
    fills = [booking for booking in bookings if booking.kind == "fill"]
    unit = float(instrument.tick_size * instrument.lot_size)
    turnover = sum(fill.lots * fill.ticks for fill in fills)
    by_maker = sum(fill.lots * fill.ticks for fill in fills if fill.maker)
    closed = [float(trip.profit) for trip in trips if trip.closed_us]
    won, lost = sum(one for one in closed if one > 0), -sum(one for one in closed if one < 0)
    return Performance(
        profit=final - deposit,
        profit_share=(final - deposit) / deposit,
        realised=float(ledger.realised),
        unrealised=final - float(ledger.cash),
        fees=float(ledger.fees),
        funding=float(ledger.funding),
        max_drawdown=curve.max_drawdown,
        max_drawdown_share=curve.max_drawdown_share,
        sharpe=sharpe,
        sortino=sortino,
        period_s=period_us / 1e6,
        exposure=curve.exposure,
        time_in_market=time_in_market(trips, start_us, end_us),
        turnover=turnover * unit,
        fills=len(fills),
        maker_share=by_maker / turnover if turnover else nan,
        orders=orders,
        rejected=rejected,
        liquidations=sum(trip.liquidated for trip in trips),
        trades=len(closed),
        win_rate=sum(one > 0 for one in closed) / len(closed) if closed else nan,
        profit_factor=won / lost if lost else nan,
        mean_trade=sum(closed) / len(closed) if closed else nan,
    )
