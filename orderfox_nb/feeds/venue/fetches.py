"""Requests on behalf of a stream: answers arrive through the stream's inbox, in order with its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from types import TracebackType
from typing import Final, Self, TypeAlias

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Event
from orderfox_nb.errors import FeedError, OrderFoxError, RateLimited, SymbolRefused, VenueBlocked, VenueRefused
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.retry import backoff, is_transient
from orderfox_nb.feeds.venue.items import Failed, Fetched, Item

_log = logging.getLogger(__name__)

Request: TypeAlias = Callable[[], Awaitable[Sequence[Event]]]

BLOCKED_PAUSE_S: Final = 60.0
SOON_US: Final = 5_000_000


class Fetches:
    """Runs requests, retries those that may succeed later, and ends them with the stream.

    An unexpected error, such as that of an answer with another shape, is logged and retried like one of the venue: the
    stream says why it waits.

    Args:
        inbox: Where answers and failures go, ahead of the rest.
        venue: Name for errors.
        clock: What pauses are measured by.
        random: Source of their jitter.
    """

    def __init__(self, inbox: Inbox[Item], clock: Clock, *, venue: str, random: Random | None = None) -> None:
        self._inbox = inbox
        self._venue = venue
        self._clock = clock
        self._random = random
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asked_us: dict[str, int] = {}

    def ask(self, name: str, request: Request, *, attempts: int | None = None, after_s: float = 0.0) -> None:
        """Send a request in the background; it replaces a request of the same name that is still in progress.

        Args:
            name: Comes back with the answer.
            request: Called for each attempt.
            attempts: Number of attempts before it has failed for good; None retries forever.
            after_s: Wait before the first attempt.
        """
        if (former := self._tasks.pop(name, None)) is not None:
            former.cancel()
        self._asked_us[name] = self._clock.now_us()
        self._tasks[name] = asyncio.create_task(self._run(name, request, attempts, after_s), name=f"fetch {name}")

    def pending(self, name: str) -> bool:
        """Return whether a request of this name is in progress."""
        task = self._tasks.get(name)
        return task is not None and not task.done()

    def soon(self, name: str) -> bool:
        """Return whether an answer is due soon enough to hold the stream for it, as a full-speed replay requires."""
        return self.pending(name) and self._clock.now_us() - self._asked_us[name] < SOON_US

    def cancel(self, name: str) -> None:
        """Cancel a request."""
        if (task := self._tasks.get(name)) is not None:
            task.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _run(self, name: str, request: Request, attempts: int | None, after_s: float) -> None:
        if after_s > 0:
            await self._clock.sleep(after_s)
        for made, delay_s in enumerate(backoff(random=self._random), start=1):
            try:
                events = await request()
            except Exception as error:  # noqa: BLE001 - a lost one would leave the stream waiting forever
                failure = self._failure(name, error)
                final = made == attempts or not may_heal(failure)
                self._inbox.put_first(Failed(name, failure, final))
                if final:
                    return
                blocked = isinstance(failure, VenueRefused) and not isinstance(failure, RateLimited)
                await self._clock.sleep(BLOCKED_PAUSE_S if blocked else delay_s)
            else:
                self._inbox.put_first(Fetched(name, events))
                return

    def _failure(self, name: str, error: Exception) -> OrderFoxError:
        if isinstance(error, OrderFoxError):
            return error
        _log.error("the request for %s failed", name, exc_info=error)
        return FeedError(self._venue, f"an answer could not be handled ({type(error).__name__}); the log has more")


def may_heal(error: OrderFoxError) -> bool:
    """Return whether a stream should retry: a block may be lifted, an unknown symbol stays unknown."""
    if isinstance(error, VenueBlocked | SymbolRefused) or is_transient(error):
        # A refused symbol may be traded again; until then the known state stays.
        return True
    status = getattr(error, "status", 0)
    return isinstance(error, FeedError) and (not isinstance(status, int) or not 400 <= status < 500 or status == 403)
