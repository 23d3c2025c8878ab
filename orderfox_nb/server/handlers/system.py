"""Health, metrics and the description of the interface."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from orderfox_nb import __version__
from orderfox_nb.server.handlers.base import ReadHandler, RestHandler
from orderfox_nb.server.handlers.market import OrderBook, book_limit
from orderfox_nb.server.metrics import CONTENT_TYPE
from orderfox_nb.server.models import HealthAnswer
from orderfox_nb.server.openapi import document
from orderfox_nb.server.service import DeskService

Routes: TypeAlias = Sequence[tuple[str, type[Any]]]


class Health(ReadHandler):
    """Whether the data is there: 200 while something works, else 503. Asking opens nothing."""

    route = "health"
    model = HealthAnswer

    async def answer(self, *_args: str) -> bytes:
        desk = self.service.opened
        found = desk.health() if desk is not None else {}
        if not found.get("working", True):
            self.set_status(503)
        answer = {
            "status": found.get("status", "healthy"),
            "timestamp": time.time_ns() // 1_000_000,
            "service": "orderfox",
            "version": __version__,
            "source": self.service.settings.source,
            "problem": found.get("problem", ""),
            "topics": found.get("topics", []),
            "exchange_calls": desk.exchange_calls if desk is not None else 0,
            "database": "none",
        }
        if self.get_status() == 503:
            answer |= {"detail": answer["problem"] or "No topic has data", "status_code": 503}
        return msgspec.json.encode(answer)


class MetricsText(RestHandler):
    """Counters as Prometheus text."""

    route = "metrics"
    content = "text/plain"

    async def get(self, *_args: str) -> None:
        desk = self.service.opened
        self.set_header("Content-Type", CONTENT_TYPE)
        if desk is None:
            self.finish(self.service.metrics.text(None))
        else:
            self.finish(self.service.metrics.text(desk.statistics(), desk.hub.topics))

    head = get


class OpenApi(ReadHandler):
    """The description of every route, made from the models."""

    route = "openapi"

    def initialize(self, service: DeskService, routes: Routes = ()) -> None:  # type: ignore[override]
        super().initialize(service)
        self._routes = routes

    async def answer(self, *_args: str) -> bytes:
        return document(self.settings.get("base_url", "/"), self._routes, {OrderBook: [book_limit(self.service)]})
