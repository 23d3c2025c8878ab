"""A Feed over a Feed: one upstream and one fold per topic, however many read it.

The first reader of a topic opens its upstream, the last one's leaving closes it after a linger. Everything happens on
one loop: a prelude and the first live event after it are taken without an ``await`` between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Final, Literal, Self

from orderfox_nb.analytics.studies import STUDIES
from orderfox_nb.clock import Clock, SystemClock, in_time
from orderfox_nb.core.channels import channel_spec, is_whole_market
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.core.instrument import Instrument, whole_market
from orderfox_nb.core.lapses import LapseLog
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.audit import EVERY_S, Auditor
from orderfox_nb.desk.reader import EventReader
from orderfox_nb.desk.relisting import Instruments, ListedOnce, Relisting
from orderfox_nb.desk.studies import State, Studies
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.desk.upstream import Upstreams
from orderfox_nb.errors import BadValue, EventError
from orderfox_nb.feeds.base import Auditable, Feed, Listing, Movable, ReportsRelisting
from orderfox_nb.feeds.past import Past

_log = logging.getLogger(__name__)

DEFAULT_BOUND: Final = 4096
TICK_S: Final = 0.25
_TICKS_A_SECOND: Final = 4
"""Interval of checks that depend on time alone, and of checks of unread books."""
_TICKS_CLOSELY: Final = 16 * _TICKS_A_SECOND
"""Interval in which an unread book is brought up to date; its waiting changes are checked each second."""

_LAPSES_KEPT: Final = 512
"""Topics whose lapses are remembered, the open ones among them."""


class Hub:
    """Shares the streams of a feed; entering it enters the feed, leaving it closes both.

    Args:
        feed: Where events come from.
        linger_s: How long a topic stays open after its last reader left.
        clock: Measures the linger and the tick.
        instruments: Source of symbol records; by default the feed's listings, requested once.
        audit_every_s: Pause between two audits of books, where the feed allows them.
        opened: Called with every topic that is opened, before its first event.
        closed: Called with every topic that is closed.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        linger_s: float = 5.0,
        clock: Clock | None = None,
        instruments: Instruments | None = None,
        audit_every_s: float = EVERY_S,
        opened: Callable[[TopicState], None] = lambda _state: None,
        closed: Callable[[TopicState], None] = lambda _state: None,
    ) -> None:
        self._feed = feed
        self._movable = feed if isinstance(feed, Movable) else None
        self._linger_s = linger_s
        self._clock = clock or SystemClock()
        self._relisting = Relisting(
            instruments or ListedOnce(feed),
            self._clock,
            lambda: self.topics,
            self._rebuild,
            reported=isinstance(feed, ReportsRelisting) and feed.reports_relisting,
        )
        self._upstreams = Upstreams(feed, self._clock, self._relisting)
        self._states: dict[Topic, TopicState] = {}
        self._pumps: dict[Topic, asyncio.Task[None]] = {}
        self._lingers: dict[Topic, asyncio.Task[None]] = {}
        self._on_open, self._on_close = opened, closed
        self._studies = Studies(self.watch, self.state)
        self._lapses: OrderedDict[Topic, LapseLog] = OrderedDict()
        self._maintenance: list[asyncio.Task[None]] = []
        self._auditor = (
            Auditor(feed, self._clock, lambda: self.topics, every_s=audit_every_s)
            if isinstance(feed, Auditable)
            else None
        )
        self._opened = 0
        self._failed = 0

    @property
    def venue(self) -> str:
        return self._feed.venue

    @property
    def origin(self) -> Origin:
        return self._feed.origin

    def now_us(self) -> int:
        # A recording has no future: played as fast as it is read, it runs ahead of what its clock was asked last.
        now_us, newest_us = self._feed.now_us(), self._upstreams.newest_us
        return newest_us if newest_us > now_us and self._feed.origin.recorded else now_us

    @property
    def moves(self) -> int:
        """How often a replay was moved to another time."""
        return 0 if self._movable is None else self._movable.moves

    @property
    def moving(self) -> bool:
        """Whether a replay was moved to another time and some folds are still of the previous one."""
        return self._movable is not None and self._movable.moving

    async def pause(self, seconds: float) -> None:
        """Wait so long by the clock, in a replay no longer than to its next move."""
        if self._movable is None:
            await self._clock.sleep(seconds)
            return
        with suppress(TimeoutError):
            await in_time(self._clock, seconds, self._movable.moved())

    async def settled(self) -> None:
        """Wait until every fold is of one time."""
        if self._movable is not None:
            await self._movable.settled()

    @property
    def topics(self) -> Sequence[TopicState]:
        """Every open topic."""
        return tuple(self._states.values())

    def lapses(self, symbol: str) -> Mapping[Topic, LapseLog]:
        """Return the lapses of a symbol's topics, also of those without readers."""
        now_us = self.now_us()
        found = {topic: log for topic, log in self._lapses.items() if topic.symbol == symbol}
        for log in found.values():
            log.prune(now_us)
        return found

    def state(self, topic: Topic) -> TopicState | None:
        """Return an open topic, or None."""
        return self._states.get(topic)

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        """Stream a topic: its prelude, then live events; a reader that does not keep up gets a gap and a prelude."""
        async with self.events(topic) as reader:
            while batch := await reader.batch():
                for _, event, _ in batch:
                    yield event

    @asynccontextmanager
    async def events(
        self, topic: Topic, *, bound: int = DEFAULT_BOUND, overflow: Literal["gap", "close"] = "gap"
    ) -> AsyncGenerator[EventReader]:
        """Read a topic's numbered events.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        state = await self._acquire(topic)
        reader = state.read(bound=bound, overflow=overflow)
        try:
            yield reader
        finally:
            state.unread(reader)
            await self._release(state)

    @asynccontextmanager
    async def watch(self, topic: Topic) -> AsyncGenerator[TopicState]:
        """Hold a topic open and give its state; ``TopicState.watch`` reports changes.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        state = await self._acquire(topic)
        try:
            yield state
        finally:
            await self._release(state)

    @asynccontextmanager
    async def open(self, topic: Topic) -> AsyncGenerator[State]:
        """Hold a topic open, which may be a study's.

        Raises:
            BadValue: No such channel or study.
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        async with self._studies.open(topic) if topic.channel in STUDIES else self.watch(topic) as state:
            yield state

    def open_now(self, topic: Topic) -> State | None:
        """Return an open topic, which may be a study's, or None."""
        return self._studies.state(topic) or self._states.get(topic)

    async def listings(self) -> Sequence[Listing]:
        return await self._feed.listings()

    @property
    def past(self) -> Past:
        return self._feed.past

    def statistics(self) -> Mapping[str, int | float]:
        return {
            **self._feed.statistics(),
            **(self._auditor.statistics() if self._auditor is not None else {}),
            "crossed_books": self._upstreams.crossed,
            "relisted_symbols": self._relisting.relisted,
            "hub_topics": len(self._states),
            "hub_readers": sum(state.users for state in self._states.values()),
            "hub_upstreams_opened": self._opened,
            "hub_upstreams_failed": self._failed,
            "hub_events": self._upstreams.events,
            "hub_events_dropped": sum(state.lost for state in self._states.values()),
        }

    async def __aenter__(self) -> Self:
        await self._feed.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            tasks = [*self._lingers.values(), *self._pumps.values(), *self._maintenance]
            self._maintenance = []
            await _cancel(tasks)
            await self._relisting.close()
            for state in self._states.values():
                state.end()
            self._states.clear()
        finally:
            await self._feed.__aexit__(kind, error, trace)

    async def _acquire(self, topic: Topic) -> TopicState:
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        channel_spec(topic.channel)
        if topic not in self._states:
            if is_whole_market(topic):
                instrument = whole_market(topic.venue)
            else:
                instrument = await self._relisting.instrument(topic.symbol)
            # One upstream a topic: the one that is just being closed goes first.
            while topic not in self._states and (pump := self._pumps.get(topic)) is not None:
                await asyncio.wait({pump})
            if topic not in self._states:
                self._open(topic, instrument)
        state = self._states[topic]
        state.users += 1
        if (linger := self._lingers.pop(topic, None)) is not None:
            linger.cancel()
        return state

    def _open(self, topic: Topic, instrument: Instrument) -> None:
        lapses = self._lapses.setdefault(topic, LapseLog())
        self._lapses.move_to_end(topic)
        for old in tuple(self._lapses)[: max(0, len(self._lapses) - _LAPSES_KEPT)]:
            if old not in self._states and old != topic:
                del self._lapses[old]
        state = TopicState(
            topic,
            instrument,
            now_us=self.now_us,
            lapses=lapses,
            recorded=self.origin.recorded,
            report_wrong=self._report_wrong,
        )
        self._states[topic] = state
        self._opened += 1
        self._studies.opened(state)
        self._on_open(state)
        pump = asyncio.create_task(self._pump(state), name=f"hub {topic}")
        self._pumps[topic] = pump
        pump.add_done_callback(lambda done: self._pumps.pop(topic) if self._pumps.get(topic) is done else None)
        if not self._maintenance:
            self._maintenance.append(asyncio.create_task(self._advance(), name="hub tick"))
            self._maintenance.append(asyncio.create_task(self._relisting.run(), name="hub relisting"))
            if self._auditor is not None:
                self._maintenance.append(asyncio.create_task(self._auditor.run(), name="hub audit"))

    async def _release(self, state: TopicState) -> None:
        state.users -= 1
        topic = state.topic
        if state.users > 0 or self._states.get(topic) is not state:
            return
        if self._linger_s <= 0:
            await self._close(state)
        else:
            linger = asyncio.create_task(self._close_later(state), name=f"hub linger {topic}")
            self._lingers[topic] = linger

    async def _close_later(self, state: TopicState) -> None:
        try:
            await self._clock.sleep(self._linger_s)
            if state.users == 0 and self._states.get(state.topic) is state:
                await self._close(state)
        finally:
            if self._lingers.get(state.topic) is asyncio.current_task():
                del self._lingers[state.topic]

    async def _close(self, state: TopicState) -> None:
        self._forget(state)
        if (pump := self._pumps.get(state.topic)) is not None:
            await _cancel([pump])

    def _forget(self, state: TopicState) -> None:
        topic = state.topic
        if self._states.get(topic) is state:
            del self._states[topic]
            self._on_close(state)
        if not self._states:
            # A recording that is opened again begins at its beginning.
            self._upstreams.newest_us = 0
            for task in self._maintenance:
                task.cancel()
            self._maintenance = []

    async def _pump(self, state: TopicState) -> None:
        error = await self._upstreams.run(state)
        if error is not None:
            # The next reader tries again with a new upstream; a list that ended stays as it is for late readers.
            self._failed += 1
            self._forget(state)
        state.end(error)

    async def _advance(self) -> None:
        local_us, then_us, ticks = 1, self._clock.now_us(), 0
        while True:
            await self._clock.sleep(TICK_S)
            # A process that was suspended received nothing: that is not silence of the venue.
            local_us += min(self._clock.now_us() - then_us, round(2 * TICK_S * 1e6))
            then_us = self._clock.now_us()
            ticks += 1
            now_us = self.now_us()
            for number, state in enumerate(tuple(self._states.values()), ticks):
                # A check applies the book's pending deltas, the largest cost here. Frames check their own books.
                try:
                    if state.readers:
                        state.check()
                    elif number % _TICKS_A_SECOND == 0:
                        state.check(closely=number % _TICKS_CLOSELY == 0)
                    state.advance(now_us, local_us, signal=ticks % _TICKS_A_SECOND == 0)
                except EventError:
                    # Of one topic; the others' silence must still be noticed.
                    _log.exception("%s could not be looked at", state.topic)

    def _rebuild(self, state: TopicState, instrument: Instrument, reason: str) -> None:
        state.relist(instrument, reason)
        if state.spec.snapshot is not None:
            # Levels that fell on one tick have overwritten each other.
            self._upstreams.resync(state, reason)

    def _report_wrong(self, state: TopicState, reason: str) -> None:
        self._upstreams.report_crossed(state, reason, self.now_us())


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
