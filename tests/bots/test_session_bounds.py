"""What a session keeps has a bound, and its limits are checked whenever its equity changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderfox_nb.bots.builtin.grid import GridMaker
from orderfox_nb.bots.gateway import NEVER_US
from orderfox_nb.bots.limits import RiskGuard, RiskLimits
from orderfox_nb.bots.market_view import LiquidationFlow
from orderfox_nb.bots.strategy import Strategy
from tests.bots.diary import ASKS, BIDS
from tests.bots.sessions import EventScript, run, session_of
from tests.core.books import BTC

pytestmark = pytest.mark.core


class TakesAndWaits(Strategy):
    """Buys at market once, and reads no mark prices."""

    reads = ("book", "trades")

    def on_start(self, desk: Any) -> None:
        desk.buy("0.020")


def test_a_loss_ends_a_session_without_mark_prices_by_the_last_price():
    script = EventScript()
    guard = RiskGuard(RiskLimits(loss="0.05"), BTC, deposit=Decimal(10_000))
    session = session_of(TakesAndWaits(), guard=guard, channels=("book", "trades"))
    run(session, [script.book({999: 500}, {1_001: 500}), script.trade(1_001), script.trade(1_001)])
    assert session.account.position_lots == 20
    assert not session.stopped
    # Nothing is filled: only the price falls.
    run(session, [script.trade(960, 1, "sell")])
    assert session.stopped == "a loss of 0.05 or more"


def test_unread_sums_of_liquidations_keep_their_window_only():
    script = EventScript()
    flow = LiquidationFlow(lambda: script.now_us)
    assert flow.sum("sell", "1s") == 0
    for _ in range(5_000):
        flow.add(script.liquidation("sell", 100, 1, after_us=1_000))
    (window,) = flow._windows.values()
    assert len(window.orders) <= 1_000
    assert flow.sum("sell", "1s") == pytest.approx(100 * 1_000)


class ManyShortOrders(Strategy):
    """Sends an order with each trade, which is filled at once and would have expired in a day."""

    reads = ("book", "trades")

    def on_trade(self, _trade: Any, desk: Any) -> None:
        desk.buy("0.001", at=desk.book.best_ask, expire="1d")
        desk.sell("0.001", at=desk.book.best_bid, expire="1d")


def test_ends_of_orders_that_are_done_do_not_stay():
    script = EventScript()
    session = run(session_of(ManyShortOrders()), [script.book(BIDS, ASKS)])
    for _ in range(3_000):
        run(session, [script.book({999: 500}, {1_001: 500}), script.trade(1_001)])
    assert len(session.fills) > 5_000
    assert len(session.gateway._commands) < 1_000
    assert session.gateway.command_due_us < NEVER_US
    state = session.snapshot()
    assert len(state["gateway"]["commands"]) == len(session.gateway._commands)


@pytest.mark.parametrize(("limit", "lots"), [("0.0099", 10), ("0.0059", 5), ("0.010", 10)])
def test_a_grid_takes_a_limit_between_two_lots(limit: str, lots: int):
    script = EventScript()
    session = session_of(GridMaker(size="0.005", levels=1, step=1, period="1ms", max_position=limit))
    run(session, [script.book({999: 500}, {1_001: 500})])
    for _ in range(60):
        run(session, [script.trade(999, 600, "sell"), script.book({999: 500}, {1_001: 500})])
    assert session.account.position_lots == lots
