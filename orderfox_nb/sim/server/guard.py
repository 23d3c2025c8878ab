"""Checks before every REST answer of every protocol: its limits, faults on request, its form of errors."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.venue_error import VenueError

Answer = Callable[[web.Request], Any]


class Guard(ABC):
    """Guards the REST answers of one server; a protocol adds how it charges and writes them.

    Args:
        faults: Faults in force.
        clock: What a delay is measured by.
    """

    def __init__(self, *, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self.requests: dict[str, int] = {}
        """Answered requests by path."""

    def guard(self, answer: Answer, weight: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Wrap an answer, which may be a coroutine function, into the handler that aiohttp calls."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests[request.path] = self.requests.get(request.path, 0) + 1
            headers: dict[str, str] = {}
            if (refusal := self.charge(request, weight, headers)) is not None:
                return refusal
            fault = self._faults.for_request(request.path, self.symbol_of(request))
            if fault is not None:
                if fault.kind == "delay":
                    await self._clock.sleep(fault.seconds)
                elif fault.kind == "status":
                    return self.refuse(fault, headers)
            try:
                body = answer(request)
                if inspect.isawaitable(body):
                    body = await body
                text = self.written(body, request, fault, headers)
            except VenueError as error:
                return self.failed(error, headers)
            if fault is not None and fault.kind == "malformed":
                text = text[: max(1, len(text) // 2)]
            return web.Response(body=text, content_type="application/json", headers=headers)

        return handle

    def symbol_of(self, request: web.Request) -> str:
        """Return which symbol of the exchange a request names, empty if none."""
        return request.query.get("symbol", "")

    def written(self, body: Any, request: web.Request, fault: Fault | None, headers: dict[str, str]) -> bytes:
        """Return the text of an answer; may add to the headers."""
        del request, fault, headers
        return body if isinstance(body, bytes) else msgspec.json.encode(body)

    def remember(self, fault: Fault) -> None:
        """Keep the books of this moment for a ``stale_snapshot``.

        Raises:
            ValueError: The protocol's books do not begin with a REST answer.
        """
        raise ValueError(f"{fault.kind} is of Binance's protocol, whose books begin with a REST answer")

    @abstractmethod
    def charge(self, request: web.Request, weight: Any, headers: dict[str, str]) -> web.Response | None:
        """Count a request against the limits; return the refusal where it exceeds them."""

    @abstractmethod
    def refuse(self, fault: Fault, headers: dict[str, str]) -> web.Response:
        """Answer with the status of a fault."""

    @abstractmethod
    def failed(self, error: VenueError, headers: dict[str, str]) -> web.Response:
        """Answer with an error of the venue."""


def json_response(body: Any, status: int, headers: dict[str, str]) -> web.Response:
    """Return an answer as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)


def unavailable(fault: Fault, headers: dict[str, str]) -> web.Response:
    """Answer as a proxy in front of a venue that is down does: with a page, not with JSON."""
    return web.Response(status=fault.status, text="<html><body>Service unavailable</body></html>", headers=headers)
