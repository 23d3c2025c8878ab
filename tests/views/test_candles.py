from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.quality import QualityView
from orderfox_nb.views.candles import CandleView, candle_updates, changed_rows, historical_candles
from orderfox_nb.views.stamp import Stamp
from orderfox_nb.views.trades import TapeView, new_trades
from tests.desk.scripted import BTC, trade
from tests.desk.test_frames import MINUTE_US, START_US, bar

pytestmark = pytest.mark.core

STAMP = Stamp(time_us=START_US, sequence=7, quality=QualityView("live", "complete", 1))


def test_history_and_updates_of_candles_follow_the_contract():
    candles = CandleState(BTC, "1m")
    candles.apply(bar(START_US - MINUTE_US, 50_001.0))
    before = CandleView(bars=candles.columns(200))
    history = json.loads(historical_candles(before, STAMP, instrument=BTC, interval="1m"))
    opened = (START_US - MINUTE_US) // 1000
    assert history == {
        "type": "historical_candles",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "data": [
            {
                "timestamp": opened,
                "time": opened // 1000,
                "open": 50_000.0,
                "high": 50_001.0,
                "low": 50_000.0,
                "close": 50_001.0,
                "volume": 1.0,
            }
        ],
        "count": 1,
        "time_range": {
            "start_ms": opened,
            "end_ms": opened,
            "start": opened // 1000,
            "end": opened // 1000,
        },
        "symbolData": {"priceFormat": {"type": "price", "precision": 1, "minMove": 0.1}},
        "quality": {"state": "live", "coverage": "complete", "since": 1},
        "sequence": 7,
    }
    candles.apply(bar(START_US - MINUTE_US, 50_002.0, time_us=START_US, closed=True))
    candles.apply(bar(START_US, 49_999.0))
    after = CandleView(bars=candles.columns(200))
    updates = candle_updates(before, after, STAMP, instrument=BTC, interval="1m")
    assert updates is not None
    closed, opened_bar = map(json.loads, updates)
    assert (closed["close"], closed["closed"]) == (50_002.0, True)
    assert opened_bar == {
        "type": "candle_update",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "timestamp": START_US // 1000,
        "time": START_US // 1_000_000,
        "open": 50_000.0,
        "high": 50_000.0,
        "low": 49_999.0,
        "close": 49_999.0,
        "volume": 1.0,
        "closed": False,
        "stream_timestamp": START_US // 1000,
        "quality": {"state": "live", "coverage": "complete", "since": 1},
        "sequence": 7,
    }


def test_update_says_closed_only_once_the_venue_has_said_its_last_word():
    candles = CandleState(BTC, "1m")
    candles.apply(bar(START_US - MINUTE_US, 50_001.0))
    before = CandleView(bars=candles.columns(200))
    # The first trade of the next minute, ahead of the last kline of this one.
    candles.apply(trade(START_US + 1, 1, 50_001.0))
    after = CandleView(bars=candles.columns(200))
    updates = candle_updates(before, after, STAMP, instrument=BTC, interval="1m")
    assert updates is not None
    opened_bar = json.loads(updates[-1])
    assert (len(updates), opened_bar["time"], opened_bar["closed"]) == (1, START_US // 1_000_000, False)
    # The last kline changes no number of the bar, and is sent all the same.
    candles.apply(bar(START_US - MINUTE_US, 50_001.0, time_us=START_US, closed=True))
    updates = candle_updates(after, CandleView(bars=candles.columns(200)), STAMP, instrument=BTC, interval="1m")
    assert updates is not None
    final = json.loads(updates[0])
    assert (len(updates), final["time"], final["closed"]) == (1, (START_US - MINUTE_US) // 1_000_000, True)


def test_bar_that_comes_in_between_needs_a_full_frame():
    candles = CandleState(BTC, "1m")
    candles.apply(bar(START_US - 2 * MINUTE_US, 50_001.0))
    candles.apply(bar(START_US, 50_001.0))
    before = CandleView(bars=candles.columns(200))
    candles.apply(bar(START_US - MINUTE_US, 50_001.0))
    assert changed_rows(before, CandleView(bars=candles.columns(200))) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 50), st.booleans()), min_size=1, max_size=80))
def test_changed_bars_folded_into_an_earlier_view_are_the_later_view(steps: list[tuple[int, int, bool]]):
    candles = CandleState(BTC, "1m", keep=10)
    held: dict[int, float] = {}
    before: CandleView | None = None
    for at, close, look in steps:
        candles.apply(bar(START_US + at * MINUTE_US, 50_000.0 + close, time_us=START_US + at * MINUTE_US + close))
        if not look:
            continue
        view = CandleView(bars=candles.columns(10))
        rows = None if before is None else changed_rows(before, view)
        if rows is None:
            held, rows = {}, np.arange(len(view.bars))
        held |= dict(zip(view.bars.open_us[rows].tolist(), view.bars.close[rows].tolist(), strict=True))
        held = dict(sorted(held.items())[-10:])
        assert held == dict(zip(view.bars.open_us.tolist(), view.bars.close.tolist(), strict=True))
        before = view


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40, unique=True), st.integers(0, 40), st.integers(1, 20))
def test_new_trades_after_an_earlier_view_are_the_later_view_or_need_a_full_frame(
    ids: list[int], split: int, rows: int
):
    trades = {number: trade(number, number) for number in ids}

    def view(numbers: list[int]) -> TapeView:
        return TapeView(trades=[trades[number] for number in sorted(numbers)][-rows:], rate=0.0)

    before, after = view(ids[:split]), view(ids)
    new = new_trades(before, after)
    if new is not None:
        assert [*before.trades, *new][-rows:] == list(after.trades)
