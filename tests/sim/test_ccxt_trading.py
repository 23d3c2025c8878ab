"""ccxt's own binanceusdm trades at the embedded exchange, unmodified but for its URLs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.sim.test_ccxt import BTC, START_US, soon

pytestmark = [pytest.mark.sim, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[SimServer]:
    # Time passes by hand, so that a timestamp is the server's for as long as its request takes.
    async with SimServer(Exchange(7, 2, start_us=START_US), manual=True) as server:
        await server.advance(1)
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def venue(server: SimServer, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    from ccxt.pro.binanceusdm import binanceusdm

    key = request.node.name[:60].replace("[", "-").replace("]", "")
    exchange: Any = binanceusdm({"enableRateLimit": False, "apiKey": key, "secret": f"{key}-secret"})
    api = exchange.urls["api"]
    for name, url in list(api.items()):
        if isinstance(url, str):
            api[name] = url.replace("https://fapi.binance.com", server.http_url)
    api["ws"]["linear"] = f"{server.ws_url}/ws"
    exchange.nonce = lambda: server.now_us() // 1000
    exchange.options["fetchCurrencies"] = False
    exchange.has["fetchCurrencies"] = False
    try:
        await soon(exchange.load_markets())
        yield exchange
    finally:
        await exchange.close()


async def until(done: Callable[[], bool], server: SimServer | None = None) -> None:
    """Wait for a state; with a server while its time passes."""
    async with asyncio.timeout(60):
        while not done():
            if server is not None:
                await server.advance(0.1)
            await asyncio.sleep(0.005)


def waits_for(venue: Any, *names: str) -> bool:
    """Return whether ccxt waits for events of these names on the stream of its account."""
    found = {name for url, client in venue.clients.items() if "/private/" in url for name in client.futures}
    return found >= set(names)


async def test_ccxt_places_changes_and_cancels_orders(venue: Any) -> None:
    book = await soon(venue.fetch_order_book(BTC, 5))
    bid = book["bids"][0][0]
    order = await soon(venue.create_order(BTC, "limit", "buy", 0.01, bid - 100, {"postOnly": True}))
    assert (order["status"], order["remaining"], order["timeInForce"], order["price"]) == (
        "open",
        0.01,
        "PO",
        bid - 100,
    )
    assert [each["id"] for each in await soon(venue.fetch_open_orders(BTC))] == [order["id"]]
    edited = await soon(venue.edit_order(order["id"], BTC, "limit", "buy", 0.02, bid - 200))
    assert (edited["id"], edited["amount"], edited["price"]) == (order["id"], 0.02, bid - 200)
    cancelled = await soon(venue.cancel_order(order["id"], BTC))
    assert cancelled["status"] == "canceled"
    assert await soon(venue.fetch_open_orders(BTC)) == []
    assert (await soon(venue.fetch_order(order["id"], BTC)))["status"] == "canceled"
    assert len(await soon(venue.fetch_orders(BTC))) == 1
    batch = [
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": bid - away} for away in (300, 400)
    ]
    placed = await soon(venue.create_orders(batch))
    assert [each["status"] for each in placed] == ["open", "open"]
    await soon(venue.cancel_orders([placed[0]["id"]], BTC))
    await soon(venue.cancel_all_orders(BTC))
    assert await soon(venue.fetch_open_orders(BTC)) == []


async def test_ccxt_names_what_the_venue_refuses(venue: Any) -> None:
    from ccxt.base import errors

    book = await soon(venue.fetch_order_book(BTC, 5))
    ask = book["asks"][0][0]
    with pytest.raises(errors.ExchangeError, match="-2019"):
        await soon(venue.create_order(BTC, "limit", "buy", 20, ask - 1000))
    with pytest.raises(errors.ExchangeError, match="-5022"):
        await soon(venue.create_order(BTC, "limit", "buy", 0.01, ask, {"postOnly": True}))
    with pytest.raises(errors.OrderNotFound):
        await soon(venue.cancel_order("123", BTC))
    with pytest.raises(errors.InvalidNonce):
        await soon(venue.fetch_open_orders(BTC, params={"timestamp": 1}))
    venue.secret = "wrong"
    with pytest.raises(errors.AuthenticationError):
        await soon(venue.fetch_open_orders(BTC))


async def test_ccxt_reads_and_sets_up_the_account(venue: Any) -> None:
    assert (await soon(venue.fetch_balance()))["USDT"] == {"free": 10_000.0, "used": 0.0, "total": 10_000.0}
    await soon(venue.set_leverage(10, BTC))
    await soon(venue.set_margin_mode("isolated", BTC))
    await soon(venue.create_order(BTC, "market", "sell", 0.1))
    (position,) = await soon(venue.fetch_positions())
    assert (position["symbol"], position["side"], position["contracts"]) == (BTC, "short", 0.1)
    assert position["marginMode"] == "isolated"
    assert position["liquidationPrice"] > position["markPrice"]
    (risk,) = await soon(venue.fetch_positions([BTC], {"useV2": True}))
    assert (risk["leverage"], risk["side"]) == (10, "short")
    trades = await soon(venue.fetch_my_trades(BTC))
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.1)
    assert all(trade["takerOrMaker"] == "taker" and trade["fee"]["currency"] == "USDT" for trade in trades)
    fee = await soon(venue.fetch_trading_fee(BTC))
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)
    tiers = await soon(venue.fetch_market_leverage_tiers(BTC))
    assert tiers[0]["maxLeverage"] == 125
    # Closing more than there is only closes.
    await soon(venue.create_order(BTC, "market", "buy", 5, None, {"reduceOnly": True}))
    assert await soon(venue.fetch_positions()) == []


async def test_ccxt_follows_orders_trades_positions_and_balance(venue: Any, server: SimServer) -> None:
    follows = [
        asyncio.ensure_future(soon(watch))
        for watch in (venue.watch_orders(BTC), venue.watch_my_trades(BTC), venue.watch_balance())
    ]
    await until(lambda: waits_for(venue, f"orders:{BTC}", f"myTrades:{BTC}", "linear:balance"))
    # The server has accepted its socket.
    await until(lambda: any(one.delivered() for one in server.connections))
    await soon(venue.create_order(BTC, "market", "buy", 0.01))
    orders, trades, balance = [await follow for follow in follows]
    assert orders[-1]["symbol"] == BTC
    assert (trades[-1]["side"], trades[-1]["takerOrMaker"], trades[-1]["amount"]) == ("buy", "taker", 0.01)
    assert balance["USDT"]["total"] < 10_000
    positions = asyncio.ensure_future(soon(venue.watch_positions([BTC])))
    await until(lambda: waits_for(venue, f"linear:positions::{BTC}"))
    bid = (await soon(venue.fetch_order_book(BTC, 5)))["bids"][0][0]
    order = await soon(venue.create_order(BTC, "limit", "buy", 0.01, bid))

    def filled() -> list[Any]:
        return [each for each in venue.orders if each["id"] == order["id"] and each["status"] == "closed"]

    await until(lambda: bool(filled()), server)
    assert (filled()[0]["filled"], filled()[0]["average"]) == (0.01, bid)
    (position,) = await positions
    assert position["side"] == "long"
