"""Requests that no route answers."""

from __future__ import annotations

import secrets
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher

from orderfox_nb.server.handlers.base import METHODS, MarketHandler, RequestRefused


class NoRoute(MarketHandler):
    """Answers requests to unknown paths.

    A preflight request is answered as everywhere: without it a browser hides the 404 from its page.
    """

    route = "none"

    async def prepare(self) -> None:  # type: ignore[override]
        self.correlation = secrets.token_hex(8)
        self.set_cors_headers()
        if self.request.method != "OPTIONS":
            raise RequestRefused(404, f"No such route: {self.request.path[:100]}")

    @classmethod
    def allowed(cls) -> list[str]:
        return list(METHODS)


class Preflight(Matcher):
    """Matches ``OPTIONS`` requests to any path, for servers that have only our routes."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if request.method == "OPTIONS" else None
