"""The past is one story, however it is asked for, and the live market goes on with it."""

from __future__ import annotations

import itertools
import threading

import pytest

from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US, TIMEFRAME_US, bar_open_us, next_bar_us
from orderfox_nb.sim.facts import BarRow, LiquidationFact, TradeFact
from orderfox_nb.sim.listings import listings
from orderfox_nb.sim.market import SymbolMarket

pytestmark = pytest.mark.sim

START_US = 1_790_000_030_000_000
"""In the middle of a minute, an hour, a day, a week and a month."""
SECOND_US = 1_000_000


def opened(symbol: str = "BTCUSDT", *, start_us: int = START_US, seed: int = 7) -> SymbolMarket:
    listed = {listing.symbol: listing for listing in listings(24, start_us=start_us)}
    return SymbolMarket(listed[symbol], seed=seed, start_us=start_us)


@pytest.fixture(scope="module")
def market() -> SymbolMarket:
    """A market three minutes after its start."""
    market = opened("LINKUSDT")
    market.advance(START_US + 200 * SECOND_US)
    return market


def summed(rows: list[BarRow], timeframe: str) -> list[BarRow]:
    """Merge bars in the simplest way."""
    groups: dict[int, list[BarRow]] = {}
    for row in rows:
        groups.setdefault(bar_open_us(row.open_us, timeframe), []).append(row)
    return [
        BarRow(
            open_us,
            group[0].open,
            max(row.high for row in group),
            min(row.low for row in group),
            group[-1].close,
            sum(row.lots for row in group),
            sum(row.quote for row in group),
            sum(row.trades for row in group),
            sum(row.taker_lots for row in group),
            sum(row.taker_quote for row in group),
            next_bar_us(open_us, timeframe),
        )
        for open_us, group in groups.items()
    ]


@pytest.mark.parametrize(
    ("timeframe", "parts"),
    [("3m", "1m"), ("5m", "1m"), ("15m", "5m"), ("1h", "15m"), ("4h", "1h"), ("1d", "4h"), ("1w", "1d"), ("1M", "1d")],
)
def test_long_bar_is_the_sum_of_its_short_ones(market: SymbolMarket, timeframe: str, parts: str) -> None:
    long = market.klines(timeframe, limit=8)
    short = market.klines(parts, start_us=long[0].open_us, limit=1_500)
    assert summed(short, timeframe) == long
    assert long[-1].open_us == bar_open_us(market.now_us, timeframe)


@pytest.mark.parametrize("timeframe", TIMEFRAME_US)
def test_bars_follow_each_other_without_a_hole(market: SymbolMarket, timeframe: str) -> None:
    rows = market.klines(timeframe, limit=1_500)
    listed_us = market.listing.onboard_us
    expected = 1_500 if TIMEFRAME_US[timeframe] <= DAY_US else (market.now_us - listed_us) // TIMEFRAME_US[timeframe]
    assert len(rows) >= min(expected, 1_500) - 1
    assert all(row.close_us == after.open_us for row, after in itertools.pairwise(rows))
    for row in rows:
        assert row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high
        assert 0 <= row.taker_lots <= row.lots
        assert row.low * row.lots <= row.quote <= row.high * row.lots
        assert row.low > 0


def test_a_window_of_the_past_is_the_same_from_both_ends(market: SymbolMarket) -> None:
    end_us = bar_open_us(START_US, "1h") - 40 * DAY_US
    last = market.klines("1m", end_us=end_us, limit=700)
    first = market.klines("1m", start_us=last[0].open_us, limit=700)
    assert last == first
    assert last[-1].open_us == end_us


def test_bars_start_at_the_listing(market: SymbolMarket) -> None:
    row = market.klines("1m", start_us=0, limit=1)[0]
    assert row.open_us == market.listing.onboard_us
    assert market.klines("1M", start_us=0, limit=1)[0].open_us <= row.open_us


@pytest.mark.parametrize("timeframe", ["1m", "15m", "1h", "1d", "1M"])
def test_current_bar_is_the_last_of_the_bars(timeframe: str) -> None:
    market = opened()
    for second in (1, 29, 30, 31, 95):
        market.advance(START_US + second * SECOND_US)
        assert market.current_kline(timeframe) == market.klines(timeframe, limit=3)[-1]


def test_live_bar_continues_the_history_and_grows_from_the_trades() -> None:
    market = opened()
    minute_us = bar_open_us(START_US, "1m")
    before = market.klines("1m", limit=2)
    assert before[-1].open_us == minute_us
    assert before[-1].lots > 0, "most of the minute is history"
    assert before[-2].close == before[-1].open
    trades = [fact for fact in market.advance(START_US + 9 * SECOND_US) if isinstance(fact, TradeFact)]
    after = market.klines("1m", limit=1)[0]
    assert after.lots == before[-1].lots + sum(trade.lots for trade in trades)
    assert after.trades == before[-1].trades + sum(len(trade.fills) for trade in trades)
    assert after.high == max(before[-1].high, *(trade.price for trade in trades))
    assert after.close == trades[-1].price
    assert abs(trades[0].price / before[-1].close - 1) < 0.002


def test_start_at_a_whole_block_has_a_past_too() -> None:
    start_us = START_US - START_US % (8 * DAY_US)
    market = opened("XRPUSDT", start_us=start_us)
    assert market.klines("1m", limit=3)[-1].lots == 0, "nothing has traded yet"
    assert market.klines("1d", limit=3)[-2].lots > 0
    market.prepare(start_us - 20 * DAY_US, liquidations=True)
    market.advance(start_us + 61 * SECOND_US)
    assert len(market.klines("1m", limit=1_500)) == 1_500
    assert len(market.aggregate_trades(1_000, start_us=start_us - HOUR_US)) == 1_000


def test_long_bars_continue_over_the_bound_of_a_block() -> None:
    bound_us = START_US - START_US % (8 * DAY_US)
    market = opened("XRPUSDT", start_us=bound_us - 30 * SECOND_US)
    before = market.aggregate_trades(50)
    market.advance(bound_us + 90 * SECOND_US)
    assert market.klines("1d", limit=3) == summed(market.klines("1h", limit=72), "1d")[-3:]
    trades = market.aggregate_trades(100_000, from_id=before[0].agg_id)
    assert trades[:50] == before
    assert trades[-1].time_us > bound_us
    assert [trade.agg_id for trade in trades] == list(range(trades[0].agg_id, trades[-1].agg_id + 1))
    assert all(b.first_trade_id == a.last_trade_id + 1 for a, b in itertools.pairwise(trades))


def test_minute_without_a_trade_yet_is_flat() -> None:
    market = opened("ARBUSDT", start_us=START_US - START_US % MINUTE_US)
    rows = market.klines("1m", limit=2)
    assert rows[-1].lots == 0
    assert {rows[-1].open, rows[-1].high, rows[-1].low, rows[-1].close} == {rows[-2].close}


def test_trade_ids_continue_the_history_without_a_hole() -> None:
    market = opened("SOLUSDT")
    before = market.aggregate_trades(1_000)
    market.advance(START_US + 20 * SECOND_US)
    trades = market.aggregate_trades(10_000, from_id=before[0].agg_id)
    assert trades[:1_000] == before
    assert trades[0].time_us < START_US < trades[-1].time_us
    for trade, after in itertools.pairwise(trades):
        assert after.agg_id == trade.agg_id + 1
        assert after.first_trade_id == trade.last_trade_id + 1
        assert len(trade.fills) == trade.last_trade_id - trade.first_trade_id + 1
        assert sum(trade.fills) == trade.lots
    middle = trades[700]
    assert market.aggregate_trades(5, from_id=middle.agg_id) == trades[700:705]
    assert market.aggregate_trades(5, end_us=middle.time_us)[-1].time_us <= middle.time_us


def test_ticker_sums_the_last_day() -> None:
    market = opened("ETHUSDT")
    for second in (5, 40):
        market.advance(START_US + second * SECOND_US)
        ticker = market.ticker()
        rows = market.klines("1m", limit=1_440)
        assert ticker.lots == sum(row.lots for row in rows)
        assert ticker.quote == sum(row.quote for row in rows)
        assert ticker.high == max(row.high for row in rows)
        assert ticker.low == min(row.low for row in rows)
        assert (ticker.open, ticker.last) == (rows[0].open, rows[-1].close)
        assert ticker.last_trade_id - ticker.first_trade_id + 1 == ticker.trades
    notional = ticker.quote * float(market.listing.tick_size * market.listing.lot_size)
    assert 0.3 < notional / market.listing.daily_notional < 4


def test_past_liquidations_and_their_volume_agree() -> None:
    market = opened()
    market.advance(START_US + 60 * SECOND_US)
    end_us = market.now_us
    start_us = START_US - 3 * HOUR_US + 12_345
    orders = market.liquidation_orders(start_us, end_us)
    assert len(orders) > 20
    assert all(a.time_us < b.time_us for a, b in itertools.pairwise(orders))
    sums: dict[tuple[int, str], float] = {}
    for order in orders:
        key = (start_us + (order.time_us - start_us) // (5 * MINUTE_US) * 5 * MINUTE_US, order.side)
        sums[key] = sums.get(key, 0.0) + order.lots_filled * 0.001 * order.average_price
    volume = {(at, side): notional for at, side, notional in market.liquidation_volume(5 * MINUTE_US, start_us, end_us)}
    assert volume == pytest.approx(sums)
    assert market.liquidation_orders(start_us, end_us, 7) == orders[-7:]


def test_hourly_liquidation_volume_is_the_sum_of_the_minutes() -> None:
    market = opened()
    start_us = bar_open_us(START_US, "1d") - 12 * DAY_US
    end_us = start_us + 2 * DAY_US
    by_hour = market.liquidation_volume(HOUR_US, start_us, end_us)
    summed: dict[tuple[int, str], float] = {}
    for at, side, notional in market.liquidation_volume(MINUTE_US, start_us, end_us):
        key = (bar_open_us(at, "1h"), side)
        summed[key] = summed.get(key, 0.0) + notional
    assert {(at, side): notional for at, side, notional in by_hour} == pytest.approx(summed)


def test_past_liquidation_trades_within_its_minute() -> None:
    market = opened("DOGEUSDT")
    tick_size = float(market.listing.tick_size)
    orders = market.liquidation_orders(START_US - 10 * DAY_US, START_US, 40)
    assert len(orders) == 40
    for order in orders:
        assert isinstance(order, LiquidationFact)
        row = market.klines("1m", start_us=bar_open_us(order.time_us, "1m"), limit=1)[0]
        assert row.low <= round(order.average_price / tick_size, 6) <= row.high
        worse = order.limit_ticks * tick_size - order.average_price
        assert worse > 0 if order.side == "buy" else worse < 0


def test_history_may_be_prepared_in_another_thread() -> None:
    prepared, plain = opened("BNBUSDT"), opened("BNBUSDT")
    since_us = START_US - 100 * DAY_US
    thread = threading.Thread(target=prepared.prepare, args=(since_us,), kwargs={"liquidations": True})
    thread.start()
    prepared.advance(START_US + SECOND_US)
    during = prepared.klines("1m", limit=10)
    thread.join(30)
    plain.advance(START_US + SECOND_US)
    assert during == plain.klines("1m", limit=10)
    assert prepared.klines("1d", limit=100) == plain.klines("1d", limit=100)


def test_funding_is_settled_every_eight_hours() -> None:
    market = opened()
    rows = market.funding(limit=10)
    assert len(rows) == 10
    assert {b.time_us - a.time_us for a, b in itertools.pairwise(rows)} == {8 * HOUR_US}
    assert market.mark().next_funding_us == rows[-1].time_us + 8 * HOUR_US
    assert market.funding(start_us=rows[2].time_us, end_us=rows[4].time_us) == rows[2:5]
    assert all(abs(row.rate) < 0.01 for row in rows)
    just_before = opened(start_us=rows[-1].time_us - SECOND_US)
    assert just_before.mark().funding_rate == pytest.approx(rows[-1].rate, abs=1e-6)


def test_mark_and_index_stay_near_the_price() -> None:
    market = opened()
    market.advance(START_US + 20 * SECOND_US)
    mark, last = market.mark(), market.last_price * float(market.listing.tick_size)
    assert abs(mark.mark / last - 1) < 0.002
    assert abs(mark.index / last - 1) < 0.002


def test_open_interest_moves_slowly() -> None:
    market = opened()
    now = market.open_interest()
    assert 0 < abs(market.open_interest(START_US - HOUR_US) / now - 1) < 0.05
    assert market.open_interest(START_US - DAY_US) > now / 2
