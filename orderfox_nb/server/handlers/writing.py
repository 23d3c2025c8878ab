# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""Writing to a WebSocket: at once where the network takes it, and never more behind what it has not taken."""

from __future__ import annotations

import contextlib
import socket
from asyncio import Future
from collections.abc import Awaitable, Callable, Collection, Sequence
from time import monotonic
from typing import Any, Final, Protocol

from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError

from orderfox_nb.desk.frame_reader import Frame
from orderfox_nb.errors import OrderFoxError

UNSENT: Final = 65_536
"""Bytes that the system may hold for a reader and not have sent: what is older than them is not a newest frame."""


class Stalled(OrderFoxError):
    """A reader of events that takes nothing from its socket."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"this reader took nothing for {self.seconds:g} s"


class Writing(Protocol):
    """A socket that messages are written to."""

    @property
    def crowded(self) -> Collection[str]:
        """Clients of the server with more readers than their share: without any, no reader has to wait."""
        ...

    @property
    def write_now(self) -> Callable[[bytes], Future[None] | None]:
        """``MessageWriter.write`` of the socket."""
        ...

    def until_taken(self, written: Future[None]) -> Awaitable[None]:
        """Wait until the network took a message."""
        ...

    def send(self, text: bytes) -> Awaitable[None]:
        """Write one text message and wait until the network took it."""
        ...

    def pause_s(self) -> float:
        """Return how long this reader waits after a frame, beyond its share."""
        ...

    def pace(self) -> Awaitable[None]:
        """Wait after a frame where this reader's client has more of them than its share."""
        ...


class FrameWriter:
    """Writes the frames of one key to a socket, the next one only when the network has taken the last one.

    Args:
        socket: Socket of the reader.
    """

    # A thousand of these write ten thousand frames a second: between two frames, its data leaves the processor's cache.
    __slots__ = ("_crowded", "_socket", "_unsent", "_write_now", "replaced")

    def __init__(self, socket: Writing) -> None:
        self._socket = socket
        self._crowded = socket.crowded
        self._write_now = socket.write_now
        self._unsent: tuple[Future[None], Sequence[bytes]] | None = None
        self.replaced = False
        """Whether another key has taken this one's place: no further frame is written."""

    def write(self, frame: Frame) -> bool:
        """Write a frame; return whether the next one may follow at once.

        Raises:
            WebSocketClosedError: The reader has left.
        """
        if self.replaced:
            return True
        for place, text in enumerate(frame.messages, 1):
            if (written := self._write_now(text)) is not None:
                self._unsent = written, frame.messages[place:]
                return False
        return not self._crowded or not self._socket.pause_s()

    async def until_ready(self) -> None:
        """Wait until the next frame may follow.

        Raises:
            WebSocketClosedError: The reader has left.
        """
        unsent, self._unsent = self._unsent, None
        if unsent is not None:
            written, others = unsent
            await self._socket.until_taken(written)
            for text in others:
                await self._socket.send(text)
        await self._socket.pace()


class Peer(Protocol):
    """A WebSocket connection: the part of Tornado's protocol that writing needs."""

    stream: IOStream
    client_terminated: bool
    server_terminated: bool


class MessageWriter:
    """Writes text messages to one WebSocket, and counts them.

    Args:
        peer: Its connection, None if it ended before it was open.
    """

    __slots__ = ("_peer", "_stream", "messages", "wrote_s")

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer
        self._stream = None if peer is None else peer.stream
        self.messages = 0
        self.wrote_s = monotonic()
        """When the last message was written."""

    def write(self, text: bytes) -> Future[None] | None:
        """Write one text message; returns None, or a future to wait for if the network has not taken all of it.

        Raises:
            WebSocketClosedError: The reader has left.
        """
        self.wrote_s = monotonic()
        self.messages += 1
        peer, stream = self._peer, self._stream
        if peer is None or stream is None or peer.client_terminated or peer.server_terminated or stream.closed():
            raise WebSocketClosedError
        try:
            return write_at_once(stream, _newest.of(text))
        except StreamClosedError:
            raise WebSocketClosedError from None


def write_at_once(stream: IOStream, data: bytes) -> Future[None] | None:
    """Write to a connection; returns what to wait for where the system has not taken all of it.

    Where nothing waits to be written, the system gets the bytes directly: a buffer and a future for each message cost
    more than the system call.
    """
    taken = 0
    if not stream.writing():
        try:
            taken = stream.write_to_fd(data) or 0  # type: ignore[arg-type]  # a view is for what is left of a buffer
        except OSError:
            # It comes again with the write below, which waits, or closes the connection for it.
            taken = 0
        if taken == len(data):
            return None
    return stream.write(memoryview(data)[taken:])


def limit_unsent(connection: Any) -> None:
    """Keep the system from queueing for a slow reader, where it allows that (Linux, macOS)."""
    if (option := getattr(socket, "TCP_NOTSENT_LOWAT", None)) is not None and connection is not None:
        with contextlib.suppress(OSError, AttributeError):
            connection.stream.socket.setsockopt(socket.IPPROTO_TCP, option, UNSENT)


def text_frame(text: bytes) -> bytes:
    """Return a text message as one WebSocket frame of a server: final, unmasked, not compressed (RFC 6455, 5.2)."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2) + text
    return b"\x81\x7f" + size.to_bytes(8) + text


class SharedFrame:
    """Keeps the newest message as a WebSocket frame: the readers of a key get the same one, one after the other."""

    def __init__(self) -> None:
        self._text = self._frame = b""

    def of(self, text: bytes) -> bytes:
        """Return a text message as a WebSocket frame."""
        if text is not self._text:
            self._text, self._frame = text, text_frame(text)
        return self._frame


_newest: Final = SharedFrame()
