"""Ten viewers of one dashboard: what each costs the server, and that they share everything upstream of their sockets.

Real pages in one Chromium, each with its own kernel (``--kernel-per-viewer``) and its own socket. They take every
frame, but paint only twice a second: ten browsers have to share this machine's cores with the server that is measured.

    python -m benchmarks.viewers [--viewers 10] [--seconds 15]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from typing import Any

from playwright.async_api import Browser, BrowserContext

from benchmarks.stage import LINK, Server, chromium, cpu_s, dashboard, wait_live
from benchmarks.table import machine, print_table

TITLE = "Viewers of one dashboard"

PAINT_SELDOM = "globalThis.requestAnimationFrame = (paint) => setTimeout(() => paint(performance.now()), 500);"
COUNTED = ("hub_upstreams_opened", "hub_events", "frames_computed", "frames_encoded")
STATES = ("hub_topics", "hub_readers", "frame_keys_active", "frame_readers")


async def open_page(browser: Browser, server: Server) -> BrowserContext:
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    await context.add_init_script(PAINT_SELDOM)
    page = await context.new_page()
    await page.goto(server.url, wait_until="commit")
    await wait_live(page, "candles", "book", "tape", "liquidations", timeout_s=120)
    return context


def desk(server: Server) -> dict[str, float]:
    """Read the desk's counters."""
    found = server.statistics()
    return {name: found[f"orderfox_desk_{name}"] for name in (*COUNTED, *STATES)}


async def watch(contexts: list[BrowserContext], server: Server, seconds: float) -> dict[str, Any]:
    """Watch the server for some seconds."""
    kernels = server.kernels
    frames = f"{LINK}.counters.frames"
    taken = [await context.pages[0].evaluate(frames) for context in contexts]
    before, used = desk(server), (cpu_s([server.process]), cpu_s(kernels), cpu_s(server.sources))
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    wall = time.perf_counter() - start
    after, now = desk(server), (cpu_s([server.process]), cpu_s(kernels), cpu_s(server.sources))
    received = sum(
        [await context.pages[0].evaluate(frames) - earlier for context, earlier in zip(contexts, taken, strict=True)]
    )
    memory = [kernel.memory_full_info().uss / 2**20 for kernel in kernels]
    return {
        **{name: (after[name] - before[name]) / wall for name in COUNTED[1:]},
        **{name: after[name] for name in (*STATES, "hub_upstreams_opened")},
        "received": received / wall,
        "kernels": len(kernels),
        "server CPU": 100 * (now[0] - used[0]) / wall,
        "kernel CPU": 100 * (now[1] - used[1]) / wall / max(1, len(kernels)),
        "source CPU": 100 * (now[2] - used[2]) / wall,
        "server MB": server.process.memory_full_info().uss / 2**20,
        "kernel MB": sum(memory) / max(1, len(memory)),
    }


async def measure(viewers: int, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    with dashboard("--kernel-per-viewer", preheat=0) as server:
        async with chromium() as browser:
            contexts = [await open_page(browser, server)]
            await asyncio.sleep(5)
            one = await watch(contexts, server, seconds)
            while len(contexts) < viewers:
                contexts.append(await open_page(browser, server))
            await asyncio.sleep(5)
            return one, await watch(contexts, server, seconds)


def broken(viewers: int, one: dict[str, Any], many: dict[str, Any]) -> list[str]:
    """Name what the viewers do not share although they should."""
    claims = {
        "one upstream a topic": many["hub_upstreams_opened"] == many["hub_topics"] == one["hub_topics"],
        "one fold a topic for all readers": many["hub_readers"] == one["hub_readers"],
        "one key, however many read it": many["frame_keys_active"] == one["frame_keys_active"],
        "every viewer reads every key": many["frame_readers"] == viewers * one["frame_readers"],
        "each frame is encoded once": many["frames_encoded"] <= many["frames_computed"] * 1.02,
        "each viewer has a kernel": many["kernels"] == viewers,
    }
    return [claim for claim, holds in claims.items() if not holds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15)
    arguments = parser.parse_args()
    print(f"# {TITLE}\n\n{machine()}, load {os.getloadavg()[0]:.1f} at the start")
    one, many = asyncio.run(measure(arguments.viewers, arguments.seconds))
    rows: list[list[object]] = [
        ["topics, each with one upstream and one fold", f"{one['hub_topics']:.0f}", f"{many['hub_topics']:.0f}"],
        ["upstreams ever opened", f"{one['hub_upstreams_opened']:.0f}", f"{many['hub_upstreams_opened']:.0f}"],
        ["keys of frames", f"{one['frame_keys_active']:.0f}", f"{many['frame_keys_active']:.0f}"],
        ["readers of frames", f"{one['frame_readers']:.0f}", f"{many['frame_readers']:.0f}"],
        ["frames computed a second", one["frames_computed"], many["frames_computed"]],
        ["frames encoded a second", one["frames_encoded"], many["frames_encoded"]],
        ["frames received a second, all viewers", one["received"], many["received"]],
        ["server, % of a core", one["server CPU"], many["server CPU"]],
        ["embedded exchange, % of a core", one["source CPU"], many["source CPU"]],
        ["a kernel, % of a core", f"{one['kernel CPU']:.2f}", f"{many['kernel CPU']:.2f}"],
        ["server, own memory in MB", one["server MB"], many["server MB"]],
        ["a kernel, own memory in MB", one["kernel MB"], many["kernel MB"]],
    ]
    print_table(TITLE, ("what", "1 viewer", f"{arguments.viewers} viewers"), rows)
    more = max(1, arguments.viewers - 1)
    cpu = (many["server CPU"] - one["server CPU"]) / more
    memory = (many["server MB"] - one["server MB"]) / more
    print(f"A further viewer: {cpu:.2f} % of a core and {memory:.1f} MB in the server, a kernel beside it.\n")
    if faults := broken(arguments.viewers, one, many):
        print("Not so:", *faults, sep="\n  ")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
