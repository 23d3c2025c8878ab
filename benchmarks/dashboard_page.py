"""The whole dashboard on one page: what of it is painted, how late, and at what cost."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser
from websockets.asyncio.client import connect

from benchmarks.page_costs import costs
from benchmarks.stage import LINK, PANELS, Server, cpu_s, page_of, wait_live
from benchmarks.table import print_table

STREAMS = {
    "header": "ticker",
    "candles": "candles",
    "book": "book",
    "depth": "depth",
    "tape": "trades",
    "liquidations": "liquidations",
}
CHART_FRAMES = "Number(document.querySelector('.of-chart').dataset.frames)"
COUNT_FRAMES = f"""([panels, streams]) => {{
    const link = {LINK};
    const made = Object.fromEntries([...link.entries.values()].map((one) => [one.request.stream, one.sequence ?? 0]));
    return Object.fromEntries(Object.entries(panels).map(([name, where]) => [
        name, [made[streams[name]] ?? 0, Number(document.querySelector(where).dataset.frames ?? 0)],
    ]));
}}"""
"""Of each widget: the number of the server's newest frame, and how many frames were painted."""
WATCH_DELAYS = f"""() => {{
    const link = {LINK};
    globalThis.ofDelays = {{}};
    for (const entry of link.entries.values()) {{
        const delays = (ofDelays[entry.request.stream] = []);
        // Stands behind the panel's own view, so its paint follows the panel's in the same animation frame; the
        // message is heard once that frame is painted.
        entry.views.add({{
            paint({{ frame }}) {{
                const {{ time }} = frame;
                const {{ port1, port2 }} = new MessageChannel();
                port1.onmessage = () => delays.push(Date.now() - time);
                port2.postMessage(0);
            }},
        }});
    }}
}}"""


@dataclass
class PaintedPage:
    """A dashboard that was watched for some seconds."""

    made: dict[str, float]
    """Frames a second that the server made for each widget: there is one whenever a tenth of a second has news."""
    painted: dict[str, float]
    delays: dict[str, list[float]]
    """Ascending ms from the server's stamp to the paint; empty if the market's clock is faster than ours."""
    whole: dict[str, float]


async def clock_behind_ms(server: Server) -> float:
    """Return how far the venue's clock is behind ours: the quickest of some greetings knows it to a millisecond."""
    found: list[float] = []
    for _ in range(20):
        async with connect(server.url.replace("http", "ws", 1) + "api/v1/ws/live", compression=None) as socket:
            hello = json.loads(await socket.recv())
            found.append(time.time() * 1e3 - hello["time"])
    return min(found)


async def of_dashboard(browser: Browser, server: Server, seconds: float, *, real_time: bool) -> PaintedPage:
    """Watch the whole dashboard.

    Args:
        browser: Opens a page of its own for it.
        server: Serves it.
        seconds: How long.
        real_time: Whether the market's clock runs at real time: only then do its stamps give delays.
    """
    async with page_of(browser, server.url) as page:
        await wait_live(page, "liquidations")
        await wait_live(page, "candles", "book", "tape", frames=10)
        await asyncio.sleep(3)
        behind = await clock_behind_ms(server) if real_time else 0.0
        if real_time:
            await page.evaluate(WATCH_DELAYS)
        panels = {name: where for name, where in PANELS.items() if await page.locator(where).count()}

        async def counts() -> dict[str, tuple[int, int]]:
            return await page.evaluate(COUNT_FRAMES, [panels, STREAMS])

        def used() -> list[float]:
            return [cpu_s(server.kernels[:1]), cpu_s([server.process]), cpu_s(server.sources)]

        cpu, received, frames = used(), await page.evaluate(f"{LINK}.counters.bytes"), await counts()
        start = time.perf_counter()
        whole = await costs(page, seconds, CHART_FRAMES)
        late, wall = await counts(), time.perf_counter() - start
        whole["bytes"] = (await page.evaluate(f"{LINK}.counters.bytes") - received) / wall
        whole |= {
            name: 100 * (now - before) / wall
            for name, now, before in zip(("kernel", "server", "exchange"), used(), cpu, strict=True)
        }
        delays: dict[str, list[float]] = await page.evaluate("globalThis.ofDelays ?? {}")
        whole["drift"] = abs(await clock_behind_ms(server) - behind) if real_time else 0.0
        made, painted = (
            {name: (late[name][which] - frames[name][which]) / wall for name in panels} for which in (0, 1)
        )
        late_by = {name: sorted(delay - behind for delay in delays.get(STREAMS[name], [])) for name in panels}
        return PaintedPage(made, painted, late_by, whole)


def at(ordered: list[float], share: float) -> str:
    return f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))]:.0f}" if ordered else "–"


def print_dashboard(own_pace: PaintedPage, faster: PaintedPage, speed: int) -> None:
    """Print a dashboard of a market at its own pace beside one of a market that is some times as fast."""
    rows: list[list[Any]] = [
        [
            name,
            own_pace.made[name],
            own_pace.painted[name],
            at(own_pace.delays[name], 0.5),
            at(own_pace.delays[name], 0.99),
            faster.made[name],
            faster.painted[name],
        ]
        for name in own_pace.made
    ]
    together = sorted(delay for delays in own_pace.delays.values() for delay in delays)
    sums = [sum(one.values()) for one in (own_pace.made, own_pace.painted, faster.made, faster.painted)]
    rows.append(["all", *sums[:2], at(together, 0.5), at(together, 0.99), *sums[2:]])
    print_table(
        "The whole dashboard: frames a second that the server made, since there was news, and that the page painted, "
        f"at the market's own pace and at {speed} times that",
        ("widget", "made", "painted", "p50 ms", "p99 ms", f"made ×{speed}", f"painted ×{speed}"),
        rows,
    )
    print_table(
        "The whole dashboard: what it takes",
        ("what", "own pace", f"×{speed}"),
        [
            [name, *(write(one.whole) for one in (own_pace, faster))]
            for name, write in {
                "main thread, task ms/s": lambda whole: whole["task_s"],
                "main thread, script ms/s": lambda whole: whole["script_s"],
                "over the socket, kB/s": lambda whole: whole["bytes"] / 1e3,
                "kernel, % of a core": lambda whole: f"{whole['kernel']:.2f}",
                "server, % of a core": lambda whole: whole["server"],
                "embedded exchange, % of a core": lambda whole: whole["exchange"],
                "clocks moved apart meanwhile, ms": lambda whole: whole["drift"] or "–",
            }.items()
        ],
    )
