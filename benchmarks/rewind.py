"""How soon a page shows the past once the rewind slider is let go.

``orderfox serve`` records the embedded exchange, and a dashboard in a headless Chromium rewinds in it. Each turn drags
the playhead to another time and lets it go; a turn ends when chart, ladder and tape have each painted a frame of that
time. The floor takes turns with it: the same three frames asked for again where the playhead stands, painted alike.
What a turn takes beyond the floor is the seek.

In ms from the pointer's release (for the floor: from the request) until the browser has rendered the painted frame.

    python -m benchmarks.rewind [--minutes 10] [--turns 100]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Page
from websockets.asyncio.client import connect

from benchmarks.stage import LINK, chromium, dashboard, page_of, wait_live
from benchmarks.table import machine, print_table

TITLE = "The past after a release of the slider"
SOURCE = "sim?seed=7&symbols=24"
KEYS = (
    "book?rounding=auto&rows=50",
    "trades?rows=50",
    "candles?bars=400&interval=1m",
    "liquidations?rows=50",
    "ticker",
)
PARTS = ("chart", "book", "tape")
LIMIT_MS = 300
WATCH = f"""() => {{
    const link = {LINK};
    const streams = {{ chart: "candles", book: "book", tape: "trades" }};
    const entryOf = (stream) => [...link.entries.values()].find(({{ request }}) => request.stream === stream);
    const turn = globalThis.ofTurn = {{ from: null, wanted: null, done: {{}} }};
    const rendered = (name) => {{
        // A message that is posted while a frame is painted comes once it is rendered.
        const {{ port1, port2 }} = new MessageChannel();
        port1.onmessage = () => {{ turn.done[name] ??= performance.now() - turn.from; }};
        port2.postMessage(null);
    }};
    for (const name of Object.keys(streams)) {{
        new MutationObserver(() => {{
            if (turn.from === null) return;
            const {{ time, quality }} = entryOf(streams[name])?.frame ?? {{}};
            // Only what is whole counts.
            if (quality?.state !== "live") return;
            if (turn.wanted === null || Math.abs(time - turn.wanted) < 5_000) rendered(name);
        }}).observe(document.querySelector(`.of-${{name}}`), {{ attributeFilter: ["data-frames"] }});
    }}
    const strip = document.querySelector(".of-rewind-strip");
    addEventListener("pointerup", ({{ timeStamp, clientX }}) => {{
        if (!turn.armed) return;
        const {{ dataset: {{ from, to }}, clientWidth }} = strip;
        const x = clientX - strip.getBoundingClientRect().left;
        const wanted = Number(from) + (x / clientWidth) * (to - from);
        Object.assign(turn, {{ armed: false, wanted, from: timeStamp, done: {{}} }});
    }}, {{ capture: true }});
}}"""
AGAIN = f"""() => {{
    const link = {LINK};
    Object.assign(ofTurn, {{ from: performance.now(), wanted: null, done: {{}} }});
    for (const {{ request, key }} of link.entries.values())
        if (["candles", "book", "trades"].includes(request.stream)) link.post({{ type: "resume", key }});
}}"""
DONE = "() => Object.keys(ofTurn.done).length === 3 ? ofTurn.done : null"
SPAN = """() => {
    const { dataset: { from, to }, clientWidth } = document.querySelector(".of-rewind-strip");
    return [Number(from), Number(to), clientWidth];
}"""


async def record(url: str) -> None:
    """Read what a dashboard reads until cancelled, so that it is recorded without a hole."""
    async with connect(f"{url.replace('http', 'ws', 1)}api/v1/ws/live", max_size=None) as socket:
        for key in KEYS:
            await socket.send(json.dumps({"type": "subscribe", "key": f"sim/BTCUSDT/{key}"}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] in {"error", "gone"}:
                raise RuntimeError(message["message"])


async def finished(page: Page) -> dict[str, float]:
    """Wait until the three panels have painted."""
    async with asyncio.timeout(30):
        while True:
            done: dict[str, float] | None = await page.evaluate(DONE)
            if done is not None:
                return done
            await asyncio.sleep(0.02)


async def drag(page: Page, place: float, to: float, top: float) -> dict[str, float]:
    """Drag the playhead from one place of the strip to another, at a hand's pace, and let go."""
    await page.mouse.move(place, top)
    await page.mouse.down()
    for step in range(1, 13):
        await page.mouse.move(place + (to - place) * step / 12, top)
        await asyncio.sleep(0.016)
    await page.evaluate("() => { ofTurn.armed = true; }")
    await page.mouse.up()
    return await finished(page)


async def measure(url: str, turns: int, minutes: float) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    dice = random.Random(7)
    moves: list[dict[str, float]] = []
    floors: list[dict[str, float]] = []
    async with chromium() as browser, page_of(browser, url) as page, page_of(browser, url) as viewer:
        await wait_live(viewer, "candles", "book", "tape", frames=5)
        await wait_live(page, "candles", "book", "tape", frames=5)
        await page.bring_to_front()
        await page.wait_for_selector(".of-rewind > .of-rewind-button:enabled")
        await page.click(".of-rewind > .of-rewind-button")
        await page.wait_for_selector(".of-book[data-past][data-state='live']")
        await page.evaluate(WATCH)
        strip = page.locator(".of-rewind-strip")
        place = 0.0
        for turn in range(turns + 3):
            box = await strip.bounding_box()
            assert box
            begins, ends, width = await page.evaluate(SPAN)
            known = min(1.0, minutes * 60_000 / (ends - begins))
            # Within what is recorded, which ends at the right of the strip, and at least a tenth of it away.
            share = place
            while abs(share - place) < 0.1:
                share = dice.uniform(0.05, 0.95)

            def x_of(part: float, box: Any = box, width: float = width, known: float = known) -> float:
                return box["x"] + width * (1 - known + known * part)

            found = await drag(page, x_of(place), x_of(share), box["y"] + box["height"] / 2)
            place = share
            await asyncio.sleep(0.5)  # what a hand does between two drags
            await page.evaluate(AGAIN)
            floor = await finished(page)
            if turn >= 3:  # the first ones warm up
                moves.append(found)
                floors.append(floor)
            await asyncio.sleep(0.2)
        assert int(await viewer.evaluate("document.querySelector('.of-book').dataset.frames")) > turns
    return moves, floors


async def recorded_and_measured(
    url: str, turns: int, minutes: float
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    recording = asyncio.create_task(record(url))
    try:
        await asyncio.wait({recording}, timeout=minutes * 60)
        if recording.done():
            recording.result()
        return await measure(url, turns, minutes)
    finally:
        recording.cancel()
        await asyncio.wait({recording})


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="how long is recorded before")
    parser.add_argument("--turns", type=int, default=100, help="releases")
    arguments = parser.parse_args()
    print(f"# {TITLE}\n\n{machine()}, no GPU, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    with dashboard(source=SOURCE) as server:
        moves, floors = asyncio.run(recorded_and_measured(server.url, arguments.turns, arguments.minutes))
    rows: list[list[object]] = []
    for name in (*PARTS, "all three"):
        taken = [max(one.values()) if name == "all three" else one[name] for one in moves]
        floor = [max(one.values()) if name == "all three" else one[name] for one in floors]
        middle, late = percentile(taken, 0.5), percentile(taken, 0.99)
        floor_middle = percentile(floor, 0.5)
        within = sum(one <= LIMIT_MS for one in taken) / len(taken)
        rows.append(
            [
                name,
                *(round(one) for one in (middle, late, floor_middle, percentile(floor, 0.99))),
                f"{middle / floor_middle:.1f}",
                f"{within:.0%}",
            ]
        )
    title = f"{len(moves)} releases over {arguments.minutes:g} minutes, ms; load {os.getloadavg()[0]:.1f} at the end"
    columns = ("painted", "p50", "p99", "floor p50", "floor p99", "p50 / floor", f"within {LIMIT_MS} ms")
    print_table(title, columns, rows)


if __name__ == "__main__":
    main()
