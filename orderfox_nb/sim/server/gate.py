"""Checks before every REST answer of Binance: the weight budget and the venue's form of errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from orderfox_nb.clock import Clock
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.guard import Guard, json_response, unavailable
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.weights import OverBudget, WeightMeter
from orderfox_nb.sim.venue_error import VenueError

_USED: Final = "X-MBX-USED-WEIGHT-1M"
_BLOCKED: Final = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you received this message "
    "in error."
)


class AnswerWithHeaders(msgspec.Struct, frozen=True):
    """An answer with headers of its own."""

    body: Any
    headers: dict[str, str]


class Gate(Guard):
    """Guards the REST answers of one server of Binance's protocol.

    Args:
        clock_us: The clock of the weight budget.
        snapshot: Encodes a book, for the fault that serves a stale one.
        symbols: Every symbol.
        clock: What a delay is measured by.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        faults: Faults,
        clock_us: Callable[[], int],
        snapshot: Callable[[str], bytes | None],
        symbols: Sequence[str],
        clock: Clock,
    ) -> None:
        super().__init__(faults=faults, clock=clock)
        self._symbols = symbols
        self._limits = limits
        self._clock_us = clock_us
        self._snapshot = snapshot
        self._meter = WeightMeter(limits)
        self._stale: dict[int, dict[str, bytes]] = {}

    def charge(
        self, request: web.Request, weight: int | str | Callable[[web.Request], int], headers: dict[str, str]
    ) -> web.Response | None:
        address = request.remote or ""
        now_us = self._clock_us()
        if weight == "funding":
            refused = self._meter.charge_funding(address, now_us)
        else:
            cost = weight(request) if callable(weight) else weight
            assert isinstance(cost, int)
            refused = self._meter.charge(address, cost, now_us)
        headers[_USED] = str(self._meter.used(address, now_us))
        return None if refused is None else self._refusal(refused, address, headers)

    def refuse(self, fault: Fault, headers: dict[str, str]) -> web.Response:
        return fault_response(fault, headers)

    def failed(self, error: VenueError, headers: dict[str, str]) -> web.Response:
        return json_response({"code": error.code, "msg": error.message}, error.status, headers)

    def written(self, body: Any, request: web.Request, fault: Fault | None, headers: dict[str, str]) -> bytes:
        if isinstance(body, AnswerWithHeaders):
            headers |= body.headers
            body = body.body
        if fault is not None and fault.kind == "stale_snapshot":
            body = self._stale_depth(fault, request) or body
        return super().written(body, request, fault, headers)

    def remember(self, fault: Fault) -> None:
        """Keep the books of this moment for a ``stale_snapshot``: its symbol's, or all of them."""
        symbols = [fault.symbol.upper()] if fault.symbol else self._symbols
        bodies = ((symbol, self._snapshot(symbol)) for symbol in symbols)
        self._stale[fault.id] = {symbol: body for symbol, body in bodies if body is not None}

    def _stale_depth(self, fault: Fault, request: web.Request) -> bytes | None:
        kept = self._stale.get(fault.id, {}).get(request.query.get("symbol", ""))
        if kept is None:
            return None
        limit = integer(request, "limit", 500)
        body = msgspec.json.decode(kept)
        return msgspec.json.encode(body | {"bids": body["bids"][:limit], "asks": body["asks"][:limit]})

    def used(self, address: str) -> int:
        """Return the weight that an address has used in this minute."""
        return self._meter.used(address, self._clock_us())

    def _refusal(self, refused: OverBudget, address: str, headers: dict[str, str]) -> web.Response:
        headers["Retry-After"] = str(refused.retry_after_s)
        if refused.status == 418:
            message = (
                f"Way too many requests; IP({address}) banned until {refused.banned_until_us // 1000}. "
                "Please use the websocket for live updates to avoid bans."
            )
        else:
            message = (
                f"Too many requests; current limit of IP({address}) is {self._limits.weight_per_minute} requests per "
                "minute. Please use the websocket for live updates to avoid polling the API."
            )
        return json_response({"code": -1003, "msg": message}, refused.status, headers)


async def unknown_path(request: web.Request) -> web.Response:
    """Answer a path that the venue does not have."""
    return json_response({"code": -5000, "msg": f"Path {request.path}, Method {request.method} is invalid"}, 404, {})


def integer(request: web.Request, name: str, default: int, *, low: int = -(2**62), high: int = 2**62) -> int:
    """Read a whole number from the query.

    Raises:
        VenueError: Not a number, or outside ``low`` to ``high``.
    """
    text = request.query.get(name, "")
    if not text:
        return default
    value = whole_number(text)
    if value is None:
        raise VenueError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    if not low <= value <= high:
        raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return value


def time_bounds(request: web.Request) -> tuple[int | None, int | None]:
    """Read ``startTime`` and ``endTime`` in microseconds; the end is inclusive to the millisecond.

    Raises:
        VenueError: Not numbers, or the start is after the end.
    """
    start_ms = integer(request, "startTime", -1)
    end_ms = integer(request, "endTime", -1)
    if 0 <= end_ms < start_ms:
        raise VenueError(-1023, "Start time is greater than end time.")
    return start_ms * 1000 if start_ms >= 0 else None, end_ms * 1000 + 999 if end_ms >= 0 else None


def one_or_all(one: int, all_: int) -> Callable[[web.Request], int]:
    """Return a weight that depends on whether the request names a symbol."""
    return lambda request: one if "symbol" in request.query else all_


def fault_response(fault: Fault, headers: dict[str, str]) -> web.Response:
    """Answer with the status of a fault."""
    if fault.seconds or fault.status in (418, 429):
        headers["Retry-After"] = str(max(1, round(fault.seconds)))
    if fault.status == 451:
        return json_response({"code": 0, "msg": _BLOCKED}, 451, headers)
    if fault.status in (418, 429):
        return json_response({"code": -1003, "msg": "Too many requests."}, fault.status, headers)
    if fault.status >= 500:
        return unavailable(fault, headers)
    unknown = {"code": -1000, "msg": "An unknown error occurred while processing the request."}
    return json_response(unknown, fault.status, headers)
