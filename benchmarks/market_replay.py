"""A whole market over loopback: many symbols' depth diffs and aggregate trades at a fixed total rate.

Run as a child process by ``ingest.py``; prints its port. The frames are made from a counter, so that every client of a
run receives the same market.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import defaultdict

from aiohttp import WSMsgType, web

LEVELS = 500
CHANGES = 12
BACKLOG_BYTES = 48 * 1024
"""What may wait for one socket above the kernel's buffers; more is lost to that reader and slows no other."""


def symbol_name(number: int) -> str:
    return f"S{number:03d}USDT"


class WanderingMarket:
    """One symbol: a book that wanders around 1,000.0 in ticks of 0.1, and its trade counter."""

    def __init__(self, number: int) -> None:
        self.symbol = symbol_name(number)
        self.random = random.Random(number)
        self.last_id = 1_000
        self.trade_id = 1

    def depth(self) -> str:
        first, previous, self.last_id = self.last_id + 1, self.last_id, self.last_id + 10
        draw = self.random.random
        bids = ",".join(f'["{999.9 - int(draw() * 400) / 10:.1f}","{1 + draw() * 9:.3f}"]' for _ in range(CHANGES))
        asks = ",".join(f'["{1000.1 + int(draw() * 400) / 10:.1f}","{1 + draw() * 9:.3f}"]' for _ in range(CHANGES))
        now = time.time_ns() // 1_000_000
        return (
            f'{{"e":"depthUpdate","E":{now},"T":{now},"s":"{self.symbol}","ps":"{self.symbol}","U":{first},'
            f'"u":{self.last_id},"pu":{previous},"b":[{bids}],"a":[{asks}],"st":1}}'
        )

    def trade(self) -> str:
        self.trade_id += 1
        now = time.time_ns() // 1_000_000
        return (
            f'{{"e":"aggTrade","E":{now},"a":{self.trade_id},"s":"{self.symbol}","p":"1000.0","q":"0.512","nq":"0.512",'
            f'"f":{self.trade_id},"l":{self.trade_id},"T":{now},"m":{"true" if self.trade_id % 2 else "false"},"st":1}}'
        )

    def snapshot(self) -> dict[str, object]:
        now = time.time_ns() // 1_000_000
        return {
            # Inside the next diff, as a real snapshot is.
            "lastUpdateId": self.last_id + 5,
            "E": now,
            "T": now,
            "bids": [[f"{999.9 - n / 10:.1f}", "5.000"] for n in range(LEVELS)],
            "asks": [[f"{1000.1 + n / 10:.1f}", "5.000"] for n in range(LEVELS)],
        }


class Replay:
    def __init__(self, symbols: int, frames_per_s: int) -> None:
        self.markets = [WanderingMarket(n) for n in range(symbols)]
        self.by_symbol = {market.symbol: market for market in self.markets}
        self.frames_per_s = frames_per_s
        self.readers: dict[str, list[tuple[web.WebSocketResponse, bool, asyncio.Transport]]] = defaultdict(list)
        self.offered = 0

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, max_msg_size=0)
        await ws.prepare(request)
        wrapped = "/stream" in request.path
        names = request.query.get("streams", "") or request.match_info.get("streams", "")
        assert isinstance(request.transport, asyncio.Transport)
        reader = (ws, wrapped, request.transport)
        self.subscribe(reader, [name for name in names.split("/") if "@" in name])
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                command = json.loads(message.data)
                if command.get("method") == "SUBSCRIBE":
                    self.subscribe(reader, command["params"])
                await ws.send_str(json.dumps({"result": None, "id": command.get("id")}))
        for readers in self.readers.values():
            readers[:] = [reader for reader in readers if reader[0] is not ws]
        return ws

    def subscribe(self, reader: tuple[web.WebSocketResponse, bool, asyncio.Transport], names: list[str]) -> None:
        for name in names:
            self.readers[name].append(reader)

    async def pump(self) -> None:
        """Send round robin at the fixed rate: eleven diffs to four trades, ten diffs a second a symbol."""
        started, frames, turn = time.perf_counter(), 0, 0
        while True:
            due = int((time.perf_counter() - started) * self.frames_per_s)
            if due - frames > self.frames_per_s:  # a stall of over a second is not made up for
                frames = due
            while frames < due:
                turn += 1
                depth = turn % 15 < 11
                market = self.markets[(turn * 7) % len(self.markets)]
                frames += await self.send(market, depth=depth)
            await asyncio.sleep(0.005)

    async def send(self, market: WanderingMarket, *, depth: bool) -> int:
        name = market.symbol.lower() + ("@depth@100ms" if depth else "@aggTrade")
        readers = self.readers.get(name)
        text = market.depth() if depth else market.trade()
        if not readers:
            return 1
        for ws, wrapped, transport in list(readers):
            self.offered += 1
            if not ws.closed and transport.get_write_buffer_size() < BACKLOG_BYTES:
                try:
                    await ws.send_str(f'{{"stream":"{name}","data":{text}}}' if wrapped else text)
                except ConnectionError:
                    continue
        return len(readers)

    def rest(self) -> list[web.RouteDef]:
        def answer(make):  # type: ignore[no-untyped-def]
            async def handle(request: web.Request) -> web.Response:
                return web.json_response(make(request))

            return handle

        def info(_: web.Request) -> dict[str, object]:
            filters = [
                {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.10", "maxPrice": "1000000"},
                {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
                {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
                {"filterType": "MIN_NOTIONAL", "notional": "5"},
            ]
            rows = [
                {
                    "symbol": market.symbol, "pair": market.symbol, "contractType": "PERPETUAL",
                    "deliveryDate": 4133404800000, "onboardDate": 1569398400000, "status": "TRADING",
                    "baseAsset": market.symbol[:-4], "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
                    "quantityPrecision": 3, "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN",
                    "filters": filters, "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC"],
                }
                for market in self.markets
            ]  # fmt: skip
            # The venue's budget would stretch the start to minutes, and is not what is measured here.
            limits = [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 10**9},
            ]
            return {"timezone": "UTC", "serverTime": time.time_ns() // 1_000_000, "rateLimits": limits, "symbols": rows}

        def tickers(_: web.Request) -> list[dict[str, object]]:
            now = time.time_ns() // 1_000_000
            return [
                {
                    "symbol": market.symbol, "priceChange": "0", "priceChangePercent": "0", "weightedAvgPrice": "1000",
                    "lastPrice": "1000.0", "lastQty": "1", "openPrice": "1000.0", "highPrice": "1000.0",
                    "lowPrice": "1000.0", "volume": "1000", "quoteVolume": "1000000", "openTime": now - 86_400_000,
                    "closeTime": now, "firstId": 1, "lastId": 2, "count": 2,
                }
                for market in self.markets
            ]  # fmt: skip

        def premium(_: web.Request) -> list[dict[str, object]]:
            now = time.time_ns() // 1_000_000
            return [
                {
                    "symbol": market.symbol, "markPrice": "1000.0", "indexPrice": "1000.0",
                    "estimatedSettlePrice": "1000.0", "lastFundingRate": "0.0001", "interestRate": "0.0001",
                    "nextFundingTime": now + 3_600_000, "time": now,
                }
                for market in self.markets
            ]  # fmt: skip

        return [
            web.get("/fapi/v1/ping", answer(lambda _: {})),
            web.get("/fapi/v1/time", answer(lambda _: {"serverTime": time.time_ns() // 1_000_000})),
            web.get("/fapi/v1/exchangeInfo", answer(info)),
            web.get("/fapi/v1/ticker/24hr", answer(tickers)),
            web.get("/fapi/v1/premiumIndex", answer(premium)),
            web.get("/fapi/v1/aggTrades", answer(lambda _: [])),
            web.get("/fapi/v1/depth", answer(lambda r: self.by_symbol[r.query["symbol"]].snapshot())),
            web.get("/count", answer(lambda _: {"offered": self.offered})),
        ]


async def serve(symbols: int, frames_per_s: int) -> None:
    replay = Replay(symbols, frames_per_s)
    app = web.Application()
    app.add_routes(replay.rest())
    for root in ("/public", "/market", ""):
        for form in ("ws", "stream", "ws/{streams:.+}"):
            app.router.add_get(f"{root}/{form}", replay.socket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    pump = asyncio.create_task(replay.pump(), name="market-replay-pump")
    # The parent holds our standard input: its end is ours.
    await asyncio.to_thread(sys.stdin.read)
    pump.cancel()
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=550)
    parser.add_argument("--rate", type=int, default=7_500)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.symbols, arguments.rate))
