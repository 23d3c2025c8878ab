"""What Binance and its liquidation history know from before, where it is more than they give at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from orderfox_nb.core.events import Liquidation, Topic
from orderfox_nb.core.timeframes import DAY_US
from orderfox_nb.errors import NoPast, RateLimited, VenueRefused
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.past import Span, read_past
from tests.feeds.scripted_venue import ScriptedVenue

pytestmark = pytest.mark.feeds
OpenOn = Callable[..., AbstractAsyncContextManager[BinanceFeed]]

LIQUIDATIONS = Topic("binance", "BTCUSDT", "liquidations")


async def test_more_past_orders_than_the_history_gives_at_once_are_read_in_parts(
    venue: ScriptedVenue, feed_on: OpenOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers newest first, and would leave out the oldest."""
    monkeypatch.setattr("orderfox_nb.feeds.liquidation_history._MAX_PAGES", 1)
    # Ten of each moment: a part ends between two moments.
    times_ms = [1_000 + number // 10 for number in range(2_500)]

    def orders(request: web.Request) -> Any:
        start_ms, end_ms = int(request.query["start_timestamp"]), int(request.query["end_timestamp"])
        size, page = int(request.query["page_size"]), int(request.query["page"])
        found = [row for row in rows if start_ms <= row["order_trade_time"] < end_ms]
        shown = found[(page - 1) * size : page * size]
        return {"data": shown, "pagination": {"has_more": page * size < len(found)}}

    rows = [
        {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "order_filled_accumulated_quantity": number + 1.0,
            "order_trade_time": time_ms,
            "price": 100.0,
            "average_price": 99.0,
        }
        for number, time_ms in enumerate(times_ms)
    ][::-1]
    venue.answers["liquidation-orders"] = orders
    async with feed_on(venue, liquidation_url=f"{venue.http_url}/api") as feed:
        for span in (Span(start_us=0, end_us=2_000_000), Span(end_us=2_000_000, limit=2_500)):
            read, _ = await read_past(feed.past, LIQUIDATIONS, Liquidation, span)
            assert [order.time_us // 1_000 for order in read] == times_ms
            assert len({order.size for order in read}) == 2_500


@pytest.mark.parametrize(
    ("topic", "path", "days"),
    [
        (Topic("binance", "BTCUSDT", "trades"), "aggTrades", 2),
        (Topic("binance", "BTCUSDT", "open_interest", "5m"), "openInterestHist", 30),
    ],
)
async def test_a_range_that_the_venue_keeps_no_more_says_since_when_it_does(
    venue: ScriptedVenue, feed_on: OpenOn, topic: Topic, path: str, days: int
) -> None:
    refused = web.json_response({"code": -1130, "msg": "parameter 'startTime' is invalid."}, status=400)
    venue.answers[path] = refused
    async with feed_on(venue) as feed:
        now_us = feed.now_us()
        old = Span(start_us=now_us - (days + 1) * DAY_US, end_us=now_us)
        with pytest.raises(NoPast, match=f"kept for {days} days") as error:
            await feed.past.page(topic, old)
        kept_us = now_us - error.value.since_us
        assert (days - 1) * DAY_US < kept_us < days * DAY_US
        # Another refusal stays what it is.
        with pytest.raises(VenueRefused, match="startTime"):
            await feed.past.page(topic, Span(start_us=now_us - DAY_US, end_us=now_us))
        venue.answers[path] = web.json_response({"code": -1003}, status=429, headers={"Retry-After": "30"})
        with pytest.raises(RateLimited):
            await feed.past.page(topic, old)
