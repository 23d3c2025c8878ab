"""The REST endpoints of orders: place, change, cancel and list them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import msgspec
from aiohttp import web

from orderfox_nb.sim.server.gate import AnswerWithHeaders, Gate, one_or_all
from orderfox_nb.sim.server.order_parameters import lots_of, new_order, number, side_of, ticks_of, window_us
from orderfox_nb.sim.server.order_rows import fill_row, order_row
from orderfox_nb.sim.server.selection import Selection
from orderfox_nb.sim.server.signing import ClientRequest, SignedRequests
from orderfox_nb.sim.trading.orders import PlacedOrder
from orderfox_nb.sim.trading.rules import count_order
from orderfox_nb.sim.trading.venue import TradingVenue
from orderfox_nb.sim.venue_error import VenueError, missing

_MAX_BATCH: Final = 5
_MAX_CANCELS: Final = 10


class OrdersRest:
    """Answers of ``/fapi/v1`` about orders.

    Args:
        trading: The accounts.
        selection: Finds the symbols of a request.
        gate: Counts weights, applies faults, writes errors.
        signed: Checks signatures.
    """

    def __init__(self, trading: TradingVenue, selection: Selection, gate: Gate, signed: SignedRequests) -> None:
        self._trading = trading
        self._selection = selection
        self._gate = gate
        self._signed = signed

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        routes: list[tuple[str, str, Callable[[ClientRequest], Any], Any]] = [
            ("POST", "order", self._place, 0),
            ("PUT", "order", self._amend, 1),
            ("GET", "order", self._get, 1),
            ("DELETE", "order", self._cancel, 1),
            ("POST", "order/test", self._test, 0),
            ("POST", "batchOrders", self._place_batch, 5),
            ("PUT", "batchOrders", self._amend_batch, 5),
            ("DELETE", "batchOrders", self._cancel_batch, 1),
            ("DELETE", "allOpenOrders", self._cancel_all, 1),
            ("GET", "openOrder", self._get_open, 1),
            ("GET", "openOrders", self._list_open, one_or_all(1, 40)),
            ("GET", "allOrders", self._list_all, 5),
            ("GET", "userTrades", self._list_trades, 5),
        ]
        return [
            web.route(method, f"/fapi/v1/{path}", self._gate.guard(self._answer(answer), weight))
            for method, path, answer, weight in routes
        ]

    def _answer(self, answer: Callable[[ClientRequest], Any]) -> Callable[[web.Request], Awaitable[Any]]:
        async def answered(request: web.Request) -> Any:
            return answer(await self._signed.read(request))

        return answered

    def _place(self, request: ClientRequest) -> Any:
        row, counts = self._placed(request)
        return AnswerWithHeaders(row, {"X-MBX-ORDER-COUNT-10S": str(counts[0]), "X-MBX-ORDER-COUNT-1M": str(counts[1])})

    def _placed(self, request: ClientRequest) -> tuple[dict[str, Any], tuple[int, int]]:
        given = request.parameters
        order = self._read(request)
        counts = count_order(request.account, self._selection.source.now_us())
        placed = self._trading.submit(request.account, order)
        acknowledged = given.get("newOrderRespType", "ACK") == "ACK"
        return order_row(placed, self._selection.numbers[placed.symbol], acknowledged=acknowledged), counts

    def _read(self, request: ClientRequest) -> Any:
        symbol = self._symbol(request)
        return new_order(
            request.parameters,
            self._selection.listings[symbol],
            self._selection.numbers[symbol],
            step_size=self._selection.contracts.of(symbol).step_size,
            now_ms=self._selection.now_ms(),
        )

    def _test(self, request: ClientRequest) -> Any:
        self._read(request)
        return {}

    def _amend(self, request: ClientRequest) -> Any:
        given, symbol = request.parameters, self._symbol(request)
        order = self._found(request, symbol)
        if not order.is_open:
            raise VenueError(-2013, "Order does not exist.")
        if side_of(given) != order.side:
            raise VenueError(-1117, "Invalid side.")
        listing, numbers = self._selection.listings[symbol], self._selection.numbers[symbol]
        step_size = self._selection.contracts.of(symbol).step_size
        lots = lots_of(given, listing, numbers, step_size=step_size)
        ticks = ticks_of(given, listing, numbers)
        count_order(request.account, self._selection.source.now_us())
        self._trading.amend(request.account, order, lots=lots, ticks=ticks)
        return order_row(order, numbers)

    def _get(self, request: ClientRequest) -> Any:
        symbol = self._symbol(request)
        return order_row(self._found(request, symbol), self._selection.numbers[symbol])

    def _get_open(self, request: ClientRequest) -> Any:
        symbol = self._symbol(request)
        order = self._found(request, symbol)
        if not order.is_open:
            raise VenueError(-2013, "Order does not exist.")
        return order_row(order, self._selection.numbers[symbol])

    def _cancel(self, request: ClientRequest) -> Any:
        symbol = self._symbol(request)
        try:
            order = self._found(request, symbol)
        except VenueError as error:
            raise VenueError(-2011, "Unknown order sent.") if error.code == -2013 else error from None
        if not order.is_open:
            raise VenueError(-2011, "Unknown order sent.")
        self._trading.cancel(order)
        return order_row(order, self._selection.numbers[symbol])

    def _place_batch(self, request: ClientRequest) -> Any:
        return self._batch(request, lambda each: self._placed(each)[0])

    def _amend_batch(self, request: ClientRequest) -> Any:
        return self._batch(request, self._amend)

    def _cancel_batch(self, request: ClientRequest) -> Any:
        given = request.parameters
        ids = _list(given.get("orderIdList", given.get("orderidlist", "[]")), "orderIdList")
        names = _list(
            given.get("origClientOrderIdList", given.get("origclientorderidlist", "[]")), "origClientOrderIdList"
        )
        if not ids and not names:
            raise missing("orderIdList")
        if len(ids) + len(names) > _MAX_CANCELS:
            raise VenueError(-4082, "Invalid number of batch place orders.")
        common = {"symbol": given.get("symbol", "")}
        each = [common | {"orderId": str(order_id)} for order_id in ids]
        each += [common | {"origClientOrderId": str(name)} for name in names]
        return [self._tried(request, parameters, self._cancel) for parameters in each]

    def _cancel_all(self, request: ClientRequest) -> Any:
        for order in request.account.orders_of(self._symbol(request)):
            self._trading.cancel(order)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _list_open(self, request: ClientRequest) -> Any:
        account = request.account
        if request.parameters.get("symbol"):
            orders = account.orders_of(self._symbol(request))
        else:
            orders = list(account.open_orders.values())
        return [order_row(order, self._selection.numbers[order.symbol]) for order in orders]

    def _list_all(self, request: ClientRequest) -> Any:
        given, symbol = request.parameters, self._symbol(request)
        start_us, end_us = window_us(given)
        limit, from_id = number(given, "limit", 500, low=1, high=1_000), number(given, "orderId", 0)
        found = [
            order
            for order in (*request.account.done, *request.account.open_orders.values())
            if order.symbol == symbol and order.order_id >= from_id and start_us <= order.time_us <= end_us
        ]
        found.sort(key=lambda order: order.order_id)
        found = found[:limit] if from_id or start_us else found[-limit:]
        return [order_row(order, self._selection.numbers[symbol]) for order in found]

    def _list_trades(self, request: ClientRequest) -> Any:
        given, symbol = request.parameters, self._symbol(request)
        start_us, end_us = window_us(given)
        limit, from_id = number(given, "limit", 500, low=1, high=1_000), number(given, "fromId", 0)
        order_id = number(given, "orderId", 0)
        found = [
            fill
            for fill in request.account.fills
            if fill.symbol == symbol
            and fill.trade_id >= from_id
            and order_id in (0, fill.order_id)
            and start_us <= fill.time_us <= end_us
        ]
        found = found[:limit] if from_id or start_us else found[-limit:]
        return [fill_row(fill, self._selection.numbers[symbol]) for fill in found]

    def _symbol(self, request: ClientRequest) -> str:
        symbol = self._selection.named(request.parameters.get("symbol", ""), request.path)
        # Brings the market up to now.
        self._selection.source.market(symbol)
        return symbol

    def _found(self, request: ClientRequest, symbol: str) -> PlacedOrder:
        given = request.parameters
        order_id, client_id = number(given, "orderId", 0), given.get("origClientOrderId", "")
        if not order_id and not client_id:
            raise VenueError(-1102, "Either 'origClientOrderId' or 'orderId' must be sent.")
        order = request.account.order(symbol, order_id=order_id, client_id=client_id)
        if order is None:
            raise VenueError(-2013, "Order does not exist.")
        return order

    def _batch(self, request: ClientRequest, answer: Callable[[ClientRequest], Any]) -> list[Any]:
        each = _list(request.parameters.get("batchOrders", ""), "batchOrders")
        if not 1 <= len(each) <= _MAX_BATCH:
            raise VenueError(-4082, "Invalid number of batch place orders.")
        # All are read before the first is placed: a batch that is refused changes nothing.
        return [self._tried(request, given, answer) for given in [_parameters(one) for one in each]]

    def _tried(self, request: ClientRequest, given: dict[str, str], answer: Callable[[ClientRequest], Any]) -> Any:
        try:
            return answer(ClientRequest(request.account, given, request.path))
        except VenueError as error:
            return {"code": error.code, "msg": error.message}


def _list(text: str, name: str) -> list[Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.") from None
    if not isinstance(found, list):
        raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return cast("list[Any]", found)


def _parameters(one: Any) -> dict[str, str]:
    if not isinstance(one, dict):
        raise VenueError(-1130, "Data sent for parameter 'batchOrders' is not valid.")
    given = cast("dict[str, Any]", one)
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
