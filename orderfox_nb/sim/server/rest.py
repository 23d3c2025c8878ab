"""The REST endpoints: their checks, weights and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from orderfox_nb.core.timeframes import HOUR_US
from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.reference import FUNDING_US, MAX_RATE
from orderfox_nb.sim.server import catalogue
from orderfox_nb.sim.server.contracts import UNLISTED, Contracts
from orderfox_nb.sim.server.frames import ticker_text
from orderfox_nb.sim.server.gate import Gate, VenueError, integer, time_bounds
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.source import ServedMarket, Source
from orderfox_nb.sim.server.weights import DEPTH_WEIGHT

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OF_CLOSED_SYMBOLS: Final = ("/ticker/24hr", "/fundingRate")
"""The past of a symbol stays, also once it is closed."""
_DAY_MS: Final = 86_400_000


class Rest:
    """The public market data of ``/fapi/v1`` but its bars.

    Args:
        source: What is served.
        gate: Counts weights, strikes with faults, writes errors.
    """

    def __init__(self, source: Source, gate: Gate) -> None:
        self._source = source
        self._gate = gate
        self.contracts = Contracts()
        self._listings = {listing.symbol: listing for listing in source.listings}
        self.numbers = {
            symbol: Numbers(tick_size=listing.tick_size, lot_size=listing.lot_size)
            for symbol, listing in self._listings.items()
        }
        """How each symbol's prices and sizes are written."""

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        gate = self._gate
        one_or_all = lambda one, all_: lambda request: one if "symbol" in request.query else all_  # noqa: E731
        routes: list[tuple[str, Callable[[web.Request], Any], Any]] = [
            ("/fapi/v1/ping", self._ping, 1),
            ("/fapi/v1/time", self._time, 1),
            ("/fapi/v1/exchangeInfo", self._info, 1),
            ("/fapi/v1/tradingSchedule", self._trading_schedule, 5),
            ("/fapi/v1/depth", self._depth, _depth_weight),
            ("/fapi/v1/trades", self._trades, 5),
            ("/fapi/v1/historicalTrades", self._historical_trades, 20),
            ("/fapi/v1/aggTrades", self._aggregate_trades, 20),
            ("/fapi/v1/ticker/24hr", self._tickers, one_or_all(1, 40)),
            ("/fapi/v1/ticker/price", self._prices, one_or_all(1, 2)),
            ("/fapi/v2/ticker/price", self._prices, one_or_all(1, 2)),
            ("/fapi/v1/ticker/bookTicker", self._book_tickers, one_or_all(2, 5)),
            ("/fapi/v1/premiumIndex", self._premium_index, one_or_all(1, 10)),
            ("/fapi/v1/fundingRate", self._funding_rate, "funding"),
            ("/fapi/v1/fundingInfo", self._funding_info, "funding"),
            ("/fapi/v1/openInterest", self._open_interest, 1),
        ]
        return [web.get(path, gate.guard(answer, weight)) for path, answer, weight in routes]

    def depth_body(self, symbol: str, limit: int) -> bytes:
        """Encode a snapshot of a book."""
        update_id, bids, asks = self._source.depth(symbol, limit)
        numbers = self.numbers[symbol]
        now_ms = self._now_ms()
        return msgspec.json.encode(
            {
                "lastUpdateId": update_id,
                "E": now_ms,
                "T": now_ms,
                "bids": [(numbers.price(ticks), numbers.size(lots)) for ticks, lots in bids],
                "asks": [(numbers.price(ticks), numbers.size(lots)) for ticks, lots in asks],
            }
        )

    def refine(self, symbol: str, factor: int) -> None:
        """Write a symbol's prices on a tick that is so many times as fine from now on."""
        self.numbers[symbol].refine(factor, self._source.now_us())

    # Checks

    def _now_ms(self) -> int:
        return self._source.now_us() // 1000

    def _symbol(self, request: web.Request) -> str:
        symbol = request.query.get("symbol", "")
        if not symbol:
            raise VenueError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if symbol not in self._listings:
            raise VenueError(-1121, "Invalid symbol.")
        status = self.contracts.of(symbol).status
        if status == UNLISTED:
            raise VenueError(-1121, "Invalid symbol.")
        if status != "TRADING" and not request.path.endswith(_OF_CLOSED_SYMBOLS):
            raise VenueError(-4141, "Symbol is closed.")
        return symbol

    def _market(self, request: web.Request) -> tuple[str, ServedMarket, Numbers]:
        symbol = self._symbol(request)
        return symbol, self._source.market(symbol), self.numbers[symbol]

    def _each(self, request: web.Request, row: Callable[[Listing, ServedMarket, Numbers], Any]) -> Any:
        if "symbol" in request.query:
            symbol, market, numbers = self._market(request)
            return row(self._listings[symbol], market, numbers)
        return [
            row(listing, self._source.market(symbol), self.numbers[symbol])
            for symbol, listing in self._listings.items()
        ]

    # Answers

    def _ping(self, _: web.Request) -> Any:
        return {}

    def _time(self, _: web.Request) -> Any:
        return {"serverTime": self._now_ms()}

    def _info(self, _: web.Request) -> bytes:
        return catalogue.exchange_info(
            list(self._listings.values()), self.numbers, self.contracts, now_ms=self._now_ms()
        )

    def _trading_schedule(self, _: web.Request) -> Any:
        return self.contracts.schedule(self._now_ms())

    def _depth(self, request: web.Request) -> bytes:
        symbol = self._symbol(request)
        limit = integer(request, "limit", 500)
        if limit not in DEPTH_WEIGHT:
            raise VenueError(-4021, f"'{limit}' is not valid depth limit.")
        return self.depth_body(symbol, limit)

    def _trades(self, request: web.Request) -> Any:
        _, market, numbers = self._market(request)
        limit = integer(request, "limit", 500, low=1, high=1_000)
        return _singles(market.aggregate_trades(limit), numbers)[-limit:]

    def _historical_trades(self, request: web.Request) -> Any:
        _, market, numbers = self._market(request)
        limit = integer(request, "limit", 100, low=1, high=500)
        from_id = integer(request, "fromId", -1)
        if from_id < 0:
            return _singles(market.aggregate_trades(limit), numbers)[-limit:]
        rows = _singles(market.single_trades(limit, from_id=from_id), numbers)
        return [row for row in rows if row["id"] >= from_id][:limit]

    def _aggregate_trades(self, request: web.Request) -> Any:
        _, market, numbers = self._market(request)
        limit = integer(request, "limit", 500, low=1, high=1_000)
        start_us, end_us = time_bounds(request)
        if start_us is not None and end_us is not None and end_us - start_us > HOUR_US + 999:
            raise VenueError(-1127, "More than 1 hours between startTime and endTime.")
        if start_us is not None and start_us < self._source.now_us() - 48 * HOUR_US:
            raise VenueError(-4166, "Search window is restricted to recent 2 days only.")
        from_id = integer(request, "fromId", -1)
        trades = market.aggregate_trades(
            limit, from_id=from_id if from_id >= 0 else None, start_us=start_us, end_us=end_us
        )
        return [_aggregate_row(trade, numbers) for trade in trades]

    def _tickers(self, request: web.Request) -> Any:
        def row(listing: Listing, market: ServedMarket, numbers: Numbers) -> Any:
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

        return self._each(request, row)

    def _prices(self, request: web.Request) -> Any:
        now_ms = self._now_ms()
        return self._each(
            request,
            lambda listing, market, numbers: {
                "symbol": listing.symbol,
                "price": numbers.price(market.ticker().last),
                "time": now_ms,
            },
        )

    def _book_tickers(self, request: web.Request) -> Any:
        now_ms = self._now_ms()

        def row(listing: Listing, market: ServedMarket, numbers: Numbers) -> Any:
            bid, bid_lots, ask, ask_lots = market.best()
            return {
                "symbol": listing.symbol,
                "bidPrice": numbers.price(bid),
                "bidQty": numbers.size(bid_lots),
                "askPrice": numbers.price(ask),
                "askQty": numbers.size(ask_lots),
                "time": now_ms,
            }

        return self._each(request, row)

    def _premium_index(self, request: web.Request) -> Any:
        def row(listing: Listing, market: ServedMarket, _: Numbers) -> Any:
            mark = market.mark()
            # What is not known is empty, as the venue's funding rate of contracts that have none.
            return {
                "symbol": listing.symbol,
                "markPrice": f"{mark.mark:.8f}" if mark else "",
                "indexPrice": f"{mark.index:.8f}" if mark else "",
                "estimatedSettlePrice": f"{mark.settle:.8f}" if mark else "",
                "lastFundingRate": f"{mark.funding_rate:.8f}" if mark else "",
                "interestRate": "0.00010000" if mark else "",
                "nextFundingTime": mark.next_funding_us // 1000 if mark else 0,
                "time": self._now_ms(),
            }

        return self._each(request, row)

    def _funding_rate(self, request: web.Request) -> Any:
        start_us, end_us = time_bounds(request)
        limit = integer(request, "limit", 100, low=1, high=1_000)
        symbols = [self._symbol(request)] if "symbol" in request.query else list(self._listings)
        rows = [
            {
                "symbol": symbol,
                "fundingTime": row.time_us // 1000,
                "fundingRate": f"{row.rate:.8f}",
                "markPrice": f"{row.mark:.8f}",
            }
            for symbol in symbols
            for row in self._source.market(symbol).funding(start_us, end_us, limit)
        ]
        rows.sort(key=lambda row: row["fundingTime"])
        return rows[:limit] if start_us is not None else rows[-limit:]

    def _funding_info(self, _: web.Request) -> Any:
        return [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": f"{MAX_RATE:.8f}",
                "adjustedFundingRateFloor": f"{-MAX_RATE:.8f}",
                "fundingIntervalHours": FUNDING_US // HOUR_US,
                "disclaimer": False,
            }
            for symbol in self._listings
        ]

    def _open_interest(self, request: web.Request) -> Any:
        symbol, market, numbers = self._market(request)
        lots = market.open_interest()
        known = "" if lots is None else numbers.size(lots)
        return {"openInterest": known, "symbol": symbol, "time": self._now_ms()}


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
    text = request.query.get("limit", "500")
    return DEPTH_WEIGHT.get(int(text), 1) if text.isdecimal() and len(text) < 6 else 1
