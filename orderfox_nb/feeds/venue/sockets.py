"""All sockets of one root: spreads streams over them, keeps each connected and renews it before the venue closes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Event
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.problem_log import ProblemLog
from orderfox_nb.feeds.retry import backoff
from orderfox_nb.feeds.transport import SOCKET_ERRORS, network_reason
from orderfox_nb.feeds.venue.connection import VenueConnection
from orderfox_nb.feeds.venue.dialect import Dialect
from orderfox_nb.feeds.venue.handover import Route
from orderfox_nb.feeds.venue.items import Item, Live, Resumed, Silent
from orderfox_nb.feeds.venue.neighbours import TICK_S

_log = logging.getLogger(__name__)

OVERLAP_S: Final = 10.0
"""Longest time for which two sockets carry the same streams while one takes over from the other."""

_SILENT_CHECKS: Final = 3
"""Half seconds without a frame, beside a stream that speaks each second."""

RENEWALS: Final = 2
"""A stream that stays silent after this many is tried on another socket."""

GOOD_AGE_S: Final = 30.0
"""A socket that stayed open for this long was healthy: the next failure is retried soon."""


class StreamSockets:
    """Delivers streams of one root to inboxes, over as many sockets as they need.

    Args:
        url: Address of the sockets.
        dialect: The venue's protocol on these sockets.
        clock: Measures delays, pacing and rotation.
        prepare: Called with streams before they are subscribed to: what their frames are read by is loaded.
        report: Called with the error when the root cannot be reached, and with ``None`` when it can.
    """

    def __init__(
        self,
        url: str,
        dialect: Dialect,
        *,
        clock: Clock,
        prepare: Callable[[Collection[str]], Awaitable[None]] | None = None,
        report: Callable[[BaseException | None], None] = lambda _: None,
        rotate_after_s: float | None = None,
        per_socket: int | None = None,
        random: Random | None = None,
    ) -> None:
        self._url = url
        self.dialect = dialect
        self._clock = clock
        self.prepare = prepare
        self._report = report
        self._rotate_after_s = rotate_after_s or dialect.limits.age_s
        self._per_socket = per_socket or dialect.limits.streams
        self._random = random
        self._lines: list[_Line] = []
        self._closed_frames = 0
        self.reconnects = 0
        self.rotations = 0
        self.malformed = 0

    @asynccontextmanager
    async def read(
        self, stream: str, inbox: Inbox[Item], *, takes: Callable[[Event], bool] | None = None
    ) -> AsyncGenerator[None]:
        """Deliver a stream into an inbox for as long as this is open; the last reader's leaving unsubscribes.

        Args:
            takes: Returns whether an event is the reader's, of a stream that is shared.
        """
        line = next((line for line in self._lines if stream in line.routes), None) or self._line_with_room()
        route = line.add(stream)
        route.readers.append(inbox)
        if takes is not None:
            route.takes[inbox] = takes
        if route.live:
            inbox.put_notice(Live(fresh=False))
        try:
            yield
        finally:
            route.readers.remove(inbox)
            route.takes.pop(inbox, None)
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
        """Return whether the venue has acknowledged a stream on an open socket."""
        return any(stream in line.routes and line.routes[stream].live for line in self._lines)

    def renew(self, stream: str) -> None:
        """Subscribe to a stream again: it is silent although its socket lives."""
        for line in self._lines:
            line.renew(stream)

    def check_silence(self) -> None:
        """Check for sockets that are silent although an event is due each second; called each half second."""
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
        self._problem_log = ProblemLog(_log, clock)
        self._tasks: dict[VenueConnection, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._rotate = asyncio.Event()
        self._past_frames = 0
        self._past_data_frames = 0
        self._checked_frames = 0
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
        """Frames other than answers to commands: a socket may acknowledge every command and still send no data."""
        return self._past_data_frames + sum(connection.data_frames for connection in self._tasks)

    def add(self, stream: str) -> Route:
        """Add a stream to this socket."""
        route = self.routes.get(stream)
        if route is None:
            route = self.routes[stream] = Route(unbroken=self._owner.dialect.unbroken_trades)
            for connection in self._tasks:
                connection.subscribe(stream)
        if self._task is None:
            self._task = asyncio.create_task(self._keep_up(), name=f"venue line {self.url}")
        return route

    def remove(self, stream: str) -> None:
        """Remove a stream from this socket."""
        del self.routes[stream]
        for connection in self._tasks:
            connection.unsubscribe(stream)

    def renew(self, stream: str) -> None:
        """Subscribe again; if that did not help, on a new socket that takes over from this one."""
        route = self.routes.get(stream)
        if route is None:
            return
        route.renewals += 1
        route.renewed = True
        if route.renewals > RENEWALS and not route.passing:
            route.renewals = 0
            self._rotate.set()
            return
        for connection in self._tasks:
            connection.renew(stream)

    def check_silence(self) -> None:
        """Count how long the socket has been silent, if it has a heartbeat stream that sends each second."""
        if self.data_frames != self._checked_frames or not any(
            route.live for name, route in self.routes.items() if self._owner.dialect.is_heartbeat(name)
        ):
            self._still, self._checked_frames = 0, self.data_frames
            if self._silent:
                self._silent = False
                for route in self.routes.values():
                    if route.live:
                        route.notify(Resumed())
            return
        self._still += 1
        if self._still >= _SILENT_CHECKS and not self._silent:
            self._silent = True
            # The last frame came before the first of the checks.
            silent = Silent("nothing comes on the whole socket", silent_us=round((self._still + 1) * TICK_S * 1e6))
            for route in self.routes.values():
                route.notify(silent)

    async def close(self) -> None:
        """End the socket and its tasks."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # Called by the connection (``Listener``).

    def subscribed(self, connection: VenueConnection, streams: frozenset[str]) -> None:
        self._report(None)
        for stream in streams:
            if (route := self.routes.get(stream)) is not None:
                route.open(connection)

    def arrived(self, connection: VenueConnection, stream: str, event: Event) -> Inbox[Item] | None:
        route = self.routes.get(stream)
        return route.handle(connection, event) if route is not None else None

    def refused(self, stream: str, reason: str) -> None:
        self._problem_log.report(stream, f"{stream}: {reason}")
        if (route := self.routes.get(stream)) is not None:
            route.refuse(reason)

    def malformed(self, stream: str, reason: str) -> None:
        self._owner.malformed += 1
        # A stream with an unknown name was not requested; its name may be anything.
        of = stream if stream in self.routes else self.url
        self._problem_log.report(of, f"{reason} on {of}")
        for name, route in self.routes.items():
            if name == stream or not stream:
                route.malformed(reason)

    # Lifetime of the sockets.

    def _open(self) -> VenueConnection:
        connection = VenueConnection(
            self.url,
            self._owner.dialect,
            clock=self._clock,
            listener=self,
            streams=set(self.routes),
            prepare=self._owner.prepare,
        )
        self._tasks[connection] = asyncio.create_task(connection.run(), name=f"venue socket {self.url}")
        return connection

    async def _end(self, connection: VenueConnection) -> None:
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
                silent_us = self._clock.now_us() - last.heard_us if last.heard_us else 0
                for route in self.routes.values():
                    route.disconnect(last, reason, silent_us=silent_us)
                delay_s = next(delays)
                _log.info("%s lost (%s), trying again in %.1f s", self.url, reason, delay_s)
                await self._clock.sleep(delay_s)
        finally:
            for connection in list(self._tasks):
                await self._end(connection)

    async def _serve(self, current: VenueConnection) -> tuple[VenueConnection, BaseException]:
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

    async def _ends_within(
        self, seconds: float, *connections: VenueConnection, unless: asyncio.Event | None = None
    ) -> bool:
        """Wait for a duration, an event or the end of any of the connections; returns whether one has ended."""
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
    """Return a readable reason why a socket ended."""
    if not isinstance(error, SOCKET_ERRORS):
        _log.error("a socket's task failed", exc_info=error)
        return "the connection failed inside this server; its log has more"
    _log.info("a socket ended: %r", error)
    return network_reason(error)
