"""Bars with the trades since their newest kline: what a restart of both leaves of them."""

from __future__ import annotations

import pytest

from orderfox_nb.analytics.studies import LIVE_CANDLES
from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Candle, Gap, Topic
from orderfox_nb.desk.hub import Hub
from tests.desk.scripted import VENUE, ScriptedFeed, live, trade

pytestmark = pytest.mark.core

START_US = 1_700_000_040_000_000
MINUTE_US = 60_000_000
TOPIC = Topic(VENUE, "BTCUSDT", LIVE_CANDLES, "1m")
CANDLES = Topic(VENUE, "BTCUSDT", "candles", "1m")
TRADES = Topic(VENUE, "BTCUSDT", "trades")


def kline(open_us: int, close: float, time_us: int) -> Candle:
    return Candle(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us,
        interval="1m",
        open_us=open_us,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=1.0,
    )


def restart(time_us: int) -> Gap:
    return Gap(symbol="BTCUSDT", time_us=time_us, reason="the venue restarted", restart=True)


@pytest.mark.parametrize("read_between", [False, True])
async def test_bars_have_the_trades_behind_their_kline_after_both_have_restarted(*, read_between: bool):
    feed = ScriptedFeed(ManualClock(START_US + MINUTE_US))
    async with Hub(feed, linger_s=0, clock=feed.clock) as hub, hub.open(TOPIC) as state, hub.watch(TRADES):
        feed.put(CANDLES, kline(START_US, 50_000.0, START_US + 1_000_000), live(START_US))
        feed.put(TRADES, trade(START_US + 2_000_000, 9, price=50_009.0), live(START_US))
        await settle()
        assert state.fold_as(CandleState).columns(1).close.tolist() == [50_009.0]
        # Another run, whose kline is newer than what is known of the old run's trades.
        feed.put(CANDLES, restart(START_US), kline(START_US, 40_000.0, START_US + 500_000), live(START_US))
        await settle()
        if read_between:
            assert state.fold_as(CandleState).columns(1).close.tolist() == [40_000.0]
        feed.put(TRADES, restart(START_US), trade(START_US + 3_000_000, 1, price=40_001.0), live(START_US))
        await settle()
        assert state.whole
        assert state.restarts == 2
        columns = state.fold_as(CandleState).columns(2)
        assert (columns.open_us.tolist(), columns.close.tolist()) == ([START_US], [40_001.0])
        feed.put(TRADES, trade(START_US + 4_000_000, 2, price=40_002.0))
        await settle()
        assert state.fold_as(CandleState).columns(1).close.tolist() == [40_002.0]
