"""A live bot of a server in a process of its own, which is killed while its orders are at the embedded exchange."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from orderfox_nb.bots.orders import DONE
from orderfox_nb.config import load_settings
from orderfox_nb.desk.store.store import Store
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.desk.bot_runs.installed import install
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.server

RIGHT = {"Authorization": f"token {TOKEN}"}
KEY = "alice"
LOT = Decimal("0.001")
BOT = {"name": "Real", "symbol": "BTCUSDT", "strategy": "Churn", "params": {"period": "200ms"}, "isPaperTrading": False}


async def ask(session: ClientSession, url: str, **options: Any) -> Any:
    method = options.pop("method", "GET")
    async with session.request(method, url, headers=RIGHT, **options) as response:
        assert response.status in (200, 201), await response.text()
        return await response.json()


async def stored(folder: Path, bot_id: str) -> tuple[dict[int, Any], list[Any]]:
    """Return the orders of a bot by number, and its fills."""
    store = Store(load_settings(ORDERFOX_DATA_DIR=folder))
    number = (await (await store.bots()).get(bot_id)).number
    history = await store.history()
    orders, fills = await history.orders(number, limit=9_999), await history.fills(number, limit=9_999)
    await store.close()
    return {order.number: order for order in orders}, list(fills)


async def test_server_that_is_killed_finds_the_orders_of_its_live_bot_again(
    start_jupyter: Callable[..., tuple[Child, str]], tmp_path: Path
) -> None:
    (tmp_path / "strategies").mkdir()
    path = os.pathsep.join([str(install(tmp_path / "strategies")), os.environ.get("PYTHONPATH", "")])
    exchange = Exchange(7, 1, start_us=time.time_ns() // 1_000)
    async with SimServer(exchange) as venue, ClientSession() as session, asyncio.timeout(400):
        environment = {
            "ORDERFOX_DATA_DIR": str(tmp_path),
            "PYTHONPATH": path,
            "ORDERFOX_RECORDING": "off",
            "ORDERFOX_SOURCE": "binance",
            "BINANCE_API_BASE_URL": venue.http_url,
            "BINANCE_WS_BASE_URL": venue.ws_url,
            "ORDERFOX_LIVE_TRADING": "1",
            "BINANCE_API_KEY": KEY,
            "BINANCE_SECRET_KEY": f"{KEY}-secret",
            "ORDERFOX_LIVE_NOTIONAL": "1000000",
            "ORDERFOX_LIVE_LOSS": "1000000",
            "ORDERFOX_LIVE_ORDERS_A_MINUTE": "1000",
        }
        account = exchange.trading.account(KEY)
        child, address = await asyncio.to_thread(start_jupyter, **environment)
        try:
            bot_id = (await ask(session, f"{address}/api/v1/bots", method="POST", json=BOT))["id"]
            # Four of its market orders are done, and one rests far below the market.
            while len(account.done) < 4 or not account.open_orders:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        finally:
            child.process.kill()
            await asyncio.to_thread(child.process.wait, 30)
        (resting,) = [order for order in account.open_orders.values() if order.kind == "LIMIT"]
        done = len(account.done)

        child, address = await asyncio.to_thread(start_jupyter, **environment)
        try:
            where = f"{address}/api/v1/bots/{bot_id}"
            # It goes on trading from its ledger, and what rested is its own again.
            while len(account.done) < done + 4:
                bot = await ask(session, where)
                assert bot["state"] != "failed", bot["note"]
                await asyncio.sleep(0.05)
            assert resting.is_open
            stopped = await ask(session, f"{where}/status?is_active=false", method="PATCH")
            assert not stopped["isActive"]
            while (await ask(session, where))["running"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while account.open_orders:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            orders = f"{where}/orders?limit=1000"
            while not {order["state"] for order in await ask(session, orders)} <= DONE:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        finally:
            assert await asyncio.to_thread(child.end)

    assert resting.status == "CANCELED"
    rows, fills = await stored(tmp_path, bot_id)
    there = {int(order.client_id.rpartition("-")[2]): order for order in account.done}
    # Each order of the exchange is one of the bot's, sent once; of the others the bot says that they never arrived.
    assert len(there) == len(account.done)
    assert set(there) <= set(rows)
    assert {rows[number].state for number in set(rows) - set(there)} <= {"expired", "rejected"}
    for number, order in there.items():
        assert rows[number].state == {"FILLED": "filled", "CANCELED": "cancelled"}[order.status]
        assert rows[number].filled == order.filled * LOT
    assert sum(fill.size for fill in fills) == sum(order.filled for order in there.values()) * LOT
    position = sum((fill.size if fill.side == "buy" else -fill.size for fill in fills), Decimal(0))
    assert position == account.position("BTCUSDT").lots * LOT
