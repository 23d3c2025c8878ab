"""Money: nothing is lost between cash, fees, funding and position, and margin never goes below zero unnoticed."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.account.brackets import Bracket, Brackets
from orderfox_nb.bots.orders import Fill, OrderRequest
from orderfox_nb.core.events import MarkPrice, Side
from orderfox_nb.errors import BadValue
from tests.core.facts import BTC, MONTH_US

pytestmark = pytest.mark.core

HOUR_US = 3_600_000_000
TIERS = Brackets(
    [
        Bracket(floor=Decimal(0), cap=Decimal(50_000), rate=Decimal("0.004"), max_leverage=125),
        Bracket(
            floor=Decimal(50_000), cap=Decimal(600_000), rate=Decimal("0.005"), deduction=Decimal(50), max_leverage=100
        ),
        Bracket(
            floor=Decimal(600_000), cap=Decimal(3_000_000), rate=Decimal("0.05"), deduction=Decimal(27_050),
            max_leverage=20,
        ),
    ]
)  # fmt: skip


def account(**options: Any) -> Account:
    return Account(BTC, **{"cash": Decimal(10_000), "brackets": TIERS} | options)


def fill(side: Side, lots: int, ticks: int, *, maker: bool = False, number: int = 1, liquidation: bool = False) -> Fill:
    return Fill(
        number=number, time_us=MONTH_US, side=side, ticks=ticks, lots=lots, maker=maker, liquidation=liquidation
    )


def mark(price: float, *, time_us: int = MONTH_US, rate: float | None = 0.0001, next_us: int = 0) -> MarkPrice:
    return MarkPrice(
        symbol="BTCUSDT",
        time_us=time_us,
        mark_price=price,
        index_price=price,
        funding_rate=rate,
        next_funding_us=next_us or MONTH_US + 8 * HOUR_US,
    )


def test_a_round_trip_earns_the_difference_less_both_fees():
    wallet = account()
    opened = wallet.apply_fill(fill("buy", 500, 600_000, maker=True))
    closed = wallet.apply_fill(fill("sell", 500, 601_000))
    assert (opened.fee, closed.fee, closed.realised) == (Decimal(6), Decimal("15.025"), Decimal(50))
    assert wallet.cash == Decimal("10028.975")
    assert (wallet.position_lots, wallet.entry) == (0, None)


def test_a_fill_beyond_the_position_opens_the_other_side_at_its_own_price():
    wallet = account()
    wallet.apply_fill(fill("buy", 300, 600_000))
    wallet.apply_fill(fill("buy", 100, 604_000))
    assert wallet.entry == Decimal(60_100)
    booking = wallet.apply_fill(fill("sell", 1_000, 605_000))
    assert booking.realised == Decimal(160)
    assert (wallet.position_lots, wallet.entry) == (-600, Decimal(60_500))
    assert (wallet.reducible("buy"), wallet.reducible("sell")) == (600, 0)


def test_funding_is_paid_once_at_the_announced_time_rate_and_mark():
    wallet = account()
    due_us = MONTH_US + 8 * HOUR_US
    wallet.apply_mark(mark(60_000.0))
    wallet.apply_fill(fill("buy", 500, 600_000))
    assert wallet.apply_mark(mark(60_100.0, time_us=due_us - 1, rate=0.0002)) is None
    late = mark(60_200.0, time_us=due_us, rate=0.0009)
    paid = wallet.apply_mark(late)
    assert paid is not None
    # Half a coin at the mark of that moment, at the rate that was announced last before it.
    assert paid.funding == Decimal("-6.02")
    assert wallet.apply_mark(late) is None
    assert wallet.apply_mark(mark(60_200.0, time_us=due_us + 1, next_us=due_us + 4 * HOUR_US)) is None
    received = wallet.apply_mark(mark(60_000.0, time_us=due_us + 4 * HOUR_US, rate=-0.0001, next_us=due_us + HOUR_US))
    assert received is not None
    assert received.funding == Decimal(-3)
    assert wallet.ledger.funding == Decimal("-9.02")


def test_a_short_receives_what_a_long_pays_and_no_position_pays_nothing():
    due_us = MONTH_US + 8 * HOUR_US
    amounts: list[Decimal] = []
    for side in (None, "buy", "sell"):
        wallet = account()
        wallet.apply_mark(mark(60_000.0))
        if side:
            wallet.apply_fill(fill(side, 500, 600_000))
        wallet.apply_mark(mark(60_000.0, time_us=due_us))
        amounts.append(wallet.ledger.funding)
    assert amounts == [0, Decimal(-3), Decimal(3)]


STEPS = st.lists(
    st.one_of(
        st.builds(
            fill,
            st.sampled_from(["buy", "sell"]),
            st.integers(1, 3_000),
            st.integers(300_000, 900_000),
            maker=st.booleans(),
        ),
        st.builds(
            lambda price, hours, rate: mark(
                price, time_us=MONTH_US + hours * HOUR_US, rate=rate, next_us=MONTH_US + (hours + 1) * HOUR_US
            ),
            st.floats(30_000, 90_000),
            st.integers(0, 100),
            st.sampled_from([None, 0.0001, -0.00037, 0.02]),
        ),
    ),
    max_size=60,
)


def apply(wallet: Account, step: Fill | MarkPrice) -> None:
    if isinstance(step, Fill):
        wallet.apply_fill(step)
    else:
        wallet.apply_mark(step)


@given(STEPS, st.sampled_from(["cross", "isolated"]))
def test_cash_fees_funding_and_position_are_conserved(steps: list[Fill | MarkPrice], mode: Any):
    wallet = account(mode=mode, maker=Decimal("-0.0000123"))
    # Whatever the caller's thread does with decimals.
    with decimal.localcontext(prec=4):
        for step in steps:
            apply(wallet, step)
    bookings = wallet.drain()
    fills = [step for step in steps if isinstance(step, Fill)]
    signed = [one.lots if one.side == "buy" else -one.lots for one in fills]
    spent = sum((Decimal(lots * one.ticks) / 10_000 for lots, one in zip(signed, fills, strict=True)), Decimal(0))
    sums = wallet.ledger
    assert wallet.position_lots == sum(signed)
    assert sums.cash == sums.deposit + sums.realised - sums.fees + sums.funding
    assert sums.fees == sum((booking.fee for booking in bookings), Decimal(0))
    assert sums.funding == sum((booking.funding for booking in bookings), Decimal(0))
    # What was spent on fills is either realised or still in the position.
    assert sums.realised - wallet.position.cost == -spent
    assert wallet.equity(50_000.0) == sums.deposit - spent - sums.fees + sums.funding + 50 * wallet.position_lots
    assert wallet.isolated <= max(0, sums.cash)
    if not wallet.position_lots:
        assert (wallet.position.cost, wallet.isolated) == (0, 0)


@given(STEPS, STEPS, st.sampled_from(["cross", "isolated"]))
def test_an_account_goes_on_equal_after_a_restore(before: list[Any], after: list[Any], mode: Any):
    first = account(mode=mode)
    for step in before:
        apply(first, step)
    second = account(mode=mode)
    second.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(first.snapshot())))
    for step in after:
        apply(first, step)
        apply(second, step)
    assert second.snapshot() == first.snapshot()
    assert second.liquidation_price == first.liquidation_price
    assert second.must_liquidate() == first.must_liquidate()


@given(
    STEPS.filter(bool), st.sampled_from(["cross", "isolated"]), st.floats(30_000, 90_000), st.floats(0, 1),
)  # fmt: skip
def test_margin_below_maintenance_is_liquidated_and_leaves_no_debt(
    steps: list[Any], mode: Any, price: float, share: float
):
    wallet = account(mode=mode)
    for step in steps:
        apply(wallet, step)
    wallet.apply_mark(mark(price, time_us=MONTH_US + 2_000 * HOUR_US))
    lots = wallet.position_lots
    plan = wallet.must_liquidate()
    margin = wallet.margin_cash + wallet.position.unrealised(Decimal(repr(price)), BTC)
    owed = TIERS.maintenance(abs(BTC.exact_size(lots)) * Decimal(repr(price)))
    assert (plan is not None) == (lots != 0 and margin <= owed)
    if plan is None:
        return
    cash = wallet.cash
    free = cash - wallet.margin_cash
    assert (plan.lots, plan.side) == (abs(lots), "sell" if lots > 0 else "buy")
    # A part is sold in the market, never beyond the limit; the insurance fund takes the rest at that price.
    sold = int(plan.lots * share)
    better = 1_000 if lots > 0 else -1_000
    if sold:
        wallet.apply_fill(fill(plan.side, sold, max(1, plan.ticks + better), liquidation=True))
    if sold < plan.lots:
        wallet.apply_fill(fill(plan.side, plan.lots - sold, plan.ticks, liquidation=True))
    assert wallet.position_lots == 0
    assert wallet.cash >= free
    # What is set aside is there, so a liquidation leaves no debt behind.
    assert free >= 0 or cash < 0
    sums = wallet.ledger
    assert sums.cash == sums.deposit + sums.realised - sums.fees + sums.funding + sums.insurance
    assert wallet.must_liquidate() is None


def test_an_isolated_position_loses_its_own_margin_only():
    wallet = account(mode="isolated", leverage=20, taker=Decimal(0))
    wallet.apply_fill(fill("buy", 1_000, 600_000))
    assert wallet.isolated == Decimal(3_000)
    wallet.apply_mark(mark(57_000.0))
    plan = wallet.must_liquidate()
    assert plan is not None
    assert plan.ticks == 570_000
    wallet.apply_fill(fill("sell", 1_000, plan.ticks, liquidation=True))
    assert wallet.cash == Decimal(7_000)
    assert wallet.ledger.insurance == wallet.ledger.fees


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_position_is_liquidated_at_its_liquidation_price_and_not_before(side: Side):
    wallet = account()
    wallet.apply_fill(fill(side, 1_000, 600_000))
    limit = wallet.liquidation_price
    assert limit is not None
    for step, liquidated in ((Decimal("0.01"), False), (Decimal("-0.01"), True)):
        price = float(limit + step if side == "buy" else limit - step)
        wallet.apply_mark(mark(price))
        assert (wallet.must_liquidate() is not None) == liquidated
        quantity = Decimal(1)
        margin = wallet.equity(price)
        assert (margin <= TIERS.maintenance(quantity * Decimal(repr(price)))) == liquidated


def test_part_of_an_isolated_position_frees_its_part_of_the_margin():
    wallet = account(mode="isolated", leverage=20)
    wallet.apply_fill(fill("buy", 1_000, 600_000))
    wallet.apply_fill(fill("sell", 250, 610_000))
    assert wallet.isolated == Decimal(2_250)


def request(side: Side, lots: int, ticks: int | None = 600_000, *, reduce_only: bool = False) -> OrderRequest:
    return OrderRequest(symbol="BTCUSDT", side=side, lots=lots, ticks=ticks, reduce_only=reduce_only)


@pytest.mark.parametrize(
    ("order", "open_buys", "code"),
    [
        (request("buy", 1_666), 0, None),
        (request("buy", 1_667), 0, -2019),
        (request("buy", 1_667, None), 0, -2019),
        (request("buy", 667), 1_000, -2019),
        (request("sell", 1_666), 1_666, None),
        (request("buy", 9_999, reduce_only=True), 1_666, None),
        # Far above the market it would be at a loss at once.
        (request("buy", 1_600, 610_000), 0, -2019),
    ],
)
def test_an_order_needs_initial_margin_beside_what_is_open(order: OrderRequest, open_buys: int, code: int | None):
    found = account().affordable(order, 600_000, open_buys=open_buys, open_sells=0)
    assert (found and found.code) == code


def test_closing_needs_no_margin_and_a_turn_needs_it_for_the_other_side():
    wallet = account()
    wallet.apply_fill(fill("buy", 1_500, 600_000))
    assert wallet.affordable(request("sell", 3_000), 600_000, open_buys=0, open_sells=0) is None
    refused = wallet.affordable(request("sell", 3_300), 600_000, open_buys=0, open_sells=0)
    assert refused is not None
    assert refused.code == -2019


def test_a_leverage_bounds_the_notional_by_its_brackets():
    wallet = account(cash=Decimal(1_000_000), leverage=50)
    assert wallet.affordable(request("buy", 10_000), 600_000, open_buys=0, open_sells=0) is None
    refused = wallet.affordable(request("buy", 10_001), 600_000, open_buys=0, open_sells=0)
    assert refused is not None
    assert refused.code == -2027


@pytest.mark.parametrize(
    "options",
    [
        {"cash": Decimal(0)},
        {"cash": Decimal("NaN")},
        {"taker": Decimal(1)},
        {"leverage": 126},
        {"leverage": 0},
        {"mode": "portfolio"},
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(options: dict[str, Any]):
    with pytest.raises(BadValue, match=next(iter(options))):
        account(**options)
