"""A desk over a recorded time of a venue, played by this process or by the server that it reads from."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

from orderfox_nb.desk.desk import Desk


class PlayheadState(Protocol):
    """A playhead: its time, its range and its speed."""

    @property
    def playing(self) -> bool: ...

    @property
    def speed(self) -> float: ...

    @property
    def now_us(self) -> int: ...


class PlayedDesk:
    """A desk that is open while this is entered, and the state of the playhead by which it is played.

    Args:
        live: The desk of the venue.
        desk: That of a recorded time.
        playhead: Playhead of its feed.
    """

    def __init__(self, live: Desk, desk: Desk, playhead: PlayheadState) -> None:
        self.live = live
        self.desk = desk
        self._playhead = playhead
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.desk)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def playing(self) -> bool:
        return self._playhead.playing

    @property
    def speed(self) -> float:
        return self._playhead.speed

    @property
    def now_us(self) -> int:
        """Time of the playhead."""
        return self._playhead.now_us
