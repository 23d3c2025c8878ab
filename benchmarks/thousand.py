"""A thousand viewers of one dashboard at one server: what each costs, and what some real pages see beside them.

A viewer of the script fetches the page as a browser does, opens the page's socket, subscribes the page's keys and
reads every frame without looking at it. The script runs in a process of its own. Memory is the server's own (USS).
The real pages are opened in one browser, one after the other, each until it is live; then all of them stay.
At the end some viewers come to the same server with a kernel for each, which is how every viewer was served before.

    python -m benchmarks.thousand [--viewers 1000] [--pages 20] [--seconds 20] [--kernels 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.stage import LINK, ROOT, Server, chromium, dashboard
from benchmarks.table import machine, print_table
from benchmarks.viewers import open_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Browser, BrowserContext

TITLE = "A thousand viewers"
OPENED_AT_ONCE = 20
MAX_TOTAL_MB = 400.0
MAX_VIEWER_KB = 200.0


async def view(session: Any, url: str, keys: list[str], gate: asyncio.Semaphore, counts: dict[str, int]) -> None:
    """Be a viewer until cancelled."""
    async with gate:
        async with session.get(url) as page:
            counts["page bytes"] = len(await page.read())
        socket = await session.ws_connect(f"{url}api/v1/ws/live", max_msg_size=0)
        for key in keys:
            await socket.send_str(json.dumps({"type": "subscribe", "key": key}))
        counts["open"] += 1
    async for _ in socket:
        counts["messages"] += 1
    counts["closed"] += 1


async def crowd(url: str, viewers: int, keys: list[str]) -> None:
    """Be many viewers until stdin ends; prints the counts each second."""
    from aiohttp import ClientSession, TCPConnector

    counts = {"open": 0, "closed": 0, "messages": 0}
    gate = asyncio.Semaphore(OPENED_AT_ONCE)
    async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as session:
        tasks = [asyncio.create_task(view(session, url, keys, gate, counts)) for _ in range(viewers)]
        ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
        while not ended.done():
            print(json.dumps(counts), flush=True)
            await asyncio.wait([ended], timeout=1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@contextmanager
def crowded(url: str, viewers: int, keys: list[str]) -> Iterator[Any]:
    """Run the crowd beside; gives what reads its newest counts."""
    command = [sys.executable, "-m", "benchmarks.thousand", "--crowd", url, str(viewers), json.dumps(keys)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdin is not None

    def counts() -> dict[str, int]:
        assert process.stdout is not None
        return json.loads(process.stdout.readline() or "{}")

    try:
        yield counts
    finally:
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def newest(counts: Any) -> dict[str, int]:
    """Skip the counts that the crowd printed meanwhile: a line that has to be waited for is current."""
    while True:
        started = time.monotonic()
        now = counts()
        if time.monotonic() - started > 0.2:
            return now


def own_mb(server: Server) -> float:
    return server.process.memory_full_info().uss / 2**20


async def painted(contexts: list[BrowserContext]) -> list[int]:
    frames = "Number(document.querySelector('.of-book').dataset.frames)"
    return [await context.pages[0].evaluate(frames) for context in contexts]


async def measure_crowd(browser: Browser, viewers: int, pages: int, seconds: float) -> dict[str, Any]:
    with dashboard(preheat=0) as server:
        contexts = [await open_page(browser, server)]
        keys = await contexts[0].pages[0].evaluate(f"[...{LINK}.byKey.keys()]")
        await asyncio.sleep(5)
        found: dict[str, Any] = {"one MB": own_mb(server)}
        with crowded(server.url, viewers, keys) as counts:
            began = time.monotonic()
            now = await asyncio.to_thread(counts)
            while now["open"] < viewers:
                now = await asyncio.to_thread(counts)
                if time.monotonic() - began > 240:
                    raise RuntimeError(f"only {now} after 240 s")
            found |= {"all open s": time.monotonic() - began, "page kB": now["page bytes"] / 1e3}
            for _ in range(5):
                now = await asyncio.to_thread(counts)
            found["all MB"] = own_mb(server)
            opened: list[float] = []
            while len(contexts) < pages:
                asked = time.monotonic()
                contexts.append(await open_page(browser, server))
                opened.append(time.monotonic() - asked)
            found |= {"with pages MB": own_mb(server), "live s": opened}
            now = await asyncio.to_thread(newest, counts)
            before, cpu, messages_before = await painted(contexts), server.process.cpu_times(), now["messages"]
            start = time.monotonic()
            while time.monotonic() - start < seconds:
                now = await asyncio.to_thread(counts)
            wall = time.monotonic() - start
            after, used = await painted(contexts), server.process.cpu_times()
            found |= {
                "messages": (now["messages"] - messages_before) / wall,
                "closed": now["closed"],
                "CPU": 100 * (used.user + used.system - cpu.user - cpu.system) / wall,
                "seldomest page": min(b - a for a, b in zip(before, after, strict=True)) / wall,
                "kernels": len(server.kernels),
                "lasting MB": own_mb(server),
            }
        for context in contexts:
            await context.close()
    return found


async def measure_kernels(browser: Browser, viewers: int) -> dict[str, float]:
    with dashboard("--kernel-per-viewer", preheat=0) as server:
        contexts = [await open_page(browser, server)]
        await asyncio.sleep(5)
        one = own_mb(server)
        while len(contexts) <= viewers:
            contexts.append(await open_page(browser, server))
        await asyncio.sleep(5)
        memory = [kernel.memory_full_info().uss / 2**20 for kernel in server.kernels]
        found = {"server MB": (own_mb(server) - one) / viewers, "kernel MB": sum(memory) / len(memory)}
        for context in contexts:
            await context.close()
    return found


async def measure(arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, float]]:
    async with chromium() as browser:
        new = await measure_crowd(browser, arguments.viewers, arguments.pages, arguments.seconds)
        return new, await measure_kernels(browser, arguments.kernels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--kernels", type=int, default=5, help="viewers with a kernel each, to compare")
    parser.add_argument("--crowd", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    # Servers inherit it: a socket is an open file.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if arguments.crowd:
        url, viewers, keys = arguments.crowd
        asyncio.run(crowd(url, int(viewers), json.loads(keys)))
        return 0
    load = os.getloadavg()[0]
    new, old = asyncio.run(measure(arguments))
    each_kb = 1024 * (new["all MB"] - new["one MB"]) / arguments.viewers
    rows: list[list[object]] = [
        ["server with one page, MB", f"{new['one MB']:.0f}"],
        [f"with {arguments.viewers:,} viewers, MB", f"{new['all MB']:.0f}"],
        [f"and {arguments.pages} real pages, MB", f"{new['with pages MB']:.0f}"],
        [f"after {arguments.seconds:g} s more, MB", f"{new['lasting MB']:.0f}"],
        ["a further viewer, kB", f"{each_kb:.0f}"],
        ["the same with a kernel each: in the server, kB", f"{1024 * old['server MB']:.0f}"],
        ["and its kernel, kB", f"{1024 * old['kernel MB']:.0f}"],
        ["kernels beside the server", new["kernels"]],
        ["the page over the network, kB", f"{new['page kB']:.0f}"],
        ["until all were there, s", f"{new['all open s']:.0f}"],
        ["until a further real page was live, median and slowest, s", _median_and_slowest(new["live s"])],
        ["messages sent a second", f"{new['messages']:,.0f}"],
        ["sockets that the server closed", new["closed"]],
        ["server, % of a core", f"{new['CPU']:.0f}"],
        ["paints a second of the slowest page's book", f"{new['seldomest page']:.1f}"],
    ]
    print_table(f"{TITLE} ({machine()}, load {load:.1f} at the start)", ("what", "measured"), rows)
    faults = [
        claim
        for claim, holds in {
            f"the server takes less than {MAX_TOTAL_MB:g} MB": new["lasting MB"] < MAX_TOTAL_MB,
            f"a further viewer takes less than {MAX_VIEWER_KB:g} kB": each_kb < MAX_VIEWER_KB,
            "there is no kernel": new["kernels"] == 0,
            "no socket was closed": new["closed"] == 0,
            "every page paints": new["seldomest page"] > 0,
        }.items()
        if not holds
    ]
    if faults:
        print("Not so:", *faults, sep="\n  ")
    return bool(faults)


def _median_and_slowest(seconds: list[float]) -> str:
    return f"{median(seconds):.1f}, {max(seconds):.1f}" if seconds else "–"


if __name__ == "__main__":
    sys.exit(main())
