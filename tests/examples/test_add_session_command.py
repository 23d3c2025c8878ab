"""Adding a command of the page: the struct of its parameters, its answer, and one row in ``REQUESTS``."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import pytest
from websockets.asyncio.client import connect

from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.page_requests import REQUESTS, RequestKind
from tests.server.conftest import Served, server
from tests.server.test_streams import receive

pytestmark = pytest.mark.server

__all__ = ["server"]


class SpreadRequest(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    parts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1


async def spread(desk: Desk, asked: SpreadRequest) -> bytes:
    listing = await desk.catalogue.resolve(asked.symbol)
    return msgspec.json.encode([str(listing.instrument.tick_size)] * asked.parts)


async def test_a_command_of_the_page_is_one_row(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REQUESTS, "spread", RequestKind(SpreadRequest, spread))
    async with connect(server.ws_url + "api/v1/ws/live") as socket:
        await receive(socket, "hello")
        said = {"type": "request", "what": "spread"}
        for number, fields in enumerate(({"symbol": "btc", "parts": 2}, {"parts": 1}, {"symbol": "NOSUCH"})):
            await socket.send(json.dumps({**said, "id": number, **fields}))
        answers = {message["id"]: message for message in [await receive(socket) for _ in range(3)]}
    assert answers[0] == {"type": "response", "id": 0, "data": ["0.1", "0.1"]}
    assert answers[1]["message"] == "Invalid spread request: Object missing required field `symbol`"
    assert answers[2]["message"].startswith("Symbol NOSUCH not found")
