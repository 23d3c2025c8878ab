from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Trade
from orderfox_nb.core.timeframes import MINUTE_US, SECOND_US, bar_open_us
from orderfox_nb.errors import BadValue, EventError
from tests.core.facts import BTC, MONTH_US, applied, kline, trade, trade_streams

pytestmark = pytest.mark.core


@given(trade_streams(max_size=200), st.sampled_from(["1m", "3m", "1h", "1w", "1M"]))
def test_bars_of_trades_are_what_the_trades_say(events: list[Trade], interval: str):
    columns = applied(CandleState(BTC, interval), events).view()
    bars: dict[int, list[Trade]] = {}
    for event in events:
        bars.setdefault(bar_open_us(event.time_us, interval), []).append(event)
    assert columns.open_us.tolist() == sorted(bars)
    for at, (_, held) in enumerate(sorted(bars.items())):
        prices = [event.price for event in held]
        assert columns.open[at] == prices[0]
        assert columns.high[at] == max(prices)
        assert columns.low[at] == min(prices)
        assert columns.close[at] == prices[-1]
        lots = [BTC.lots(event.size) for event in held]
        assert columns.volume[at] == BTC.size(sum(lots))
        assert columns.trades[at] == len(held)
        bought = sum(BTC.lots(event.size) for event in held if event.aggressor == "buy")
        assert columns.taker_buy_volume[at] == BTC.size(bought)
        units = sum(BTC.ticks(event.price) * BTC.lots(event.size) for event in held)
        assert columns.quote_volume[at] == units / 10_000


def test_a_kline_replaces_what_trades_made_of_the_bar():
    candles = applied(CandleState(BTC, "1m"), [trade(1, MONTH_US, ticks=1200, lots=500)])
    candles.apply(kline(MONTH_US, time_us=MONTH_US + SECOND_US, volume=7.0, trades=3))
    last = candles.last
    assert last is not None
    assert (last.open, last.high, last.volume, last.trades) == (100.0, 101.0, 7.0, 3)


def test_trades_after_a_kline_move_its_bar():
    candles = applied(
        CandleState(BTC, "1m"),
        [
            kline(MONTH_US, time_us=MONTH_US + 10 * SECOND_US, volume=0.1, trades=3),
            trade(8, MONTH_US + 10 * SECOND_US, ticks=5000),
            trade(9, MONTH_US + 11 * SECOND_US, ticks=1023, lots=200),
        ],
    )
    last = candles.last
    assert last is not None
    assert (last.high, last.low, last.close, last.volume, last.trades) == (102.3, 99.0, 102.3, 0.3, 4)


def test_a_trade_that_ran_ahead_of_a_kline_stays_on_top_of_it():
    candles = applied(CandleState(BTC, "1m"), [kline(MONTH_US, time_us=MONTH_US + 1_000, volume=0.1)])
    candles.apply(trade(1, MONTH_US + 300_000, ticks=1005, lots=100))
    candles.apply(trade(2, MONTH_US + 600_000, ticks=1020, lots=100))
    candles.apply(kline(MONTH_US, time_us=MONTH_US + 500_000, volume=0.2))
    last = candles.last
    assert last is not None
    assert (last.volume, last.close) == (0.3, 102.0)


@given(
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 500), st.integers(1, 3)), min_size=1, max_size=25),
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=8),
    st.sampled_from([-5_000, -1_000, -300, 0, 300, 5_000]),
)
def test_a_bar_counts_each_fill_once_whatever_the_clock_of_its_klines_says(
    steps: list[tuple[int, int, int]], klines: list[tuple[int, int]], ahead_ms: int
):
    time_us, fill_id, all_lots = MONTH_US + 10 * SECOND_US, 500, 0
    trades: list[Trade] = []
    after = [kline(MONTH_US, time_us=time_us + ahead_ms * 1_000, volume=0.0)]
    for number, (step_ms, lots, fills) in enumerate(steps):
        time_us, fill_id, all_lots = time_us + step_ms * 1_000, fill_id + fills, all_lots + lots
        trades.append(msgspec.structs.replace(trade(number, time_us, lots=lots), last_fill_id=fill_id))
        said_us = time_us + ahead_ms * 1_000
        after.append(kline(MONTH_US, time_us=said_us, volume=BTC.size(all_lots), last_fill_id=fill_id))
    candles = applied(CandleState(BTC, "1m"), [after[0]])
    # A kline of so many trades comes before another one's trade, sooner or later than its own.
    due = sorted((count, place) for count, place in klines if count < len(after))
    for place, event in enumerate([*trades, None]):
        while due and (due[0][1] <= place or event is None):
            candles.apply(after[due.pop(0)[0]])
        if event is not None:
            candles.apply(event)
    last = candles.last
    assert last is not None
    assert BTC.lots(last.volume) == all_lots
    assert last.last_fill_id == fill_id
    rebuilt = applied(CandleState(BTC, "1m"), candles.prelude())
    assert rebuilt.digest() == candles.digest()


def test_a_kline_without_any_fill_counts_none_whatever_its_clock_says():
    empty = kline(MONTH_US, time_us=MONTH_US + 5 * SECOND_US, volume=0.0)
    first = msgspec.structs.replace(trade(1, MONTH_US + 2 * SECOND_US, lots=200), last_fill_id=501)
    for events in ([empty, first], [first, empty]):
        last = applied(CandleState(BTC, "1m"), events).last
        assert last is not None
        assert last.volume == 0.2


def test_volume_has_no_binary_noise():
    candles = applied(CandleState(BTC, "1m"), [kline(MONTH_US, time_us=MONTH_US + 1, volume=0.1)])
    candles.apply(trade(1, MONTH_US + SECOND_US, lots=200))
    last = candles.last
    assert last is not None
    assert last.volume == 0.3


def test_a_late_kline_corrects_a_closed_bar():
    candles = applied(CandleState(BTC, "1m"), [trade(n, MONTH_US + n * MINUTE_US) for n in range(5)])
    version = candles.version
    candles.apply(kline(MONTH_US + MINUTE_US, volume=42.0, closed=True))
    assert candles.view().volume.tolist() == [0.001, 42.0, 0.001, 0.001, 0.001]
    assert candles.changed_since(version) == [MONTH_US + MINUTE_US, MONTH_US + 4 * MINUTE_US]
    last = candles.last
    assert last is not None
    assert last.open_us == MONTH_US + 4 * MINUTE_US


def test_a_bar_that_was_missing_is_inserted():
    candles = applied(CandleState(BTC, "1m"), [kline(MONTH_US), kline(MONTH_US + 2 * MINUTE_US)])
    candles.apply(kline(MONTH_US + MINUTE_US, close=100.7))
    assert candles.view().open_us.tolist() == [MONTH_US + n * MINUTE_US for n in range(3)]
    assert candles.view().close[1] == 100.7


def test_a_late_trade_of_an_older_bar_waits_for_its_kline():
    candles = applied(
        CandleState(BTC, "1m"), [trade(1, MONTH_US), trade(2, MONTH_US + MINUTE_US), trade(3, MONTH_US + 1)]
    )
    assert candles.view().volume.tolist() == [0.001, 0.001]


def test_a_late_trade_adds_nothing_to_a_bar_that_the_venue_has_closed():
    """Also where the venue's clock has jumped back, so that its last kline seems to be from before the trade."""
    closed = kline(MONTH_US, time_us=MONTH_US + 53 * SECOND_US, volume=7.0, trades=3, closed=True)
    candles = applied(CandleState(BTC, "1m"), [closed, trade(1, MONTH_US + 58 * SECOND_US)])
    assert candles.last == msgspec.structs.replace(closed, received_us=0)


def test_only_the_newest_bars_are_kept():
    candles = applied(CandleState(BTC, "1m", keep=3), [kline(MONTH_US + n * MINUTE_US) for n in range(20)])
    assert candles.view().open_us.tolist() == [MONTH_US + n * MINUTE_US for n in (17, 18, 19)]
    candles.apply(kline(MONTH_US))
    assert len(candles.view()) == 3
    assert candles.columns(2).open_us.tolist() == [MONTH_US + n * MINUTE_US for n in (18, 19)]


def test_a_bar_is_closed_by_its_last_kline_and_not_by_a_trade_of_the_next_one():
    candles = applied(CandleState(BTC, "1m"), [kline(MONTH_US), trade(2, MONTH_US + MINUTE_US)])
    assert candles.view().closed.tolist() == [False, False]
    candles.apply(kline(MONTH_US, closed=True))
    assert candles.view().closed.tolist() == [True, False]
    candles.apply(kline(MONTH_US + MINUTE_US, closed=True))
    assert candles.view().closed.tolist() == [True, True]


def test_columns_are_copies():
    candles = applied(CandleState(BTC, "1m"), [kline(MONTH_US)])
    before = candles.view()
    candles.apply(kline(MONTH_US, time_us=MONTH_US + 55 * SECOND_US, close=1.0))
    assert before.close.tolist() == [100.5]
    before.close[0] = 7.0
    assert candles.view().close.tolist() == [1.0]


def test_changes_older_than_the_log_return_everything():
    candles = applied(CandleState(BTC, "1m"), [kline(MONTH_US + n * MINUTE_US) for n in range(400)])
    assert candles.changed_since(1) is None
    assert candles.changed_since(candles.version) == []
    assert candles.changed_since(candles.version - 1) == [MONTH_US + n * MINUTE_US for n in (398, 399)]


@given(trade_streams(max_size=80), st.data())
def test_changed_bars_are_all_that_a_delta_needs(events: list[Trade], data: st.DataObject):
    split = data.draw(st.integers(0, len(events)))
    candles = applied(CandleState(BTC, "1m"), events[:split])
    held = {int(bar): candles.bar(int(bar)) for bar in candles.view().open_us}
    version = candles.version
    applied(candles, events[split:])
    changed = candles.changed_since(version)
    assert changed is not None
    held |= {bar: candles.bar(bar) for bar in changed}
    assert held == {int(bar): candles.bar(int(bar)) for bar in candles.view().open_us}


def test_an_event_of_another_symbol_or_timeframe_is_refused():
    candles = CandleState(BTC, "1m")
    for event in (
        kline(MONTH_US, interval="5m"),
        msgspec.structs.replace(kline(MONTH_US), symbol="ETHUSDT"),
        msgspec.structs.replace(trade(1, MONTH_US), symbol="ETHUSDT"),
    ):
        with pytest.raises(EventError):
            candles.apply(event)


def test_an_unknown_timeframe_is_refused():
    with pytest.raises(BadValue, match="7m"):
        CandleState(BTC, "7m")


def test_many_trades_without_a_kline_keep_little():
    candles = applied(
        CandleState(BTC, "1h"), [trade(n, MONTH_US + n, lots=1 + n % 7, ticks=1000 + n % 11) for n in range(5_000)]
    )
    last = candles.last
    assert last is not None
    assert last.trades == 5_000
    assert last.volume == BTC.size(sum(1 + n % 7 for n in range(5_000)))
    assert len(candles.prelude()) <= 1_025
    again = applied(CandleState(BTC, "1h"), candles.prelude())
    assert again.digest() == candles.digest()
    assert again.last == candles.last
