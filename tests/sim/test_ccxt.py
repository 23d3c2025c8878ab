"""ccxt's own binanceusdm, unmodified but for its URLs, is the judge of the simulated protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer

pytestmark = pytest.mark.sim

START_US = 1_790_000_000_000_000
BTC = "BTC/USDT:USDT"


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    # Liquidations come often, so that none has to be waited for.
    async with SimServer(Exchange(7, 3, start_us=START_US, liquidation_rate=50), speed=5.0) as server:
        yield server


@pytest.fixture
async def venue(server: SimServer) -> AsyncIterator[Any]:
    from ccxt.pro.binanceusdm import binanceusdm

    exchange: Any = binanceusdm({"enableRateLimit": False})
    api = exchange.urls["api"]
    for name, url in list(api.items()):
        if isinstance(url, str):
            api[name] = url.replace("https://fapi.binance.com", server.http_url)
    api["ws"]["linear"] = f"{server.ws_url}/ws"
    try:
        yield exchange
    finally:
        await exchange.close()


async def soon(awaitable: Any, timeout_s: float = 60) -> Any:
    return await asyncio.wait_for(awaitable, timeout_s)


async def test_ccxt_reads_the_rest_endpoints(venue: Any) -> None:
    markets = await soon(venue.load_markets())
    market = markets[BTC]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
    assert (market["swap"], market["linear"], market["active"]) == (True, True, True)

    book = await soon(venue.fetch_order_book(BTC, 100))
    assert len(book["bids"]) == len(book["asks"]) == 100
    assert book["bids"][0][0] < book["asks"][0][0]

    bars = await soon(venue.fetch_ohlcv(BTC, "5m", limit=50))
    assert len(bars) == 50
    assert {after[0] - before[0] for before, after in pairwise(bars)} == {300_000}

    trades = await soon(venue.fetch_trades(BTC, limit=20))
    assert len(trades) == 20
    assert all(trade["side"] in ("buy", "sell") and trade["amount"] > 0 for trade in trades)

    tickers = await soon(venue.fetch_tickers([BTC, "ETH/USDT:USDT"]))
    assert tickers[BTC]["quoteVolume"] > tickers["ETH/USDT:USDT"]["quoteVolume"] / 10
    assert (await soon(venue.fetch_funding_rate(BTC)))["markPrice"] > 0
    assert len(await soon(venue.fetch_funding_rate_history(BTC, limit=5))) == 5
    assert (await soon(venue.fetch_open_interest(BTC)))["openInterestAmount"] > 0
    assert await soon(venue.fetch_time()) >= START_US // 1000


async def test_ccxt_reads_series_of_the_past(venue: Any) -> None:
    await soon(venue.load_markets())
    since = START_US // 1000 - 5 * 3_600_000
    trades = await soon(venue.fetch_trades(BTC, since=since, limit=200))
    assert len(trades) == 200
    assert since <= trades[0]["timestamp"] <= trades[-1]["timestamp"] <= since + 3_600_000
    for price in ("mark", "index", "premiumIndex"):
        assert len(await soon(venue.fetch_ohlcv(BTC, "1m", limit=20, params={"price": price}))) == 20
    ratios = await soon(venue.fetch_long_short_ratio_history(BTC, "1h", limit=5))
    assert [ratio["longShortRatio"] > 0 for ratio in ratios] == [True] * 5
    assert (await soon(venue.fetch_funding_intervals([BTC])))[BTC]["interval"] == "8h"
    assert len(await soon(venue.fetch_open_interest_history(BTC, "1h", limit=5))) == 5


async def test_ccxt_rejects_an_unknown_symbol(venue: Any) -> None:
    from ccxt.base.errors import BadSymbol

    with pytest.raises(BadSymbol):
        await soon(venue.fapiPublicGetDepth({"symbol": "NOPEUSDT"}))


async def test_ccxt_follows_the_book(venue: Any, server: SimServer) -> None:
    for _ in range(30):
        book = await soon(venue.watch_order_book(BTC))
    bids, asks = book["bids"], book["asks"]
    assert len(bids) >= 500
    assert bids[0][0] < asks[0][0]
    assert book["nonce"] > 0


async def test_ccxt_follows_trades_bars_and_ticker(venue: Any) -> None:
    trades = await soon(venue.watch_trades(BTC))
    assert trades[-1]["price"] > 0
    bars = await soon(venue.watch_ohlcv(BTC, "1m"))
    assert bars[-1][0] % 60_000 == 0
    ticker = await soon(venue.watch_ticker(BTC))
    assert ticker["last"] > 0
    best = await soon(venue.watch_bids_asks([BTC]))
    assert best[BTC]["bid"] < best[BTC]["ask"]
    mark = await soon(venue.watch_mark_price(BTC))
    assert mark["markPrice"] > 0


async def test_ccxt_receives_liquidations(venue: Any) -> None:
    liquidations = await soon(venue.watch_liquidations_for_symbols([BTC, "ETH/USDT:USDT", "SOL/USDT:USDT"]), 60.0)
    assert liquidations[0]["contracts"] > 0
