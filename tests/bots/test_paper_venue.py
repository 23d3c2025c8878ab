from __future__ import annotations

import pytest

from orderfox_nb.bots.paper.queues import QueueModel
from tests.bots.venues import Bench

pytestmark = pytest.mark.core

BIDS, ASKS = {1_000: 10, 999: 20}, {1_001: 5, 1_002: 5, 1_003: 100}


def test_market_order_walks_the_book_that_is_there_and_pays_each_level():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 12)
    assert bench.filled(order) == [(1_001, 5), (1_002, 5), (1_003, 2)]
    assert bench.states(order) == ["open", "open", "open", "filled"]
    assert not any(fill.maker for fill in bench.fills)


def test_what_own_orders_took_is_gone_until_the_venue_sends_the_level_again():
    bench = Bench(BIDS, ASKS)
    bench.send("buy", 7)
    assert bench.venue.best_ask == 1_002
    assert bench.venue.levels("ask", 2) == ([1_002, 1_003], [3, 100])
    again = bench.send("buy", 4)
    assert bench.filled(again) == [(1_002, 3), (1_003, 1)]
    bench.change(asks={1_001: 6})
    assert bench.venue.best_ask == 1_001
    once_more = bench.send("buy", 7)
    assert bench.filled(once_more) == [(1_001, 6), (1_003, 1)]


def test_resting_order_waits_for_the_queue_ahead_of_it_and_is_filled_in_parts():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 8, 1_000)
    bench.trade(1_000, 7, "sell")
    assert bench.filled(order) == []
    bench.trade(1_000, 6, "sell")
    assert bench.filled(order) == [(1_000, 3)]
    assert bench.states(order) == ["open", "open"]
    bench.trade(1_000, 9, "sell")
    assert bench.filled(order) == [(1_000, 3), (1_000, 5)]
    assert bench.state(order) == "filled"
    assert all(fill.maker for fill in bench.fills)


@pytest.mark.parametrize("aggressor", ["buy", "sell"])
def test_only_takers_of_the_other_side_fill_a_resting_order(aggressor: str):
    bench = Bench(BIDS, ASKS)
    bid, ask = bench.send("buy", 1, 1_000), bench.send("sell", 1, 1_001)
    bench.trade(1_000 if aggressor == "sell" else 1_001, 50, aggressor)  # type: ignore[arg-type]
    assert bench.state(bid) == ("filled" if aggressor == "sell" else "open")
    assert bench.state(ask) == ("filled" if aggressor == "buy" else "open")


def test_trade_beyond_the_price_fills_the_rest():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 30, 999)
    bench.trade(998, 1, "sell")
    assert bench.filled(order) == [(999, 30)]
    assert bench.fills[0].maker


@pytest.mark.parametrize("partial", [True, False])
def test_other_best_that_reaches_the_price_fills_what_it_shows_or_the_whole_order(partial: bool):
    bench = Bench(BIDS, ASKS, queue=QueueModel(partial=partial))
    order = bench.send("sell", 40, 1_002)
    bench.change(bids={1_002: 3, 1_003: 4}, asks={1_001: 0, 1_002: 0})
    assert bench.filled(order) == [(1_002, 7 if partial else 40)]
    bench.change(bids={1_001: 9})
    assert sum(fill.lots for fill in bench.fills) == (7 if partial else 40)
    bench.change(bids={1_002: 2})
    assert sum(fill.lots for fill in bench.fills) == (9 if partial else 40)


def test_rest_of_an_order_does_not_get_again_what_it_took_on_arrival():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 8, 1_001)
    bench.change(bids={999: 21})
    assert bench.filled(order) == [(1_001, 5)]
    bench.change(asks={1_001: 2})
    assert bench.filled(order) == [(1_001, 5), (1_001, 2)]


def test_without_partial_fills_the_front_of_the_queue_is_the_whole_order():
    bench = Bench(BIDS, ASKS, queue=QueueModel(partial=False))
    order = bench.send("buy", 8, 1_000)
    bench.trade(1_000, 11, "sell")
    assert bench.filled(order) == [(1_000, 8)]
