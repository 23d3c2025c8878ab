"""The least code that keeps a whole market: what ``ingest`` is measured against.

The same libraries, sockets and streams as ours, and nothing else: no reconnects, resyncs, quality, statistics or
readers. A diff is decoded once with its sides left as text and checked by its previous id; the text waits until its
book is read, or is long.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib import import_module
from math import ceil, floor

import aiohttp
import msgspec

from benchmarks.market_replay import symbol_name

PER_SOCKET = 200
QUEUED = 16
"""Diffs that wait in an unread book, as many as in ours: with a longer queue a run ends before most are applied."""
TRADES = 1_000
ROW = 0.5


class FloorDiff(
    msgspec.Struct, tag_field="e", tag="depthUpdate", rename={"symbol": "s", "last": "u", "previous": "pu"}
):
    symbol: str
    last: int
    previous: int
    b: msgspec.Raw
    a: msgspec.Raw


class FloorTrade(
    msgspec.Struct,
    tag_field="e",
    tag="aggTrade",
    rename={"symbol": "s", "id": "a", "price": "p", "size": "q", "time": "T"},
):
    symbol: str
    id: int
    price: float
    size: float
    time: int


class FloorFrame(msgspec.Struct):
    data: FloorDiff | FloorTrade | None = None


decode = msgspec.json.Decoder(FloorFrame, strict=False).decode
decode_levels = msgspec.json.Decoder(list[tuple[float, float]], strict=False).decode


class FloorLevels:
    def __init__(self) -> None:
        self.last = -1
        self.synced = False
        self.queue: list[FloorDiff] = []
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}

    def snapshot(self, body: bytes) -> None:
        answer = json.loads(body)
        self.bids = {float(price): float(size) for price, size in answer["bids"]}
        self.asks = {float(price): float(size) for price, size in answer["asks"]}
        self.queue = [depth for depth in self.queue if depth.last > answer["lastUpdateId"]]
        self.synced = True

    def diff(self, depth: FloorDiff) -> None:
        if depth.previous != self.last and self.last >= 0:
            raise SystemExit("the floor lost a diff: it cannot heal")
        self.last = depth.last
        self.queue.append(depth)
        if len(self.queue) > QUEUED and self.synced:
            self.apply()

    def apply(self) -> None:
        for depth in self.queue:
            self.bids.update(decode_levels(depth.b))
            self.asks.update(decode_levels(depth.a))
        self.queue.clear()

    def rows(self, count: int) -> tuple[dict[int, float], dict[int, float]]:
        """Apply what waits, and sum the best levels of both sides by row."""
        self.apply()
        bids: dict[int, float] = {}
        for price in sorted(self.bids, reverse=True):
            if size := self.bids[price]:
                key = floor(price / ROW)
                if key not in bids and len(bids) == count:
                    break
                bids[key] = bids.get(key, 0.0) + size
        asks: dict[int, float] = {}
        for price in sorted(self.asks):
            if size := self.asks[price]:
                key = ceil(price / ROW)
                if key not in asks and len(asks) == count:
                    break
                asks[key] = asks.get(key, 0.0) + size
        return bids, asks


class FloorMarket:
    """All books and tapes, and how many frames they are from."""

    def __init__(self, symbols: int) -> None:
        self.names = [symbol_name(number) for number in range(symbols)]
        self.books = {name: FloorLevels() for name in self.names}
        self.tapes = {name: deque[FloorTrade](maxlen=TRADES) for name in self.names}
        self.frames = 0

    async def read(self, socket: object) -> None:
        books, tapes, recv = self.books, self.tapes, socket.recv  # type: ignore[attr-defined]
        while True:
            data = decode(await recv(decode=False)).data
            self.frames += 1
            if type(data) is FloorDiff:
                books[data.symbol].diff(data)
            elif type(data) is FloorTrade:
                tape = tapes[data.symbol]
                if tape and data.id != tape[-1].id + 1:
                    raise SystemExit("the floor lost a trade: it cannot heal")
                tape.append(data)


async def run(
    library: str,
    port: int,
    *,
    symbols: int,
    watched: int,
    rows: int,
    reads_per_s: int,
    measure: Callable[[Callable[[], int], list[float]], object],
) -> None:
    """Keep the market with a client library (``websockets`` or ``picows.websockets``), read some books, and measure."""
    connect = import_module(library).connect
    market = FloorMarket(symbols)
    reads: list[float] = []

    async def read_books() -> None:
        while True:
            for name in market.names[:watched]:
                started = time.perf_counter()
                market.books[name].rows(rows)
                reads.append(time.perf_counter() - started)
            await asyncio.sleep(1 / reads_per_s)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        readers: list[asyncio.Task[None]] = []
        for root, suffix in (("public", "depth@100ms"), ("market", "aggTrade")):
            for at in range(0, symbols, PER_SOCKET):
                streams = [f"{name.lower()}@{suffix}" for name in market.names[at : at + PER_SOCKET]]
                url = f"ws://127.0.0.1:{port}/{root}/stream"
                socket = await stack.enter_async_context(connect(url, compression=None, max_size=1_000_000))
                await socket.send(json.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1}))
                readers.append(tasks.create_task(market.read(socket)))
        async with aiohttp.ClientSession() as session:
            for name, book in market.books.items():
                async with session.get(f"http://127.0.0.1:{port}/fapi/v1/depth?symbol={name}&limit=1000") as answer:
                    book.snapshot(await answer.read())
        readers.append(tasks.create_task(read_books()))
        await asyncio.sleep(2)
        await measure(lambda: market.frames, reads)  # type: ignore[misc]
        for reader in readers:
            reader.cancel()
