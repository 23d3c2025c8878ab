"""Frames of every distinct key: computed on change, encoded once, latest-wins for each reader.

A key has one ``FrameStream``, whose task runs only while the key has readers. A press takes an immutable view of the
folds; a delta and a full frame are pure functions of views, made when the first reader takes them and shared after.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Protocol

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.views.stamp import Stamp

_log = logging.getLogger(__name__)

INTERVAL_US: Final = 100_000
"""At most ten frames a second and key."""
_LATE_US: Final = 20_000


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One encoded frame of a key."""

    key: FrameKey
    sequence: int
    base: int | None
    """The sequence that a delta applies to; None for a full frame."""
    messages: tuple[bytes, ...]
    """JSON texts to send in this order: one, but for several updates of the public candle stream."""

    @property
    def full(self) -> bool:
        """Whether it stands alone."""
        return self.base is None

    @property
    def text(self) -> bytes:
        """The only message of the frame."""
        return self.messages[0]


class Recipe(Protocol):
    """How the frames of one key are made from the folds of its topics."""

    topics: Sequence[Topic]
    """What to hold open; a failure of the first one ends the frames, of the others not."""
    poll_s: float
    """How often to prepare again where no topic tells of a change, 0 for never."""

    async def prepare(self, states: Sequence[TopicState | None]) -> None:
        """Take the states of the topics, None where one failed; called before the first press."""
        ...

    def version(self) -> object:
        """Return something that differs whenever a frame might."""
        ...

    def ready(self) -> bool:
        """Return whether a first frame makes sense."""
        ...

    def capture(self) -> Any:
        """Take an immutable view."""
        ...

    def stamp(self) -> Stamp:
        """Return the time and quality of a frame; the press adds the numbers."""
        ...

    def full(self, view: Any, stamp: Stamp) -> tuple[bytes, ...]:
        """Encode a whole view."""
        ...

    def delta(self, before: Any, view: Any, stamp: Stamp) -> tuple[bytes, ...] | None:
        """Encode what changed between two views; None where only a full frame tells it."""
        ...


class _Press:
    """One computed frame, encoded for whoever takes it first."""

    def __init__(self, stream: FrameStream, recipe: Recipe, view: Any, stamp: Stamp, before: _Press | None) -> None:
        self.sequence = stream.sequence
        self.view = view
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


class FrameReader:
    """A latest-wins reader of one key: iterate it, or take what is newest.

    The first frame is full; a delta follows only what this reader took last, else it gets the shared full frame.
    """

    def __init__(self, stream: FrameStream) -> None:
        self._stream = stream
        self._held: int | None = None
        self._wake = asyncio.Event()
        self.taken = 0
        """How many frames this reader took."""

    @property
    def key(self) -> FrameKey:
        return self._stream.key

    def signal(self) -> None:
        """Note that something newer may be there."""
        self._wake.set()

    def resume(self) -> None:
        """Ask for a full frame again."""
        self._held = None
        self._wake.set()

    def next_frame(self) -> Frame | None:
        """Return the newest frame that was not taken, None where there is none.

        Raises:
            OrderFoxError: The key sends no more.
        """
        press = self._stream.press
        if press is not None and press.sequence != self._held:
            frame = press.frame(self._held)
            self._held = press.sequence
            self.taken += 1
            return frame
        if self._stream.error is not None:
            raise self._stream.error
        return None

    def __aiter__(self) -> FrameReader:
        return self

    async def __anext__(self) -> Frame:
        while True:
            self._wake.clear()
            if (frame := self.next_frame()) is not None:
                return frame
            if self._stream.closed:
                raise StopAsyncIteration
            await self._wake.wait()


class FrameStream:
    """The frames of one key for all its readers.

    Args:
        key: What the frames show.
        make: Makes the recipe of the key.
        hub: Holds the topics.
        clock: Measures the ten frames a second.
    """

    def __init__(self, key: FrameKey, make: Callable[[FrameKey], Recipe], *, hub: Hub, clock: Clock) -> None:
        self.key = key
        self.recipe: Recipe | None = None
        """There while the key has readers: it holds the folds of its topics."""
        self.press: _Press | None = None
        self.sequence = 0
        self.computed = 0
        self.encoded = 0
        """How many times a frame was encoded, however many took it."""
        self.error: BaseException | None = None
        self.closed = False
        self.readers: set[FrameReader] = set()
        self._make = make
        self._hub = hub
        self._clock = clock
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self) -> FrameReader:
        """Add a reader; the first one starts the work."""
        if self._task is None or self._task.done():
            self.press, self.error, self.closed = None, None, False
            self.recipe = recipe = self._make(self.key)
            self._task = asyncio.create_task(self._run(recipe), name=f"frames {self.key.text}")
        reader = FrameReader(self)
        self.readers.add(reader)
        return reader

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
            # Its number is kept; the folds, a view and its text for each key that somebody once looked at would not be
            # little.
            self.press = self.recipe = None

    async def _run(self, recipe: Recipe) -> None:
        try:
            async with AsyncExitStack() as stack:
                states = await self._open(recipe, stack)
                await recipe.prepare(states)
                if recipe.poll_s:
                    poll = asyncio.create_task(self._poll(recipe), name=f"poll {self.key.text}")
                    stack.push_async_callback(_cancelled, poll)
                await self._press_on_change(recipe, states)
        except OrderFoxError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a bug in one key must not end the others
            # Readers are told, and the key's next reader starts again.
            _log.exception("the frames of %s failed", self.key.text)
            self.error = error
        finally:
            # A reader may have joined while this task was being ended: the stream is then its next task's.
            if self._task is asyncio.current_task():
                self.closed = True
            for reader in self.readers:
                reader.signal()

    async def _open(self, recipe: Recipe, stack: AsyncExitStack) -> list[TopicState | None]:
        states: list[TopicState | None] = []
        for place, topic in enumerate(recipe.topics):
            try:
                state = await stack.enter_async_context(self._hub.watch(topic))
            except OrderFoxError:
                if place == 0:
                    raise
                states.append(None)
                continue
            state.watch(self._changed.set)
            stack.callback(state.unwatch, self._changed.set)
            states.append(state)
        return states

    async def _poll(self, recipe: Recipe) -> None:
        while True:
            await self._clock.sleep(recipe.poll_s)
            await recipe.prepare(())
            self._changed.set()

    async def _press_on_change(self, recipe: Recipe, states: Sequence[TopicState | None]) -> None:
        self._changed.set()
        version: object = None
        counted_by = _instruments(states)
        due_us = 0
        while True:
            await self._changed.wait()
            self._changed.clear()
            if states and states[0] is not None and states[0].error is not None:
                raise states[0].error
            if (now_by := _instruments(states)) != counted_by:
                # Another tick or lot size: the columns of a delta would not go together with what a page holds.
                counted_by, version, self.press = now_by, None, None
                await recipe.prepare(states)
            now = recipe.version()
            if now == version or not recipe.ready():
                continue
            version = now
            self._take(recipe)
            # A grid, so that ten a second are ten: a press that came late does not push the next one back.
            now_us = self._clock.now_us()
            late_us = now_us - due_us
            due_us = (due_us if late_us < _LATE_US else now_us) + INTERVAL_US
            await self._clock.sleep((due_us - now_us) / 1e6)

    def _take(self, recipe: Recipe) -> None:
        self.sequence += 1
        self.computed += 1
        self.press = _Press(self, recipe, recipe.capture(), recipe.stamp(), self.press)
        for reader in self.readers:
            reader.signal()


class FrameHub:
    """The frames of every key that is looked at, and of some that were lately.

    Args:
        hub: Holds the topics.
        clock: Measures the ten frames a second.
        recipe: Makes the recipe of a key.
        keep: How many keys without a reader keep their sequence.
    """

    def __init__(self, hub: Hub, *, clock: Clock, recipe: Callable[[FrameKey], Recipe], keep: int = 1024) -> None:
        self._hub = hub
        self._clock = clock
        self._recipe = recipe
        self._keep = keep
        self._streams: OrderedDict[FrameKey, FrameStream] = OrderedDict()

    @asynccontextmanager
    async def open(self, key: FrameKey) -> AsyncIterator[FrameReader]:
        """Read the frames of a key."""
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = FrameStream(key, self._recipe, hub=self._hub, clock=self._clock)
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


def _instruments(states: Sequence[TopicState | None]) -> list[Instrument | None]:
    return [None if state is None else state.instrument for state in states]


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
