"""Symbols by whatever name: a real server on the embedded exchange, whose list has a symbol that is not ASCII."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect as open_socket

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from orderfox_nb.market.connection import Market
from tests.server.conftest import Child

pytestmark = pytest.mark.server

LIFE = "币安人生USDT"


@pytest.fixture(scope="module")
def address(start_dashboard: Callable[..., tuple[Child, str]]) -> Iterator[str]:
    child, address = start_dashboard("--source", "sim?seed=7&symbols=23")
    yield address
    child.end()


async def test_a_symbol_that_is_not_ascii_is_served_on_every_path(address: str) -> None:
    async with ClientSession() as session:

        async def ask(path: str) -> list[dict[str, object]]:
            async with session.get(f"{address}/api/v1/{path}") as response:
                assert response.status == 200, await response.text()
                answer = await response.json()
            return answer if isinstance(answer, list) else [answer]

        listed = next(row for row in await ask("symbols") if row["id"] == LIFE)
        assert (listed["baseAsset"], listed["uiName"]) == ("币安人生", "币安人生/USDT")
        for written in (LIFE, "币安人生usdt", "币安人生/USDT", "币安人生"):
            book = await ask(f"orderbook/{quote(written, safe='/')}?limit=5")
            assert (book[0]["symbol"], len(book[0]["bids"])) == (LIFE, 5)  # type: ignore[arg-type]
        for path in ("trades/{}", "candles/{}?timeframe=5m", "liquidation-volume/{}/1m"):
            assert await ask(path.format(quote(LIFE)))
    # One socket, keys and paths as text and percent-encoded.
    async with open_socket(f"{address.replace('http', 'ws', 1)}/api/v1/ws/live") as socket:
        key = f"{json.loads(await socket.recv())['venue']}/币安人生/book?rows=10"
        await socket.send(json.dumps({"type": "subscribe", "key": key}))
        frame = json.loads(await socket.recv())
        while frame.get("type") != "frame" or not frame["bids"][0]:
            frame = json.loads(await socket.recv())
        assert (frame["key"], frame["symbol"]) == (key, LIFE)
    async with open_socket(f"{address.replace('http', 'ws', 1)}/api/v1/ws/trades/{quote(LIFE)}") as socket:
        message = json.loads(await socket.recv())
        assert (message["type"], message["symbol"]) == ("trades_update", LIFE)


def test_a_kernel_reads_it_through_the_server_by_its_base(address: str) -> None:
    engine = Engine(load_settings(ORDERFOX_SOURCE=address, ORDERFOX_URL="", BACKEND_URL="")).start()
    try:
        symbol = Market(engine)["币安人生"]
        assert symbol.symbol == LIFE
        assert len(symbol.trades.df) > 0
        assert len(symbol.candles("1m").df) > 0
    finally:
        engine.stop()
