"""Differences of the venue's spot host: names, payloads, symbol list, weights and limits.

It has one root, no mark price, no open interest, no liquidations, and ids of the book without holes: a diff's ``U``
follows the ``u`` before, and no ``pu`` says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.server.contracts import UNLISTED, Contracts
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.names import ServedStream, parse_stream
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.source import Publish

SPOT_LIMITS: Final = Limits(weight_per_minute=6_000, messages_per_second=5, ping_s=20.0, pong_s=60.0)
MAX_BARS: Final = 1_000
MAX_DEPTH: Final = 5_000
_EVERY_MS: Final = {"kline": 2_000, "ticker": 1_000, "miniTicker": 1_000, "aggTrade": 0, "trade": 0, "bookTicker": 0}
_DEPTH_MS: Final = {"depth": 1_000, "depth@100ms": 100}
_FUTURES_ONLY: Final = re.compile(rb'"(?:nq|X|ps)":"[^"]*",|,"ps":"[^"]*"|,"st":1')
_CHAIN: Final = re.compile(rb'"T":\d+,"s":("[^"]*"),"ps":"[^"]*","U":\d+,"u":(\d+),"pu":(\d+)')
_BEST_TIMES: Final = re.compile(rb'"e":"bookTicker",|,"T":\d+,"E":\d+')


def parse_spot_stream(text: str) -> ServedStream | None:
    """Parse a stream's name; ``None`` for a name that the host acknowledges and never serves."""
    name = parse_stream(text)
    if name is None or text.startswith("!"):
        return None
    speed = text.partition("@")[2]
    every_ms = _DEPTH_MS.get(speed) if name.kind == "depth" else _EVERY_MS.get(name.kind)
    return None if every_ms is None else msgspec.structs.replace(name, every_ms=every_ms)


def spot_payload(kind: str, payload: bytes) -> bytes:
    """Turn a payload of a futures stream into the same of spot."""
    if kind == "depth":
        payload = _CHAIN.sub(lambda found: b'"s":%b,"U":%d,"u":%b' % (found[1], int(found[3]) + 1, found[2]), payload)
    elif kind == "bookTicker":
        payload = _BEST_TIMES.sub(b"", payload)
    payload = _FUTURES_ONLY.sub(b"", payload)
    return payload[:-1] + b',"M":true}' if kind in ("aggTrade", "trade") else payload


def spot_publish(publish: Publish) -> Publish:
    """Send payloads as spot does."""
    return lambda name, payload: publish(name, spot_payload(name.kind, payload))


def depth_weight(limit: int) -> int:
    """Return the weight of a ``depth`` call."""
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def spot_info(
    listings: Sequence[ListedContract], numbers: Mapping[str, Numbers], contracts: Contracts, *, now_ms: int
) -> bytes:
    """Encode ``exchangeInfo``; a market of several symbols also has one that is no longer traded."""
    symbols = [
        _symbol(listing, numbers[listing.symbol], contracts.of(listing.symbol).status)
        for listing in listings
        if contracts.of(listing.symbol).status != UNLISTED
    ]
    if len(listings) > 1:
        symbols.append(symbols[-1] | {"symbol": "LUNAUSDT", "baseAsset": "LUNA", "status": "BREAK"})
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}]
    return msgspec.json.encode(
        {"timezone": "UTC", "serverTime": now_ms, "rateLimits": limits, "exchangeFilters": [], "symbols": symbols}
    )


def _symbol(listing: ListedContract, numbers: Numbers, status: str) -> dict[str, Any]:
    step = numbers.size(1)
    return {
        "symbol": listing.symbol,
        "status": status,
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": numbers.tick,
                "maxPrice": numbers.price(max(1, listing.price_ticks) * 100),
                "tickSize": numbers.tick,
            },
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": numbers.size(10_000_000), "stepSize": step},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
    }
