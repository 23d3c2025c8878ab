"""Frames of every distinct key: computed on change, encoded once, latest-wins for each reader.

A key has one ``FrameStream``, whose task runs only while the key has readers. Computing a frame captures an immutable
view of the folds; a delta and a full frame are pure functions of views, encoded for the first reader and then shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final, Protocol

import msgspec

from orderfox_nb.clock import Clock, in_time
from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.fanout import Fanout
from orderfox_nb.desk.frame_reader import Frame, FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.desk.watched import Watchable
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.views.stamp import Stamp

_log = logging.getLogger(__name__)

INTERVAL_US: Final = 100_000
"""At most ten frames a second and key, due at the multiples of this."""
MOVE_S: Final = 5.0
"""How long frames wait for a replay that was moved; after that they show what there is."""


class TopicSource(Protocol):
    """The part of a hub that frames need."""

    @property
    def moves(self) -> int:
        """How often a replay was moved to another time."""
        ...

    @property
    def moving(self) -> bool:
        """Whether a replay was moved to another time and some folds are still of the previous one."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait so long, in a replay no longer than to its next move."""
        ...

    async def settled(self) -> None:
        """Wait until every fold is of one time."""
        ...

    def open(self, topic: Topic) -> AbstractAsyncContextManager[State]:
        """Hold a topic open."""
        ...


class Recipe(Protocol):
    """Makes the frames of one key from the folds of its topics."""

    follows: Sequence[Topic | Watchable]
    """What to follow: topics of channels and studies, which are held open, and whatever else can be watched.

    A failure of the first one ends the frames, of the others not.
    """

    async def prepare(self, states: Sequence[State | None]) -> None:
        """Receive the states of the topics, None if one failed; called before the first frame."""
        ...

    def request(self) -> None:
        """Request what the next frame lacks, and note what it is to cover: the methods below only read."""
        ...

    def version(self) -> object:
        """Return a value that changes whenever a frame might."""
        ...

    def ready(self) -> bool:
        """Return whether a first frame makes sense."""
        ...

    def capture(self) -> Any:
        """Take an immutable view."""
        ...

    def stamp(self) -> Stamp:
        """Return the time and quality of a frame; the stream adds the numbers."""
        ...

    def full(self, view: Any, stamp: Stamp) -> tuple[bytes, ...]:
        """Encode a whole view."""
        ...

    def delta(self, before: Any, view: Any, stamp: Stamp) -> tuple[bytes, ...] | None:
        """Encode what changed between two views; None if only a full frame can."""
        ...


class _ComputedFrame:
    """One computed frame, encoded for its first reader and shared."""

    def __init__(
        self, stream: FrameStream, recipe: Recipe, view: Any, stamp: Stamp, before: _ComputedFrame | None
    ) -> None:
        self.sequence = stream.sequence
        self.view = view
        self.moves = stream.moves
        """The replay's count of moves when this was computed."""
        self._stream = stream
        self._recipe = recipe
        self._stamp = stamp
        self._before = before.view if before is not None else None
        self._base = before.sequence if before is not None else None
        self._full: Frame | None = None
        self._delta: Frame | None = None

    def frame(self, held: int | None) -> Frame:
        """Return the frame for a reader that holds a sequence."""
        if self._delta is not None and self._base == held:
            return self._delta
        if held is not None and self._base == held and self._before is not None:
            stamp = msgspec.structs.replace(self._stamp, sequence=self.sequence, base=self._base)
            messages = self._recipe.delta(self._before, self.view, stamp)
            if messages is not None:
                self._delta = Frame(key=self._stream.key, sequence=self.sequence, base=self._base, messages=messages)
                self._stream.encoded += 1
                return self._delta
            self._before = None
        if self._full is None:
            stamp = msgspec.structs.replace(self._stamp, sequence=self.sequence)
            messages = self._recipe.full(self.view, stamp)
            self._full = Frame(key=self._stream.key, sequence=self.sequence, base=None, messages=messages)
            self._stream.encoded += 1
        return self._full


class FrameStream:
    """The frames of one key for all its readers.

    Args:
        key: What the frames show.
        make: Makes the recipe of the key.
        hub: Holds the topics.
        clock: Measures the ten frames a second.
        fanout: Passes the frames on.
    """

    def __init__(
        self, key: FrameKey, make: Callable[[FrameKey], Recipe], *, hub: TopicSource, clock: Clock, fanout: Fanout
    ) -> None:
        self.key = key
        self.recipe: Recipe | None = None
        """There while the key has readers: it holds the folds of its topics."""
        self.computed_frame: _ComputedFrame | None = None
        self.sequence = 0
        self.computed = 0
        self.encoded = 0
        """How many frames were encoded, however many readers got them."""
        self.error: BaseException | None = None
        self.closed = False
        self.readers: set[FrameReader] = set()
        self._make = make
        self._hub = hub
        self._clock = clock
        self._fanout = fanout
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self) -> FrameReader:
        """Add a reader; the first one starts the work."""
        if self._task is None or self._task.done():
            self.computed_frame, self.error, self.closed = None, None, False
            self.recipe = recipe = self._make(self.key)
            self._task = asyncio.create_task(self._run(recipe), name=f"frames {self.key.text}")
        reader = FrameReader(self)
        self.readers.add(reader)
        return reader

    def newest(self, held: int | None) -> Frame | None:
        """Return the newest frame for a reader that holds a sequence, None if it holds the newest one."""
        computed_frame = self.computed_frame
        if computed_frame is None or computed_frame.sequence == held:
            return None
        if computed_frame.moves != self.moves:
            return None  # it is of the time before a move
        return computed_frame.frame(held)

    @property
    def moves(self) -> int:
        """How often a replay was moved to another time."""
        return self._hub.moves

    async def leave(self, reader: FrameReader) -> None:
        """Remove a reader; the last one ends the work."""
        self.readers.discard(reader)
        if not self.readers:
            await self.close()

    async def close(self) -> None:
        """End the work and every reader."""
        task, self._task = self._task, None
        self.closed = True
        for reader in self.readers:
            reader.signal()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if not self.readers and self._task is None:
            # Keep the number only: the folds, a view and its text of every former key would add up.
            self.computed_frame = self.recipe = None

    async def _run(self, recipe: Recipe) -> None:
        try:
            async with AsyncExitStack() as stack:
                states = await self._open(recipe, stack)
                await recipe.prepare(states)
                await self._compute_on_change(recipe, states)
        except OrderFoxError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a bug in one key must not end the others
            # Readers get the error; the key's next reader starts again.
            _log.exception("the frames of %s failed", self.key.text)
            self.error = error
        finally:
            # A reader may have joined while this task was being ended: the stream is then its next task's.
            if self._task is asyncio.current_task():
                self.closed = True
            for reader in self.readers:
                reader.signal()

    async def _open(self, recipe: Recipe, stack: AsyncExitStack) -> list[State | None]:
        states: list[State | None] = []
        for place, source in enumerate(recipe.follows):
            watched: Watchable
            if isinstance(source, Topic):
                try:
                    watched = state = await stack.enter_async_context(self._hub.open(source))
                except OrderFoxError:
                    if place == 0:
                        raise
                    states.append(None)
                    continue
                states.append(state)
            else:
                watched = source
            watched.watch(self._changed.set)
            stack.callback(watched.unwatch, self._changed.set)
        return states

    async def _compute_on_change(self, recipe: Recipe, states: Sequence[State | None]) -> None:
        self._changed.set()
        version: object = None
        counted_by = _instruments(states)
        moves = self.moves
        while True:
            if self.moves == moves:
                await self._changed.wait()
            self._changed.clear()
            if self._hub.moving or self.moves != moves:
                await self._settled()
                # The next frame is a full one: what readers hold is of another time.
                version, self.computed_frame, moves = None, None, self.moves
            if states and states[0] is not None and states[0].error is not None:
                raise states[0].error
            if (now_by := _instruments(states)) != counted_by:
                # Another tick or lot size: the columns of a delta would not go together with what a page holds.
                counted_by, version, self.computed_frame = now_by, None, None
                await recipe.prepare(states)
            for state in states:
                if isinstance(state, TopicState):
                    state.check()
            recipe.request()
            now = recipe.version()
            if now == version or not recipe.ready():
                continue
            version = now
            self._compute(recipe)
            now_us = self._clock.now_us()
            await self._hub.pause((_next_due_us(now_us) - now_us) / 1e6)

    async def _settled(self) -> None:
        """Wait until a replay that was moved shows its new time, so that no frame is of two times or of a part."""
        with contextlib.suppress(TimeoutError):
            await in_time(self._clock, MOVE_S, self._hub.settled())

    def _compute(self, recipe: Recipe) -> None:
        self.sequence += 1
        self.computed += 1
        self.computed_frame = _ComputedFrame(self, recipe, recipe.capture(), recipe.stamp(), self.computed_frame)
        self._fanout.add(self.readers)


class FrameHub:
    """The frames of every key with readers, and of some that had readers lately.

    Args:
        hub: Holds the topics.
        clock: Measures the ten frames a second.
        recipe: Makes the recipe of a key.
        keep: How many keys without a reader keep their sequence.
    """

    def __init__(
        self, hub: TopicSource, *, clock: Clock, recipe: Callable[[FrameKey], Recipe], keep: int = 1024
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._recipe = recipe
        self._keep = keep
        self._fanout = Fanout()
        self._streams: OrderedDict[FrameKey, FrameStream] = OrderedDict()

    @asynccontextmanager
    async def open(self, key: FrameKey) -> AsyncGenerator[FrameReader]:
        """Read the frames of a key."""
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = FrameStream(
                key, self._recipe, hub=self._hub, clock=self._clock, fanout=self._fanout
            )
        self._streams.move_to_end(key)
        reader = stream.join()
        self._evict()
        try:
            yield reader
        finally:
            await stream.leave(reader)

    @property
    def active(self) -> Sequence[FrameStream]:
        """Streams with readers."""
        return [stream for stream in self._streams.values() if stream.readers]

    async def close(self) -> None:
        """End every stream."""
        for stream in tuple(self._streams.values()):
            await stream.close()
        self._streams.clear()

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of keys, readers and frames."""
        streams = self._streams.values()
        return {
            "frame_keys": len(self._streams),
            "frame_keys_active": len(self.active),
            "frame_readers": sum(len(stream.readers) for stream in streams),
            "frames_computed": sum(stream.computed for stream in streams),
            "frames_encoded": sum(stream.encoded for stream in streams),
        }

    def _evict(self) -> None:
        for key in [key for key, stream in self._streams.items() if not stream.readers]:
            if len(self._streams) <= self._keep:
                return
            del self._streams[key]


def _instruments(states: Sequence[State | None]) -> list[Instrument | None]:
    return [None if state is None else state.instrument for state in states]


def _next_due_us(now_us: int) -> int:
    """Return when the next frame is due: at the tenth of a second that is nearest to 100 ms from now.

    All keys are due at the same moments: those of one book share its rows, many are passed on together, and a late
    frame does not delay the next one.
    """
    return (now_us + INTERVAL_US * 3 // 2) // INTERVAL_US * INTERVAL_US
