"""What Prometheus reads: our own counters, and those of the desk at the time of reading."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)


class Metrics:
    """The counters of one server; a registry of its own, so that two servers in one process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "orderfox_requests", "REST requests answered", ["route", "method", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "orderfox_request_seconds", "Time to answer a request", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self.sockets = Gauge("orderfox_sockets", "Open WebSockets", ["route"], registry=self._registry)
        self.messages = Counter(
            "orderfox_socket_messages", "Messages sent over WebSockets", ["route"], registry=self._registry
        )
        self.tasks = Gauge("orderfox_tasks", "Tasks on the server's loop", registry=self._registry)
        self.tasks.set_function(lambda: len(asyncio.all_tasks()))
        self.refused = Counter(
            "orderfox_sockets_refused", "Readers turned away at the limit of sockets", registry=self._registry
        )
        self.closed_slow = Counter(
            "orderfox_sockets_closed_slow", "Event readers closed with 4008", registry=self._registry
        )

    def text(self, statistics: Mapping[str, int | float] | None) -> bytes:
        """Render everything as Prometheus text.

        Args:
            statistics: The desk's counters, ``None`` while no desk is open.
        """
        return generate_latest(self._registry) + _as_text(statistics or {})


def _as_text(statistics: Mapping[str, int | float]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Snapshot(statistics))
    return generate_latest(registry)


class _Snapshot:
    def __init__(self, statistics: Mapping[str, int | float]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, value in sorted(self._statistics.items()):
            # The desk's counters go back to zero with it, so they are gauges here.
            yield GaugeMetricFamily("orderfox_desk_" + re.sub(r"[^a-zA-Z0-9_]", "_", name), name, value=float(value))
