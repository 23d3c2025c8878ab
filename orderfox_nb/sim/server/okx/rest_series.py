"""OKX's REST paths of the past: bars of every price, settled funding, liquidations. The newest row comes first.

``after`` asks for older rows than a time, ``before`` for newer ones: the opposite of what the words suggest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from orderfox_nb.core.timeframes import DAY_US, TIMEFRAME_US
from orderfox_nb.sim.facts import PriceKind
from orderfox_nb.sim.server.okx import rows
from orderfox_nb.sim.server.okx.guard import OkxGuard, bad_parameter
from orderfox_nb.sim.server.okx.names import BARS, SWAP, instrument_of
from orderfox_nb.sim.server.okx.selection import OkxSelection, SeriesPage

_RECENT_BARS: Final = 1_440
"""How far back the paths without ``history`` go."""
_MAX_BARS: Final = 300
_MAX_PRICE_BARS: Final = 100
_MAX_FUNDING: Final = 400
_LIQUIDATIONS_US: Final = DAY_US
"""How far back liquidations go."""


class OkxSeries:
    """Series under ``/api/v5``.

    Args:
        selection: Finds the instruments of a request.
        guard: Counts requests, applies faults, writes errors.
    """

    def __init__(self, selection: OkxSelection, guard: OkxGuard) -> None:
        self._selection = selection
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application; a number is how often a path may be asked in two seconds."""
        answers: list[tuple[str, Callable[[web.Request], Any], int]] = [
            ("market/candles", self._bars(_RECENT_BARS), 40),
            ("market/history-candles", self._bars(None), 20),
            ("market/mark-price-candles", self._prices("mark", _RECENT_BARS), 20),
            ("market/history-mark-price-candles", self._prices("mark", None), 20),
            ("market/index-candles", self._prices("index", _RECENT_BARS), 20),
            ("market/history-index-candles", self._prices("index", None), 10),
            ("public/funding-rate-history", self._funding, 10),
            ("public/liquidation-orders", self._liquidations, 40),
        ]
        return [web.get(f"/api/v5/{path}", self._guard.guard(answer, most)) for path, answer, most in answers]

    def _bars(self, reach: int | None) -> Callable[[web.Request], Any]:
        def answer(request: web.Request) -> Any:
            selected = self._selection.one(request)
            now_us = self._selection.now_us()
            found = selected.market.klines(*self._span(request, reach, most=_MAX_BARS))
            return [
                rows.bar(row, selected.numbers, selected.sizes, closed=row.close_us <= now_us)
                for row in reversed(found)
            ]

        return answer

    def _prices(self, kind: PriceKind, reach: int | None) -> Callable[[web.Request], Any]:
        def answer(request: web.Request) -> Any:
            selected = self._selection.index(request) if kind == "index" else self._selection.one(request)
            now_us = self._selection.now_us()
            found = selected.market.price_klines(kind, *self._span(request, reach, most=_MAX_PRICE_BARS))
            return [
                (
                    str(row.open_us // 1000),
                    *map(selected.market.listing.reference_text, (row.open, row.high, row.low, row.close)),
                    "1" if row.close_us <= now_us else "0",
                )
                for row in reversed(found)
            ]

        return answer

    def _span(self, request: web.Request, reach: int | None, *, most: int) -> tuple[str, int | None, int | None, int]:
        bar = request.query.get("bar", "1m")
        if bar not in BARS:
            raise bad_parameter("bar")
        page, timeframe = self._selection.page(request, most=most), BARS[bar]
        start_us, end_us, length_us = (page.before + 1) * 1000, page.after * 1000 - 1, TIMEFRAME_US[timeframe]
        now_us = self._selection.now_us()
        if reach is not None:
            start_us = max(start_us, now_us - reach * length_us)
        if start_us <= 0:
            return timeframe, None, min(end_us, now_us), page.limit
        # Of the rows between the bounds the newest are sent: those that open within the last ``limit`` lengths.
        end_us = min(end_us, now_us)
        return timeframe, max(start_us, end_us - page.limit * length_us + 1), end_us, page.limit

    def _funding(self, request: web.Request) -> Any:
        selected = self._selection.one(request)
        page = self._selection.page(request, most=_MAX_FUNDING)
        found = selected.market.funding(None, page.after * 1000 - 1, page.limit)
        return [
            {
                "instType": SWAP,
                "instId": instrument_of(selected.symbol),
                "formulaType": "withRate",
                "method": "current_period",
                "fundingRate": f"{row.rate:.8f}",
                "realizedRate": f"{row.rate:.8f}",
                "fundingTime": str(row.time_us // 1000),
            }
            for row in reversed(found)
            if row.time_us // 1000 > page.before
        ]

    def _liquidations(self, request: web.Request) -> Any:
        if self._selection.kind(request) != SWAP:
            return []
        page = self._selection.page(request, most=100)
        selected = self._selection.each(request)
        found = ((one, self._recent(one.symbol, page)) for one in selected)
        listings = {listing.symbol: listing for listing, _ in self._selection.contracts()}
        return [
            rows.liquidations(listings[one.symbol], facts, one.numbers, one.sizes) | {"totalLoss": "0"}
            for one, facts in found
            if facts
        ]

    def _recent(self, symbol: str, page: SeriesPage) -> Any:
        now_us = self._selection.now_us()
        start_us = max((page.before + 1) * 1000, now_us - _LIQUIDATIONS_US)
        market = self._selection.of(symbol).market
        return market.liquidation_orders(start_us, min(page.after * 1000, now_us), page.limit)[::-1]
