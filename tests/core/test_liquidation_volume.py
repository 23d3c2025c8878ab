from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.events import Gap, Liquidation
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.liquidations import notional_micro
from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US, TIMEFRAME_US, bar_open_us, next_bar_us
from orderfox_nb.core.volume_columns import UNKNOWN_AVERAGE, VolumeColumns, moving_average
from orderfox_nb.errors import BadValue, EventError
from tests.core.facts import BTC, MONTH_US, applied, history_of, liquidation, liquidation_orders, volume

pytestmark = pytest.mark.core

TIMEFRAMES = st.sampled_from(list(TIMEFRAME_US))
SPAN_US = 3 * HOUR_US
Row = tuple[int, int, int]


def truth(orders: list[Liquidation], interval: str) -> dict[int, Row]:
    rows: dict[int, Row] = {}
    for order in orders:
        start = bar_open_us(order.time_us, interval)
        buy, sell, count = rows.get(start, (0, 0, 0))
        if order.side == "buy":
            rows[start] = (buy + notional_micro(order), sell, count + 1)
        else:
            rows[start] = (buy, sell + notional_micro(order), count + 1)
    return rows


def held(columns: VolumeColumns) -> dict[int, Row]:
    rows = zip(
        columns.start_us.tolist(),
        columns.buy_micro.tolist(),
        columns.sell_micro.tolist(),
        columns.count.tolist(),
        strict=True,
    )
    return {start: (buy, sell, count) for start, buy, sell, count in rows if count}


def whole(state: LiquidationState, interval: str) -> dict[int, Row]:
    return held(state.at(interval, MONTH_US, MONTH_US + SPAN_US + 1))


@given(liquidation_orders(span_us=SPAN_US), TIMEFRAMES)
def test_the_histogram_sums_to_the_orders_at_every_timeframe(orders: list[Liquidation], interval: str):
    state = applied(LiquidationState(BTC), orders)
    assert whole(state, interval) == truth(orders, interval)


@given(liquidation_orders(span_us=SPAN_US), TIMEFRAMES, st.integers(1, 10))
def test_orders_that_are_no_longer_kept_stay_in_the_sums(orders: list[Liquidation], interval: str, keep: int):
    orders = sorted(orders, key=lambda order: order.time_us)
    times = [order.time_us for order in orders]
    if len(set(times)) < len(times):
        return  # what is as old as the oldest of a full list is refused
    state = applied(LiquidationState(BTC, keep=keep), orders)
    assert whole(state, interval) == truth(orders, interval)


@given(
    liquidation_orders(span_us=SPAN_US),
    st.integers(0, SPAN_US),
    st.sampled_from(["1m", "5m", "1h"]),
    st.integers(0, 40),
    TIMEFRAMES,
)
def test_history_and_live_add_up_and_nothing_counts_twice(
    orders: list[Liquidation], until: int, source: str, early: int, interval: str
):
    """A complete history up to a time, and a live stream that saw some of it too, before and after the history came."""
    until_us = MONTH_US + until
    before, after = orders[:early], orders[early:]
    state = applied(LiquidationState(BTC), before)
    state.apply(history_of(orders, until_us, interval=source))
    # What is older than the history comes late or, as every second one here, only with the history.
    late = [order for order in after if order.time_us < until_us][::2]
    applied(state, late + [order for order in after if order.time_us >= until_us])
    if TIMEFRAME_US[source] <= TIMEFRAME_US[interval]:
        assert whole(state, interval) == truth(orders, interval)


@given(liquidation_orders(span_us=SPAN_US), st.integers(0, SPAN_US), st.integers(2, 30), TIMEFRAMES)
def test_prelude_gives_the_same_sums(orders: list[Liquidation], until: int, keep: int, interval: str):
    state = LiquidationState(BTC, keep=keep)
    applied(state, orders[: len(orders) // 2])
    state.apply(history_of(orders, MONTH_US + until))
    applied(state, orders[len(orders) // 2 :])
    again = applied(LiquidationState(BTC, keep=keep), state.prelude())
    assert again.digest() == state.digest()
    assert whole(again, interval) == whole(state, interval)
    # And sent once more to the same fold, as to a reader that was too slow.
    again.apply(Gap(symbol="BTCUSDT", time_us=MONTH_US, reason="slow reader"))
    applied(again, state.prelude())
    assert again.digest() == state.digest()


def test_a_history_that_lags_behind_never_hides_what_was_seen():
    orders = [liquidation(MONTH_US + n) for n in range(3)]
    state = applied(LiquidationState(BTC), [*orders, volume(MONTH_US + HOUR_US, [])])
    assert whole(state, "1m") == truth(orders, "1m")


def test_a_newer_history_replaces_from_its_first_bucket_on():
    rows = [(MONTH_US + n * MINUTE_US, 100.0, 0.0, 1) for n in range(4)]
    state = applied(LiquidationState(BTC), [volume(MONTH_US + HOUR_US, rows)])
    state.apply(volume(MONTH_US + HOUR_US, [(MONTH_US + 2 * MINUTE_US, 7.0, 0.0, 1)]))
    assert state.at("1m", MONTH_US, MONTH_US + 4 * MINUTE_US).buy.tolist() == [100.0, 100.0, 7.0, 0.0]


def test_a_timeframe_is_made_from_the_history_that_reaches_back_furthest():
    state = applied(
        LiquidationState(BTC),
        [
            volume(MONTH_US + DAY_US, [(MONTH_US + 23 * HOUR_US, 5.0, 0.0, 1)]),
            volume(
                MONTH_US + DAY_US, [(MONTH_US, 90.0, 0.0, 9), (MONTH_US + 23 * HOUR_US, 5.0, 0.0, 1)], interval="1h"
            ),
        ],
    )
    assert state.at("4h", MONTH_US, MONTH_US + DAY_US).buy.tolist() == [90.0, 0, 0, 0, 0, 5.0]
    assert state.at("5m", MONTH_US, MONTH_US + DAY_US).buy.sum() == 5.0
    assert state.buckets.intervals == ("1m", "1h")


@given(
    liquidation_orders(span_us=SPAN_US),
    st.integers(0, SPAN_US // MINUTE_US),
    st.sampled_from(["1m", "5m", "1h"]),
    st.integers(1, 30),
)
def test_a_question_about_the_past_leaves_the_fold_as_it_is(
    orders: list[Liquidation], minutes: int, interval: str, keep: int
):
    """The history holds all before a minute; the fold saw only what came after, and kept some of it."""
    until_us = MONTH_US + minutes * MINUTE_US
    live = sorted((order for order in orders if order.time_us >= until_us), key=lambda order: order.time_us)
    if len({order.time_us for order in live}) < len(live):
        return
    state = applied(LiquidationState(BTC, keep=keep), live)
    digest = state.digest()
    answer = state.with_history(history_of(orders, until_us, interval=interval))
    past = [order for order in orders if order.time_us < until_us]
    assert held(answer.at(interval, MONTH_US, MONTH_US + SPAN_US + 1)) == truth(past + live, interval)
    assert state.digest() == digest


@given(st.integers(0, 40 * DAY_US), st.integers(0, 60), TIMEFRAMES)
def test_buckets_are_contiguous_and_cover_the_whole_range(offset: int, count: int, interval: str):
    start_us = MONTH_US + offset
    end_us = start_us
    for _ in range(count):
        end_us = next_bar_us(bar_open_us(end_us, interval), interval)
    starts = LiquidationState(BTC).at(interval, start_us, end_us).start_us.tolist()
    assert len(starts) == count
    if starts:
        assert starts[0] == bar_open_us(start_us, interval)
        assert next_bar_us(starts[-1], interval) == end_us
    assert all(next_bar_us(left, interval) == right for left, right in pairwise(starts))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(-(10**9), 10**9)), max_size=130), st.integers(1, 60))
def test_average_is_of_the_last_non_empty_buckets(rows: list[tuple[int, int]], window: int):
    starts = np.cumsum([step for step, _ in rows], dtype=np.int64)
    deltas = np.array([delta for _, delta in rows], np.int64)
    at = np.arange(0, 5 * len(rows) + 3, dtype=np.int64)
    averages = moving_average(starts, deltas, at, window=window)
    for time, average in zip(at.tolist(), averages.tolist(), strict=True):
        last = [abs(delta) for start, delta in zip(starts.tolist(), deltas.tolist(), strict=True) if start <= time]
        last = last[-window:]
        if not last:
            assert average == UNKNOWN_AVERAGE
            continue
        assert abs(average - sum(last) / len(last)) <= 0.5


@given(liquidation_orders(span_us=SPAN_US), st.integers(0, SPAN_US), st.integers(0, SPAN_US))
def test_a_bucket_has_the_same_average_in_every_range(orders: list[Liquidation], left: int, right: int):
    state = applied(LiquidationState(BTC), orders)
    full = state.at("1m", MONTH_US, MONTH_US + SPAN_US)
    part = state.at("1m", MONTH_US + min(left, right), MONTH_US + max(left, right))
    by_start = dict(zip(full.start_us.tolist(), full.average_micro.tolist(), strict=True))
    assert all(
        by_start[start] == average
        for start, average in zip(part.start_us.tolist(), part.average_micro.tolist(), strict=True)
    )
    assert state.at("1m", MONTH_US, MONTH_US + SPAN_US).average_micro.tolist() == full.average_micro.tolist()


def test_columns_give_quote_currency_too():
    state = applied(LiquidationState(BTC), [liquidation(MONTH_US, side="buy", size=0.1, price=3.0)])
    columns = state.at("1m", MONTH_US, MONTH_US + MINUTE_US)
    assert (columns.buy.tolist(), columns.sell.tolist(), columns.average.tolist()) == ([0.3], [0.0], [0.3])


def test_numbers_that_a_history_computed_are_the_same_order():
    live = liquidation(MONTH_US, size=0.3, price=3.0)
    past = msgspec.structs.replace(live, size=0.1 + 0.2, received_us=0)
    state = applied(LiquidationState(BTC), [live, past])
    assert state.at("1m", MONTH_US, MONTH_US + MINUTE_US).count.tolist() == [1]


def test_what_no_bucket_can_be_is_refused():
    state = LiquidationState(BTC)
    with pytest.raises(BadValue, match="7m"):
        state.at("7m", MONTH_US, MONTH_US + 1)
    with pytest.raises(BadValue, match="buckets"):
        state.at("1m", 0, MONTH_US)
    with pytest.raises(EventError):
        state.apply(volume(MONTH_US, [], interval="7m"))
    with pytest.raises(ValueError, match="columns of different lengths"):
        msgspec.structs.replace(volume(MONTH_US, []), count=[1])
    with pytest.raises(EventError):
        state.apply(msgspec.structs.replace(volume(MONTH_US, []), symbol="ETHUSDT"))


def test_sums_of_a_time_reach_beyond_the_kept_orders_into_the_minutes():
    state = LiquidationState(None, keep=2)
    minute_us = 60_000_000
    base_us = 1_700_000_040_000_000
    for number in range(6):
        order = Liquidation(
            symbol="BTCUSDT" if number % 2 else "ETHUSDT",
            time_us=base_us + number * minute_us + 1,
            received_us=1,
            side="buy" if number % 2 else "sell",
            size=1.0,
            price=10.0**number,
        )
        state.apply(order)
    assert len(state.view()) == 2
    assert state.sum_since(base_us) == (10.0 + 1_000.0 + 100_000.0, 1.0 + 100.0 + 10_000.0)
    assert state.sum_since(base_us + 3 * minute_us) == (101_000.0, 10_000.0)
    # A part of a minute: what the kept orders know of it.
    assert state.sum_since(base_us + 4 * minute_us + 1) == (100_000.0, 10_000.0)
    assert state.sum_since(base_us + 4 * minute_us + 2) == (100_000.0, 0.0)
    assert state.sum_since(base_us + 60 * minute_us) == (0.0, 0.0)
