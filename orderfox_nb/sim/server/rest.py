"""The REST endpoints: their checks, weights and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from orderfox_nb.core.numerals import whole_number
from orderfox_nb.core.timeframes import HOUR_US
from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server import catalogue, spot
from orderfox_nb.sim.server.frames import ticker_text
from orderfox_nb.sim.server.gate import Gate, integer, one_or_all, time_bounds
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.weights import DEPTH_WEIGHT
from orderfox_nb.sim.venue_error import VenueError


class Rest:
    """The public market data of ``/fapi/v1``, or of spot's ``/api/v3``, but its bars.

    Args:
        selection: Finds the symbols of a request.
        gate: Counts weights, applies faults, writes errors.
    """

    def __init__(self, selection: Selection, gate: Gate, *, spot: bool = False) -> None:
        self._spot = spot
        self._selection = selection
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        gate = self._gate
        if self._spot:
            return [web.get(f"/api/v3/{path}", gate.guard(answer, weight)) for path, answer, weight in self._of_spot()]
        routes: list[tuple[str, Callable[[web.Request], Any], Any]] = [
            ("/fapi/v1/ping", self._ping, 1),
            ("/fapi/v1/time", self._time, 1),
            ("/fapi/v1/exchangeInfo", self._info, 1),
            ("/fapi/v1/depth", self._depth, _depth_weight),
            ("/fapi/v1/trades", self._trades, 5),
            ("/fapi/v1/historicalTrades", self._historical_trades, 20),
            ("/fapi/v1/aggTrades", self._aggregate_trades, 20),
            ("/fapi/v1/ticker/24hr", self._tickers, one_or_all(1, 40)),
            ("/fapi/v1/ticker/price", self._prices, one_or_all(1, 2)),
            ("/fapi/v2/ticker/price", self._prices, one_or_all(1, 2)),
            ("/fapi/v1/ticker/bookTicker", self._book_tickers, one_or_all(2, 5)),
        ]
        return [web.get(path, gate.guard(answer, weight)) for path, answer, weight in routes]

    def _of_spot(self) -> list[tuple[str, Callable[[web.Request], Any], Any]]:
        return [
            ("ping", self._ping, 1),
            ("time", self._time, 1),
            ("exchangeInfo", self._info, 20),
            ("depth", self._depth, _spot_depth_weight),
            ("trades", self._trades, 25),
            ("historicalTrades", self._historical_trades, 25),
            ("aggTrades", self._aggregate_trades, 4),
            ("ticker/24hr", self._tickers, one_or_all(2, 80)),
            ("ticker/price", self._prices, one_or_all(2, 4)),
            ("ticker/bookTicker", self._book_tickers, one_or_all(2, 4)),
        ]

    def depth_body(self, symbol: str, limit: int) -> bytes:
        """Encode a snapshot of a book."""
        update_id, bids, asks = self._selection.source.depth(symbol, limit)
        numbers = self._selection.numbers[symbol]
        now_ms = self._selection.now_ms()
        times = {} if self._spot else {"E": now_ms, "T": now_ms}
        return msgspec.json.encode(
            {
                "lastUpdateId": update_id,
                **times,
                "bids": [(numbers.price(ticks), numbers.size(lots)) for ticks, lots in bids],
                "asks": [(numbers.price(ticks), numbers.size(lots)) for ticks, lots in asks],
            }
        )

    def _ping(self, _: web.Request) -> Any:
        return {}

    def _time(self, _: web.Request) -> Any:
        return {"serverTime": self._selection.now_ms()}

    def _info(self, _: web.Request) -> bytes:
        encode, selection = spot.spot_info if self._spot else catalogue.exchange_info, self._selection
        return encode(
            list(selection.listings.values()), selection.numbers, selection.contracts, now_ms=selection.now_ms()
        )

    def _depth(self, request: web.Request) -> bytes:
        symbol = self._selection.symbol(request)
        if self._spot:
            return self.depth_body(symbol, integer(request, "limit", 100, low=1, high=spot.MAX_DEPTH))
        limit = integer(request, "limit", 500)
        if limit not in DEPTH_WEIGHT:
            raise VenueError(-4021, f"'{limit}' is not valid depth limit.")
        return self.depth_body(symbol, limit)

    def _trades(self, request: web.Request) -> Any:
        _, market, numbers = self._selection.market(request)
        limit = integer(request, "limit", 500, low=1, high=1_000)
        return _singles(market.aggregate_trades(limit), numbers)[-limit:]

    def _historical_trades(self, request: web.Request) -> Any:
        _, market, numbers = self._selection.market(request)
        limit = integer(request, "limit", 100, low=1, high=500)
        from_id = integer(request, "fromId", -1)
        if from_id < 0:
            return _singles(market.aggregate_trades(limit), numbers)[-limit:]
        rows = _singles(market.single_trades(limit, from_id=from_id), numbers)
        return [row for row in rows if row["id"] >= from_id][:limit]

    def _aggregate_trades(self, request: web.Request) -> Any:
        _, market, numbers = self._selection.market(request)
        limit = integer(request, "limit", 500, low=1, high=1_000)
        start_us, end_us = time_bounds(request)
        if start_us is not None and end_us is not None and end_us - start_us > HOUR_US + 999:
            raise VenueError(-1127, "More than 1 hours between startTime and endTime.")
        if start_us is not None and start_us < self._selection.source.now_us() - 48 * HOUR_US:
            raise VenueError(-4166, "Search window is restricted to recent 2 days only.")
        from_id = integer(request, "fromId", -1)
        trades = market.aggregate_trades(
            limit, from_id=from_id if from_id >= 0 else None, start_us=start_us, end_us=end_us
        )
        return [_aggregate_row(trade, numbers) for trade in trades]

    def _tickers(self, request: web.Request) -> Any:
        def row(listing: ListedContract, market: ServedMarket, numbers: Numbers) -> Any:
            ticker = market.ticker()
            return {
                "symbol": listing.symbol,
                **ticker_text(ticker, numbers),
                "openTime": ticker.open_us // 1000,
                "closeTime": ticker.close_us // 1000,
                "firstId": ticker.first_trade_id,
                "lastId": ticker.last_trade_id,
                "count": ticker.trades,
            }

        return self._selection.each(request, row)

    def _prices(self, request: web.Request) -> Any:
        now_ms = self._selection.now_ms()
        return self._selection.each(
            request,
            lambda listing, market, numbers: {
                "symbol": listing.symbol,
                "price": numbers.price(market.ticker().last),
                "time": now_ms,
            },
        )

    def _book_tickers(self, request: web.Request) -> Any:
        now_ms = self._selection.now_ms()

        def row(listing: ListedContract, market: ServedMarket, numbers: Numbers) -> Any:
            bid, bid_lots, ask, ask_lots = market.best()
            return {
                "symbol": listing.symbol,
                "bidPrice": numbers.price(bid),
                "bidQty": numbers.size(bid_lots),
                "askPrice": numbers.price(ask),
                "askQty": numbers.size(ask_lots),
                "time": now_ms,
            }

        return self._selection.each(request, row)


def _singles(trades: list[TradeFact], numbers: Numbers) -> list[dict[str, Any]]:
    return [
        {
            "id": trade.first_trade_id + place,
            "price": numbers.priced(trade.time_us)(trade.price),
            "qty": numbers.size(lots),
            "quoteQty": numbers.quote(lots * trade.price),
            "time": trade.time_us // 1000,
            "isBuyerMaker": trade.buyer_is_maker,
        }
        for trade in trades
        for place, lots in enumerate(trade.fills)
    ]


def _aggregate_row(trade: TradeFact, numbers: Numbers) -> dict[str, Any]:
    size = numbers.size(trade.lots)
    return {
        "a": trade.agg_id,
        "p": numbers.priced(trade.time_us)(trade.price),
        "q": size,
        "nq": size,
        "f": trade.first_trade_id,
        "l": trade.last_trade_id,
        "T": trade.time_us // 1000,
        "m": trade.buyer_is_maker,
    }


def _depth_weight(request: web.Request) -> int:
    return DEPTH_WEIGHT.get(_limit(request, 500), 1)


def _spot_depth_weight(request: web.Request) -> int:
    return spot.depth_weight(_limit(request, 100))


def _limit(request: web.Request, default: int) -> int:
    text = request.query.get("limit", str(default))
    limit = whole_number(text)
    return 0 if limit is None or not 0 <= limit < 100_000 else limit
