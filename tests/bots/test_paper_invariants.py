"""What holds for every market and every sequence of orders."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.bots.orders import DONE
from orderfox_nb.bots.paper.queues import QUEUE_NAMES, QueueModel
from orderfox_nb.core.events import Gap
from orderfox_nb.errors import BadValue
from tests.bots.venues import LIVE, Bench

pytestmark = pytest.mark.core

MODELS = st.builds(QueueModel, st.sampled_from(QUEUE_NAMES), st.sampled_from([0.5, 1.0, 2.0, 3.0]))
LOTS = st.integers(1, 30)
AT_TOUCH = st.one_of(
    st.tuples(st.just("trade"), LOTS),
    st.tuples(st.just("level"), st.integers(0, 40)),
    st.tuples(st.just("send"), LOTS),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
)


@settings(max_examples=150, deadline=None)
@given(MODELS, st.integers(0, 40), st.lists(AT_TOUCH, max_size=40))
def test_own_orders_at_a_price_get_no_more_than_is_traded_there_and_only_move_forward(queue, size, steps):
    bench = Bench({1_000: size, 900: 5}, {1_100: 5}, queue=queue)
    for step, amount in steps:
        fills, ahead = len(bench.fills), {order.number: order.ahead for order in bench.venue.open_orders}
        if step == "trade":
            bench.trade(1_000, amount, "sell")
        elif step == "level":
            bench.change(bids={1_000: amount})
        elif step == "send":
            bench.send("buy", amount, 1_000)
        elif ahead:
            bench.cancel(sorted(ahead)[amount % len(ahead)])
        got = bench.fills[fills:]
        assert sum(fill.lots for fill in got) <= (amount if step == "trade" else 0)
        assert [fill.number for fill in got] == sorted(fill.number for fill in got)
        for order in bench.venue.open_orders:
            # A part of a lot is rounded when an order is filled.
            assert order.ahead <= ahead.get(order.number, order.ahead) + 0.5
            assert order.ahead > -1
        orders = bench.venue.open_orders
        assert all(first.ahead <= second.ahead + 1 for first, second in pairwise(orders))


PRICES = st.integers(995, 1_005)
ANY_STEP = st.one_of(
    st.tuples(st.just("trade"), PRICES, LOTS, st.sampled_from(["buy", "sell"])),
    st.tuples(st.just("change"), PRICES, st.integers(0, 40), st.just("")),
    st.tuples(st.just("book"), PRICES, LOTS, st.just("")),
    st.tuples(st.just("gap"), PRICES, LOTS, st.just("")),
    st.tuples(st.just("live"), PRICES, LOTS, st.just("")),
    st.tuples(st.just("mark"), PRICES, LOTS, st.just("")),
    st.tuples(st.just("cancel"), PRICES, LOTS, st.just("")),
    st.tuples(
        st.sampled_from(["GTC", "IOC", "FOK", "GTX", "market", "stop_market", "take_profit"]),
        PRICES,
        LOTS,
        st.sampled_from(["buy", "sell"]),
    ),
)


def act(bench: Bench, step: tuple[Any, int, int, Any], mid: list[int]) -> None:
    kind, ticks, lots, side = step
    if kind == "trade":
        bench.trade(ticks, lots, side)
    elif kind == "change":
        bids = {ticks: lots} if ticks <= mid[0] else {}
        bench.change(bids=bids, asks={} if bids else {ticks: lots})
    elif kind == "book":
        mid[0] = ticks
        bench.book({ticks: lots, ticks - 1: 7}, {ticks + 1: lots, ticks + 2: 7})
    elif kind == "gap":
        bench.apply(Gap(symbol="BTCUSDT", time_us=bench.now_us, reason="lost"))
    elif kind == "live":
        bench.apply(LIVE)
    elif kind == "mark":
        bench.mark(ticks / 10)
    elif kind == "cancel":
        orders = bench.venue.open_orders
        if orders:
            bench.cancel(orders[lots % len(orders)].number)
    elif kind == "market":
        bench.send(side, lots)
    elif kind in {"stop_market", "take_profit"}:
        bench.send(side, lots, ticks if kind == "take_profit" else None, kind=kind, trigger_ticks=ticks)
    else:
        bench.send(side, lots, ticks, time_in_force=kind)


@settings(max_examples=200, deadline=None)
@given(MODELS, st.booleans(), st.lists(ANY_STEP, max_size=50))
def test_sizes_are_conserved_and_states_go_one_way(model: QueueModel, partial, steps):
    queue = QueueModel(model.name, model.power, partial)
    bench = Bench({1_000: 10, 999: 7}, {1_001: 10, 1_002: 7}, queue=queue)
    wanted: dict[int, int] = {}
    mid = [1_000]
    for step in steps:
        fills, live = len(bench.fills), bench.venue.live
        act(bench, step, mid)
        if not live and not bench.venue.live:
            assert bench.fills[fills:] == []
        if step[0] in {"GTC", "IOC", "FOK", "GTX", "market", "stop_market", "take_profit"}:
            wanted[bench.number] = step[2]
    still = {order.number: order for order in bench.venue.open_orders}
    for number, lots in wanted.items():
        filled = sum(size for _, size in bench.filled(number))
        reports = [report for report in bench.reports if report.number == number]
        assert [report.filled_lots for report in reports] == sorted(report.filled_lots for report in reports)
        if number in still:
            assert still[number].left == lots - filled > 0
            assert not {report.state for report in reports} & DONE
        else:
            assert reports[-1].state in DONE
            assert not {report.state for report in reports[:-1]} & DONE
            assert reports[-1].filled_lots == filled
            assert (filled == lots) == (reports[-1].state == "filled")
            assert bench.cancel(number) == -2011
    for fill in bench.fills:
        assert 0 < fill.lots <= wanted[fill.number]


@settings(max_examples=60, deadline=None)
@given(MODELS, st.lists(ANY_STEP, max_size=40))
def test_equal_events_and_commands_give_equal_reports(model: QueueModel, steps):
    benches = [Bench({1_000: 10, 999: 7}, {1_001: 10, 1_002: 7}, queue=model) for _ in range(2)]
    for bench in benches:
        mid = [1_000]
        for step in steps:
            act(bench, step, mid)
    assert benches[0].reports == benches[1].reports
    assert benches[0].fills == benches[1].fills
    assert benches[0].venue.snapshot() == benches[1].venue.snapshot()


@given(
    MODELS,
    st.integers(0, 1_000),
    st.integers(0, 1_000),
    st.integers(0, 1_000),
    st.integers(0, 1_000),
)
def test_a_change_of_the_level_never_moves_an_order_back(model, before, now, ahead, traded):
    ahead = min(ahead, before)
    moved = model.depth_rule(0.001)(ahead, traded, before, now)
    assert moved <= ahead
    assert moved <= now
    assert moved >= min(ahead, now) - max(0, before - now - traded) - 1e-9


def test_an_order_within_a_lot_of_the_front_stays_there_unless_hftbacktest_is_followed_to_the_letter():
    ahead, before, now = -0.4, 1_000, 100
    assert QueueModel("power2", 3.0).depth_rule(0.001)(ahead, 0, before, now) == ahead
    assert QueueModel("power2", 3.0, monotone=False).depth_rule(0.001)(ahead, 0, before, now) > 0.5


def test_unknown_models_and_powers_are_refused():
    with pytest.raises(BadValue, match="one of risk_averse, log"):
        QueueModel("fifo")  # type: ignore[arg-type]
    for power in (0.0, float("inf"), float("nan")):
        with pytest.raises(BadValue, match="a positive number"):
            QueueModel("power", power)
