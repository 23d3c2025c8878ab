"""All sockets of one root: streams spread over them, each kept up and renewed before the venue cuts it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Event
from orderfox_nb.feeds.binance.connection import Connection
from orderfox_nb.feeds.binance.handover import Route
from orderfox_nb.feeds.binance.items import Item, Live, Silent, Speaking
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.retry import backoff
from orderfox_nb.feeds.transport import SOCKET_ERRORS, network_reason
from orderfox_nb.feeds.troubles import Troubles

_log = logging.getLogger(__name__)

STREAMS_PER_SOCKET: Final = 200
ROTATE_AFTER_S: Final = 23.5 * 3600
OVERLAP_S: Final = 10.0
"""How long two sockets carry the same streams at most while one takes over from the other."""

_RHYTHM: Final = "@markPrice@1s"
_SILENT_LOOKS: Final = 3
"""Half seconds without a frame, beside a stream that speaks each second."""

RENEWALS: Final = 2
"""A stream that stays silent after so many is tried on another socket."""

GOOD_AGE_S: Final = 30.0
"""A socket that lived so long was a good one: the next failure is tried again soon."""


class StreamSockets:
    """Delivers streams of one root to inboxes, over as many sockets as they need.

    Args:
        url: Address of the combined stream, ``wss://…/public/stream``.
        clock: What delays, pacing and rotation are measured by.
        report: Told the error when the root cannot be reached, and ``None`` when it can.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        report: Callable[[BaseException | None], None] = lambda _: None,
        rotate_after_s: float = ROTATE_AFTER_S,
        per_socket: int = STREAMS_PER_SOCKET,
        random: Random | None = None,
    ) -> None:
        self._url = url
        self._clock = clock
        self._report = report
        self._rotate_after_s = rotate_after_s
        self._per_socket = per_socket
        self._random = random
        self._lines: list[_Line] = []
        self._closed_frames = 0
        self.reconnects = 0
        self.rotations = 0
        self.malformed = 0

    @asynccontextmanager
    async def read(self, stream: str, inbox: Inbox[Item]) -> AsyncGenerator[None]:
        """Deliver a stream into an inbox for as long as this is open; the last reader's leaving unsubscribes."""
        line = next((line for line in self._lines if stream in line.routes), None) or self._line_with_room()
        route = line.add(stream)
        route.readers.append(inbox)
        if route.live:
            inbox.put_notice(Live())
        try:
            yield
        finally:
            route.readers.remove(inbox)
            if not route.readers:
                line.remove(stream)
                if not line.routes:
                    self._lines.remove(line)
                    await line.close()
                    self._closed_frames += line.frames

    async def close(self) -> None:
        """Close every socket."""
        lines, self._lines = self._lines, []
        for line in lines:
            await line.close()

    def live(self, stream: str) -> bool:
        """Tell whether the venue has acknowledged a stream on a socket that lives."""
        return any(stream in line.routes and line.routes[stream].live for line in self._lines)

    def renew(self, stream: str) -> None:
        """Subscribe to a stream once more: it is silent although its socket lives."""
        for line in self._lines:
            line.renew(stream)

    def check_silence(self) -> None:
        """Look for sockets on which nothing comes although something should each second; called each half second."""
        for line in self._lines:
            line.check_silence()

    def move(self, url: str) -> None:
        """Connect to another address from the next attempt on."""
        self._url = url
        for line in self._lines:
            line.url = url

    def statistics(self) -> Mapping[str, int]:
        """Return counters of sockets and frames."""
        return {
            "sockets": sum(line.open_sockets for line in self._lines),
            "streams": sum(len(line.routes) for line in self._lines),
            "frames": self._closed_frames + sum(line.frames for line in self._lines),
            "reconnects": self.reconnects,
            "rotations": self.rotations,
            "malformed": self.malformed,
        }

    def _line_with_room(self) -> _Line:
        for line in self._lines:
            if len(line.routes) < self._per_socket:
                return line
        line = _Line(
            self,
            self._url,
            clock=self._clock,
            rotate_after_s=self._rotate_after_s,
            random=self._random,
            report=self._report,
        )
        self._lines.append(line)
        return line


class _Line:
    """One socket's worth of streams and the task that keeps a connection under them."""

    def __init__(
        self,
        owner: StreamSockets,
        url: str,
        *,
        clock: Clock,
        rotate_after_s: float,
        random: Random | None,
        report: Callable[[BaseException | None], None],
    ) -> None:
        self._owner = owner
        self.url = url
        self._clock = clock
        self._rotate_after_s = rotate_after_s
        self._random = random
        self._report = report
        self.routes: dict[str, Route] = {}
        self._troubles = Troubles(_log, clock)
        self._tasks: dict[Connection, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._rotate = asyncio.Event()
        self._past_frames = 0
        self._past_data_frames = 0
        self._looked_frames = 0
        self._still = 0
        self._silent = False

    @property
    def open_sockets(self) -> int:
        return sum(connection.opened_us > 0 for connection in self._tasks)

    @property
    def frames(self) -> int:
        return self._past_frames + sum(connection.frames for connection in self._tasks)

    @property
    def data_frames(self) -> int:
        """Frames that are no answer to a command: a socket may acknowledge all that is asked and send nothing."""
        return self._past_data_frames + sum(connection.data_frames for connection in self._tasks)

    def add(self, stream: str) -> Route:
        """Carry a stream, from now on."""
        route = self.routes.get(stream)
        if route is None:
            route = self.routes[stream] = Route()
            for connection in self._tasks:
                connection.subscribe(stream)
        if self._task is None:
            self._task = asyncio.create_task(self._keep_up(), name=f"binance line {self.url}")
        return route

    def remove(self, stream: str) -> None:
        """Carry a stream no longer."""
        del self.routes[stream]
        for connection in self._tasks:
            connection.unsubscribe(stream)

    def renew(self, stream: str) -> None:
        """Subscribe once more; where that was of no use, on a new socket that takes over from this one."""
        route = self.routes.get(stream)
        if route is None:
            return
        route.renewals += 1
        if route.renewals > RENEWALS and not route.passing:
            route.renewals = 0
            self._rotate.set()
            return
        for connection in self._tasks:
            connection.renew(stream)

    def check_silence(self) -> None:
        """Count for how long nothing has come, where a mark price comes each second."""
        if self.data_frames != self._looked_frames or not any(
            route.live for name, route in self.routes.items() if name.endswith(_RHYTHM)
        ):
            self._still, self._looked_frames = 0, self.data_frames
            if self._silent:
                self._silent = False
                for route in self.routes.values():
                    if route.live:
                        route.tell(Speaking())
            return
        self._still += 1
        if self._still >= _SILENT_LOOKS and not self._silent:
            self._silent = True
            for route in self.routes.values():
                route.tell(Silent("nothing comes on the whole socket"))

    async def close(self) -> None:
        """End the socket and its tasks."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # What a Connection tells.

    def subscribed(self, connection: Connection, streams: frozenset[str]) -> None:
        self._report(None)
        for stream in streams:
            if (route := self.routes.get(stream)) is not None:
                route.open(connection)

    def arrived(self, connection: Connection, stream: str, event: Event) -> Inbox[Item] | None:
        route = self.routes.get(stream)
        return route.handle(connection, event) if route is not None else None

    def malformed(self, stream: str, reason: str) -> None:
        self._owner.malformed += 1
        # A stream of another name is none of ours, and may have any name.
        of = stream if stream in self.routes else self.url
        self._troubles.report(of, f"{reason} on {of}")
        for name, route in self.routes.items():
            if name == stream or not stream:
                route.malformed(reason)

    # The life of its sockets.

    def _open(self) -> Connection:
        connection = Connection(self.url, clock=self._clock, listener=self, streams=set(self.routes))
        self._tasks[connection] = asyncio.create_task(connection.run(), name=f"binance socket {self.url}")
        return connection

    async def _end(self, connection: Connection) -> None:
        task = self._tasks.pop(connection, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            self._past_frames += connection.frames
            self._past_data_frames += connection.data_frames

    async def _keep_up(self) -> None:
        delays = backoff(random=self._random)
        try:
            while True:
                last, error = await self._serve(self._open())
                reason = reason_of(error)
                if last.opened_us and self._clock.now_us() - last.opened_us > GOOD_AGE_S * 1e6:
                    delays = backoff(random=self._random)
                if not last.acknowledged:
                    self._report(error)
                await self._end(last)
                self._owner.reconnects += 1
                for route in self.routes.values():
                    route.lose(last, reason)
                delay_s = next(delays)
                _log.info("%s lost (%s), trying again in %.1f s", self.url, reason, delay_s)
                await self._clock.sleep(delay_s)
        finally:
            for connection in list(self._tasks):
                await self._end(connection)

    async def _serve(self, current: Connection) -> tuple[Connection, BaseException]:
        """Keep a connection, and replace it by a younger one in time; returns the last one and why it ended."""
        wait_s = self._rotate_after_s
        while not await self._ends_within(wait_s, current, unless=self._rotate):
            self._rotate.clear()
            successor = self._open()
            for route in self.routes.values():
                route.expect(successor)
            await self._ends_within(OVERLAP_S, current, successor)
            if not self._tasks[successor].done() and set(self.routes) <= successor.acknowledged:
                for route in self.routes.values():
                    route.end(current)
                await self._end(current)
                current, wait_s = successor, self._rotate_after_s
                self._owner.rotations += 1
            else:
                for route in self.routes.values():
                    route.give_up(successor)
                await self._end(successor)
                wait_s = OVERLAP_S
        return current, self._tasks[current].exception() or ConnectionError("the socket has ended")

    async def _ends_within(self, seconds: float, *connections: Connection, unless: asyncio.Event | None = None) -> bool:
        """Wait for a duration, an event or the end of any of the connections; tells whether one has ended."""
        waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._clock.sleep(seconds))}
        if unless is not None:
            waiting.add(asyncio.ensure_future(unless.wait()))
        tasks = {self._tasks[connection] for connection in connections}
        try:
            await asyncio.wait(waiting | tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiting:
                waiter.cancel()
            await asyncio.wait(waiting)
        return any(task.done() for task in tasks)


def reason_of(error: BaseException) -> str:
    """Return why a socket ended, in words for a person."""
    if not isinstance(error, SOCKET_ERRORS):
        _log.error("a socket's task failed", exc_info=error)
        return "the connection failed inside this server; its log has more"
    _log.info("a socket ended: %r", error)
    return network_reason(error)
