"""The dashboard running for half an hour: DOM nodes, listeners, JavaScript heap and comms must stay flat.

A script of its own, outside the table of benchmarks, since it takes its time. It fails where something grew.

    python -m benchmarks.heap [--minutes 30] [--every 2]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page

from benchmarks.stage import LINK, Server, chromium, cpu_s, dashboard, page_of, wait_live, write_notebook
from benchmarks.table import machine, print_table

HEADING = "The dashboard for a long time: what grows"
COUNTED = ("DOM nodes", "listeners", "JS heap MB", "comms", "keys")
COLUMNS = ("minute", *COUNTED, "frames", "kernel MB", "kernel CPU %", "server MB")
WARM_MINUTES = 4.0
"""Until then lists fill up to their bounds and the engine compiles."""
FORGIVEN = {"DOM nodes": 100, "listeners": 20, "JS heap MB": 1.0, "comms": 0, "keys": 0}
MAX_GROWTH = 0.05

DASHBOARD_CELL = "from orderfox_nb.widgets import Dashboard\n\nDashboard()"
COMMS_CELL = """
import os, threading, time
from pathlib import Path

from comm import get_comm_manager

def report():
    while True:
        Path(os.environ["ORDERFOX_BENCH_COMMS"]).write_text(str(len(get_comm_manager().comms)))
        time.sleep(10)

threading.Thread(target=report, daemon=True).start()
"""
"""Only the kernel knows how many comms are open."""


async def sample(page: Page, server: Server, minute: float, comms: Path) -> dict[str, float]:
    """Count everything after two full collections: the first one only finds what is to be finalised."""
    session = await page.context.new_cdp_session(page)
    for _ in range(2):
        await session.send("HeapProfiler.collectGarbage")
    counters = await session.send("Memory.getDOMCounters")
    heap = await session.send("Runtime.getHeapUsage")
    await session.detach()
    keys, frames = await page.evaluate(f"(({{ byKey, counters }}) => [byKey.size, counters.frames])({LINK})")
    kernel = server.kernels[0]
    return {
        "minute": minute,
        "DOM nodes": counters["nodes"],
        "listeners": counters["jsEventListeners"],
        "JS heap MB": heap["usedSize"] / 2**20,
        "comms": int(comms.read_text()),  # noqa: ASYNC240 - a few bytes
        "keys": keys,
        "frames": frames,
        "kernel MB": kernel.memory_info().rss / 2**20,
        "kernel CPU": cpu_s([kernel]),
        "server MB": server.process.memory_info().rss / 2**20,
    }


def row(now: dict[str, float], before: dict[str, float] | None) -> list[object]:
    share = "–"
    if before is not None:
        seconds = (now["minute"] - before["minute"]) * 60
        share = f"{100 * (now['kernel CPU'] - before['kernel CPU']) / seconds:.2f}"
    return [
        f"{now['minute']:.0f}",
        *(f"{int(now[name]):,}" for name in ("DOM nodes", "listeners")),
        f"{now['JS heap MB']:.2f}",
        *(f"{int(now[name]):,}" for name in ("comms", "keys", "frames")),
        now["kernel MB"],
        share,
        now["server MB"],
    ]


def grown(samples: list[dict[str, float]]) -> list[str]:
    """Name what is larger at the end than after the warm-up, beyond noise."""
    start = next((one for one in samples if one["minute"] >= WARM_MINUTES), samples[0])
    end = samples[-1]
    return [
        f"{name}: {start[name]:,.1f} → {end[name]:,.1f}"
        for name, forgiven in FORGIVEN.items()
        if end[name] > start[name] * (1 + MAX_GROWTH) + forgiven
    ]


async def watch(minutes: float, every: float) -> list[dict[str, float]]:
    samples: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="orderfox_bench_") as folder:
        comms = Path(folder) / "comms"
        os.environ["ORDERFOX_BENCH_COMMS"] = str(comms)
        notebook = write_notebook(Path(folder) / "desk.ipynb", DASHBOARD_CELL, COMMS_CELL)
        with dashboard("--kernel-per-viewer", notebook=notebook, preheat=0) as server:
            async with chromium() as browser, page_of(browser, server.url) as page:
                await wait_live(page, "liquidations")
                await wait_live(page, "candles", "book", "tape", frames=30)
                start = time.monotonic()
                while True:
                    minute = (time.monotonic() - start) / 60
                    samples.append(await sample(page, server, minute, comms))
                    print(f"minute {minute:.1f}: {samples[-1]}", file=sys.stderr, flush=True)
                    if minute >= minutes:
                        return samples
                    await asyncio.sleep(min(every, minutes - minute) * 60 + 0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=2, metavar="MINUTES")
    arguments = parser.parse_args()
    samples = asyncio.run(watch(arguments.minutes, arguments.every))
    rows = [row(now, before) for now, before in zip(samples, [None, *samples], strict=False)]
    print_table(f"{HEADING} ({machine()})", COLUMNS, rows)
    if growing := grown(samples):
        print("Grows:", *growing, sep="\n  ")
        return 1
    print(f"Flat from minute {WARM_MINUTES:.0f} on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
