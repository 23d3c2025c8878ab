"""The liquidation-history API that ``LIQUIDATION_API_BASE_URL`` points at, served under ``/api``.

An empty answer is a 404: it means quiet, not broken. Numbers are floats here, not text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from orderfox_nb.clock import Clock
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.sim.facts import LiquidationFact
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.server.faults import Faults
from orderfox_nb.sim.server.source import ServedSource


class LiquidationApi:
    """Liquidations of the past, of the public sample that the stream shows."""

    def __init__(self, source: ServedSource, faults: Faults, clock: Clock) -> None:
        self._source = source
        self._faults = faults
        self._clock = clock
        self._listings = {listing.symbol: listing for listing in source.listings}
        self.requests = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [web.get("/api/liquidations", self._volume), web.get("/api/liquidation-orders", self._orders)]

    async def _volume(self, request: web.Request) -> web.Response:
        if (failure := await self._fault_response(request)) is not None:
            return failure
        listing = self._listing(request)
        timeframe = request.query.get("timeframe", "")
        start_ms, end_ms = _number(request, "start_timestamp"), _number(request, "end_timestamp")
        if timeframe not in TIMEFRAME_US or start_ms is None or end_ms is None or end_ms < start_ms:
            return _error(422, "timeframe, start_timestamp and end_timestamp are needed")
        if listing is None:
            return _nothing()
        start_us, end_us = self._clamped(listing, start_ms, end_ms)
        length_us = TIMEFRAME_US[timeframe]
        rows = self._source.market(listing.symbol).liquidation_volume(
            length_us, _aligned(start_us, start_ms * 1000, length_us), end_us
        )
        return _answer(
            [
                {
                    "timestamp": bucket_us // 1000,
                    "timestamp_iso": datetime.fromtimestamp(bucket_us // 1_000_000, UTC).isoformat(),
                    "side": side,
                    "cumulated_usd_size": notional,
                }
                for bucket_us, side, notional in rows
            ]
        )

    async def _orders(self, request: web.Request) -> web.Response:
        if (failure := await self._fault_response(request)) is not None:
            return failure
        listing = self._listing(request)
        start_ms, end_ms = _number(request, "start_timestamp"), _number(request, "end_timestamp")
        if listing is None:
            return _nothing()
        market = self._source.market(listing.symbol)
        if start_ms is None or end_ms is None:
            limit = min(1_000, max(1, _number(request, "limit") or 100))
            start_us, end_us = self._clamped(listing, 0, self._source.now_us() // 1000)
            facts = market.liquidation_orders(start_us, end_us + 1_000, limit)
            return _answer([_order(fact, listing) for fact in reversed(facts)])
        page = max(1, _number(request, "page") or 1)
        size = min(1_000, max(1, _number(request, "page_size") or 100))
        start_us, end_us = self._clamped(listing, start_ms, end_ms)
        # One more than the page shows whether there are more.
        newest_first = market.liquidation_orders(start_us, end_us, page * size + 1)[::-1]
        rows = [_order(fact, listing) for fact in newest_first[(page - 1) * size : page * size]]
        if not rows:
            return _nothing()
        pagination = {
            "page": page,
            "page_size": size,
            "total_returned": len(rows),
            "has_more": page * size < len(newest_first),
        }
        return _answer({"data": rows, "pagination": pagination})

    async def _fault_response(self, request: web.Request) -> web.Response | None:
        self.requests += 1
        fault = self._faults.for_request(request.path, request.query.get("symbol", ""))
        if fault is None:
            return None
        if fault.kind == "delay":
            await self._clock.sleep(fault.seconds)
            return None
        if fault.kind == "malformed":
            return web.Response(text='[{"symbol":', content_type="application/json")
        return _error(fault.status, "fault on request")

    def _listing(self, request: web.Request) -> ListedContract | None:
        return self._listings.get(request.query.get("symbol", ""))

    def _clamped(self, listing: ListedContract, start_ms: int, end_ms: int) -> tuple[int, int]:
        from_us = self._source.liquidations_from_us(listing.symbol)
        return max(from_us, start_ms * 1000), min(end_ms * 1000, self._source.now_us())


def _aligned(start_us: int, asked_us: int, length_us: int) -> int:
    """Return the start of the requested bucket that holds the start of the history."""
    return asked_us - (asked_us - start_us) // length_us * length_us


def _order(fact: LiquidationFact, listing: ListedContract) -> dict[str, Any]:
    lot, tick = float(listing.lot_size), float(listing.tick_size)
    return {
        "symbol": listing.symbol,
        "side": fact.side,
        "order_type": "LIMIT",
        "time_in_force": "IOC",
        "original_quantity": fact.lots_original * lot,
        "price": fact.limit_ticks * tick,
        "average_price": fact.average_price,
        "order_status": "FILLED",
        "order_last_filled_quantity": fact.lots_last * lot,
        "order_filled_accumulated_quantity": fact.lots_filled * lot,
        "order_trade_time": fact.time_us // 1000,
    }


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name, "")
    value = whole_number(text)
    return None if value is None or not 0 <= value < 10**16 else value


def _answer(rows: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(rows), content_type="application/json") if rows else _nothing()


def _nothing() -> web.Response:
    return _error(404, "No liquidations found")


def _error(status: int, detail: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode({"detail": detail}), content_type="application/json")
