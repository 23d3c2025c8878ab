"""Checks before every REST answer of Deribit: the credits of an address, and the envelope of JSON-RPC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.server.deribit.names import symbol_of
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.guard import Guard, json_response, unavailable
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.request_window import RequestWindow
from orderfox_nb.sim.venue_error import VenueError

INVALID_PARAMETERS: Final = -32602
_TOO_MANY: Final = 10028


class DeribitGuard(Guard):
    """Guards the REST answers of one server of Deribit's protocol.

    Args:
        limits: The venue's limits.
        faults: Faults in force.
        clock: What a delay is measured by.
        clock_us: The clock of the limits.
        now_us: The venue's time.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        faults: Faults,
        clock: Clock,
        clock_us: Callable[[], int],
        now_us: Callable[[], int],
    ) -> None:
        super().__init__(faults=faults, clock=clock)
        self._most = limits.requests_per_window
        self._window = RequestWindow(limits.window_s)
        self._clock_us = clock_us
        self._now_us = now_us

    def symbol_of(self, request: web.Request) -> str:
        return symbol_of(request.query.get("instrument_name", ""))

    def charge(self, request: web.Request, weight: Any, headers: dict[str, str]) -> web.Response | None:
        del weight, headers
        if self._window.charge(request.remote or "", "", self._most, self._clock_us()) >= 0:
            return None
        return self._error(_TOO_MANY, "too_many_requests", 429, {})

    def written(self, body: Any, request: web.Request, fault: Fault | None, headers: dict[str, str]) -> bytes:
        del request, fault, headers
        return msgspec.json.encode(envelope({"result": body}, now_us=self._now_us()))

    def failed(self, error: VenueError, headers: dict[str, str]) -> web.Response:
        return self._error(error.code, error.message, error.status, headers)

    def refuse(self, fault: Fault, headers: dict[str, str]) -> web.Response:
        match fault.status:
            case 418 | 429:
                return self._error(_TOO_MANY, "too_many_requests", fault.status, headers)
            case 403 | 451:
                text = "<html><body>Access from your country is not available</body></html>"
                return web.Response(status=fault.status, text=text, content_type="text/html", headers=headers)
            case status if status >= 500:
                return unavailable(fault, headers)
            case status:
                return self._error(11030, "other_reject", status, headers)

    def _error(self, code: int, message: str, status: int, headers: dict[str, str]) -> web.Response:
        error: dict[str, Any] = {"code": code, "message": message}
        if code == INVALID_PARAMETERS:
            # Of a parameter the text is its name.
            error |= {"message": "Invalid params", "data": {"reason": "wrong format", "param": message}}
        return json_response(envelope({"error": error}, now_us=self._now_us()), status, headers)


def envelope(body: dict[str, Any], *, now_us: int) -> dict[str, Any]:
    """Return an answer with what every one has."""
    return {"jsonrpc": "2.0", **body, "usIn": now_us, "usOut": now_us, "usDiff": 0, "testnet": False}


def bad_parameter(name: str) -> VenueError:
    """Return the error of a parameter that is missing or not valid."""
    return VenueError(INVALID_PARAMETERS, name)


def unknown_instrument() -> VenueError:
    """Return the error of an instrument that does not exist."""
    return VenueError(13020, "not_found")
