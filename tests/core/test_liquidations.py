from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.events import Gap, Liquidation
from orderfox_nb.core.liquidations import LiquidationOrders, notional_micro
from orderfox_nb.errors import EventError
from tests.core.facts import BTC, MONTH_US, applied, liquidation, liquidation_orders

pytestmark = pytest.mark.core

DAY = 86_400_000_000


def as_history(order: Liquidation) -> Liquidation:
    return msgspec.structs.replace(order, received_us=0)


def plain(orders: LiquidationOrders) -> list[Liquidation]:
    return [as_history(order) for order in orders.oldest_first]


@given(liquidation_orders(span_us=DAY))
def test_no_two_real_orders_are_merged(orders: list[Liquidation]):
    held = applied(LiquidationOrders(BTC), orders)
    assert sorted(held.view(), key=str) == sorted(orders, key=str)


@given(liquidation_orders(span_us=DAY), st.randoms(use_true_random=False))
def test_an_order_seen_in_history_and_live_is_one(orders: list[Liquidation], shuffle: random.Random):
    both = orders + [as_history(order) for order in orders]
    shuffle.shuffle(both)
    held = applied(LiquidationOrders(BTC), both)
    assert sorted(plain(held), key=str) == sorted(map(as_history, orders), key=str)


@given(liquidation_orders(span_us=DAY))
def test_a_prelude_sent_again_after_a_gap_adds_nothing(orders: list[Liquidation]):
    held = applied(LiquidationOrders(BTC), orders)
    before = held.view()
    held.apply(Gap(symbol="BTCUSDT", time_us=MONTH_US, reason="slow reader"))
    applied(held, held.prelude())
    assert held.view() == before


@given(liquidation_orders(span_us=1000, live=False), liquidation_orders(span_us=1000))
def test_history_and_live_hold_as_many_as_the_one_that_saw_more(past: list[Liquidation], live: list[Liquidation]):
    held = plain(applied(LiquidationOrders(BTC), past + live))
    live = [as_history(order) for order in live]
    for order in held:
        assert held.count(order) == max(past.count(order), live.count(order))
    assert all(order in held for order in past + live)


def test_two_orders_that_are_alike_are_two():
    twins = [liquidation(MONTH_US), liquidation(MONTH_US)]
    assert len(applied(LiquidationOrders(BTC), twins).view()) == 2
    again = applied(LiquidationOrders(BTC), applied(LiquidationOrders(BTC), twins).prelude())
    assert len(again.view()) == 2


def test_view_is_newest_first_whatever_the_order_of_arrival():
    held = applied(LiquidationOrders(BTC), [liquidation(MONTH_US + n) for n in (5, 1, 9, 3)])
    assert [order.time_us - MONTH_US for order in held.view()] == [9, 5, 3, 1]
    assert [order.time_us - MONTH_US for order in held.newest(2)] == [9, 5]
    assert held.newest(0) == []
    assert len(held.newest(10)) == 4


def test_only_the_newest_are_kept_and_an_older_one_is_refused():
    held = applied(LiquidationOrders(BTC, keep=3), [liquidation(MONTH_US + n) for n in range(10)])
    held.apply(liquidation(MONTH_US + 2))
    assert [order.time_us - MONTH_US for order in held.view()] == [9, 8, 7]


def test_sum_since_separates_shorts_from_longs():
    orders = [
        liquidation(MONTH_US, side="buy", size=1.0, price=100.0),
        liquidation(MONTH_US + 10, side="buy", size=0.1, price=3.0),
        liquidation(MONTH_US + 20, side="sell", size=2.0, price=50.0),
    ]
    held = applied(LiquidationOrders(BTC), orders)
    assert held.sum_since(MONTH_US) == (100.3, 100.0)
    assert held.sum_since(MONTH_US + 1) == (0.3, 100.0)
    assert held.sum_since(MONTH_US + 21) == (0.0, 0.0)


def test_notional_is_whole_millionths():
    assert notional_micro(liquidation(MONTH_US, size=0.1, price=3.0)) == 300_000


def test_an_order_of_another_symbol_is_refused_but_by_a_whole_market():
    order = msgspec.structs.replace(liquidation(MONTH_US), symbol="ETHUSDT")
    with pytest.raises(EventError, match="ETHUSDT"):
        LiquidationOrders(BTC).apply(order)
    assert applied(LiquidationOrders(None), [order, liquidation(MONTH_US)]).version == 2
