"""Orders of clients have a real place in the queue, and the tape and the book show what they did."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.core.timeframes import MINUTE_US, SECOND_US
from orderfox_nb.sim.client_orders import ClientOrders, MakerFill
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.facts import Fact, LevelFact, TradeFact
from orderfox_nb.sim.market import SymbolMarket
from orderfox_nb.sim.matching import ASK, BID, NO_ASK, NO_BID, MatchingBook

pytestmark = pytest.mark.sim

START_US = 1_790_000_030_000_000
STEP_US = 50_000


def market_of(symbol: str = "SOLUSDT", *, start_us: int = START_US) -> SymbolMarket:
    return Exchange(7, 3, start_us=start_us).market(symbol)


def trades_of(facts: list[Fact]) -> list[TradeFact]:
    return [fact for fact in facts if isinstance(fact, TradeFact)]


def trade(price: int, lots: int, *, sold: bool) -> TradeFact:
    return TradeFact(1, 11, 11, 5, price, lots, sold, (lots,))


class Clients:
    """A book of three maker levels, and what its clients were filled."""

    def __init__(self) -> None:
        self.book = MatchingBook()
        self.orders = ClientOrders(self.book)
        self.fills: list[MakerFill] = []
        self.orders.settle = self.fills.append
        for ticks in (100, 99, 98):
            self.book.place(BID, ticks, 10)

    def meet(self, history: TradeFact) -> list[tuple[int, bool, list[int]]]:
        def offer(side: int, ticks: int, lots: int) -> None:
            if (missing := lots - self.book.sizes[side].get(ticks, 0)) > 0:
                self.book.place(side, ticks, missing)

        prints = self.orders.meet(history, trade_id=1, offer=offer)
        return [(level.ticks, level.buyer_is_maker, level.fills) for level in prints]


def test_a_client_waits_behind_those_who_came_before_and_goes_before_those_who_came_later() -> None:
    clients = Clients()
    mine = clients.orders.rest(BID, 100, 4, "alice")
    clients.book.place(BID, 100, 50)
    assert clients.book.lots_ahead(mine) == 10
    assert clients.meet(trade(100, 7, sold=True)) == [(100, True, [7])]
    assert clients.fills == []
    assert clients.book.lots_ahead(mine) == 3
    assert clients.meet(trade(100, 6, sold=True)) == [(100, True, [3, 3])]
    assert [(fill.order_id, fill.lots, fill.trade_id) for fill in clients.fills] == [(mine, 3, 2)]
    assert clients.meet(trade(100, 5, sold=True)) == [(100, True, [1, 4])]
    assert len(clients.orders) == 0


def test_a_better_price_of_a_client_trades_first_at_its_price() -> None:
    clients = Clients()
    clients.orders.rest(BID, 101, 4, "alice")
    assert clients.meet(trade(100, 9, sold=True)) == [(101, True, [4]), (100, True, [5])]


def test_a_large_client_absorbs_the_flow_at_its_price() -> None:
    clients = Clients()
    clients.orders.rest(BID, 101, 40, "alice")
    assert clients.meet(trade(100, 9, sold=True)) == [(101, True, [9])]
    # Makers whose price has moved through it sell to it as well, before their own price trades.
    assert clients.meet(trade(99, 9, sold=False)) == [(101, True, [9])]
    assert sum(fill.lots for fill in clients.fills) == 18


def test_a_client_whose_price_the_market_has_passed_is_filled_by_the_makers() -> None:
    clients = Clients()
    for ticks in (100, 99):
        clients.book.clear_level(BID, ticks)
    clients.orders.rest(BID, 100, 2, "alice")
    assert clients.meet(trade(99, 5, sold=False)) == [(100, True, [2]), (99, False, [3])]


def test_orders_of_one_owner_do_not_trade_with_each_other() -> None:
    clients = Clients()
    withdrawn: list[int] = []
    clients.orders.prevent = withdrawn.append
    mine = clients.orders.rest(BID, 101, 4, "alice")
    other = clients.orders.rest(BID, 101, 3, "bob")
    prints = clients.orders.sweep(ASK, 5, 100, trade_id=1, time_us=1, owner="alice")
    assert withdrawn == [mine]
    assert [(level.ticks, level.fills) for level in prints] == [(101, [3]), (100, [2])]
    assert [fill.order_id for fill in clients.fills] == [other]


def test_an_order_that_settling_withdraws_does_not_trade() -> None:
    clients = Clients()
    clients.book.clear_level(BID, 100)
    clients.orders.rest(BID, 100, 2, "alice")
    second = clients.orders.rest(BID, 100, 5, "alice")
    clients.orders.settle = lambda fill: clients.orders.cancel(second)
    assert clients.meet(trade(100, 6, sold=True)) == [(100, True, [2]), (100, True, [4])]


@settings(max_examples=60, deadline=None)
@given(
    orders=st.lists(st.tuples(st.sampled_from([BID, ASK]), st.integers(97, 103), st.integers(1, 30)), max_size=12),
    price=st.integers(96, 104),
    lots=st.integers(1, 60),
    sold=st.booleans(),
)
def test_a_trade_of_the_history_keeps_its_size(
    orders: list[tuple[int, int, int]], price: int, lots: int, sold: bool
) -> None:
    clients = Clients()
    owned = 0
    for number, (side, ticks, size) in enumerate(orders):
        left = size - sum(
            level.lots for level in clients.orders.sweep(side, size, ticks, trade_id=1, time_us=1, owner=str(number))
        )
        if left:
            clients.orders.rest(side, ticks, left, str(number))
            owned += 1
    before = {order_id: clients.book.lots_of(order_id) for order_id in clients.orders.owners}
    clients.fills.clear()
    # As makers make way: only clients are better than the price or cross it.
    for side, ticks in ((BID, 100), (BID, 99), (BID, 98)):
        if ticks > price or (ticks >= price and not sold):
            clients.book.clear_level(side, ticks, but=clients.orders.owners)
    for ticks in [level for level in clients.book.sizes[ASK] if level < price or (level <= price and sold)]:
        clients.book.clear_level(ASK, ticks, but=clients.orders.owners)
    prints = clients.meet(trade(price, lots, sold=sold))
    assert sum(sum(fills) for _, _, fills in prints) == lots
    for order_id, size in before.items():
        filled = sum(fill.lots for fill in clients.fills if fill.order_id == order_id)
        assert clients.book.lots_of(order_id) == size - filled
    assert clients.book.best_bid < clients.book.best_ask


def test_a_market_order_takes_the_best_levels_and_the_public_sees_it() -> None:
    market = market_of()
    market.advance(START_US + SECOND_US)
    _, bids, asks = market.depth(5)
    lots = asks[0][1] + asks[1][1] + 1
    prints = market.take(BID, lots, NO_ASK, owner="alice")
    assert [(level.ticks, level.lots) for level in prints] == [asks[0], asks[1], (asks[2][0], 1)]
    _, bids_after, asks_after = market.depth(3)
    assert asks_after == [(asks[2][0], asks[2][1] - 1), *asks[3:5]]
    assert bids_after == bids[:3]
    facts = market.advance(market.now_us)
    assert [(fact.price, fact.lots, fact.buyer_is_maker) for fact in trades_of(facts)] == [
        (level.ticks, level.lots, False) for level in prints
    ]
    assert [(fact.ticks, fact.lots) for fact in facts if isinstance(fact, LevelFact)] == [
        (asks[0][0], 0),
        (asks[1][0], 0),
        (asks[2][0], asks[2][1] - 1),
    ]
    assert market.aggregate_trades(3) == trades_of(facts)
    assert market.last_price == asks[2][0]


def test_the_book_returns_to_the_path_of_the_history() -> None:
    alone, disturbed = market_of(), market_of()
    disturbed.advance(START_US + SECOND_US)
    disturbed.take(ASK, 2_000, NO_BID, owner="alice")
    for market in (alone, disturbed):
        market.advance(START_US + 20 * SECOND_US)
    assert disturbed.best()[0] == alone.best()[0]
    assert disturbed.last_price == alone.last_price


def test_without_orders_that_trade_nothing_of_the_trades_changes() -> None:
    alone, disturbed = market_of(), market_of()
    disturbed.advance(START_US + SECOND_US)
    far = disturbed.best()[0] * 9 // 10
    order = disturbed.rest(BID, far, 5, owner="alice")
    facts = [market.advance(START_US + 6 * SECOND_US) for market in (alone, disturbed)]
    later = [fact for fact in trades_of(facts[0]) if fact.time_us >= START_US + SECOND_US]
    assert trades_of(facts[1]) == later
    disturbed.withdraw(order)
    assert disturbed.depth(1_000)[1:] == alone.depth(1_000)[1:]
    assert disturbed.aggregate_trades(200) == alone.aggregate_trades(200)


@cache
def filled_market() -> tuple[SymbolMarket, list[TradeFact], list[MakerFill]]:
    """A market over two minutes with resting orders at the touch and market orders, and its public trades."""
    start_us = START_US // MINUTE_US * MINUTE_US + 50 * SECOND_US
    market = market_of(start_us=start_us)
    fills: list[MakerFill] = []
    market.clients.settle = fills.append
    public: list[TradeFact] = []
    for step in range(100):
        public += trades_of(market.advance(start_us + step * 4 * STEP_US * 5))
        if step % 3 == 0:
            bid, _, ask, _ = market.best()
            market.rest(BID, bid, 50, owner="alice")
            market.rest(ASK, ask, 50, owner="alice")
        if step % 7 == 0:
            market.take(BID if step % 2 else ASK, 300, NO_ASK if step % 2 else NO_BID, owner="bob")
    public += trades_of(market.advance(market.now_us + 5 * SECOND_US))
    return market, public, fills


def test_ids_have_no_holes_and_the_past_shows_what_was_published() -> None:
    market, public, fills = filled_market()
    assert len(fills) > 50
    assert all(after.agg_id == before.agg_id + 1 for before, after in pairwise(public))
    assert all(after.first_trade_id == before.last_trade_id + 1 for before, after in pairwise(public))
    assert all(before.time_us <= after.time_us for before, after in pairwise(public))
    first_us = public[0].time_us
    assert market.aggregate_trades(100_000, start_us=first_us) == public
    assert market.aggregate_trades(400) == public[-400:]
    for place in range(0, len(public), 37):
        one = public[place]
        assert market.aggregate_trades(50, from_id=one.agg_id) == public[place : place + 50]
        assert market.single_trades(20, from_id=one.last_trade_id) == public[place : place + 20]
    before = market.aggregate_trades(3, from_id=public[0].agg_id - 3)
    assert [trade.agg_id for trade in before] == [public[0].agg_id - back for back in (3, 2, 1)]
    # Each fill of a client is one of the public trades, with its id, price and size.
    singles = {
        trade.first_trade_id + place: (trade.price, lots) for trade in public for place, lots in enumerate(trade.fills)
    }
    assert all(singles[fill.trade_id] == (fill.ticks, fill.lots) for fill in fills)


def test_bars_are_the_sum_of_the_published_trades() -> None:
    market, public, _ = filled_market()
    opens = {trade.time_us - trade.time_us % MINUTE_US for trade in public}
    assert len(opens) >= 2
    rows = {row.open_us: row for row in market.klines("1m", start_us=min(opens))}
    hours = market.klines("1h", limit=1)[-1]
    for open_us in sorted(opens):
        trades = market.aggregate_trades(100_000, start_us=open_us, end_us=open_us + MINUTE_US - 1)
        row = rows[open_us]
        assert (row.open, row.close) == (trades[0].price, trades[-1].price)
        assert (row.high, row.low) == (max(each.price for each in trades), min(each.price for each in trades))
        assert row.lots == sum(each.lots for each in trades)
        assert row.trades == sum(len(each.fills) for each in trades)
        assert row.taker_lots == sum(each.lots for each in trades if not each.buyer_is_maker)
    hour = [row for row in market.klines("1m", start_us=hours.open_us) if row.open_us < hours.close_us]
    assert hours.lots == sum(row.lots for row in hour)
    assert hours.trades == sum(row.trades for row in hour)


def test_history_volume_is_conserved_beside_the_orders_of_clients() -> None:
    market, public, _ = filled_market()
    alone = market_of(start_us=market.start_us)
    expected = trades_of(alone.advance(market.now_us))
    taken = 300 * len(range(0, 100, 7))
    assert sum(trade.lots for trade in public) == sum(trade.lots for trade in expected) + taken
