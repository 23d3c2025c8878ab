"""Liquidations trade against the book, come in cascades, and the public stream shows a sample of them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.facts import LiquidationFact, TradeFact

pytestmark = pytest.mark.sim

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
MINUTES = 7


Run = tuple[Exchange, list[tuple[str, LiquidationFact]], dict[str, list[TradeFact]]]


@pytest.fixture(scope="module")
def minutes() -> Run:
    """Run the whole market for some minutes."""
    exchange = Exchange(11, 24, start_us=START_US)
    liquidations: list[tuple[str, LiquidationFact]] = []
    trades: dict[str, list[TradeFact]] = {}
    for market in exchange.markets:
        # By the minute: what waits for its reader is bounded.
        facts = [
            fact for minute in range(1, MINUTES + 1) for fact in market.advance(START_US + minute * 60 * SECOND_US)
        ]
        liquidations += [(market.symbol, fact) for fact in facts if isinstance(fact, LiquidationFact)]
        trades[market.symbol] = [fact for fact in facts if isinstance(fact, TradeFact)]
    return exchange, liquidations, trades


def test_the_latest_of_a_second_is_the_public_one(minutes: Run) -> None:
    _, liquidations, _ = minutes
    latest = {(symbol, fact.time_us // SECOND_US): fact for symbol, fact in liquidations}
    assert len(latest) < len(liquidations)
    for symbol, fact in liquidations:
        assert fact.sampled == (fact is latest[symbol, fact.time_us // SECOND_US])


def test_an_order_is_reported_when_its_second_is_over(minutes: Run) -> None:
    _, liquidations, _ = minutes
    assert all(fact.event_us // SECOND_US > fact.time_us // SECOND_US for _, fact in liquidations)


def test_truth_and_history_hold_exactly_what_the_stream_has_reported(minutes: Run) -> None:
    exchange, liquidations, _ = minutes
    market = exchange.markets[0]
    reported = [fact for symbol, fact in liquidations if symbol == market.symbol]
    assert market.liquidations_truth(START_US, market.now_us) == reported
    assert market.liquidation_orders(START_US, market.now_us) == [fact for fact in reported if fact.sampled]
    middle = reported[len(reported) // 2]
    after = [fact for fact in reported if fact.time_us > middle.time_us]
    assert market.liquidations_truth(middle.time_us + 1, market.now_us) == after


def test_prices_of_liquidations_lie_on_the_tick(minutes: Run) -> None:
    exchange, liquidations, _ = minutes
    ticks = {listing.symbol: listing.tick_size for listing in exchange.listings}
    past = [
        (market.symbol, fact)
        for market in exchange.markets
        for fact in market.liquidation_orders(START_US - 86_400 * SECOND_US, START_US)
    ]
    assert len(past) > 1_000
    for symbol, fact in past + liquidations:
        assert Decimal(repr(fact.average_price)) % ticks[symbol] == 0


def test_the_rate_changes_how_many_there_are_and_not_the_bars() -> None:
    usual, many = (Exchange(11, 1, start_us=START_US, liquidation_rate=rate).markets[0] for rate in (1.0, 20.0))
    day = START_US - 86_400 * SECOND_US, START_US
    assert len(many.liquidation_orders(*day)) > 4 * len(usual.liquidation_orders(*day))
    assert many.klines("1m", limit=1_500)[:-1] == usual.klines("1m", limit=1_500)[:-1]


def test_rates_and_sizes_are_those_of_the_recorded_stream(minutes: Run) -> None:
    exchange, liquidations, _ = minutes
    lot_sizes = {listing.symbol: float(listing.lot_size) for listing in exchange.listings}
    shown = [fact.lots_filled * lot_sizes[symbol] * fact.average_price for symbol, fact in liquidations if fact.sampled]
    assert 0.07 < len(shown) / (60 * MINUTES) < 0.8, "recorded 0.14 to 0.33 on quiet days, more in bursts"
    p50, p90, p99 = np.percentile(shown, [50, 90, 99])
    assert 120 < p50 < 800, "recorded about 300"
    assert 1_200 < p90 < 10_000, "recorded 2,500 to 4,500"
    assert 5_000 < p99 < 120_000, "recorded 7,000 to 50,000"


def test_about_half_are_filled_in_more_than_one_piece(minutes: Run) -> None:
    _, liquidations, _ = minutes
    pieces = [fact.lots_last != fact.lots_filled for _, fact in liquidations]
    assert 0.3 < np.mean(pieces) < 0.75, "recorded 0.44 to 0.55"
    notional = np.array([fact.lots_filled * fact.average_price for _, fact in liquidations])
    last = np.array([fact.lots_last * fact.average_price for _, fact in liquidations])
    assert last.sum() < 0.7 * notional.sum()


def test_both_sides_are_liquidated(minutes: Run) -> None:
    _, liquidations, _ = minutes
    assert 0.1 < np.mean([fact.side == "buy" for _, fact in liquidations]) < 0.9


def test_some_come_in_bursts_that_the_sample_hides(minutes: Run) -> None:
    _, liquidations, _ = minutes
    shown = sum(fact.sampled for _, fact in liquidations)
    assert shown < len(liquidations)
    seconds: dict[tuple[str, int], int] = {}
    for symbol, fact in liquidations:
        key = (symbol, fact.time_us // SECOND_US)
        seconds[key] = seconds.get(key, 0) + 1
    assert max(seconds.values()) >= 3


def test_every_liquidation_is_among_the_trades(minutes: Run) -> None:
    _, liquidations, trades = minutes
    for symbol, fact in liquidations:
        taken = [
            trade
            for trade in trades[symbol]
            if trade.time_us == fact.time_us and trade.buyer_is_maker == (fact.side == "sell")
        ]
        assert sum(trade.lots for trade in taken) >= fact.lots_filled
        assert 0 < fact.lots_last <= fact.lots_filled <= fact.lots_original
