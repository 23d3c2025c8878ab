"""What the dashboard costs a browser, a server and a kernel; beside it the same charts driven from Python.

All in one headless Chromium without a GPU (drawing is done by the CPU), one page after the other, in turns.

task: the main thread's ``TaskDuration`` of the Chrome DevTools Protocol: script, style, layout, painting.
        It is the thread's CPU time, so that a busy machine does not count.
script: what the sampling profiler saw in functions and in the garbage collector, in a second window. (The protocol's
        ``ScriptDuration`` leaves out what runs in promises, which is nearly all of a kernel's messages.)
Both are given per frame, a frame being one new state of the candle chart on the screen.
made:  frames that the server made for a widget, by their numbers; it makes one when a tenth of a second had news.
delay: from the server's stamp in a frame until the browser's main thread has painted it. The stamp is the venue's time;
       how far its clock is off is the least that any of some greetings of the server was late.

    python -m benchmarks.browser [--seconds 15] [--rounds 2]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from playwright.async_api import Browser, Page

from benchmarks.chart_cells import BARS, BQPLOT, COUNT_BQPLOT, COUNT_PLOTLY, DASHBOARD, MARKET, OURS, PLOTLY
from benchmarks.dashboard_page import CHART_FRAMES, of_dashboard, print_dashboard
from benchmarks.page_costs import costs
from benchmarks.stage import Server, chromium, dashboard, page_of, wait_live, write_notebook
from benchmarks.table import machine, print_table

TITLE = "The dashboard in a browser"

SPEED = 4
"""Of a market that has news for the chart, the book, the depth and the tape in every tenth of a second."""


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


async def of_ours(browser: Browser, server: Server, seconds: float) -> dict[str, float]:
    async with page_of(browser, server.url) as page:
        await wait_live(page, "candles", frames=10)
        await show_all_bars(page)
        await page.mouse.move(1, 1)
        await asyncio.sleep(2)
        return await costs(page, seconds, CHART_FRAMES)


async def of_rival(browser: Browser, server: Server, seconds: float, there: str, count: str) -> dict[str, float]:
    async with page_of(browser, server.url) as page:
        await page.wait_for_selector(there, state="attached", timeout=120_000)
        await asyncio.sleep(6)
        await page.evaluate(count)
        return await costs(page, seconds, "ofFrames")


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
    codes = {
        "dashboard": (DASHBOARD,),
        "faster": (DASHBOARD,),
        "ours": (OURS,),
        "bqplot": (MARKET, BQPLOT),
        "plotly": (MARKET, PLOTLY),
    }
    with tempfile.TemporaryDirectory(prefix="orderfox_bench_") as folder, ExitStack() as stack:
        servers = {
            name: stack.enter_context(
                dashboard(
                    # The rivals' charts are moved by Python, so that their pages need a kernel.
                    *(["--kernel-per-viewer"] if name in ("bqplot", "plotly") else []),
                    # The rivals have news in every tenth of a second: beside them our market is faster than life.
                    source=f"sim?seed=7&symbols=24&speed={SPEED if name in ('faster', 'ours') else 1}",
                    notebook=write_notebook(Path(folder) / f"{name}.ipynb", *cells),
                    preheat=0,
                )
            )
            for name, cells in codes.items()
        }
        async with chromium() as browser:
            own_pace = await of_dashboard(browser, servers["dashboard"], 2 * seconds, real_time=True)
            faster = await of_dashboard(browser, servers["faster"], 2 * seconds, real_time=False)
            print_dashboard(own_pace, faster, SPEED)
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
