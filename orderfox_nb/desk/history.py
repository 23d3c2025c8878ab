"""Past liquidation volume: asked of the feed once per topic and timeframe, told to the topic's fold.

What is within reach of a chart becomes part of the topic (its fold then holds history and live together, so that REST,
sockets and frames agree); what lies further back is answered beside the fold.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import LiquidationVolume
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.quality import History
from orderfox_nb.core.timeframes import DAY_US, bar_open_us, next_bar_us, previous_bar_us
from orderfox_nb.core.volume_columns import AVERAGE_WINDOW, VolumeColumns
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.feeds.base import Feed

_log = logging.getLogger(__name__)

RETRY_S: Final = 30
REACH: Final = 1500
"""How many buckets before now belong to the topic, and at most how many days at first."""
_REACH_DAYS: Final = 400


class _Asked(msgspec.Struct):
    start_us: int
    """From when on the history is known, if it is."""
    restarts: int
    """Of the topic: a venue that restarted has another past."""
    known: bool = False
    failed_us: int = -1
    """When it could not be had last."""
    task: asyncio.Task[None] | None = None


class PastVolume(NamedTuple):
    """Buckets of a range, and whether their past is known."""

    columns: VolumeColumns
    history: History


class VolumeHistory:
    """Brings past volume into the liquidations topics of one feed.

    A topic's whole reach is asked for at once, whatever part of it is wanted: a moving average looks back, and must not
    depend on who has asked before.

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
        by_interval = self._asked.setdefault(state, {})
        asked = by_interval.get(interval)
        if asked is None or (asked.task is None and asked.restarts != state.restarts):
            asked = by_interval[interval] = _Asked(self._reach_us(interval, days=_REACH_DAYS), state.restarts)
        if asked.task is not None:
            return False
        if asked.known and asked.start_us <= start_us:
            return True
        if 0 <= asked.failed_us > self._clock.now_us() - RETRY_S * 1e6:
            return True
        from_us = asked.start_us
        if start_us < from_us:
            from_us = min(start_us, self._reach_us(interval))
        task = asyncio.create_task(self._ask(state, interval, from_us, asked), name=f"history {state.topic}")
        asked.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return False

    def told(self, state: TopicState, interval: str, start_us: int) -> History:
        """Return whether the past from a time on is in the topic's fold: if not, its zeros mean nothing.

        A symbol has no past from before it was listed: what begins there is ``missing``, however much is known.
        """
        asked = self._asked.get(state, {}).get(interval)
        if asked is not None and asked.known and asked.restarts == state.restarts and asked.start_us <= start_us:
            return "missing" if start_us < _listed_us(state, interval) else "complete"
        return "none" if state.quality.history == "none" else "missing"

    async def columns(self, state: TopicState, interval: str, start_us: int, end_us: int) -> PastVolume:
        """Return the buckets of a range, history and live together.

        Raises:
            BadValue: Too many buckets.
        """
        fold: LiquidationState = state.fold  # type: ignore[assignment]
        if start_us >= self._reach_us(interval):
            await self._wanted(state, interval, start_us)
            return PastVolume(fold.at(interval, start_us, end_us), self.told(state, interval, start_us))
        # The last bucket is whole, as within reach, and the first ones have a past to be averaged over.
        until_us = min(self._feed.now_us(), next_bar_us(bar_open_us(end_us - 1, interval), interval))
        from_us = previous_bar_us(bar_open_us(start_us, interval), interval, AVERAGE_WINDOW)
        event = await self._event(state, interval, from_us, until_us)
        if event is None:
            return PastVolume(fold.at(interval, start_us, end_us), self.told(state, interval, start_us))
        known: History = "missing" if start_us < _listed_us(state, interval) else "complete"
        return PastVolume(fold.with_history(event).at(interval, start_us, end_us), known)

    def _reach_us(self, interval: str, *, days: int | None = None) -> int:
        now_us = self._feed.now_us()
        reach_us = previous_bar_us(bar_open_us(now_us, interval), interval, REACH)
        return reach_us if days is None else max(reach_us, bar_open_us(now_us - days * DAY_US, interval))

    async def _wanted(self, state: TopicState, interval: str, start_us: int) -> None:
        """Wait until the history from a time on is known, or not to be had."""
        while not self.want(state, interval, start_us):
            task = self._asked[state][interval].task
            if task is not None:
                await asyncio.wait({task})

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
            if asked.restarts != state.restarts:
                # It is the past of a venue that is gone.
                return
            if event is None:
                # What is known stays, and a longer past is not asked for with every frame.
                asked.failed_us = self._clock.now_us()
            elif not state.ended:
                state.apply(event)
                asked.known, asked.start_us, asked.failed_us = True, start_us, -1
        finally:
            asked.task = None
            state.touch()

    async def _event(self, state: TopicState, interval: str, start_us: int, until_us: int) -> LiquidationVolume | None:
        self.calls += 1
        start_us = max(bar_open_us(start_us, interval), _listed_us(state, interval))
        try:
            rows = (
                await self._feed.liquidation_volume(state.topic.symbol, interval, start_us=start_us, end_us=until_us)
                if start_us < until_us
                else ()
            )
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


def _listed_us(state: TopicState, interval: str) -> int:
    """Return the start of the bucket in which the topic's symbol was listed, 0 where that is not known."""
    listed_us = state.instrument.onboard_us
    return bar_open_us(listed_us, interval) if listed_us > 0 else 0
