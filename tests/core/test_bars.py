from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.bars import BarColumns, resample
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Trade
from orderfox_nb.core.timeframes import DAY_US, MINUTE_US, nests
from orderfox_nb.errors import BadValue
from tests.core.facts import BTC, MONTH_US, applied, kline, trade_streams

pytestmark = pytest.mark.core


def same(left: BarColumns, right: BarColumns) -> bool:
    return all(getattr(left, name).tolist() == getattr(right, name).tolist() for name in left.__struct_fields__)


@given(trade_streams(max_size=200))
def test_resampling_in_steps_or_at_once_or_from_trades_is_the_same(events: list[Trade]):
    minutes = applied(CandleState(BTC, "1m"), events).view()
    five = resample(minutes, "1m", "5m")
    hours = resample(five, "5m", "1h")
    assert same(hours, resample(minutes, "1m", "1h"))
    from_trades = applied(CandleState(BTC, "1h"), events).view()
    assert same(hours, from_trades)
    assert same(five, applied(CandleState(BTC, "5m"), events).view())


@pytest.mark.parametrize("target", ["3d", "1w", "1M"])
def test_long_bars_follow_their_own_calendar(target: str):
    days = [kline(MONTH_US + n * DAY_US, interval="1d", volume=1.0, closed=True) for n in range(70)]
    columns = resample(applied(CandleState(BTC, "1d"), days).view(), "1d", target)
    bars = {"3d": 24, "1w": 11, "1M": 3}[target]
    assert len(columns) == bars
    assert columns.volume.sum() == 70
    if target == "1M":
        assert columns.volume.tolist() == [31, 30, 9]


def test_the_last_bar_is_closed_only_by_its_last_part():
    bars = [kline(MONTH_US + n * MINUTE_US, closed=True) for n in range(5)]
    four = resample(applied(CandleState(BTC, "1m"), bars[:4]).view(), "1m", "5m")
    five = resample(applied(CandleState(BTC, "1m"), bars).view(), "1m", "5m")
    assert (four.closed.tolist(), five.closed.tolist()) == ([False], [True])


def test_a_bar_is_closed_only_where_all_of_its_parts_are():
    bars = [kline(MONTH_US + n * MINUTE_US, closed=n != 3) for n in range(10)]
    assert resample(applied(CandleState(BTC, "1m"), bars).view(), "1m", "5m").closed.tolist() == [False, True]


@pytest.mark.parametrize(("source", "target"), [("8h", "12h"), ("3d", "1w"), ("1w", "1M"), ("3d", "1M"), ("1h", "5m")])
def test_bars_that_do_not_nest_are_refused(source: str, target: str):
    assert not nests(source, target)
    with pytest.raises(BadValue):
        resample(applied(CandleState(BTC, source), []).view(), source, target)


@given(st.integers(0, 3))
def test_resampling_nothing_or_to_itself_changes_nothing(count: int):
    columns = applied(CandleState(BTC, "1m"), [kline(MONTH_US + n * MINUTE_US) for n in range(count)]).view()
    assert same(resample(columns, "1m", "1m"), columns)
