"""A recording as a feed: every topic plays by one playhead, which can be paused, moved and set to any speed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import WHOLE_MARKET, Event, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import BadValue, NoPast, UnknownSymbol
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import Past, PastPage, Span, check_past, in_order, page_of
from orderfox_nb.feeds.playhead import Playhead
from orderfox_nb.feeds.recorded_state import down, opened_with
from orderfox_nb.feeds.recorded_stream import ReplayStream, TimeState
from orderfox_nb.recording.entries import Alive, JournalRecord, entries
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.reading import Continuity, state_at, states_at
from orderfox_nb.recording.recording import Recording
from orderfox_nb.recording.search import events_before

_EVENTS_PER_TURN: Final = 500
_MAX_REST_S: Final = 0.05
ENDS_HERE: Final = "the recording ends here"
"""Reason of the last status of every stream."""
_STEP_S: Final = 2.0
"""How long the next event is looked for."""


class _Run(NamedTuple):
    """Playing from one move of the playhead to the next."""

    moves: int
    continuity: Continuity
    wanted: dict[int, list[ReplayStream]]
    """The streams that get the events of each index."""
    ended: bool = False
    """Whether all of the recording was played."""


class RecordedFeed:
    """Plays a recording while somebody reads: the first stream starts the replay, the last one's end halts it.

    A move of the playhead is a restart gap in every stream, followed by the state of the new time.

    Args:
        files: The recording.
        source: As given in the settings.
        speed: Times real time; infinity plays as fast as it is read.
        start_us: Where it begins, by default at the beginning.
        clock: Measures how time passes here.
        follow: Looks for what was recorded since, where the recording is still written; it then has no end.
        listed: Symbols that the venue lists: those that were not recorded are known, and have no data.
        gentle: Leave half of the loop's time to others while it plays as fast as it can.
        playhead: Playhead of another venue's feed, to play both by one clock. It replaces ``speed``, ``start_us``
            and ``clock``.
    """

    def __init__(
        self,
        files: RecordingFiles,
        *,
        source: str = "",
        speed: float = 1.0,
        start_us: int | None = None,
        clock: Clock | None = None,
        follow: Callable[[], Awaitable[None]] | None = None,
        listed: Sequence[Listing] = (),
        gentle: bool = False,
        playhead: Playhead | None = None,
    ) -> None:
        self.recording = Recording(files)
        self.files = files
        self._source = source
        self._follow = follow
        self._listed = {row.instrument.symbol: row for row in listed}
        self._gentle = gentle
        bounds = files.start_us, files.end_us
        if playhead is None:
            playhead = Playhead(*bounds, clock or SystemClock(), at_us=start_us, speed=speed)
        else:
            playhead.share(*bounds)
        self.playhead = playhead
        self._streams: list[ReplayStream] = []
        self._task: asyncio.Task[None] | None = None
        self._played = 0
        self._shown = 0
        """How often the playhead had been moved when every stream had the state of its time."""
        self._settled = asyncio.Event()

    @property
    def venue(self) -> str:
        return self.files.head.venue

    @property
    def origin(self) -> Origin:
        origin = self.recording.origin
        # A move goes back in time: ids and times start again.
        epoch = f"{origin.epoch}-{self.playhead.moves}"
        return msgspec.structs.replace(origin, source=self._source or origin.source, epoch=epoch)

    @property
    def topics(self) -> Sequence[Topic]:
        """What is read now."""
        return [stream.topic for stream in self._streams]

    def now_us(self) -> int:
        """Return the time of the playhead."""
        return self.playhead.now_us

    @property
    def moves(self) -> int:
        return self.playhead.moves

    async def moved(self) -> None:
        await self.playhead.moved()

    @property
    def moving(self) -> bool:
        return self.playhead.moves != self._shown and bool(self._streams)

    async def settled(self) -> None:
        while self.moving:
            self._settled.clear()
            await self._settled.wait()

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        self._check_symbol(topic.symbol)
        stream = ReplayStream(topic)
        if not self._streams:
            self.playhead.join(self)
        self._streams.append(stream)
        self.playhead.wake()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="replay")
        try:
            while not isinstance(item := await stream.next(), Exception):
                if isinstance(item, TimeState):
                    for event in item.events:
                        yield event
                    stream.moves = item.moves
                    self._check_settled()
                else:
                    yield item
            raise item
        finally:
            self._streams.remove(stream)
            self._check_settled()
            stream.left = True
            # A replay that waits for this reader continues.
            stream.discard()
            if not self._streams:
                await self._stop()

    async def listings(self) -> Sequence[Listing]:
        # As each was recorded: its tick may be another one now.
        recorded = {name: Listing(instrument=record) for name, record in self.recording.instruments.items()}
        now = {
            name: msgspec.structs.replace(row, instrument=recorded.pop(name, row).instrument)
            for name, row in self._listed.items()
        }
        return [*now.values(), *recorded.values()]

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        check_past(self.venue, topic, span)
        if channel_spec(topic.channel).summed and topic.interval:
            raise NoPast(self.venue, "a recording keeps orders, not their sums")
        if channel_spec(topic.channel).by_period:
            raise NoPast(self.venue, f"the past of {topic.channel} is not recorded by period")
        self._check_symbol(topic.symbol)
        # A replay has no future: what is kept is what was known at its time.
        state = await asyncio.to_thread(state_at, self.files, topic, self.now_us())
        if state is None:
            raise NoPast(self.venue, f"no {topic} was recorded up to this time")
        return page_of(in_order(state.fold.prelude()), span)

    async def step(self, by: int, *beside: RecordedFeed) -> None:
        """Stand still and move by events of the topics that are read.

        Args:
            by: How many events; a negative number moves back.
            beside: Feeds that share the playhead, whose events count as well.
        """
        if by > 0:
            await self.playhead.step(by, _STEP_S)
            return
        self.playhead.pause()
        feeds = (self, *beside)
        events: list[tuple[int, int, int]] = []
        for number, feed in enumerate(feeds):
            indexes = {index for topic in feed.topics for index in feed.files.indexes(topic)}
            now_us, seq = self.playhead.position(feed)
            found = await asyncio.to_thread(events_before, feed.files, indexes, now_us, seq, 1 - by)
            events += [(place.stamp_us, number, place.seq) for place in found]
        events.sort()
        # The earliest one stays where there are not as many.
        undone, kept = (events[by:], events[:by]) if len(events) > -by else (events[1:], events[:1])
        seqs: dict[object, int] = {feeds[number]: seq - 1 for _, number, seq in reversed(undone)}
        seqs |= {feeds[number]: seq for _, number, seq in kept}
        self.playhead.seek(kept[-1][0] if kept else self.now_us(), seqs)

    def _check_settled(self) -> None:
        moves = self.playhead.moves
        if all(stream.moves == moves for stream in self._streams):
            self._shown = moves
            self._settled.set()

    def _check_symbol(self, symbol: str) -> None:
        if symbol == WHOLE_MARKET or symbol in self._listed:
            return
        if symbol not in (instruments := self.recording.instruments):
            raise UnknownSymbol(symbol, sorted(instruments))

    def statistics(self) -> Mapping[str, int | float]:
        return {"readers": len(self._streams), "events": self._played}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        self.playhead.leave(self)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        """Play until nobody reads: from the playhead on, again after each move."""
        try:
            while self._streams:
                for stream in self._streams:
                    stream.discard()
                start_us, seq = self.playhead.position(self)
                await self._play(start_us, seq, self.playhead.moves)
        except Exception as error:  # noqa: BLE001 - it is raised by every stream
            for stream in self._streams:
                stream.discard()
                stream.finish(error)

    async def _play(self, start_us: int, start_seq: int | None, moves: int) -> None:
        """Play from a time on until the playhead is moved."""
        run = _Run(moves, Continuity(self.files.declared), {})
        loop = asyncio.get_running_loop()
        turn, turned_s = 0, loop.time()
        await self._begin(run, start_us, start_seq)
        if self._has_moved(run):
            return
        for entry in entries(self.files, self.files.block_at(start_us), indexes=run.wanted):
            if entry.stamp_us <= start_us and (start_seq is None or entry.seq <= start_seq):
                continue
            is_event = isinstance(entry, JournalRecord) and entry.kind == "event"
            if not await self._reached(run, entry.stamp_us, entry.seq - is_event, entry.stamp_us):
                return
            self.playhead.reach(entry.stamp_us)
            if isinstance(entry, Alive):
                if not await self._next_block(run, entry):
                    return
                continue
            await self._deliver(run, entry)
            turn += 1
            if turn % _EVENTS_PER_TURN == 0:
                await asyncio.sleep(min(loop.time() - turned_s, _MAX_REST_S) if self._gentle else 0)
                turned_s = loop.time()
        if self._follow is not None:
            # The newest block cannot be read: what comes next begins with another one.
            await self.playhead.turn(self)
            await self._follow()
            return
        for stream in tuple(self._streams):
            if stream.started:
                self._end(stream)
        await self._reached(run._replace(ended=True), None, sys.maxsize, self.files.end_us)

    async def _reached(self, run: _Run, stamp_us: int | None, seq: int, limit_us: int) -> bool:
        """Wait for a time, while streams that are new begin with the state before it; False after a move."""
        while not self._has_moved(run):
            if await self.playhead.wait_for(stamp_us, lambda: self._has_moved(run) or self._has_new(), self):
                return True
            await self._begin(run, limit_us, seq)
        return False

    async def _deliver(self, run: _Run, record: JournalRecord) -> None:
        event = run.continuity.event(record)
        if event is None:
            return
        for stream in run.wanted.get(record.row.index, ()):
            if not stream.left:
                await stream.put(event)
        self._played += 1
        if record.kind == "event":
            self.playhead.stepped(record.stamp_us, record.seq, self)

    async def _next_block(self, run: _Run, end: Alive) -> bool:
        """Read the block behind one that was played, waiting until it is recorded; False after a move."""
        while end.block + 1 >= len(self.files.blocks) and self._follow is not None:
            await self._follow()
            # A move while it was looked for has been: it is not waited for.
            if end.block + 1 >= len(self.files.blocks) and not self._has_moved(run):
                await self.playhead.turn(self)
            if self._has_moved(run):
                return False
            await self._begin(run, end.stamp_us, end.seq)
        self.playhead.extend(self.files.end_us)
        # Read ahead beside the loop.
        if end.block + 1 < len(self.files.blocks):
            await asyncio.to_thread(self._read_ahead, end.block + 1)
        return True

    def _read_ahead(self, block: int) -> None:
        # A block that cannot be read is reported where it is played.
        with contextlib.suppress(OSError, ValueError):
            self.files.lines(block)

    async def _begin(self, run: _Run, stamp_us: int, seq: int | None) -> None:
        """Give every new stream the state of a time."""
        run.wanted.clear()
        streams = tuple(self._streams)
        for stream in streams:
            for index in self.files.indexes(stream.topic):
                run.wanted.setdefault(index, []).append(stream)
        new = [stream for stream in streams if not stream.started]
        if not new:
            return
        for stream in new:
            stream.started = True
        topics = {stream.topic for stream in new}
        # While a playhead is dragged the next move comes before the states of the last one are read.
        moved = partial(self._has_moved, run)
        states = await asyncio.to_thread(states_at, self.files, topics, stamp_us, seq, given_up=moved)
        if moved():
            return  # each stream begins again there
        for stream in new:
            state = states.get(stream.topic)
            for index in self.files.indexes(stream.topic):
                if state is not None:
                    run.continuity.known(index, stream.topic, open_now=state.open)
            events = opened_with(stream.topic, state, stamp_us, moved=run.moves > 0 and stream.read)
            await stream.put(TimeState(events, run.moves))
            stream.read = True
            if run.ended:
                self._end(stream)

    def _end(self, stream: ReplayStream) -> None:
        stream.finish(down(stream.topic, self.files.end_us, ENDS_HERE))

    def _has_moved(self, run: _Run) -> bool:
        return self.playhead.moves != run.moves

    def _has_new(self) -> bool:
        return any(not stream.started for stream in self._streams)
