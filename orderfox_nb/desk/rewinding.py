"""The playhead of one page: what its messages do, and when it ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

from orderfox_nb.core.events import Topic
from orderfox_nb.core.wire import (
    ErrorMessage,
    LiveRequest,
    PlayheadMessage,
    PlayheadRequest,
    RewindRequest,
    SkipRequest,
    StepRequest,
)
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.playback import MAX, Playback, playhead_message
from orderfox_nb.desk.remote_playback import RemotePlayback
from orderfox_nb.desk.skipping import Target
from orderfox_nb.errors import BadValue, OrderFoxError
from orderfox_nb.recording.files import RecordingFiles

BACK_US: Final = 600_000_000
"""How far a page goes back that names no time."""
IDLE_US: Final = 600_000_000
"""A playhead that is paused and gets no message for this long ends."""


class Rewinding:
    """A page that is live, or in the past of one venue; the keys of other venues stay live.

    The past of a venue that is read from another server is played by that server.

    Args:
        desks: The live ones.
        rewinding: Takes a place for a playhead, or refuses it.
        switch: Reads every key of the page again, after ``desk`` has changed.
        send: Writes to the page.
    """

    def __init__(
        self,
        desks: Desks,
        *,
        rewinding: Callable[[], AbstractContextManager[None]],
        switch: Callable[[], Awaitable[None]],
        send: Callable[[PlayheadMessage | ErrorMessage], Awaitable[None]],
    ) -> None:
        self._desks = desks
        self._rewinding = rewinding
        self._switch = switch
        self._send = send
        self._rewind: Playback | RemotePlayback | None = None
        self._place = AsyncExitStack()
        self._heard_us = 0
        self._order = asyncio.Lock()
        self._closed = False
        self._answered = 0

    def desk(self, live: Desk) -> Desk:
        """Return the desk that the page reads where it asks for a venue: that of its playhead, or the live one."""
        return live if self._rewind is None or self._rewind.live is not live else self._rewind.desk

    @asynccontextmanager
    async def holding(self, live: Desk, topics: Iterable[Topic]) -> AsyncGenerator[None]:
        """Keep live topics open that a page in the past would read now: what is recorded continues."""
        async with AsyncExitStack() as held:
            if self.desk(live) is not live:
                for topic in topics:
                    if live.hub.state(topic) is not None:
                        await held.enter_async_context(live.hub.watch(topic))
            yield

    async def greet(self) -> None:
        """Report where the playhead is, if there is one; after a ``hello``."""
        self._answered = 0
        await self._report()

    async def handle(self, command: PlayheadRequest) -> None:
        """Act on a message, and answer it."""
        async with self._order:
            if self._closed:
                return
            try:
                match command:
                    case RewindRequest():
                        await self._go(command)
                    case StepRequest(by):
                        await self._step(by)
                    case SkipRequest(to, back):
                        await self._skip(self._in_past("skip"), to, back=back)
                    case LiveRequest():
                        await self._leave()
            except OrderFoxError as error:
                await self._send(ErrorMessage(message=str(error)))
            self._answered += 1
            if self._rewind is not None:
                self._heard_us = self._rewind.live.clock.now_us()
                await self._report()

    async def tick(self) -> None:
        """Report where the playhead is, and end one that nobody uses; called once a second."""
        async with self._order:
            if (rewind := self._rewind) is None:
                return
            if isinstance(rewind, RemotePlayback) and rewind.ended:
                await self._send(ErrorMessage(message=rewind.ended))
                await self._leave()
                return
            if not rewind.playing and rewind.live.clock.now_us() - self._heard_us > IDLE_US:
                await self._send(ErrorMessage(message="Paused for 10 minutes: this page is live again"))
                await self._leave()
                return
            await rewind.refresh()
            if isinstance(rewind, Playback) and rewind.playing and rewind.ended:
                await self._go_on(rewind)
            await self._report()

    async def close(self) -> None:
        """End the playhead without a word: the page is gone."""
        self._closed = True
        async with self._order:
            rewind, self._rewind = self._rewind, None
            if rewind is not None:
                await rewind.__aexit__(None, None, None)
            await self._place.aclose()

    async def _report(self) -> None:
        if (rewind := self._rewind) is not None:
            await self._send(playhead_message(rewind.live, rewind, answered=self._answered))

    async def _step(self, by: int) -> None:
        if not by:
            raise BadValue("by", by, "a number of events, negative to go back")
        await self._in_past("step").step(by)

    async def _go_on(self, rewind: Playback) -> None:
        if later := rewind.live.recordings.after(rewind.feed.files):
            # Such as behind a restart of the venue.
            await self._open(rewind.live, later, later.start_us, speed=rewind.speed, playing=True)

    def _in_past(self, command: str) -> Playback | RemotePlayback:
        if self._rewind is None:
            raise BadValue("type", command, "rewind, since this page is live")
        return self._rewind

    async def _go(self, asked: RewindRequest) -> None:
        rewind = self._rewind
        live = rewind.live if rewind is not None and not asked.venue else self._desks.of(asked.venue or None)
        speed = None if not asked.speed else MAX if asked.speed == "max" else float(asked.speed)
        playing = asked.playing if isinstance(asked.playing, bool) else None
        time_us = asked.time * 1000 if isinstance(asked.time, int) else None
        if rewind is None or rewind.live is not live:
            time_us = live.now_us() - BACK_US if time_us is None else time_us
            await self._enter(live, time_us, speed=speed or 1.0, playing=playing is not False)
            return
        if speed is not None or playing is not None:
            await rewind.drive(speed=speed, playing=playing)
        if time_us is not None:
            span = rewind.span_us
            if span is None or time_us > span[1]:
                # Later than what is known to be recorded: there may be more by now.
                await rewind.refresh()
            await self._seek(rewind, time_us)

    async def _skip(self, rewind: Playback | RemotePlayback, to: Target, *, back: bool) -> None:
        await self._seek(rewind, await rewind.find(to, back=back))

    async def _seek(self, rewind: Playback | RemotePlayback, time_us: int) -> None:
        if isinstance(rewind, RemotePlayback):
            await rewind.seek(time_us)
            return
        files = rewind.live.recordings.at(time_us)
        if files is rewind.feed.files:
            await rewind.seek(time_us)
        else:
            await self._open(rewind.live, files, time_us, speed=rewind.speed, playing=rewind.playing)

    async def _enter(self, live: Desk, time_us: int, *, speed: float, playing: bool) -> None:
        if self._rewind is not None:
            # Of another venue.
            await self._leave()
        async with AsyncExitStack() as place:
            place.enter_context(self._rewinding())
            if live.remote is not None:
                new = RemotePlayback(live, live.remote, time_us=time_us, speed=speed, playing=playing)
                await new.__aenter__()
                await self._replace(new)
            else:
                await place.enter_async_context(live.recordings.opened())
                await self._open(live, live.recordings.at(time_us), time_us, speed=speed, playing=playing)
            self._place = place.pop_all()

    async def _open(self, live: Desk, files: RecordingFiles, time_us: int, *, speed: float, playing: bool) -> None:
        new = Playback(live, files, time_us=time_us, speed=speed, playing=playing)
        await new.__aenter__()
        await self._replace(new)

    async def _replace(self, new: Playback | RemotePlayback | None) -> None:
        old, self._rewind = self._rewind, new
        try:
            await self._switch()
        finally:
            if old is not None:
                await old.__aexit__(None, None, None)

    async def _leave(self) -> None:
        """Return to the live market."""
        live = self._desks.first if self._rewind is None else self._rewind.live
        if self._rewind is not None:
            await self._replace(None)
        await self._send(playhead_message(live, None, answered=self._answered))
        await self._place.aclose()
