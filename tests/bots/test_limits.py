"""Risk limits: what a strategy asks for does not get past them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.bots.limits import RiskGuard, RiskLimits
from orderfox_nb.bots.orders import OrderRequest
from orderfox_nb.core.events import Side
from orderfox_nb.errors import BadValue
from tests.core.facts import BTC, MONTH_US

pytestmark = pytest.mark.core


def guard(**limits: Any) -> RiskGuard:
    return RiskGuard(RiskLimits(**limits), BTC, deposit=Decimal(1_000))


def refused(
    keeper: RiskGuard, side: Side, lots: int, *, held: int = 0, now_us: int = MONTH_US, reduce_only: bool = False
) -> str:
    order = OrderRequest(symbol="BTCUSDT", side=side, lots=lots, ticks=600_000, reduce_only=reduce_only)
    found = keeper.refuse(
        order, now_us, position_lots=held, open_buys=100, open_sells=0, reference_ticks=600_000
    )  # fmt: skip
    assert found is None or found.code == 0
    return found.message if found else ""


def test_a_position_is_bounded_with_the_open_orders_of_its_side():
    keeper = guard(position=Decimal("0.5"))
    assert refused(keeper, "buy", 400) == ""
    assert refused(keeper, "buy", 401) == "risk limit: position of 0.5"
    assert refused(keeper, "sell", 700, held=200) == ""
    assert refused(keeper, "sell", 701, held=200) == "risk limit: position of 0.5"


def test_a_notional_is_bounded_at_the_price_of_the_order():
    keeper = guard(notional=Decimal(30_000))
    assert refused(keeper, "buy", 400) == ""
    assert refused(keeper, "buy", 401) == "risk limit: notional of 30000"
    assert refused(keeper, "sell", 500) == ""


def test_a_loss_kills_once_and_only_closing_orders_pass_afterwards():
    keeper = guard(loss=Decimal(100))
    assert not keeper.observe(Decimal("900.01"))
    assert keeper.observe(Decimal(900))
    assert not keeper.observe(Decimal(500))
    assert refused(keeper, "buy", 1) == "killed: a loss of 100 or more"
    assert refused(keeper, "sell", 1, held=5, reduce_only=True) == ""
    other = guard(loss=Decimal(100))
    other.restore(keeper.snapshot())
    assert other.killed == keeper.killed


@given(st.lists(st.integers(0, 20_000_000), max_size=60), st.integers(1, 5), st.integers(0, 60))
def test_no_minute_has_more_orders_than_allowed(steps: list[int], limit: int, restored: int):
    keeper = guard(orders_a_minute=limit)
    now_us, sent = MONTH_US, list[int]()
    for number, step in enumerate(steps):
        if number == restored:
            state = keeper.snapshot()
            keeper = guard(orders_a_minute=limit)
            keeper.restore(state)
        now_us += step
        minute = [one for one in sent if one > now_us - 60_000_000]
        passed = not refused(keeper, "sell", 1, now_us=now_us)
        assert passed == (len(minute) < limit)
        if passed:
            sent.append(now_us)


@pytest.mark.parametrize("limits", [{"loss": Decimal(0)}, {"orders_a_minute": -1}, {"orders_a_minute": 10**9}])
def test_a_limit_of_nothing_is_refused(limits: dict[str, Any]):
    with pytest.raises(BadValue, match=next(iter(limits))):
        guard(**limits)
