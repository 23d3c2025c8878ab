"""Past liquidation volume: asked of the feed once per topic and timeframe, told to the topic's fold.

What is within reach of a chart becomes part of the topic (its fold then holds history and live together, so that REST,
sockets and frames agree); what lies further back is answered beside the fold.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import LiquidationVolume
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.timeframes import bar_open_us, previous_bar_us
from orderfox_nb.core.volume_columns import VolumeColumns
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.feeds.base import Feed

_log = logging.getLogger(__name__)

RETRY_S: Final = 30
REACH: Final = 1500
"""How many buckets before now belong to the topic."""


class _Asked(msgspec.Struct):
    start_us: int
    """From when on the history is known, if it is."""
    known: bool = False
    tried_us: int = -1
    task: asyncio.Task[None] | None = None


class VolumeHistory:
    """Brings past volume into the liquidations topics of one feed.

    Args:
        feed: Who is asked.
        clock: Measures how soon a failure is tried again.
    """

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._asked: WeakKeyDictionary[TopicState, dict[str, _Asked]] = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls = 0
        self.failures = 0

    def want(self, state: TopicState, interval: str, start_us: int) -> bool:
        """Ask for the history from a time on, unless it is known; return whether there is nothing to wait for."""
        asked = self._asked.setdefault(state, {}).setdefault(interval, _Asked(start_us))
        if asked.task is not None:
            return False
        if asked.known and asked.start_us <= start_us:
            return True
        if not asked.known and 0 <= asked.tried_us > self._clock.now_us() - RETRY_S * 1e6:
            return True
        task = asyncio.create_task(self._ask(state, interval, start_us, asked), name=f"history {state.topic}")
        asked.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return False

    async def wanted(self, state: TopicState, interval: str, start_us: int) -> None:
        """Wait until the history from a time on is known, or not to be had."""
        while not self.want(state, interval, start_us):
            task = self._asked[state][interval].task
            if task is not None:
                await asyncio.wait({task})

    async def columns(self, state: TopicState, interval: str, start_us: int, end_us: int) -> VolumeColumns:
        """Return the buckets of a range, history and live together.

        Raises:
            BadValue: Too many buckets.
        """
        fold: LiquidationState = state.fold  # type: ignore[assignment]
        now_us = self._feed.now_us()
        reach_us = previous_bar_us(bar_open_us(now_us, interval), interval, REACH)
        if start_us >= reach_us:
            await self.wanted(state, interval, start_us)
            return fold.at(interval, start_us, end_us)
        until_us = min(now_us, end_us)
        event = await self._event(state, interval, start_us, until_us)
        return (fold if event is None else fold.with_history(event)).at(interval, start_us, end_us)

    async def close(self) -> None:
        """Give up what is being asked."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, state: TopicState, interval: str, start_us: int, asked: _Asked) -> None:
        try:
            event = await self._event(state, interval, start_us, self._feed.now_us())
            if event is not None and not state.ended:
                state.take(event)
                asked.known, asked.start_us = True, start_us
            elif asked.known:
                # The longer past cannot be had; what is known stays and is not asked for with every frame.
                asked.start_us = start_us
        finally:
            asked.tried_us = self._clock.now_us()
            asked.task = None
            state.touch()

    async def _event(self, state: TopicState, interval: str, start_us: int, until_us: int) -> LiquidationVolume | None:
        self.calls += 1
        start_us = bar_open_us(start_us, interval)
        try:
            rows = await self._feed.liquidation_volume(state.topic.symbol, interval, start_us=start_us, end_us=until_us)
        except OrderFoxError as error:
            self.failures += 1
            _log.warning("no liquidation history of %s at %s: %s", state.topic.symbol, interval, error)
            return None
        if rows is None:
            return None
        return LiquidationVolume(
            symbol=state.topic.symbol,
            time_us=until_us,
            interval=interval,
            start_us=[row[0] for row in rows],
            buy=[row[1] for row in rows],
            sell=[row[2] for row in rows],
            count=[row[3] for row in rows],
        )
