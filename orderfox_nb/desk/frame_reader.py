"""A reader of one key's frames, which always gets the newest one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Protocol

import msgspec

from orderfox_nb.desk.keys import FrameKey


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


class FrameSource(Protocol):
    """Source of a reader's frames."""

    key: FrameKey
    error: BaseException | None
    closed: bool

    def newest(self, held: int | None) -> Frame | None:
        """Return the newest frame for a reader that holds a sequence, None if it holds the newest one."""
        ...


class FrameReader:
    """A latest-wins reader of one key: iterate it, call ``next_frame``, or let ``deliver`` pass the frames on.

    The first frame is full; a delta follows only the frame that this reader got last, otherwise it gets the full one.
    """

    __slots__ = ("_failure", "_handle", "_held", "_source", "_wake", "delivered")

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._held: int | None = None
        self._wake = asyncio.Event()
        self._handle: Callable[[Frame], bool] | None = None
        self._failure: Exception | None = None
        self.delivered = 0
        """How many frames this reader got."""

    @property
    def key(self) -> FrameKey:
        return self._source.key

    def signal(self) -> None:
        """Report that a newer frame may be available, which ``deliver`` handles at once."""
        FrameReader.pass_on((self,))

    @staticmethod
    def encode_next(readers: Iterable[FrameReader]) -> None:
        """Encode the newest frame of one key, so that ``pass_on`` has only to write it."""
        for reader in readers:
            if reader._handle is not None:
                # ``pass_on`` fails likewise, for every reader.
                with suppress(Exception):
                    reader._source.newest(reader._held)
                return

    @staticmethod
    def pass_on(readers: Iterable[FrameReader]) -> None:
        """Let ``deliver`` handle the newest frame for every reader of one key that waits there; the others wake.

        Args:
            readers: Nearly all of them hold the same frame, and what follows it is looked up once.
        """
        known, held, frame = False, None, None
        for reader in readers:
            handle = reader._handle
            if handle is None:
                reader._wake.set()
                continue
            try:
                if not known or reader._held != held:
                    known = False
                    frame = reader._source.newest(reader._held)
                    known, held = True, reader._held
                if frame is not None:
                    reader._held = frame.sequence
                    reader.delivered += 1
                    if handle(frame):
                        continue
            except Exception as error:  # noqa: BLE001 - one reader must not end the frames of the others
                reader._fail(error)
                continue
            reader._stop()

    def resume(self) -> None:
        """Ask for a full frame again."""
        self._held = None
        self._wake.set()

    def next_frame(self) -> Frame | None:
        """Return the newest frame not yet returned, None if there is none.

        Raises:
            OrderFoxError: The key sends no more.
        """
        if (frame := self._source.newest(self._held)) is not None:
            self._held = frame.sequence
            self.delivered += 1
            return frame
        if self._source.error is not None:
            raise self._source.error
        return None

    def __aiter__(self) -> FrameReader:
        return self

    async def __anext__(self) -> Frame:
        while True:
            self._wake.clear()
            if (frame := self.next_frame()) is not None:
                return frame
            if self._source.closed:
                raise StopAsyncIteration
            await self._wake.wait()

    async def deliver(self, handle: Callable[[Frame], bool], until_ready: Callable[[], Awaitable[None]]) -> None:
        """Pass on every frame where it is computed, until the key sends no more: no task wakes up for it.

        Args:
            handle: Called with a frame; returns whether the next one may follow.
            until_ready: Awaited where it may not. The frames of that time are skipped, but for the newest one.

        Raises:
            OrderFoxError: The key sends no more.
        """
        while True:
            self._wake.clear()
            while (frame := self.next_frame()) is not None:
                if not handle(frame):
                    await until_ready()
            if self._source.closed:
                return
            self._handle = handle
            try:
                await self._wake.wait()
            finally:
                self._handle = None
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            await until_ready()

    def _fail(self, error: Exception) -> None:
        """End ``deliver`` with an error."""
        self._failure = error
        self._stop()

    def _stop(self) -> None:
        """Let ``deliver`` continue by itself: no further frame is passed to it until it waits again."""
        self._handle = None
        self._wake.set()
