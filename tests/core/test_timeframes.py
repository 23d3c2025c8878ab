from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, nests, next_bar_us, previous_bar_us

pytestmark = pytest.mark.core

TIMES = st.integers(0, 4_000_000_000_000_000)
TIMEFRAMES = st.sampled_from(list(TIMEFRAME_US))


@given(TIMES, TIMEFRAMES)
def test_a_time_lies_in_its_bar_and_bars_adjoin(time_us: int, timeframe: str):
    start = bar_open_us(time_us, timeframe)
    end = next_bar_us(start, timeframe)
    assert start <= time_us < end
    assert bar_open_us(start, timeframe) == start
    assert bar_open_us(end - 1, timeframe) == start
    assert bar_open_us(end, timeframe) == end
    assert previous_bar_us(end, timeframe) == start


@given(TIMES)
def test_weeks_start_on_monday_and_months_by_the_calendar(time_us: int):
    week = datetime.fromtimestamp(bar_open_us(time_us, "1w") / 1e6, UTC)
    assert (week.weekday(), week.hour, week.minute, week.second) == (0, 0, 0, 0)
    month = datetime.fromtimestamp(bar_open_us(time_us, "1M") / 1e6, UTC)
    assert (month.day, month.hour, month.minute, month.second) == (1, 0, 0, 0)


@given(TIMES, TIMEFRAMES, TIMEFRAMES)
def test_nested_bars_share_their_bounds(time_us: int, source: str, target: str):
    if nests(source, target):
        inner = bar_open_us(time_us, source)
        assert bar_open_us(inner, target) == bar_open_us(time_us, target)


@given(TIMES, TIMEFRAMES, st.integers(0, 40))
def test_going_back_some_bars_and_forth_again_returns(time_us: int, timeframe: str, bars: int):
    start = bar_open_us(time_us + 50 * TIMEFRAME_US[timeframe], timeframe)
    back = previous_bar_us(start, timeframe, bars)
    for _ in range(bars):
        back = next_bar_us(back, timeframe)
    assert back == start
