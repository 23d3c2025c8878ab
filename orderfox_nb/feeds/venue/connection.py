"""One socket to one root: its subscriptions and what arrives on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Event
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.transport import ConnectionLost, Socket, open_socket
from orderfox_nb.feeds.venue.dialect import DecodedFrame, Dialect, Method
from orderfox_nb.feeds.venue.items import Item
from orderfox_nb.feeds.venue.venue_clock import sleep_unless

READER_TIMEOUT_S: Final = 2.0
"""How long a socket waits for a reader whose inbox is half full before its items are dropped."""

SILENT_S: Final = 4.0
"""After this long without a frame a probe asks for the subscriptions: a half-open socket cannot answer."""

ANSWER_S: Final = 4.0
"""How long the answer to the probe may take."""

REFUSED_PAUSE_S: Final = 30.0
"""Time before a refused stream is subscribed to again."""


class CommandRefused(ConnectionLost):
    """The venue answered with an error that belongs to no command."""


class Listener(Protocol):
    """Receives the events of a connection."""

    def subscribed(self, connection: VenueConnection, streams: frozenset[str]) -> None: ...

    def arrived(self, connection: VenueConnection, stream: str, event: Event) -> Inbox[Item] | None:
        """Take an event; returns an inbox that should get time before the next one, if any."""
        ...

    def refused(self, stream: str, reason: str) -> None: ...

    def malformed(self, stream: str, reason: str) -> None: ...


class VenueConnection:
    """Keeps the subscriptions and delivers arriving events until the socket ends.

    Args:
        url: Address of the socket.
        dialect: The venue's protocol on this socket.
        clock: Paces commands and timestamps received messages.
        listener: Receives all events, on the same loop.
        streams: Subscribed from the start.
        prepare: Called with streams before they are subscribed to.
    """

    def __init__(
        self,
        url: str,
        dialect: Dialect,
        *,
        clock: Clock,
        listener: Listener,
        streams: set[str],
        prepare: Callable[[Collection[str]], Awaitable[None]] | None = None,
    ) -> None:
        self._url = url
        self._limits = dialect.limits
        self._codec = dialect.codec()
        self._prepare = prepare
        self._clock = clock
        self._listener = listener
        self._wanted = set(streams)
        self._sent: set[str] = set()
        self._renewed: set[str] = set()
        self._changed = asyncio.Event()
        self._changed.set()
        self._asked: dict[int, frozenset[str]] = {}
        self._alone: set[str] = set()
        """Streams of a command that was refused: each is tried by itself, since one of them may be the reason."""
        self._refused: set[str] = set()
        self._last_command = 0
        self.acknowledged: set[str] = set()
        self.opened_us = 0
        """When the socket was open, 0 before."""
        self.frames = 0
        self.data_frames = 0
        """Frames other than answers to commands: only these show that the streams are active."""
        self.heard_us = 0
        """When the last frame came, 0 before the socket was open."""

    def subscribe(self, stream: str) -> None:
        """Subscribe to a stream with the next command."""
        self._wanted.add(stream)
        if stream in self._sent:
            # It was unsubscribed a moment ago, and that command is not sent yet: only a new command is acknowledged.
            self._renewed.add(stream)
        self._changed.set()

    def unsubscribe(self, stream: str) -> None:
        """Unsubscribe from a stream with the next command."""
        self._wanted.discard(stream)
        self.acknowledged.discard(stream)
        self._changed.set()

    def renew(self, stream: str) -> None:
        """Subscribe to a stream again: it is silent although the socket works."""
        if stream in self._sent:
            self._renewed.add(stream)
            self._changed.set()

    async def run(self) -> None:
        """Connect and serve until the socket ends.

        Raises:
            Exception: One of ``transport.SOCKET_ERRORS``: why it ended.
        """
        async with open_socket(self._url, max_bytes=self._limits.frame_bytes) as socket:
            self.opened_us = self.heard_us = self._clock.now_us()
            sender = asyncio.create_task(self._send_changes(socket), name="venue commands")
            receiver = asyncio.create_task(self._receive(socket), name="venue frames")
            prober = asyncio.create_task(self._probe(socket), name="venue probe")
            tasks = {sender, receiver, prober}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            errors = [task.exception() for task in (receiver, prober, sender) if not task.cancelled()]
            raise next((error for error in errors if error is not None), ConnectionLost("the connection was closed"))

    async def _receive(self, socket: Socket) -> None:
        while True:
            text = await socket.recv(decode=False)
            self.frames += 1
            received_us = self.heard_us = self._clock.now_us()
            try:
                frame = self._codec.decode(text, received_us)
            except (msgspec.MsgspecError, ValueError) as error:
                stream = self._codec.stream_name(text)
                self.data_frames += bool(stream)
                self._listener.malformed(stream, f"malformed frame: {error}")
                continue
            if frame.events is None:
                self._answered(frame)
                continue
            self.data_frames += 1
            for event in frame.events:
                crowded = self._listener.arrived(self, frame.stream, event)
                if crowded is not None:
                    await crowded.room(READER_TIMEOUT_S)

    def _answered(self, frame: DecodedFrame) -> None:
        asked = self._asked.pop(frame.answered, None) if frame.answered is not None else None
        streams = (asked or frozenset[str]()) & self._wanted
        if frame.refused:
            reason = f"subscription refused: {frame.refused}"
            if asked is None:
                raise CommandRefused(reason)
            self._refuse(streams, reason)
            return
        self._alone -= streams
        self.acknowledged |= streams
        self._listener.subscribed(self, streams)

    def _refuse(self, streams: frozenset[str], reason: str) -> None:
        self._changed.set()
        if len(streams) > 1:
            self._alone |= streams
            self._sent -= streams
            return
        self._refused |= streams
        for stream in streams:
            self._listener.refused(stream, reason)

    async def _send_changes(self, socket: Socket) -> None:
        while True:
            if self._refused:
                await sleep_unless(self._changed, REFUSED_PAUSE_S, clock=self._clock)
                if not self._changed.is_set():
                    self._sent -= self._refused
                    self._refused.clear()
            else:
                await self._changed.wait()
            self._changed.clear()
            removed = (self._sent - self._wanted) | self._renewed
            if removed:
                self._renewed.clear()
                self._sent -= removed
                for streams in self._parts(removed - self._refused):
                    await self._command(socket, "unsubscribe", streams)
                self._refused -= removed
            added = self._wanted - self._sent
            if added:
                await self._load(added)
                self._sent |= added
                for streams in self._parts(added):
                    self._asked[self._last_command + 1] = frozenset(streams)
                    await self._command(socket, "subscribe", streams)

    async def _load(self, streams: Collection[str]) -> None:
        if self._prepare is None:
            return
        try:
            await self._prepare(streams)
        except OrderFoxError as error:
            raise ConnectionLost(str(error)) from error

    def _parts(self, streams: Collection[str]) -> list[list[str]]:
        """Return the streams of each command."""
        together = sorted(set(streams) - self._alone)
        size = self._limits.command_streams
        parts = [together[first : first + size] for first in range(0, len(together), size)]
        return parts + [[stream] for stream in sorted(set(streams) & self._alone)]

    async def _probe(self, socket: Socket) -> None:
        """Send a probe whenever nothing has arrived for a while, or the venue expects one.

        Raises:
            ConnectionError: The probe was not answered: the socket is dead, although neither side has closed it.
        """
        ping_us = (self._limits.ping_s or float("inf")) * 1e6
        pinged_us = self.opened_us
        while True:
            await self._clock.sleep(max(0.0, (self.heard_us - self._clock.now_us()) / 1e6 + SILENT_S))
            silent = self._clock.now_us() - self.heard_us >= SILENT_S * 1e6
            if not silent and self._clock.now_us() - pinged_us < ping_us:
                continue
            frames, pinged_us = self.frames, self._clock.now_us()
            await self._command(socket, "probe", ())
            if not silent:
                continue
            await self._clock.sleep(ANSWER_S - self._limits.command_pause_s)
            if self.frames == frames:
                raise ConnectionLost(f"no frame for {SILENT_S:g} s, and no answer within {ANSWER_S:g} s")

    async def _command(self, socket: Socket, method: Method, streams: Collection[str]) -> None:
        self._last_command += 1
        await socket.send(self._codec.command(method, self._last_command, streams))
        await self._clock.sleep(self._limits.command_pause_s)
