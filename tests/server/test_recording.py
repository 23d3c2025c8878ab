"""A server records what its readers see, and what it has flushed outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import orderfox_nb
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Topic
from tests.server.conftest import Child

pytestmark = pytest.mark.server

Start = Callable[..., tuple[Child, str]]


async def health(address: str) -> dict[str, Any]:
    async with ClientSession() as session, session.get(f"{address}/health") as answer:
        return (await answer.json())["recording"]


async def recorded(address: str, events: int) -> dict[str, Any]:
    """Wait until a server has recorded so many events."""
    async with asyncio.timeout(60):
        while (found := await health(address))["events"] < events:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    return found


async def test_a_server_that_is_killed_has_recorded_what_it_flushed(start_dashboard: Start, tmp_path: Path):
    where = {"ORDERFOX_DATA_DIR": str(tmp_path), "ORDERFOX_RECORDING": "1"}
    child, address = start_dashboard("--source", "sim?symbols=2&speed=5", **where)
    assert await health(address) == {
        "state": "idle", "problem": "", "recording": "", "bytes": 0, "topics": 0, "events": 0,
    }  # fmt: skip
    updates: list[tuple[int, float]] = []
    async with connect(f"ws{address[4:]}/api/v1/ws/orderbook?symbol=BTCUSDT&rounding=0.1") as socket:

        async def read() -> None:
            with contextlib.suppress(ConnectionClosed):
                async for message in socket:
                    update = json.loads(message)
                    if update.get("bids"):
                        updates.append((update["timestamp"], update["bids"][0]["price"]))

        reading = asyncio.create_task(read())
        found = await recorded(address, 200)
        async with asyncio.timeout(60):
            while len(updates) < 30:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        assert (found["state"], found["problem"]) == ("recording", "")
        child.process.kill()
        await asyncio.wait({reading}, timeout=60)
    child.end()
    rec = orderfox_nb.open_recording(tmp_path / "recordings" / found["recording"])
    assert rec.info().gaps == 0
    topic = Topic("sim", "BTCUSDT", "book")
    state = rec.recording.state(topic)
    assert state is not None
    assert isinstance(state.fold, Book)
    assert state.fold.synced
    # It flushes each second, which is five of the market; a machine with much to do is later.
    assert rec.recording.end_us / 1000 > updates[-1][0] - 10 * 5_000
    shown = {time: price for time, price in updates[:-1] if time * 1000 < state.fold.time_us}
    best = {}
    fold = Book(state.instrument)
    for event in rec.events():
        if event.topic == topic:
            fold.apply(event.event)
            if fold.synced and fold.best_bid is not None:
                best[fold.time_us // 1000] = fold.instrument.price(fold.best_bid)
    assert len(shown) > 10
    assert {time: best.get(time) for time in shown} == shown


async def test_a_folder_that_cannot_be_written_stops_the_recorder_alone(start_dashboard: Start, tmp_path: Path):
    # A file stands where the folder would be made.
    (tmp_path / "recordings").write_text("in the way")
    where = {"ORDERFOX_DATA_DIR": str(tmp_path), "ORDERFOX_RECORDING": "1"}
    child, address = start_dashboard("--source", "sim?symbols=1", **where)
    async with connect(f"ws{address[4:]}/api/v1/ws/orderbook?symbol=BTCUSDT") as socket, asyncio.timeout(60):
        while (found := await health(address))["state"] != "stopped":
            await socket.recv()
        assert "recordings cannot be written" in found["problem"]
        assert json.loads(await socket.recv())["bids"]
    assert child.end()
