"""Bybit natively: its list, its errors and its past over REST."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import (
    BookSnapshot,
    Candle,
    Topic,
)
from orderfox_nb.errors import BadValue, RateLimited, SymbolRefused, UnknownSymbol, VenueBlocked
from orderfox_nb.feeds.past import Span
from tests.feeds.bybit.messages import (
    NOW_MS,
    answered,
    feed_on,
    refused,
)
from tests.feeds.conftest import next_of
from tests.feeds.scripted_socket import ScriptedSocketVenue

pytestmark = pytest.mark.feeds


async def test_the_list_has_perpetuals_in_trading_and_says_why_others_are_not(venue: ScriptedSocketVenue) -> None:
    def row(symbol: str, status: str = "Trading", kind: str = "LinearPerpetual") -> dict[str, Any]:
        return {
            "symbol": symbol,
            "contractType": kind,
            "status": status,
            "baseCoin": symbol.removesuffix("USDT"),
            "quoteCoin": "USDT",
            "settleCoin": "USDT",
            "launchTime": "1584230400000",
            "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999", "tickSize": "0.10"},
            "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001"},
        }

    def listed(query: dict[str, str]) -> Any:
        if query.get("status") == "PreLaunch":
            return answered({"list": [row("NEWUSDT", "PreLaunch")], "nextPageCursor": ""})
        if "cursor" not in query:
            return answered({"list": [row("BTCUSDT"), row("BTC-26DEC25", kind="LinearFutures")], "nextPageCursor": "n"})
        return answered({"list": [row("ETHUSDT"), {"symbol": "ODD"}], "nextPageCursor": ""})

    venue.rest["/v5/market/instruments-info"] = listed
    async with feed_on(venue) as feed:
        listings = {each.instrument.symbol: each for each in await feed.listings()}
        assert sorted(listings) == ["BTCUSDT", "ETHUSDT"]
        bitcoin = listings["BTCUSDT"]
        assert (str(bitcoin.instrument.tick_size), str(bitcoin.instrument.lot_size)) == ("0.10", "0.001")
        assert (bitcoin.instrument.unified, bitcoin.funding_rate) == ("BTC/USDT:USDT", -0.0001)
        assert "is not traded yet" in feed.why_unlisted("NEWUSDT")
        venue.rest["/v5/market/tickers"] = refused(10001, "params error: symbol invalid")
        with pytest.raises(UnknownSymbol):
            await next_of(feed.stream(Topic("bybit", "NOUSDT", "book")), BookSnapshot)
        with pytest.raises(SymbolRefused):
            await feed._rest.mark("ETHUSDT")
    assert (feed.origin.absent, feed.origin.unverified) == ((), ("trades",))


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (web.json_response(refused(10006, "Too many visits!")), RateLimited),
        (web.Response(status=403, text="403, access too frequent"), RateLimited),
        (web.Response(status=403, text="CloudFront: blocked from your country"), VenueBlocked),
        (web.json_response(refused(10024, "Compliance rules triggered")), VenueBlocked),
    ],
)
async def test_errors_are_ours(venue: ScriptedSocketVenue, response: web.Response, kind: type[Exception]) -> None:
    venue.rest["/v5/market/tickers"] = response
    async with feed_on(venue) as feed:
        with pytest.raises(kind):
            await feed._rest.mark("BTCUSDT")


async def test_the_past_is_read_newest_first_and_in_windows_from_a_start(venue: ScriptedSocketVenue) -> None:
    minute_us = 60_000_000
    first_us = NOW_MS * 1_000 // minute_us * minute_us

    def bars(query: dict[str, str]) -> Any:
        end = min(int(query.get("end", NOW_MS)), NOW_MS)
        start = int(query.get("start", 0))
        opens = [ms for ms in range(end // 60_000 * 60_000, end - 60_000 * 2_000, -60_000) if ms >= start]
        rows = [[str(ms), "1", "2", "0.5", "1.5", "10", "15"] for ms in opens][: int(query["limit"])]
        return answered({"category": "linear", "symbol": "BTCUSDT", "list": rows})

    venue.rest["/v5/market/kline"] = bars
    clock = ManualClock(NOW_MS * 1_000 + 30_000_000)
    async with feed_on(venue, clock=clock) as feed:
        topic = Topic("bybit", "BTCUSDT", "candles", "1m")
        newest = await feed.past.page(topic, Span(limit=3))
        assert [event.open_us for event in newest.events if isinstance(event, Candle)] == [
            first_us - 2 * minute_us,
            first_us - minute_us,
            first_us,
        ]
        assert [event.closed for event in newest.events if isinstance(event, Candle)] == [True, True, False]
        assert newest.next == Span(end_us=first_us - 2 * minute_us, limit=3)
        ahead = await feed.past.page(topic, Span(start_us=first_us - 1_500 * minute_us))
        assert len(ahead.events) == 1_000
        assert ahead.next == Span(start_us=first_us - 500 * minute_us)
        assert ahead.next is not None
        rest = await feed.past.page(topic, ahead.next)
        assert (len(rest.events), rest.next) == (501, None)
        with pytest.raises(BadValue, match="one that this venue has"):
            await feed.past.page(Topic("bybit", "BTCUSDT", "candles", "8h"), Span(limit=3))
