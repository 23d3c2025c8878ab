"""One socket of a client, with its bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import WSMessage, WSMsgType, web

from orderfox_nb.clock import Clock
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.names import ServedStream


class Conversation(Protocol):
    """The requests of one connection and their answers, as one protocol has them."""

    combined: bool
    """Whether frames are wrapped with their stream's name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The subscribed streams, in the order of subscription."""
        ...

    def answers(self, text: str | bytes) -> Sequence[bytes]:
        """Apply a request and return what to send for it."""
        ...


class StreamConnection:
    """A websocket with a bounded queue of frames and one task that writes them.

    A socket that is not read fills its own queue and is then dropped; no other connection waits for it.
    """

    def __init__(
        self,
        number: int,
        root: str,
        subscriptions: Conversation,
        socket: web.WebSocketResponse,
        *,
        parse: Callable[[str], ServedStream | None],
        limits: Limits,
        clock: Clock,
    ) -> None:
        self.number = number
        self.root = root
        self.subscriptions = subscriptions
        self.opened_s = time.monotonic()
        self.frames = 0
        self.stalled = False
        """Has not read for so long that a tape no longer waits for it."""
        self._parse = parse
        self._socket = socket
        self._limits = limits
        self._clock = clock
        self._queue: deque[tuple[bytes, WSMsgType]] = deque()
        self._queued_bytes = 0
        self._ready = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._incoming_us: deque[int] = deque()
        self._resume_us = 0
        self._heard_s = self.opened_s
        """When anything was last sent or received."""
        self._pinged_s = self.opened_s
        self._ponged_s = self.opened_s
        self.closing = False
        self.half_open = False
        """Open without any traffic."""

    def delivered(self) -> dict[str, ServedStream]:
        """Return the streams that this connection receives, by name."""
        found = ((text, self._parse(text)) for text in self.subscriptions.names)
        return {text: name for text, name in found if name is not None}

    def send(self, payload: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        """Queue a frame; a full queue drops the connection."""
        if self.closing or self.half_open:
            return
        self._queue.append((payload, kind))
        self._queued_bytes += len(payload)
        if len(self._queue) > self._limits.queued_frames or self._queued_bytes > self._limits.queued_bytes:
            self.cut()
            return
        self._ready.set()
        self._drained.clear()

    def hold(self, seconds: float) -> None:
        """Delay everything that is queued from now on."""
        self._resume_us = max(self._resume_us, self._clock.now_us() + round(seconds * 1e6))

    def cut(self) -> None:
        """Drop the connection without a close frame, as a broken network does."""
        self.closing = True
        self._queue.clear()
        self._drained.set()
        self._ready.set()
        request = self._socket._req  # pyright: ignore[reportPrivateUsage]  # aiohttp has no public way to abort a websocket
        if request is not None and request.transport is not None:
            request.transport.abort()

    @property
    def behind(self) -> bool:
        """Whether frames wait for the socket."""
        return not self._drained.is_set()

    @property
    def held(self) -> bool:
        """Whether a fault makes its frames wait."""
        return self._resume_us > self._clock.now_us()

    async def drained(self) -> None:
        """Wait until every queued frame was handed to the operating system."""
        await self._drained.wait()

    async def write(self) -> None:
        """Write queued frames until the connection closes."""
        # An aborted transport shows as a reset; the reading side ends the connection.
        with contextlib.suppress(ConnectionError, RuntimeError):
            while not self.closing:
                await self._ready.wait()
                while self._queue:
                    if (wait_us := self._resume_us - self._clock.now_us()) > 0:
                        await self._clock.sleep(wait_us / 1e6)
                        continue
                    payload, kind = self._queue.popleft()
                    self._queued_bytes -= len(payload)
                    self.frames += 1
                    self._heard_s = time.monotonic()
                    await self._socket.send_frame(payload, kind)
                self._ready.clear()
                self._drained.set()
        self._drained.set()

    def incoming(self, message: WSMessage) -> bool:
        """Count a message; ``False`` when it exceeds the limit of a second."""
        if message.type is WSMsgType.PONG:
            self._ponged_s = time.monotonic()
        self._heard_s = time.monotonic()
        now_us = self._clock.now_us()
        self._incoming_us.append(now_us)
        while self._incoming_us[0] <= now_us - 1_000_000:
            self._incoming_us.popleft()
        return len(self._incoming_us) <= self._limits.messages_per_second

    async def keep(self) -> None:
        """Ping by the clock; ends when the connection has to: after its 24 h, without a pong, or when it is silent."""
        limits = self._limits
        while True:
            now = time.monotonic()
            end_s = min(
                self.opened_s + limits.connection_s,
                self._ponged_s + limits.ping_s + limits.pong_s,
                self._heard_s + limits.idle_s,
            )
            if now >= end_s:
                return
            if now >= self._pinged_s + limits.ping_s:
                self._pinged_s = now
                self.send(str(time.time_ns() // 1_000_000).encode(), WSMsgType.PING)
            await asyncio.sleep(max(0.01, min(self._pinged_s + limits.ping_s, end_s) - now))

    def statistics(self) -> dict[str, object]:
        """Return the counters of a connection for ``/sim/statistics``."""
        return {
            "connection": self.number,
            "root": self.root,
            "streams": list(self.subscriptions.names),
            "frames": self.frames,
            "queued": len(self._queue),
        }
