"""A recorded time of another server: one socket with a playhead of its own, which the server plays for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from random import Random
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from orderfox_nb.clock import Clock, in_time
from orderfox_nb.core.events import Event, Status, Topic, is_restart
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import NoPast, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import Past, PastPage, Span
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.remote_link import Gone, RemoteLink
from orderfox_nb.feeds.remote_messages import PlayheadReport

_ANSWER_S: Final = 20.0
"""How long the server may take to act on a command."""
_MAX: Final = float("inf")


class PlayheadLink(RemoteLink):
    """Asks the server for a playhead before it subscribes to anything, so that nothing live is read.

    Args:
        time_us: Where it begins; the server bounds it to what is recorded.
        speed: Times real time, infinity for as fast as it is read.
        playing: Whether it plays; False while it is paused.
    """

    def __init__(
        self,
        url: str,
        *,
        venue: str,
        headers: dict[str, str],
        clock: Clock,
        random: Random | None,
        time_us: int,
        speed: float,
        playing: bool,
    ) -> None:
        super().__init__(url, venue=venue, headers=headers, clock=clock, random=random)
        self.stays = True
        self.speed = speed
        self.playing = playing
        self.ended = ""
        """Why the server has ended the playhead by itself."""
        self.moves = 0
        """How often it was moved to another time."""
        self._moved = asyncio.Event()
        self._time_us = time_us
        self._start_us = self._end_us = time_us
        self._since_us = clock.now_us()
        self._refusal = ""
        self._entering = False
        self._answers: list[asyncio.Future[None]] = []
        self._order = asyncio.Lock()
        self._entered = asyncio.Event()

    @property
    def now_us(self) -> int:
        """Time of the playhead: as the server said last, and moved on by its speed since."""
        if not self.playing or self.speed == _MAX:
            return self._time_us
        passed_us = self._clock.now_us() - self._since_us
        return max(self._time_us, min(self._time_us + round(passed_us * self.speed), self._end_us))

    @property
    def span_us(self) -> tuple[int, int]:
        """From when on and up to when the server has recorded the venue."""
        return self._start_us, self._end_us

    async def enter(self) -> None:
        """Open the socket and wait until the server plays.

        Raises:
            NoPast: It plays nothing, and says why.
            VenueUnreachable: It does not answer.
        """
        self._open()
        try:
            await in_time(self._clock, _ANSWER_S, self._entered.wait())
        except TimeoutError:
            raise VenueUnreachable(self._asked, self.problem or "the server does not answer") from None
        if self._refusal:
            raise NoPast(self._asked, self._refusal)

    async def move(self, message: Mapping[str, object]) -> None:
        """Send a message that moves the playhead, as ``command`` does."""
        self.moves += 1
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        try:
            await self.command(message)
        except BaseException:
            # It stands where it was.
            self.moves -= 1
            raise

    async def moved(self) -> None:
        """Wait for the next move."""
        await self._moved.wait()

    async def command(self, message: Mapping[str, object]) -> None:
        """Send a message about the playhead, and wait until the server has acted on it.

        Raises:
            NoPast: The server refuses it, and says why.
            VenueUnreachable: It does not answer.
        """
        async with self._order:
            if not self._venue:
                raise VenueUnreachable(self._asked, self.problem or "the server is not playing")
            self._refusal = ""
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._answers.append(answer)
            self._put(message)
            try:
                await asyncio.wait_for(answer, _ANSWER_S)
            except TimeoutError:
                raise VenueUnreachable(self._asked, "the server does not answer") from None
            if self._refusal:
                raise NoPast(self._asked, self._refusal)

    def _put(self, message: Mapping[str, object]) -> None:
        self._commands.put_nowait(message)
        # The server acts on one message after the other.
        self._commands.put_nowait({"type": "ping"})

    def _greeted(self) -> None:
        self._refusal, self._entering = "", True
        answers, self._answers = self._answers, []
        for answer in answers:
            if not answer.done():
                answer.set_exception(VenueUnreachable(self._asked, "the socket was lost: try again"))
        speed = "max" if self.speed == _MAX else self.speed
        venue = {"venue": self._served}
        self._put({"type": "rewind", "time": self.now_us // 1000, "speed": speed, "playing": self.playing, **venue})

    def _played(self, report: PlayheadReport) -> None:
        if report.time is None:
            if self._venue:
                self._venue = ""
                self.ended = reason = self._refusal or "the server has ended this playhead"
                for reading in self._readings.values():
                    for inbox in reading.inboxes:
                        inbox.put_notice(Gone(reason))
            return
        self._time_us, self._start_us, self._end_us = report.time * 1000, report.start * 1000, report.end * 1000
        self._since_us = self._clock.now_us()
        self.speed = _MAX if isinstance(report.speed, str) else report.speed
        self.playing = report.playing

    def _refused(self, reason: str) -> None:
        self._refusal = reason

    def _answered(self) -> None:
        if self._entering:
            self._entering = False
            if not self._refusal:
                super()._greeted()
            self._entered.set()
        elif self._answers:
            answer = self._answers.pop(0)
            if not answer.done():
                answer.set_result(None)


class _Shown:
    """Marks the state of a stream with the move that it belongs to."""

    def __init__(self, moves: int) -> None:
        self.moves = moves


class RewoundFeed(RemoteFeed):
    """Reads what another server has recorded of a venue, by a playhead that the server moves.

    A move is a restart gap in every stream, followed by the state of the new time (``feeds/base.Movable``).

    Args:
        url: Base URL of the server.
        token: For a server that asks for one.
        clock: As for ``RemoteFeed``.
        venue: Name of one of the server's venues; its first one if empty.
        name: The venue's name here.
        reported: What the server reports about the venue's source.
        time_us: Where it begins.
        speed: Times real time.
        playing: Whether it plays; False while it is paused.
        listed: What the venue lists, where that is known; the server is asked else.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        clock: Clock | None,
        random: Random | None,
        venue: str,
        name: str,
        reported: Mapping[str, Any],
        time_us: int,
        speed: float,
        playing: bool = True,
        listed: Sequence[Listing] = (),
    ) -> None:
        self._begins = {"time_us": time_us, "speed": speed, "playing": playing}
        self._listed = listed
        self._shown: list[_Shown] = []
        """State of each stream."""
        self._settled = asyncio.Event()
        super().__init__(url, token=token, clock=clock, random=random, venue=venue, name=name, reported=reported)
        (link,) = self._links
        assert isinstance(link, PlayheadLink)
        self.playhead = link

    @classmethod
    def of(
        cls, feed: RemoteFeed, *, time_us: int, speed: float, playing: bool = True, listed: Sequence[Listing] = ()
    ) -> RewoundFeed:
        """Return the past of what another feed reads."""
        return cls(
            feed._url,
            token=feed._token,
            clock=feed._clock,
            random=feed._random,
            venue=feed._asked,
            name=feed._name,
            reported=feed._reported,
            time_us=time_us,
            speed=speed,
            playing=playing,
            listed=listed,
        )

    @property
    def moves(self) -> int:
        return self.playhead.moves

    async def moved(self) -> None:
        await self.playhead.moved()

    @property
    def moving(self) -> bool:
        return any(shown.moves < self.moves for shown in self._shown)

    async def settled(self) -> None:
        while self.moving:
            self._settled.clear()
            await self._settled.wait()

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        shown = _Shown(self.moves)
        self._shown.append(shown)
        restarted = False
        try:
            async with aclosing(super().stream(topic)) as events:
                async for event in events:
                    yield event
                    if is_restart(event):
                        restarted = True
                    elif restarted and type(event) is Status and (event.ends_prelude or event.state == "down"):
                        restarted = False
                        shown.moves = self.moves
                        self._settled.set()
        finally:
            self._shown.remove(shown)
            self._settled.set()

    async def listings(self) -> Sequence[Listing]:
        return self._listed or await super().listings()

    @property
    def origin(self) -> Origin:
        return msgspec.structs.replace(super().origin, recorded=True)

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        """Refuse: the server would answer as of the present, which is after the playhead."""
        del topic, span
        raise NoPast(self.venue, "a market of the past on another server has ranges only, such as history()")

    def now_us(self) -> int:
        return self.playhead.now_us

    async def __aenter__(self) -> Self:
        try:
            await self.playhead.enter()
        except BaseException:
            await self.playhead.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)

    def _new_link(self) -> RemoteLink:
        if hasattr(self, "playhead"):
            raise NoPast(self.venue, "a market of the past has at most 63 topics")
        return PlayheadLink(
            self._url,
            venue=self._asked,
            headers=self._headers,
            clock=self._clock,
            random=self._random,
            **self._begins,  # type: ignore[arg-type]
        )
