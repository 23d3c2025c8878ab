"""How long a visitor waits for the first candles, and what the page loads until then.

Two servers in turns: one that rendered the page once for all, and one with a kernel for each viewer, which waits and
has run the notebook. The browser's cache is warm. One line a server: the median of some loads, in seconds from the
navigation. With ``--beside`` another checkout is measured in turns with these.

ready: from the server's start until a page can be had at once.
committed: the page's first byte. DOM ready: the page's HTML is parsed.
kernel, live: the kernel's and the market's WebSocket are opened. candles: the chart is painted for the first time.
page CPU, server CPU: what the page's main thread and the server took until then, also on a machine with other work.
requests, MB: until then, data and blob addresses left out; MB over the network, what the cache had left out.

    python -m benchmarks.first_candles [--loads 5] [--cold] [--beside ../another-checkout]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import BrowserContext, ViewportSize

from benchmarks.stage import ROOT, child, chromium, cpu_s
from benchmarks.table import machine, print_table

TITLE = "Time to the first candles"
SIZE: ViewportSize = {"width": 1440, "height": 900}
READY = ".of-candle-chart:has(.of-ready) .of-chart[data-frames]"
"""A chart that has a frame, and its canvas to draw it on."""
STEPS = ("committed", "DOM ready", "kernel", "live", "candles", "page CPU", "server CPU")
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from orderfox_nb.cli import main; sys.exit(main())"


class Contender:
    """A server of a checkout, and when a page can be had at once."""

    def __init__(self, stack: ExitStack, tree: Path, *options: str) -> None:
        self.name = " ".join([tree.name, *options])
        # One that knows no other way has a kernel for each viewer.
        self.kernels = bool(options) or not (tree / "orderfox_nb" / "server" / "viewer").is_dir()
        command = [sys.executable, "-c", START, str(tree), "serve", "--port", "0", "--no-browser", *options]
        command += ["--source", "sim?seed=7&symbols=24", "--notebook", str(tree / "notebooks" / "dashboard.ipynb")]
        began = time.monotonic()
        self.process, line = stack.enter_context(child(command, "OrderFox is at", {"PYTHONPATH": str(tree)}))
        self.url = line.split()[3]
        asyncio.run(self.wait_ready())
        self.ready_s = time.monotonic() - began

    async def wait_ready(self) -> None:
        """Wait until a kernel waits for a page, or the page for all is whole."""
        path, sign = ("metrics", 'orderfox_kernels{state="ready"} 1') if self.kernels else ("", "</html>")
        async with asyncio.timeout(120):
            while True:
                text = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{self.url}{path}").read().decode())
                if sign in text:
                    return
                await asyncio.sleep(0.1)


async def load(context: BrowserContext, served: Contender) -> dict[str, float]:
    """Load the page once and return the times of its steps, its requests and their MB."""
    await served.wait_ready()
    page = await context.new_page()
    found: dict[str, float] = {"requests": 0, "MB": 0}
    protocol = await context.new_cdp_session(page)
    await protocol.send("Network.enable")
    await protocol.send("Performance.enable", {"timeDomain": "threadTicks"})

    def loaded(event: dict[str, Any]) -> None:
        found["MB"] += event["encodedDataLength"] / 1e6

    def asked(event: dict[str, Any]) -> None:
        found["requests"] += not event["request"]["url"].startswith(("data:", "blob:"))

    def opened(event: dict[str, Any]) -> None:
        name = "live" if event["url"].split("?")[0].endswith("/ws/live") else "kernel"
        found.setdefault(name, time.monotonic() - began)

    protocol.on("Network.loadingFinished", loaded)
    protocol.on("Network.requestWillBeSent", asked)
    protocol.on("Network.webSocketCreated", opened)
    used_s = cpu_s([served.process])
    began = time.monotonic()
    await page.goto(served.url, wait_until="commit")
    found["committed"] = time.monotonic() - began
    await page.wait_for_load_state("domcontentloaded")
    found["DOM ready"] = time.monotonic() - began
    await page.wait_for_selector(READY, state="attached", timeout=120_000)
    found["candles"] = time.monotonic() - began
    metrics = (await protocol.send("Performance.getMetrics"))["metrics"]
    found["page CPU"] = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
    found["server CPU"] = cpu_s([served.process]) - used_s
    await page.close()
    return found


async def measure(servers: list[Contender], loads: int, *, cold: bool) -> list[list[dict[str, float]]]:
    async with chromium() as browser:
        contexts = [await browser.new_context(viewport=SIZE) for _ in servers]
        rounds: list[list[dict[str, float]]] = [[] for _ in servers]
        for turn in range(loads + 1):
            for at, (served, results) in enumerate(zip(servers, rounds, strict=True)):
                if cold:
                    await contexts[at].close()
                    contexts[at] = await browser.new_context(viewport=SIZE)
                result = await load(contexts[at], served)
                if turn > 0:  # the first one fills the cache
                    results.append(result)
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--cold", action="store_true", help="each load with an empty cache, as a first visit")
    parser.add_argument("--beside", type=Path, help="another checkout, measured in turns with this one")
    arguments = parser.parse_args()
    print(f"# {TITLE}\n\n{machine()}, no GPU, load {os.getloadavg()[0]:.1f} at the start")
    with ExitStack() as stack:
        servers = [] if arguments.beside is None else [Contender(stack, arguments.beside.resolve())]
        servers += [Contender(stack, ROOT, "--kernel-per-viewer"), Contender(stack, ROOT)]
        rounds = asyncio.run(measure(servers, arguments.loads, cold=arguments.cold))
    rows = [
        [
            served.name,
            f"{served.ready_s:.1f}",
            *(_median(results, step) for step in STEPS),
            round(median(one["requests"] for one in results)),
            _median(results, "MB"),
        ]
        for served, results in zip(servers, rounds, strict=True)
    ]
    cache = "an empty" if arguments.cold else "a warm"
    title = f"Seconds from the navigation, median of {arguments.loads} loads with {cache} cache"
    print_table(title, ("server", "ready", *STEPS, "requests", "MB"), rows)


def _median(results: list[dict[str, float]], step: str) -> str:
    found = [one[step] for one in results if step in one]
    return f"{median(found):.2f}" if found else "–"


if __name__ == "__main__":
    main()
