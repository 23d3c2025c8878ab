"""A thousand readers who come and go: staleness of the healthy, what the stalled cost, and that no event is lost.

A server of its own plays 20 symbols of the embedded exchange. The readers, in another process, hold 50 distinct
parameter sets: grouped books, the tape in full (every trade once, which its consecutive ids prove), the newest hundred
trades, and bars. A tenth of them takes nothing at all; the others are replaced, 50 a second. Staleness is the age of a
book by the venue's clock when its frame arrives: the exchange's batches of 100 ms and the frame rate of 10/s are in it.

    python -m benchmarks.load [--seconds 60] [--readers 1000] [--churn 50]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator

import psutil

from benchmarks.serving import BenchServer, serving, venue_ahead_ms
from benchmarks.table import machine, print_table

TITLE = "Readers who come, go and stall"

SYMBOLS = 20
TIMEFRAMES = ("1m", "5m", "1h", "4h", "1d")
STALLED = 10
"""One reader in this many stalls."""
_STAMP = re.compile(r'"timestamp":(\d+)')
_IDS = re.compile(r'"id":"(\d+)"')


def parameter_sets(base: BenchServer) -> list[str]:
    """Fifty: 32 books, 8 whole tapes, 5 newest hundreds, 5 charts."""
    listed = base.ask("/api/v1/symbols")[:SYMBOLS]
    names = [row["id"] for row in listed]
    books = [
        f"orderbook/{row['id']}?limit={(20, 50)[n % 2]}&rounding={row['roundingOptions'][n % 3]}"
        for n, row in enumerate([*listed, *listed[:12]])
    ]
    tapes = [f"trades/{name}?delta=true" for name in names[:8]]
    newest = [f"trades/{name}" for name in names[:5]]
    charts = [f"candles/{name}?timeframe={frame}" for name, frame in zip(names[:5], TIMEFRAMES, strict=True)]
    return [*books, *tapes, *newest, *charts]


class Counts:
    """What the readers saw."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.frames = self.trades = self.lost = self.twice = self.closed = self.opened = 0
        self.counting = False
        self.all_open = asyncio.Event()
        self.expected = 0

    def open(self) -> None:
        """Count one more reader."""
        self.opened += 1
        if self.opened == self.expected:
            self.all_open.set()


async def follow(url: str, seen: Counts, ahead_ms: float) -> None:
    """Read until cancelled."""
    from picows.websockets import ConnectionClosed, connect

    book, tape = "/orderbook/" in url, "delta=true" in url
    last_id, first = 0, True
    async with connect(url, compression=None, open_timeout=60, close_timeout=1) as opened:
        seen.open()
        try:
            async for message in opened:
                text = message if isinstance(message, str) else message.decode()
                if not seen.counting and not tape:
                    first = False
                    continue
                seen.frames += seen.counting
                if first:
                    # A reader's first frame shows a book as it is, however long ago it changed.
                    first = False
                elif book and (stamp := _STAMP.search(text)) is not None:
                    seen.late_ms.append(time.time() * 1e3 + ahead_ms - int(stamp[1]))
                if tape:
                    ids = [int(number) for number in _IDS.findall(text)][::-1]
                    for number in ids:
                        seen.lost += max(0, number - last_id - 1) if last_id else 0
                        seen.twice += number <= last_id
                        last_id = number
                    seen.trades += len(ids)
        except ConnectionClosed:
            seen.closed += 1


async def stall(url: str) -> None:
    """Shake hands and read nothing from then on."""
    where = urllib.parse.urlsplit(url)
    assert where.hostname is not None
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    with contextlib.closing(raw):
        await loop.sock_connect(raw, (where.hostname, where.port))
        key = base64.b64encode(os.urandom(16)).decode()
        request = f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\n"
        request += f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        await loop.sock_sendall(raw, request.encode())
        await asyncio.Event().wait()


async def read(port: int, readers: int, churn: int, seconds: float) -> None:
    """Be all the readers; print the figures as a line of JSON."""
    base = BenchServer(port, os.getpid())
    sets = [f"{base.ws_url}/api/v1/ws/{path}" for path in parameter_sets(base)]
    chance = random.Random(7)
    ahead_ms = await venue_ahead_ms(base.ws_url)
    seen = Counts()
    stalled = [asyncio.create_task(stall(sets[n % len(sets)]), name="stalled") for n in range(readers // STALLED)]
    healthy: list[asyncio.Task[None]] = []

    def join() -> None:
        url = sets[(len(healthy) if not seen.counting else chance.randrange(len(sets))) % len(sets)]
        healthy.append(asyncio.create_task(follow(url, seen, ahead_ms), name=url))

    async def come_and_go() -> None:
        start, done = time.monotonic(), 0
        while True:
            await asyncio.sleep(0.02)
            while done < (time.monotonic() - start) * churn:
                healthy.pop(chance.randrange(len(healthy))).cancel()
                join()
                done += 1

    seen.expected = readers - len(stalled)
    for _ in range(seen.expected):
        join()
        await asyncio.sleep(0.005)
    async with asyncio.timeout(120):
        await seen.all_open.wait()
    turnover = asyncio.create_task(come_and_go(), name="come and go")
    # The cost of opening a thousand at once is not counted.
    await asyncio.sleep(5)
    seen.opened, seen.trades, seen.counting = 0, 0, True
    print(json.dumps({"ready": True}), flush=True)
    start = time.monotonic()
    await asyncio.sleep(seconds)
    taken_s = time.monotonic() - start
    seen.counting = False
    turnover.cancel()
    failed = sum(task.done() and not task.cancelled() and task.exception() is not None for task in healthy)
    late = sorted(seen.late_ms)
    print(
        json.dumps(
            {
                "frames_s": seen.frames / taken_s,
                "opened_s": seen.opened / taken_s,
                "p50": late[len(late) // 2],
                "p99": late[len(late) * 99 // 100],
                "worst": late[-1],
                "trades": seen.trades,
                "lost": seen.lost,
                "twice": seen.twice,
                "closed": seen.closed + failed,
            }
        ),
        flush=True,
    )
    os._exit(0)  # a thousand closing handshakes are not measured


def measure(base: BenchServer, arguments: argparse.Namespace) -> Iterator[tuple[str, object]]:
    """Run the readers against a server and name what came out."""
    base.ask("/api/v1/symbols")
    empty_mb = base.server.memory_info().rss / 2**20
    command = [sys.executable, "-m", "benchmarks.load", "--child", str(base.port), "--readers", str(arguments.readers)]
    command += ["--seconds", str(arguments.seconds), "--churn", str(arguments.churn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        if not child.stdout.readline():
            raise SystemExit("the readers did not come up")
        start_mb, cpu, wall = base.server.memory_info().rss / 2**20, base.server.cpu_times(), time.perf_counter()
        reader_cpu = psutil.Process(child.pid).cpu_times()
        line = child.stdout.readline()
        reader_share = 0.0
        after, wall = base.server.cpu_times(), time.perf_counter() - wall
        with contextlib.suppress(psutil.Error):
            ended = psutil.Process(child.pid).cpu_times()
            reader_share = (ended.user + ended.system - reader_cpu.user - reader_cpu.system) / wall
        ended_mb = base.server.memory_info().rss / 2**20
    seen = json.loads(line)
    metrics = base.metrics()
    cpu_s = after.user + after.system - cpu.user - cpu.system
    yield "frames delivered a second", seen["frames_s"]
    yield "readers that came a second", seen["opened_s"]
    yield "staleness of a book, median", f"{seen['p50']:.0f} ms"
    yield "staleness of a book, p99", f"{seen['p99']:.0f} ms"
    yield "staleness of a book, worst", f"{seen['worst']:.0f} ms"
    yield "trades delivered to readers of a whole tape", f"{seen['trades']:,}"
    yield "trades lost / delivered twice", f"{seen['lost']} / {seen['twice']}"
    yield "healthy readers closed by the server", seen["closed"]
    yield "stalled readers of events closed with 4008", f"{metrics['orderfox_sockets_closed_slow_total']:.0f}"
    yield "server CPU", f"{cpu_s / wall:.0%} of a core"
    yield "readers' CPU", f"{reader_share:.0%} of a core"
    yield "server memory: empty / at the start / at the end", f"{empty_mb:.0f} / {start_mb:.0f} / {ended_mb:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--churn", type=int, default=50, help="readers replaced a second")
    parser.add_argument("--child", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        asyncio.run(read(arguments.child, arguments.readers, arguments.churn, arguments.seconds))
        return
    with serving(f"sim?seed=7&symbols={SYMBOLS}") as base:
        rows = list(measure(base, arguments))
    title = f"{TITLE}: {arguments.readers:,} readers, one in {STALLED} stalled, {arguments.churn} replaced a second"
    print_table(f"{title} ({machine()})", ["figure", "value"], rows)


if __name__ == "__main__":
    main()
