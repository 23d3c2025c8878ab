"""Accounts at the exchange conserve cash and position, and the clock funds and liquidates them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.core.timeframes import HOUR_US, SECOND_US
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.trading import rules, venue
from orderfox_nb.sim.trading.account import STARTING_BALANCE, HeldPosition, TradingAccount
from orderfox_nb.sim.trading.orders import NewOrder, OrderEvent, PlacedOrder, TradingEvent
from orderfox_nb.sim.trading.settings import change_leverage, change_margin_type
from orderfox_nb.sim.venue_error import VenueError

pytestmark = pytest.mark.sim

START_US = 1_790_000_030_000_000
SOL = "SOLUSDT"


class Floor:
    """An exchange with a few accounts, and what its events said."""

    def __init__(self, *, start_us: int = START_US) -> None:
        self.exchange = Exchange(7, 3, start_us=start_us)
        self.trading = self.exchange.trading
        self.market = self.exchange.market(SOL)
        self.events: list[TradingEvent] = []
        self.trading.publish = self.events.append
        self.exchange.advance(start_us + SECOND_US)

    def account(self, key: str = "alice") -> TradingAccount:
        return self.trading.account(key)

    def order(self, key: str = "alice", side: int = BID, *, lots: int = 100, **options: Any) -> PlacedOrder:
        options.setdefault("kind", "LIMIT" if "ticks" in options else "MARKET")
        return self.trading.submit(self.account(key), NewOrder(symbol=SOL, side=side, lots=lots, **options))

    def advance(self, seconds: float) -> None:
        self.exchange.advance(self.market.now_us + int(seconds * SECOND_US))

    def touch(self, side: int) -> int:
        best = self.market.best()
        return best[0] if side == BID else best[2]

    def refused(self, *args: Any, **options: Any) -> int:
        before = self.exchange.market(SOL).depth(1_000)
        with pytest.raises(VenueError) as raised:
            self.order(*args, **options)
        assert self.market.depth(1_000) == before, "a refused order changes nothing"
        return raised.value.code


@pytest.fixture
def floor() -> Floor:
    return Floor()


@given(trades=st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.integers(1, 500)), min_size=1, max_size=40))
def test_cost_and_profit_of_a_position_add_up_to_what_was_paid(trades: list[tuple[bool, int, int]]) -> None:
    position, realised, paid, lots = HeldPosition(), 0, 0, 0
    for buys, size, ticks in trades:
        sign = 1 if buys else -1
        before = Fraction(position.cost, position.lots) if position.lots else None
        reduces = position.lots * sign < 0
        realised += position.fill(BID if buys else ASK, size, ticks)
        paid += sign * size * ticks
        lots += sign * size
        assert position.lots == lots
        # Each lot is bought with cash or held at its cost: to the integer, whatever the order of trades.
        assert realised == position.cost - paid
        if not position.lots:
            assert position.cost == 0
        elif before is not None and reduces and position.lots * (lots - sign * size) > 0:
            assert abs(Fraction(position.cost, position.lots) - before) < 1, "reducing keeps the entry price"


@settings(max_examples=8, deadline=None)
@given(
    plan=st.lists(
        st.tuples(
            st.sampled_from(["alice", "bob"]),
            st.sampled_from([BID, ASK]),
            st.sampled_from(["market", "touch", "inside", "behind", "cancel", "reduce"]),
            st.integers(1, 400),
            st.integers(0, 8),
        ),
        min_size=4,
        max_size=25,
    )
)
def test_cash_position_and_volume_are_conserved(plan: list[tuple[str, int, str, int, int]]) -> None:
    floor = Floor()
    first_id = floor.market.trade_id + 1
    refusals: set[int] = set()
    for key, side, what, lots, steps in plan:
        touch, away = floor.touch(side), 1 if side == BID else -1
        try:
            if what == "market":
                floor.order(key, side, lots=lots)
            elif what == "reduce":
                floor.order(key, side, lots=lots, reduce_only=True, ticks=touch)
            elif what == "cancel":
                for order in floor.account(key).orders_of(SOL):
                    floor.trading.cancel(order)
            else:
                ticks = touch + away * {"touch": 0, "inside": 1, "behind": -3}[what]
                floor.order(key, side, lots=lots, ticks=ticks)
        except VenueError as error:
            refusals.add(error.code)
        floor.advance(steps * 0.05)
    assert refusals <= {-4164, -2022, -2019}
    public = floor.market.single_trades(100_000, from_id=first_id)
    singles = {
        trade.first_trade_id + place: (trade.price, lots, trade.buyer_is_maker)
        for trade in public
        for place, lots in enumerate(trade.fills)
    }
    unit = floor.market.listing.tick_size * floor.market.listing.lot_size
    for account in floor.trading.accounts.values():
        position, fills = account.position(SOL), list(account.fills)
        sign = {BID: 1, ASK: -1}
        assert position.lots == sum(sign[fill.side] * fill.lots for fill in fills)
        paid = sum(sign[fill.side] * fill.lots * fill.ticks for fill in fills) * unit
        fees = sum(fill.fee for fill in fills)
        assert account.wallet == STARTING_BALANCE - paid - fees + position.cost * unit
        assert account.wallet == STARTING_BALANCE + sum(income.amount for income in account.incomes)
        for fill in fills:
            # What an account traded is one of the public trades, and its part in it the side it was on.
            assert singles[fill.trade_id] == (fill.ticks, fill.lots, fill.maker == (fill.side == BID))
        for order in (*account.done, *account.open_orders.values()):
            assert order.filled == sum(fill.lots for fill in fills if fill.order_id == order.order_id)
            if order.kind == "LIMIT":
                worse = [fill for fill in fills if fill.order_id == order.order_id]
                assert all(
                    fill.ticks <= order.ticks if order.side == BID else fill.ticks >= order.ticks for fill in worse
                )
    resting = [order for account in floor.trading.accounts.values() for order in account.open_orders.values()]
    assert sorted(floor.market.clients.owners) == sorted(order.book_id for order in resting)
    taken = {order.trade_id for order in floor.account("alice").fills} & {
        f.trade_id for f in floor.account("bob").fills
    }
    for trade_id in taken:
        both = [
            fill for account in floor.trading.accounts.values() for fill in account.fills if fill.trade_id == trade_id
        ]
        assert {(fill.side, fill.maker) for fill in both} in ({(BID, True), (ASK, False)}, {(ASK, True), (BID, False)})


def test_two_orders_of_one_level_fill_in_the_order_of_their_arrival(floor: Floor) -> None:
    ticks = floor.touch(BID)
    first, second = floor.order("alice", lots=60, ticks=ticks), floor.order("bob", lots=60, ticks=ticks)
    while second.is_open:
        floor.advance(0.5)
        assert first.filled == first.lots or second.filled == 0
    by_id = {fill.order_id: fill.trade_id for key in ("alice", "bob") for fill in floor.account(key).fills}
    assert by_id[first.order_id] < by_id[second.order_id]
    # The other account's position is the same: they shared the price.
    assert floor.account("alice").position(SOL).cost == floor.account("bob").position(SOL).cost == 60 * ticks


def test_a_new_order_waits_behind_what_the_book_showed(floor: Floor) -> None:
    bid, size, _, _ = floor.market.best()
    order = floor.order(lots=50, ticks=bid)
    assert floor.market.lots_ahead(order.book_id) == size
    ahead = size
    while order.is_open and not order.filled:
        floor.advance(0.05)
        if order.is_open and not order.filled:
            assert floor.market.lots_ahead(order.book_id) <= ahead, "nobody goes in front of it"
            ahead = floor.market.lots_ahead(order.book_id)
    assert order.filled


def test_an_order_of_the_same_account_is_withdrawn_instead_of_traded(floor: Floor) -> None:
    bid = floor.touch(BID) + 1
    resting = floor.order(lots=50, ticks=bid) if bid < floor.touch(ASK) else floor.order(lots=50, ticks=bid - 1)
    market = floor.order(side=ASK, lots=floor.market.best()[1] + 10)
    assert (resting.status, market.status) == ("EXPIRED_IN_MATCH", "FILLED")
    assert resting.filled == 0


def test_a_reduce_only_order_never_opens_a_position(floor: Floor) -> None:
    assert floor.refused(side=ASK, lots=10, reduce_only=True) == -2022
    floor.order(lots=100)
    assert floor.refused(side=BID, lots=10, reduce_only=True) == -2022
    far = floor.touch(ASK) + 40
    resting = [floor.order(side=ASK, lots=lots, ticks=far, reduce_only=True) for lots in (70, 70)]
    assert [order.lots for order in resting] == [70, 30], "the second has what the first leaves of the position"
    assert floor.refused(side=ASK, lots=10, ticks=far, reduce_only=True) == -2022
    floor.order(side=ASK, lots=60)
    assert [(order.lots, order.is_open) for order in resting] == [(40, True), (30, False)]
    floor.order(side=ASK, lots=40)
    assert [order.status for order in resting] == ["EXPIRED", "EXPIRED"]
    assert floor.account().position(SOL).lots == 0


def test_open_orders_and_accounts_are_bounded(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_OPEN_ORDERS", 3)
    monkeypatch.setattr(venue, "MAX_RESTING", 4)
    monkeypatch.setattr(venue, "MAX_ACCOUNTS", 3)
    ticks = floor.touch(BID) - 100
    for key, count in (("alice", 3), ("bob", 1)):
        for _ in range(count):
            floor.order(key, lots=10, ticks=ticks)
        if key == "alice":
            assert floor.refused(lots=10, ticks=ticks) == -2025
    assert floor.refused("bob", lots=10, ticks=ticks) == -1008
    floor.account("carol")
    with pytest.raises(VenueError) as raised:
        floor.account("dave")
    assert raised.value.code == -2015


def test_orders_are_refused_once_their_changes_cannot_be_kept(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderfox_nb.sim.public_tape.MAX_CHANGES", 1)
    floor.order(lots=10)
    assert floor.refused(lots=10) == -1008


def test_a_market_order_without_a_counterparty_in_the_band_is_refused(floor: Floor) -> None:
    book = floor.market._session.book  # pyright: ignore[reportPrivateUsage]  # no order is large enough to empty it
    for ticks in list(book.sizes[ASK]):
        book.clear_level(ASK, ticks)
    assert floor.refused(lots=10) == -4131


def test_funding_is_paid_on_the_position_at_its_time() -> None:
    funded_us = START_US - START_US % (8 * HOUR_US) + 8 * HOUR_US
    floor = Floor(start_us=funded_us - 3 * SECOND_US)
    floor.order("alice", lots=100)
    floor.order("bob", ASK, lots=100)
    floor.account("carol")
    floor.advance(4)
    (row,) = floor.market.funding(funded_us, funded_us)
    due = (100 * floor.market.listing.lot_size * Decimal(f"{row.mark:.8f}") * Decimal(f"{row.rate:.8f}")).quantize(
        Decimal("1e-8")
    )
    paid = {
        key: [income.amount for income in account.incomes if income.kind == "FUNDING_FEE"]
        for key, account in floor.trading.accounts.items()
    }
    assert due
    assert paid == {"alice": [-due], "bob": [due], "carol": []}


def test_funding_of_an_isolated_position_is_paid_from_what_is_set_aside() -> None:
    funded_us = START_US - START_US % (8 * HOUR_US) + 8 * HOUR_US
    floor = Floor(start_us=funded_us - 3 * SECOND_US)
    account = floor.account()
    change_margin_type(account, SOL, isolated=True)
    floor.order(lots=100)
    position, spared = account.position(SOL), account.cross_wallet
    before = position.isolated_wallet
    floor.advance(4)
    (paid,) = (income.amount for income in account.incomes if income.kind == "FUNDING_FEE")
    assert paid
    assert position.isolated_wallet == before + paid
    assert account.cross_wallet == spared


def test_a_position_without_its_maintenance_margin_is_closed_by_force(floor: Floor) -> None:
    account = floor.account()
    change_leverage(floor.trading, account, SOL, 100)
    floor.order(lots=2_000)
    resting = floor.order(lots=10, ticks=floor.touch(BID) - 200)
    margin = floor.trading.margin(account)
    figures = margin.symbols[SOL]
    # What is left is less than what keeps the position.
    account.wallet = figures.maintenance - figures.unrealised - Decimal("0.01")
    floor.advance(1)
    assert resting.status == "CANCELED"
    assert account.position(SOL).lots == 0
    forced = account.done[-1]
    assert (forced.kind, forced.status, forced.client_id[:10]) == ("LIQUIDATION", "FILLED", "autoclose-")
    assert account.wallet >= 0
    assert "INSURANCE_CLEAR" in {income.kind for income in account.incomes}


def test_an_isolated_position_risks_only_what_is_set_aside(floor: Floor) -> None:
    account = floor.account()
    change_margin_type(account, SOL, isolated=True)
    floor.order(lots=1_000)
    position = account.position(SOL)
    unit = floor.market.listing.tick_size * floor.market.listing.lot_size
    assert position.isolated_wallet == position.cost * unit / 20
    floor.order(side=ASK, lots=400)
    assert position.isolated_wallet == pytest.approx(position.cost * unit / 20, rel=Decimal("1e-6"))
    assert account.cross_wallet == account.wallet - position.isolated_wallet
    position.isolated_wallet = Decimal(1)
    spared = account.cross_wallet
    floor.advance(1)
    assert position.lots == 0
    # What it lost beyond that is the insurance fund's.
    assert account.wallet == account.cross_wallet == spared
    assert account.incomes[-1].kind == "INSURANCE_CLEAR"


def test_what_is_left_of_an_isolated_position_pays_the_fee_of_its_liquidation(floor: Floor) -> None:
    account = floor.account()
    change_margin_type(account, SOL, isolated=True)
    floor.order(lots=1_000)
    position = account.position(SOL)
    figures = floor.trading.margin(account).symbols[SOL]
    position.isolated_wallet = figures.maintenance - figures.unrealised - Decimal("0.01")
    before, set_aside = account.cross_wallet, position.isolated_wallet
    floor.advance(1)
    assert position.lots == 0
    assert before <= account.wallet < before + set_aside


def test_an_order_good_till_a_date_expires_then(floor: Floor) -> None:
    till_us = floor.market.now_us + 2 * SECOND_US
    order = floor.order(lots=10, ticks=floor.touch(BID) - 200, time_in_force="GTD", good_till_us=till_us)
    floor.advance(1)
    assert order.is_open
    floor.advance(1)
    assert order.status == "EXPIRED"


def test_events_follow_an_order_from_its_arrival_to_its_end(floor: Floor) -> None:
    order = floor.order(lots=50, ticks=floor.touch(BID))
    while order.is_open:
        floor.advance(0.5)
    executions = [event.execution for event in floor.events if isinstance(event, OrderEvent)]
    assert (executions[0], set(executions[1:])) == ("NEW", {"TRADE"})
    filled = [event.fill.lots for event in floor.events if isinstance(event, OrderEvent) and event.fill]
    assert sum(filled) == 50
