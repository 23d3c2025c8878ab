"""Topics of several venues held open together: one that fails is tried again, and costs the others nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.across.members import MemberQuality, market_text, same_elsewhere
from orderfox_nb.core.events import Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.quality import QualityState
from orderfox_nb.core.symbols import is_unified
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.desk.watched import Watchers
from orderfox_nb.errors import OrderFoxError, UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.retry import backoff

_log = logging.getLogger(__name__)

READY_S: Final = 10.0
"""How long a DataFrame waits for the first data of every market; after that it shows those that have some."""
BEHIND_S: Final = 5.0
"""How long it waits for the others once one market is whole. A market that sends nothing for so long costs one read
that time, and the reads after it nothing."""


class VenueDesk(Protocol):
    """The part of a venue's desk that a view needs."""

    hub: Hub
    catalogue: Catalogue

    @property
    def origin(self) -> Origin:
        """Where its data comes from."""
        ...

    def now_us(self) -> int:
        """Return the venue's time."""
        ...


class MemberTopic:
    """One market's topic, as long as it is open.

    Args:
        desk: Desk of its venue.
        topic: Its symbol is the venue's own, or as it was written if the venue could not be asked.
    """

    def __init__(self, desk: VenueDesk, topic: Topic) -> None:
        self.desk = desk
        self.topic = topic
        self.market = market_text(topic.venue, topic.symbol)
        self.state: TopicState | None = None
        self.problem = ""
        """Why it is not open."""
        self._late: tuple[TopicState | None, int] | None = None
        """The state that a read gave up waiting for, and how often its venue had restarted then."""

    @property
    def absent(self) -> bool:
        """Whether its venue has no such channel."""
        return self.topic.channel in self.desk.origin.absent

    @property
    def settled(self) -> bool:
        """Whether a read need not wait for it: it had its first data, is known to fail, or was waited for in vain."""
        state = self.state
        if self._late is not None and self._late == self._run:
            return True
        if state is None:
            return self.absent or bool(self.problem)
        # A book that is built again had its first data, and a connection that is down may stay so.
        had_data = state.prelude_read and (state.whole or state.last_us > 0)
        return had_data or state.quality.state is QualityState.DOWN

    def give_up(self) -> None:
        """Wait no longer for its first data, until its stream is opened again or its venue restarts."""
        self._late = self._run

    @property
    def _run(self) -> tuple[TopicState | None, int]:
        return self.state, 0 if self.state is None else self.state.restarts

    async def listed(self) -> Topic:
        """Return the topic with the venue's own symbol.

        A unified name is that of a market at another venue, as which this one may have it in another currency alone.

        Raises:
            UnknownSymbol: The venue does not list it.
            FeedError: The venue's symbols are not known yet.
        """
        catalogue, symbol = self.desk.catalogue, self.topic.symbol
        if is_unified(symbol):
            instrument = same_elsewhere(symbol, (row.instrument for row in await catalogue.rows()))
        else:
            instrument = (await catalogue.resolve(symbol)).instrument
        if catalogue.demo or (instrument is None and catalogue.problem):
            # The symbols and steps of the built-in list are those of another venue, and an older list may lack some.
            raise VenueUnreachable(self.topic.venue, catalogue.problem)
        if instrument is None:
            raise UnknownSymbol(symbol)
        return msgspec.structs.replace(self.topic, symbol=instrument.symbol)

    def quality(self, our_us: int) -> MemberQuality:
        """Return how far it can be trusted now.

        Args:
            our_us: The time of our own clock.
        """
        now_us = self.desk.now_us()
        offset_us = 0 if self.desk.origin.recorded else now_us - our_us
        if self.absent:
            return MemberQuality(
                state="live", coverage="none", reason=f"no {self.topic.channel} in this market", now_us=now_us
            )
        state = self.state
        if state is None:
            known = "down" if self.problem else "syncing"
            return MemberQuality(state=known, reason=self.problem, now_us=now_us, clock_offset_us=offset_us)
        quality = state.quality
        silence_s = None if self.desk.origin.recorded else quality.silence_s
        return MemberQuality(
            state=quality.state.value,
            reason=quality.reason,
            whole=state.whole,
            since_us=quality.since_us,
            last_us=state.last_us,
            now_us=now_us,
            coverage=quality.coverage,
            closed=quality.market == "closed",
            unverified=self.topic.channel in self.desk.origin.unverified,
            silence_us=None if silence_s is None else round(silence_s * 1e6),
            clock_offset_us=offset_us,
        )


class MemberTopics(Watchers):
    """The topics of one channel of several markets; ``start`` opens them, ``close`` releases them.

    Args:
        members: In the order in which they are shown.
        clock: Measures the pauses between two tries.
    """

    def __init__(self, members: Sequence[MemberTopic], clock: Clock) -> None:
        super().__init__()
        self.members = members
        self.clock = clock
        self.error: BaseException | None = None
        """None: a market that fails is one of several."""
        self.users = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Open the topics, each in a task of its own."""
        self._tasks = [
            asyncio.create_task(self._keep(one), name=f"across {one.topic}") for one in self.members if not one.absent
        ]

    async def close(self) -> None:
        """Release the topics."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def until_ready(self, timeout_s: float = READY_S, behind_s: float = BEHIND_S) -> None:
        """Wait until every market has its first data or is known to fail.

        One that loses its data later is not waited for: what is read meanwhile says so.

        Args:
            timeout_s: How long at most.
            behind_s: How long at most from when one market is whole, unless one that is waited for is a recording:
                that is read from a disk and sends what it has.
        """
        changed = asyncio.Event()
        self.watch(changed.set)
        behind: asyncio.Task[None] | None = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    while waited := [one for one in self.members if not one.settled]:
                        if behind is None and self._goes_on_without(waited):
                            behind = asyncio.create_task(self.clock.sleep(behind_s), name="markets that are behind")
                            behind.add_done_callback(lambda _: changed.set())
                        if behind is not None and behind.done():
                            break
                        changed.clear()
                        await changed.wait()
            late = [one for one in self.members if not one.settled]
            if self._goes_on_without(late):
                for one in late:
                    one.give_up()
        finally:
            self.unwatch(changed.set)
            if behind is not None:
                behind.cancel()
                await asyncio.wait({behind})

    def _goes_on_without(self, waited: Sequence[MemberTopic]) -> bool:
        """Return whether there is something to show without some markets."""
        whole = any(one.state is not None and one.state.whole for one in self.members)
        return whole and not any(one.desk.origin.recorded for one in waited)

    async def _keep(self, member: MemberTopic) -> None:
        delays = backoff()
        while True:
            try:
                async with member.desk.hub.watch(await member.listed()) as state:
                    member.state, member.problem = state, ""
                    await self._until_ended(state)
                    if state.last_us:
                        delays = backoff()
                    member.problem = str(state.error or "its stream has ended")
            except OrderFoxError as error:
                member.problem = str(error)
            except Exception as error:  # noqa: BLE001 - it is logged, and named in the view
                # A market that is not read any more must not look as if it were loading.
                _log.exception("%s could not be read", member.topic)
                member.problem = f"its stream failed ({type(error).__name__}); the log has more"
            finally:
                member.state = None
            self.signal()
            await self.clock.sleep(next(delays))

    async def _until_ended(self, state: TopicState) -> None:
        ended = asyncio.Event()

        def follow() -> None:
            # A task that woke up for every event would cost more than the event.
            if state.ended:
                ended.set()
            self.signal()

        state.watch(follow)
        try:
            follow()
            await ended.wait()
        finally:
            state.unwatch(follow)
