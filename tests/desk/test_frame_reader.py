"""Frames that are passed on where they are computed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from orderfox_nb.clock import settle
from orderfox_nb.desk.frame_reader import Frame, FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import VenueUnreachable

pytestmark = pytest.mark.core

KEY = frame_key("sim", "BTCUSDT", "v1.trades")


class FramesByHand:
    """A key whose frames are put by hand."""

    def __init__(self) -> None:
        self.key: FrameKey = KEY
        self.error: BaseException | None = None
        self.closed = False
        self.sequence = 0
        self.readers: list[FrameReader] = []

    def newest(self, held: int | None) -> Frame | None:
        if not self.sequence or self.sequence == held:
            return None
        return Frame(key=self.key, sequence=self.sequence, base=None, messages=(b"{}",))

    def put(self) -> None:
        self.sequence += 1
        self.signal()

    def signal(self) -> None:
        for reader in self.readers:
            reader.signal()

    def read(self, handle: Callable[[Frame], bool], ready: asyncio.Event | None = None) -> asyncio.Task[None]:
        reader = FrameReader(self)
        self.readers.append(reader)

        async def until_ready() -> None:
            if ready is not None:
                await ready.wait()

        return asyncio.create_task(reader.deliver(handle, until_ready))


async def test_frames_are_handled_where_they_are_put_and_in_order():
    source, got = FramesByHand(), list[int]()
    source.put()
    task = source.read(lambda frame: got.append(frame.sequence) is None)
    await settle()
    source.put()
    source.put()
    assert got == [1, 2, 3], "without a turn of the event loop"
    source.closed = True
    source.signal()
    await task


async def test_reader_that_is_not_ready_skips_to_the_newest_frame():
    source, got, ready = FramesByHand(), list[int](), asyncio.Event()

    def handle(frame: Frame) -> bool:
        got.append(frame.sequence)
        return ready.is_set()

    task = source.read(handle, ready)
    await settle()
    for _ in range(4):
        source.put()
        await settle()
    assert got == [1]
    ready.set()
    await settle()
    assert got == [1, 4]
    source.put()
    assert got == [1, 4, 5]
    task.cancel()
    await asyncio.wait({task})
    source.put()
    assert got == [1, 4, 5], "a reader that has left gets nothing"


async def test_reader_that_fails_ends_alone_with_its_error():
    source, got = FramesByHand(), list[int]()

    def fail(_frame: Frame) -> bool:
        raise RuntimeError("gone")

    failing = source.read(fail)
    other = source.read(lambda frame: got.append(frame.sequence) is None)
    await settle()
    source.put()
    source.put()
    with pytest.raises(RuntimeError, match="gone"):
        await failing
    assert got == [1, 2]
    other.cancel()


async def test_error_of_the_key_ends_every_reader():
    source = FramesByHand()
    tasks = [source.read(lambda _frame: True) for _ in range(2)]
    await settle()
    source.put()
    source.error, source.closed = VenueUnreachable("sim", "down"), True
    source.signal()
    for task in tasks:
        with pytest.raises(VenueUnreachable):
            await task
