"""Bots of a server in a process of its own, which is killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

from orderfox_nb.bots.orders import DONE
from orderfox_nb.config import load_settings
from orderfox_nb.desk.store.store import Store
from tests.desk.bot_runs.installed import install
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.server

KILLS = int(os.environ.get("ORDERFOX_KILLS", "1"))
RIGHT = {"Authorization": f"token {TOKEN}"}
LOT = Decimal("0.001")


async def ask(session: ClientSession, url: str, **options: Any) -> Any:
    method = options.pop("method", "GET")
    async with session.request(method, url, headers=RIGHT, **options) as response:
        assert response.status in (200, 201), await response.text()
        return await response.json()


async def kept(folder: Path, bot_id: str) -> list[Any]:
    """Check that what is stored agrees with itself, and return the fills, newest first."""
    store = Store(load_settings(ORDERFOX_DATA_DIR=folder))
    number = (await (await store.bots()).get(bot_id)).number
    history = await store.history()
    orders, fills = await history.orders(number, limit=9_999), await history.fills(number, limit=9_999)
    snapshot = msgspec.msgpack.decode(await history.snapshot(number) or b"")
    await store.close()
    assert [order.number for order in orders] == list(range(len(orders), 0, -1))
    assert [fill.number for fill in fills] == list(range(len(fills), 0, -1))
    for order in orders:
        assert order.filled == sum((fill.size for fill in fills if fill.order == order.number), Decimal(0))
    # The account that is continued has had exactly the fills that are stored, each once.
    account = snapshot["session"]["account"]
    position = sum((fill.size if fill.side == "buy" else -fill.size for fill in fills), Decimal(0))
    assert position == account["position"]["lots"] * LOT
    assert Decimal(account["ledger"]["fees"]) == sum((fill.fee for fill in fills), Decimal(0))
    return list(fills)


async def test_server_that_is_killed_continues_its_bots_without_a_lost_or_doubled_order(
    start_dashboard: Callable[..., tuple[Child, str]], tmp_path: Path
) -> None:
    (tmp_path / "strategies").mkdir()
    path = os.pathsep.join([str(install(tmp_path / "strategies")), os.environ.get("PYTHONPATH", "")])
    environment = {"ORDERFOX_DATA_DIR": str(tmp_path), "PYTHONPATH": path}
    bot_id, before = "", []
    for _ in range(KILLS + 1):
        child, address = await asyncio.to_thread(start_dashboard, "--source", "sim?symbols=1", **environment)
        try:
            async with ClientSession() as session, asyncio.timeout(180):
                bots = f"{address}/api/v1/bots"
                if not bot_id:
                    body = {"name": "Churn", "symbol": "BTCUSDT", "strategy": "Churn", "params": {"period": "200ms"}}
                    bot_id = (await ask(session, bots, method="POST", json=body))["id"]
                while len(await ask(session, f"{bots}/{bot_id}/fills?limit=1000")) < len(before) + 4:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                assert (await ask(session, f"{bots}/health"))["bot_service"]["bots"] == 1
        finally:
            child.process.kill()
            await asyncio.to_thread(child.process.wait, 30)
        fills = await kept(tmp_path, bot_id)
        assert fills[len(fills) - len(before) :] == before
        before = fills
    child, address = await asyncio.to_thread(start_dashboard, "--source", "sim?symbols=1", **environment)
    try:
        async with ClientSession() as session, asyncio.timeout(180):
            where = f"{address}/api/v1/bots/{bot_id}"
            while not (await ask(session, where))["running"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            stopped = await ask(session, f"{where}/status?is_active=false", method="PATCH")
            assert (stopped["isActive"], stopped["running"]) == (False, False)
            # On a busy machine the answer may come before its orders are saved.
            orders = f"{where}/orders?limit=1000"
            while not {order["state"] for order in await ask(session, orders)} <= DONE:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        assert await asyncio.to_thread(child.end)
    await kept(tmp_path, bot_id)
