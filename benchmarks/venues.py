"""One market natively and through ccxt: CPU time of a frame, start-up time and memory, venue by venue.

The embedded exchange runs in a process of its own and speaks the venue's protocol. A client in another process reads
book, trades, one-minute bars and mark price of some symbols into folds, first natively and then through ccxt, as a
server does. CPU time is the client's, over the same number of seconds of the same market.

    python -m benchmarks.venues [--venues binance bybit okx deribit] [--clients native ccxt] [--symbols 4] [--speed 4]
        [--seconds 15]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import psutil

from benchmarks.table import machine, print_table, ratio

TITLE: Final = "One market natively and through ccxt"

CHANNELS: Final = ("book", "trades", "candles", "mark")
NATIVE: Final = {
    "binance": ("orderfox_nb.feeds.binance.feed", "BinanceFeed"),
    "bybit": ("orderfox_nb.feeds.bybit.feed", "BybitFeed"),
    "okx": ("orderfox_nb.feeds.okx.feed", "OkxFeed"),
    "deribit": ("orderfox_nb.feeds.deribit.feed", "DeribitFeed"),
}
IDS: Final = {"binance": "binanceusdm", "bybit": "bybit", "okx": "okx", "deribit": "deribit"}


def there(venue: str) -> bool:
    """Return whether a venue is read natively."""
    try:
        return find_spec(NATIVE[venue][0]) is not None
    except ModuleNotFoundError:
        return False


def addresses(venue: str, http_url: str, ws_url: str) -> dict[str, Any]:
    """Return ccxt's addresses of a venue on another host."""
    if venue == "bybit":
        return {"public": http_url, "private": http_url, "ws": {"public": {"linear": f"{ws_url}/v5/public/linear"}}}
    if venue == "okx":
        return {"rest": http_url, "ws": f"{ws_url}/ws/v5"}
    if venue == "deribit":
        return {"rest": http_url, "ws": f"{ws_url}/ws/api/v2"}
    names = {"fapiPublic": "fapi/v1", "fapiPublicV2": "fapi/v2", "fapiPublicV3": "fapi/v3", "fapiData": "futures/data"}
    return {**{name: f"{http_url}/{path}" for name, path in names.items()}, "ws": {"linear": f"{ws_url}/ws"}}


def opened(options: argparse.Namespace) -> Any:
    """Make the feed of the client."""
    from orderfox_nb.core.origin import Origin

    if options.client == "ccxt":
        from orderfox_nb.feeds.ccxt.feed import CcxtFeed

        urls = addresses(options.venue, options.http_url, options.ws_url)
        return CcxtFeed(IDS[options.venue], simulated=True, urls=urls, paced=False, speed=options.speed)
    module, name = NATIVE[options.venue]
    origin = Origin(source=options.venue, venue=options.venue, simulated=True)
    feed = getattr(import_module(module), name)
    return feed(http_url=options.http_url, ws_url=options.ws_url, origin=origin, speed=options.speed)


async def read(options: argparse.Namespace) -> dict[str, float]:
    """Read the market into folds; return what that costs."""
    from orderfox_nb.core.channels import fold_for
    from orderfox_nb.core.events import Status, Topic
    from orderfox_nb.feeds.base import deliver

    process = psutil.Process()
    started = time.perf_counter()
    feed = opened(options)
    loaded_s = time.perf_counter() - started
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(feed)
        instruments = [listing.instrument for listing in await feed.listings()][: options.symbols]
        waiting = {(one.symbol, channel) for one in instruments for channel in CHANNELS}
        whole = asyncio.Event()

        def sink_of(instrument: Any, channel: str, topic: Topic) -> Any:
            fold = fold_for(topic, instrument)

            def sink(event: Any) -> None:
                fold.apply(event)
                if isinstance(event, Status) and event.state == "live":
                    waiting.discard((instrument.symbol, channel))
                    if not waiting:
                        whole.set()

            return sink

        tasks: set[asyncio.Task[None]] = set()
        for instrument in instruments:
            for channel in CHANNELS:
                interval = "1m" if channel == "candles" else ""
                topic = Topic(feed.venue, instrument.symbol, channel, interval)
                tasks.add(asyncio.create_task(deliver(feed, topic, sink_of(instrument, channel, topic))))
        try:
            async with asyncio.timeout(120):
                await whole.wait()
            whole_s = time.perf_counter() - started
            await asyncio.sleep(1)
            frames, cpu = feed.statistics()["frames"], sum(process.cpu_times()[:2])
            rss, wall = process.memory_info().rss, time.perf_counter()
            await asyncio.sleep(options.seconds)
            wall = time.perf_counter() - wall
            cpu, frames = sum(process.cpu_times()[:2]) - cpu, feed.statistics()["frames"] - frames
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    return {
        "loaded_s": loaded_s,
        "whole_s": whole_s,
        "cpu": cpu / wall,
        "frames": frames / wall,
        "us": cpu * 1e6 / max(1, frames),
        "rss": rss / 1e6,
        "rss_end": process.memory_info().rss / 1e6,
    }


def measured(options: argparse.Namespace, venue: str, client: str, exchange: Any) -> dict[str, float]:
    """Run one client in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.venues", "--client", client, "--venue", venue]
    command += ["--http-url", exchange.http_url, "--ws-url", exchange.ws_url]
    command += ["--symbols", str(options.symbols), "--speed", f"{options.speed:g}", "--seconds", str(options.seconds)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300 + options.seconds, check=False)
    if answer.returncode:
        raise SystemExit(f"{venue} {client}: {answer.stderr[-2_000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


async def compare(options: argparse.Namespace) -> None:
    from orderfox_nb.sim.process import SimProcess

    rows: list[list[object]] = []
    for venue in options.venues:
        arguments = ["--protocol", venue, "--symbols", str(options.symbols), "--speed", f"{options.speed:g}"]
        async with SimProcess(arguments) as exchange:
            found = {
                client: await asyncio.to_thread(measured, options, venue, client, exchange)
                for client in options.clients
            }
        for client, row in found.items():
            rows.append(
                [
                    f"{venue}, {'through ccxt' if client == 'ccxt' else 'natively'}",
                    f"{row['frames']:,.0f}",
                    f"{row['cpu'] * 100:.1f}%",
                    f"{row['us']:,.0f}",
                    ratio(row["us"], found["native"]["us"]) if "native" in found else "",
                    f"{row['loaded_s']:.2f}",
                    f"{row['whole_s']:.2f}",
                    f"{row['rss']:.0f}",
                    f"{row['rss_end']:.0f}",
                ]
            )
    columns = [
        "venue",
        "frames/s",
        "of a core",
        "µs a frame",
        "ratio",
        "load s",
        "all whole after s",
        "RSS MB",
        "at the end",
    ]
    print_table(f"{options.symbols} symbols, {', '.join(CHANNELS)}, at {options.speed:g}×", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--venues", nargs="*", choices=list(NATIVE), default=[name for name in NATIVE if there(name)])
    parser.add_argument("--clients", nargs="*", choices=("native", "ccxt"), default=["native", "ccxt"])
    parser.add_argument("--symbols", type=int, default=4)
    parser.add_argument("--speed", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--client", choices=("native", "ccxt"), help=argparse.SUPPRESS)
    for name in ("--venue", "--http-url", "--ws-url"):
        parser.add_argument(name, default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        print(json.dumps(asyncio.run(read(options))))
        return
    print(f"# {TITLE}\n\n{machine()}")
    asyncio.run(compare(options))


if __name__ == "__main__":
    main()
