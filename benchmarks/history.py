"""A year of bars by the minute in one call, beside the floor of its raw requests.

The embedded exchange runs in a process of its own, without its limit of request weight: what is measured is this
package, not the venue's budget. The floor asks for the same bars with plain HTTP and decodes the JSON.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import msgspec
import numpy as np

from benchmarks.table import machine, print_table
from orderfox_nb.config import load_settings
from orderfox_nb.core.timeframes import DAY_US, MINUTE_US
from orderfox_nb.engine import Engine
from orderfox_nb.market.connection import Market
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server.app import SimServer
from orderfox_nb.sim.server.limits import Limits

TITLE = "History"

BARS: Final = 525_600
PER_REQUEST: Final = 1_440
END_US: Final = 1_780_272_000_000_000
"""2026-06-01."""
START_US: Final = END_US - 365 * DAY_US


async def serve() -> None:
    """Serve the embedded exchange until the standard input closes."""
    exchange = Exchange(seed=7, symbols=1, start_us=END_US + DAY_US)
    async with SimServer(exchange, limits=Limits(weight_per_minute=10**9)) as server:
        print(server.http_url, server.ws_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def exchange() -> Iterator[tuple[str, str]]:
    """Run the exchange in a process of its own; gives its URLs."""
    command = [sys.executable, "-m", "benchmarks.history", "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        http_url, ws_url = child.stdout.readline().split()
        try:
            yield http_url, ws_url
        finally:
            child.communicate("", timeout=10)


async def floor(url: str) -> tuple[float, int]:
    """Ask for the same bars with plain requests, one after the other; return seconds and bars."""
    decode = msgspec.json.Decoder(list[tuple[int, str, str, str, str, str, int, str, int, str, str, str]]).decode
    step_ms, bars = PER_REQUEST * MINUTE_US // 1000, 0
    began_s = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        for start_ms in range(START_US // 1000, END_US // 1000, step_ms):
            query = (
                f"symbol=BTCUSDT&interval=1m&limit={PER_REQUEST}&startTime={start_ms}&endTime={start_ms + step_ms - 1}"
            )
            async with session.get(f"{url}/fapi/v1/klines?{query}") as answer:
                bars += len(decode(await answer.read()))
    return time.perf_counter() - began_s, bars


def main() -> int:
    """Print the table."""
    rows: list[tuple[str, str, str, str]] = []

    def row(name: str, seconds: float, requests: int, bars: int) -> None:
        rows.append((name, f"{seconds:.1f}", f"{requests}", f"{bars / seconds:,.0f}"))

    with exchange() as (http_url, ws_url), tempfile.TemporaryDirectory() as folder:
        # The first reading makes the exchange compute its past.
        asyncio.run(floor(http_url))
        seconds, bars = asyncio.run(floor(http_url))
        assert bars == BARS
        row("plain requests", seconds, BARS // PER_REQUEST, bars)
        settings = load_settings(
            ORDERFOX_SOURCE="binance",
            ORDERFOX_URL="",
            BACKEND_URL="",
            BINANCE_API_BASE_URL=http_url,
            BINANCE_WS_BASE_URL=ws_url,
            ORDERFOX_DATA_DIR=folder,
        )
        for names in (("first call", "second call, from disk"), ("first call of another process, from disk",)):
            engine = Engine(settings).start()
            with Market(engine) as market:
                btc = market["BTCUSDT"]
                # The list of symbols has set it to the venue's.
                engine.desk._feed._rest.budget.limit = 10**9  # type: ignore[attr-defined]
                for name in names:
                    calls, began_s = engine.desk.exchange_calls, time.perf_counter()
                    frame = btc.candles("1m", start=START_US, end=END_US)
                    row(name, time.perf_counter() - began_s, engine.desk.exchange_calls - calls, len(frame))
                    # Correct: each minute once, closed, each bar's range around its ends.
                    opens = frame.index.to_numpy(dtype="datetime64[us]").astype(np.int64)
                    assert np.array_equal(opens, np.arange(START_US, END_US, MINUTE_US))
                    assert frame["closed"].to_numpy().all()
                    assert frame.attrs["coverage"]["complete"]
            engine.stop()
    print_table(f"{TITLE}: {BARS:,} bars by the minute, {machine()}", ["", "seconds", "requests", "bars/s"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()) if sys.argv[1:] == ["serve"] else main())
