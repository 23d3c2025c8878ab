"""Checks before every REST answer of OKX: requests of each path in two seconds, and its envelope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.guard import Guard, json_response, unavailable
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.okx.names import symbol_of
from orderfox_nb.sim.server.request_window import RequestWindow
from orderfox_nb.sim.venue_error import VenueError


class OkxGuard(Guard):
    """Guards the REST answers of one server of OKX's protocol.

    Args:
        limits: The venue's limits.
        faults: Faults in force.
        clock: What a delay is measured by.
        clock_us: The clock of the limits.
    """

    def __init__(self, *, limits: Limits, faults: Faults, clock: Clock, clock_us: Callable[[], int]) -> None:
        super().__init__(faults=faults, clock=clock)
        self._most = limits.requests_per_window
        self._window = RequestWindow(limits.window_s)
        self._clock_us = clock_us

    def symbol_of(self, request: web.Request) -> str:
        return symbol_of(request.query.get("instId", ""))

    def charge(self, request: web.Request, weight: Any, headers: dict[str, str]) -> web.Response | None:
        """Count a request; ``weight`` is how many of its path are allowed."""
        del headers
        most = min(int(weight), self._most)
        if self._window.charge(request.remote or "", request.path, most, self._clock_us()) >= 0:
            return None
        return _envelope("50011", "Too Many Requests", 429, {})

    def written(self, body: Any, request: web.Request, fault: Fault | None, headers: dict[str, str]) -> bytes:
        del request, fault, headers
        return msgspec.json.encode({"code": "0", "msg": "", "data": body})

    def failed(self, error: VenueError, headers: dict[str, str]) -> web.Response:
        return _envelope(str(error.code), error.message, error.status, headers)

    def refuse(self, fault: Fault, headers: dict[str, str]) -> web.Response:
        match fault.status:
            case 418 | 429:
                return _envelope("50011", "Too Many Requests", fault.status, headers)
            case 403 | 451:
                text = "<html><body>Service is not available in your region</body></html>"
                return web.Response(status=fault.status, text=text, content_type="text/html", headers=headers)
            case 503:
                return _envelope("50001", "Service temporarily unavailable. Please try again later.", 503, headers)
            case status if status >= 500:
                return unavailable(fault, headers)
            case status:
                return _envelope("50000", "System error", status, headers)


def _envelope(code: str, message: str, status: int, headers: dict[str, str]) -> web.Response:
    return json_response({"code": code, "msg": message, "data": []}, status, headers)


def bad_parameter(name: str) -> VenueError:
    """Return the error of a parameter that is not valid."""
    return VenueError(51000, f"Parameter {name} error")


def empty_parameter(name: str) -> VenueError:
    """Return the error of a parameter that is missing."""
    return VenueError(50014, f"Parameter {name} cannot be empty.")


def unknown_instrument() -> VenueError:
    """Return the error of an instrument that does not exist; the status of the answer is 200."""
    return VenueError(51001, "Instrument ID, Instrument ID code, or Spread ID doesn't exist.", status=200)
