"""Topics that stay subscribed from their first use on, so that the next look at them is of now and costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from orderfox_nb.core.book import Book
from orderfox_nb.core.candles import Candles
from orderfox_nb.core.events import Topic
from orderfox_nb.core.quality import QualityState
from orderfox_nb.core.tape import Tape
from orderfox_nb.core.timeframes import bar_open_us, previous_bar_us
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.engine import Engine
from orderfox_nb.errors import FeedError
from orderfox_nb.lifecycle import Service

READY_S = 30.0


class HeldTopics:
    """Holds topics open on the engine's loop.

    Everything but the constructor and ``close`` runs there, so that no two threads ever touch one fold.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: dict[Topic, Service[TopicState]] = {}

    def view(self, topic: Topic) -> tuple[Any, dict[str, Any]]:
        """Return a topic's view and what describes it, waiting for its first data.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked, or nothing came in time.
        """
        return self._engine.run(self._view(topic), timeout_s=READY_S * 2)

    def close(self) -> None:
        """Let go of every topic; without effect when the engine has ended."""
        if self._engine.running:
            self._engine.run(self._close())

    async def _view(self, topic: Topic) -> tuple[Any, dict[str, Any]]:
        state = await self.hold(topic)
        return state.fold.view(), self._attributes(state)

    async def hold(self, topic: Topic) -> TopicState:
        """Subscribe to a topic, or stay subscribed, and wait until its fold has something to show."""
        desk = self._engine.desk
        service = self._held.get(topic)
        if service is None:
            service = self._held[topic] = Service(lambda: desk.hub.watch(topic), name=f"held {topic}")
        try:
            state = await service.start()
        except BaseException:
            self._held.pop(topic, None)
            raise
        try:
            async with asyncio.timeout(READY_S):
                await _changed_until(state, lambda: _is_ready(state, desk.now_us()))
        except TimeoutError:
            reason = state.quality.reason or "no data yet"
            raise FeedError(topic.venue, f"{topic} has nothing to show after {READY_S:g} s: {reason}") from None
        if state.error is not None:
            # The stream ended with an error: the next look begins anew.
            self._held.pop(topic, None)
            await service.stop()
            raise state.error
        return state

    async def _close(self) -> None:
        held, self._held = list(self._held.values()), {}
        for service in held:
            await service.stop()

    def _attributes(self, state: TopicState) -> dict[str, Any]:
        origin = self._engine.desk.origin
        quality = state.quality
        return {
            "symbol": state.topic.symbol,
            "venue": origin.venue,
            "source": origin.source,
            "simulated": origin.simulated,
            "recorded": origin.recorded,
            "time_us": self._engine.desk.now_us(),
            "quality": {
                "state": quality.state.name.lower(),
                "coverage": quality.coverage,
                "since_us": quality.since_us,
                "reason": quality.reason,
                # Plain values: pandas copies and compares attrs.
                "lapses": [msgspec.structs.asdict(lapse) for lapse in quality.intervals()],
            },
        }


async def _changed_until(state: TopicState, is_true: Callable[[], bool]) -> None:
    changed = asyncio.Event()
    state.watch(changed.set)
    try:
        while not is_true():
            changed.clear()
            await changed.wait()
    finally:
        state.unwatch(changed.set)


def _is_ready(state: TopicState, now_us: int) -> bool:
    if state.error is not None or state.ended:
        return True
    fold = state.fold
    if isinstance(fold, Book):
        return fold.synced
    if isinstance(fold, Tape):
        return fold.last is not None
    if isinstance(fold, Candles):
        # The past comes oldest first: it is whole when it has reached about now, or when nothing moves any more.
        if fold.last is None:
            return False
        interval = state.topic.interval
        late = state.quality.state in {QualityState.STALE, QualityState.DOWN}
        return late or fold.last.open_us >= previous_bar_us(bar_open_us(now_us, interval), interval)
    # No liquidation may be true for hours: that the stream is live is all there is to wait for.
    return state.status is not None and state.status.state == "live"
