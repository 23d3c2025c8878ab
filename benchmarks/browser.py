"""What the dashboard costs a browser, a server and a kernel; beside it the same charts driven from Python.

All in one headless Chromium without a GPU (drawing is done by the CPU), one page after the other, in turns.

task: the main thread's ``TaskDuration`` of the Chrome DevTools Protocol: script, style, layout, painting.
        It is the thread's CPU time, so that a busy machine does not count.
script: what the sampling profiler saw in functions and in the garbage collector, in a second window. (The protocol's
        ``ScriptDuration`` leaves out what runs in promises, which is nearly all of a kernel's messages.)
Both are given per frame, a frame being one new state of the candle chart on the screen.
delay: from the server's stamp in a frame until the browser's main thread has painted it. The stamp is the venue's time;
       how far its clock is off is the least that any of some greetings of the server was late.

    python -m benchmarks.browser [--seconds 15] [--rounds 2]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, CDPSession, Page
from websockets.asyncio.client import connect

from benchmarks.stage import LINK, PANELS, Server, chromium, cpu_s, dashboard, page_of, wait_live, write_notebook
from benchmarks.table import machine, print_table

TITLE = "The dashboard in a browser"

BARS = 1000
DASHBOARD = f"""
from orderfox_nb.widgets import Dashboard

desk = Dashboard(symbol="BTCUSDT")
desk.chart.bars = {BARS}
desk
"""
OURS = f"""
from ipywidgets import HBox
from orderfox_nb.widgets import CandleChart, DepthChart

candles = CandleChart(symbol="BTCUSDT", bars={BARS})
candles.layout.width = "900px"
depth = DepthChart(symbol="BTCUSDT")
depth.layout.width = "480px"
depth.layout.height = "520px"
HBox([candles, depth])
"""
# The same numbers for both rivals: a market that moves ten times a second. Their scales stand still, which spares them
# the rescaling.
MARKET = f"""
import threading, time
import numpy as np

draws = np.random.default_rng(7)
times = np.datetime64("2026-01-01T00:00") + np.arange({BARS}) * np.timedelta64(1, "m")
close = 68_000 + np.cumsum(draws.normal(0, 20, {BARS}))
opened = np.concatenate([close[:1], close[:-1]])
high, low = np.maximum(opened, close) + 15, np.minimum(opened, close) - 15
volume = draws.gamma(2, 20, {BARS})
liquidations = draws.normal(0, 1e4, {BARS}) * (draws.random({BARS}) < 0.2)
average = np.convolve(np.abs(liquidations), np.ones(50) / 50, "same")
distance = np.arange(1, 201)

def move():
    close[-1] += draws.normal(0, 3)
    high[-1], low[-1] = max(high[-1], close[-1]), min(low[-1], close[-1])
    volume[-1] += 0.1
    liquidations[-1] += draws.normal(0, 100)
    return np.cumsum(draws.gamma(2, 2, 200)), np.cumsum(draws.gamma(2, 2, 200))

bids, asks = move()

def run(update):
    def forever():
        time.sleep(3)
        while True:
            begun = time.monotonic()
            update()
            time.sleep(max(0.0, 0.1 - (time.monotonic() - begun)))

    threading.Thread(target=forever, daemon=True).start()
"""
BQPLOT = """
import bqplot
from ipywidgets import HBox, Layout

x = bqplot.DateScale(min=times[0].item(), max=times[-1].item())
y = bqplot.LinearScale(min=float(low.min()) - 500, max=float(high.max()) + 500)
v = bqplot.LinearScale(min=0, max=2_000)
q = bqplot.LinearScale(min=-4e5, max=4e4)
candles = bqplot.OHLC(x=times, y=np.c_[opened, high, low, close], marker="candle", scales={"x": x, "y": y})
traded = bqplot.Bars(x=times, y=volume, scales={"x": x, "y": v})
liquidated = bqplot.Bars(x=times, y=liquidations, scales={"x": x, "y": q})
mean = bqplot.Lines(x=times, y=average, scales={"x": x, "y": q})
axes = [bqplot.Axis(scale=x), bqplot.Axis(scale=y, orientation="vertical", side="right")]
chart = bqplot.Figure(marks=[candles, traded, liquidated, mean], axes=axes, title="0",
                      layout=Layout(width="900px", height="520px"))
d, c = bqplot.LinearScale(min=-200, max=200), bqplot.LinearScale(min=0, max=1_200)
bid_line = bqplot.Lines(x=-distance, y=bids, scales={"x": d, "y": c}, fill="bottom")
ask_line = bqplot.Lines(x=distance, y=asks, scales={"x": d, "y": c}, fill="bottom")
depth = bqplot.Figure(marks=[bid_line, ask_line], layout=Layout(width="480px", height="520px"))
number = 0

def update():
    global number
    bids, asks = move()
    with candles.hold_sync(), traded.hold_sync(), liquidated.hold_sync(), bid_line.hold_sync(), ask_line.hold_sync():
        candles.y = np.c_[opened, high, low, close]
        traded.y = volume.copy()
        liquidated.y = liquidations.copy()
        bid_line.y, ask_line.y = bids, asks
    number += 1
    chart.title = str(number)

run(update)
HBox([chart, depth])
"""
PLOTLY = """
import plotly.graph_objects as go
from ipywidgets import HBox

chart = go.FigureWidget(
    [
        go.Candlestick(x=times, open=opened, high=high, low=low, close=close),
        go.Bar(x=times, y=volume, yaxis="y2"),
        go.Bar(x=times, y=liquidations, yaxis="y3"),
        go.Scatter(x=times, y=average, yaxis="y3"),
    ],
    go.Layout(width=900, height=520, showlegend=False, xaxis_rangeslider_visible=False,
              xaxis_range=[str(times[0]), str(times[-1])],
              yaxis_range=[float(low.min()) - 500, float(high.max()) + 500],
              yaxis2=dict(overlaying="y", range=[0, 2_000], visible=False),
              yaxis3=dict(overlaying="y", range=[-4e5, 4e4], visible=False)),
)
depth = go.FigureWidget(
    [go.Scatter(x=-distance, y=bids, fill="tozeroy"), go.Scatter(x=distance, y=asks, fill="tozeroy")],
    go.Layout(width=480, height=520, showlegend=False, xaxis_range=[-200, 200], yaxis_range=[0, 1_200]),
)

def update():
    bids, asks = move()
    with chart.batch_update():
        candles, traded, liquidated, _ = chart.data
        candles.high, candles.low, candles.close = high.copy(), low.copy(), close.copy()
        traded.y = volume.copy()
        liquidated.y = liquidations.copy()
    with depth.batch_update():
        depth.data[0].y, depth.data[1].y = bids, asks

run(update)
HBox([chart, depth])
"""

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
COUNT_BQPLOT = """() => {
    globalThis.ofFrames = 0;
    const title = document.querySelector(".bqplot .mainheading");
    new MutationObserver(() => ofFrames++).observe(title, { childList: true, characterData: true, subtree: true });
}"""
COUNT_PLOTLY = """() => {
    globalThis.ofFrames = 0;
    const plots = [...document.querySelectorAll(".js-plotly-plot")];
    plots.find((plot) => plot.data.length === 4).on("plotly_afterplot", () => ofFrames++);
}"""


async def costs(page: Page, seconds: float, frames: str) -> dict[str, float]:
    """Measure a page for some seconds: what its main thread did, and how many frames an expression counted."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def read() -> dict[str, float]:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return {one["name"]: one["value"] for one in metrics} | {"frames": await page.evaluate(frames)}

    before, begun = await read(), time.perf_counter()
    await asyncio.sleep(seconds)
    after, wall = await read(), time.perf_counter() - begun
    script_s, script = await scripted(session, page, seconds / 2, frames)
    await session.detach()
    count = after["frames"] - before["frames"]

    def spent(name: str) -> float:
        return 1e3 * (after[name] - before[name])

    return {
        "frames": count / wall,
        "task": spent("TaskDuration") / max(1, count),
        "script": script,
        "task_s": spent("TaskDuration") / wall,
        "script_s": script_s,
    }


async def scripted(session: CDPSession, page: Page, seconds: float, frames: str) -> tuple[float, float]:
    """Profile a page for some seconds; returns the ms of its functions a second and a frame."""
    await session.send("Profiler.enable")
    await session.send("Profiler.setSamplingInterval", {"interval": 500})
    count, begun = await page.evaluate(frames), time.perf_counter()
    await session.send("Profiler.start")
    await asyncio.sleep(seconds)
    profile = (await session.send("Profiler.stop"))["profile"]
    wall, count = time.perf_counter() - begun, await page.evaluate(frames) - count
    names = {node["id"]: node["callFrame"]["functionName"] for node in profile["nodes"]}
    spent_us = sum(
        delta
        for node, delta in zip(profile["samples"], profile["timeDeltas"], strict=True)
        if names[node] not in {"(root)", "(program)", "(idle)"}
    )
    return spent_us / 1e3 / wall, spent_us / 1e3 / max(1, count)


async def show_all_bars(page: Page) -> None:
    """Zoom out until every bar is on the screen: then the chart asks for older ones."""
    box = await page.locator(".of-candle-chart .bqplot").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 90, box["y"] + box["height"] / 3)
    for _ in range(60):
        if int(await page.locator(".of-chart").get_attribute("data-bars") or 0) > BARS:
            return
        await page.mouse.wheel(0, 200)
        await asyncio.sleep(0.2)
    raise RuntimeError("the chart does not zoom out")


async def clock_behind_ms(server: Server) -> float:
    """Return how far the venue's clock is behind ours: the quickest of some greetings knows it to a millisecond."""
    found: list[float] = []
    for _ in range(20):
        async with connect(server.url.replace("http", "ws", 1) + "api/v1/ws/live", compression=None) as socket:
            hello = json.loads(await socket.recv())
            found.append(time.time() * 1e3 - hello["time"])
    return min(found)


async def of_ours(browser: Browser, server: Server, seconds: float) -> dict[str, float]:
    async with page_of(browser, server.url) as page:
        await wait_live(page, "candles", frames=10)
        await show_all_bars(page)
        await page.mouse.move(1, 1)
        await asyncio.sleep(2)
        return await costs(page, seconds, "Number(document.querySelector('.of-chart').dataset.frames)")


async def of_rival(browser: Browser, server: Server, seconds: float, there: str, count: str) -> dict[str, float]:
    async with page_of(browser, server.url) as page:
        await page.wait_for_selector(there, state="attached", timeout=120_000)
        await asyncio.sleep(6)
        await page.evaluate(count)
        return await costs(page, seconds, "ofFrames")


async def of_dashboard(browser: Browser, server: Server, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure the whole dashboard: per widget, and as a whole."""
    async with page_of(browser, server.url) as page:
        await wait_live(page, "liquidations")
        await wait_live(page, "candles", "book", "tape", frames=10)
        await asyncio.sleep(3)
        behind = await clock_behind_ms(server)
        await page.evaluate(WATCH_DELAYS)
        panels = {name: where for name, where in PANELS.items() if await page.locator(where).count()}

        async def painted() -> dict[str, int]:
            return await page.evaluate(
                "(panels) => Object.fromEntries(Object.entries(panels).map(([name, where]) => "
                "[name, Number(document.querySelector(where).dataset.frames ?? 0)]))",
                panels,
            )

        kernel, sources = server.kernels[:1], server.sources
        used = [cpu_s(kernel), cpu_s([server.process]), cpu_s(sources)]
        frames, received, begun = await painted(), await page.evaluate(f"{LINK}.counters.bytes"), time.perf_counter()
        whole: dict[str, Any] = await costs(page, seconds, "Number(document.querySelector('.of-chart').dataset.frames)")
        wall = time.perf_counter() - begun
        after = await painted()
        whole["bytes"] = (await page.evaluate(f"{LINK}.counters.bytes") - received) / wall
        now = [cpu_s(kernel), cpu_s([server.process]), cpu_s(sources)]
        whole |= {
            name: 100 * (late - early) / wall
            for name, late, early in zip(("kernel", "server", "exchange"), now, used, strict=True)
        }
        delays: dict[str, list[float]] = await page.evaluate("ofDelays")
        drift = abs(await clock_behind_ms(server) - behind)
        streams = {"header": "ticker", "candles": "candles", "book": "book", "depth": "depth", "tape": "trades"}
        streams["liquidations"] = "liquidations"
        widgets = {
            name: {
                "frames": (after[name] - frames[name]) / wall,
                "delays": sorted(delay - behind for delay in delays.get(streams[name], [])),
            }
            for name in panels
        }
        whole["drift"] = drift
        return widgets, whole


def at(ordered: list[float], share: float) -> str:
    return f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))]:.0f}" if ordered else "–"


def print_dashboard(widgets: Mapping[str, Any], whole: Mapping[str, float]) -> None:
    rows = [[name, one["frames"], at(one["delays"], 0.5), at(one["delays"], 0.99)] for name, one in widgets.items()]
    together = sorted(delay for one in widgets.values() for delay in one["delays"])
    rows.append(["all", sum(row[1] for row in rows), at(together, 0.5), at(together, 0.99)])
    print_table(
        "The whole dashboard: what is painted, and how long after the server's stamp",
        ("widget", "frames/s", "p50 ms", "p99 ms"),
        rows,
    )
    print_table(
        "The whole dashboard: what it takes",
        ("what", "value"),
        [
            ["main thread, task ms/s", whole["task_s"]],
            ["main thread, script ms/s", whole["script_s"]],
            ["over the socket, kB/s", whole["bytes"] / 1e3],
            ["kernel, % of a core", f"{whole['kernel']:.2f}"],
            ["server, % of a core", whole["server"]],
            ["embedded exchange, % of a core", whole["exchange"]],
            ["clocks moved apart meanwhile, ms", whole["drift"]],
        ],
    )


def print_rivals(results: Mapping[str, list[dict[str, float]]]) -> None:
    middle = {name: {key: median(one[key] for one in rounds) for key in rounds[0]} for name, rounds in results.items()}
    ours = middle["ours"]
    rows: list[list[object]] = []
    for name, one in middle.items():
        task, script = one["task"] / ours["task"], one["script"] / ours["script"]
        rows.append(
            [name, one["frames"], one["task"], f"{one['script']:.2f}", f"{task:.1f}×", f"{script:.1f}×", one["task_s"]]
        )
    print_table(
        f"Candles with volume and liquidations of {BARS:,} bars, and depth: the main thread's ms a frame",
        ("charts", "frames/s", "task", "script", "task to ours", "script to ours", "task ms/s"),
        rows,
    )


async def measure(seconds: float, rounds: int) -> None:
    results: dict[str, list[dict[str, float]]] = {"ours": [], "bqplot, traits": [], "plotly, FigureWidget": []}
    codes = {"dashboard": (DASHBOARD,), "ours": (OURS,), "bqplot": (MARKET, BQPLOT), "plotly": (MARKET, PLOTLY)}
    with tempfile.TemporaryDirectory(prefix="orderfox_bench_") as folder, ExitStack() as stack:
        servers = {
            name: stack.enter_context(
                dashboard(
                    # Beside its rivals ours has news in every tenth of a second too: the market runs faster.
                    source=f"sim?seed=7&symbols=24&speed={4 if name == 'ours' else 1}",
                    notebook=write_notebook(Path(folder) / f"{name}.ipynb", *cells),
                    preheat=0,
                )
            )
            for name, cells in codes.items()
        }
        async with chromium() as browser:
            print_dashboard(*await of_dashboard(browser, servers["dashboard"], 2 * seconds))
            for _ in range(rounds):
                results["ours"].append(await of_ours(browser, servers["ours"], seconds))
                rival = await of_rival(browser, servers["bqplot"], seconds, ".bqplot .mainheading", COUNT_BQPLOT)
                results["bqplot, traits"].append(rival)
                rival = await of_rival(browser, servers["plotly"], seconds, ".js-plotly-plot >> nth=1", COUNT_PLOTLY)
                results["plotly, FigureWidget"].append(rival)
    print_rivals(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    print(f"# {TITLE}\n\n{machine()}, no GPU, load {os.getloadavg()[0]:.1f} at the start")
    asyncio.run(measure(arguments.seconds, arguments.rounds))


if __name__ == "__main__":
    main()
