"""Bars, liquidations and market state from the venue, over real sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import pytest
from aiohttp import web

from orderfox_nb.core.events import (
    WHOLE_MARKET,
    Candle,
    Gap,
    Liquidation,
    LiquidationVolume,
    MarkPrice,
    OpenInterest,
    Status,
    Ticker,
    Topic,
)
from orderfox_nb.errors import BadValue, NoPast, UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.past import PastPage, Span, read_past
from tests.feeds.conftest import next_of
from tests.feeds.scripted_venue import ScriptedVenue

pytestmark = pytest.mark.feeds
OpenOn = Callable[..., AbstractAsyncContextManager[BinanceFeed]]

MINUTE_MS = 60_000
OPEN_MS = 1_700_000_040_000
CANDLES = Topic("binance", "BTCUSDT", "candles", "1m")
CANDLE_STREAM = "btcusdt@kline_1m"
LIQUIDATIONS = Topic("binance", "BTCUSDT", "liquidations")
HOURLY = Topic("binance", "BTCUSDT", "liquidations", "1h")
ORDER_STREAM = "btcusdt@forceOrder"
PREMIUM = {
    "symbol": "BTCUSDT",
    "markPrice": "100.5",
    "indexPrice": "100.4",
    "lastFundingRate": "0.0001",
    "nextFundingTime": 1_700_003_600_000,
    "time": 1_700_000_000_000,
}


def row(number: int, *, trades: int = 5) -> list[Any]:
    start = OPEN_MS + number * MINUTE_MS
    return [start, "100", "101", "99", "100.5", "10", start + MINUTE_MS - 1, "1000", trades, "4", "400", "0"]


def kline(number: int, *, trades: int = 6, closed: bool = False) -> dict[str, Any]:
    start = OPEN_MS + number * MINUTE_MS
    return {
        "e": "kline",
        "E": start + 30_000,
        "s": "BTCUSDT",
        "k": {
            "t": start,
            "T": start + MINUTE_MS - 1,
            "s": "BTCUSDT",
            "i": "1m",
            "f": 1,
            "L": 2,
            "o": "100",
            "c": "100.7",
            "h": "101",
            "l": "99",
            "v": "11",
            "n": trades,
            "x": closed,
            "q": "1100",
            "V": "5",
            "Q": "500",
            "B": "0",
        },
    }


def forced(at_ms: int, *, side: str = "SELL", filled: str = "2.0", st: int | None = None) -> dict[str, Any]:
    order: dict[str, Any] = {
        "s": "BTCUSDT",
        "S": side,
        "o": "LIMIT",
        "f": "IOC",
        "q": filled,
        "p": "99.0",
        "ap": "99.5",
        "X": "FILLED",
        "l": "0.5",
        "z": filled,
        "T": at_ms,
    }
    if st is not None:
        order["st"] = st
    return {"e": "forceOrder", "E": at_ms + 1_010, "o": order}


async def test_candles_open_with_the_past_and_go_on_with_the_venues_klines(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["klines"] = [row(0), row(1), row(2)]
    venue.answers["time"] = {"serverTime": OPEN_MS + 2 * MINUTE_MS + 10_000}
    async with feed_on(venue) as feed, aclosing(feed.stream(CANDLES)) as stream:
        await feed.ask_time()
        bars = [await next_of(stream, Candle) for _ in range(3)]
        assert [bar.closed for bar in bars] == [True, True, False]
        assert venue.calls("klines")[0]["limit"] == "1500"
        await venue.send(CANDLE_STREAM, kline(2, trades=3))  # older than what REST has said
        await venue.send(CANDLE_STREAM, kline(2, trades=9, closed=True))
        live = await next_of(stream, Candle)
        assert (live.trades, live.closed, live.close) == (9, True, 100.7)


async def test_bars_of_a_hole_are_fetched_after_a_reconnection(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["klines"] = deque([[row(0), row(1)], [row(1), row(2), row(3)]])
    async with feed_on(venue) as feed, aclosing(feed.stream(CANDLES)) as stream:
        await feed.ask_time()
        await next_of(stream, Candle)
        await next_of(stream, Candle)
        assert (await next_of(stream, Status, Candle)).state == "live"
        await venue.cut("market")
        assert (await next_of(stream, Status)).state == "down"
        bars = [await next_of(stream, Candle, Gap) for _ in range(3)]
        assert [(bar.open_us // 1000 - OPEN_MS) // MINUTE_MS for bar in bars] == [1, 2, 3]
        # From the last bar that is over: it proves that the venue is still the same.
        assert venue.calls("klines")[1]["startTime"] == str(OPEN_MS)


async def test_a_bar_that_was_never_closed_is_fetched_when_the_next_one_begins(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["time"] = {"serverTime": OPEN_MS + 10_000}
    venue.answers["klines"] = deque([[row(0)], [row(0, trades=50), row(1)]])
    async with feed_on(venue) as feed, aclosing(feed.stream(CANDLES)) as stream:
        await feed.ask_time()
        await next_of(stream, Candle)
        await venue.send(CANDLE_STREAM, kline(1))
        assert (await next_of(stream, Candle)).trades == 50


async def test_a_timeframe_that_the_venue_does_not_have_is_a_bad_value(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    async with feed_on(venue) as feed:
        with pytest.raises(BadValue):
            await next_of(feed.stream(Topic("binance", "BTCUSDT", "candles", "7m")), Candle)


async def test_a_liquidation_is_valued_by_filled_size_and_average_price_at_the_orders_time(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["premiumIndex"] = PREMIUM
    async with feed_on(venue) as feed, aclosing(feed.stream(LIQUIDATIONS)) as stream:
        assert (await next_of(stream, Status)).coverage == "sampled"
        assert (await next_of(stream, Status)).state == "live"
        await venue.send(ORDER_STREAM, [forced(1_700_000_000_000)])
        order = await next_of(stream, Liquidation)
        assert (order.side, order.size, order.price, order.limit_price) == ("sell", 2.0, 99.5, 99.0)
        assert order.time_us == 1_700_000_000_000_000


async def test_coin_margined_liquidations_of_the_whole_market_are_left_out(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    topic = Topic("binance", "*", "liquidations")
    async with feed_on(venue) as feed, aclosing(feed.stream(topic)) as stream:
        await next_of(stream, Status)
        assert (await next_of(stream, Status)).state == "live"
        await venue.send("!forceOrder@arr", forced(1, st=2))
        await venue.send("!forceOrder@arr", {**forced(2), "st": 2})
        await venue.send("!forceOrder@arr", forced(3, st=1))
        assert (await next_of(stream, Liquidation)).time_us == 3_000


async def test_an_order_of_which_nothing_was_filled_is_no_liquidation(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    empty = past_order(1_700_000_000_100) | {"order_filled_accumulated_quantity": 0.0}
    venue.answers["liquidation-orders"] = [empty, past_order(1_700_000_000_200)]
    venue.answers["liquidations"] = web.Response(status=404)
    venue.answers["premiumIndex"] = PREMIUM
    url = f"{venue.http_url}/api"
    async with feed_on(venue, liquidation_url=url) as feed, aclosing(feed.stream(LIQUIDATIONS)) as stream:
        assert (await next_of(stream, Liquidation)).time_us == 1_700_000_000_200_000
        assert (await next_of(stream, Status)).state == "live"
        await venue.send(ORDER_STREAM, forced(1_700_000_001_000, filled="0.000"))
        await venue.send(ORDER_STREAM, forced(1_700_000_002_000))
        assert (await next_of(stream, Liquidation)).time_us == 1_700_000_002_000_000


def past_order(at_ms: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "order_type": "LIMIT",
        "time_in_force": "IOC",
        "original_quantity": 2.0,
        "price": 99.0,
        "average_price": 99.5,
        "order_status": "FILLED",
        "order_last_filled_quantity": 0.5,
        "order_filled_accumulated_quantity": 2.0,
        "order_trade_time": at_ms,
    }


async def test_liquidations_open_with_past_sums_and_orders_and_an_order_that_both_show_comes_once(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["premiumIndex"] = PREMIUM
    venue.answers["liquidations"] = lambda request: [
        {
            "timestamp": int(request.query["start_timestamp"]),
            "timestamp_iso": "",
            "side": "SELL",
            "cumulated_usd_size": 199.0,
        }
    ]

    async def orders(_: web.Request) -> Any:
        await venue.send(ORDER_STREAM, forced(2_000))
        return [past_order(2_000), past_order(1_000)]

    venue.answers["liquidation-orders"] = orders
    async with (
        feed_on(venue, liquidation_url=f"{venue.http_url}/api") as feed,
        aclosing(feed.stream(LIQUIDATIONS)) as stream,
    ):
        volume = await next_of(stream, LiquidationVolume, Liquidation)
        assert volume.sell == [199.0]
        assert volume.start_us[0] % MINUTE_MS == 0
        assert [(await next_of(stream, Liquidation)).time_us for _ in range(2)] == [1_000_000, 2_000_000]
        assert (await next_of(stream, Status, Liquidation)).history == "complete"
        await venue.send(ORDER_STREAM, forced(3_000))
        assert (await next_of(stream, Liquidation)).time_us == 3_000_000
        assert venue.calls("liquidation-orders")[0]["limit"] == "50"


async def test_a_history_that_knows_nothing_of_a_symbol_is_missing_and_not_zero(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["premiumIndex"] = PREMIUM
    async with (
        feed_on(venue, liquidation_url=f"{venue.http_url}/api") as feed,
        aclosing(feed.stream(LIQUIDATIONS)) as stream,
    ):
        await next_of(stream, Status)
        status = await next_of(stream, Status, LiquidationVolume)
        assert (status.state, status.history) == ("live", "missing")
        assert await feed.past.page(LIQUIDATIONS, Span()) == PastPage([])
        with pytest.raises(NoPast, match="has no liquidations of"):
            await feed.past.page(HOURLY, Span(start_us=0, end_us=3_600_000_000))


async def test_a_quiet_time_differs_from_one_that_the_history_does_not_know(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    """It answers nothing in both cases: what it has from before proves that nothing was liquidated."""
    day_ms, hour_ms = 86_400_000, 3_600_000
    kept_from_ms, only_ms = 100 * day_ms, 110 * day_ms
    orders_ms = (kept_from_ms, only_ms)

    def sums(request: web.Request) -> Any:
        start_ms, end_ms = int(request.query["start_timestamp"]), int(request.query["end_timestamp"])
        return [
            {"timestamp": time_ms, "side": "SELL", "cumulated_usd_size": 5.0}
            for time_ms in orders_ms
            if start_ms <= time_ms < end_ms
        ] or web.Response(status=404)

    venue.answers["liquidations"] = sums
    async with feed_on(venue, liquidation_url=f"{venue.http_url}/api") as feed:

        async def volume(start_ms: int, hours: int) -> Any:
            end_ms = start_ms + hours * hour_ms
            span = Span(start_us=start_ms * 1000, end_us=end_ms * 1000)
            (sums,), left = await read_past(feed.past, HOURLY, LiquidationVolume, span)
            assert left is None
            return list(sums.rows)

        with pytest.raises(NoPast):
            await volume(kept_from_ms - 5 * day_ms, 24)  # before everything that it keeps
        assert await volume(kept_from_ms + 2 * day_ms, 24) == [], "between two orders"
        assert await volume(only_ms, 2) == [(only_ms * 1000, 0.0, 5.0, 1)]
        asked = len(venue.calls("liquidations"))
        assert await volume(only_ms + day_ms, 24) == []
        assert len(venue.calls("liquidations")) == asked + 1, "what is known is not asked for again"


async def test_a_history_that_fails_is_reported_and_live_orders_go_on(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["premiumIndex"] = PREMIUM
    venue.answers["liquidations"] = web.Response(status=500)
    async with (
        feed_on(venue, liquidation_url=f"{venue.http_url}/api") as feed,
        aclosing(feed.stream(LIQUIDATIONS)) as stream,
    ):
        await next_of(stream, Status)
        status = await next_of(stream, Status)
        assert (status.state, status.history) == ("live", "missing")
        await venue.send(ORDER_STREAM, forced(3_000))
        assert (await next_of(stream, Liquidation)).time_us == 3_000_000
        with pytest.raises(VenueUnreachable):
            await feed.past.page(HOURLY, Span(start_us=0, end_us=3_600_000_000))


async def test_liquidations_of_a_hole_come_from_the_history_and_each_once(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["premiumIndex"] = PREMIUM

    def orders(request: web.Request) -> Any:
        if "limit" in request.query:
            return [past_order(1_000)]
        return {"data": [past_order(2_000), past_order(1_000)], "pagination": {"has_more": False}}

    venue.answers["liquidation-orders"] = orders
    async with (
        feed_on(venue, liquidation_url=f"{venue.http_url}/api") as feed,
        aclosing(feed.stream(LIQUIDATIONS)) as stream,
    ):
        assert (await next_of(stream, Liquidation)).time_us == 1_000_000
        await next_of(stream, Status)
        await venue.cut("market")
        assert (await next_of(stream, Status)).state == "down"
        assert (await next_of(stream, Liquidation, Gap)).time_us == 2_000_000
        await venue.send(ORDER_STREAM, forced(2_000))
        await venue.send(ORDER_STREAM, forced(4_000))
        assert (await next_of(stream, Liquidation)).time_us == 4_000_000


async def test_without_a_history_a_hole_of_liquidations_is_reported(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["premiumIndex"] = PREMIUM
    async with feed_on(venue) as feed, aclosing(feed.stream(LIQUIDATIONS)) as stream:
        await next_of(stream, Status)
        await next_of(stream, Status)
        await venue.cut("market")
        assert isinstance(await next_of(stream, Gap, Liquidation), Gap)


async def test_a_silent_stream_of_an_unknown_symbol_ends_with_that_error(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.answers["premiumIndex"] = web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
    async with feed_on(venue) as feed, aclosing(feed.stream(LIQUIDATIONS)) as stream:
        with pytest.raises(UnknownSymbol):
            await next_of(stream, Liquidation)


async def test_mark_price_ticker_and_open_interest_open_with_the_present_value(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["premiumIndex"] = PREMIUM
    venue.answers["openInterest"] = {"symbol": "BTCUSDT", "openInterest": "123.5", "time": 1_700_000_000_000}
    venue.answers["ticker/24hr"] = {
        "symbol": "BTCUSDT",
        "lastPrice": "100.5",
        "openPrice": "99",
        "highPrice": "102",
        "lowPrice": "98",
        "volume": "1000",
        "quoteVolume": "100000",
        "closeTime": 1_700_000_000_000,
    }
    async with feed_on(venue) as feed:
        async with aclosing(feed.stream(Topic("binance", "BTCUSDT", "mark"))) as stream:
            mark = await next_of(stream, MarkPrice)
            assert (mark.mark_price, mark.funding_rate) == (100.5, 0.0001)
        async with aclosing(feed.stream(Topic("binance", "BTCUSDT", "ticker"))) as stream:
            assert (await next_of(stream, Ticker)).quote_volume == 100_000.0
        async with aclosing(feed.stream(Topic("binance", "BTCUSDT", "open_interest"))) as stream:
            assert (await next_of(stream, OpenInterest)).open_interest == 123.5


async def test_another_process_of_the_venue_is_reported_to_every_stream_and_what_is_newest_is_requested_again(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    venue.answers["premiumIndex"] = deque([PREMIUM, PREMIUM | {"markPrice": "7.5"}])
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(Topic("binance", "BTCUSDT", "mark"))) as marks,
        aclosing(feed.stream(Topic("binance", WHOLE_MARKET, "liquidations"))) as orders,
    ):
        assert (await next_of(marks, MarkPrice)).mark_price == 100.5
        await next_of(orders, Status)
        assert (await next_of(orders, Status)).state == "live"
        feed.move(venue.http_url, venue.ws_url, "")
        assert (await next_of(marks, MarkPrice, Gap)).restart
        assert (await next_of(marks, MarkPrice, Gap)).mark_price == 7.5
        assert (await next_of(orders, Liquidation, Gap)).restart
