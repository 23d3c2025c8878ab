"""A whole market into one process: CPU share and memory with websockets, with picows, and with ccxt.pro.

Beside each of the first two runs the floor, the least code over the same library (``ingest_floor``); the ratio of both
is the figure to watch, as machines differ.

A child process sends 550 symbols' depth diffs and aggregate trades over loopback at 7,500 frames a second; one client
after the other takes all of it while 20 of the books are read at 10 Hz, and counts what arrived.

    python -m benchmarks.ingest [--symbols 550] [--rate 7500] [--seconds 15] [--clients websockets websockets-floor …]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from typing import Any

from benchmarks.table import machine, print_table

TITLE = "A whole market into one process"

FLOORS = {"websockets-floor": "websockets", "picows-floor": "picows.websockets"}
CLIENTS = ["websockets-floor", "websockets", "picows-floor", "picows", "ccxt"]

WATCHED = 20
READS_PER_S = 10
ROWS = 50


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def offered_by(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count") as answer:
        return int(json.load(answer)["offered"])


async def report(port: int, seconds: float, received: Any, reads: list[float]) -> None:
    """Measure over a window: our own CPU, what the server offered and what arrived."""
    reads.clear()
    frames, cpu, wall = received(), cpu_s(), time.perf_counter()
    offered = await asyncio.to_thread(offered_by, port)
    await asyncio.sleep(seconds)
    wall = time.perf_counter() - wall
    result = {
        "cpu": (cpu_s() - cpu) / wall,
        "frames": (received() - frames) / wall,
        "offered": (await asyncio.to_thread(offered_by, port) - offered) / wall,
        "reads": len(reads) / wall,
        "read_us": sorted(reads)[len(reads) // 2] * 1e6 if reads else 0.0,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(result), flush=True)


async def ours(port: int, symbols: int, seconds: float) -> None:
    from benchmarks.market_replay import symbol_name
    from orderfox_nb.core.events import Topic
    from orderfox_nb.core.ladder import build_ladder
    from orderfox_nb.core.origin import Origin
    from orderfox_nb.desk.hub import Hub
    from orderfox_nb.feeds.binance.feed import BinanceFeed

    feed = BinanceFeed(
        http_url=f"http://127.0.0.1:{port}",
        ws_url=f"ws://127.0.0.1:{port}",
        origin=Origin(source="benchmark", venue="binance", simulated=True),
    )
    reads: list[float] = []
    async with Hub(feed) as hub, contextlib.AsyncExitStack() as stack:
        names = [symbol_name(n) for n in range(symbols)]
        books = [await stack.enter_async_context(hub.watch(Topic("binance", name, "book"))) for name in names]
        for name in names:
            await stack.enter_async_context(hub.watch(Topic("binance", name, "trades")))

        async def read() -> None:
            while True:
                for state in books[:WATCHED]:
                    started = time.perf_counter()
                    build_ladder(state.fold, rounding=Decimal("0.5"), limit=ROWS)  # type: ignore[arg-type]
                    reads.append(time.perf_counter() - started)
                await asyncio.sleep(1 / READS_PER_S)

        for _ in range(600):
            if all(state.fold.synced for state in books):  # type: ignore[attr-defined]
                break
            await asyncio.sleep(0.1)
        else:
            raise SystemExit("the books did not come up")
        reader = asyncio.create_task(read(), name="read")
        await asyncio.sleep(2)
        await report(port, seconds, lambda: int(feed.statistics()["frames"]), reads)
        reader.cancel()


async def theirs(port: int, symbols: int, seconds: float) -> None:
    import ccxt.pro

    exchange: Any = ccxt.pro.binanceusdm(
        {"enableRateLimit": False, "options": {"watchTradesForSymbols": {"name": "aggTrade"}}}
    )
    exchange.urls["api"] = {
        key: f"http://127.0.0.1:{port}/fapi/v1" if isinstance(value, str) else value
        for key, value in exchange.urls["api"].items()
    }
    exchange.urls["api"]["ws"]["linear"] = f"ws://127.0.0.1:{port}/ws"  # ccxt adds the root by itself
    frames = 0
    handle = exchange.handle_message

    def count(client: Any, message: Any) -> Any:
        nonlocal frames
        frames += 1
        return handle(client, message)

    exchange.handle_message = count
    await exchange.load_markets()
    names = [name for name in exchange.symbols if exchange.market(name)["swap"]][:symbols]
    reads: list[float] = []
    tasks: list[asyncio.Task[None]] = []

    async def follow(watch: Any, group: list[str]) -> None:
        while True:
            try:
                await watch(group)
            except Exception as error:  # noqa: BLE001
                print(f"ccxt: {type(error).__name__}: {str(error)[:120]}", file=sys.stderr)
                await asyncio.sleep(1)

    async def read() -> None:
        while True:
            for name in names[:WATCHED]:
                book = exchange.orderbooks.get(name)
                if book is not None:
                    started = time.perf_counter()
                    book.limit()
                    _ = book["bids"][:ROWS], book["asks"][:ROWS]
                    reads.append(time.perf_counter() - started)
            await asyncio.sleep(1 / READS_PER_S)

    try:
        for at in range(0, len(names), 200):
            group = names[at : at + 200]
            tasks.append(asyncio.create_task(follow(exchange.watch_order_book_for_symbols, group), name="books"))
            tasks.append(asyncio.create_task(follow(exchange.watch_trades_for_symbols, group), name="trades"))
        tasks.append(asyncio.create_task(read(), name="read"))
        await asyncio.sleep(25)
        await report(port, seconds, lambda: frames, reads)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            await exchange.close()


async def measure_floor(library: str, port: int, symbols: int, seconds: float) -> None:
    from benchmarks import ingest_floor

    await ingest_floor.run(
        library,
        port,
        symbols=symbols,
        watched=WATCHED,
        rows=ROWS,
        reads_per_s=READS_PER_S,
        measure=lambda received, reads: report(port, seconds, received, reads),
    )


def run_client(name: str, port: int, arguments: argparse.Namespace) -> dict[str, float] | None:
    command = [sys.executable, "-m", "benchmarks.ingest", "--client", name, "--port", str(port)]
    command += ["--symbols", str(arguments.symbols), "--seconds", str(arguments.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    lines = done.stdout.strip().splitlines()
    if not lines:
        print(f"{name}: {done.stderr[-2000:]}", file=sys.stderr)
        return None
    return json.loads(lines[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=550)
    parser.add_argument("--rate", type=int, default=7_500)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=CLIENTS)
    parser.add_argument("--client", choices=CLIENTS, help="be this one, for a market at --port")
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    if arguments.client == "ccxt":
        asyncio.run(theirs(arguments.port, arguments.symbols, arguments.seconds))
        os._exit(0)  # ccxt's tasks of a saturated loop would hold the exit up
    if arguments.client in FLOORS:
        asyncio.run(measure_floor(FLOORS[arguments.client], arguments.port, arguments.symbols, arguments.seconds))
        return
    if arguments.client:
        if arguments.client == "websockets":
            sys.modules["picows"] = None  # type: ignore[assignment]  # as on a machine without the extra
        asyncio.run(ours(arguments.port, arguments.symbols, arguments.seconds))
        return
    command = [sys.executable, "-m", "benchmarks.market_replay"]
    command += ["--symbols", str(arguments.symbols), "--rate", str(arguments.rate)]
    rows: list[list[object]] = []
    results: dict[str, dict[str, float]] = {}
    for name in arguments.clients:
        # A market of its own for each, so that one client's backlog is not the next one's load.
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            port = json.loads(server.stdout.readline())["port"]
            result = run_client(name, port, arguments)
            server.stdin.close()
            server.terminate()
        if result is not None:
            results[name] = result
            floor = results.get(f"{name}-floor")
            rows.append(
                [
                    name,
                    f"{result['cpu']:.1%}",
                    f"{result['cpu'] / floor['cpu']:.2f}×" if floor else "",
                    result["offered"],
                    result["frames"],
                    result["reads"],
                    result["read_us"],
                    result["rss_mb"],
                ]
            )
    print_table(
        f"{TITLE}: {arguments.symbols} symbols, {WATCHED} books read at {READS_PER_S} Hz ({machine()})",
        ["client", "of a core", "× floor", "frames/s offered", "received", "reads/s", "read µs", "RSS MB"],
        rows,
    )


if __name__ == "__main__":
    main()
