"""The REST endpoints that answer with series: bars of every price, and the statistics of ``/futures/data``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from orderfox_nb.core.numerals import whole_number
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.sim.facts import BarRow, PriceKind, PriceRow, RatioKind
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server import spot
from orderfox_nb.sim.server.gate import Gate, integer, time_bounds
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.weights import klines_weight
from orderfox_nb.sim.venue_error import VenueError, missing

_PERIODS: Final = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
_MAX_BARS: Final = 1_500
_CONTRACTS: Final = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER")

Selected = tuple[str, ServedMarket, Numbers]
Row = Callable[[str, ServedMarket, Numbers, BarRow], dict[str, Any] | None]


class SeriesRest:
    """Bars and statistics.

    Args:
        selection: Finds the symbols of a request.
        gate: Counts weights, applies faults, writes errors.
    """

    def __init__(self, selection: Selection, gate: Gate, *, spot: bool = False) -> None:
        self._spot = spot
        self._source = selection.source
        self._gate = gate
        self._numbers = selection.numbers

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        if self._spot:
            return [web.get("/api/v3/klines", self._gate.guard(self._klines, 2))]
        bars: list[tuple[str, Callable[[web.Request], Any]]] = [
            ("klines", self._klines),
            ("continuousKlines", self._continuous_klines),
            ("markPriceKlines", self._price_klines("mark")),
            ("indexPriceKlines", self._price_klines("index")),
            ("premiumIndexKlines", self._price_klines("premium")),
        ]
        statistics: list[tuple[str, Callable[[web.Request], Any]]] = [
            ("openInterestHist", self._statistics(self._open_interest)),
            ("globalLongShortAccountRatio", self._statistics(self._ratio("accounts"))),
            ("topLongShortAccountRatio", self._statistics(self._ratio("top accounts"))),
            ("topLongShortPositionRatio", self._statistics(self._ratio("top positions"))),
            ("takerlongshortRatio", self._statistics(self._taker_ratio)),
            ("basis", self._statistics(self._basis, by_pair=True)),
        ]
        gate = self._gate
        return [
            *(web.get(f"/fapi/v1/{name}", gate.guard(answer, _weight)) for name, answer in bars),
            *(web.get(f"/futures/data/{name}", gate.guard(answer, 0)) for name, answer in statistics),
        ]

    # Checks

    def _selected(self, request: web.Request, *, by_pair: bool) -> Selected:
        name = "pair" if by_pair else "symbol"
        symbol = request.query.get(name, "")
        if not symbol:
            raise missing(name)
        if symbol not in self._numbers:
            raise VenueError(-4144, "Invalid pair.") if by_pair else VenueError(-1121, "Invalid symbol.")
        return symbol, self._source.market(symbol), self._numbers[symbol]

    # Bars

    def _klines(self, request: web.Request) -> Any:
        return self._bars_of(self._selected(request, by_pair=False), request)

    def _continuous_klines(self, request: web.Request) -> Any:
        selected = self._selected(request, by_pair=True)
        # Only perpetuals are traded here.
        return self._bars_of(selected, request) if _contract(request) == "PERPETUAL" else []

    def _bars_of(self, selected: Selected, request: web.Request) -> Any:
        _, market, numbers = selected
        size, quote = numbers.size, numbers.quote
        return [
            (
                row.open_us // 1000,
                (price := numbers.priced(row.close_us))(row.open),
                price(row.high),
                price(row.low),
                price(row.close),
                size(row.lots),
                row.close_us // 1000 - 1,
                quote(row.quote),
                row.trades,
                size(row.taker_lots),
                quote(row.taker_quote),
                "0",
            )
            for row in market.klines(*_range(request, spot.MAX_BARS if self._spot else _MAX_BARS))
        ]

    def _price_klines(self, kind: PriceKind) -> Callable[[web.Request], Any]:
        def answer(request: web.Request) -> Any:
            _, market, _ = self._selected(request, by_pair=kind == "index")
            # The premium index is a ratio.
            text = market.listing.reference_text if kind != "premium" else "{:.8f}".format
            return [_price_row(row, text) for row in market.price_klines(kind, *_range(request))]

        return answer

    # Statistics

    def _statistics(self, row_of: Row, *, by_pair: bool = False) -> Callable[[web.Request], Any]:
        def answer(request: web.Request) -> Any:
            symbol, market, numbers = self._selected(request, by_pair=by_pair)
            if by_pair and _contract(request) != "PERPETUAL":
                return []
            period = request.query.get("period", "")
            if period not in _PERIODS:
                raise VenueError(-1130, "Data sent for parameter 'period' is not valid.")
            limit = integer(request, "limit", 30, low=1, high=500)
            start_us, end_us = time_bounds(request)
            now_us = self._source.now_us()
            bars = market.klines(period, start_us, now_us if end_us is None else min(end_us, now_us), limit)
            rows = (row_of(symbol, market, numbers, bar) for bar in bars)
            return [row | {"timestamp": bar.open_us // 1000} for bar, row in zip(bars, rows, strict=True) if row]

        return answer

    @staticmethod
    def _open_interest(symbol: str, market: ServedMarket, numbers: Numbers, bar: BarRow) -> dict[str, Any] | None:
        lots = market.open_interest(bar.open_us)
        if lots is None:
            return None
        return {
            "symbol": symbol,
            "sumOpenInterest": numbers.size(lots),
            "sumOpenInterestValue": numbers.quote(lots * bar.open),
        }

    @staticmethod
    def _ratio(kind: RatioKind) -> Row:
        def row(symbol: str, market: ServedMarket, _: Numbers, bar: BarRow) -> dict[str, Any] | None:
            share = market.long_share(kind, bar.open_us)
            if share is None:
                return None
            long = round(share, 4)
            return {
                "symbol": symbol,
                "longAccount": f"{long:.4f}",
                "longShortRatio": f"{long / (1 - long):.4f}",
                "shortAccount": f"{1 - long:.4f}",
            }

        return row

    @staticmethod
    def _taker_ratio(_symbol: str, _market: ServedMarket, numbers: Numbers, bar: BarRow) -> dict[str, Any] | None:
        sold = bar.lots - bar.taker_lots
        return {
            "buySellRatio": f"{bar.taker_lots / sold if sold else 0.0:.4f}",
            "sellVol": numbers.size(sold),
            "buyVol": numbers.size(bar.taker_lots),
        }

    @staticmethod
    def _basis(symbol: str, market: ServedMarket, numbers: Numbers, bar: BarRow) -> dict[str, Any] | None:
        period = next(each for each in _PERIODS if TIMEFRAME_US[each] == bar.close_us - bar.open_us)
        bars = market.price_klines("index", period, bar.open_us, bar.open_us, 1)
        if not bars:
            return None
        index, price = bars[0].open, bar.open * numbers.tick_size
        return {
            "pair": symbol,
            "contractType": "PERPETUAL",
            "indexPrice": market.listing.reference_text(index),
            "futuresPrice": numbers.price(bar.open),
            "basis": market.listing.reference_text(price - index),
            "basisRate": f"{price / index - 1:.4f}",
            "annualizedBasisRate": "",
        }


def _range(request: web.Request, most: int = _MAX_BARS) -> tuple[str, int | None, int | None, int]:
    interval = request.query.get("interval", "")
    if not interval:
        raise missing("interval")
    if interval not in TIMEFRAME_US:
        raise VenueError(-1120, "Invalid interval.")
    limit = integer(request, "limit", 500, low=1, high=most)
    return interval, *time_bounds(request), limit


def _contract(request: web.Request) -> str:
    contract = request.query.get("contractType", "")
    if not contract:
        raise missing("contractType")
    if contract not in _CONTRACTS:
        raise VenueError(-1130, "Data sent for parameter 'contractType' is not valid.")
    return contract


def _price_row(row: PriceRow, text: Callable[[float], str]) -> tuple[Any, ...]:
    prices = map(text, (row.open, row.high, row.low, row.close))
    return (row.open_us // 1000, *prices, "0", row.close_us // 1000 - 1, "0", 60, "0", "0", "0")


def _weight(request: web.Request) -> int:
    text = request.query.get("limit", "500")
    limit = whole_number(text)
    return 1 if limit is None or not 0 < limit < 100_000 else klines_weight(limit)
