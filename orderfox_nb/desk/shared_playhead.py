"""The playhead of a market that was rewound in a notebook: every page that shows it follows the one playhead."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

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
from orderfox_nb.desk.playback import MAX, AnyPlayback, playhead_message
from orderfox_nb.errors import OrderFoxError

_STAYS: Final = "A notebook has rewound this market: it stays in the past, beside the live one"

SendMessage = Callable[[PlayheadMessage | ErrorMessage], Awaitable[None]]


class PagePlayhead(Protocol):
    """The playhead of a page, as its session needs it."""

    def desk(self, live: Desk) -> Desk:
        """Return the desk that the page reads where it asks for a venue."""
        ...

    def holding(self, live: Desk, topics: Iterable[Topic]) -> AbstractAsyncContextManager[None]:
        """Keep live topics open that a page in the past would read now."""
        ...

    async def greet(self) -> None:
        """Report where the playhead is, if there is one; after a ``hello``."""
        ...

    async def handle(self, command: PlayheadRequest) -> None:
        """Act on a message, and answer it."""
        ...

    async def tick(self) -> None:
        """Report where the playhead is; called once a second."""
        ...

    async def close(self) -> None:
        """The page is gone."""
        ...


class SharedPlayhead:
    """One page's side of a playback that others move too, and that does not end with the page.

    Args:
        playback: Its desk is the one that the page reads.
        send: Writes to the page.
    """

    def __init__(self, playback: AnyPlayback, send: SendMessage) -> None:
        self._playback = playback
        self._send = send
        self._moves = playback.moves
        self._answered = 0

    def desk(self, live: Desk) -> Desk:
        return live

    @asynccontextmanager
    async def holding(self, live: Desk, topics: Iterable[Topic]) -> AsyncGenerator[None]:
        """The notebook's live market keeps open what it reads itself."""
        del live, topics
        yield

    async def greet(self) -> None:
        self._moves = self._playback.moves
        self._answered = 0
        await self._report()

    async def handle(self, command: PlayheadRequest) -> None:
        try:
            match command:
                case RewindRequest():
                    await self._go(command)
                case StepRequest(by):
                    await self._playback.step(by)
                case SkipRequest(to, back):
                    await self._playback.seek(await self._playback.find(to, back=back))
                case LiveRequest():
                    await self._send(ErrorMessage(message=_STAYS))
        except OrderFoxError as error:
            await self._send(ErrorMessage(message=str(error)))
        self._answered += 1
        await self._report()

    async def tick(self) -> None:
        await self._playback.refresh()
        await self._report()

    async def close(self) -> None:
        """The playback continues: it is the notebook's."""

    async def _go(self, asked: RewindRequest) -> None:
        playback = self._playback
        speed = None if not asked.speed else MAX if asked.speed == "max" else float(asked.speed)
        await playback.refresh()
        await playback.drive(speed=speed, playing=asked.playing if isinstance(asked.playing, bool) else None)
        if isinstance(asked.time, int):
            await playback.seek(asked.time * 1000)

    async def _report(self) -> None:
        playback = self._playback
        moves = playback.moves
        moved, self._moves = moves != self._moves, moves
        await self._send(
            playhead_message(self._playback.live, self._playback, answered=self._answered, moved=moved, shared=True)
        )
