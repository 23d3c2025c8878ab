"""Deribit's REST paths under ``/api/v2/public``: the current market, and its past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from aiohttp import web

from orderfox_nb.core.timeframes import HOUR_US, TIMEFRAME_US
from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.reference import FUNDING_US
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.deribit import rows
from orderfox_nb.sim.server.deribit.guard import DeribitGuard, bad_parameter, unknown_instrument
from orderfox_nb.sim.server.deribit.names import CURRENCY, RESOLUTIONS, symbol_of
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.request_window import whole
from orderfox_nb.sim.server.selection import Selection

_USDC: Final[dict[str, Any]] = {
    "currency": CURRENCY,
    "currency_long": "USD Coin",
    "coin_type": "ETHER",
    "decimals": 6,
    "fee_precision": 4,
    "min_confirmations": 1,
    "min_withdrawal_fee": 0.0,
    "withdrawal_fee": 0.0,
    "withdrawal_priorities": [],
}
_MAX_BARS: Final = 5_000
_MAX_TRADES: Final = 1_000
_MAX_RATES: Final = 744
_LAST_MS: Final = 10**14
_LAST_ID: Final = 2**53
_INTEREST_HOURS: Final = FUNDING_US // HOUR_US


class _AskedMarket(NamedTuple):
    """The market of a request, and how its numbers are written."""

    market: ServedMarket
    numbers: Numbers


class DeribitRest:
    """The answers of one server.

    Args:
        selection: The exchange's symbols.
        guard: Counts requests, applies faults, writes errors.
    """

    def __init__(self, selection: Selection, guard: DeribitGuard) -> None:
        self._selection = selection
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        answers: list[tuple[str, Callable[[web.Request], Any]]] = [
            ("get_time", lambda _: self._selection.now_ms()),
            ("get_currencies", lambda _: [_USDC]),
            ("get_instruments", self._instruments),
            ("get_book_summary_by_currency", self._summaries),
            ("ticker", self._ticker),
            ("get_order_book", self._book),
            ("get_last_trades_by_instrument", self._trades),
            ("get_last_trades_by_instrument_and_time", self._trades_by_time),
            ("get_tradingview_chart_data", self._bars),
            ("get_funding_rate_history", self._funding),
            ("get_funding_rate_value", self._funding_value),
        ]
        return [web.get(f"/api/v2/public/{name}", self._guard.guard(answer, 1)) for name, answer in answers]

    def _instruments(self, request: web.Request) -> Any:
        if not self._lists(request):
            return []
        found = [
            rows.instrument(listing, self._selection.numbers[listing.symbol], active=contract.status == "TRADING")
            for listing, contract in self._selection.listed()
        ]
        if len(found) > 1:
            # A list of several always has a dated contract, which is not a perpetual, and one that is not active.
            dated = {"instrument_name": f"{found[0]['base_currency']}_{CURRENCY}-25DEC26", "settlement_period": "month"}
            luna = {"instrument_name": f"LUNA_{CURRENCY}-PERPETUAL", "base_currency": "LUNA", "is_active": False}
            found += [found[0] | dated, found[-1] | luna]
        return found

    def _summaries(self, request: web.Request) -> Any:
        if not self._lists(request):
            return []
        now_ms = self._selection.now_ms()
        return [
            rows.summary(self._selection.source.market(symbol), self._selection.numbers[symbol], now_ms=now_ms)
            for symbol in self._selection.traded()
        ]

    def _ticker(self, request: web.Request) -> Any:
        return rows.ticker(*self._asked(request), now_ms=self._selection.now_ms())

    def _book(self, request: web.Request) -> Any:
        market, numbers = self._asked(request)
        update_id, *sides = market.depth(whole(request, "depth", 20, low=1, high=10_000, refused=bad_parameter))
        price, size = numbers.price, numbers.size
        bids, asks = ([(float(price(ticks)), float(size(lots))) for ticks, lots in side] for side in sides)
        return rows.ticker(market, numbers, now_ms=self._selection.now_ms()) | {
            "change_id": update_id,
            "bids": bids,
            "asks": asks,
        }

    def _trades(self, request: web.Request) -> Any:
        market, numbers = self._asked(request)
        count, ascending = _page(request)
        newest = market.aggregate_trades(1)
        first = whole(request, "start_seq", 0, low=0, high=_LAST_ID, refused=bad_parameter)
        last = whole(request, "end_seq", _LAST_ID, low=0, high=_LAST_ID, refused=bad_parameter)
        last = min(last, newest[-1].last_trade_id if newest else 0)
        if ascending:
            last = min(last, first + count - 1)
        else:
            first = max(first, last - count + 1)
        found = market.single_trades(count, from_id=first) if first <= last else []
        return _trades_of(
            _AskedMarket(market, numbers), found, count, lambda row: first <= row["trade_seq"] <= last, ascending
        )

    def _trades_by_time(self, request: web.Request) -> Any:
        market, numbers = self._asked(request)
        count, ascending = _page(request)
        start_ms, end_ms = _bounds(request)
        end_us = end_ms * 1000 + 999
        if ascending:
            found = market.aggregate_trades(count, start_us=start_ms * 1000, end_us=end_us)
        else:
            found = market.aggregate_trades(count, end_us=end_us)
        return _trades_of(
            _AskedMarket(market, numbers), found, count, lambda row: row["timestamp"] >= start_ms, ascending
        )

    def _bars(self, request: web.Request) -> Any:
        market, numbers = self._asked(request)
        resolution = request.query.get("resolution", "")
        if resolution not in RESOLUTIONS:
            raise bad_parameter("resolution")
        interval = RESOLUTIONS[resolution]
        start_ms, end_ms = _bounds(request)
        end_us = min(end_ms * 1000 + 999, self._selection.source.now_us())
        start_us = max(start_ms * 1000, end_us - TIMEFRAME_US[interval] * _MAX_BARS + 1)
        found = [rows.bar(row, numbers) for row in market.klines(interval, start_us, end_us, _MAX_BARS)]
        names = ("open", "high", "low", "close", "volume", "cost")
        columns = {name: [row[name] for row in found] for name in names}
        return {"status": "ok" if found else "no_data", "ticks": [row["tick"] for row in found], **columns}

    def _funding(self, request: web.Request) -> Any:
        market, numbers = self._asked(request)
        start_ms, end_ms = _bounds(request)
        # The newest hours of the range that are over.
        last = min(end_ms * 1000, self._selection.source.now_us()) // HOUR_US
        first = max(-(-start_ms * 1000 // HOUR_US), last - _MAX_RATES + 1)
        settled = market.funding(first * HOUR_US, (last + _INTEREST_HOURS) * HOUR_US, _MAX_RATES)
        rates = {row.time_us // FUNDING_US: row.rate for row in settled}
        mark = market.mark()
        price = rows.reference(mark.index, numbers) if mark else 0.0
        return [
            {
                "timestamp": hour * HOUR_US // 1000,
                "index_price": price,
                "prev_index_price": price,
                "interest_8h": rate,
                "interest_1h": rate / _INTEREST_HOURS,
            }
            for hour in range(first, last + 1)
            # An hour has its part of what is settled at the end of its period.
            for rate in [rates.get(-(-hour // _INTEREST_HOURS), mark.funding_rate if mark else 0.0)]
        ]

    def _funding_value(self, request: web.Request) -> Any:
        mark = self._asked(request).market.mark()
        return mark.funding_rate if mark else 0.0

    def _lists(self, request: web.Request) -> bool:
        """Return whether a list has the linear contracts; those of other currencies and kinds are empty."""
        currency, kind = request.query.get("currency", "any"), request.query.get("kind", "future")
        return currency in (CURRENCY, "any") and kind == "future"

    def _asked(self, request: web.Request) -> _AskedMarket:
        instrument = request.query.get("instrument_name", "")
        if not instrument:
            raise bad_parameter("instrument_name")
        if not self._selection.is_traded(symbol := symbol_of(instrument)):
            raise unknown_instrument()
        return _AskedMarket(self._selection.source.market(symbol), self._selection.numbers[symbol])


def _page(request: web.Request) -> tuple[int, bool]:
    """Return how many trades are requested, and whether the oldest of them first."""
    count = whole(request, "count", 10, low=1, high=_MAX_TRADES, refused=bad_parameter)
    sorting = request.query.get("sorting", "default")
    if sorting not in ("asc", "desc", "default"):
        raise bad_parameter("sorting")
    return count, sorting == "asc"


def _trades_of(
    asked: _AskedMarket, found: list[TradeFact], count: int, holds: Callable[[dict[str, Any]], bool], ascending: bool
) -> dict[str, Any]:
    singles = [row for fact in found for row in rows.trades(asked.market, fact, asked.numbers) if holds(row)]
    kept = singles[:count] if ascending else singles[-count:][::-1]
    return {"trades": kept, "has_more": len(singles) >= count}


def _bounds(request: web.Request) -> tuple[int, int]:
    """Return the first and the last millisecond of a range, both of which must be given.

    Raises:
        VenueError: One of them is missing.
    """
    for name in ("start_timestamp", "end_timestamp"):
        if not request.query.get(name):
            raise bad_parameter(name)
    start_ms, end_ms = (
        whole(request, name, 0, low=0, high=_LAST_MS, refused=bad_parameter)
        for name in ("start_timestamp", "end_timestamp")
    )
    return start_ms, end_ms
