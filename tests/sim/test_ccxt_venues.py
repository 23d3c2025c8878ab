"""ccxt's own bybit and okx, unmodified but for their URLs, are the judges of the two imitated protocols."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from orderfox_nb.sim.server.protocols import ProtocolName

pytestmark = pytest.mark.sim

START_US = 1_790_000_000_000_000
BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
VENUES: tuple[ProtocolName, ...] = ("bybit", "okx")


@pytest.fixture(params=VENUES)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SimServer]:
    # Liquidations come often, so that none has to be waited for.
    exchange = Exchange(7, 3, start_us=START_US, liquidation_rate=50)
    async with SimServer(exchange, speed=5.0, protocol=request.param) as server:
        yield server


def bybit_at(server: SimServer) -> Any:
    from ccxt.pro.bybit import bybit

    # What the venue also lists, spot, inverse contracts and options, is asked for as well.
    exchange: Any = bybit({"enableRateLimit": False})
    exchange.urls["api"]["public"] = server.http_url
    exchange.urls["api"]["ws"]["public"]["linear"] = f"{server.ws_url}/v5/public/linear"
    return exchange


def okx_at(server: SimServer) -> Any:
    from ccxt.pro.okx import okx

    exchange: Any = okx({"enableRateLimit": False})
    exchange.urls["api"]["rest"] = server.http_url
    exchange.urls["api"]["ws"] = f"{server.ws_url}/ws/v5"
    return exchange


@pytest.fixture
async def venue(server: SimServer, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    name = request.node.callspec.params["server"]
    exchange = bybit_at(server) if name == "bybit" else okx_at(server)
    try:
        yield exchange
    finally:
        await exchange.close()


async def soon(awaitable: Any, timeout_s: float = 60) -> Any:
    return await asyncio.wait_for(awaitable, timeout_s)


async def test_ccxt_reads_the_markets(venue: Any) -> None:
    markets = await soon(venue.load_markets())
    market = markets[BTC]
    contract = 0.01 if venue.id == "okx" else 1
    # Of OKX a lot is so many contracts.
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, pytest.approx(0.001 / contract))
    assert (market["swap"], market["linear"], market["active"]) == (True, True, True)
    assert market["contractSize"] == contract
    assert market["id"] == ("BTC-USDT-SWAP" if venue.id == "okx" else "BTCUSDT")
    assert {symbol for symbol, row in markets.items() if row["swap"] and row["active"]} >= {BTC, ETH}


async def test_ccxt_reads_what_is_now(venue: Any, server: SimServer) -> None:
    await soon(venue.load_markets())
    book = await soon(venue.fetch_order_book(BTC, 100))
    assert len(book["bids"]) == len(book["asks"]) == 100
    assert book["bids"][0][0] < book["asks"][0][0]

    trades = await soon(venue.fetch_trades(BTC, limit=20))
    assert len(trades) == len({trade["id"] for trade in trades}) == 20
    assert all(trade["side"] in ("buy", "sell") and trade["amount"] > 0 for trade in trades)
    assert trades == sorted(trades, key=lambda trade: trade["timestamp"])

    tickers = await soon(venue.fetch_tickers([BTC, ETH]))
    assert tickers[BTC]["bid"] < tickers[BTC]["ask"]
    day = server.source.market("BTCUSDT").ticker()
    # ccxt takes contracts for the base volume of OKX.
    volume = float(tickers[BTC]["info"]["volCcy24h"]) if venue.id == "okx" else tickers[BTC]["baseVolume"]
    assert volume == pytest.approx(day.lots * 0.001, rel=0.01)
    assert (await soon(venue.fetch_funding_rate(BTC)))["fundingRate"] is not None
    interest = await soon(venue.fetch_open_interest(BTC))
    lots = server.source.market("BTCUSDT").open_interest()
    base = interest["baseVolume"] if venue.id == "okx" else interest["openInterestAmount"]
    assert base == pytest.approx((lots or 0) * 0.001, rel=0.01)
    assert await soon(venue.fetch_time()) >= START_US // 1000


async def test_ccxt_reads_series_of_the_past(venue: Any, server: SimServer) -> None:
    await soon(venue.load_markets())
    bars = await soon(venue.fetch_ohlcv(BTC, "5m", limit=50))
    assert len(bars) == 50
    assert {after[0] - before[0] for before, after in pairwise(bars)} == {300_000}
    since = START_US // 1000 - 5 * 3_600_000
    early = await soon(venue.fetch_ohlcv(BTC, "1m", since=since, limit=30))
    first_ms = -(-since // 60_000) * 60_000
    assert [bar[0] for bar in early] == [first_ms + 60_000 * number for number in range(30)]
    truth = server.source.market("BTCUSDT").klines("1m", first_ms * 1000, None, 1)[0]
    assert early[0][1:5] == pytest.approx([ticks * 0.1 for ticks in (truth.open, truth.high, truth.low, truth.close)])
    assert early[0][5] == pytest.approx(truth.lots * 0.001)
    for price in ("mark", "index"):
        assert len(await soon(venue.fetch_ohlcv(BTC, "1m", limit=20, params={"price": price}))) == 20
    rates = await soon(venue.fetch_funding_rate_history(BTC, limit=5))
    assert {after["timestamp"] - before["timestamp"] for before, after in pairwise(rates)} == {8 * 3_600_000}
    assert len(rates) == 5


async def test_ccxt_rejects_an_unknown_symbol(venue: Any) -> None:
    from ccxt.base.errors import BadRequest, BadSymbol

    if venue.id == "okx":
        asked = venue.publicGetMarketBooks({"instId": "NOPE-USDT-SWAP"})
    else:
        asked = venue.publicGetV5MarketOrderbook({"category": "linear", "symbol": "NOPEUSDT"})
    with pytest.raises((BadSymbol, BadRequest)):
        await soon(asked)


async def test_ccxt_follows_the_book(venue: Any) -> None:
    await soon(venue.load_markets())
    times: list[int] = []
    for _ in range(30):
        book = await soon(venue.watch_order_book(BTC))
        times.append(book["timestamp"])
    bids, asks = book["bids"], book["asks"]
    assert len(bids) >= 50
    assert bids[0][0] < asks[0][0]
    # ccxt checks OKX's chain of ids itself and raises where it is broken; of Bybit it keeps no id.
    assert times == sorted(times)
    assert len(set(times)) > 20


async def test_ccxt_follows_trades_bars_and_tickers(venue: Any) -> None:
    await soon(venue.load_markets())
    trades = await soon(venue.watch_trades(BTC))
    assert trades[-1]["price"] > 0
    bars = await soon(venue.watch_ohlcv(BTC, "1m"))
    assert bars[-1][0] % 60_000 == 0
    ticker = await soon(venue.watch_ticker(BTC))
    assert ticker["bid"] < ticker["ask"]
    assert ticker["last"] > 0
    if venue.id == "okx":
        assert (await soon(venue.watch_mark_price(BTC)))["markPrice"] > 0
        assert (await soon(venue.watch_funding_rate(BTC)))["fundingRate"] is not None
    else:
        assert ticker["markPrice"] > 0
        assert float(ticker["info"]["openInterest"]) > 0


async def test_ccxt_receives_liquidations(venue: Any, server: SimServer) -> None:
    await soon(venue.load_markets())
    if venue.id == "okx":
        (first, *_) = await soon(venue.watch_liquidations_for_symbols([BTC, ETH, "SOL/USDT:USDT"]))
    else:
        (first, *_) = await soon(venue.watch_liquidations(BTC))
    symbol = first["symbol"].partition("/")[0] + "USDT"
    facts = server.source.market(symbol).liquidation_orders(START_US - 10**7, server.now_us())
    sides = {fact.side for fact in facts if fact.time_us // 1000 == first["timestamp"]}
    # ccxt passes the venue's side on: of OKX it is the order's, of Bybit the position's.
    assert {"buy": "sell", "sell": "buy"}.get(first["side"]) in sides if venue.id == "bybit" else first["side"] in sides
    assert first["contracts"] > 0
