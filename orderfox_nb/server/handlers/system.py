# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""Health, metrics and the description of the interface."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from orderfox_nb import __version__
from orderfox_nb.desk.desk import DeskHealth
from orderfox_nb.server.handlers.base import ReadHandler
from orderfox_nb.server.handlers.market import OrderBookRoute, book_limit
from orderfox_nb.server.metrics import CONTENT_TYPE
from orderfox_nb.server.openapi import document
from orderfox_nb.server.service import DeskService
from orderfox_nb.views.contract import HealthAnswer, RecordingHealth

Routes: TypeAlias = Sequence[tuple[str, type[Any]]]


class HealthRoute(ReadHandler):
    """Whether data is available: 200 while something works, otherwise 503. A request opens no topic."""

    route = "health"
    model = HealthAnswer

    async def answer(self, *_args: str) -> bytes:
        desks = self.service.opened
        if desks is not None:
            found = desks.health()
        else:
            found = DeskHealth(
                recording=RecordingHealth(state="idle" if self.service.settings.recording_bytes else "off")
            )
        answer = HealthAnswer(
            status="degraded" if self.service.store.state == "unavailable" else found.status,
            timestamp=time.time_ns() // 1_000_000,
            version=__version__,
            source=self.service.settings.source,
            problem=found.problem,
            venues=found.venues,
            topics=found.topics,
            recording=found.recording,
            exchange_calls=desks.exchange_calls if desks is not None else 0,
            database=self.service.store.state,
            database_problem=self.service.store.problem,
            live_trading=self.service.lock.open,
            live_trading_problem=self.service.lock.problem,
        )
        if not found.working:
            self.set_status(503)
            answer.detail, answer.status_code = answer.problem or "No topic has data", 503
        return msgspec.json.encode(answer)


class MetricsRoute(ReadHandler):
    """Counters as Prometheus text."""

    route = "metrics"
    content = "text/plain"

    async def answer(self, *_args: str) -> bytes:
        desks = self.service.opened
        if desks is None:
            return self.service.metrics.text(None)
        return self.service.metrics.text(desks.statistics(), desks.topics)

    def write_answer(self, text: bytes) -> None:
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(text)


class OpenApiRoute(ReadHandler):
    """The description of every route, made from the structs of the contract."""

    route = "openapi"

    def initialize(self, service: DeskService, routes: Routes = (), sockets: Routes = ()) -> None:  # type: ignore[override]
        super().initialize(service)
        self._routes, self._sockets = routes, sockets

    async def answer(self, *_args: str) -> bytes:
        service = self.service
        if service.openapi is None:
            # It takes ten milliseconds, and is the same for as long as the server runs.
            base_url = self.settings.get("base_url", "/")
            service.openapi = document(base_url, self._routes, self._sockets, {OrderBookRoute: [book_limit(service)]})
        return service.openapi
