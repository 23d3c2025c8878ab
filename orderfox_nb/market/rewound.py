"""The engine of a market of the past: a live engine's thread, with a playback's desk in place of the live one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from typing import Any, Final, Self, TypeVar

from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.playback import AnyPlayback, Playback
from orderfox_nb.desk.remote_playback import RemotePlayback
from orderfox_nb.engine import Engine
from orderfox_nb.errors import NoPast

Answer = TypeVar("Answer")

MOVE_S: Final = 10.0
"""How long a move waits until all open topics have data of the new time."""


class PastEngine(Engine):
    """Runs on the thread of a live engine, which continues.

    Args:
        engine: The live engine.
        live: The desk whose recordings are played. Recordings of the engine's other venues, if there are any, are
            played by the same playhead.
        time_us: Start, limited to the recorded range.
        speed: Times real time, at most 300, or infinity.

    Raises:
        NoPast: Nothing is recorded, here or by the server that the live desk reads from.
        VenueUnreachable: That server does not answer.
        BadValue: A speed out of range.
    """

    def __init__(self, engine: Engine, live: Desk, *, time_us: int, speed: float) -> None:
        self._live = engine
        self._stack = AsyncExitStack()
        self.closed = False
        self.closing: list[Callable[[], None]] = []
        """Functions that are called when it closes, which close the widgets of its market."""
        self.settings = engine.settings
        self.source = engine.source
        self.desks = Desks([], engine.settings)
        self.playback = engine.run(self._open(live, time_us, speed))

    @property
    def running(self) -> bool:
        return self._live.running

    @property
    def forked(self) -> bool:
        return self._live.forked

    def start(self) -> Self:
        return self

    def submit(self, work: Coroutine[Any, Any, Answer]) -> Future[Answer]:
        return self._live.submit(work)

    def run(self, work: Coroutine[Any, Any, Answer], *, timeout_s: float = 60.0) -> Answer:
        return self._live.run(work, timeout_s=timeout_s)

    def stop(self) -> None:
        """Close the playback; the live engine continues."""
        self.closed = True
        closing, self.closing = self.closing, []
        for end in closing:
            end()
        if self.running:
            self.run(self._stack.aclose())

    def seek(self, time_us: int) -> None:
        """Move to a time of the recording that is played."""
        self.run(self._seek(time_us))

    def drive(self, *, speed: float | None = None, playing: bool | None = None) -> None:
        """Play, pause or change the speed."""
        self.run(self.playback.drive(speed=speed, playing=playing))

    def step(self, by: int) -> None:
        """Pause and move by a number of events of the open topics."""
        self.run(self._move(self.playback.step(by)) if by < 0 else self.playback.step(by))

    async def _open(self, live: Desk, time_us: int, speed: float) -> AnyPlayback:
        async with AsyncExitStack() as stack:
            if live.remote is not None:
                remote = RemotePlayback(live, live.remote, time_us=time_us, speed=speed)
                await stack.enter_async_context(remote)
                self.desks.absent = {desk.venue: _alone(desk) for desk in self._live.desks.all if desk is not live}
                self.desks.all = [remote.desk]
                self._stack = stack.pop_all()
                return remote
            playback = await self._play(stack, live, time_us, speed)
            for other in self._live.desks.all:
                if other is live:
                    continue
                if other.remote is not None:
                    self.desks.absent[other.venue] = _alone(other)
                    continue
                try:
                    await self._play(stack, other, time_us, speed, beside=playback)
                except NoPast as error:
                    self.desks.absent[other.venue] = error.reason
            self.desks.all = playback.desks
            self._stack = stack.pop_all()
            return playback

    async def _play(
        self, stack: AsyncExitStack, live: Desk, time_us: int, speed: float, *, beside: Playback | None = None
    ) -> Playback:
        await stack.enter_async_context(live.recordings.opened())
        files = live.recordings.at(time_us)
        playback = Playback(live, files, time_us=time_us, speed=speed, playing=True, beside=beside)
        await stack.enter_async_context(playback)
        return playback

    async def _seek(self, time_us: int) -> None:
        await self.playback.refresh()
        await self._move(self.playback.seek(time_us))

    async def _move(self, move: Awaitable[None]) -> None:
        """Move the playhead, and wait until all open topics restart there: no DataFrame is later than its market."""
        before = {state: state.restarts for state in self.desks.topics if state.sequence}
        await move
        await asyncio.gather(*(state.until_restart(known, MOVE_S) for state, known in before.items()))


def _alone(live: Desk) -> str:
    """Return why a venue is missing in a past that a server plays, and how to rewind that venue."""
    return (
        "a market that reads from a server is rewound one venue at a time, each with its own clock: "
        f'market.venues["{live.venue}"].rewind(...) goes back on this one'
    )
