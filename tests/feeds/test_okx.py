"""OKX natively: frames as its documentation has them, read by the dialect and over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
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
from orderfox_nb.errors import MalformedFrame, RateLimited, UnknownSymbol, VenueBlocked
from orderfox_nb.feeds.okx.dialect import OkxDialect
from orderfox_nb.feeds.okx.feed import OkxFeed
from orderfox_nb.feeds.okx.messages import ContractSizes
from orderfox_nb.feeds.past import Span
from tests.feeds.conftest import next_of
from tests.feeds.scripted_socket import ScriptedSocketVenue
from tests.feeds.stages import Eager

pytestmark = pytest.mark.feeds

SYMBOL = "BTC-USDT-SWAP"
NOW_MS = 1_790_000_000_000
BOOKS = f"books:{SYMBOL}"


def data(channel: str, *rows: Any, **fields: Any) -> dict[str, Any]:
    """A message of a channel."""
    return {"arg": {"channel": channel, "instId": SYMBOL}, **fields, "data": list(rows)}


def book(action: str, last: int, previous: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    """A message of a book: each level has its price, its contracts, a zero and its number of orders."""
    sides = {"bids": [[*level, "0", "1"] for level in bids], "asks": [[*level, "0", "1"] for level in asks]}
    ids = {"ts": str(NOW_MS + last), "checksum": 0, "seqId": last, "prevSeqId": previous}
    return data("books", {**sides, **ids}, action=action)


def trade(number: int, contracts: str = "5") -> dict[str, Any]:
    return {
        "instId": SYMBOL,
        "tradeId": str(number),
        "px": "100.5",
        "sz": contracts,
        "side": "sell",
        "ts": str(NOW_MS + number),
        "count": "1",
    }


def instrument(name: str, **fields: str) -> dict[str, str]:
    return {
        "instId": name,
        "instType": "SWAP",
        "settleCcy": "USDT",
        "ctType": "linear",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": name.partition("-")[0],
        "tickSz": "0.1",
        "lotSz": "0.01",
        "state": "live",
        "listTime": "1600000000000",
        **fields,
    }


def rows(*found: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(found)}


def refused(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message, "data": []}


TICKER = {
    "instType": "SWAP",
    "instId": SYMBOL,
    "last": "101",
    "open24h": "100",
    "high24h": "103",
    "low24h": "99",
    "vol24h": "200",
    "volCcy24h": "2",
    "ts": str(NOW_MS),
}
MARK = {"instType": "SWAP", "instId": SYMBOL, "markPx": "101.1", "ts": str(NOW_MS)}
INDEX = {"instId": "BTC-USDT", "idxPx": "101.2", "ts": str(NOW_MS + 50)}
FUNDING = {
    "instId": SYMBOL,
    "fundingRate": "0.0001",
    "fundingTime": str(NOW_MS + 3_600_000),
    "nextFundingTime": "",
    "ts": str(NOW_MS - 9_000),
}


def answer(venue: ScriptedSocketVenue, socket: web.WebSocketResponse, text: str) -> list[str]:
    """Answer a command as the venue does: one event for each argument."""
    if text == "ping":
        return ["pong"]
    command = json.loads(text)
    events: list[str] = []
    for argument in command["args"]:
        if argument.get("instId", "").startswith("GONE"):
            body = {"event": "error", "code": "60018", "msg": "it doesn't exist"}
        else:
            name = f"{argument['channel']}:{argument.get('instId') or argument['instType']}"
            names = venue.subscribed[socket]
            names.append(name) if command["op"] == "subscribe" else names.remove(name)
            body = {"event": command["op"], "arg": argument}
        events.append(json.dumps({"id": command["id"], **body, "connId": "c"}))
    return events


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedSocketVenue]:
    async with ScriptedSocketVenue(answer, "/ws/v5/public") as venue:
        inverse = instrument("BTC-USD-SWAP", ctType="inverse", ctVal="100", ctValCcy="USD", settleCcy="BTC")
        venue.rest |= {
            "/api/v5/public/time": rows({"ts": str(NOW_MS)}),
            "/api/v5/public/instruments": rows(
                instrument(SYMBOL), inverse, instrument("NEW-USDT-SWAP", state="preopen"), {"instId": "ODD"}
            ),
            "/api/v5/market/tickers": rows(TICKER),
            "/api/v5/market/ticker": rows(TICKER),
            "/api/v5/market/trades": rows(),
            "/api/v5/public/funding-rate": rows(FUNDING),
            "/api/v5/public/mark-price": rows(MARK),
            "/api/v5/market/index-tickers": rows(INDEX),
        }
        yield venue


def feed_on(venue: ScriptedSocketVenue, **options: Any) -> OkxFeed:
    return OkxFeed(**venue.urls, random=Eager(), **options)


def sizes(**known: float | None) -> ContractSizes:
    found = ContractSizes()
    found.learn({SYMBOL: 0.01, **{name.replace("_", "-"): size for name, size in known.items()}})
    return found


def events_of(*frames: dict[str, Any], known: ContractSizes | None = None) -> list[Event]:
    codec = OkxDialect(known or sizes()).codec()
    return [event for frame in frames for event in codec.decode(json.dumps(frame), 7).events or ()]


def topic(channel: str, symbol: str = SYMBOL) -> Topic:
    return Topic("okx", symbol, channel)


def test_a_recorded_liquidation_is_an_order_in_base_quantity(recordings: Path) -> None:
    lines = map(json.loads, (recordings / "ws_frames_2026_real.jsonl").read_text().splitlines())
    (frame,) = [line["frame"] for line in lines if line.get("exchange") == "okx"]
    (order,) = events_of(frame, known=sizes(CNPY_USDT_SWAP=10.0))
    assert isinstance(order, Liquidation)
    assert (order.symbol, order.side, order.size, order.price) == ("CNPY-USDT-SWAP", "buy", 21_370.0, 0.4162)
    with pytest.raises(ValueError, match="contract size of CNPY-USDT-SWAP is not known"):
        events_of(frame)
    assert events_of(frame, known=sizes(CNPY_USDT_SWAP=None)) == []


def test_sizes_become_base_quantity() -> None:
    snapshot, sold, bar, interest = events_of(
        book("snapshot", 10, -1, [["100.0", "3.63"]], [["100.1", "7"]]),
        data("trades", trade(1)),
        data("candle1H", [str(NOW_MS), "1", "2", "0.5", "1.5", "500", "5", "500", "1"]),
        data("open-interest", {"instId": SYMBOL, "instType": "SWAP", "oi": "900", "oiCcy": "9", "ts": str(NOW_MS)}),
    )
    assert isinstance(snapshot, BookSnapshot)
    assert snapshot.bids == [(100.0, 0.0363)]
    assert isinstance(sold, Trade)
    assert (sold.size, sold.aggressor, sold.sequence) == (0.05, "sell", 1)
    assert (getattr(bar, "interval", ""), getattr(bar, "volume", 0), getattr(bar, "closed", False)) == ("1h", 5.0, True)
    assert isinstance(interest, OpenInterest)
    assert interest.open_interest == 9.0


def test_a_mark_price_joins_three_channels() -> None:
    index = {"arg": {"channel": "index-tickers", "instId": "BTC-USDT"}, "data": [INDEX]}
    assert events_of(data("mark-price", MARK), index) == []
    (mark,) = events_of(data("mark-price", MARK), index, data("funding-rate", FUNDING))
    assert isinstance(mark, MarkPrice)
    assert (mark.mark_price, mark.index_price, mark.funding_rate) == (101.1, 101.2, 0.0001)
    assert mark.time_us == (NOW_MS + 50) * 1_000
    # An index that goes on does not make a mark price that has stopped look alive, nor the other way round.
    joined = [data("mark-price", MARK), index, data("funding-rate", FUNDING)]
    assert len(events_of(*joined, index, data("funding-rate", FUNDING))) == 1
    later = {**MARK, "markPx": "101.5", "ts": str(NOW_MS + 100_000)}
    (_, alone) = events_of(*joined, data("mark-price", later))
    assert isinstance(alone, MarkPrice)
    assert (alone.mark_price, alone.index_price) == (101.5, 0.0)


async def test_a_book_follows_its_chain_and_a_hole_is_a_gap_and_a_new_snapshot(venue: ScriptedSocketVenue) -> None:
    venue.opening[BOOKS] = [book("snapshot", 10, -1, [["100.0", "1"]], [["100.1", "2"]])]
    async with feed_on(venue) as feed, aclosing(feed.stream(topic("book"))) as events:
        assert (await next_of(events, BookSnapshot)).update_id == 10
        # Ids have holes, a message without a change repeats its id.
        await venue.send(BOOKS, book("update", 15, 10, [["100.0", "0"]]), book("update", 15, 15))
        assert [(await next_of(events, BookDelta, Gap)).last_id for _ in range(2)] == [15, 15]
        venue.opening[BOOKS] = [book("snapshot", 30, -1, [["99.0", "1"]], [["100.1", "2"]])]
        await venue.send(BOOKS, book("update", 25, 20))
        assert "expected the update after 15" in (await next_of(events, BookDelta, Gap)).reason
        assert (await next_of(events, BookSnapshot, BookDelta)).update_id == 30
        assert (await next_of(events, Status)).state == "live"
        # After a maintenance ids go on from a lower one: the book is subscribed to again.
        venue.opening[BOOKS] = [book("snapshot", 5, -1, [["98.0", "1"]], [["100.1", "2"]])]
        await venue.send(BOOKS, book("update", 3, 30))
        assert isinstance(await next_of(events, BookDelta, BookSnapshot, Gap), Gap)
        assert (await next_of(events, BookSnapshot, BookDelta)).update_id == 5


async def test_a_command_is_answered_once_all_its_arguments_are(venue: ScriptedSocketVenue) -> None:
    index = {"arg": {"channel": "index-tickers", "instId": "BTC-USDT"}, "data": [INDEX]}
    venue.opening[f"funding-rate:{SYMBOL}"] = [data("mark-price", MARK), index, data("funding-rate", FUNDING)]
    async with feed_on(venue) as feed, aclosing(feed.stream(topic("mark"))) as marks:
        assert (await next_of(marks, MarkPrice)).index_price == 101.2
        assert (await next_of(marks, Status)).state == "live"
        (names,) = venue.subscribed.values()
        assert sorted(names) == [f"funding-rate:{SYMBOL}", "index-tickers:BTC-USDT", f"mark-price:{SYMBOL}"]


async def test_one_stream_of_liquidations_serves_symbols_and_the_whole_market(venue: ScriptedSocketVenue) -> None:
    def orders(symbol: str) -> dict[str, Any]:
        detail = {"bkPx": "100", "posSide": "long", "side": "sell", "sz": "5", "ts": str(NOW_MS)}
        row = {"instId": symbol, "instType": "SWAP", "details": [detail]}
        return {"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": [row]}

    venue.rest["/api/v5/public/instruments"]["data"].append(instrument("ETH-USDT-SWAP", ctVal="0.1"))
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(topic("liquidations"))) as bitcoin,
        aclosing(feed.stream(topic("liquidations", "*"))) as every,
    ):
        assert (await next_of(bitcoin, Status)).coverage == "sampled"
        await next_of(every, Status)
        await venue.send("liquidation-orders:SWAP", orders("BTC-USD-SWAP"), orders("ETH-USDT-SWAP"), orders(SYMBOL))
        assert (await next_of(bitcoin, Liquidation)).symbol == SYMBOL
        found = [await next_of(every, Liquidation) for _ in range(2)]
        assert [(order.symbol, order.size) for order in found] == [("ETH-USDT-SWAP", 0.5), (SYMBOL, 0.05)]


async def test_a_refused_instrument_leaves_the_others(venue: ScriptedSocketVenue) -> None:
    venue.opening[BOOKS] = [book("snapshot", 10, -1, [["100.0", "1"]], [["100.1", "2"]])]
    async with (
        feed_on(venue) as feed,
        aclosing(feed.stream(topic("book", "GONE-USDT-SWAP"))) as gone,
        aclosing(feed.stream(topic("book"))) as events,
    ):
        assert (await next_of(gone, Status)).state == "connecting"
        assert (await next_of(events, BookSnapshot)).update_id == 10
        status = await next_of(gone, Status)
        assert (status.state, "60018" in status.reason) == ("down", True)
        assert len(venue.subscribed) == 1


async def test_the_list_has_linear_swaps_with_lots_in_base_quantity(venue: ScriptedSocketVenue) -> None:
    async with feed_on(venue) as feed:
        (bitcoin,) = await feed.listings()
        assert (bitcoin.instrument.symbol, bitcoin.instrument.unified) == (SYMBOL, "BTC/USDT:USDT")
        assert (float(bitcoin.instrument.lot_size), float(bitcoin.instrument.tick_size)) == (0.0001, 0.1)
        assert isinstance(bitcoin.ticker, Ticker)
        assert (bitcoin.ticker.volume, bitcoin.ticker.quote_volume, bitcoin.funding_rate) == (2.0, 202.0, 0.0001)
        assert "is not traded yet" in feed.why_unlisted("NEW-USDT-SWAP")
        venue.rest["/api/v5/market/ticker"] = refused("51001", "Instrument ID doesn't exist")
        with pytest.raises(UnknownSymbol):
            await next_of(feed.stream(topic("book", "NO-USDT-SWAP")), BookSnapshot)
    assert (feed.origin.absent, feed.origin.unverified) == ((), ("trades",))


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (web.json_response(refused("50011", "Too Many Requests"), status=429), RateLimited),
        (web.json_response(refused("50011", "Too Many Requests")), RateLimited),
        (web.Response(status=403, text="blocked"), VenueBlocked),
        (web.Response(status=451, text="blocked"), VenueBlocked),
    ],
)
async def test_errors_are_ours(venue: ScriptedSocketVenue, response: web.Response, kind: type[Exception]) -> None:
    venue.rest["/api/v5/market/ticker"] = response
    async with feed_on(venue) as feed:
        with pytest.raises(kind):
            await feed._rest.ticker(SYMBOL)


async def test_an_answer_of_another_shape_is_an_error_of_ours(venue: ScriptedSocketVenue) -> None:
    venue.rest["/api/v5/public/time"] = rows()
    venue.rest["/api/v5/market/trades"] = rows({**trade(1), "tradeId": "a-1"})
    async with feed_on(venue) as feed:
        with pytest.raises(MalformedFrame, match="0 rows"):
            await feed.ask_time()
        with pytest.raises(MalformedFrame, match="not a number: a-1"):
            await feed.past.page(topic("trades"), Span(limit=10))


async def test_trades_are_read_backwards_and_on_from_an_id(venue: ScriptedSocketVenue) -> None:
    def before(query: dict[str, str]) -> Any:
        stop = min(int(query["after"]), 251)
        return rows(*[trade(number) for number in range(stop - 1, max(0, stop - 1 - int(query["limit"])), -1)])

    venue.rest["/api/v5/market/history-trades"] = before
    venue.rest["/api/v5/market/trades"] = rows(*[trade(number) for number in range(250, 240, -1)])
    async with feed_on(venue) as feed:

        async def ids(span: Span) -> tuple[str, str, Span | None]:
            page = await feed.past.page(topic("trades"), span)
            found = [event.id for event in page.events if isinstance(event, Trade)]
            return found[0], found[-1], page.next

        assert await ids(Span(limit=10)) == ("241", "250", Span(before_id="241", limit=10))
        assert await ids(Span(before_id="241", limit=10)) == ("231", "240", Span(before_id="231", limit=10))
        assert await ids(Span(from_id="101")) == ("101", "200", Span(from_id="201"))
        assert await ids(Span(from_id="201")) == ("201", "250", None)
