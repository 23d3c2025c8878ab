"""Whatever a venue repeats, delays or mixes up: each trade is booked once, and an order ends once, with all of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.bots.live.orders import LiveOrder, VenueOrder, VenueTrade
from orderfox_nb.bots.live.venue import LiveVenue
from orderfox_nb.bots.orders import DONE, Fill, OrderReport, OrderRequest, OrderState
from orderfox_nb.core.instrument import Instrument

pytestmark = pytest.mark.core

BTC = Instrument(
    venue="binance",
    symbol="BTCUSDT",
    unified="BTC/USDT:USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)
LOTS = 10


def sent() -> tuple[LiveVenue, LiveOrder]:
    venue = LiveVenue(BTC)
    venue.submit(1, OrderRequest(symbol="BTCUSDT", side="buy", lots=LOTS, ticks=500_000), 1)
    ((order,), _) = venue.take()
    return venue, order


def trade(number: int, lots: int) -> VenueTrade:
    return VenueTrade(venue_id="7", trade_id=str(number), ticks=500_000, lots=lots, maker=True, time_us=number)


def reported(state: OrderState, filled: int) -> VenueOrder:
    return VenueOrder(client_id="a", venue_id="7", state=state, filled_lots=filled, time_us=filled)


@given(
    sizes=st.lists(st.integers(1, 4), max_size=4).filter(lambda sizes: sum(sizes) <= LOTS),
    ends=st.booleans(),
    data=st.data(),
)
def test_trades_are_booked_once_and_before_the_end(sizes: list[int], ends: bool, data: st.DataObject) -> None:
    total = sum(sizes)
    reports: list[VenueOrder | VenueTrade] = [trade(number, lots) for number, lots in enumerate(sizes)]
    reports += [reported("open", sum(sizes[:count])) for count in range(len(sizes) + 1)]
    ended = "filled" if total == LOTS else "cancelled" if ends else ""
    if ended:
        reports.append(reported(ended, total))
    repeated = data.draw(st.lists(st.sampled_from(reports), max_size=6))
    venue, order = sent()
    answers: list[OrderReport | Fill] = []
    for report in data.draw(st.permutations(reports + repeated)):
        if isinstance(report, VenueTrade):
            venue.trade(order, report)
        else:
            venue.update(order, report)
        answers += venue.drain()
    fills = [answer for answer in answers if isinstance(answer, Fill)]
    assert sorted(fill.lots for fill in fills) == sorted(sizes)
    final = [answer for answer in answers if isinstance(answer, OrderReport) and answer.state in DONE]
    assert [(report.state, report.filled_lots) for report in final] == ([(ended, total)] if ended else [])
    assert not final or answers[-1] is final[0]
    assert bool(venue.orders) is not bool(ended)


def test_order_that_was_not_sent_is_cancelled_at_once_and_one_that_was_waits_for_the_venue() -> None:
    venue, order = sent()
    venue.submit(2, order.request, 2)
    venue.cancel_all(3)
    (report,) = venue.drain()
    assert isinstance(report, OrderReport)
    assert (report.number, report.state) == (2, "cancelled")
    assert venue.take() == ([], [order])
    # Asked again, it is not sent again.
    venue.cancel_all(4)
    assert venue.take() == ([], [])
    venue.update(order, reported("cancelled", 0))
    (report,) = venue.drain()
    assert (report.number, isinstance(report, OrderReport) and report.state) == (1, "cancelled")


def test_snapshot_continues_with_what_is_known_of_each_order() -> None:
    venue, order = sent()
    venue.trade(order, trade(1, 4))
    again = LiveVenue(BTC)
    again.restore(venue.snapshot())
    (restored,) = again.orders.values()
    again.trade(restored, trade(1, 4))
    assert again.drain() == []
    again.trade(restored, trade(2, 6))
    assert [answer.number for answer in again.drain()] == [1, 1]
    assert again.orders == {}


def test_kinds_that_the_venue_keeps_elsewhere_are_refused() -> None:
    venue = LiveVenue(BTC)
    request = OrderRequest(symbol="BTCUSDT", side="sell", lots=1, kind="stop_market", trigger_ticks=1)
    venue.submit(1, request, 1)
    (report,) = venue.drain()
    assert isinstance(report, OrderReport)
    assert report.rejection is not None
    assert (report.state, report.rejection.code) == ("rejected", -4120)
