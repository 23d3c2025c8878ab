"""The order flow is the same for the same seed, and like the market that was recorded."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.facts import Fact, LevelFact, LiquidationFact, MarkFact, TradeFact
from orderfox_nb.sim.listings import LARGEST, listings
from orderfox_nb.sim.market import SymbolMarket

pytestmark = pytest.mark.sim

START_US = 1_790_000_010_250_000
SECOND_US = 1_000_000


def opened(symbols: int = 1, seed: int = 7, start_us: int = START_US) -> Exchange:
    return Exchange(seed, symbols, start_us=start_us)


def facts_of(market: SymbolMarket, *, until_s: float, each_s: float) -> list[Fact]:
    facts: list[Fact] = []
    now_us, end_us = START_US, START_US + int(until_s * SECOND_US)
    while now_us < end_us:
        now_us = min(end_us, now_us + int(each_s * SECOND_US))
        facts += market.advance(now_us)
    return facts


def test_facts_do_not_depend_on_the_pace_of_calls() -> None:
    often = facts_of(opened(3).market("SOLUSDT"), until_s=12, each_s=0.037)
    seldom = facts_of(opened(24).market("SOLUSDT"), until_s=12, each_s=5)
    assert often == seldom
    assert len(often) > 500


def test_another_seed_gives_another_market() -> None:
    one = facts_of(opened(seed=1).markets[0], until_s=2, each_s=1)
    other = facts_of(opened(seed=2).markets[0], until_s=2, each_s=1)
    assert one != other


def test_facts_wait_for_the_market_when_the_exchange_advances() -> None:
    together, alone = opened(2), opened(2)
    together.advance(START_US + 2 * SECOND_US)
    for market in alone.markets:
        expected = market.advance(START_US + 2 * SECOND_US)
        assert together.market(market.symbol).advance(START_US) == expected


def test_largest_symbols_are_listed_first() -> None:
    largest = listings(LARGEST, start_us=START_US)
    assert listings(24, start_us=START_US) == largest[:24]
    assert [listing.symbol for listing in largest[:2]] == ["BTCUSDT", "ETHUSDT"]
    notionals = [listing.daily_notional for listing in largest]
    assert notionals == sorted(notionals, reverse=True)
    assert all(listing.price_ticks > 500 for listing in largest), "a tick is small beside the price"
    assert all(listing.onboard_us < START_US for listing in largest)


@pytest.mark.parametrize("symbols", [0, LARGEST + 1])
def test_number_of_symbols_outside_the_list_is_refused(symbols: int) -> None:
    with pytest.raises(ValueError, match="symbols, must be 1 to"):
        opened(symbols)


def test_every_listed_symbol_trades() -> None:
    exchange = opened(LARGEST)
    exchange.advance(START_US + 20 * SECOND_US)
    for market in exchange.markets:
        kinds = Counter(type(fact) for fact in market.advance(START_US))
        assert kinds[LevelFact] > 20, market.symbol
        assert kinds[MarkFact] == 21, market.symbol
        bid, bid_lots, ask, ask_lots = market.best()
        assert bid < ask < bid * 1.01
        assert bid_lots > 0
        assert ask_lots > 0
    assert sum(len(market.aggregate_trades(10, start_us=START_US)) > 0 for market in exchange.markets) > 30


def test_levels_lead_from_one_depth_to_the_next() -> None:
    market = opened().markets[0]
    market.advance(START_US + SECOND_US)
    update_id, bids, asks = market.depth(100_000)
    sides = {"bid": dict(bids), "ask": dict(asks)}
    for fact in market.advance(START_US + 6 * SECOND_US):
        if isinstance(fact, LevelFact):
            assert fact.update_id > update_id
            update_id = fact.update_id
            if fact.lots:
                sides[fact.side][fact.ticks] = fact.lots
            else:
                sides[fact.side].pop(fact.ticks, None)
    after_id, bids, asks = market.depth(100_000)
    assert after_id == update_id
    assert sides == {"bid": dict(bids), "ask": dict(asks)}


def test_facts_belong_to_their_step_and_trades_are_in_time_order() -> None:
    market = opened().markets[0]
    step_us = 50_000
    last_us = 0
    for step in range(1, 200):
        now_us = market.start_us + step * step_us
        for fact in market.advance(now_us):
            reported_us = fact.event_us if isinstance(fact, LiquidationFact) else fact.time_us
            assert now_us - step_us - 60_000 <= reported_us < now_us
            if isinstance(fact, TradeFact):
                assert fact.time_us >= last_us
                last_us = fact.time_us


# The market of a few minutes


@pytest.fixture(scope="module")
def minutes() -> dict[str, np.ndarray]:
    """Measure the largest symbol for five ordinary minutes."""
    seconds = 300
    market = opened(seed=12).markets[0]
    begin_us = market.start_us
    trades: list[TradeFact] = []
    changes: Counter[int] = Counter()
    mids, spreads, best, within = [], [], [], []
    for quarter in range(4 * seconds):
        for fact in market.advance(begin_us + (quarter + 1) * SECOND_US // 4):
            if isinstance(fact, TradeFact):
                trades.append(fact)
            elif isinstance(fact, LevelFact):
                changes[fact.time_us] += 1
        bid, bid_lots, ask, ask_lots = market.best()
        spreads.append(ask - bid)
        best += [bid_lots, ask_lots]
        if quarter % 4 == 3:
            mids.append((bid + ask) / 2)
        if quarter % 40 == 39:
            _, bids, asks = market.depth(10_000)
            for side in (np.array(bids), np.array(asks)):
                away_bp = np.abs(side[:, 0] / mids[-1] - 1) * 1e4
                within.append([side[away_bp <= bp, 1].sum() for bp in (1, 2, 5, 10, 25, 50, 100)])
            assert len(bids) > 1_000
            assert len(asks) > 1_000
    fills = np.array([lots for trade in trades for lots in trade.fills])
    at_ms = np.repeat([trade.time_us // 1_000 for trade in trades], [len(trade.fills) for trade in trades])
    signs = np.repeat([-1 if trade.buyer_is_maker else 1 for trade in trades], [len(trade.fills) for trade in trades])
    return {
        "fills": fills / 1_000,
        "gaps_ms": np.diff(at_ms),
        "signs": signs,
        "per_second": np.bincount((at_ms - begin_us // 1_000) // 1_000, minlength=seconds),
        "changes": np.array(list(changes.values())),
        "spreads": np.array(spreads),
        "best": np.array(best) / 1_000,
        "within": np.median(np.array(within), axis=0) / 1_000,
        "returns_bp": np.diff(np.log(mids)) * 1e4,
        "prices": np.array([trade.price for trade in trades]),
    }


def near(measured: float, recorded: float, *, factor: float) -> bool:
    """Return whether a figure is within a factor of the recorded one."""
    return recorded / factor <= measured <= recorded * factor


def test_trades_come_as_irregularly_as_recorded(minutes: dict[str, np.ndarray]) -> None:
    per_second = minutes["per_second"]
    assert near(per_second.mean(), 61.8, factor=2.5)
    for percentile, recorded, factor in ((10, 8, 3), (50, 27, 2), (90, 101, 2.5), (99, 1_077, 4)):
        assert near(np.percentile(per_second, percentile), recorded, factor=factor), percentile
    assert 0.6 < np.mean(minutes["gaps_ms"] == 0) < 0.95, "recorded 0.75"


def test_trade_sizes_spread_as_recorded(minutes: dict[str, np.ndarray]) -> None:
    for percentile, recorded in ((10, 0.002), (50, 0.016), (90, 0.265), (99, 1.146)):
        assert near(np.percentile(minutes["fills"], percentile), recorded, factor=2.5), percentile
    assert near(np.percentile(minutes["fills"], 99.9), 5.9, factor=4)


def test_aggressors_come_in_runs_as_recorded(minutes: dict[str, np.ndarray]) -> None:
    signs = minutes["signs"]
    assert 0.65 < np.corrcoef(signs[1:], signs[:-1])[0, 1] < 0.95, "recorded 0.80"
    assert 0.35 < np.mean(signs < 0) < 0.65, "recorded 0.55"


def test_book_changes_as_often_as_recorded(minutes: dict[str, np.ndarray]) -> None:
    for percentile, recorded, factor in ((50, 34, 1.8), (90, 142, 2.5), (99, 611, 4)):
        assert near(np.percentile(minutes["changes"], percentile), recorded, factor=factor), percentile


def test_spread_is_a_tick_as_recorded(minutes: dict[str, np.ndarray]) -> None:
    assert np.percentile(minutes["spreads"], 99) == 1


def test_depth_grows_with_distance_as_recorded(minutes: dict[str, np.ndarray]) -> None:
    for percentile, recorded, factor in ((10, 0.3, 5), (50, 3.2, 2), (90, 8.5, 2.5)):
        assert near(np.percentile(minutes["best"], percentile), recorded, factor=factor), percentile
    # The mean of both sides in the logarithm, since they differ threefold in the recording.
    for measured, bids, asks in zip(
        minutes["within"], (7, 15, 65, 166, 825, 1_977, 4_373), (7, 14, 47, 131, 421, 743, 1_323), strict=True
    ):
        assert near(measured, (bids * asks) ** 0.5, factor=2)


def test_returns_have_the_recorded_size_and_tails(minutes: dict[str, np.ndarray]) -> None:
    returns = minutes["returns_bp"]
    assert near(returns.std(), 1.2, factor=2)
    assert 6 < np.mean((returns - returns.mean()) ** 4) / returns.var() ** 2 < 80, "recorded 25"


def test_smaller_symbols_trade_less() -> None:
    exchange = opened(24)
    exchange.advance(START_US + 30 * SECOND_US)
    events = [len(market.advance(START_US)) for market in exchange.markets]
    assert sum(events[:4]) > 2 * sum(events[8:12]) > 2 * sum(events[20:])
