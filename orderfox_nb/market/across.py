"""Carries a topic's events from the engine's thread to the reader's event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from orderfox_nb.core.events import Event, Gap, Topic, Trade, is_new_run, is_restart
from orderfox_nb.core.trade_order import TradeOrder
from orderfox_nb.desk.reader import Repeat
from orderfox_nb.engine import Engine

_log = logging.getLogger(__name__)

MAX_WAITING: Final = 50_000


class _Crossing:
    """A bounded queue between two threads; the reader's loop is woken once for all waiting events."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._lost = 0
        self._restarted = False
        self._ended = False
        self._error: BaseException | None = None

    def put(self, events: list[Event]) -> None:
        """Add events; called on the engine's thread."""
        with self._lock:
            first = not self._waiting
            self._waiting.extend(events)
            while len(self._waiting) > MAX_WAITING:
                left = self._waiting.popleft()
                self._lost += 1
                self._restarted = self._restarted or is_restart(left)
        if first:
            self._ring()

    def end(self, error: BaseException | None) -> None:
        """Let the reader finish after the waiting events; called on the engine's thread."""
        with self._lock:
            self._ended = True
            self._error = error
        self._ring()

    def _ring(self) -> None:
        # A reader's loop may be closed before the engine has noticed that the reader is gone.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake.set)

    async def next_batch(self) -> list[Event]:
        """Return the waiting events, in order; empty at the end."""
        while True:
            with self._lock:
                events, self._waiting = list(self._waiting), deque()
                lost, self._lost = self._lost, 0
                restarted, self._restarted = self._restarted, False
                ended, error = self._ended, self._error
                if not events:
                    self._wake.clear()
            if lost:
                _log.warning("The reader of %s did not keep up: %d events were lost", self._topic, lost)
                gap = Gap(
                    symbol=self._topic.symbol,
                    time_us=events[0].time_us,
                    reason="this reader did not keep up",
                    lost=lost,
                    restart=restarted,
                )
                return [gap, *events]
            if events:
                return events
            if error is not None:
                raise error
            if ended:
                return []
            await self._wake.wait()


async def across_threads(engine: Engine, topic: Topic, *, live_only: bool) -> AsyncIterator[Event]:
    """Yield a topic's events on the caller's loop.

    Args:
        engine: Engine with the desk that reads the topic.
        topic: Topic to read.
        live_only: Leave out events from before the call.

    Raises:
        UnknownSymbol: The venue does not list the symbol.
        FeedError: The stream has failed for good.
    """
    crossing = _Crossing(topic)
    future = engine.submit(_forward(engine, topic, crossing, live_only))
    try:
        while batch := await crossing.next_batch():
            for event in batch:
                yield event
    finally:
        future.cancel()


async def _forward(engine: Engine, topic: Topic, crossing: _Crossing, live_only: bool) -> None:
    desk = engine.desks.of(topic.venue)
    try:
        start_us = desk.now_us()
        order = TradeOrder()
        async with desk.events(topic) as reader:
            while batch := await reader.batch():
                events: list[Event] = []
                for numbered in batch:
                    event = numbered.event
                    if live_only and isinstance(numbered, Repeat):
                        continue
                    if live_only and event.time_us < start_us and not isinstance(event, Gap):
                        continue
                    # After an overflow the prelude repeats trades that were already delivered.
                    if is_new_run(event):
                        order.clear()
                    elif isinstance(event, Trade) and not order.is_new(event):
                        continue
                    events.append(event)
                if events:
                    crossing.put(events)
    except Exception as error:  # noqa: BLE001 - it is raised on the reader's thread
        crossing.end(error)
    else:
        crossing.end(None)
