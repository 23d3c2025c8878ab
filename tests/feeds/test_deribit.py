"""Deribit natively: frames as its documentation has them, read by the dialect and over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Event,
    Gap,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Status,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.errors import BadValue, MalformedFrame, NoPast, RateLimited, UnknownSymbol, VenueBlocked
from orderfox_nb.feeds.deribit.dialect import DeribitDialect
from orderfox_nb.feeds.deribit.feed import DeribitFeed
from orderfox_nb.feeds.past import Span
from tests.feeds.conftest import next_of
from tests.feeds.scripted_socket import ScriptedSocketVenue
from tests.feeds.stages import Eager

pytestmark = pytest.mark.feeds

SYMBOL = "BTC_USDC-PERPETUAL"
NOW_MS = 1_790_000_000_000
BOOK = f"book.{SYMBOL}.100ms"
TRADES = f"trades.{SYMBOL}.100ms"
TICKER = f"ticker.{SYMBOL}.100ms"
PATH = "/api/v2/public/"


def notice(channel: str, body: Any) -> dict[str, Any]:
    """A notification of a channel."""
    return {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": body}}


def book(last: int, previous: int | None = None, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    """A message of a book: without a previous id it is the whole book."""
    body = {
        "type": "snapshot" if previous is None else "change",
        "timestamp": NOW_MS + last,
        "instrument_name": SYMBOL,
        "change_id": last,
        "bids": list(bids),
        "asks": list(asks),
    }
    return notice(BOOK, body if previous is None else body | {"prev_change_id": previous})


def trade(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "trade_seq": number,
        "trade_id": f"USDC-{number + 7}",
        "timestamp": NOW_MS + number,
        "tick_direction": 2,
        "price": 100.5,
        "mark_price": 100.4,
        "index_price": 100.3,
        "instrument_name": SYMBOL,
        "direction": "buy",
        "amount": 0.049,
        **fields,
    }


def bar(tick: int, close: float, volume: float = 1.0) -> dict[str, Any]:
    return {"tick": tick, "open": 100, "high": 103, "low": 99, "close": close, "volume": volume, "cost": 100.5}


def instrument(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "instrument_name": name,
        "kind": "future",
        "instrument_type": "linear",
        "settlement_period": "perpetual",
        "base_currency": name.partition("_")[0],
        "quote_currency": "USDC",
        "settlement_currency": "USDC",
        "tick_size": 0.5,
        "contract_size": 0.0001,
        "is_active": True,
        "creation_timestamp": 1_600_000_000_000,
        **fields,
    }


FIGURES = {"high": 103, "low": 99, "price_change": 1.0, "volume": 2.0, "volume_usd": 202.0}
ROW = {
    "timestamp": NOW_MS,
    "state": "open",
    "stats": FIGURES,
    "instrument_name": SYMBOL,
    "last_price": 101,
    "mark_price": 101.1,
    "index_price": 101.2,
    "funding_8h": 0.0001,
    "current_funding": 0.0,
    "open_interest": 164.501,
}
SUMMARY = {**FIGURES, "instrument_name": SYMBOL, "last": 101, "funding_8h": 0.0001, "creation_timestamp": NOW_MS}


def result(body: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": body, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}


def refused(code: int, message: str, **detail: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message, "data": detail}}


def answer(venue: ScriptedSocketVenue, socket: web.WebSocketResponse, text: str) -> list[str]:
    """Answer a command as the venue does: what there is not is left out of the answer."""
    command = json.loads(text)
    body: Any = {"version": "1.2.26"}
    if command["method"] != "public/test":
        body = [channel for channel in command["params"]["channels"] if "GONE" not in channel]
        names = venue.subscribed[socket]
        for channel in body:
            names.append(channel) if command["method"] == "public/subscribe" else names.remove(channel)
    return [json.dumps({"id": command["id"], **result(body)})]


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedSocketVenue]:
    async with ScriptedSocketVenue(answer, "/ws/api/v2") as venue:
        dated = instrument("BTC_USDC-25DEC26", settlement_period="month")
        closed = instrument("LUNA_USDC-PERPETUAL", is_active=False)
        venue.rest |= {
            f"{PATH}get_time": result(NOW_MS),
            f"{PATH}get_instruments": result([instrument(SYMBOL), dated, closed, {"instrument_name": "ODD"}]),
            f"{PATH}get_book_summary_by_currency": result([SUMMARY]),
            f"{PATH}ticker": result(ROW),
            f"{PATH}get_last_trades_by_instrument": result({"trades": [], "has_more": False}),
        }
        yield venue


def feed_on(venue: ScriptedSocketVenue, **options: Any) -> DeribitFeed:
    return DeribitFeed(**venue.urls, random=Eager(), **options)


def events_of(*frames: dict[str, Any]) -> list[Event]:
    codec = DeribitDialect().codec()
    return [event for frame in frames for event in codec.decode(json.dumps(frame), 7).events or ()]


def topic(channel: str, symbol: str = SYMBOL) -> Topic:
    return Topic("deribit", symbol, channel, "1m" if channel == "candles" else "")


def test_a_ticker_is_statistics_mark_price_and_open_interest() -> None:
    ticker, mark, interest = events_of(notice(TICKER, ROW))
    assert isinstance(ticker, Ticker)
    assert (ticker.last, ticker.open, ticker.volume, ticker.quote_volume) == (101, 100, 2.0, 202.0)
    assert isinstance(mark, MarkPrice)
    # Funding is paid all the time: no payment is due.
    assert (mark.mark_price, mark.index_price, mark.funding_rate, mark.next_funding_us) == (101.1, 101.2, 0.0001, 0)
    assert isinstance(interest, OpenInterest)
    assert interest.open_interest == 164.501
    untraded = {"stats": {"high": None, "low": None, "price_change": None, "volume": 0}, "last_price": None}
    assert [type(event) for event in events_of(notice(TICKER, ROW | untraded))] == [MarkPrice, OpenInterest]


@pytest.mark.parametrize(
    ("mark", "sides"), [("", []), ("T", ["buy"]), ("M", ["sell"]), ("MT", ["sell", "buy"]), ("?", [])]
)
def test_a_liquidation_is_the_order_of_the_side_that_was_liquidated(mark: str, sides: list[str]) -> None:
    row = trade(5, liquidation=mark) if mark else trade(5)
    first, *liquidations = events_of(notice(TRADES, [row]))
    assert isinstance(first, Trade)
    assert (first.id, first.sequence, first.size, first.aggressor) == ("5", 5, 0.049, "buy")
    assert [order.side for order in liquidations if isinstance(order, Liquidation)] == sides
    assert all(isinstance(order, Liquidation) and (order.size, order.price) == (0.049, 100.5) for order in liquidations)


def test_a_trade_that_is_sent_twice_was_one_liquidation() -> None:
    frame = notice(TRADES, [trade(5, liquidation="T"), trade(6)])
    found = [type(event) for event in events_of(frame, frame)]
    assert found == [Trade, Liquidation, Trade, Trade, Trade]


def test_a_bar_is_over_once_the_next_one_begins() -> None:
    codec = DeribitDialect().codec()
    chart = f"chart.trades.{SYMBOL}.1"
    frames = [bar(NOW_MS, 100), bar(NOW_MS, 101, 2.0), bar(NOW_MS + 60_000, 102, 0.0)]
    found = [event for row in frames for event in codec.decode(json.dumps(notice(chart, row)), 7).events or ()]
    bars = [event for event in found if isinstance(event, Candle)]
    assert [(row.close, row.closed) for row in bars] == [(100, False), (101, False), (101, True), (102, False)]
    # After a new subscription nothing is known of how the bar before ended.
    codec.command("subscribe", 3, [chart])
    frame = codec.decode(json.dumps(notice(chart, bar(NOW_MS + 120_000, 103))), 7)
    assert [row.closed for row in frame.events or () if isinstance(row, Candle)] == [False]


def test_streams_are_named_and_what_there_is_not_is_refused() -> None:
    dialect = DeribitDialect()
    assert dialect.stream_of(topic("liquidations")) == dialect.stream_of(topic("trades")) == TRADES
    assert dialect.stream_of(topic("liquidations", "*")) == "trades.future.USDC.100ms"
    with pytest.raises(BadValue, match="one that this venue has: 1m 3m"):
        dialect.stream_of(Topic("deribit", SYMBOL, "candles", "4h"))


@pytest.mark.parametrize("text", ['{"jsonrpc":"2.0"}', "[]", '{"method":"subscription","params":{"channel":"x.y.z"}}'])
def test_another_protocol_is_malformed(text: str) -> None:
    with pytest.raises(Exception, match=r"neither|Expected|no channel"):
        DeribitDialect().codec().decode(text, 7)


def test_a_malformed_frame_belongs_to_its_stream() -> None:
    codec = DeribitDialect().codec()
    text = json.dumps(book(10))
    assert codec.stream_name(text[:-20]) == BOOK
    assert codec.stream_name(text.replace("timestamp", "time")) == BOOK
    assert codec.stream_name("?") == ""


async def test_a_book_follows_its_chain_and_a_hole_is_a_gap_and_a_new_snapshot(venue: ScriptedSocketVenue) -> None:
    venue.opening[BOOK] = [book(10, None, [["new", 100.0, 1.0]], [["new", 100.5, 2.0]])]
    async with feed_on(venue) as feed, aclosing(feed.stream(topic("book"))) as events:
        assert (await next_of(events, BookSnapshot)).bids == [(100.0, 1.0)]
        change = [["delete", 100.0, 0.0], ["new", 99.5, 3.0]]
        await venue.send(BOOK, book(15, 10, change))
        delta = await next_of(events, BookDelta, Gap)
        assert (delta.last_id, delta.bids) == (15, [(100.0, 0.0), (99.5, 3.0)])
        venue.opening[BOOK] = [book(30, None, [["new", 99.0, 1.0]], [["new", 100.5, 2.0]])]
        await venue.send(BOOK, book(25, 20))
        assert "expected the update after 15" in (await next_of(events, BookDelta, Gap)).reason
        assert (await next_of(events, BookSnapshot, BookDelta)).update_id == 30
        assert (await next_of(events, Status)).state == "live"


async def test_a_trade_that_was_missed_is_asked_for_by_its_number(venue: ScriptedSocketVenue) -> None:
    def between(query: dict[str, str]) -> Any:
        first, last = int(query.get("start_seq", 1)), int(query.get("end_seq", 3))
        return result({"trades": [trade(number) for number in range(first, last + 1)], "has_more": False})

    venue.rest[f"{PATH}get_last_trades_by_instrument"] = between
    async with feed_on(venue) as feed, aclosing(feed.stream(topic("trades"))) as trades:
        found = [await next_of(trades, Trade) for _ in range(3)]
        await venue.send(TRADES, notice(TRADES, [trade(4)]), notice(TRADES, [trade(7), trade(8)]))
        found += [await next_of(trades, Trade, Gap) for _ in range(5)]
        assert [row.id for row in found] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert feed.origin.unverified == ()


async def test_one_stream_serves_trades_and_liquidations(venue: ScriptedSocketVenue) -> None:
    every = "trades.future.USDC.100ms"
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(topic("trades"))) as trades,
        aclosing(feed.stream(topic("liquidations"))) as liquidations,
        aclosing(feed.stream(topic("liquidations", "*"))) as market,
    ):
        assert (await next_of(liquidations, Status)).coverage == "complete"
        for events in (trades, liquidations, market):
            while (await next_of(events, Status)).state != "live":
                pass
        await venue.send(TRADES, notice(TRADES, [trade(1), trade(2, liquidation="T")]))
        assert [(await next_of(trades, Trade)).id for _ in range(2)] == ["1", "2"]
        assert (await next_of(liquidations, Liquidation)).side == "buy"
        dated = trade(9, instrument_name="BTC_USDC-25DEC26", liquidation="T")
        await venue.send(every, notice(every, [dated, trade(3, liquidation="M", direction="sell")]))
        order = await next_of(market, Liquidation)
        assert (order.symbol, order.side) == (SYMBOL, "buy")


async def test_an_instrument_that_is_left_out_of_the_answer_leaves_the_others(venue: ScriptedSocketVenue) -> None:
    venue.opening[BOOK] = [book(10, None, [["new", 100.0, 1.0]], [["new", 100.5, 2.0]])]
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(topic("book", "GONE_USDC-PERPETUAL"))) as gone,
        aclosing(feed.stream(topic("book"))) as events,
    ):
        assert (await next_of(gone, Status)).state == "connecting"
        assert (await next_of(events, BookSnapshot)).update_id == 10
        status = await next_of(gone, Status)
        assert (status.state, "there is no book.GONE" in status.reason) == ("down", True)


async def test_the_list_has_linear_perpetuals(venue: ScriptedSocketVenue) -> None:
    async with feed_on(venue) as feed:
        (bitcoin,) = await feed.listings()
        assert (bitcoin.instrument.symbol, bitcoin.instrument.unified) == (SYMBOL, "BTC/USDC:USDC")
        assert (float(bitcoin.instrument.lot_size), float(bitcoin.instrument.tick_size)) == (0.0001, 0.5)
        assert isinstance(bitcoin.ticker, Ticker)
        assert (bitcoin.ticker.open, bitcoin.funding_rate) == (100, 0.0001)
        assert "is not active" in feed.why_unlisted("LUNA_USDC-PERPETUAL")
        venue.rest[f"{PATH}ticker"] = web.json_response(refused(13020, "not_found"), status=400)
        with pytest.raises(UnknownSymbol):
            await next_of(feed.stream(topic("book", "NO_USDC-PERPETUAL")), BookSnapshot)
    assert (feed.origin.absent, feed.origin.unverified) == ((), ())


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (web.json_response(refused(10028, "too_many_requests"), status=429), RateLimited),
        (web.json_response(refused(10028, "too_many_requests"), status=400), RateLimited),
        (web.Response(status=403, text="blocked"), VenueBlocked),
        (web.json_response(refused(-32602, "Invalid params", param="instrument_name"), status=400), UnknownSymbol),
        (web.json_response(result({"instrument_name": 7})), MalformedFrame),
    ],
)
async def test_errors_are_ours(venue: ScriptedSocketVenue, response: web.Response, kind: type[Exception]) -> None:
    venue.rest[f"{PATH}ticker"] = response
    async with feed_on(venue) as feed:
        with pytest.raises(kind):
            await feed._rest.ticker(SYMBOL)


async def test_the_past_is_read_by_numbers_and_by_time(venue: ScriptedSocketVenue) -> None:
    def trades(query: dict[str, str]) -> Any:
        first, last = int(query.get("start_seq", 1)), min(int(query.get("end_seq", 250)), 250)
        first = max(first, int(query.get("start_timestamp", 0)) - NOW_MS)
        last = min(last, int(query.get("end_timestamp", NOW_MS + 250)) - NOW_MS)
        numbers = range(first, last + 1)
        kept = numbers[: int(query["count"])] if query["sorting"] == "asc" else numbers[::-1][: int(query["count"])]
        return result({"trades": [trade(number) for number in kept], "has_more": True})

    for name in ("get_last_trades_by_instrument", "get_last_trades_by_instrument_and_time"):
        venue.rest[PATH + name] = trades
    async with feed_on(venue) as feed:

        async def ids(**span: Any) -> tuple[str, str, Span | None]:
            page = await feed.page(topic("trades"), Span(**span))
            found = [event.id for event in page.events if isinstance(event, Trade)]
            return found[0], found[-1], page.next

        assert await ids(limit=10) == ("241", "250", Span(before_id="241", limit=10))
        assert await ids(before_id="241", limit=10) == ("231", "240", Span(before_id="231", limit=10))
        assert await ids(from_id="101", limit=50) == ("101", "150", Span(from_id="151", limit=50))
        assert await ids(from_id="201", before_id="205") == ("201", "204", None)
        start_us = (NOW_MS + 30) * 1_000
        assert await ids(start_us=start_us, limit=5) == ("30", "34", Span(from_id="35", limit=5))
        assert await ids(end_us=start_us, limit=5) == ("25", "29", Span(before_id="25", limit=5))


async def test_bars_and_funding_of_the_past_have_both_bounds(venue: ScriptedSocketVenue) -> None:
    def ticks(query: dict[str, str], step: int) -> list[int]:
        first, last = int(query["start_timestamp"]), min(int(query["end_timestamp"]), NOW_MS)
        return list(range(-(-first // step) * step, last + 1, step))

    def chart(query: dict[str, str]) -> Any:
        rows = [bar(tick, 100) for tick in ticks(query, 60_000)]
        names = ("open", "high", "low", "close", "volume", "cost")
        columns = {name: [row[name] for row in rows] for name in names}
        return result({"status": "ok", "ticks": [row["tick"] for row in rows], **columns})

    def funding(query: dict[str, str]) -> Any:
        return result(
            [{"timestamp": tick, "interest_1h": 1e-5, "interest_8h": 8e-5} for tick in ticks(query, 3_600_000)]
        )

    venue.rest |= {f"{PATH}get_tradingview_chart_data": chart, f"{PATH}get_funding_rate_history": funding}
    async with feed_on(venue) as feed:
        newest = await feed.page(topic("candles"), Span(limit=10))
        assert len(newest.events) == 10
        assert [row.closed for row in newest.events if isinstance(row, Candle)] == [True] * 9 + [False]
        assert newest.next is not None
        before = await feed.page(topic("candles"), newest.next)
        times = [row.open_us for row in (*before.events, *newest.events) if isinstance(row, Candle)]
        assert {later - earlier for earlier, later in pairwise(times)} == {60_000_000}
        rates = await feed.page(topic("mark"), Span(start_us=(NOW_MS - 7_200_000) * 1_000))
        assert [row.funding_rate for row in rates.events if isinstance(row, MarkPrice)] == [1e-5, 1e-5]
        for lacking in (Topic("deribit", SYMBOL, "mark", "1m"), Topic("deribit", SYMBOL, "open_interest", "5m")):
            with pytest.raises(NoPast):
                await feed.page(lacking, Span(limit=5))
        with pytest.raises(BadValue, match="one that this venue has: 1m 3m"):
            await feed.page(Topic("deribit", SYMBOL, "candles", "4h"), Span(limit=5))
