"""When an order without an answer is sent again: only once the venue can no longer accept the first request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from orderfox_nb.bots.limits import RiskGuard, RiskLimits
from orderfox_nb.bots.live.account import LiveAccount
from orderfox_nb.bots.live.orders import VenueOrder, VenueTrade
from orderfox_nb.bots.orders import OrderReport, OrderRequest
from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.brokers.live import LiveBroker
from orderfox_nb.desk.brokers.venue_client import WINDOW_MS, NoSuchOrder, OutcomeUnknown, Rejection
from tests.bots.test_live_venue import BTC

pytestmark = pytest.mark.core


class SilentClient:
    """A venue that gets no order and answers no request but the question where it is."""

    def __init__(self, clock: ManualClock) -> None:
        self.instrument: Instrument = BTC
        self.placed_us: list[int] = []
        self.names: set[str] = set()
        self._clock = clock

    async def place(self, client_id: str, _request: OrderRequest) -> VenueOrder:
        self.placed_us.append(self._clock.now_us())
        self.names.add(client_id)
        raise OutcomeUnknown("no answer")

    async def find(self, _client_id: str) -> VenueOrder:
        raise NoSuchOrder(Rejection(-2013, "Order does not exist."))

    async def open_orders(self) -> list[VenueOrder]:
        return []

    async def position(self) -> int:
        return 0

    async def watch_orders(self) -> AsyncIterator[VenueOrder]:
        await self._clock.sleep(1e6)
        yield VenueOrder(client_id="", venue_id="", state="open", filled_lots=0, time_us=0)

    async def watch_trades(self) -> AsyncIterator[VenueTrade]:
        await self._clock.sleep(1e6)
        yield VenueTrade(venue_id="", trade_id="", ticks=0, lots=0, maker=False, time_us=0)

    async def close(self) -> None:
        pass


class Owner:
    """A run of a bot that does nothing."""

    def settle(self, *, act: bool = True) -> None:
        pass

    async def store(self) -> None:
        pass

    def halt(self, reason: str) -> None:
        raise AssertionError(reason)

    def order_name(self, number: int) -> str:
        return f"ofx-test-{number}"


async def test_order_is_sent_again_under_its_name_only_when_the_first_request_has_run_out() -> None:
    clock = ManualClock()
    client: Any = SilentClient(clock)
    account = LiveAccount(BTC, cash=Decimal(1_000))
    guard = RiskGuard(RiskLimits(), BTC, deposit=Decimal(1_000))
    broker = LiveBroker(client, account, guard, clock, released=lambda: None)
    await broker.begin(Owner())
    broker.venue.submit(1, OrderRequest(symbol="BTCUSDT", side="buy", lots=1, ticks=500_000), clock.now_us())
    broker.pass_on()
    await settle()
    await clock.advance(WINDOW_MS / 1000)
    assert len(client.placed_us) == 1
    await clock.advance(1)
    assert len(client.placed_us) == 2
    for _ in range(4):
        await clock.advance(WINDOW_MS / 1000)
    assert len(client.placed_us) == 3
    first, second, third = client.placed_us
    assert min(second - first, third - second) > WINDOW_MS * 1000
    assert client.names == {"ofx-test-1"}
    report = broker.venue.drain()[-1]
    assert isinstance(report, OrderReport)
    assert (report.number, report.state, report.reason) == (1, "expired", "it did not reach the venue in 3 attempts")
    await broker.finish()


async def test_broker_whose_end_is_interrupted_still_closes_everything_once() -> None:
    clock, released = ManualClock(), list[str]()
    client: Any = SilentClient(clock)
    account = LiveAccount(BTC, cash=Decimal(1_000))
    guard = RiskGuard(RiskLimits(), BTC, deposit=Decimal(1_000))
    broker = LiveBroker(client, account, guard, clock, released=lambda: released.append("released"))
    await broker.begin(Owner())
    broker.venue.submit(1, OrderRequest(symbol="BTCUSDT", side="buy", lots=1, ticks=500_000), clock.now_us())
    broker.pass_on()
    await settle()
    finishing = asyncio.create_task(broker.finish())
    await settle()
    assert not finishing.done(), "the venue does not confirm that the order is cancelled"
    finishing.cancel()
    await asyncio.wait({finishing})
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await broker.finish()
    assert released == ["released"]
