"""Messages of Bybit as its documentation has them, and a feed on a scripted venue that sends them."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from orderfox_nb.core.events import (
    Topic,
)
from orderfox_nb.feeds.bybit.dialect import BybitDialect
from orderfox_nb.feeds.bybit.feed import BybitFeed
from tests.feeds.scripted_socket import ScriptedSocketVenue
from tests.feeds.stages import Eager

NOW_MS = 1_790_000_000_000
BOOK = Topic("bybit", "BTCUSDT", "book")
TRADES = Topic("bybit", "BTCUSDT", "trades")
REFUSED = "orderbook.200.GONEUSDT"


def book(kind: str, number: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    """A message of a book, whose times follow its number."""
    levels = {"s": "BTCUSDT", "b": list(bids), "a": list(asks), "u": number, "seq": number * 7}
    time = NOW_MS + number
    return {"topic": "orderbook.200.BTCUSDT", "type": kind, "ts": time + 2, "data": levels, "cts": time}


def trade(name: str, *, block: bool = False, at: int = 0) -> dict[str, Any]:
    """A trade of the stream."""
    return {
        "T": NOW_MS + at,
        "s": "BTCUSDT",
        "S": "Buy",
        "v": "0.010",
        "p": "100.5",
        "L": "PlusTick",
        "i": name,
        "BT": block,
        "seq": 5,
    }


def trades(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": list(rows)}


def past_trade(name: str, at: int = 0) -> dict[str, Any]:
    """A trade as REST answers it."""
    return {
        "execId": name,
        "symbol": "BTCUSDT",
        "price": "100.5",
        "size": "0.010",
        "side": "Sell",
        "time": str(NOW_MS + at),
        "isBlockTrade": False,
    }


TICKER = {
    "symbol": "BTCUSDT",
    "tickDirection": "PlusTick",
    "price24hPcnt": "0.01",
    "lastPrice": "101.0",
    "prevPrice24h": "100.0",
    "highPrice24h": "103.0",
    "lowPrice24h": "99.0",
    "markPrice": "101.1",
    "indexPrice": "101.2",
    "openInterest": "5000.5",
    "turnover24h": "2000000",
    "volume24h": "20000",
    "nextFundingTime": str(NOW_MS + 3_600_000),
    "fundingRate": "-0.0001",
}


def answered(result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": NOW_MS}


def refused(code: int, message: str) -> dict[str, Any]:
    return {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": NOW_MS}


def answer(venue: ScriptedSocketVenue, socket: web.WebSocketResponse, text: str) -> list[str]:
    """Answer a command as the venue does."""
    command = json.loads(text)
    number, op = command["req_id"], command["op"]
    reply: dict[str, Any] = {"success": True, "ret_msg": "", "conn_id": "c", "req_id": number, "op": op}
    if op == "ping":
        return [json.dumps({**reply, "ret_msg": "pong"})]
    names = venue.subscribed[socket]
    if REFUSED in command["args"] and op == "subscribe":
        return [json.dumps({**reply, "success": False, "ret_msg": f"error:handler not found,topic:{REFUSED}"})]
    for name in command["args"]:
        names.append(name) if op == "subscribe" else names.remove(name)
    return [json.dumps(reply)]


def feed_on(venue: ScriptedSocketVenue, **options: Any) -> BybitFeed:
    return BybitFeed(**venue.urls, random=Eager(), **options)


def events_of(*frames: dict[str, Any]) -> list[Any]:
    codec = BybitDialect().codec()
    return [event for frame in frames for event in codec.decode(json.dumps(frame), 7).events or ()]
