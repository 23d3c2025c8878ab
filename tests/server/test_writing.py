"""Messages reach the network whole and in order, however much of them it takes at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from tornado.iostream import IOStream, StreamClosedError

from orderfox_nb.desk.frame_reader import Frame
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.server.handlers.writing import FrameWriter, SharedFrame, text_frame, write_at_once

KEY = frame_key("sim", "BTCUSDT", "v1.candles")


@asynccontextmanager
async def connection() -> AsyncGenerator[tuple[IOStream, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect a stream to a reader that takes nothing by itself."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    reader, writer = await asyncio.open_connection(sock=theirs, limit=4096)
    stream = IOStream(ours)
    try:
        yield stream, reader, writer
    finally:
        stream.close()
        writer.close()


async def test_messages_arrive_whole_and_in_order_when_the_network_takes_only_a_part() -> None:
    messages = [bytes([65 + n]) * size for n, size in enumerate((10, 3_000_000, 20, 500_000, 0, 7))]
    async with connection() as (stream, reader, _), asyncio.timeout(60):
        waits = [write_at_once(stream, message) for message in messages]
        assert waits[0] is None, "the network has it"
        assert waits[1] is not None
        assert not waits[1].done()
        assert stream.writing()
        assert await reader.readexactly(sum(map(len, messages))) == b"".join(messages)
        await asyncio.wait([wait for wait in waits if wait is not None])
        assert not stream.writing()
        assert write_at_once(stream, b"end") is None
        assert await reader.readexactly(3) == b"end"


async def test_writing_to_a_peer_that_has_left_closes_the_connection() -> None:
    async with connection() as (stream, _, writer), asyncio.timeout(60):
        writer.transport.abort()

        async def write_until_it_fails() -> None:
            while True:
                if (written := write_at_once(stream, b"x" * 100_000)) is not None:
                    await written

        with pytest.raises(StreamClosedError):
            await write_until_it_fails()
        assert stream.closed()


class Recorded:
    """A socket that takes only so many messages at once."""

    def __init__(self, takes: int, *, pause_s: float = 0.0) -> None:
        self.texts: list[bytes] = []
        self.paced = 0
        self.crowded = {"somebody"} if pause_s else set[str]()
        self._takes = takes
        self._pause_s = pause_s
        self.taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write_now(self, text: bytes) -> asyncio.Future[None] | None:
        self.texts.append(text)
        return self.taken if len(self.texts) > self._takes else None

    async def until_taken(self, written: asyncio.Future[None]) -> None:
        await written

    async def send(self, text: bytes) -> None:
        self.texts.append(text)

    def pause_s(self) -> float:
        return self._pause_s

    async def pace(self) -> None:
        self.paced += 1


def frame(messages: Sequence[bytes]) -> Frame:
    return Frame(key=KEY, sequence=1, base=None, messages=tuple(messages))


async def test_rest_of_a_frame_waits_until_the_network_took_its_first_message() -> None:
    slow = Recorded(takes=0)
    writer = FrameWriter(slow)
    assert not writer.write(frame([b"1", b"2", b"3"]))
    waiting = asyncio.create_task(writer.until_ready())
    await asyncio.sleep(0)
    assert slow.texts == [b"1"]
    slow.taken.set_result(None)
    await waiting
    assert slow.texts == [b"1", b"2", b"3"]
    await writer.until_ready()
    assert slow.texts == [b"1", b"2", b"3"], "none is sent twice"


async def test_client_beyond_its_share_waits_after_a_frame() -> None:
    within, beyond = Recorded(takes=9), Recorded(takes=9, pause_s=1.0)
    assert FrameWriter(within).write(frame([b"1"]))
    writer = FrameWriter(beyond)
    assert not writer.write(frame([b"1"]))
    await writer.until_ready()
    assert beyond.paced == 1
    assert beyond.texts == [b"1"]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_readers_of_a_message_share_one_frame(size: int) -> None:
    shared, text = SharedFrame(), b"x" * size
    first = shared.of(text)
    assert first == text_frame(text)
    assert first.endswith(text)
    assert shared.of(text) is first
    other = b"y" * size
    assert shared.of(other) == text_frame(other)
