"""The widgets' socket, ``/api/v1/ws/live``: one a page, frames by key (docs/live.md)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from orderfox_nb.desk.across.across import Across
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.session import LiveSession
from orderfox_nb.feeds.charges import charging
from orderfox_nb.server.handlers.sockets import MarketSocket
from orderfox_nb.server.handlers.writing import FrameWriter


class LiveSocket(MarketSocket):
    """Carries a live session, whose access is what this reader may have; a key's failure ends the key alone."""

    route = "ws/live"
    _session: LiveSession | None = None

    async def serve(self, *_args: str | None) -> None:
        await (await self._opened()).run(greet=True)

    async def handle_message(self, message: dict[str, Any]) -> None:
        # A message that arrives before the desk is open waits, and so do the following ones.
        await (await self._opened()).handle(message)

    async def _opened(self) -> LiveSession:
        desks = await self.service.desks()
        if self._session is None:
            self._session = LiveSession(
                desks,
                self._write_all,
                self,
                frame_writer=lambda: FrameWriter(self),
                live_trading=self.service.lock.open,
            )
        return self._session

    async def _write_all(self, texts: Sequence[bytes]) -> None:
        for text in texts:
            await self.send(text)

    @asynccontextmanager
    async def across(self, across: Across, key: FrameKey) -> AsyncGenerator[FrameReader]:
        """Read the frames of a key over several venues, on the account of this reader's client.

        Raises:
            OrderFoxError: They cannot be sent, or not to this reader.
        """
        key = await across.resolved(key, offered=self.service.public and not self._has_our_token())
        self.admit_key(key)
        for desk, topic in across.topics(key):
            self.admit_topic(desk, topic)
        with self.service.computations.reading(self._client, key):
            async with across.opened(key) as reader:
                yield reader

    @contextmanager
    def answering(self) -> Generator[None]:
        """Answer a request, on the account of this reader's client."""
        self.check_cost("request")
        with charging(self.service.charge(self.request.remote_ip or "", trusted=self._has_our_token())):
            yield

    @contextmanager
    def rewinding(self) -> Generator[None]:
        """Have a playhead, on the account of this reader's client."""
        with self.service.playheads.holding(self._client, trusted=not self._limited):
            yield
