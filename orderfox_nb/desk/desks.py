"""The desks of one process, one for each venue; they share nothing, so that a venue that fails costs no other one."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.config import Settings
from orderfox_nb.desk.across.across import Across
from orderfox_nb.desk.desk import Desk, DeskHealth
from orderfox_nb.desk.shown_bots import ShownBots
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import BadValue, NoPast, OrderFoxError, SettingError
from orderfox_nb.feeds.base import Feed, SeveralVenues
from orderfox_nb.feeds.retry import backoff
from orderfox_nb.views.contract import RecordingHealth

_log = logging.getLogger(__name__)

DISCOVERY_S: Final = 3.0
"""How long opening waits for a server to say which venues it has; after that its first one is read without a name."""


class Desks:
    """Routes by venue; entering it opens no socket, the first reader of a venue does.

    Args:
        feeds: One per venue. The first one's venue is the default.
        settings: As for ``Desk``.
        clock: As for ``Desk``.
        linger_s: As for ``Desk``.

    Raises:
        SettingError: Two sources of one venue.
    """

    def __init__(
        self, feeds: Sequence[Feed], settings: Settings, clock: Clock | None = None, *, linger_s: float = 5.0
    ) -> None:
        venues = [feed.venue for feed in feeds if not isinstance(feed, SeveralVenues)]
        if twice := [venue for venue, count in Counter(venues).items() if count > 1]:
            raise SettingError("ORDERFOX_SOURCE", settings.source, f"each venue once ({twice[0]} is given twice)")
        self._make = partial(Desk, settings=settings, clock=clock, linger_s=linger_s)
        self.all: Sequence[Desk] = [self._make(feed) for feed in feeds]
        self._unnamed = {
            desk: feed for desk, feed in zip(self.all, feeds, strict=True) if isinstance(feed, SeveralVenues)
        }
        """Desks of servers that have not said yet which venues they have."""
        self.absent: dict[str, str] = {}
        """Why a venue is not here that others know, by its name."""
        self._bots: ShownBots | None = None
        self._clock = clock or SystemClock()
        self.across = Across(self.of, self._clock, lambda: self.all)
        """Views over several of the venues."""
        self._discovering = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for desk in self.all:
                await stack.enter_async_context(desk)
            # Before the desks whose topics it reads.
            stack.push_async_callback(self.across.close)
            self._stack = stack.pop_all()
        try:
            async with asyncio.timeout(DISCOVERY_S):
                await self.discover()
        except (OrderFoxError, TimeoutError) as error:
            _log.warning("venues=unknown %s", error or "the server does not answer")
            task = asyncio.create_task(self._keep_discovering(), name="orderfox venues")
            self._stack.push_async_callback(_cancelled, task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def attach(self, bots: ShownBots) -> None:
        """Have the frames of every desk show the bots of a server."""
        self._bots = bots
        for desk in self.all:
            desk.bots = bots

    async def discover(self) -> None:
        """Ask the servers among the sources which venues they have, unless they have answered before.

        Until then a server has one desk, which reads the server's first venue; its readers keep it.

        Raises:
            FeedError: A server does not say.
        """
        async with self._discovering:
            for desk, source in list(self._unnamed.items()):
                others = [one.venue for one in self.all if one is not desk]
                found = [self._make(feed) for feed in await source.venues(taken=others)]
                for one in found:
                    one.bots = self._bots
                    await self._stack.enter_async_context(one)
                at = self.all.index(desk)
                self.all = [*self.all[:at], *found, *self.all[at + 1 :]]
                del self._unnamed[desk]

    async def _keep_discovering(self) -> None:
        for delay_s in backoff():
            await self._clock.sleep(delay_s)
            with suppress(OrderFoxError):
                await self.discover()
                return

    @property
    def first(self) -> Desk:
        """The desk of the default venue."""
        return self.all[0]

    def of(self, venue: str | None) -> Desk:
        """Return the desk of a venue, the first one for none.

        Raises:
            BadValue: No such venue.
            NoPast: It is not among those of a recorded time.
        """
        if not venue:
            return self.first
        for desk in self.all:
            if desk.venue == venue:
                return desk
        if venue in self.absent:
            raise NoPast(venue, self.absent[venue])
        names = [desk.venue for desk in self.all]
        raise BadValue("venue", venue, names[0] if len(names) == 1 else f"one of {', '.join(names)}")

    @property
    def topics(self) -> Sequence[TopicState]:
        """Every open topic."""
        return [state for desk in self.all for state in desk.hub.topics]

    @property
    def exchange_calls(self) -> int:
        """How many questions the feeds have asked."""
        return sum(desk.exchange_calls for desk in self.all)

    def statistics(self) -> Mapping[str, int | float]:
        """Return the sums of the desks' counters."""
        total: dict[str, int | float] = {}
        for desk in self.all:
            for name, count in desk.statistics().items():
                total[name] = total.get(name, 0) + count
        for name, count in self.across.statistics().items():
            total[name] = total.get(name, 0) + count
        return total

    def health(self) -> DeskHealth:
        """Return how the desks are together: they work as long as one does."""
        found = [desk.health() for desk in self.all]
        return DeskHealth(
            status="degraded" if any(one.status == "degraded" for one in found) else "healthy",
            working=any(one.working for one in found),
            problem="; ".join(one.problem for one in found if one.problem),
            topics=[row for one in found for row in one.topics],
            venues=[row for one in found for row in one.venues],
            recording=_recording_of([one.recording for one in found]),
        )


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _recording_of(found: Sequence[RecordingHealth]) -> RecordingHealth:
    """Return the recorders together: the one that needs attention most, with the sums of all."""
    order = ("stopped", "recording", "idle", "off")
    return msgspec.structs.replace(
        min(found, key=lambda one: order.index(one.state)),
        bytes=max(one.bytes for one in found),
        topics=sum(one.topics for one in found),
        events=sum(one.events for one in found),
    )
