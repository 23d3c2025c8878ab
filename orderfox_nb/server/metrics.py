"""Metrics for Prometheus: counters of the server, and those of the desk at the time of reading."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from orderfox_nb.core.quality import QualityState
from orderfox_nb.desk.topic import TopicState

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
        self.kernels = Gauge(
            "orderfox_kernels",
            "Kernels of the dashboard: used by a page, ready for one, or being started",
            ["state"],
            registry=self._registry,
        )
        self.closed_slow = Counter(
            "orderfox_sockets_closed_slow", "Event readers closed with 4008", registry=self._registry
        )

    def text(self, statistics: Mapping[str, int | float] | None, topics: Sequence[TopicState] = ()) -> bytes:
        """Render everything as Prometheus text.

        Args:
            statistics: The desk's counters, ``None`` while no desk is open.
            topics: The open topics; each has metrics of its quality.
        """
        return generate_latest(self._registry) + _as_text(statistics or {}, topics)


def _as_text(statistics: Mapping[str, int | float], topics: Sequence[TopicState]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Snapshot(statistics))
    registry.register(_Qualities(topics))
    return generate_latest(registry)


class _Qualities:
    """State and lapses of every open topic."""

    def __init__(self, topics: Sequence[TopicState]) -> None:
        self._topics = topics

    def collect(self) -> Iterable[Metric]:
        present = GaugeMetricFamily("orderfox_topic_state", "1 for the state in force", labels=["topic", "state"])
        lag = GaugeMetricFamily("orderfox_topic_lag_seconds", "Age of the newest event when it came", labels=["topic"])
        lapses = CounterMetricFamily("orderfox_topic_lapses", "Intervals not live", labels=["topic", "state"])
        seconds = CounterMetricFamily("orderfox_topic_lapsed_seconds", "Time not live", labels=["topic", "state"])
        lost = CounterMetricFamily("orderfox_topic_lost_events", "Events that were missed", labels=["topic"])
        for state in self._topics:
            name, log = str(state.topic), state.quality.lapses
            for one in QualityState:
                present.add_metric([name, one.value], float(one is state.quality.state))
            lag.add_metric([name], state.lag_us / 1e6)
            for value, count in sorted(log.counts.items()):
                lapses.add_metric([name, value], count)
                seconds.add_metric([name, value], log.lapsed_us[value] / 1e6)
            lost.add_metric([name], log.lost)
        return present, lag, lapses, seconds, lost


class _Snapshot:
    def __init__(self, statistics: Mapping[str, int | float]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, value in sorted(self._statistics.items()):
            # The desk's counters go back to zero with it, so they are gauges here.
            yield GaugeMetricFamily("orderfox_desk_" + re.sub(r"[^a-zA-Z0-9_]", "_", name), name, value=float(value))
