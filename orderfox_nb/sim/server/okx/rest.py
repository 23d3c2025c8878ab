"""OKX's REST paths of a moment: time, instruments, prices, funding, open interest, books, tickers, trades."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final

from aiohttp import web

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.server.contracts import Contract
from orderfox_nb.sim.server.level_window import Rows
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.okx import rows
from orderfox_nb.sim.server.okx.guard import OkxGuard, bad_parameter
from orderfox_nb.sim.server.okx.names import SWAP, index_of, instrument_of
from orderfox_nb.sim.server.okx.selection import OkxSelection, Selected
from orderfox_nb.sim.server.request_window import whole
from orderfox_nb.sim.trading.rules import MAX_LOTS

_STATES: Final[Mapping[str, str]] = {"TRADING": "live", "PENDING_TRADING": "preopen", "SETTLING": "expired"}
_SUSPENDED: Final = "suspend"


class OkxRest:
    """The current market under ``/api/v5``.

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
            ("public/time", self._time, 10),
            ("public/instruments", self._instruments, 20),
            ("public/mark-price", self._each(self._mark_price), 10),
            ("public/funding-rate", self._each(self._funding_rate), 10),
            ("public/open-interest", self._each(self._open_interest), 20),
            ("public/price-limit", self._price_limit, 20),
            ("market/books", self._books(400, orders=True), 40),
            ("market/books-full", self._books(5_000, orders=False), 10),
            ("market/ticker", self._ticker, 20),
            ("market/tickers", self._each(self._ticker_row), 20),
            ("market/index-tickers", self._index_tickers, 20),
            ("market/trades", self._trades, 100),
            ("market/history-trades", self._past_trades, 20),
        ]
        return [web.get(f"/api/v5/{path}", self._guard.guard(answer, most)) for path, answer, most in answers]

    def _time(self, _: web.Request) -> Any:
        return [{"ts": str(self._selection.now_ms())}]

    def _instruments(self, request: web.Request) -> Any:
        if self._selection.kind(request) != SWAP:
            return []
        asked = request.query.get("instId", "")
        found = [
            _instrument(listing, self._selection.numbers[listing.symbol], contract)
            for listing, contract in self._selection.contracts()
        ]
        if len(found) > 1:
            # A list of several always has one that is suspended.
            luna = {"instId": "LUNA-USDT-SWAP", "instFamily": "LUNA-USDT", "uly": "LUNA-USDT", "ctValCcy": "LUNA"}
            found.append(found[-1] | luna | {"state": _SUSPENDED})
        return [row for row in found if asked in ("", row["instId"])]

    def _each(self, row: Callable[[Selected], Any]) -> Callable[[web.Request], Any]:
        def answer(request: web.Request) -> Any:
            found = (row(selected) for selected in self._selection.each(request))
            return [one for one in found if one is not None]

        return answer

    def _mark_price(self, selected: Selected) -> Any:
        return rows.mark_price(selected.market, now_ms=self._selection.now_ms())

    def _funding_rate(self, selected: Selected) -> Any:
        return rows.funding_rate(selected.market, now_ms=self._selection.now_ms())

    def _open_interest(self, selected: Selected) -> Any:
        now_ms = self._selection.now_ms()
        return rows.open_interest(selected.market, selected.numbers, selected.sizes, now_ms=now_ms)

    def _ticker_row(self, selected: Selected) -> Any:
        return rows.ticker(selected.market, selected.numbers, selected.sizes, now_ms=self._selection.now_ms())

    def _ticker(self, request: web.Request) -> Any:
        return [self._ticker_row(self._selection.one(request))]

    def _price_limit(self, request: web.Request) -> Any:
        selected = self._selection.one(request)
        row = rows.price_limit(selected.market, selected.numbers, now_ms=self._selection.now_ms())
        return [row] if row else []

    def _index_tickers(self, request: web.Request) -> Any:
        symbols = self._selection.traded()
        markets = [self._selection.index(request)] if "instId" in request.query else map(self._selection.of, symbols)
        found = (rows.index_ticker(one.market, one.numbers, now_ms=self._selection.now_ms()) for one in markets)
        return [row for row in found if row is not None]

    def _books(self, most: int, *, orders: bool) -> Callable[[web.Request], Any]:
        def answer(request: web.Request) -> Any:
            selected = self._selection.one(request)
            limit = whole(request, "sz", 1, low=1, high=most, refused=bad_parameter)
            update_id, *sides = selected.market.depth(limit)
            price, size = selected.numbers.price, selected.sizes.size
            bids, asks = ([(price(ticks), size(lots)) for ticks, lots in side] for side in sides)
            written = rows.levels if orders else _full_levels
            now_ms = self._selection.now_ms()
            return [{"asks": written(asks), "bids": written(bids), "ts": str(now_ms), "seqId": update_id}]

        return answer

    def _trades(self, request: web.Request) -> Any:
        selected = self._selection.one(request)
        limit = whole(request, "limit", 100, low=1, high=500, refused=bad_parameter)
        return self._singles(selected, selected.market.aggregate_trades(limit))[-limit:][::-1]

    def _past_trades(self, request: web.Request) -> Any:
        selected = self._selection.one(request)
        page = self._selection.page(request, most=100)
        market = selected.market
        if request.query.get("type", "1") == "2":
            facts = market.aggregate_trades(page.limit, end_us=page.after * 1000 - 1)
            found = [row for row in self._singles(selected, facts) if int(row["ts"]) > page.before]
        else:
            newest = market.aggregate_trades(1)
            last = min(page.after - 1, newest[-1].last_trade_id if newest else 0)
            facts = market.single_trades(page.limit, from_id=max(0, last - page.limit + 1))
            ids = range(max(page.before, last - page.limit) + 1, last + 1)
            found = [row for row in self._singles(selected, facts) if int(row["tradeId"]) in ids]
        return found[-page.limit :][::-1]

    def _singles(self, selected: Selected, facts: Any) -> list[dict[str, str]]:
        symbol, _, numbers, sizes = selected
        return list(chain.from_iterable(rows.trades(symbol, fact, numbers, sizes) for fact in facts))


def _full_levels(found: Rows) -> list[tuple[str, str, str]]:
    """Return levels as the full book has them, without the field that is always 0."""
    return [(price, size, "1") for price, size in found]


def _instrument(listing: ListedContract, numbers: Numbers, contract: Contract) -> dict[str, Any]:
    sizes, index = rows.contract_sizes(listing), index_of(listing.symbol)
    step = sizes.size(1)
    return {
        "alias": "",
        "auctionEndTime": "",
        "baseCcy": "",
        "category": "1",
        "contTdSwTime": "",
        "ctMult": "1",
        "ctType": "linear",
        "ctVal": f"{rows.contract_value(listing):f}",
        "ctValCcy": listing.base,
        "expTime": "",
        "futureSettlement": False,
        "instFamily": index,
        "instId": instrument_of(listing.symbol),
        "instType": SWAP,
        "lever": "100",
        "listTime": str(listing.onboard_us // 1000),
        "lotSz": step,
        "maxIcebergSz": sizes.size(MAX_LOTS),
        "maxLmtAmt": "20000000",
        "maxLmtSz": sizes.size(MAX_LOTS),
        "maxMktAmt": "",
        "maxMktSz": sizes.size(MAX_LOTS),
        "maxStopSz": sizes.size(MAX_LOTS),
        "maxTriggerSz": sizes.size(MAX_LOTS),
        "maxTwapSz": sizes.size(MAX_LOTS),
        "minSz": step,
        "openType": "",
        "optType": "",
        "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": listing.quote,
        "state": _STATES.get(contract.status, _SUSPENDED),
        "stk": "",
        "tickSz": numbers.tick,
        "uly": index,
    }
