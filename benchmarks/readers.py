"""From 1 to 1,000 WebSocket readers of busy books: staleness and CPU per delivery.

A server of its own plays the embedded exchange; the readers, in another process, spread over 50 distinct parameter
sets. Staleness is the age of a book by the venue's clock when its frame arrives, so it holds the exchange's own
batching of diffs (100 ms) and the frame rate (10/s).

    python -m benchmarks.readers [--seconds 10] [--readers 1 10 100 500 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time

from benchmarks.serving import BenchServer, serving, venue_ahead_ms
from benchmarks.table import machine, print_table

TITLE = "Readers of busy books: staleness and CPU per delivery"

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT"]
ROUNDINGS = 5
LIMITS = [20, 50]
_STAMP = re.compile(r'"timestamp":(\d+)')


def parameter_sets(base: BenchServer) -> list[str]:
    """Fifty: five symbols, five roundings, two limits."""
    listed = {row["id"]: row["roundingOptions"] for row in base.ask("/api/v1/symbols")}
    names = [name for name in SYMBOLS if name in listed] or list(listed)[:5]
    return [
        f"{base.ws_url}/api/v1/ws/orderbook/{name}?limit={limit}&rounding={float(listed[name][0]) * (step + 1)}"
        for name in names
        for step in range(ROUNDINGS)
        for limit in LIMITS
    ]


async def read(base: BenchServer, readers: int, seconds: float) -> None:
    """Open so many readers, then count and time what comes for so long; print the figures."""
    from picows.websockets import connect

    sets = parameter_sets(base)
    urls = [sets[n % len(sets)] for n in range(readers)]
    ahead_ms = await venue_ahead_ms(base.ws_url)
    late: list[float] = []
    counted = False

    async def follow(url: str) -> None:
        async with connect(url, compression=None, open_timeout=60) as socket:
            async for text in socket:
                if counted:
                    stamp = _STAMP.search(text if isinstance(text, str) else text.decode())
                    if stamp is not None:
                        late.append(time.time() * 1e3 + ahead_ms - int(stamp[1]))

    tasks = [asyncio.create_task(follow(url), name=url) for url in urls]
    await asyncio.sleep(3 + len(urls) / 200)
    print(json.dumps({"ready": True}), flush=True)
    counted = True
    await asyncio.sleep(seconds)
    counted = False
    failed = [task for task in tasks if task.done()]
    late.sort()
    result = {"messages": len(late), "p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100]}
    print(json.dumps({**result, "failed": len(failed)}), flush=True)
    os._exit(0)


def measure(base: BenchServer, readers: int, seconds: float) -> list[object]:
    server = base.server
    command = [sys.executable, "-m", "benchmarks.readers", "--child", str(base.port), "--readers", str(readers)]
    command += ["--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        before, wall = server.cpu_times(), time.perf_counter()
        result = json.loads(child.stdout.readline())
        after, wall = server.cpu_times(), time.perf_counter() - wall
    cpu = after.user + after.system - before.user - before.system
    memory = server.memory_info().rss / 2**20
    each = cpu * 1e6 / max(1, result["messages"])
    rate = result["messages"] / wall / readers
    return [readers, f"{rate:.1f}", f"{result['p50']:.0f}", f"{result['p99']:.0f}", f"{cpu / wall:.0%}", each, memory]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 10, 50, 200, 500, 1000])
    parser.add_argument("--child", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        asyncio.run(read(BenchServer(arguments.child, os.getpid()), arguments.readers[0], arguments.seconds))
        return
    with serving(f"sim?seed=7&symbols={len(SYMBOLS)}") as base:
        rows = [measure(base, readers, arguments.seconds) for readers in arguments.readers]
    print_table(
        f"{TITLE} ({machine()})",
        ["readers", "frames/s each", "p50 ms", "p99 ms", "server CPU", "CPU µs a delivery", "RSS MB"],
        rows,
    )


if __name__ == "__main__":
    main()
