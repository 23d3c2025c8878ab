"""The lock of live trading: what refuses it, where it shows, and an order that passes it at the embedded exchange."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.brokers.lock import TradingLock
from orderfox_nb.desk.desks import Desks
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.server.conftest import TOKEN, Serve

pytestmark = pytest.mark.server

RIGHT = {"Authorization": f"token {TOKEN}"}
KEY = "key-that-nobody-may-see"
KEYS: dict[str, Any] = {
    "ORDERFOX_LIVE_TRADING": True,
    "BINANCE_API_KEY": KEY,
    "BINANCE_SECRET_KEY": f"{KEY}-secret",
    # The price follows from the date: the orders of these tests are within the limit at twice the listing's.
    "ORDERFOX_LIVE_NOTIONAL": 2_000,
}


@pytest.mark.parametrize(
    ("missing", "public", "said"),
    [
        ("ORDERFOX_LIVE_TRADING", False, "live trading is off"),
        ("BINANCE_API_KEY", False, "BINANCE_API_KEY not set"),
        ("BINANCE_SECRET_KEY", False, "BINANCE_SECRET_KEY not set"),
        ("", True, "a public server never trades live"),
    ],
)
async def test_live_trading_is_refused_with_the_reason(serve: Serve, missing: str, public: bool, said: str) -> None:
    variables = {name: value for name, value in KEYS.items() if name != missing}
    async with serve(public=public, **variables) as server:
        async with connect(server.ws_url + "api/v1/ws/live", additional_headers=RIGHT) as page:
            assert json.loads(await page.recv())["live_trading"] is False
        bot = {"name": "Real", "symbol": "BTCUSDT", "isPaperTrading": False, "isActive": False}
        for path, body in (("set_trading_mode", {"mode": "live"}), ("bots", bot)):
            status, answer = await server.ask(f"api/v1/{path}", method="POST", json=body, headers=RIGHT)
            assert status == 400, answer
            assert "paper only" in answer["detail"]
            assert said in answer["detail"]
        _, health = await server.ask("api/v1/health", headers=RIGHT)
        assert health["live_trading"] is False
        assert (said in health["live_trading_problem"]) is (missing != "ORDERFOX_LIVE_TRADING")


async def test_unlocked_server_says_so_and_venues_without_a_broker_refuse(serve: Serve) -> None:
    async with serve(public=False, **KEYS) as server:
        _, health = await server.ask("api/v1/health", headers=RIGHT)
        assert (health["live_trading"], health["live_trading_problem"]) == (True, "")
        status, mode = await server.ask("api/v1/set_trading_mode", method="POST", json={"mode": "live"}, headers=RIGHT)
        assert (status, mode["mode"]) == (200, "live")
        async with connect(server.ws_url + "api/v1/ws/live", additional_headers=RIGHT) as page:
            assert json.loads(await page.recv())["live_trading"] is True
        # Its venue is not one that real orders can go to.
        bot = {"name": "Real", "symbol": "BTCUSDT", "isPaperTrading": False, "strategy": "EmaCross"}
        _, made = await server.ask("api/v1/bots", method="POST", json=bot, headers=RIGHT)
        assert made["liveTrading"] is True
        path = f"api/v1/bots/{made['id']}"
        while "live bots trade at binance only" not in made["note"]:
            _, made = await server.ask(path, headers=RIGHT)
        # An active bot keeps its mode.
        status, answer = await server.ask(path, method="PATCH", json={"isPaperTrading": True}, headers=RIGHT)
        assert (status, "Stop the bot first" in answer["detail"]) == (400, True)


def test_secrets_of_the_lock_are_in_no_text() -> None:
    settings = load_settings(BINANCE_API_KEY="key-of-mine", BINANCE_SECRET_KEY="secret-of-mine")
    lock = TradingLock(settings, public=False)
    assert "of-mine" not in f"{settings!r} {lock!r} {lock.reason} {vars(lock)}"


class Unlocked:
    """An unlocked server on the embedded exchange, and a client that is logged in."""

    def __init__(self, exchange: Exchange, url: str, client: ClientSession) -> None:
        self.exchange = exchange
        self._url = url
        self._client = client

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self._client.request(method, f"{self._url}api/v1/{path}", headers=RIGHT, **options) as response:
            return response.status, await response.json() if response.status != 204 else None


@pytest.fixture
async def unlocked(tmp_path: Path, serve: Serve) -> AsyncIterator[Unlocked]:
    exchange = Exchange(7, 1, start_us=time.time_ns() // 1_000)
    async with AsyncExitStack() as stack:
        venue = await stack.enter_async_context(SimServer(exchange))

        @asynccontextmanager
        async def open_(settings: Settings) -> AsyncIterator[Desks]:
            feed = BinanceFeed(http_url=venue.http_url, ws_url=venue.ws_url)
            async with Desks([feed], settings, linger_s=0) as desks:
                yield desks

        addresses = {"BINANCE_API_BASE_URL": venue.http_url, "BINANCE_WS_BASE_URL": venue.ws_url}
        server = await stack.enter_async_context(serve(public=False, open_=open_, **KEYS, **addresses))
        yield Unlocked(exchange, server.url, server.session)


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_order_by_hand_in_live_mode_is_real(
    unlocked: Unlocked, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await unlocked.ask("POST", "set_trading_mode", json={"mode": "live"}))[0] == 200
    order = {"symbol": "BTCUSDT", "side": "buy", "amount": 0.01}
    status, answer = await unlocked.ask("POST", "trade", json=order)
    assert (status, answer["state"]) == (200, "filled"), answer
    account = unlocked.exchange.trading.accounts[KEY]
    assert account.position("BTCUSDT").lots == 10
    _, page = await unlocked.ask("GET", "bots")
    ((name, live),) = [(bot["name"], bot["liveTrading"]) for bot in page["bots"]]
    assert (name, live) == ("Manual BTCUSDT, live", True)
    status, answer = await unlocked.ask("POST", "trade", json={"symbol": "BTCUSDT", "side": "close"})
    assert (status, account.position("BTCUSDT").lots) == (200, 0)
    # Back on paper, the account of the venue stays as it is.
    assert (await unlocked.ask("POST", "set_trading_mode", json={"mode": "paper"}))[1]["mode"] == "paper"
    assert (await unlocked.ask("POST", "trade", json=order))[0] == 200
    assert account.position("BTCUSDT").lots == 0
    # The keys are in no log line, answer or file of it, also where everything is logged.
    texts = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    texts += [str(await unlocked.ask("GET", path)) for path in ("bots", "health", "positions")]
    assert "bots" in " ".join(texts)
    stored = b"".join(await asyncio.to_thread(contents, tmp_path))
    assert b"Manual BTCUSDT, live" in stored
    assert not [text for text in texts if KEY in text]
    assert KEY.encode() not in stored


async def test_stopped_live_bot_has_no_order_at_the_venue(unlocked: Unlocked) -> None:
    await unlocked.ask("POST", "set_trading_mode", json={"mode": "live"})
    order = {"symbol": "BTCUSDT", "side": "buy", "amount": 0.01, "type": "limit"}
    (bid,) = (await unlocked.ask("GET", "orderbook/BTCUSDT?limit=1&rounding=0.1"))[1]["bids"]
    status, answer = await unlocked.ask("POST", "trade", json={**order, "price": round(bid["price"] * 0.97)})
    assert (status, answer["state"]) == (200, "open"), answer
    account = unlocked.exchange.trading.accounts[KEY]
    assert len(account.open_orders) == 1
    bot = f"bots/{answer['botId']}"
    assert (await unlocked.ask("PATCH", f"{bot}/status?is_active=false"))[0] == 200
    while account.open_orders:
        await unlocked.ask("GET", bot)
    assert [order.status for order in account.done] == ["CANCELED"]
