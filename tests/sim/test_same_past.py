"""The past is a function of the seed and the time: it is the same after any pause and in another process."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US, SECOND_US, TIMEFRAME_US
from orderfox_nb.sim.facts import Fact, LiquidationFact, MarkFact, TradeFact
from orderfox_nb.sim.history import History
from orderfox_nb.sim.listings import LARGEST, listings
from orderfox_nb.sim.market import SymbolMarket

pytestmark = pytest.mark.sim

START_US = 1_790_000_030_000_000
SYMBOLS = {listing.symbol: listing for listing in listings(LARGEST, start_us=START_US)}
RATE = 20.0


def opened(symbol: str, start_us: int, *, seed: int = 7) -> SymbolMarket:
    return SymbolMarket(SYMBOLS[symbol], seed=seed, start_us=start_us, liquidation_rate=RATE)


def ran(market: SymbolMarket, seconds: float) -> list[Fact]:
    return market.advance(market.now_us + int(seconds * SECOND_US))


def shown(market: SymbolMarket, end_us: int) -> list[object]:
    """Return the answers of a market about the time before an end."""
    bars = [
        [row for row in market.klines(timeframe, end_us=end_us, limit=limit) if row.close_us <= end_us]
        for timeframe, length_us in TIMEFRAME_US.items()
        if (limit := max(2, min(300, 16 * DAY_US // length_us)))
    ]
    return [
        bars,
        market.aggregate_trades(1_000, end_us=end_us - 1),
        market.liquidations_truth(end_us - HOUR_US, end_us - 2 * SECOND_US),
        market.liquidation_volume(MINUTE_US, end_us - HOUR_US, end_us - 2 * SECOND_US),
        market.liquidation_volume(HOUR_US, end_us // HOUR_US * HOUR_US - 9 * DAY_US, end_us // HOUR_US * HOUR_US),
        market.funding(end_us=end_us, limit=30),
        [market.open_interest(end_us - hour * HOUR_US) for hour in range(50)],
    ]


@settings(max_examples=6, deadline=None)
@given(
    symbol=st.sampled_from(["TIAUSDT", "LINKUSDT", "NEARUSDT"]),
    runs_s=st.lists(st.integers(1, 40), min_size=2, max_size=3),
    pauses_s=st.lists(st.integers(0, 900), min_size=3, max_size=3),
)
def test_the_past_is_the_same_after_a_pause(symbol: str, runs_s: list[int], pauses_s: list[int]) -> None:
    start_us = START_US
    reported: list[Fact] = []
    answers: list[tuple[int, list[object]]] = []
    for run_s, pause_s in zip(runs_s, pauses_s, strict=False):
        market = opened(symbol, start_us)
        reported += ran(market, run_s)
        now_us = market.now_us
        answers.append((now_us, shown(market, now_us)))
        for end_us, answer in answers:
            assert shown(market, end_us) == answer
        start_us = now_us + pause_s * SECOND_US
    trades = [fact for fact in reported if isinstance(fact, TradeFact)]
    kept = market.aggregate_trades(1_000_000, start_us=START_US)
    assert [trade for trade in kept if trade in set(trades)] == trades
    forced = [fact for fact in reported if isinstance(fact, LiquidationFact)]
    assert set(forced) <= set(market.liquidations_truth(START_US - 2 * SECOND_US, market.now_us))


@settings(max_examples=5, deadline=None)
@given(later_s=st.integers(1, 400))
def test_two_markets_of_one_seed_agree_from_then_on(later_s: int) -> None:
    early, late = opened("ENAUSDT", START_US), opened("ENAUSDT", START_US + later_s * SECOND_US)
    early.advance(late.start_us)
    both = [[fact for fact in ran(market, 90) if isinstance(fact, TradeFact | MarkFact)] for market in (early, late)]
    assert both[0] == both[1]
    assert early.ticker() == late.ticker()
    assert [early.current_kline(timeframe) for timeframe in TIMEFRAME_US] == [
        late.current_kline(timeframe) for timeframe in TIMEFRAME_US
    ]


def test_update_ids_continue_after_a_pause() -> None:
    market = opened("ENAUSDT", START_US)
    ran(market, 30)
    after = opened("ENAUSDT", market.now_us + SECOND_US)
    assert after.update_id > market.update_id


def test_another_seed_has_another_past_and_other_ids() -> None:
    one, other = (opened("ENAUSDT", START_US, seed=seed) for seed in (7, 8))
    assert one.klines("1d", limit=50) != other.klines("1d", limit=50)
    assert abs(one.aggregate_trades(1)[0].agg_id - other.aggregate_trades(1)[0].agg_id) > 1_000_000
    assert abs(one.update_id - other.update_id) > 1_000_000_000


def test_two_processes_agree() -> None:
    code = (
        "import sys, hashlib\n"
        "from orderfox_nb.sim.exchange import Exchange\n"
        "start_us, end_us = int(sys.argv[1]), int(sys.argv[2])\n"
        "exchange = Exchange(7, 3, start_us=start_us, liquidation_rate=20)\n"
        "market = exchange.markets[2]\n"
        "facts = market.advance(end_us)\n"
        "bars = [market.klines(each, limit=100) for each in ('1m', '1h')]\n"
        "past = [bars, market.aggregate_trades(500), market.mark(), market.liquidation_orders(0, end_us, 100)]\n"
        "for part in (past, [exchange.listings, facts, market.depth(1_000)]):\n"
        "    print(len(facts), hashlib.sha256(repr(part).encode()).hexdigest())\n"
    )
    end_us = START_US + 100 * SECOND_US

    def digests(start_us: int, hash_seed: str) -> list[str]:
        command = [sys.executable, "-c", code, str(start_us), str(end_us)]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=100)
        return ran.stdout.splitlines()

    first = digests(START_US, "1")
    assert int(first[1].split()[0]) > 1_000
    assert digests(START_US, "2") == first
    # A later start has the same past and a book of its own.
    later = digests(START_US + 77 * SECOND_US, "1")
    assert later[0].split()[1] == first[0].split()[1]
    assert later[1] != first[1]


@settings(max_examples=40, deadline=None)
@given(
    symbol=st.sampled_from(sorted(SYMBOLS)),
    seed=st.integers(0, 2**31 - 1),
    minute=st.integers(0, 1_200_000),
    rate=st.sampled_from([0.1, 1.0, 1_000.0]),
)
def test_a_minutes_trades_sum_up_to_its_bar(symbol: str, seed: int, minute: int, rate: float) -> None:
    listing = SYMBOLS[symbol]
    open_us = START_US // MINUTE_US * MINUTE_US - min(minute, (START_US - listing.onboard_us) // MINUTE_US) * MINUTE_US
    open_us = max(open_us, listing.onboard_us)
    history = History(listing, seed=seed, liquidation_rate=rate)
    trades = history.minute_trades(open_us)
    (bar,) = history.minutes(open_us, open_us + MINUTE_US).tolist()
    bought = [trade for trade in trades if not trade.buyer_is_maker]
    assert bar == [
        open_us,
        trades[0].price,
        max(trade.price for trade in trades),
        min(trade.price for trade in trades),
        trades[-1].price,
        sum(trade.lots for trade in trades),
        sum(trade.lots * trade.price for trade in trades),
        sum(len(trade.fills) for trade in trades),
        sum(trade.lots for trade in bought),
        sum(trade.lots * trade.price for trade in bought),
    ]
    assert all(open_us <= a.time_us <= b.time_us < open_us + MINUTE_US for a, b in itertools.pairwise(trades))
    assert all(trade.lots == sum(trade.fills) and min(trade.fills) > 0 for trade in trades)
    tick = float(listing.tick_size)
    there = {(trade.time_us, trade.lots, trade.buyer_is_maker, trade.fills[-1]): trade for trade in trades}
    for order in history.liquidations(open_us, open_us + MINUTE_US, public=False):
        trade = there[order.time_us, order.lots_filled, order.side == "sell", order.lots_last]
        assert order.average_price == pytest.approx(trade.price * tick)
