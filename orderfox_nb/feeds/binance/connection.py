"""One socket to one root: its subscriptions and what arrives on it."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Event
from orderfox_nb.feeds.binance.items import Item
from orderfox_nb.feeds.binance.messages import StreamFrame, decode_frame, stream_name
from orderfox_nb.feeds.binance.protocol import to_events
from orderfox_nb.feeds.http import short
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.transport import ConnectionLost, Socket, open_socket

COMMAND_PAUSE_S: Final = 0.2
"""Between two commands: half of the 10 messages a second that the venue takes, pongs are counted too."""

READER_PATIENCE_S: Final = 2.0
"""How long a socket waits for a reader whose inbox is half full before its items are dropped."""


MAX_FRAME_BYTES: Final = 1_000_000
"""Of a frame: a diff of 1,000 levels has 30 kB."""


SILENT_S: Final = 4.0
"""After so long without a frame a socket is asked for its subscriptions: one that is half open cannot answer."""

ANSWER_S: Final = 4.0
"""How long that answer may take."""


class CommandRefused(ConnectionLost):
    """The venue answered a subscription with an error."""


class Listener(Protocol):
    """Who is told what happens on a connection."""

    def subscribed(self, connection: Connection, streams: frozenset[str]) -> None: ...

    def arrived(self, connection: Connection, stream: str, event: Event) -> Inbox[Item] | None:
        """Take an event; returns an inbox that should get time before the next one, if any."""
        ...

    def malformed(self, stream: str, reason: str) -> None: ...


class Connection:
    """Subscribes to what is wanted and hands on what arrives, until the socket ends.

    Args:
        url: Address of the combined stream, ``…/public/stream``.
        clock: What commands are paced by and receipt is timed with.
        listener: Told of everything, on the same loop.
        streams: Wanted from the start.
    """

    def __init__(self, url: str, *, clock: Clock, listener: Listener, streams: set[str]) -> None:
        self._url = url
        self._clock = clock
        self._listener = listener
        self._wanted = set(streams)
        self._sent: set[str] = set()
        self._renewed: set[str] = set()
        self._changed = asyncio.Event()
        self._changed.set()
        self._asked: dict[int, frozenset[str]] = {}
        self._last_command = 0
        self.acknowledged: set[str] = set()
        self.opened_us = 0
        """When the socket was open, 0 before."""
        self.frames = 0
        self.data_frames = 0
        """Frames that are no answer to a command: only they show that the streams go on."""
        self._heard_us = 0

    def subscribe(self, stream: str) -> None:
        """Subscribe to a stream with the next command."""
        self._wanted.add(stream)
        self._changed.set()

    def unsubscribe(self, stream: str) -> None:
        """Unsubscribe from a stream with the next command."""
        self._wanted.discard(stream)
        self.acknowledged.discard(stream)
        self._changed.set()

    def renew(self, stream: str) -> None:
        """Subscribe to a stream once more: it is silent although the socket lives."""
        if stream in self._sent:
            self._renewed.add(stream)
            self._changed.set()

    async def run(self) -> None:
        """Connect and serve until the socket ends.

        Raises:
            Exception: One of ``transport.SOCKET_ERRORS``: why it ended.
        """
        async with open_socket(self._url, max_bytes=MAX_FRAME_BYTES) as socket:
            self.opened_us = self._heard_us = self._clock.now_us()
            sender = asyncio.create_task(self._send_changes(socket), name="binance commands")
            receiver = asyncio.create_task(self._receive(socket), name="binance frames")
            prober = asyncio.create_task(self._probe(socket), name="binance probe")
            tasks = {sender, receiver, prober}
            try:
                await asyncio.wait({receiver, prober}, return_when=asyncio.FIRST_COMPLETED)
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
            received_us = self._heard_us = self._clock.now_us()
            try:
                frame = decode_frame(text)
                if frame.data is None:
                    self._answered(frame)
                    continue
                self.data_frames += 1
                events = list(to_events(frame.data, received_us))
            except (msgspec.MsgspecError, ValueError) as error:
                self._listener.malformed(stream_name(text), f"malformed frame: {error}")
                continue
            for event in events:
                crowded = self._listener.arrived(self, frame.stream, event)
                if crowded is not None:
                    await crowded.room(READER_PATIENCE_S)

    def _answered(self, frame: StreamFrame) -> None:
        if frame.id is None and not frame.code and frame.error is None:
            raise ValueError("neither an event nor an answer")
        streams = self._asked.pop(frame.id, frozenset[str]()) if frame.id is not None else frozenset[str]()
        if frame.code or frame.error is not None:
            reason = frame.msg or (frame.error.msg if frame.error is not None else "")
            raise CommandRefused(f"subscription refused: {short(reason)}")
        streams &= self._wanted
        self.acknowledged |= streams
        self._listener.subscribed(self, streams)

    async def _send_changes(self, socket: Socket) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            removed = (self._sent - self._wanted) | self._renewed
            if removed:
                self._renewed.clear()
                self._sent -= removed
                await self._command(socket, "UNSUBSCRIBE", removed)
            added = self._wanted - self._sent
            if added:
                self._sent |= added
                self._asked[self._last_command + 1] = frozenset(added)
                await self._command(socket, "SUBSCRIBE", added)

    async def _probe(self, socket: Socket) -> None:
        """Ask for an answer whenever nothing has come for a while.

        Raises:
            ConnectionError: There was none: nothing goes through the socket any more, though nobody has closed it.
        """
        while True:
            await self._clock.sleep(max(0.0, (self._heard_us - self._clock.now_us()) / 1e6 + SILENT_S))
            if self._clock.now_us() - self._heard_us < SILENT_S * 1e6:
                continue
            frames = self.frames
            await self._command(socket, "LIST_SUBSCRIPTIONS", None)
            await self._clock.sleep(ANSWER_S - COMMAND_PAUSE_S)
            if self.frames == frames:
                raise ConnectionLost(f"no frame for {SILENT_S:g} s, and no answer within {ANSWER_S:g} s")

    async def _command(self, socket: Socket, method: str, streams: set[str] | None) -> None:
        self._last_command += 1
        command: dict[str, object] = {"method": method, "id": self._last_command}
        if streams is not None:
            command["params"] = sorted(streams)
        await socket.send(msgspec.json.encode(command).decode())
        await self._clock.sleep(COMMAND_PAUSE_S)
