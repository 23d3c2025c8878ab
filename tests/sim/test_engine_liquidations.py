"""Liquidations trade against the book, come in cascades, and the public stream shows a sample of them."""

from __future__ import annotations

import numpy as np
import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.facts import LiquidationFact, TradeFact
from orderfox_nb.sim.liquidations import LiquidationDesk

pytestmark = pytest.mark.sim

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
MINUTES = 7


def order(time_us: int) -> LiquidationFact:
    return LiquidationFact(
        time_us=time_us,
        event_us=time_us,
        side="sell",
        lots_original=5,
        lots_filled=5,
        lots_last=5,
        limit_ticks=100,
        average_price=10.0,
        sampled=False,
    )


def desk() -> LiquidationDesk:
    return LiquidationDesk(Exchange(1, 1, start_us=START_US).listings[0], seed=1)


def test_latest_within_a_second_is_the_public_one() -> None:
    orders = desk()
    for offset_us in (0, 300_000, 999_000):
        orders.traded(order(START_US + offset_us))
    assert orders.decided(START_US + 999_999) == []
    told = orders.decided(START_US + SECOND_US)
    assert [fact.sampled for fact in told] == [False, False, True]
    assert all(fact.event_us > START_US + SECOND_US for fact in told)


def test_public_orders_are_a_second_apart() -> None:
    orders = desk()
    for offset_us in (0, 900_000, 1_100_000, 1_850_000, 1_950_000):
        orders.traded(order(START_US + offset_us))
    orders.decided(START_US + 5 * SECOND_US)
    shown = [fact.time_us - START_US for fact in orders.truth(0, START_US * 2) if fact.sampled]
    assert shown == [900_000, 1_950_000]


def test_truth_holds_what_the_public_stream_leaves_out() -> None:
    orders = desk()
    for offset_us in (0, 500_000, 2_000_000):
        orders.traded(order(START_US + offset_us))
    orders.decided(START_US + 5 * SECOND_US)
    assert len(orders.truth(START_US, START_US + 2_000_000)) == 3
    assert len(orders.truth(START_US + 1, START_US + 1_999_999)) == 1


@pytest.fixture(scope="module")
def minutes() -> tuple[Exchange, list[tuple[str, LiquidationFact]], dict[str, list[TradeFact]]]:
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


Run = tuple[Exchange, list[tuple[str, LiquidationFact]], dict[str, list[TradeFact]]]


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


def test_no_symbol_is_shown_twice_within_a_second(minutes: Run) -> None:
    _, liquidations, _ = minutes
    last: dict[str, int] = {}
    for symbol, fact in liquidations:
        if fact.sampled:
            assert fact.time_us - last.get(symbol, 0) >= SECOND_US
            assert fact.event_us - fact.time_us + 1_000_000 >= SECOND_US
            last[symbol] = fact.time_us
