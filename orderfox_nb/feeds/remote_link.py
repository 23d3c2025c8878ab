"""The socket to another OrderFox server: every topic's events over ``/api/v1/ws/live``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import Struct

from orderfox_nb.clock import Clock, in_time
from orderfox_nb.core.events import Event, Topic, is_restart
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.symbols import is_venue_name
from orderfox_nb.core.wire import MAX_KEYS, WIRE
from orderfox_nb.feeds.http import checked, short
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.problem_log import ProblemLog
from orderfox_nb.feeds.remote_messages import (
    PlayheadReport,
    RemoteError,
    RemoteEvent,
    RemoteGone,
    RemoteHello,
    RemoteMessage,
    RemotePong,
    RemoteStatus,
    kind_decoder,
    message_decoder,
)
from orderfox_nb.feeds.retry import backoff
from orderfox_nb.feeds.transport import SOCKET_ERRORS, ConnectionLost, Socket, network_reason, open_socket

_log = logging.getLogger(__name__)

MAX_TOPICS: Final = MAX_KEYS - 1
"""Topics of one socket. A server accepts one key more: room for a topic that is being resubscribed."""
MAX_MESSAGE_BYTES: Final = 8_000_000
"""Largest message: a book of 160,000 levels has 3 MB."""
HELLO_S: Final = 10.0
"""How long a server may take to say hello on an open socket."""
MAX_VENUES: Final = 16
"""Largest number of venues of a server."""
_QUIET_S: Final = 45.0
"""The server sends a heartbeat each 15 s: a socket that is silent for longer is dead."""


class LinkLost(Struct, frozen=True):
    """The socket is gone; another one is being tried, and a prelude comes with it."""

    reason: str


class Gone(Struct, frozen=True):
    """The server will send no more of this topic."""

    reason: str

    @property
    def ended(self) -> bool:
        """Whether the stream was at its end, as a replay's is."""
        return self.reason == "The stream has ended"


class Serving(Struct, frozen=True):
    """The run of its venue (``Origin.epoch``) that the server is serving."""

    epoch: str
    prelude: bool
    """Whether a prelude follows, as after a ``hello``; false if a status announced the new run between events."""


class Dropped(Struct, frozen=True):
    """The reader did not keep up."""

    lost: int


RemoteItem: TypeAlias = Event | LinkLost | Gone | Serving | Dropped


_MAX_LIST: Final = 100
_ORIGIN: Final = frozenset(Origin.__struct_fields__)
_UNREAD: Final = ("heartbeat", "frame", "response")


def _bounded(value: object) -> object:
    """Return what a server says of its source as short as such things are: it is kept, and shown."""
    if isinstance(value, list):
        return [_bounded(one) for one in cast("list[object]", value)[:_MAX_LIST]]
    return short(value) if isinstance(value, str) else value if isinstance(value, bool) else ""


async def ask_origins(url: str, *, headers: dict[str, str], clock: Clock) -> Mapping[str, dict[str, Any]]:
    """Return what a server reports about the source of each of its venues, by the venue's name, the first one first.

    Raises:
        ConnectionLost: It does not say.
        OSError: It cannot be reached.
    """
    live = "ws" + url.removeprefix("http") + "/api/v1/ws/live"

    async def first() -> RemoteHello:
        async with open_socket(live, max_bytes=MAX_MESSAGE_BYTES, headers=headers) as socket:
            while True:
                text = await socket.recv()
                if checked(kind_decoder, text).type == "hello":
                    return msgspec.convert(checked(message_decoder, text), RemoteHello)

    hello = await in_time(clock, HELLO_S, first())
    if hello.wire != WIRE:
        raise ConnectionLost(f"it uses protocol version {hello.wire}, this process {WIRE}: update the older one")
    names = [hello.venue, *(name for name in hello.origins if name != hello.venue)][:MAX_VENUES]
    if not all(map(is_venue_name, names)):
        raise ConnectionLost("its hello names no venue")
    reported = {name: hello.origins.get(name, hello.origin) for name in names}
    return {
        name: {field: _bounded(origin[field]) for field in _ORIGIN & origin.keys()} for name, origin in reported.items()
    }


class _Reading:
    """Who reads a topic, and the key of the subscription that they get it by."""

    def __init__(self) -> None:
        self.inboxes: list[Inbox[RemoteItem]] = []
        self.key = ""


class RemoteLink:
    """Holds one socket while any topic is read, and resubscribes on each.

    Args:
        url: Base URL of the server.
        venue: Name of one of the server's venues; its first one if empty.
        headers: Sent with the handshake.
        clock: What delays are measured by.
    """

    def __init__(
        self, url: str, *, venue: str = "", headers: dict[str, str], clock: Clock, random: Random | None = None
    ) -> None:
        self._url = "ws" + url.removeprefix("http") + "/api/v1/ws/live"
        self._asked = venue
        self._headers = headers
        self._clock = clock
        self._random = random
        self._readings: dict[Topic, _Reading] = {}
        self._task: asyncio.Task[None] | None = None
        self._socket: Socket | None = None
        self._keys: dict[str, _Reading] = {}
        """Subscriptions on this socket; messages under any other key are left over from an earlier subscription."""
        self._subscriptions = 0
        self._served = ""
        """The venue that was requested from the server."""
        self._venue = ""
        """The same, once topics can be subscribed."""
        self._commands: asyncio.Queue[Mapping[str, object]] = asyncio.Queue()
        self.stays = False
        """Whether the socket stays open while no topic is read."""
        self.origin: dict[str, Any] = {}
        self.epoch = ""
        """The run of the server's venue; empty while no topic is read, since it may then end unnoticed."""
        self.problem = ""
        self.offset_us = 0
        self.reconnects = 0
        self.frames = 0
        self.malformed = 0
        self._problem_log = ProblemLog(_log, clock)

    @property
    def topics(self) -> Collection[Topic]:
        """The topics read over this socket."""
        return self._readings.keys()

    @asynccontextmanager
    async def read(self, topic: Topic, inbox: Inbox[RemoteItem]) -> AsyncGenerator[None]:
        """Deliver a topic into an inbox while this is open; the last reader's leaving closes the socket."""
        reading = self._readings.setdefault(topic, _Reading())
        reading.inboxes.append(inbox)
        if self._task is None:
            self._open()
        elif self._venue:
            inbox.put_notice(Serving(self.epoch, prelude=True))
            # A second reader needs a prelude of its own; the first one's fold takes it as well.
            self._subscribe(topic)
        try:
            yield
        finally:
            reading.inboxes.remove(inbox)
            if not reading.inboxes:
                del self._readings[topic]
                self._unsubscribe(reading.key)
            if not self._readings and not self.stays:
                await self.close()

    def _open(self) -> None:
        self._task = asyncio.create_task(self._keep_up(), name=f"remote {self._url}")

    def resume(self, topic: Topic) -> None:
        """Ask for a fresh prelude; nothing comes between this and it."""
        if self._venue:
            self._subscribe(topic)

    async def close(self) -> None:
        """Close the socket."""
        task, self._task = self._task, None
        self._venue = self.epoch = ""
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def statistics(self) -> Mapping[str, int]:
        """Return counters of the socket."""
        return {
            "sockets": int(self._socket is not None),
            "streams": len(self._readings),
            "frames": self.frames,
            "reconnects": self.reconnects,
            "malformed": self.malformed,
        }

    async def _keep_up(self) -> None:
        delays = backoff(random=self._random)
        while True:
            reason = ""
            try:
                async with open_socket(self._url, max_bytes=MAX_MESSAGE_BYTES, headers=self._headers) as socket:
                    await self._serve(socket)
            except SOCKET_ERRORS as error:
                _log.info("the socket of %s ended: %r", self._url, error)
                reason = network_reason(error)
            finally:
                # While a socket closes a reader may have come, and opened the next one.
                if self._task is None or self._task is asyncio.current_task():
                    if self._venue:
                        delays = backoff(random=self._random)
                    self._venue = ""
                    self._socket = None
            self.reconnects += 1
            self.problem = f"{self._url} cannot be reached ({reason}); still trying. Is the server running?"
            self._notify(LinkLost(reason))
            delay_s = next(delays)
            _log.info("%s lost (%s), trying again in %.1f s", self._url, reason, delay_s)
            await self._clock.sleep(delay_s)

    async def _serve(self, socket: Socket) -> None:
        self._socket = socket
        self._commands = asyncio.Queue()
        self._keys.clear()
        sender = asyncio.create_task(self._send(socket), name="remote commands")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(HELLO_S) as limit:
                while True:
                    text = await socket.recv()
                    self.frames += 1
                    try:
                        if checked(kind_decoder, text).type not in _UNREAD:
                            await self._handle(checked(message_decoder, text))
                    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                        self.malformed += 1
                        self._problem_log.report("message", f"malformed message from {self._url}: {error}")
                    if self._venue:
                        limit.reschedule(loop.time() + _QUIET_S)
        except TimeoutError:
            raise ConnectionLost(
                f"no message for {_QUIET_S:g} s" if self._venue else f"no hello within {HELLO_S:g} s"
            ) from None
        finally:
            sender.cancel()
            await asyncio.wait({sender})

    async def _send(self, socket: Socket) -> None:
        while True:
            command = await self._commands.get()
            await socket.send(msgspec.json.encode(command).decode())
            # The server takes 50 messages a second.
            await self._clock.sleep(0.025)

    async def _handle(self, message: RemoteMessage) -> None:
        match message:
            case RemoteHello():
                self._handle_hello(message)
            case RemoteStatus(venue, origin) if not venue or venue == self._served:
                before = self.epoch
                self._learn(origin or self.origin)
                if self.epoch != before:
                    self._notify(Serving(self.epoch, prelude=False))
            case RemoteEvent(key, event):
                await self._deliver(key, event)
            case RemoteGone(key, reason):
                for inbox in self._of(key):
                    inbox.put_notice(Gone(short(reason)))
            case RemoteError(reason, key):
                self._problem_log.report("error", f"{self._url}: {short(reason)}")
                if not key:
                    self._refused(short(reason))
                for inbox in self._of(key):
                    inbox.put_notice(Gone(short(reason)))
            case PlayheadReport():
                self._played(message)
            case RemotePong():
                self._answered()
            case RemoteStatus():
                pass  # of another venue of the server

    def _handle_hello(self, hello: RemoteHello) -> None:
        if hello.wire != WIRE:
            raise ConnectionLost(f"it uses protocol version {hello.wire}, this process {WIRE}: update the older one")
        if not is_venue_name(hello.venue):
            raise ConnectionLost("its hello names no venue")
        venue = self._asked or hello.venue
        if venue != hello.venue and venue not in hello.origins:
            raise ConnectionLost(f"it serves no venue {venue} now")
        self._served = venue
        self._learn(hello.origins.get(venue, hello.origin))
        self.offset_us = hello.times.get(venue, hello.time) * 1_000 - self._clock.now_us()
        self.problem = ""
        self._greeted()

    def _greeted(self) -> None:
        """Begin to read, now that the server has said hello."""
        self._venue = self._served
        self._notify(Serving(self.epoch, prelude=True))
        for topic in self._readings:
            self._subscribe(topic)

    def _played(self, report: PlayheadReport) -> None:
        """Hear of a playhead; a link without one does not."""

    def _refused(self, reason: str) -> None:
        """Handle a refusal that belongs to no topic."""

    def _answered(self) -> None:
        """Hear that every message before a ping was acted on."""

    async def _deliver(self, key: str, event: Event) -> None:
        for inbox in self._of(key):
            if is_restart(event):
                inbox.put_notice(event)
            else:
                inbox.put(event)
            if inbox.crowded:
                await inbox.room(2.0)

    def _of(self, key: str) -> list[Inbox[RemoteItem]]:
        reading = self._keys.get(key)
        return list(reading.inboxes) if reading is not None else []

    def _learn(self, origin: dict[str, Any]) -> None:
        self.origin = {name: _bounded(origin[name]) for name in _ORIGIN & origin.keys()}
        self.epoch = str(self.origin.get("epoch") or "")

    def _notify(self, notice: LinkLost | Serving) -> None:
        for reading in self._readings.values():
            for inbox in reading.inboxes:
                inbox.put_notice(notice)

    def _subscribe(self, topic: Topic) -> None:
        """Subscribe to a topic from its prelude on, replacing its current subscription."""
        reading = self._readings[topic]
        before = reading.key
        self._subscriptions += 1
        interval = f"&interval={topic.interval}" if topic.interval else ""
        reading.key = (
            f"{self._venue}/{topic.symbol}/events?channel={topic.channel}{interval}&subscription={self._subscriptions}"
        )
        self._keys[reading.key] = reading
        self._commands.put_nowait({"type": "subscribe", "key": reading.key})
        # Subscribe first: a server without readers may end its venue's run.
        self._unsubscribe(before)

    def _unsubscribe(self, key: str) -> None:
        if self._keys.pop(key, None) is not None:
            self._commands.put_nowait({"type": "unsubscribe", "key": key})
