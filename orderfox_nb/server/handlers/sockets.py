# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""Base of all WebSockets: early errors, heartbeats, pings, bounded writes, a clean close."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Callable, Collection
from decimal import Decimal
from time import monotonic
from typing import Any, Final, cast

import msgspec
from jupyter_server.base.websocket import WebSocketMixin
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol

from orderfox_nb.core.events import Topic
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.reader import EventReader, SlowReader
from orderfox_nb.errors import BadValue, FeedError, InputError, OrderFoxError, TooManyFrames
from orderfox_nb.server.frame_limit import counted
from orderfox_nb.server.handlers.base import MarketHandler, RequestRefused
from orderfox_nb.server.handlers.writing import MessageWriter, Peer, Stalled, limit_unsent
from orderfox_nb.server.limits import RateLimit
from orderfox_nb.server.request_log import logged_path

_log = logging.getLogger("orderfox_nb.server.sockets")

BAD_INPUT: Final = 4000
TOO_SLOW: Final = 4008
TRY_LATER: Final = 1013
POLICY: Final = 1008
MAX_MESSAGE_LENGTH: Final = 4096
PING_S: Final = 30.0
"""Interval of pings; a peer that does not answer for as long is disconnected."""
MAX_MESSAGES_PER_S: Final = 50
MAX_LEFT_OUT: Final = 500
"""Messages beyond its rate after which a reader is closed."""
COSTLY_PER_S: Final = 10
"""Changes of parameters and questions, which the server has to work for."""
_MAX_REASON: Final = 123


class MarketSocket(WebSocketMixin, MarketHandler, WebSocketHandler):  # type: ignore[misc]
    """Base of our WebSockets.

    ``serve`` runs in one task for as long as the socket is open; whatever it raises is sent to the reader in a message
    and in the close code. Writes wait for the reader's socket, so nothing piles up behind a reader that stalls, and
    its messages are not read meanwhile.
    """

    _task: asyncio.Task[None] | None = None
    _beat: asyncio.TimerHandle | None = None
    _placed = False

    @property
    def max_message_size(self) -> int:
        return MAX_MESSAGE_LENGTH

    # Tornado pings in seconds; Jupyter's mixin counts the same settings in milliseconds and pings again.
    @property
    def ping_interval(self) -> float:  # type: ignore[override]
        return PING_S

    @property
    def ping_timeout(self) -> float:  # type: ignore[override]
        return PING_S

    async def prepare(self) -> None:  # type: ignore[override]
        await MarketHandler.prepare(self)
        if self.request.method == "GET" and self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise RequestRefused(400, "This is a WebSocket endpoint: connect with ws:// or wss://")

    def check_origin(self, origin: str | None = None) -> bool:  # type: ignore[override]
        if self.service.standalone:
            # Jupyter's own check would log every attempt of every page that tries again.
            given = origin or self.get_origin()
            return self.skip_check_origin() or self.service.admits_origin(given, self.request.host)
        if self.listed_origin() is not None or WebSocketMixin.check_origin(self, origin):
            return True
        self.service.note_refused_origin(str(self.get_origin()), self.request.host)
        return False

    async def get(self, *args: Any, **kwargs: Any) -> None:
        await WebSocketHandler.get(self, *args, **kwargs)

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        client, service = self.request.remote_ip or "", self.service
        return counted(
            super().get_websocket_protocol(),
            now_s=service.now_s,
            refuses=lambda: self._limited and service.frames.wait_s(client) > 0,
        )

    def open(self, *args: str | None, **_kwargs: Any) -> None:  # type: ignore[override]
        self.set_nodelay(True)
        loop = asyncio.get_running_loop()
        self._opened_s = monotonic()
        self._writer = MessageWriter(cast("Peer | None", self.ws_connection))
        self._writing = 0
        self._rate = RateLimit(burst=MAX_MESSAGES_PER_S, per_s=MAX_MESSAGES_PER_S, now_s=self.service.now_s)
        self._costly = RateLimit(burst=COSTLY_PER_S, per_s=COSTLY_PER_S, now_s=self.service.now_s)
        self._left_out = 0
        limit_unsent(self.ws_connection)
        self._client = self.request.remote_ip or ""
        self._computations = self.service.computations
        if full := self.service.slots.reserve(self._client):
            self._task = asyncio.create_task(self._reject(full), name=f"refused {self.correlation}")
            return
        self._placed = True
        self.service.sockets.add(self)
        self.service.metrics.sockets.labels(self.route).inc()
        _log.debug("id=%s socket=%s path=%s open", self.correlation, self.route, self.request.path)
        self._beat = loop.call_later(self.service.heartbeat_s, self._heartbeat)
        self._task = asyncio.create_task(self._run(*args), name=f"socket {self.route} {self.correlation}")

    async def serve(self, *args: str | None) -> None:
        """Send what the reader asked for until it leaves.

        Raises:
            OrderFoxError: What was requested cannot be sent.
        """
        raise NotImplementedError

    async def handle_message(self, message: dict[str, Any]) -> None:
        """Act on a message of the reader that is not a ping.

        Raises:
            OrderFoxError: The message cannot be handled; the reader gets the error and the socket stays open.
        """
        await self.send_problem(f"Unknown message type {str(message.get('type'))[:40]!r}")

    async def send(self, text: bytes, *, timeout_s: float | None = None) -> None:
        """Write one text message and wait until the network took it.

        Args:
            text: The message.
            timeout_s: How long it may take; without a limit where only the newest frame waits behind it.

        Raises:
            WebSocketClosedError: The reader has left.
            Stalled: The reader took nothing within the limit.
        """
        if (written := self.write_now(text)) is not None:
            await self.until_taken(written, timeout_s=timeout_s)

    @property
    def write_now(self) -> Callable[[bytes], asyncio.Future[None] | None]:
        """Writes one text message; see ``MessageWriter.write``."""
        return self._writer.write

    @property
    def crowded(self) -> Collection[str]:
        """Clients with more readers than their share; see ``Computations.crowded``."""
        return self._computations.crowded

    async def until_taken(self, written: asyncio.Future[None], *, timeout_s: float | None = None) -> None:
        """Wait until the network took a message.

        Raises:
            WebSocketClosedError: The reader has left.
            Stalled: The reader took nothing within the limit.
        """
        self._writing += 1
        try:
            await asyncio.wait((written,), timeout=timeout_s)
        finally:
            self._writing -= 1
        if not written.done():
            raise Stalled(timeout_s)
        try:
            written.result()
        except StreamClosedError:
            raise WebSocketClosedError from None

    @contextlib.asynccontextmanager
    async def frames(self, desk: Desk, key: FrameKey, *, admitted: bool = False) -> AsyncGenerator[FrameReader]:
        """Read the frames of a key on this reader's account.

        Args:
            desk: Computes them.
            key: As it was requested.
            admitted: Whether ``admit_key`` has let it in.

        Raises:
            OrderFoxError: They cannot be sent, or not to this reader.
        """
        key = await self.computed_key(desk, key)
        if not admitted:
            self.admit_key(key)
        for topic in desk.topics(key):
            self.admit_topic(desk, topic)
        with self.service.computations.reading(self._client, key):
            async with desk.frames(key) as reader:
                yield reader

    async def computed_key(self, desk: Desk, key: FrameKey) -> FrameKey:
        """Return the key that is computed for this reader: strangers share the row heights that are offered."""
        return await desk.resolved(key, offered=self.service.public and not self._has_our_token())

    def admit_key(self, key: FrameKey) -> None:
        """Check that this reader may have a key computed.

        Raises:
            TooManyFrames: It has too many, or there are too many in all.
        """
        self.service.computations.admit(self._client, key, trusted=self._has_our_token())

    def admit_topic(self, desk: Desk, topic: Topic) -> None:
        """Check that this reader may open a topic that has no readers; one of a recording costs a venue nothing.

        Raises:
            TooManyFrames: Its client has opened too many lately.
        """
        if desk.hub.state(topic) is None and self._limited and not desk.origin.recorded:
            self.service.new_topics.open(self._client, topic)

    @contextlib.asynccontextmanager
    async def events(self, desk: Desk, topic: Topic) -> AsyncGenerator[EventReader]:
        """Read the events of a topic on this reader's account.

        Raises:
            OrderFoxError: They cannot be sent, or not to this reader.
        """
        self.admit_topic(desk, topic)
        with self.service.event_readers.reading(self._client, trusted=not self._limited):
            async with desk.events(topic) as reader:
                yield reader

    def pause_s(self) -> float:
        """Return how long this reader waits after a frame: its client has more of them than its share."""
        pause_s = self._computations.pause_s(self._client)
        return pause_s if pause_s and not self._has_our_token() else 0.0

    async def pace(self) -> None:
        """Wait after a frame where this reader's client has more of them than its share."""
        if pause_s := self.pause_s():
            await asyncio.sleep(pause_s)

    async def send_message(self, **fields: Any) -> None:
        """Write one message of fields."""
        await self.send(msgspec.json.encode(fields))

    async def send_problem(self, text: str, **fields: Any) -> None:
        """Send an error message; the socket stays open."""
        await self.send_message(type="error", message=text, **fields)

    async def on_message(self, message: str | bytes) -> None:  # type: ignore[override]
        # Awaited by tornado before it reads on: a reader that does not take its answers is not read either.
        with contextlib.suppress(WebSocketClosedError):
            if not self._placed:
                return
            if exceeded := self._exceeded_rate():
                await self._leave_out(exceeded)
                return
            parsed = parse_message(message)
            if parsed is None:
                await self.send_problem("Expected a JSON object")
            elif parsed.get("type") == "ping":
                await self.send(b'{"type":"pong"}')
            else:
                try:
                    await self.handle_message(parsed)
                except OrderFoxError as error:
                    await self.send_problem(str(error))

    def on_close(self) -> None:
        super().on_close()
        if self._beat is not None:
            self._beat.cancel()
        if self._task is None:
            return
        self._task.cancel()
        if not self._placed:
            return
        self.service.slots.release(self._client)
        self.service.sockets.discard(self)
        self.service.metrics.sockets.labels(self.route).dec()
        self.service.metrics.messages.labels(self.route).inc(self._writer.messages)
        seconds = monotonic() - self._opened_s
        self._note(
            "id=%s socket=%s path=%s code=%s sent=%d s=%.1f remote=%s",
            *(self.correlation, self.route, logged_path(self.request.path), self.close_code),
            *(self._writer.messages, seconds, self.request.remote_ip),
        )

    def _note(self, message: str, *values: object) -> None:
        self.service.request_log.write(_log, logging.INFO, message, *values)

    async def ended(self) -> None:
        """Wait until the socket's task has left."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self, *args: str | None) -> None:
        try:
            with contextlib.suppress(WebSocketClosedError):
                try:
                    await self.serve(*args)
                    self.close(1001, "the stream has ended")
                except (SlowReader, Stalled) as error:
                    self.service.metrics.closed_slow.inc()
                    await self._refuse(TOO_SLOW, str(error))
                except InputError as error:
                    await self._refuse(BAD_INPUT, str(error))
                except (FeedError, TooManyFrames) as error:
                    await self._refuse(TRY_LATER, str(error))
        except Exception:  # noqa: BLE001  (no caller awaits this task: log it and close the socket)
            _log.exception("id=%s socket=%s failed", self.correlation, self.route)
            self.close(1011, f"the server failed, see {self.correlation} in its log")

    async def _refuse(self, code: int, text: str) -> None:
        if code != TOO_SLOW:
            await self.send_problem(text)
        self.close(code, cut_reason(text))

    def _heartbeat(self) -> None:
        loop = asyncio.get_running_loop()
        quiet_s = monotonic() - self._writer.wrote_s
        wait_s = self.service.heartbeat_s - quiet_s
        if wait_s <= 0:
            wait_s = self.service.heartbeat_s
            # A stalled reader gets none: it would only wait behind what is already being written.
            if not self._writing and self.ws_connection is not None:
                self._writer.wrote_s = monotonic()
                with contextlib.suppress(WebSocketClosedError):
                    self.write_message(b'{"type":"heartbeat"}')
        self._beat = loop.call_later(wait_s, self._heartbeat)

    def _exceeded_rate(self) -> str:
        """Count a message; returns the rate beyond which it is, otherwise nothing."""
        if self._rate.wait_s():
            return f"{MAX_MESSAGES_PER_S} messages in a second"
        messages = self.service.messages
        if self._limited and messages.wait_s(self._client):
            return f"{messages.per_s} messages in a second over all sockets of a client"
        return ""

    async def _leave_out(self, exceeded: str) -> None:
        """Report once, not for each message: answers to a flood must not be a flood."""
        self._left_out += 1
        if self._left_out == 1:
            self._note("id=%s remote=%s more than %s", self.correlation, self._client, exceeded)
            await self.send_problem(f"More than {exceeded}: some were left out")
        elif self._left_out > MAX_LEFT_OUT:
            self.close(POLICY, f"more than {exceeded}")

    async def _reject(self, why: str) -> None:
        self.service.metrics.refused.inc()
        with contextlib.suppress(WebSocketClosedError):
            await self._refuse(TRY_LATER, why)

    def check_cost(self, what: str) -> None:
        """Take a permit for something that the server has to work for.

        Raises:
            BadValue: There were too many within a second.
        """
        if self._costly.wait_s():
            raise BadValue(what, "too often", f"at most {COSTLY_PER_S} a second")


def parse_message(message: str | bytes) -> dict[str, Any] | None:
    """Read a message, text or binary; ``None`` where it is not a JSON object. Fractions stay exact decimals."""
    try:
        if isinstance(message, bytes):
            message = message.decode()
        parsed: object = json.loads(message, parse_float=Decimal, parse_constant=_no_constant)
        if "\\u" in message:
            # Half a surrogate pair can be escaped and is not text: what quotes it could not be sent.
            json.dumps(parsed, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError, ArithmeticError):
        return None
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def cut_reason(text: str) -> str:
    """Shorten a closing reason to the 123 bytes that a close frame has room for."""
    encoded = text.encode()
    if len(encoded) <= _MAX_REASON:
        return text
    return encoded[: _MAX_REASON - 3].decode(errors="ignore") + "…"
