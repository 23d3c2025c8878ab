"""Checks before every REST answer of Bybit: 600 requests in five seconds, and its envelope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.guard import Guard, json_response, unavailable
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.request_window import RequestWindow
from orderfox_nb.sim.venue_error import VenueError

_BAD_REQUEST: Final = 10001
_TOO_MANY: Final = "access too frequent"


class BybitGuard(Guard):
    """Guards the REST answers of one server of Bybit's protocol.

    Args:
        limits: The venue's limits.
        faults: Faults in force.
        clock: What a delay is measured by.
        clock_us: The clock of the limits.
        now_ms: The venue's time.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        faults: Faults,
        clock: Clock,
        clock_us: Callable[[], int],
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(faults=faults, clock=clock)
        self._most = limits.requests_per_window
        self._window = RequestWindow(limits.window_s)
        self._clock_us = clock_us
        self._now_ms = now_ms

    def charge(self, request: web.Request, weight: Any, headers: dict[str, str]) -> web.Response | None:
        del weight, headers
        if self._window.charge(request.remote or "", "", self._most, self._clock_us()) >= 0:
            return None
        return self._refusal(10018, f"{_TOO_MANY}, exceeded the IP rate limit", 403, {})

    def written(self, body: Any, request: web.Request, fault: Fault | None, headers: dict[str, str]) -> bytes:
        del request, fault, headers
        return msgspec.json.encode(self._envelope(0, "OK", body))

    def failed(self, error: VenueError, headers: dict[str, str]) -> web.Response:
        return self._refusal(error.code, error.message, error.status, headers)

    def refuse(self, fault: Fault, headers: dict[str, str]) -> web.Response:
        match fault.status:
            case 403 if fault.seconds:
                return self._refusal(10018, f"{_TOO_MANY}, exceeded the IP rate limit", 403, headers)
            case 403 | 451:
                text = "<html><body>Access from your country is blocked</body></html>"
                return web.Response(status=fault.status, text=text, content_type="text/html", headers=headers)
            case 418 | 429:
                return self._refusal(10006, "Too many visits!", fault.status, headers)
            case status if status >= 500:
                return unavailable(fault, headers)
            case status:
                return self._refusal(10016, "Server error", status, headers)

    def _refusal(self, code: int, message: str, status: int, headers: dict[str, str]) -> web.Response:
        return json_response(self._envelope(code, message, {}), status, headers)

    def _envelope(self, code: int, message: str, result: Any) -> dict[str, Any]:
        return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": self._now_ms()}


def bad_parameter(name: str) -> VenueError:
    """Return the error of a parameter that is missing or not valid; the status of the answer is 200."""
    return VenueError(_BAD_REQUEST, f"params error: {name} invalid", status=200)
