"""A file that others recorded through the whole chain: import, replay, hub, frames, public endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect

from tests.server.conftest import Child

pytestmark = [pytest.mark.server, pytest.mark.feeds]


@pytest.fixture(scope="module")
def played(start_dashboard: Callable[..., tuple[Child, str]], recordings: Path) -> Iterator[str]:
    """The address of a server that plays the recorded BTCUSDT as fast as it is read."""
    tape = recordings / "usdm_btcusdt_20240808.gz"
    child, address = start_dashboard("--source", f"tape:{tape}?speed=max", "--preheat", "0")
    yield address
    child.leave()


async def frames_until_still(address: str, *, quiet_s: float = 4.0) -> list[dict[str, Any]]:
    """Read the book at the finest rounding until nothing more comes."""
    url = address.replace("http", "ws", 1) + "/api/v1/ws/orderbook/BTCUSDT?limit=50&rounding=0.1"
    messages: list[dict[str, Any]] = []
    async with connect(url) as socket:
        while True:
            try:
                # The first frame waits for the keyframe to be read.
                text = await asyncio.wait_for(socket.recv(), quiet_s if messages else 60)
            except TimeoutError:
                return messages
            messages.append(json.loads(text))


async def test_recording_ends_at_its_own_best_prices_without_a_gap_or_a_crossed_book(
    played: str, recordings: Path
) -> None:
    # Readers of the trades and the bars, so that they are folded while the tape runs.
    sockets = played.replace("http", "ws", 1) + "/api/v1/ws/"
    async with connect(sockets + "trades/BTCUSDT") as trades, connect(sockets + "candles/BTCUSDT/1m") as bars:
        async with asyncio.timeout(60):
            await trades.recv()
            await bars.recv()
        messages = await frames_until_still(played)
        async with ClientSession() as session, session.get(f"{played}/api/v1/quality/BTCUSDT") as answer:
            topics = {
                row["channel"]: [lapse["reason"] for lapse in row["lapses"]] for row in (await answer.json())["topics"]
            }
    assert topics == {key: ["the recording ends here"] for key in ("book", "trades", "candles")}

    books = [message for message in messages if message["type"] == "orderbook_update"]
    assert len(books) > 5
    states = [book["quality"]["state"] for book in books]
    assert states[0] == "live"
    assert states == sorted(states, key=["live", "down"].index)
    others = [message for message in messages if message["type"] in ("status", "error")]
    assert [message["state"] for message in others] == ["down"]
    assert "the recording ends here" in others[0]["message"]
    for book in books:
        assert book["bids"][0]["price"] < book["asks"][-1]["price"]
        assert [row["price"] for row in book["bids"]] == sorted((row["price"] for row in book["bids"]), reverse=True)
    sequences = [book["sequence"] for book in books]
    assert sequences == sorted(set(sequences))
    assert books[-1]["bids"][0]["price"] == 61659.7
    assert books[-1]["asks"][-1]["price"] == 61659.8

    derived = json.loads((recordings / "fapi_v1_klines_BTCUSDT_1m_20240808_from_trades.json").read_text())
    async with ClientSession() as session, session.get(f"{played}/api/v1/candles/BTCUSDT?timeframe=1m") as answer:
        candles = await answer.json()
    assert [
        [bar["timestamp"], bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]] for bar in candles
    ] == [[row[0], *(float(cell) for cell in row[1:6])] for row in derived]


async def test_what_the_recording_does_not_hold_is_reported_as_unknown(played: str) -> None:
    url = played.replace("http", "ws", 1) + "/api/v1/ws/live"
    async with asyncio.timeout(60), connect(url) as socket:
        hello = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "subscribe", "key": f"{hello['venue']}/BTCUSDT/ticker"}))
        while True:
            frame = json.loads(await socket.recv())
            if frame["type"] == "frame" and frame["quality"]["state"] == "down":
                break
    assert hello["origin"]["recorded"]
    unknown = ("last", "mark", "index", "funding", "next_funding", "open_interest")
    assert [frame[name] for name in unknown] == [None] * len(unknown)
