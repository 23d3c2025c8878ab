"""Past liquidation volume: requested once per topic and timeframe, applied to the topic's fold.

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
from orderfox_nb.errors import NoPast, OrderFoxError
from orderfox_nb.feeds.base import Feed
from orderfox_nb.feeds.past import Span, read_past, sums_of

_log = logging.getLogger(__name__)

RETRY_S: Final = 30
REACH: Final = 1500
"""How many buckets before now belong to the topic, and at most how many days at first."""
_REACH_DAYS: Final = 400


class _HistoryRequest(msgspec.Struct):
    start_us: int
    """From when on the history is known, if it is."""
    restarts: int
    """The topic's count of restarts: a venue that restarted has another past."""
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

    A topic's whole reach is requested at once, whatever part of it is wanted: a moving average looks back, and must not
    depend on who has asked before.

    Args:
        feed: Source of the list.
        clock: Measures how soon a failure is tried again.
    """

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._asked: WeakKeyDictionary[TopicState, dict[str, _HistoryRequest]] = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls = 0
        self.failures = 0

    def settled(self, state: TopicState, interval: str, start_us: int) -> bool:
        """Return whether there is nothing to wait for: the history from a time on is known, or cannot be had now."""
        asked = self._asked.get(state, {}).get(interval)
        if asked is None or asked.task is not None or asked.restarts != state.restarts:
            return False
        known = asked.known and asked.start_us <= start_us
        return known or 0 <= asked.failed_us > self._clock.now_us() - RETRY_S * 1e6

    def request(self, state: TopicState, interval: str, start_us: int) -> None:
        """Request the history from a time on, unless it is settled or on its way."""
        if self.settled(state, interval, start_us):
            return
        by_interval = self._asked.setdefault(state, {})
        asked = by_interval.get(interval)
        if asked is None or (asked.task is None and asked.restarts != state.restarts):
            asked = by_interval[interval] = _HistoryRequest(self._reach_us(interval, days=_REACH_DAYS), state.restarts)
        if asked.task is not None:
            return
        from_us = asked.start_us
        if start_us < from_us:
            from_us = min(start_us, self._reach_us(interval))
        task = asyncio.create_task(self._ask(state, interval, from_us, asked), name=f"history {state.topic}")
        asked.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def completeness(self, state: TopicState, interval: str, start_us: int) -> History:
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
        fold = state.fold_as(LiquidationState)
        if start_us >= self._reach_us(interval):
            await self._wait_until_settled(state, interval, start_us)
            return PastVolume(fold.at(interval, start_us, end_us), self.completeness(state, interval, start_us))
        # The last bucket is whole, as within reach, and the first ones have a past to be averaged over.
        until_us = min(self._feed.now_us(), next_bar_us(bar_open_us(end_us - 1, interval), interval))
        from_us = previous_bar_us(bar_open_us(start_us, interval), interval, AVERAGE_WINDOW)
        event = await self._event(state, interval, from_us, until_us)
        if event is None:
            return PastVolume(fold.at(interval, start_us, end_us), self.completeness(state, interval, start_us))
        known: History = "missing" if start_us < _listed_us(state, interval) else "complete"
        return PastVolume(fold.with_history(event).at(interval, start_us, end_us), known)

    def _reach_us(self, interval: str, *, days: int | None = None) -> int:
        now_us = self._feed.now_us()
        reach_us = previous_bar_us(bar_open_us(now_us, interval), interval, REACH)
        return reach_us if days is None else max(reach_us, bar_open_us(now_us - days * DAY_US, interval))

    async def _wait_until_settled(self, state: TopicState, interval: str, start_us: int) -> None:
        """Wait until the history from a time on is known, or not to be had."""
        while not self.settled(state, interval, start_us):
            self.request(state, interval, start_us)
            task = self._asked[state][interval].task
            if task is not None:
                await asyncio.wait({task})

    async def close(self) -> None:
        """Cancel running requests."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, state: TopicState, interval: str, start_us: int, asked: _HistoryRequest) -> None:
        try:
            event = await self._event(state, interval, start_us, self._feed.now_us())
            if asked.restarts != state.restarts:
                # The answer belongs to the venue's previous run.
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
        topic = msgspec.structs.replace(state.topic, interval=interval)
        span = Span(start_us=start_us, end_us=until_us)
        if span.empty:
            return sums_of(topic, until_us, ())
        try:
            sums, left = await read_past(self._feed.past, topic, LiquidationVolume, span)
        except NoPast:
            return None
        except OrderFoxError as error:
            self.failures += 1
            _log.warning("no liquidation history of %s at %s: %s", state.topic.symbol, interval, error)
            return None
        return None if left is not None else sums_of(topic, until_us, [row for event in sums for row in event.rows])


def _listed_us(state: TopicState, interval: str) -> int:
    """Return the start of the bucket in which the topic's symbol was listed, 0 if that is unknown."""
    listed_us = state.instrument.onboard_us
    return bar_open_us(listed_us, interval) if listed_us > 0 else 0
