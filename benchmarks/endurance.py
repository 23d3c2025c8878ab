"""Two hours of market in six minutes: what a server holds that is read all the while, and whether any of it grows.

A server of its own plays a few symbols of the embedded exchange at an accelerated clock. Some readers stay for the
whole time, on every kind of socket; others come, read a message and go, and REST routes are asked between. Memory, the
server's tasks, its sockets, file handles and threads are noted; the slope of memory is a least-squares line through
the second half, when every window is full.

    python -m benchmarks.endurance [--hours 2] [--speed 20] [--symbols 2]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import time
from statistics import linear_regression

import psutil
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.serving import BenchServer, serving
from benchmarks.table import machine, print_table

TITLE = "Hours of market"

SAMPLE_S = 5.0
_ROWS = 9


class Readers:
    """Those who stay, those who come and go, and what befell them."""

    def __init__(self, base: BenchServer, names: list[str]) -> None:
        self._base = base
        self._names = names
        self._ws = base.ws_url + "/api/v1/ws/"
        self.messages = self.visits = self.answers = 0
        self.ended: list[str] = []

    def paths(self, name: str) -> list[str]:
        return [
            f"orderbook/{name}?limit=20",
            f"trades/{name}?delta=true",
            f"trades/{name}",
            f"candles/{name}?timeframe=1m",
            f"liquidations/{name}?timeframe=1m",
        ]

    async def stay(self, path: str) -> None:
        try:
            async with connect(self._ws + path, compression=None, max_size=None) as socket:
                async for _ in socket:
                    self.messages += 1
        except ConnectionClosed as error:
            self.ended.append(f"{path}: {error}")

    async def page(self, name: str, venue: str) -> None:
        """Be a dashboard's page, loaded again every 20 s."""
        frames = ("book?rows=20", "trades?rows=50", "candles?interval=1m&bars=400", "liquidations?rows=50", "ticker")
        while True:
            with contextlib.suppress(TimeoutError, ConnectionClosed):
                async with asyncio.timeout(20), connect(self._ws + "live", compression=None, max_size=None) as socket:
                    for frame in frames:
                        await socket.send(json.dumps({"type": "subscribe", "key": f"{venue}/{name}/{frame}"}))
                    async for text in socket:
                        self.messages += 1
                        if str(text).startswith('{"type":"gone"'):
                            self.ended.append(str(text)[:200])

    async def visit(self) -> None:
        """Come, read one message and go, over and over, with other parameters each time."""
        for number in itertools.count():
            name = self._names[number % len(self._names)]
            paths = [*self.paths(name), f"orderbook/{name}?limit={5 + number % 40}&rounding={1 + number % 97}"]
            async with connect(self._ws + paths[number % len(paths)], compression=None, max_size=None) as socket:
                await socket.recv()
            self.visits += 1
            await asyncio.sleep(0.2)

    async def ask(self) -> None:
        """Ask every REST route in turn."""
        async with ClientSession() as session:
            for number in itertools.count():
                name = self._names[number % len(self._names)]
                routes = ["symbols", f"orderbook/{name}", f"trades/{name}", f"candles/{name}?timeframe=5m"]
                routes += [f"liquidations/{name}", f"liquidation-volume/{name}/1m", "health", "metrics"]
                path = routes[number % len(routes)]
                async with session.get(f"{self._base.http_url}/api/v1/{path}") as response:
                    await response.read()
                    if response.status != 200:
                        self.ended.append(f"{path}: {response.status}")
                self.answers += 1
                await asyncio.sleep(0.5)


def sample(base: BenchServer, start_s: float, speed: float) -> dict[str, float]:
    """Note what the server holds now."""
    process = base.server
    metrics = base.metrics()
    exchange = base.exchange
    with process.oneshot():
        cpu = process.cpu_times()
        return {
            "minutes": (time.monotonic() - start_s) * speed / 60,
            "rss": process.memory_info().rss / 2**20,
            "tasks": metrics["orderfox_tasks"],
            "sockets": len(process.net_connections()),
            "files": process.num_fds(),
            "threads": process.num_threads(),
            "exchange": exchange.memory_info().rss / 2**20 if exchange is not None else 0.0,
            "cpu": cpu.user + cpu.system,
            "dropped": metrics.get("orderfox_desk_hub_events_dropped", 0.0),
            "events": metrics.get("orderfox_desk_hub_events", 0.0),
        }


async def observe(base: BenchServer, arguments: argparse.Namespace) -> tuple[list[dict[str, float]], Readers]:
    venue = base.ask("/api/v1/symbols")
    names = [row["id"] for row in venue]
    async with connect(base.ws_url + "/api/v1/ws/live") as socket:
        venue = json.loads(await socket.recv())["venue"]
    readers = Readers(base, names)
    work = [readers.stay(path) for name in names for path in readers.paths(name)]
    work += [readers.page(name, venue) for name in names]
    work += [readers.visit() for _ in range(3)] + [readers.ask()]
    samples: list[dict[str, float]] = []
    tasks = [asyncio.create_task(each) for each in work]
    start_s = time.monotonic()
    try:
        while not samples or samples[-1]["minutes"] < arguments.hours * 60:
            await asyncio.sleep(SAMPLE_S)
            samples.append(await asyncio.to_thread(sample, base, start_s, arguments.speed))
            for task in tasks:
                if task.done() and (error := task.exception()) is not None:
                    raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # Nobody is left: topics linger for 5 s, the exchange for 10 more.
    await asyncio.sleep(20)
    samples.append(await asyncio.to_thread(sample, base, start_s, arguments.speed))
    return samples, readers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--speed", type=float, default=20)
    parser.add_argument("--symbols", type=int, default=2)
    arguments = parser.parse_args()
    with serving(f"sim?seed=7&symbols={arguments.symbols}&speed={arguments.speed:g}") as base:
        try:
            samples, readers = asyncio.run(observe(base, arguments))
        except Exception:
            print("\n".join(base.errors()[:60]))
            raise
        orphans = psutil.Process(base.server.pid).children()
        errors = base.errors()
    *market, after = samples
    shown = [market[n * (len(market) - 1) // (_ROWS - 1)] for n in range(_ROWS)]
    columns = ["minutes", "rss", "tasks", "sockets", "files", "threads", "exchange"]
    rows: list[list[object]] = [
        [f"{row['minutes']:.0f}", *(f"{row[name]:.0f}" for name in columns[1:])] for row in shown
    ]
    rows.append(["after the last reader", *(f"{after[name]:.0f}" for name in columns[1:])])
    title = f"{TITLE}: {arguments.hours:g} h at {arguments.speed:g}×, {arguments.symbols} symbols ({machine()})"
    headings = ["minute of market", "server MB", "tasks", "sockets", "file handles", "threads", "exchange MB"]
    print_table(title, headings, rows)
    settled = market[len(market) // 2 :]
    rss, exchange = (
        linear_regression([row["minutes"] / 60 for row in settled], [row[name] for row in settled]).slope
        for name in ("rss", "exchange")
    )
    wall_s = (market[-1]["minutes"] - market[0]["minutes"]) * 60 / arguments.speed
    print(f"Second half: server {rss:+.1f} MB, exchange {exchange:+.1f} MB an hour of market.")
    print(
        f"{market[-1]['events']:,.0f} events, {market[-1]['dropped']:,.0f} dropped; "
        f"{readers.messages:,} messages read, {readers.visits:,} short visits, {readers.answers:,} REST answers; "
        f"server CPU {(market[-1]['cpu'] - market[0]['cpu']) / wall_s:.0%} of a core."
    )
    print(f"Readers that were cut off or refused: {len(readers.ended)}; processes left behind: {len(orphans)}.")
    for line in [*readers.ended[:10], *errors[:20]]:
        print(" ", line)


if __name__ == "__main__":
    main()
