"""Orders by hand on paper, and the positions they make."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orderfox_nb.core.events import Topic
from tests.server.conftest import TOKEN, Served
from tests.server.scripted import VENUE, trade

pytestmark = pytest.mark.server

RIGHT = {"Authorization": f"token {TOKEN}"}


async def order(server: Served, **body: Any) -> tuple[int, Any]:
    """Give an order while the market goes on."""
    asked = asyncio.create_task(server.ask("api/v1/trade", method="POST", json=body, headers=RIGHT))
    number = 151
    while not asked.done():
        server.feed.time_us += 100_000
        server.feed.emit(Topic(VENUE, "BTCUSDT", "trades"), trade("BTCUSDT", number, server.feed.time_us))
        number += 1
        await asyncio.sleep(0.01)
    return await asked


async def test_order_by_hand_makes_a_position_and_closes_it(server: Served) -> None:
    assert await server.ask("api/v1/positions") == (200, [])
    status, answer = await order(server, symbol="btc", side="long", amount=0.5)
    assert (status, answer["status"], answer["state"], answer["orderId"]) == (200, "success", "filled", "1")
    status, (held,) = await server.ask("api/v1/positions")
    assert held == answer["positionInfo"]
    assert (held["symbol"], held["side"], held["size"], held["entryPrice"]) == ("BTCUSDT", "long", 0.5, 50_000.0)
    # The bot that holds it is one among the others, with its orders and fills.
    _, page = await server.ask("api/v1/bots")
    assert [(bot["id"], bot["name"], bot["strategy"]) for bot in page["bots"]] == [
        (answer["botId"], "Manual BTCUSDT", "Manual")
    ]
    status, answer = await order(server, symbol="BTCUSDT", side="sell", amount=0.2, type="limit", price=51_000)
    assert (status, answer["state"], answer["orderId"]) == (200, "open", "2")
    status, answer = await order(server, symbol="BTCUSDT", side="close")
    assert (status, answer["positionInfo"]) == (200, None)
    assert await server.ask("api/v1/positions") == (200, [])


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"symbol": "BTCUSDT", "side": "up", "amount": 1}, 422, "side"),
        ({"symbol": "BTCUSDT", "side": "buy"}, 400, "amount"),
        ({"symbol": "BTCUSDT", "side": "buy", "amount": -1}, 422, "amount"),
        ({"symbol": "BTCUSDT", "side": "buy", "amount": 1, "type": "limit"}, 400, "price"),
        ({"symbol": "NOPE", "side": "buy", "amount": 1}, 404, "NOPE"),
        ({"symbol": "BTCUSDT", "side": "buy", "amount": 0.0001}, 400, "size"),
        ({"symbol": "BTCUSDT", "side": "buy", "amount": 1_000}, 400, "-2019"),
        ({"symbol": "BTCUSDT", "side": "close"}, 400, "position"),
    ],
)
async def test_order_that_cannot_be_given_is_refused_with_the_reason(
    server: Served, body: dict[str, Any], status: int, said: str
) -> None:
    got, answer = await order(server, **body)
    assert (got, answer["status_code"]) == (status, status), answer
    assert said in answer["detail"]


async def test_closing_without_a_position_creates_no_bot(server: Served) -> None:
    status, answer = await server.ask(
        "api/v1/trade", method="POST", json={"symbol": "BTCUSDT", "side": "close"}, headers=RIGHT
    )
    assert (status, "no open position" in answer["detail"]) == (400, True)
    assert (await server.ask("api/v1/bots"))[1]["total"] == 0
