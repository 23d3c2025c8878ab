"""Bybit natively: frames as its documentation has them, read by the dialect and over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.book import Book
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
from orderfox_nb.errors import BadValue, NoPast, RateLimited, SymbolRefused, UnknownSymbol, VenueBlocked
from orderfox_nb.feeds.bybit.dialect import BybitDialect
from orderfox_nb.feeds.bybit.feed import BybitFeed
from orderfox_nb.feeds.past import Span
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Live
from orderfox_nb.feeds.venue.pace import ResyncBucket, ResyncPace
from orderfox_nb.feeds.venue.streamed_book import StreamedBookFollower
from tests.core.facts import BTC
from tests.feeds.conftest import next_of
from tests.feeds.scripted_socket import ScriptedSocketVenue
from tests.feeds.stages import Eager
from tests.feeds.venue.stream_machine import LaidOutFetches
from tests.feeds.venue.test_sockets import passing

pytestmark = pytest.mark.feeds

NOW_MS = 1_790_000_000_000
BOOK = Topic("bybit", "BTCUSDT", "book")
TRADES = Topic("bybit", "BTCUSDT", "trades")
REFUSED = "orderbook.200.GONEUSDT"


def book(kind: str, number: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    """A message of a book, whose times follow its number."""
    levels = {"s": "BTCUSDT", "b": list(bids), "a": list(asks), "u": number, "seq": number * 7}
    time = NOW_MS + number
    return {"topic": "orderbook.200.BTCUSDT", "type": kind, "ts": time + 2, "data": levels, "cts": time}


def trade(name: str, *, block: bool = False, at: int = 0) -> dict[str, Any]:
    """A trade of the stream."""
    return {
        "T": NOW_MS + at,
        "s": "BTCUSDT",
        "S": "Buy",
        "v": "0.010",
        "p": "100.5",
        "L": "PlusTick",
        "i": name,
        "BT": block,
        "seq": 5,
    }


def trades(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": list(rows)}


def past_trade(name: str, at: int = 0) -> dict[str, Any]:
    """A trade as REST answers it."""
    return {
        "execId": name,
        "symbol": "BTCUSDT",
        "price": "100.5",
        "size": "0.010",
        "side": "Sell",
        "time": str(NOW_MS + at),
        "isBlockTrade": False,
    }


TICKER = {
    "symbol": "BTCUSDT",
    "tickDirection": "PlusTick",
    "price24hPcnt": "0.01",
    "lastPrice": "101.0",
    "prevPrice24h": "100.0",
    "highPrice24h": "103.0",
    "lowPrice24h": "99.0",
    "markPrice": "101.1",
    "indexPrice": "101.2",
    "openInterest": "5000.5",
    "turnover24h": "2000000",
    "volume24h": "20000",
    "nextFundingTime": str(NOW_MS + 3_600_000),
    "fundingRate": "-0.0001",
}


def answered(result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": NOW_MS}


def refused(code: int, message: str) -> dict[str, Any]:
    return {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": NOW_MS}


def answer(venue: ScriptedSocketVenue, socket: web.WebSocketResponse, text: str) -> list[str]:
    """Answer a command as the venue does."""
    command = json.loads(text)
    number, op = command["req_id"], command["op"]
    reply: dict[str, Any] = {"success": True, "ret_msg": "", "conn_id": "c", "req_id": number, "op": op}
    if op == "ping":
        return [json.dumps({**reply, "ret_msg": "pong"})]
    names = venue.subscribed[socket]
    if REFUSED in command["args"] and op == "subscribe":
        return [json.dumps({**reply, "success": False, "ret_msg": f"error:handler not found,topic:{REFUSED}"})]
    for name in command["args"]:
        names.append(name) if op == "subscribe" else names.remove(name)
    return [json.dumps(reply)]


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedSocketVenue]:
    async with ScriptedSocketVenue(answer, "/v5/public/linear") as venue:
        venue.rest["/v5/market/time"] = answered({"timeSecond": "1", "timeNano": "1"})
        venue.rest["/v5/market/tickers"] = answered({"category": "linear", "list": [TICKER]})
        venue.rest["/v5/market/recent-trade"] = answered({"category": "linear", "list": []})
        yield venue


def feed_on(venue: ScriptedSocketVenue, **options: Any) -> BybitFeed:
    return BybitFeed(**venue.urls, random=Eager(), **options)


async def _nothing() -> Sequence[Event]:
    return ()


def events_of(*frames: dict[str, Any]) -> list[Any]:
    codec = BybitDialect().codec()
    return [event for frame in frames for event in codec.decode(json.dumps(frame), 7).events or ()]


def test_recorded_liquidations_name_the_position_that_was_closed(recordings: Path) -> None:
    lines = map(json.loads, (recordings / "ws_frames_2026_real.jsonl").read_text().splitlines())
    frames = [line["frame"] for line in lines if line.get("exchange") == "bybit"]
    orders = events_of(*frames)
    assert [(order.symbol, order.side, order.size, order.price) for order in orders] == [
        ("ICPUSDT", "sell", 19.7, 2.585),
        ("MARSCOINUSDT", "buy", 2380.0, 0.12734),
    ]


def test_a_ticker_is_three_channels_and_a_delta_keeps_what_it_does_not_name() -> None:
    whole = {"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "cs": 1, "data": TICKER}
    part = {
        "topic": "tickers.BTCUSDT",
        "type": "delta",
        "ts": NOW_MS + 100,
        "cs": 2,
        "data": {"symbol": "BTCUSDT", "markPrice": "101.5", "bid1Price": "1"},
    }
    assert events_of(part) == []
    ticker, mark, interest = events_of(whole, part)[3:]
    assert (type(ticker), ticker.last, ticker.quote_volume) == (Ticker, 101.0, 2_000_000.0)
    assert (type(mark), mark.mark_price, mark.index_price, mark.funding_rate) == (MarkPrice, 101.5, 101.2, -0.0001)
    assert (type(interest), interest.open_interest) == (OpenInterest, 5000.5)
    assert {event.time_us for event in (ticker, mark, interest)} == {(NOW_MS + 100) * 1_000}


def test_a_bar_is_closed_when_the_venue_confirms_it() -> None:
    bar = {
        "start": NOW_MS,
        "end": NOW_MS + 299_999,
        "interval": "5",
        "open": "100",
        "close": "101",
        "high": "102",
        "low": "99",
        "volume": "5.5",
        "turnover": "550",
        "confirm": True,
        "timestamp": NOW_MS + 300_000,
    }
    (candle,) = events_of({"topic": "kline.5.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": [bar]})
    assert (candle.interval, candle.closed, candle.open_us) == ("5m", True, NOW_MS * 1_000)
    assert (candle.volume, candle.quote_volume) == (5.5, 550.0)


def test_block_trades_are_left_out_and_ids_are_text() -> None:
    (only,) = events_of(trades(trade("a-1"), trade("a-2", block=True)))
    assert (only.id, only.sequence, only.aggressor) == ("a-1", None, "buy")


@given(st.lists(st.sampled_from(["sent", "sent", "lost", "twice", "late", "restarted", "renewed"]), max_size=60))
def test_a_book_that_is_shown_is_the_venues(fates: list[str]) -> None:
    """Whatever is lost, late or sent twice: the book is as the venue's was at its id, or it is known to be none."""
    fetches = LaidOutFetches(lambda: 0)
    clock = ManualClock()
    follower = StreamedBookFollower(
        StatusReporter(BOOK, lambda: 0),
        cast("Fetches", fetches),
        renew=lambda: None,
        pace=ResyncPace(ResyncBucket(clock), clock, random=Eager()),
        check=_nothing,
    )
    codec, shown = BybitDialect().codec(), Book(BTC)
    number, bid, late = 10, 100, book("delta", 9)
    best = {number: bid}
    list(follower.handle(Live()))
    frames = [book("snapshot", number, [["100.0", "1"]], [["900.0", "1"]])]
    for fate in ["sent", *fates, "sent", "sent"]:
        for frame in frames:
            for event in codec.decode(json.dumps(frame), 7).events or ():
                for yielded in follower.handle(event):
                    shown.apply(yielded)
        if shown.synced:
            assert shown.best_bid == BTC.ticks(best[shown.update_id])
            assert shown.update_id == number or not frames
        before, number, bid = bid, 1 if fate == "restarted" else number + 1, bid + 1
        change = book("delta", number, [[f"{before}.0", "0"], [f"{bid}.0", "1"]])
        best[number] = bid
        whole = book("snapshot", number, [[f"{bid}.0", "1"]], [["900.0", "1"]])
        frames = {
            "lost": [],
            "twice": [change, change],
            "late": [late, change],
            "restarted": [whole],
            "renewed": [whole],
        }.get(fate, [change])
        late = change


async def test_a_book_opens_with_the_snapshot_of_its_socket_and_a_hole_is_a_gap_and_a_new_one(
    venue: ScriptedSocketVenue,
) -> None:
    stream = "orderbook.200.BTCUSDT"
    venue.opening[stream] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as events:
        assert (await next_of(events, BookSnapshot)).update_id == 10
        assert (await next_of(events, Status)).state == "live"
        await venue.send(stream, book("delta", 11, [["100.0", "0"]]))
        assert (await next_of(events, BookDelta, Gap)).last_id == 11
        venue.opening[stream] = [book("snapshot", 20, [["99.0", "1"]], [["100.1", "2"]])]
        await venue.send(stream, book("delta", 13))
        assert "expected the update after 11" in (await next_of(events, BookDelta, Gap)).reason
        assert (await next_of(events, BookDelta, BookSnapshot)).update_id == 20
        assert (await next_of(events, Status)).state == "live"
        # The service was restarted: its ids begin again, and the book is whole at once.
        await venue.send(stream, book("delta", 1, [["98.0", "1"]], [["100.1", "2"]]), book("delta", 2))
        assert (await next_of(events, BookDelta, BookSnapshot, Gap)).update_id == 1
        assert (await next_of(events, BookDelta, BookSnapshot, Gap)).last_id == 2
        assert feed.statistics()["gaps"] == 1
        assert await feed.book("BTCUSDT") is None


async def test_a_second_reader_of_a_book_gets_a_snapshot_of_its_own(venue: ScriptedSocketVenue) -> None:
    stream = "orderbook.200.BTCUSDT"
    venue.opening[stream] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as first, aclosing(feed.stream(BOOK)) as second:
        await next_of(first, BookSnapshot)
        assert (await next_of(second, BookSnapshot)).update_id == 10


async def test_what_a_lost_connection_left_out_is_read_from_the_newest_trades(venue: ScriptedSocketVenue) -> None:
    stream = "publicTrade.BTCUSDT"
    recent = {"category": "linear", "list": [past_trade("b", 1), past_trade("a", 0)]}
    venue.rest["/v5/market/recent-trade"] = answered(recent)
    async with feed_on(venue) as feed, aclosing(feed.stream(TRADES)) as events:
        assert [(await next_of(events, Trade)).id for _ in range(2)] == ["a", "b"]
        await venue.send(stream, trades(trade("b", at=1), trade("c", at=2)))
        assert (await next_of(events, Trade, Gap)).id == "c"
        recent["list"] = [past_trade("e", 4), past_trade("d", 3), past_trade("c", 2)]
        await venue.cut()
        assert [(await next_of(events, Trade, Gap)).id for _ in range(2)] == ["d", "e"]
        recent["list"] = [past_trade("z", 9)]
        await venue.cut()
        assert "do not reach back" in (await next_of(events, Trade, Gap)).reason
        assert (await next_of(events, Trade, Gap)).id == "z"


async def test_readers_of_a_shared_stream_get_their_own_events(venue: ScriptedSocketVenue) -> None:
    whole = {"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "cs": 1, "data": TICKER}
    venue.opening["tickers.BTCUSDT"] = [whole]
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(Topic("bybit", "BTCUSDT", "mark"))) as marks,
        aclosing(feed.stream(Topic("bybit", "BTCUSDT", "open_interest"))) as interests,
    ):
        assert isinstance(await next_of(marks, MarkPrice, OpenInterest, Ticker), MarkPrice)
        assert isinstance(await next_of(interests, MarkPrice, OpenInterest, Ticker), OpenInterest)
        assert sum(len(names) for names in venue.subscribed.values()) == 1
        assert (await next_of(marks, Status)).silence_s == 10


async def test_equal_liquidations_are_several_and_the_stream_is_complete(venue: ScriptedSocketVenue) -> None:
    row = {"T": NOW_MS, "s": "BTCUSDT", "S": "Buy", "v": "1.5", "p": "100"}
    frame = {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": [row, row]}
    async with feed_on(venue) as feed, aclosing(feed.stream(Topic("bybit", "BTCUSDT", "liquidations"))) as events:
        assert (await next_of(events, Status)).coverage == "complete"
        await venue.send("allLiquidation.BTCUSDT", frame)
        assert [(await next_of(events, Liquidation)).side for _ in range(2)] == ["sell", "sell"]
        with pytest.raises(BadValue, match="no stream of all"):
            await anext(feed.stream(Topic("bybit", "*", "liquidations")))


async def test_a_refused_stream_leaves_the_others_and_is_tried_again(venue: ScriptedSocketVenue) -> None:
    clock = ManualClock()
    venue.opening["orderbook.200.BTCUSDT"] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with (
        feed_on(venue, clock=clock) as feed,
        aclosing(feed.stream(Topic("bybit", "GONEUSDT", "book"))) as gone,
        aclosing(feed.stream(BOOK)) as events,
    ):
        async with passing(clock):
            assert (await next_of(gone, Status)).state == "connecting"
            down = asyncio.create_task(next_of(gone, Status))
            assert (await next_of(events, BookSnapshot)).update_id == 10
            status = await down
            assert (status.state, "handler not found" in status.reason) == ("down", True)
            refusals = len(venue.messages)
            await venue.until(lambda: any(REFUSED in message for message in venue.messages[refusals:]))
        assert len(venue.subscribed) == 1


async def test_the_venue_is_pinged_while_data_flows(venue: ScriptedSocketVenue) -> None:
    clock = ManualClock()
    venue.opening["orderbook.200.BTCUSDT"] = [book("snapshot", 10, [["100.0", "1"]], [["100.1", "2"]])]
    async with feed_on(venue, clock=clock) as feed, aclosing(feed.stream(BOOK)) as events, passing(clock, 0.5):
        await next_of(events, BookSnapshot)
        for number in range(11, 10_000):
            await venue.send("orderbook.200.BTCUSDT", book("delta", number))
            if any('"ping"' in message for message in venue.messages):
                break
            await next_of(events, BookDelta)
        else:
            pytest.fail("no ping among 10,000 updates")


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
        with pytest.raises(NoPast):
            await feed.past.page(Topic("bybit", "BTCUSDT", "candles", "8h"), Span(limit=3))
