"""Bybit's REST paths of the past: bars of every price, settled funding, open interest. The newest row comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import web

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.sim.facts import PriceKind, PriceRow
from orderfox_nb.sim.server.bybit import rows
from orderfox_nb.sim.server.bybit.guard import BybitGuard, bad_parameter
from orderfox_nb.sim.server.bybit.names import INTERVALS
from orderfox_nb.sim.server.bybit.selection import BybitSelection
from orderfox_nb.sim.server.request_window import whole

_MAX_BARS: Final = 1_000
_MAX_ROWS: Final = 200
_INTEREST_INTERVALS: Final = {"5min": "5m", "15min": "15m", "30min": "30m", "1h": "1h", "4h": "4h", "1d": "1d"}
_LAST_MS: Final = 10**14


class BybitSeries:
    """Series under ``/v5/market``.

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
            ("kline", self._bars),
            ("mark-price-kline", self._prices("mark")),
            ("index-price-kline", self._prices("index")),
            ("premium-index-price-kline", self._prices("premium")),
            ("funding/history", self._funding),
            ("open-interest", self._open_interest),
        ]
        return [web.get(f"/v5/market/{name}", self._guard.guard(answer, 1)) for name, answer in answers]

    def _bars(self, request: web.Request) -> Any:
        symbol, market, numbers = self._selection.market(request)
        found = market.klines(*self._span(request))
        return _series(symbol, [(str(row.open_us // 1000), *rows.bar(row, numbers)) for row in found])

    def _prices(self, kind: PriceKind) -> Callable[[web.Request], Any]:
        def answer(request: web.Request) -> Any:
            symbol, market, numbers = self._selection.market(request)
            digits = 8 if kind == "premium" else numbers.price_digits
            found = market.price_klines(kind, *self._span(request))
            return _series(symbol, [_price_row(row, digits) for row in found])

        return answer

    def _span(self, request: web.Request) -> tuple[str, int | None, int | None, int]:
        code = request.query.get("interval", "")
        if code not in INTERVALS:
            raise bad_parameter("interval")
        start_us, end_us = _bounds(request, "start", "end")
        limit = whole(request, "limit", 200, low=1, high=_MAX_BARS, refused=bad_parameter)
        return _newest_within(INTERVALS[code], start_us, end_us, limit)

    def _funding(self, request: web.Request) -> Any:
        symbol, market, _ = self._selection.market(request)
        start_us, end_us = _bounds(request, "startTime", "endTime")
        if start_us is not None and end_us is None:
            raise bad_parameter("endTime, which a startTime needs, is")
        limit = whole(request, "limit", _MAX_ROWS, low=1, high=_MAX_ROWS, refused=bad_parameter)
        found = market.funding(None, end_us, limit)
        return {
            "category": "linear",
            "list": [
                {
                    "symbol": symbol,
                    "fundingRate": f"{row.rate:.8f}",
                    "fundingRateTimestamp": str(row.time_us // 1000),
                }
                for row in reversed(found)
                if start_us is None or row.time_us >= start_us
            ],
        }

    def _open_interest(self, request: web.Request) -> Any:
        symbol, market, numbers = self._selection.market(request)
        interval = request.query.get("intervalTime", "")
        if interval not in _INTEREST_INTERVALS:
            raise bad_parameter("intervalTime")
        start_us, end_us = _bounds(request, "startTime", "endTime")
        limit = whole(request, "limit", 50, low=1, high=_MAX_ROWS, refused=bad_parameter)
        before_us = whole(request, "cursor", 0, low=0, high=_LAST_MS, refused=bad_parameter) * 1000
        end_us = before_us - 1 if before_us else end_us
        bars = market.klines(*_newest_within(_INTEREST_INTERVALS[interval], start_us, end_us, limit))
        found = [(bar.open_us // 1000, market.open_interest(bar.open_us)) for bar in reversed(bars)]
        return {
            "symbol": symbol,
            "category": "linear",
            "list": [
                {"openInterest": numbers.size(lots), "timestamp": str(time_ms)}
                for time_ms, lots in found
                if lots is not None
            ],
            "nextPageCursor": str(found[-1][0]) if len(found) == limit else "",
        }


def _newest_within(
    timeframe: str, start_us: int | None, end_us: int | None, limit: int
) -> tuple[str, int | None, int | None, int]:
    """Return bounds of bars: with an end the newest up to it, with a start alone the first from there on."""
    if start_us is None or end_us is None:
        return timeframe, start_us, end_us, limit
    span_us = TIMEFRAME_US[timeframe] * limit
    # Bars that open within the last ``limit`` lengths; a month's length is nominal and its bars are few.
    return timeframe, start_us if timeframe == "1M" else max(start_us, end_us - span_us + 1), end_us, limit


def _bounds(request: web.Request, start: str, end: str) -> tuple[int | None, int | None]:
    start_ms = whole(request, start, -1, low=0, high=_LAST_MS, refused=bad_parameter)
    end_ms = whole(request, end, -1, low=0, high=_LAST_MS, refused=bad_parameter)
    if 0 <= end_ms < start_ms:
        raise bad_parameter(f"{start} after {end}:")
    return start_ms * 1000 if start_ms >= 0 else None, end_ms * 1000 + 999 if end_ms >= 0 else None


def _series(symbol: str, found: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    return {"symbol": symbol, "category": "linear", "list": found[::-1]}


def _price_row(row: PriceRow, digits: int) -> tuple[str, ...]:
    prices = (row.open, row.high, row.low, row.close)
    return (str(row.open_us // 1000), *(f"{price:.{digits}f}" for price in prices))
