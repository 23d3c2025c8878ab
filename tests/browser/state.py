"""What a page holds beside what its server sends, and who reads it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import re
from typing import Any
from urllib.request import urlopen

import websockets

from tests.browser.conftest import LINK, PATIENCE_S, Screen, eventually
from tests.server.conftest import TOKEN

COLUMNS = {
    "book": ("bids", "asks", "best_bid", "best_ask"),
    "trades": ("trades",),
    "candles": ("bars", "liquidations"),
    "liquidations": ("orders", "sums"),
}


def digest(frame: dict[str, Any]) -> str:
    """Return a hash of a frame's columns, the same whatever wrote the numbers."""
    names = COLUMNS[next(name for name in COLUMNS if f"/{name}?" in frame["key"])]

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return [[name, plain(value[name])] for name in sorted(value)]
        if isinstance(value, list):
            return [plain(one) for one in value]
        return float(value) if isinstance(value, int | float) else value

    return hashlib.sha256(json.dumps([plain(frame[name]) for name in names]).encode()).hexdigest()


async def check_same_state(screen: Screen, address: str) -> None:
    """Check that what the page holds of every key is what the server sends of it, by the hash of the same sequence."""
    await screen.page.evaluate(f"""() => {{
        const link = {LINK.strip()};
        globalThis.held = new Map();
        for (const entry of link.entries.values()) {{
            held.set(`${{entry.key}} ${{entry.sequence}}`, {{ ...entry.frame, key: entry.key }});
        }}
        const {{ subscriptions }} = link;
        globalThis.kept ??= subscriptions.receive.bind(subscriptions);
        subscriptions.receive = (entry, message) => {{
            kept(entry, message);
            if (!entry?.frame) return;
            held.set(`${{entry.key}} ${{entry.sequence}}`, {{ ...entry.frame, key: entry.key }});
            if (held.size > 400) held.delete(held.keys().next().value);
        }};
    }}""")

    def of_all_columns(keys: list[str]) -> None:
        assert sorted(name for key in keys for name in COLUMNS if f"/{name}?" in key) == sorted(COLUMNS)

    keys = await eventually(lambda: screen.link("[...link.byKey.keys()]"), of_all_columns)
    wanted = {key for key in keys if any(f"/{name}?" in key for name in COLUMNS)}
    path = address.replace("http", "ws").rstrip("/") + f"/api/v1/ws/live?token={TOKEN}"
    equal: set[str] = set()
    async with asyncio.timeout(PATIENCE_S), websockets.connect(path, max_size=None) as socket:
        for key in wanted:
            await socket.send(json.dumps({"type": "subscribe", "key": key}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] != "frame" or message["key"] in equal:
                continue
            key = message["key"]
            if message["base"] is None:
                place = f"{key} {message['sequence']}"
                if (mine := await screen.page.evaluate("(place) => held.get(place) ?? null", place)) is not None:
                    assert digest(mine) == digest(message), place
                    equal.add(key)
                    if equal == wanted:
                        return
            # The next one shall be full again: the page folded it from deltas.
            await socket.send(json.dumps({"type": "resume", "key": key}))
            await asyncio.sleep(0.05)


async def check_no_gap(screen: Screen) -> None:
    """Check that each bar follows the one before it."""
    bars = "[...link.entries.values()].find((one) => one.request.stream === 'candles').frame.bars[0]"

    def without_a_gap(times: list[int]) -> None:
        assert len(times) == 400
        assert {after - before for before, after in itertools.pairwise(times)} == {60}

    await eventually(lambda: screen.link(bars), without_a_gap)


def readers(address: str) -> int:
    """Return how many readers of frames the server has."""
    with urlopen(address.rstrip("/") + f"/api/v1/metrics?token={TOKEN}", timeout=PATIENCE_S) as answer:
        text = answer.read().decode()
    found = re.search(r"^orderfox_desk_frame_readers (\S+)", text, re.MULTILINE)
    return int(float(found[1])) if found else 0


async def wait_readers(address: str, wanted: int) -> None:
    def check(found: int) -> None:
        assert found == wanted, f"{found} readers instead of {wanted}"

    await eventually(lambda: asyncio.to_thread(readers, address), check)
