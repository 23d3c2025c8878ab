"""Health, metrics and the description of the interface."""

from __future__ import annotations

import time

import msgspec

from orderfox_nb import __version__
from orderfox_nb.server.handlers.base import MarketHandler, ReadHandler
from orderfox_nb.server.metrics import CONTENT_TYPE


class Health(ReadHandler):
    """Whether the data is there: 200 while something works, else 503. Asking opens nothing."""

    route = "health"

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
            "exchange_calls": desk.catalogue.stats()["exchange_calls"] if desk is not None else 0,
            "database": "none",
        }
        if self.get_status() == 503:
            answer |= {"detail": answer["problem"] or "No topic has data", "status_code": 503}
        return msgspec.json.encode(answer)


class MetricsText(MarketHandler):
    """Counters as Prometheus text."""

    route = "metrics"

    async def get(self, *_args: str) -> None:
        desk = self.service.opened
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(self.service.metrics.text(desk.statistics() if desk is not None else None))

    head = get


class OpenApi(ReadHandler):
    """The description of every route, made from the models."""

    route = "openapi"

    async def answer(self, *_args: str) -> bytes:
        from orderfox_nb.server.openapi import document  # noqa: PLC0415  (made on request only)

        return document(self.settings.get("base_url", "/"))
