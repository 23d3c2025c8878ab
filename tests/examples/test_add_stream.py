"""Adding a stream: one file in ``desk/streams``. It has its key, its WebSocket and its line of the description."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from orderfox_nb.core.events import Topic
from orderfox_nb.desk import streams
from orderfox_nb.desk.streams.registry import STREAMS, find_streams
from tests.server.conftest import served
from tests.server.scripted import VENUE
from tests.server.test_streams import closed_with, moved_book, receive

pytestmark = pytest.mark.server


async def test_a_stream_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    assert find_streams() == STREAMS
    monkeypatch.setattr(streams, "__path__", [*streams.__path__, str(Path(__file__).parent / "streams")])
    found = find_streams()
    assert found.keys() - STREAMS.keys() == {"v1.spread"}
    monkeypatch.setitem(STREAMS, "v1.spread", found["v1.spread"])

    async with served() as server:
        async with connect(server.ws_url + "api/v1/ws/spread/btc?factor=99") as socket:
            first = await receive(socket, "spread")
            assert (first["ticks"], first["quality"]["state"]) == (1000, "live"), "100 ticks by at most 10"
            server.feed.emit(Topic(VENUE, "BTCUSDT", "book"), moved_book(server, 1))
            assert (await receive(socket, "spread"))["sequence"] > first["sequence"]
        async with connect(server.ws_url + "api/v1/ws/spread?symbol=BTCUSDT&factor=0") as socket:
            assert (await receive(socket))["message"] == "Invalid factor '0': expected a whole number from 1"
            assert (await closed_with(socket))[0] == 4000
        async with connect(server.ws_url + "api/v1/ws/live") as socket:
            await receive(socket, "hello")
            await socket.send(json.dumps({"type": "subscribe", "key": f"{VENUE}/BTCUSDT/v1.spread"}))
            assert (await receive(socket))["type"] == "gone", "public streams are not for pages"
        _, document = await server.ask("api/v1/openapi.json")
        assert "| `/api/v1/ws/spread/{symbol}` | `factor` | `spread` |" in document["info"]["description"]
