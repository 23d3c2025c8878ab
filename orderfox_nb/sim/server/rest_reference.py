"""The REST endpoints beside trading: mark prices, funding, open interest, and when markets are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from orderfox_nb.core.timeframes import HOUR_US
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.reference import FUNDING_US, MAX_RATE
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.gate import Gate, integer, one_or_all, time_bounds
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.selection import Selection


class ReferenceRest:
    """Answers of ``/fapi/v1`` about reference prices and contracts.

    Args:
        selection: Finds the symbols of a request.
        gate: Counts weights, applies faults, writes errors.
    """

    def __init__(self, selection: Selection, gate: Gate) -> None:
        self._selection = selection
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        routes: list[tuple[str, Callable[[web.Request], Any], Any]] = [
            ("tradingSchedule", self._trading_schedule, 5),
            ("premiumIndex", self._premium_index, one_or_all(1, 10)),
            ("fundingRate", self._funding_rate, "funding"),
            ("fundingInfo", self._funding_info, "funding"),
            ("openInterest", self._open_interest, 1),
        ]
        return [web.get(f"/fapi/v1/{path}", self._gate.guard(answer, weight)) for path, answer, weight in routes]

    def _trading_schedule(self, _: web.Request) -> Any:
        return self._selection.contracts.schedule(self._selection.now_ms())

    def _premium_index(self, request: web.Request) -> Any:
        def row(listing: ListedContract, market: ServedMarket, _: Numbers) -> Any:
            mark = market.mark()
            # What is unknown is empty, as the venue's funding rate of contracts that have none.
            return {
                "symbol": listing.symbol,
                "markPrice": listing.reference_text(mark.mark) if mark else "",
                "indexPrice": listing.reference_text(mark.index) if mark else "",
                "estimatedSettlePrice": listing.reference_text(mark.settle) if mark else "",
                "lastFundingRate": f"{mark.funding_rate:.8f}" if mark else "",
                "interestRate": "0.00010000" if mark else "",
                "nextFundingTime": mark.next_funding_us // 1000 if mark else 0,
                "time": self._selection.now_ms(),
            }

        return self._selection.each(request, row)

    def _funding_rate(self, request: web.Request) -> Any:
        start_us, end_us = time_bounds(request)
        limit = integer(request, "limit", 100, low=1, high=1_000)
        symbols = [self._selection.symbol(request)] if "symbol" in request.query else list(self._selection.listings)
        rows = [
            {
                "symbol": symbol,
                "fundingTime": row.time_us // 1000,
                "fundingRate": f"{row.rate:.8f}",
                "markPrice": market.listing.reference_text(row.mark),
            }
            for symbol in symbols
            for market in [self._selection.source.market(symbol)]
            for row in market.funding(start_us, end_us, limit)
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
            for symbol in self._selection.listings
        ]

    def _open_interest(self, request: web.Request) -> Any:
        symbol, market, numbers = self._selection.market(request)
        lots = market.open_interest()
        known = "" if lots is None else numbers.size(lots)
        return {"openInterest": known, "symbol": symbol, "time": self._selection.now_ms()}
