"""The embedded exchange, a desk on it, and a live bot."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.brokers.lock import TradingLock
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.strategies import MANUAL
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.desk.brokers.rig import SYMBOL, CuttingLink, LiveRig

KEYS = {
    "BINANCE_API_KEY": "alice",
    "BINANCE_SECRET_KEY": "alice-secret",
    "ORDERFOX_LIVE_TRADING": True,
    # The price follows from the date: orders of these tests are within the limit at twice the listing's.
    "ORDERFOX_LIVE_NOTIONAL": 2_000,
}


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(7, 1, start_us=time.time_ns() // 1_000)


@pytest.fixture
async def server(exchange: Exchange) -> AsyncIterator[SimServer]:
    async with SimServer(exchange) as server:
        yield server


@pytest.fixture
async def link(server: SimServer) -> AsyncIterator[CuttingLink]:
    async with CuttingLink(server.port) as link:
        yield link


@pytest.fixture
def settings(server: SimServer, link: CuttingLink, tmp_path: Path) -> Settings:
    return load_settings(
        ORDERFOX_DATA_DIR=tmp_path,
        ORDERFOX_RECORDING="off",
        BINANCE_API_BASE_URL=link.url,
        BINANCE_WS_BASE_URL=server.ws_url,
        **KEYS,
    )


@pytest.fixture
async def rig(
    exchange: Exchange, server: SimServer, link: CuttingLink, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LiveRig]:
    # A request that the link has cut never arrives: how long one might is in test_sending.py.
    monkeypatch.setattr("orderfox_nb.desk.brokers.live.WINDOW_MS", 300)
    monkeypatch.setattr("orderfox_nb.desk.brokers.reconciling.EVERY_S", 1.0)
    store = Store(settings)
    feed = BinanceFeed(http_url=server.http_url, ws_url=server.ws_url)
    try:
        async with Desk(feed, settings, linger_s=0) as desk:
            record = await (await store.bots()).create(
                {
                    "name": "Live",
                    "symbol": SYMBOL,
                    "venue": desk.venue,
                    "description": None,
                    "is_active": True,
                    "is_paper_trading": False,
                    "strategy": MANUAL,
                    "params": {},
                }
            )
            lock = TradingLock(settings, public=False)
            rig = LiveRig(exchange, server, link, desk=desk, store=store, lock=lock, record=record)
            yield rig
            if rig.broker is not None:
                await rig.broker.finish()
    finally:
        await store.close()
