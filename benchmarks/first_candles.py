"""How long a visitor waits for the first candles, and what the page loads until then.

The server is warm (a kernel has run the notebook and waits) and so is the browser's cache. One line a tree: the median
of some loads, in seconds from the navigation. With ``--beside`` another checkout is measured in turns with this one.

committed: the page's first byte. DOM ready: the page's HTML is parsed.
kernel, live: the kernel's and the market's WebSocket are opened. candles: the chart is painted for the first time.
requests, MB: until then, data and blob addresses left out; MB over the network, what the cache had left out.

    python -m benchmarks.first_candles [--loads 5] [--beside ../another-checkout]
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

from playwright.async_api import BrowserContext

from benchmarks.stage import ROOT, child, chromium
from benchmarks.table import machine, print_table

TITLE = "Time to the first candles"
STEPS = ("committed", "DOM ready", "kernel", "live", "candles")
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from orderfox_nb.cli import main; sys.exit(main())"


def server_of(stack: ExitStack, tree: Path) -> str:
    """Start ``orderfox serve`` of a checkout; gives its address."""
    command = [sys.executable, "-c", START, str(tree), "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=24", "--notebook", str(tree / "notebooks" / "dashboard.ipynb")]
    _, line = stack.enter_context(child(command, "OrderFox is at", {"PYTHONPATH": str(tree)}))
    return line.split()[3]


async def wait_ready(url: str) -> None:
    """Wait until a kernel waits for a page."""
    async with asyncio.timeout(120):
        while True:
            text = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}metrics").read().decode())
            if 'orderfox_kernels{state="ready"} 1' in text:
                return
            await asyncio.sleep(0.1)


async def load(context: BrowserContext, url: str) -> dict[str, float]:
    """Load the page once and return the times of its steps, its requests and their MB."""
    await wait_ready(url)
    page = await context.new_page()
    found: dict[str, float] = {"requests": 0, "MB": 0}
    protocol = await context.new_cdp_session(page)
    await protocol.send("Network.enable")

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
    began = time.monotonic()
    await page.goto(url, wait_until="commit")
    found["committed"] = time.monotonic() - began
    await page.wait_for_load_state("domcontentloaded")
    found["DOM ready"] = time.monotonic() - began
    await page.wait_for_selector(".of-chart[data-frames]", state="attached", timeout=120_000)
    found["candles"] = time.monotonic() - began
    await page.close()
    return found


async def measure(trees: list[Path], loads: int) -> None:
    with ExitStack() as stack:
        urls = [server_of(stack, tree) for tree in trees]
        async with chromium() as browser:
            contexts = [await browser.new_context(viewport={"width": 1440, "height": 900}) for _ in trees]
            rounds: list[list[dict[str, float]]] = [[] for _ in trees]
            for turn in range(loads + 1):
                for context, url, results in zip(contexts, urls, rounds, strict=True):
                    result = await load(context, url)
                    if turn > 0:  # the first one fills the cache
                        results.append(result)
    rows = [
        [
            tree.name,
            *(f"{median(one[step] for one in results):.2f}" for step in STEPS),
            round(median(one["requests"] for one in results)),
            f"{median(one['MB'] for one in results):.2f}",
        ]
        for tree, results in zip(trees, rounds, strict=True)
    ]
    print_table(f"Seconds from the navigation, median of {loads} loads", ("tree", *STEPS, "requests", "MB"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--beside", type=Path, help="another checkout, measured in turns with this one")
    arguments = parser.parse_args()
    trees = [ROOT] if arguments.beside is None else [arguments.beside.resolve(), ROOT]
    print(f"# {TITLE}\n\n{machine()}, no GPU, load {os.getloadavg()[0]:.1f} at the start")
    asyncio.run(measure(trees, arguments.loads))


if __name__ == "__main__":
    main()
