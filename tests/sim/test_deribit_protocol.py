"""Deribit's protocol as the embedded exchange speaks it; ccxt's own deribit, but for its URLs, is the judge."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.sim.client import START_US, SimClient, SimSocket

pytestmark = pytest.mark.sim

INSTRUMENT = "BTC_USDC-PERPETUAL"
BTC = "BTC/USDC:USDC"
BOOK = f"book.{INSTRUMENT}.100ms"
PATH = "/api/v2/public"


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    # Liquidations come often, so that none has to be waited for.
    exchange = Exchange(7, 3, start_us=START_US, liquidation_rate=50)
    async with SimServer(exchange, manual=True, protocol="deribit") as server:
        yield server


@pytest.fixture
async def client(server: SimServer) -> AsyncIterator[SimClient]:
    async with SimClient(server) as client:
        yield client


async def call(socket: SimSocket, method: str, **parameters: Any) -> tuple[Any, list[Any]]:
    """Call a method; return its answer, and what came before it."""
    await socket.raw.send_str(json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": parameters}))
    before: list[Any] = []
    while (frame := await socket.receive()).get("id") != method:
        before.append(frame["params"])
    return frame, before


async def test_a_book_is_a_snapshot_and_then_what_became_of_each_level(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/ws/api/v2")
    await call(socket, "public/subscribe", channels=[BOOK])
    for _ in range(10):
        await server.advance(1)
    _, notices = await call(socket, "public/test")
    first, *changes = [notice["data"] for notice in notices]
    assert (first["type"], {change["type"] for change in changes}) == ("snapshot", {"change"})
    assert len(changes) > 50
    assert all(after["prev_change_id"] == before["change_id"] for before, after in pairwise([first, *changes]))
    sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
    for body in (first, *changes):
        for name, levels in sides.items():
            for action, price, amount in body[name]:
                assert (price in levels) == (action != "new")
                levels[price] = amount
                if action == "delete":
                    assert levels.pop(price) == 0
    _, *truth = server.source.market("BTCUSDT").depth(1_000)
    for held, real in zip(sides.values(), truth, strict=True):
        assert held == pytest.approx({round(ticks * 0.1, 1): lots * 0.001 for ticks, lots in real})


async def test_trades_have_no_holes_and_liquidations_are_marked(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/ws/api/v2")
    await call(socket, "public/subscribe", channels=["trades.future.USDC.100ms"])
    for _ in range(120):
        await server.advance(1)
    _, notices = await call(socket, "public/test")
    rows = [row for notice in notices for row in notice["data"] if row["instrument_name"] == INSTRUMENT]
    numbers = [row["trade_seq"] for row in rows]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {row["instrument_name"] for notice in notices for row in notice["data"]} > {INSTRUMENT}
    marked = {(row["timestamp"], row["direction"]) for row in rows if row.get("liquidation") == "T"}
    facts = server.source.market("BTCUSDT").forced_orders(START_US, server.now_us())
    assert marked == {(fact.time_us // 1000, fact.side) for fact in facts}
    # REST has the same trades by their numbers.
    query = {"instrument_name": INSTRUMENT, "start_seq": numbers[0], "end_seq": numbers[0] + 49, "count": 1_000}
    answer = await client.get(f"{PATH}/get_last_trades_by_instrument", **query, sorting="asc")
    fields = ("trade_seq", "price", "amount", "direction", "timestamp", "liquidation")
    assert [[row.get(name) for name in fields] for row in answer["result"]["trades"]] == [
        [row.get(name) for name in fields] for row in rows[:50]
    ]


async def test_requests_are_refused_as_the_venue_does(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/ws/api/v2")
    accepted, _ = await call(socket, "public/subscribe", channels=[BOOK, "book.NO_USDC-PERPETUAL.100ms", "x"])
    assert accepted["result"] == [BOOK]
    for method, parameters, code in (
        ("public/subscribe", {"channels": [f"book.{INSTRUMENT}.raw"]}, 13778),
        ("public/subscribe", {"channels": "x"}, -32602),
        ("public/nothing", {}, -32601),
    ):
        refused, _ = await call(socket, method, **parameters)
        assert refused["error"]["code"] == code
    status, body, _ = await client.ask(f"{PATH}/ticker", instrument_name="NO_USDC-PERPETUAL")
    assert (status, body["error"]["code"]) == (400, 13020)
    status, body, _ = await client.ask(f"{PATH}/get_tradingview_chart_data", instrument_name=INSTRUMENT, resolution="1")
    assert (status, body["error"]["data"]["param"]) == (400, "start_timestamp")
    server.add_fault("status", path=f"{PATH}/get_time", status=429)
    status, body, _ = await client.ask(f"{PATH}/get_time")
    assert (status, body["error"]["code"]) == (429, 10028)
    server.add_fault("contract", symbol="BTCUSDT", trading="UNLISTED")
    listed = await client.get(f"{PATH}/get_instruments", currency="USDC", kind="future")
    assert INSTRUMENT not in {row["instrument_name"] for row in listed["result"]}


@pytest.fixture
async def judge() -> AsyncIterator[tuple[Any, SimServer]]:
    from ccxt.pro.deribit import deribit

    async with SimServer(Exchange(7, 2, start_us=START_US), speed=5.0, protocol="deribit") as server:
        exchange: Any = deribit({"enableRateLimit": False})
        exchange.urls["api"] |= {"rest": server.http_url, "ws": f"{server.ws_url}/ws/api/v2"}
        # It asks for ranges up to the time of its own clock.
        exchange.milliseconds = lambda: server.now_us() // 1000
        try:
            yield exchange, server
        finally:
            await exchange.close()


async def test_ccxt_reads_and_follows_the_market(judge: tuple[Any, SimServer]) -> None:
    venue, server = judge
    async with asyncio.timeout(120):
        market = (await venue.load_markets())[BTC]
        assert (market["swap"], market["linear"], market["active"]) == (True, True, True)
        assert (market["precision"]["price"], market["contractSize"], market["id"]) == (0.1, 0.001, INSTRUMENT)
        book = await venue.fetch_order_book(BTC, 100)
        assert len(book["bids"]) == len(book["asks"]) == 100
        assert book["bids"][0][0] < book["asks"][0][0]
        trades = await venue.fetch_trades(BTC, limit=20)
        assert len(trades) == len({trade["id"] for trade in trades}) == 20
        since = START_US // 1000 - 5 * 3_600_000
        bars = await venue.fetch_ohlcv(BTC, "1m", since=since, limit=30)
        assert {after[0] - before[0] for before, after in pairwise(bars)} == {60_000}
        truth = server.source.market("BTCUSDT").klines("1m", bars[0][0] * 1000, None, 1)[0]
        assert bars[0][1:5] == pytest.approx(
            [ticks * 0.1 for ticks in (truth.open, truth.high, truth.low, truth.close)]
        )
        rates = await venue.fetch_funding_rate_history(BTC, limit=5)
        assert {after["timestamp"] - before["timestamp"] for before, after in pairwise(rates)} == {3_600_000}
        times: list[int] = []
        for _ in range(20):
            book = await venue.watch_order_book(BTC)
            times.append(book["timestamp"])
        assert times == sorted(times)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert (await venue.watch_trades(BTC))[-1]["price"] > 0
        assert (await venue.watch_ohlcv(BTC, "1m"))[-1][0] % 60_000 == 0
        ticker = await venue.watch_ticker(BTC)
        assert ticker["bid"] < ticker["ask"]
        assert ticker["markPrice"] > 0
