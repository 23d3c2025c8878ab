"""Bybit's REST paths of a moment: time, instruments, book, trades, tickers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from orderfox_nb.core.timeframes import DAY_US
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.server.bybit import rows
from orderfox_nb.sim.server.bybit.guard import BybitGuard, bad_parameter
from orderfox_nb.sim.server.bybit.selection import OTHER_CATEGORIES, BybitSelection
from orderfox_nb.sim.server.contracts import Contract
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.request_window import whole
from orderfox_nb.sim.trading.rules import MAX_LOTS

_STATUS: Final[Mapping[str, str]] = {"TRADING": "Trading", "PENDING_TRADING": "PreLaunch", "DELIVERING": "Delivering"}
_CLOSED: Final = "Closed"
_QUARTER_US: Final = 91 * DAY_US


class BybitRest:
    """The current market under ``/v5/market``.

    Args:
        selection: Finds the symbols of a request.
        guard: Counts requests, applies faults, writes errors.
    """

    def __init__(self, selection: BybitSelection, guard: BybitGuard) -> None:
        self._selection = selection
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        answers: list[tuple[str, Callable[[web.Request], Any]]] = [
            ("time", self._time),
            ("instruments-info", self._instruments),
            ("orderbook", self._book),
            ("recent-trade", self._trades),
            ("tickers", self._tickers),
        ]
        return [web.get(f"/v5/market/{name}", self._guard.guard(answer, 1)) for name, answer in answers]

    def _time(self, _: web.Request) -> Any:
        now_us = self._selection.now_us()
        return {"timeSecond": str(now_us // 1_000_000), "timeNano": str(now_us * 1_000)}

    def _instruments(self, request: web.Request) -> Any:
        category = self._selection.category(request)
        limit = whole(request, "limit", 500, low=1, high=1_000, refused=bad_parameter)
        start = whole(request, "cursor", 0, low=0, high=10_000, refused=bad_parameter)
        status = request.query.get("status", "Trading")
        symbol = request.query.get("symbol", "")
        found = self._listed(status, symbol) if category == "linear" else []
        end = start + limit
        return {
            "category": category,
            "list": found[start:end],
            "nextPageCursor": str(end) if end < len(found) else "",
        }

    def _listed(self, status: str, symbol: str) -> list[dict[str, Any]]:
        found = [
            _instrument(listing, self._selection.numbers[listing.symbol], contract)
            for listing, contract in self._selection.contracts()
        ]
        if len(found) > 1:
            # A list of several always has a dated contract, which is not a perpetual, and one that is closed.
            delivery_us = (self._selection.now_us() // _QUARTER_US + 1) * _QUARTER_US
            date = f"{datetime.fromtimestamp(delivery_us / 1e6, UTC):%d%b%y}".upper()
            dated = found[0] | {
                "symbol": f"{found[0]['symbol']}-{date}",
                "contractType": "LinearFutures",
                "deliveryTime": str(delivery_us // 1000),
            }
            found += [dated, found[-1] | {"symbol": "LUNAUSDT", "baseCoin": "LUNA", "status": _CLOSED}]
        if symbol:
            # A symbol that is asked for by name is answered whatever its status.
            return [row for row in found if row["symbol"] == symbol]
        return [row for row in found if row["status"] == status]

    def _book(self, request: web.Request) -> Any:
        symbol, market, numbers = self._selection.market(request)
        limit = whole(request, "limit", 25, low=1, high=500, refused=bad_parameter)
        update_id, bids, asks = market.depth(limit)
        now_ms = self._selection.now_us() // 1000
        return {
            "s": symbol,
            "b": [(numbers.price(ticks), numbers.size(lots)) for ticks, lots in bids],
            "a": [(numbers.price(ticks), numbers.size(lots)) for ticks, lots in asks],
            "ts": now_ms,
            "u": update_id,
            "seq": update_id,
            "cts": now_ms - 1,
        }

    def _trades(self, request: web.Request) -> Any:
        symbol, market, numbers = self._selection.market(request)
        limit = whole(request, "limit", 500, low=1, high=1_000, refused=bad_parameter)
        found = [
            {
                "execId": id_,
                "symbol": symbol,
                "price": price,
                "size": size,
                "side": side,
                "time": str(trade.time_us // 1000),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(market.update_id),
            }
            for trade in market.aggregate_trades(limit)
            for id_, side, size, price in rows.fills(symbol, trade, numbers)
        ]
        return {"category": "linear", "list": found[: -limit - 1 : -1]}

    def _tickers(self, request: web.Request) -> Any:
        category = self._selection.category(request)
        if category in OTHER_CATEGORIES:
            return {"category": category, "list": []}
        symbols = [self._selection.symbol(request)] if "symbol" in request.query else self._selection.traded()
        return {"category": category, "list": [self._ticker(symbol) for symbol in symbols]}

    def _ticker(self, symbol: str) -> dict[str, str]:
        row = rows.ticker(self._selection.market_of(symbol), self._selection.numbers[symbol], direction="")
        del row["tickDirection"]
        return row | {"deliveryTime": "0", "basisRate": "", "deliveryFeeRate": "", "predictedDeliveryPrice": ""}


def _instrument(listing: ListedContract, numbers: Numbers, contract: Contract) -> dict[str, Any]:
    step = contract.step_size or numbers.size(1)
    return {
        "symbol": listing.symbol,
        "contractType": "LinearPerpetual",
        "status": _STATUS.get(contract.status, _CLOSED),
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "launchTime": str(listing.onboard_us // 1000),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(numbers.price_digits),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": numbers.tick,
            "maxPrice": numbers.price(listing.price_ticks * 100),
            "tickSize": numbers.tick,
        },
        "lotSizeFilter": {
            "maxOrderQty": numbers.size(MAX_LOTS),
            "minOrderQty": step,
            "qtyStep": step,
            "postOnlyMaxOrderQty": numbers.size(MAX_LOTS),
            "maxMktOrderQty": numbers.size(MAX_LOTS),
            "minNotionalValue": f"{listing.min_notional:g}",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": rows.FUNDING_HOURS * 60,
        "settleCoin": listing.quote,
        "copyTrading": "both",
        "upperFundingRate": f"{rows.MAX_RATE:.5f}",
        "lowerFundingRate": f"{-rows.MAX_RATE:.5f}",
        "isPreListing": False,
        "preListingInfo": None,
        "displayName": "",
        "symbolType": "",
    }
