"""A Feed over a Feed: one upstream and one fold per topic, however many read it.

The first reader of a topic opens its upstream, the last one's leaving closes it after a linger. Everything happens on
one loop: a prelude and the first live event after it are taken without an ``await`` between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Final, Literal, Self

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.events import WHOLE_MARKET, Candle, Event, Gap, Liquidation, Topic, Trade
from orderfox_nb.core.instrument import Instrument, whole_market
from orderfox_nb.core.lapses import LapseLog
from orderfox_nb.desk.audit import EVERY_S, Auditor
from orderfox_nb.desk.reader import EventReader
from orderfox_nb.desk.relisting import Instruments, ListedOnce, Relisting
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import BadValue, EventError, OffStep, OrderFoxError
from orderfox_nb.feeds.base import Auditable, Feed, Listing, Origin, Relisted
from orderfox_nb.feeds.troubles import Troubles

_log = logging.getLogger(__name__)

DEFAULT_BOUND: Final = 4096
TICK_S: Final = 0.25
_TICKS_A_SECOND: Final = 4
"""What of a frame depends on time alone is looked at once a second, and so is a book that nobody reads."""

_LAPSES_KEPT: Final = 512
"""Topics whose lapses are remembered, the open ones among them."""
REOPEN_S: Final = 1.0
# A prelude of 1,500 bars passes in one piece; a recording read from a list cannot starve its readers.
_EVENTS_PER_TURN: Final = 2000


class Hub:
    """Shares the streams of a feed; entering it enters the feed, leaving it closes both.

    Args:
        feed: Where events come from.
        linger_s: How long a topic stays open after its last reader left.
        clock: Measures the linger and the tick.
        instruments: Who knows the symbols; the feed's own listings, asked once, when not given.
        audit_every_s: Pause between two audits of books, where the feed allows them.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        linger_s: float = 5.0,
        clock: Clock | None = None,
        instruments: Instruments | None = None,
        audit_every_s: float = EVERY_S,
    ) -> None:
        self._feed = feed
        self._linger_s = linger_s
        self._clock = clock or SystemClock()
        self._relisting = Relisting(
            instruments or ListedOnce(feed),
            self._clock,
            lambda: self.topics,
            self._rebuild,
            reported=isinstance(feed, Relisted) and feed.reports_relisting,
        )
        self._states: dict[Topic, TopicState] = {}
        self._pumps: dict[Topic, asyncio.Task[None]] = {}
        self._lingers: dict[Topic, asyncio.Task[None]] = {}
        self._bars: dict[str, set[TopicState]] = {}
        self._lapses: OrderedDict[Topic, LapseLog] = OrderedDict()
        self._chores: list[asyncio.Task[None]] = []
        self._auditor = (
            Auditor(feed, self._clock, lambda: self.topics, every_s=audit_every_s)
            if isinstance(feed, Auditable)
            else None
        )
        self._troubles = Troubles(_log, self._clock)
        self._crossed = 0
        self._doubtful: set[Topic] = set()
        self._opened = 0
        self._failed = 0
        self._events = 0
        self._newest_us = 0

    @property
    def venue(self) -> str:
        return self._feed.venue

    @property
    def origin(self) -> Origin:
        return self._feed.origin

    def now_us(self) -> int:
        # A recording has no future: played as fast as it is read, it runs ahead of what its clock was asked last.
        now_us = self._feed.now_us()
        return max(now_us, self._newest_us) if self._feed.origin.recorded else now_us

    @property
    def topics(self) -> Sequence[TopicState]:
        """Every open topic."""
        return tuple(self._states.values())

    def lapses(self, symbol: str) -> Mapping[Topic, LapseLog]:
        """Return the lapses of a symbol's topics, also of those that nobody reads now."""
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
                for _, event in batch:
                    yield event

    @asynccontextmanager
    async def events(
        self, topic: Topic, *, bound: int = DEFAULT_BOUND, overflow: Literal["gap", "close"] = "gap"
    ) -> AsyncIterator[EventReader]:
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
    async def watch(self, topic: Topic) -> AsyncIterator[TopicState]:
        """Hold a topic open and look at its state; ``TopicState.watch`` tells of changes.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        state = await self._acquire(topic)
        try:
            yield state
        finally:
            await self._release(state)

    async def listings(self) -> Sequence[Listing]:
        return await self._feed.listings()

    async def candles(
        self, symbol: str, interval: str, *, limit: int = 500, end_us: int | None = None
    ) -> Sequence[Candle]:
        return await self._feed.candles(symbol, interval, limit=limit, end_us=end_us)

    async def trades(self, symbol: str, *, limit: int = 100) -> Sequence[Trade]:
        return await self._feed.trades(symbol, limit=limit)

    async def liquidations(self, symbol: str, *, limit: int = 50) -> Sequence[Liquidation]:
        return await self._feed.liquidations(symbol, limit=limit)

    async def liquidation_volume(
        self, symbol: str, interval: str, *, start_us: int, end_us: int
    ) -> Sequence[tuple[int, float, float, int]] | None:
        return await self._feed.liquidation_volume(symbol, interval, start_us=start_us, end_us=end_us)

    def statistics(self) -> Mapping[str, int | float]:
        return {
            **self._feed.statistics(),
            **(self._auditor.statistics() if self._auditor is not None else {}),
            "crossed_books": self._crossed,
            "relisted_symbols": self._relisting.relisted,
            "hub_topics": len(self._states),
            "hub_readers": sum(state.users for state in self._states.values()),
            "hub_upstreams_opened": self._opened,
            "hub_upstreams_failed": self._failed,
            "hub_events": self._events,
            "hub_events_dropped": sum(state.lost for state in self._states.values()),
        }

    async def __aenter__(self) -> Self:
        await self._feed.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            tasks = [*self._lingers.values(), *self._pumps.values(), *self._chores]
            self._chores = []
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
        if topic not in self._states:
            if topic.symbol == WHOLE_MARKET and topic.channel == "liquidations":
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
            topic, instrument, now_us=self.now_us, lapses=lapses, recorded=self.origin.recorded, doubt=self._doubted
        )
        self._states[topic] = state
        self._opened += 1
        if topic.channel == "candles":
            self._bars.setdefault(topic.symbol, set()).add(state)
        pump = asyncio.create_task(self._pump(state), name=f"hub {topic}")
        self._pumps[topic] = pump
        pump.add_done_callback(lambda done: self._pumps.pop(topic) if self._pumps.get(topic) is done else None)
        if not self._chores:
            self._chores.append(asyncio.create_task(self._advance(), name="hub tick"))
            self._chores.append(asyncio.create_task(self._relisting.run(), name="hub relisting"))
            if self._auditor is not None:
                self._chores.append(asyncio.create_task(self._auditor.run(), name="hub audit"))

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
        if (bars := self._bars.get(topic.symbol)) is not None:
            bars.discard(state)
            if not bars:
                del self._bars[topic.symbol]
        if not self._states:
            # A recording that is opened again begins at its beginning.
            self._newest_us = 0
            for chore in self._chores:
                chore.cancel()
            self._chores = []

    async def _pump(self, state: TopicState) -> None:
        """Move a topic's events into its fold until the upstream ends; the only writer of the state."""
        error: BaseException | None = None
        try:
            while not await self._pump_once(state):
                await self._clock.sleep(REOPEN_S)
        except OrderFoxError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - a bug in one topic must not end the others
            _log.exception("the stream of %s failed", state.topic)
            error = failure
        if error is not None:
            # The next reader tries again with a new upstream; a list that ended stays as it is for late readers.
            self._failed += 1
            self._forget(state)
        state.end(error)

    async def _pump_once(self, state: TopicState) -> bool:
        turn = 0
        self._doubtful.discard(state.topic)
        async with aclosing(self._feed.stream(state.topic)) as events:
            async for event in events:
                if event.received_us and event.time_us > self._newest_us:
                    self._newest_us = event.time_us
                try:
                    if isinstance(event, Gap) and event.relisted:
                        # Another server has noticed it, whose list is new by now.
                        await self._relisting.follow(state, event)
                    else:
                        state.apply(event)
                except OffStep as found:
                    state.apply(Gap(symbol=state.topic.symbol, time_us=event.time_us, reason=str(found)))
                    await self._relisting.reload(state.topic.symbol, found)
                    return False
                except EventError as error:
                    self._troubles.report(str(state.topic), f"{state.topic}: an event that cannot follow: {error}")
                    state.apply(Gap(symbol=state.topic.symbol, time_us=event.time_us, reason=str(error)))
                    return False
                self._events += 1
                if state.topic in self._doubtful:
                    self._doubtful.discard(state.topic)
                    return False
                if isinstance(event, Trade):
                    for bars in self._bars.get(event.symbol, ()):
                        bars.move_bar(event)
                turn += 1
                if turn >= _EVENTS_PER_TURN:
                    turn = 0
                    await asyncio.sleep(0)
        return True

    async def _advance(self) -> None:
        local_us, then_us, ticks = 1, self._clock.now_us(), 0
        while True:
            await self._clock.sleep(TICK_S)
            # A process that was not run for a while has heard nothing: that is not the venue's silence.
            local_us += min(self._clock.now_us() - then_us, round(2 * TICK_S * 1e6))
            then_us = self._clock.now_us()
            ticks += 1
            now_us = self.now_us()
            for number, state in enumerate(tuple(self._states.values()), ticks):
                # A look brings a book up to date, which costs more than all else here. Frames look for themselves.
                try:
                    if state.readers or number % _TICKS_A_SECOND == 0:
                        state.check()
                    state.advance(now_us, local_us, signal=ticks % _TICKS_A_SECOND == 0)
                except EventError:
                    # Of one topic; the others' silence must still be noticed.
                    _log.exception("%s could not be looked at", state.topic)

    def _rebuild(self, state: TopicState, instrument: Instrument, reason: str) -> None:
        state.relist(instrument, reason)
        if state.topic.channel == "book":
            # Levels that fell on one tick have overwritten each other.
            self._resync(state, reason)

    def _resync(self, state: TopicState, reason: str) -> None:
        if isinstance(self._feed, Auditable):
            self._feed.resync(state.topic, reason)
        else:
            self._doubtful.add(state.topic)

    def _doubted(self, state: TopicState, reason: str) -> None:
        """Nobody shall take a wrong book for a right one: it is lost, and rebuilt."""
        self._crossed += 1
        _log.warning("%s: %s", state.topic, reason)
        state.apply(Gap(symbol=state.topic.symbol, time_us=self.now_us(), reason=reason))
        self._resync(state, reason)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
