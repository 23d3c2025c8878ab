"""Two pages on one server, of which one goes back in time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from orderfox_nb.core.events import Topic
from tests.recorded_files import span_us
from tests.server.conftest import Serve, Served, until
from tests.server.scripted import START_US, VENUE, trade
from tests.server.test_live import page, say
from tests.server.test_streams import receive

pytestmark = pytest.mark.server

TRADES = Topic(VENUE, "BTCUSDT", "trades")
KEY = f"{VENUE}/BTCUSDT/trades?rows=50"
SECOND_US = 1_000_000


async def shown(socket: ClientConnection, number: int) -> dict[str, Any]:
    """Wait for a frame whose newest trade has a number."""
    while True:
        frame = await receive(socket, "frame")
        if frame["trades"][0][-1:] == [number]:
            return frame


async def happens(server: Served, number: int, second: int) -> None:
    """Let a trade happen, and wait until it is recorded."""
    recorder = server.service.opened.first.recorder  # type: ignore[union-attr]
    before = recorder.status().events
    server.feed.time_us = START_US + second * SECOND_US
    server.feed.emit(TRADES, trade("BTCUSDT", number, server.feed.time_us))
    await until(lambda: recorder.status().events > before)


def written_us(server: Served) -> int:
    """Return up to when the server's recording is on disk."""
    folder = server.service.opened.first.recorder.folder  # type: ignore[union-attr]
    return span_us(folder)[1] if folder is not None else 0


async def answered(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    await socket.send(json.dumps(message))
    while (answer := await receive(socket))["type"] not in {"playhead", "error"}:
        pass
    # Frames that came before the answer were passed over.
    await say(socket, type="resume", key=KEY)
    return answer


async def test_a_page_goes_back_while_another_one_stays_live(serve: Serve) -> None:
    variables = {"ORDERFOX_RECORDING": "1", "ORDERFOX_MAX_CLIENT_PLAYHEADS": "1"}
    async with serve(loopback_limited=True, **variables) as server, page(server) as two:
        async with page(server) as one:
            for socket in (one, two):
                await say(socket, type="subscribe", key=KEY)
                await shown(socket, 150)
            for number, second in ((151, 10), (152, 20), (153, 30)):
                await happens(server, number, second)
            await shown(one, 153)
            time_ms = (START_US + 15 * SECOND_US) // 1000
            await until(lambda: written_us(server) >= START_US + 30 * SECOND_US)
            head = await answered(one, type="rewind", time=time_ms, playing=False)
            assert (head["time"], head["playing"]) == (time_ms, False)
            assert (await shown(one, 151))["time"] == time_ms
            assert len(server.service.playheads) == 1
            # Nothing of it reaches the other page, which may not go back too.
            await happens(server, 154, 40)
            await shown(two, 154)
            assert "in the past" in (await answered(two, type="rewind", time=time_ms))["message"]
            await answered(one, type="live")
            assert (await shown(one, 154))["time"] == server.feed.time_us // 1000
            assert (await answered(one, type="rewind", time=time_ms))["time"] is not None
        # What a page had ends with its socket.
        await until(lambda: not len(server.service.playheads))
        assert (await answered(two, type="rewind", time=time_ms, playing=False))["time"] == time_ms
        assert server.feed.opened == 1
