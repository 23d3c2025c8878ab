"""The REST endpoints of accounts: balance, positions, their settings, and the keys of their streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from orderfox_nb.sim.server.account_rows import (
    account_position_row,
    asset_row,
    balance_row,
    bracket_row,
    position_risk_row,
    totals,
)
from orderfox_nb.sim.server.gate import Gate
from orderfox_nb.sim.server.order_parameters import number, window_us
from orderfox_nb.sim.server.order_rows import income_row
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.signing import ClientRequest, SignedRequests
from orderfox_nb.sim.server.user_streams import UserStreams
from orderfox_nb.sim.trading.account import MAKER_RATE, TAKER_RATE, TradingAccount
from orderfox_nb.sim.trading.brackets import max_notional
from orderfox_nb.sim.trading.settings import change_leverage, change_margin_type
from orderfox_nb.sim.trading.venue import TradingVenue
from orderfox_nb.sim.venue_error import VenueError, missing


class AccountsRest:
    """Answers of ``/fapi`` about accounts.

    Args:
        trading: The accounts.
        selection: Finds the symbols of a request.
        gate: Counts weights, applies faults, writes errors.
        signed: Checks signatures.
        streams: The user-data streams.
    """

    def __init__(
        self, trading: TradingVenue, selection: Selection, gate: Gate, signed: SignedRequests, streams: UserStreams
    ) -> None:
        self._trading = trading
        self._selection = selection
        self._gate = gate
        self._signed = signed
        self._streams = streams

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        routes: list[tuple[str, str, Callable[[ClientRequest], Any], int]] = [
            ("GET", "v2/account", self._account, 5),
            ("GET", "v3/account", self._account, 5),
            ("GET", "v2/balance", self._balance, 5),
            ("GET", "v3/balance", self._balance, 5),
            ("GET", "v2/positionRisk", self._position_risk, 5),
            ("GET", "v3/positionRisk", self._position_risk, 5),
            ("POST", "v1/leverage", self._change_leverage, 1),
            ("POST", "v1/marginType", self._change_margin_type, 1),
            ("GET", "v1/leverageBracket", self._brackets, 1),
            ("GET", "v1/income", self._income, 30),
            ("GET", "v1/commissionRate", self._commission, 20),
            ("GET", "v1/positionSide/dual", lambda _: {"dualSidePosition": False}, 30),
            ("GET", "v1/multiAssetsMargin", lambda _: {"multiAssetsMargin": False}, 30),
        ]
        keys: list[tuple[str, Callable[[ClientRequest], Any]]] = [
            ("POST", lambda request: self._streams.open_key(request.account.key)),
            ("PUT", lambda request: self._streams.keep_key(request.account.key)),
            ("DELETE", lambda request: self._streams.close_key(request.account.key)),
        ]
        guard = self._gate.guard
        return [
            *(
                web.route(method, f"/fapi/{path}", guard(self._answer(answer), weight))
                for method, path, answer, weight in routes
            ),
            *(
                web.route(method, "/fapi/v1/listenKey", guard(self._answer(answer, signed=False), 1))
                for method, answer in keys
            ),
        ]

    def _answer(
        self, answer: Callable[[ClientRequest], Any], *, signed: bool = True
    ) -> Callable[[web.Request], Awaitable[Any]]:
        async def answered(request: web.Request) -> Any:
            return answer(await self._signed.read(request, signed=signed))

        return answered

    def _account(self, request: ClientRequest) -> Any:
        account, now_ms = request.account, self._selection.now_ms()
        margin = self._trading.margin(account)
        body: dict[str, Any] = {}
        if "/v2/" in request.path:
            body = {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": False, "updateTime": 0}
            body |= {"multiAssetsMargin": False, "tradeGroupId": -1}
        body |= {name if name[0].islower() else f"total{name}": text for name, text in totals(account, margin).items()}
        # Version 3 leaves out the symbols without position and orders.
        symbols = self._selection.listings if "/v2/" in request.path else margin.symbols
        return body | {
            "assets": [asset_row(account, margin, now_ms)],
            "positions": [
                account_position_row(
                    account,
                    self._selection.listings[symbol],
                    self._selection.numbers[symbol],
                    margin.symbols.get(symbol) or self._trading.symbol_margin(account, symbol),
                )
                for symbol in symbols
            ],
        }

    def _balance(self, request: ClientRequest) -> Any:
        return [balance_row(request.account, self._trading.margin(request.account), self._selection.now_ms())]

    def _position_risk(self, request: ClientRequest) -> Any:
        account, given = request.account, request.parameters
        margin = self._trading.margin(account)
        if given.get("symbol"):
            symbols = [self._symbol(request)]
        else:
            symbols = list(self._selection.listings if "/v2/" in request.path else margin.symbols)
        return [self._risk_row(account, symbol, margin) for symbol in symbols]

    def _risk_row(self, account: TradingAccount, symbol: str, margin: Any) -> dict[str, Any]:
        return position_risk_row(
            account,
            self._selection.listings[symbol],
            self._selection.numbers[symbol],
            margin.symbols.get(symbol) or self._trading.symbol_margin(account, symbol),
            margin,
        )

    def _change_leverage(self, request: ClientRequest) -> Any:
        symbol = self._symbol(request)
        if not request.parameters.get("leverage"):
            raise missing("leverage")
        leverage = number(request.parameters, "leverage", 0)
        change_leverage(self._trading, request.account, symbol, leverage)
        cap = max_notional(self._selection.listings[symbol], leverage)
        return {"leverage": leverage, "maxNotionalValue": f"{cap:f}", "symbol": symbol}

    def _change_margin_type(self, request: ClientRequest) -> Any:
        symbol, text = self._symbol(request), request.parameters.get("marginType", "")
        if not text:
            raise missing("marginType")
        if text not in ("ISOLATED", "CROSSED"):
            raise VenueError(-1130, "Data sent for parameter 'marginType' is not valid.")
        change_margin_type(request.account, symbol, isolated=text == "ISOLATED")
        return {"code": 200, "msg": "success"}

    def _brackets(self, request: ClientRequest) -> Any:
        if request.parameters.get("symbol"):
            return [bracket_row(self._selection.listings[self._symbol(request)])]
        return [bracket_row(listing) for listing in self._selection.listings.values()]

    def _income(self, request: ClientRequest) -> Any:
        given = request.parameters
        start_us, end_us = window_us(given)
        limit = number(given, "limit", 100, low=1, high=1_000)
        found = [
            income_row(income)
            for income in request.account.incomes
            if given.get("symbol") in (None, "", income.symbol)
            and given.get("incomeType") in (None, "", income.kind)
            and start_us <= income.time_us <= end_us
        ]
        return found[:limit] if start_us else found[-limit:]

    def _commission(self, request: ClientRequest) -> Any:
        return {
            "symbol": self._symbol(request),
            "makerCommissionRate": f"{MAKER_RATE:.6f}",
            "takerCommissionRate": f"{TAKER_RATE:.6f}",
            "rpiCommissionRate": "0.000000",
        }

    def _symbol(self, request: ClientRequest) -> str:
        symbol = self._selection.named(request.parameters.get("symbol", ""), request.path)
        self._selection.source.market(symbol)
        return symbol
