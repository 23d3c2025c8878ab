"""Adding a REST route with history: the venue's past, the route, and nothing between them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from msgspec import Struct

from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import MarkPrice, Topic
from orderfox_nb.desk.parameters import SYMBOL, limit, time_ms
from orderfox_nb.feeds.binance.past import PAGERS, BinanceVenueRest
from orderfox_nb.feeds.binance.protocol import FUTURES
from orderfox_nb.feeds.past import PastPage, Span, read_past
from orderfox_nb.feeds.venue.paging import end_ms, start_ms
from orderfox_nb.server import routes
from orderfox_nb.server.handlers.market import MarketRoute
from tests.examples.test_add_a_channel import FUNDING
from tests.feeds.stages import binance_on_the_embedded_exchange, served_over

pytestmark = pytest.mark.server

MAX_RATES = 1_000
PERIOD_MS = 8 * 3_600_000


# --8<-- the venue's past: a function and its row in feeds/binance/past.py, its weight in feeds/binance/protocol.py
class RateRow(Struct, frozen=True, rename="camel"):
    funding_time: int
    funding_rate: float
    mark_price: float


async def funding_page(rest: BinanceVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of the rates that were paid."""
    count = min(span.limit or MAX_RATES, MAX_RATES)
    bounds = {"startTime": start_ms(span), "endTime": end_ms(span)}
    parameters = {name: str(value) for name, value in bounds.items() if value is not None}
    rows = await rest.requests.get(
        "fundingRate",
        list[RateRow],
        {"symbol": topic.symbol, "limit": str(count), **parameters},
        priority=priority,
    )
    rates = [
        MarkPrice(
            symbol=topic.symbol,
            time_us=row.funding_time * 1_000,
            mark_price=row.mark_price,
            index_price=row.mark_price,
            funding_rate=row.funding_rate,
            next_funding_us=row.funding_time * 1_000,
        )
        for row in rows
    ]
    if len(rows) < count:
        return PastPage(rates)
    if span.forward:
        return PastPage(rates, msgspec.structs.replace(span, start_us=rates[-1].time_us + 1))
    return PastPage(rates, msgspec.structs.replace(span, end_us=rates[0].time_us))


# --8<-- the route, in server/handlers/market.py, and its line in server/routes.py
class FundingAnswer(Struct, frozen=True):
    timestamp: int
    rate: float


class PaidFundingRoute(MarketRoute):
    """Funding rates that were paid, oldest first."""

    route = "paid-funding"
    path = (SYMBOL,)
    query = (limit(100, 1_000, "How many rates"), time_ms("end_time", "Rates that were paid at or before"))
    model = list[FundingAnswer]

    async def answer(self, *args: str) -> bytes:
        values = self.values()
        desk = await self.service.desk()
        topic = desk.topic((await desk.catalogue.resolve(args[0])).instrument.symbol, "funding")
        end_us = None if values["end_time"] is None else values["end_time"] * 1_000 + 1
        rates, _ = await read_past(desk.hub.past, topic, MarkPrice, Span(end_us=end_us, limit=values["limit"]))
        return msgspec.json.encode([FundingAnswer(rate.time_us // 1_000, rate.funding_rate or 0.0) for rate in rates])


# --8<-- end


async def test_a_past_of_the_venue_and_a_route_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHANNELS, FUNDING.name, FUNDING)
    monkeypatch.setitem(PAGERS, FUNDING.name, funding_page)
    monkeypatch.setitem(FUTURES.weights, "fundingRate", 1)  # type: ignore[arg-type]
    monkeypatch.setattr(routes, "REST", [*routes.REST, (r"/api/v1/paid-funding/([^/]+(?:/[^/]+)?)", PaidFundingRoute)])

    async with (
        binance_on_the_embedded_exchange() as stage,
        served_over(stage.feed) as url,
        ClientSession(f"{url}/api/v1/") as session,
    ):

        async def ask(path: str) -> tuple[int, Any]:
            async with session.get(path) as answer:
                return answer.status, await answer.json()

        status, newest = await ask("paid-funding/btc?limit=20")
        assert (status, len(newest)) == (200, 20)
        assert {later["timestamp"] - row["timestamp"] for row, later in pairwise(newest)} == {PERIOD_MS}
        _, older = await ask(f"paid-funding/BTC/USDT?limit=5&end_time={newest[7]['timestamp']}")
        assert older == newest[3:8]
        status, refused = await ask("paid-funding/BTCUSDT?limit=0")
        assert (status, "limit" in refused["detail"]) == (400, True)
        assert (await ask("paid-funding/NOPE"))[0] == 404
        _, document = await ask("openapi.json")
        assert "/api/v1/paid-funding/{symbol}" in document["paths"]
        # In pages of its own, forwards and backwards.
        topic, span = stage.topic("funding"), Span(end_us=newest[-1]["timestamp"] * 1_000, limit=3)
        pages = [await stage.feed.past.page(topic, span)]
        while pages[-1].next is not None and len(pages) < 5:
            pages.append(await stage.feed.past.page(topic, pages[-1].next))
        times = [event.time_us // 1_000 for page in reversed(pages) for event in page.events]
        assert times == [row["timestamp"] for row in newest[4:19]]
        rates, left = await read_past(
            stage.feed.past, topic, MarkPrice, Span(start_us=times[0] * 1_000, end_us=times[-1] * 1_000)
        )
        assert (len(rates), left) == (14, None)
