"""Equity curves, trades and figures, against values that can be checked by hand and sums that must agree."""

from __future__ import annotations

from decimal import Decimal
from math import isnan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.orders import Fill
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.results.curve import EquityCurve
from orderfox_nb.bots.results.performance import (
    YEAR_US,
    performance_of,
    period_of,
    returns_of,
    sharpe_and_sortino,
    time_in_market,
)
from orderfox_nb.bots.results.round_trips import round_trips
from orderfox_nb.bots.results.run import model_name
from orderfox_nb.errors import BadValue
from tests.bots.test_account import STEPS, account, apply, fill
from tests.core.facts import BTC, MONTH_US

pytestmark = pytest.mark.core

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US


def curve_of(equity: list[float], step_us: int = SECOND_US, **options: Any) -> EquityCurve:
    curve = EquityCurve(step_us, **options)
    for number, value in enumerate(equity):
        curve.sample(MONTH_US + number * step_us, value, 0, 100.0)
    return curve


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=300), st.integers(4, 40))
def test_a_curve_is_bounded_and_its_drawdown_counts_every_sample(equity: list[float], bound: int):
    curve = curve_of(equity, max_points=bound)
    columns = curve.columns
    assert len(columns.time_us) <= bound
    assert (columns.equity[0], columns.equity[-1]) == (equity[0], equity[-1])
    assert np.all(np.diff(columns.time_us) > 0)
    peaks = np.maximum.accumulate(equity)
    assert curve.max_drawdown == np.max(peaks - equity)
    assert curve.max_drawdown_share == pytest.approx(np.max((peaks - equity) / peaks))


def test_a_sample_at_the_time_of_the_last_replaces_it():
    curve = curve_of([100.0])
    curve.sample(MONTH_US, 90.0, 5, 101.0)
    assert curve.columns.equity.tolist() == [90.0]
    assert curve.max_drawdown == 10.0


def test_exposure_is_weighted_by_time():
    curve = EquityCurve()
    for second, exposure in ((0, 50.0), (1, 100.0), (4, 0.0), (8, 0.0)):
        curve.sample(MONTH_US + second * SECOND_US, 100.0, 1, 100.0, exposure=exposure)
    assert curve.exposure == pytest.approx((0.5 * 1 + 1.0 * 3) / 8)


@pytest.mark.parametrize(("step_us", "max_points"), [(0, 10), (1, 3)])
def test_a_curve_without_room_is_refused(step_us: int, max_points: int):
    with pytest.raises(BadValue):
        EquityCurve(step_us, max_points)


def test_returns_are_by_whole_periods_and_a_period_without_a_sample_has_none():
    curve = EquityCurve()
    for second, equity in ((0, 100.0), (1, 102.0), (61, 110.0), (185, 99.0)):
        curve.sample(MONTH_US + second * SECOND_US, equity, 0, 100.0)
    assert returns_of(curve.columns, 60 * SECOND_US).tolist() == pytest.approx([0.02, 110 / 102 - 1, 0.0, -0.1])


def test_ratios_are_those_of_their_definitions():
    returns = np.array([0.01, -0.02, 0.03, 0.0])
    sharpe, sortino = sharpe_and_sortino(returns, 3_600 * SECOND_US)
    scale = sqrt(YEAR_US / (3_600 * SECOND_US))
    assert sharpe == pytest.approx(0.005 / np.std(returns, ddof=1) * scale)
    assert sortino == pytest.approx(0.005 / sqrt(0.0004 / 4) * scale)
    assert all(isnan(one) for one in sharpe_and_sortino(np.array([0.0, 0.0]), SECOND_US))
    assert isnan(sharpe_and_sortino(np.array([0.01, 0.02]), SECOND_US)[1])


@pytest.mark.parametrize(
    ("hours", "period_s"), [(0.01, 60), (0.9, 60), (1, 60), (59, 60), (60, 3_600), (60 * 24, 86_400), (9_000, 86_400)]
)
def test_the_period_of_returns_follows_from_the_length_of_the_data(hours: float, period_s: int):
    assert period_of(round(hours * HOUR_US)) == period_s * SECOND_US


@pytest.mark.parametrize(("minutes", "given"), [(59, False), (60, True)])
def test_less_than_an_hour_has_no_ratio_for_a_year(minutes: int, given: bool):
    equity = [100.0 + at % 3 for at in range(minutes + 1)]
    curve = curve_of(equity, 60 * SECOND_US)
    found = performance_of(curve, account().ledger, [], [], BTC, orders=0, rejected=0)
    assert [isnan(found.sharpe), isnan(found.sortino)] == [not given] * 2
    assert found.period_s == 60


@given(STEPS, st.sampled_from(["cross", "isolated"]))
def test_trades_share_out_every_fee_profit_and_funding(steps: list[Any], mode: Any):
    wallet = account(mode=mode)
    for step in steps:
        apply(wallet, step)
    trips = round_trips(wallet.drain(), BTC)
    sums = wallet.ledger
    assert sum((trip.realised for trip in trips), Decimal(0)) == sums.realised
    assert sum((trip.fees for trip in trips), Decimal(0)) == sums.fees
    assert sum((trip.funding for trip in trips), Decimal(0)) == sums.funding
    assert sum((trip.profit for trip in trips), sums.deposit) == sums.cash
    open_trips = [trip for trip in trips if not trip.closed_us]
    assert len(open_trips) == bool(wallet.position_lots)
    assert open_trips == trips[-1:] or not open_trips
    for trip in trips:
        left = trip.opened_lots - trip.closed_lots
        assert left == (0 if trip.closed_us else abs(wallet.position_lots))
        assert 0 < trip.lots <= trip.opened_lots
        assert (trip.exit(BTC) is None) == (not trip.closed_lots)


def at(second: int, one: Fill) -> Fill:
    return Fill(
        number=one.number, time_us=MONTH_US + second * SECOND_US, side=one.side, ticks=one.ticks, lots=one.lots,
        maker=one.maker, liquidation=one.liquidation,
    )  # fmt: skip


def test_a_turn_closes_one_trade_and_opens_the_next():
    wallet: Account = account(taker=Decimal("0.001"))
    for one in (
        at(0, fill("buy", 100, 600_000)),
        at(10, fill("sell", 300, 610_000)),
        at(20, fill("buy", 200, 600_000)),
    ):
        wallet.apply_fill(one)
    first, second = trips = round_trips(wallet.drain(), BTC)
    assert (first.side, first.lots, first.realised, first.fees) == ("long", 100, Decimal(100), Decimal("12.1"))
    assert (first.entry(BTC), first.exit(BTC)) == (60_000.0, 61_000.0)
    assert (second.side, second.lots, second.fills) == ("short", 200, 2)
    assert (second.realised, second.fees) == (Decimal(200), Decimal("24.2"))
    assert (first.closed_us, second.opened_us) == (MONTH_US + 10 * SECOND_US, MONTH_US + 10 * SECOND_US)
    assert time_in_market(trips, MONTH_US, MONTH_US + 40 * SECOND_US) == 0.5


def test_figures_of_a_session_agree_with_its_account():
    wallet = account()
    curve = EquityCurve()
    fills = [
        at(0, fill("buy", 100, 600_000, maker=True)),
        at(60, fill("sell", 100, 603_000)),
        at(120, fill("sell", 50, 602_000)),
        at(180, fill("buy", 40, 606_000)),
    ]
    bookings: list[Any] = []
    for one in fills:
        wallet.apply_fill(one)
        bookings += wallet.drain()
        price = BTC.price(one.ticks)
        curve.sample(one.time_us, float(wallet.equity(price)), wallet.position_lots, price)
    trips = round_trips(bookings, BTC)
    found = performance_of(curve, wallet.ledger, bookings, trips, BTC, orders=6, rejected=1)
    assert found.profit == pytest.approx(float(wallet.equity(60_600.0)) - 10_000)
    assert found.unrealised == pytest.approx(-4.0)
    assert found.turnover == pytest.approx(6_000 + 6_030 + 3_010 + 2_424)
    assert found.maker_share == pytest.approx(6_000 / found.turnover)
    assert (found.fills, found.trades, found.win_rate, found.orders, found.rejected) == (4, 1, 1.0, 6, 1)
    assert found.time_in_market == pytest.approx(120 / 180)
    assert isnan(found.profit_factor)


def test_a_session_that_did_nothing_has_figures_without_a_division_by_zero():
    wallet = account()
    found = performance_of(EquityCurve(), wallet.ledger, [], [], BTC, orders=0, rejected=0)
    assert (found.profit, found.turnover, found.time_in_market, found.trades) == (0, 0, 0, 0)
    assert isnan(found.sharpe)
    assert isnan(found.win_rate)


def test_models_that_differ_have_different_names():
    others = ({}, {"power": 2.0}, {"partial": False}, {"monotone": False}, {"partial": False, "monotone": False})
    names = [model_name(QueueModel("power2", **each)) for each in others]  # type: ignore[arg-type]
    assert names == ["power2", "power2_2", "power2_whole", "power2_literal", "power2_whole_literal"]
