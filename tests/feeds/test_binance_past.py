"""What Binance and its liquidation history know from before, where it is more than they give at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from orderfox_nb.core.events import Liquidation, Topic
from orderfox_nb.core.timeframes import DAY_US
from orderfox_nb.errors import NoPast, RateLimited, VenueRefused
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.charges import charging
from orderfox_nb.feeds.past import Span, past_us, read_past
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


@pytest.mark.parametrize("start_days", [0, 20_000, 20_399])
async def test_the_oldest_orders_are_found_with_few_requests(
    venue: ScriptedVenue, feed_on: OpenOn, start_days: int
) -> None:
    """However long before them the span begins: a client chooses its start."""
    day_ms = DAY_US // 1_000
    times_ms = [20_400 * day_ms + number * 5_000 for number in range(40_000)]
    asked: list[int] = []

    def orders(request: web.Request) -> Any:
        asked.append(1)
        start_ms, end_ms = int(request.query["start_timestamp"]), int(request.query["end_timestamp"])
        size, page = int(request.query["page_size"]), int(request.query["page"])
        found = times_ms[bisect_left(times_ms, start_ms) : bisect_left(times_ms, end_ms)][::-1]
        shown = [
            {
                "symbol": "BTCUSDT",
                "side": "SELL",
                "order_filled_accumulated_quantity": 1.0,
                "order_trade_time": time_ms,
                "price": 100.0,
            }
            for time_ms in found[(page - 1) * size : page * size]
        ]
        if not shown:
            return web.json_response({"detail": "No liquidations found"}, status=404)
        return {"data": shown, "pagination": {"has_more": page * size < len(found)}}

    venue.answers["liquidation-orders"] = orders
    async with feed_on(venue, liquidation_url=f"{venue.http_url}/api") as feed:
        span = Span(start_us=start_days * DAY_US, end_us=(times_ms[-1] + 1) * 1_000, limit=1_000)
        weights: list[int] = []
        with charging(weights.append):
            page = await feed.past.page(LIQUIDATIONS, span)
        assert [past_us(order) // 1_000 for order in page.events] == times_ms[: len(page.events)]
        assert page.events
        # Halving fifty years down to an hour takes twenty.
        assert len(asked) <= 25
        # A stranger's questions are paid for.
        assert sum(weights) >= 10 * len(asked)
        assert page.next is not None
        del asked[:]
        following = await feed.past.page(LIQUIDATIONS, page.next)
        first = len(page.events)
        assert [past_us(order) // 1_000 for order in following.events] == times_ms[first:][: len(following.events)]
        assert following.events
        assert len(asked) <= 10
