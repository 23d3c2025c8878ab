"""From 1 to 1,000 WebSocket readers of busy books: staleness and CPU per delivery.

A server of its own plays the embedded exchange; the readers, in another process, spread over 50 distinct parameter
sets. Staleness is the age of a book by the venue's clock when its frame arrives, so it holds the exchange's own
batching of diffs (100 ms) and the frame rate (10/s). Beside the largest number of readers stands the floor: a frame of
each set, kept, and written to as many sockets without a framework (``readers_floor``).

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
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

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
    names = sorted(listed, key=lambda name: name not in SYMBOLS)[: len(SYMBOLS)]
    return [
        f"{base.ws_url}/api/v1/ws/orderbook/{name}?limit={limit}&rounding={Decimal(str(listed[name][0])) * (step + 1)}"
        for name in names
        for step in range(ROUNDINGS)
        for limit in LIMITS
    ]


async def read(base: BenchServer, readers: int, seconds: float, *, floor: int) -> None:
    """Open a number of readers, then count and time what comes in a number of seconds; print the figures."""
    from picows.websockets import connect

    sets = [f"{base.ws_url}/{n}" for n in range(floor)] if floor else parameter_sets(base)
    urls = [sets[n % len(sets)] for n in range(readers)]
    ahead_ms = 0.0 if floor else await venue_ahead_ms(base.ws_url)
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


async def frames_of_all(base: BenchServer) -> list[str]:
    """Return one frame of each parameter set."""
    from picows.websockets import connect

    async def frame_of(url: str) -> str:
        async with connect(url, compression=None, open_timeout=60) as socket, asyncio.timeout(60):
            async for text in socket:
                frame = text if isinstance(text, str) else text.decode()
                if _STAMP.search(frame):
                    return frame
        raise SystemExit(f"{url} was closed")

    return list(await asyncio.gather(*map(frame_of, parameter_sets(base))))


@contextmanager
def floor_of(frames: list[str]) -> Iterator[BenchServer]:
    """Run the floor's server over kept frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.json"
        path.write_text(json.dumps(frames), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.readers_floor", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield BenchServer(int(process.stdout.readline()), process.pid)
            finally:
                process.kill()


def measure(base: BenchServer, readers: int, seconds: float, *, floor: int = 0) -> list[object]:
    """Return a row of the table; ``floor`` is how many frames the floor has, of which there is no staleness."""
    server = base.server
    command = [sys.executable, "-m", "benchmarks.readers", "--child", str(base.port), "--readers", str(readers)]
    command += ["--seconds", str(seconds), "--floor", str(floor)]
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
    late = ["", ""] if floor else [f"{result['p50']:.0f}", f"{result['p99']:.0f}"]
    name = f"{readers}, floor" if floor else str(readers)
    return [name, f"{rate:.1f}", *late, f"{cpu / wall:.0%}", each, memory]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 10, 50, 200, 500, 1000])
    parser.add_argument("--child", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--floor", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        base = BenchServer(arguments.child, os.getpid())
        asyncio.run(read(base, arguments.readers[0], arguments.seconds, floor=arguments.floor))
        return
    with serving(f"sim?seed=7&symbols={len(SYMBOLS)}") as base:
        frames = asyncio.run(frames_of_all(base))
        rows = [measure(base, readers, arguments.seconds) for readers in arguments.readers]
    with floor_of(frames) as base:
        rows.append(measure(base, max(arguments.readers), arguments.seconds, floor=len(frames)))
    print_table(
        f"{TITLE} ({machine()}, load {os.getloadavg()[0]:.1f})",
        ["readers", "frames/s each", "p50 ms", "p99 ms", "server CPU", "CPU µs a delivery", "RSS MB"],
        rows,
    )


if __name__ == "__main__":
    main()
