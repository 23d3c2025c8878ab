"""The loops over ccxt: one a topic that is read, kept going whatever ccxt raises, or fails to raise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import BookSnapshot, Topic
from orderfox_nb.errors import (
    BadValue,
    OrderFoxError,
    RateLimited,
    SymbolRefused,
    UnknownSymbol,
    VenueBlocked,
    VenueUnreachable,
)
from orderfox_nb.feeds.ccxt.client import CcxtClient, is_cancelled
from orderfox_nb.feeds.ccxt.failures import is_broken_book
from orderfox_nb.feeds.ccxt.offer import Offer
from orderfox_nb.feeds.ccxt.taps import AnswerSource, BookTap, MarkTap, Tap, tap_of
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.problem_log import ProblemLog
from orderfox_nb.feeds.retry import backoff
from orderfox_nb.feeds.venue.fetches import BLOCKED_PAUSE_S
from orderfox_nb.feeds.venue.items import Inconsistent, Item, Live, Lost

_log = logging.getLogger(__name__)

CONNECTED_S: Final = 1.0
"""After its socket is open a subscription counts as acknowledged, which ccxt does not say."""
_CHECK_S: Final = 0.1
GOOD_AGE_S: Final = 30.0
"""A stream that lasted this long was healthy: the next failure is retried soon."""
_LEAVE_S: Final = 3.0
_FUNDING_S: Final = 60.0


class Lines:
    """Delivers topics into inboxes; two readers of one topic share its loop.

    Args:
        client: The exchange.
        offer: How its channels are read.
        clock: Measures pauses.
        now_us: The venue's clock.
        random: AnswerSource of jitter.
    """

    def __init__(
        self,
        client: CcxtClient,
        offer: Offer,
        *,
        clock: Clock,
        now_us: Callable[[], int],
        random: Random | None = None,
    ) -> None:
        self.client = client
        self.offer = offer
        self.clock = clock
        self.now_us = now_us
        self.random = random
        self.lines: dict[str, TopicLine] = {}
        self.reconnects = 0
        self.renewals = 0

    @asynccontextmanager
    async def read(self, stream: str, topic: Topic, inbox: Inbox[Item]) -> AsyncGenerator[None]:
        """Deliver a topic into an inbox for as long as this is open; the last reader's leaving unsubscribes."""
        line = self.lines.get(stream)
        if line is None:
            line = self.lines[stream] = TopicLine(self, stream, topic)
        line.add(inbox)
        try:
            yield
        finally:
            line.inboxes.remove(inbox)
            # A feed that is closed has ended its loops already.
            if not line.inboxes and self.lines.pop(stream, None) is not None:
                await line.close(last=not self.lines)

    def live(self, stream: str) -> bool:
        """Return whether a topic's subscription is taken for acknowledged."""
        line = self.lines.get(stream)
        return line is not None and line.live

    def renew(self, stream: str) -> None:
        """Subscribe to a topic again: it is silent."""
        if (line := self.lines.get(stream)) is not None:
            self.renewals += 1
            self.client.drop_silent_sockets(stream)
            line.renew()

    def check_silence(self) -> None:
        """Ping silent sockets: if the venue answers pings, one without a pong is half open and is closed."""
        self.client.probe_sockets()

    def present_book(self, stream: str) -> BookSnapshot | None:
        """Return a book as its readers have it."""
        tap = self.book_tap(stream)
        return next(iter(tap.late()), None) if tap is not None else None

    def book_tap(self, stream: str) -> BookTap | None:
        """Return the tap of a book that is read."""
        line = self.lines.get(stream)
        return line.tap if line is not None and isinstance(line.tap, BookTap) else None

    async def close(self) -> None:
        """End every loop."""
        lines, self.lines = self.lines, {}
        for line in lines.values():
            await line.end()
        with suppress(Exception):
            await self.client.close_sockets()

    def statistics(self) -> Mapping[str, int]:
        """Return counters."""
        return {
            "sockets": self.client.open_sockets,
            "streams": len(self.lines),
            "frames": self.client.frames,
            "reconnects": self.reconnects,
            "renewals": self.renewals,
        }


class TopicLine:
    """One topic: its readers, and the task that waits for what comes next."""

    def __init__(self, owner: Lines, stream: str, topic: Topic) -> None:
        self._owner = owner
        self._stream = stream
        self._topic = topic
        self.inboxes: list[Inbox[Item]] = []
        self.live = False
        self.tap: Tap | None = None
        self._source: AnswerSource | None = None
        self._problem_log = ProblemLog(_log, owner.clock)
        self._delays = backoff(random=owner.random)
        self._task = self._start()

    def add(self, inbox: Inbox[Item]) -> None:
        """Add a reader."""
        self.inboxes.append(inbox)
        if self.live:
            inbox.put_notice(Live())
            for event in self.tap.late() if self.tap is not None else ():
                inbox.put(event)

    def renew(self) -> None:
        """Unsubscribe and subscribe again."""
        self._task.cancel()
        self._lost("subscribing once more")
        self._task = self._start(self._task)

    async def close(self, *, last: bool) -> None:
        """End the loop; ``last``: nothing else of this exchange is read, so that its sockets are closed as well."""
        await self.end()
        with suppress(Exception):
            if last:
                await self._owner.client.close_sockets()
            else:
                await self._leave()

    async def end(self) -> None:
        """End the loop."""
        self._task.cancel()
        await asyncio.wait({self._task})

    def _start(self, before: asyncio.Task[None] | None = None) -> asyncio.Task[None]:
        return asyncio.create_task(self._run(before), name=f"venue ccxt {self._topic}")

    async def _leave(self) -> None:
        if self._source is not None:
            async with asyncio.timeout(_LEAVE_S):
                await self._source.leave()

    async def _run(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
            with suppress(Exception):
                await self._leave()
        while True:
            started_us = self._owner.clock.now_us()
            error = await self._failure()
            if self._owner.clock.now_us() - started_us > GOOD_AGE_S * 1e6:
                self._delays = backoff(random=self._owner.random)
            if is_broken_book(error):
                self._put(Inconsistent("an update of the book is missing, by its sequence or checksum"))
                await self._owner.clock.sleep(next(self._delays))
                continue
            ours = self._owner.client.failed(error)
            if isinstance(ours, UnknownSymbol | BadValue):
                for inbox in self.inboxes:
                    inbox.close(ours)
                return
            self._lost(str(ours), silent_us=getattr(error, "silent_us", 0), refused=isinstance(ours, SymbolRefused))
            self._owner.reconnects += 1
            self._problem_log.report(type(ours).__name__, f"{self._topic}: {ours}")
            await self._owner.clock.sleep(self._pause_s(ours))

    async def _failure(self) -> Exception:
        """Deliver what comes; return the error that ends it."""
        try:
            with self._owner.client.asking_for(self._stream):
                await self._follow()
        except asyncio.CancelledError:
            if is_cancelled():
                raise
        except Exception as error:  # noqa: BLE001 - ccxt reads messages with few checks: any error may come
            return error
        return VenueUnreachable(self._owner.client.venue, "the connection was closed")

    def _pause_s(self, error: Exception) -> float:
        delay_s = next(self._delays)
        if isinstance(error, RateLimited):
            return max(delay_s, error.retry_after_s)
        return BLOCKED_PAUSE_S if isinstance(error, VenueBlocked) else delay_s

    async def _follow(self) -> None:
        """Deliver what comes, until ccxt raises an error."""
        owner = self._owner
        unified, reading = await owner.client.reading(self._topic.symbol)
        way = owner.offer.ways[self._topic.channel]
        if self._source is None:
            self._source = AnswerSource(owner.client, self._topic, way, unified, owner.clock)
        tap = tap_of(owner.client, self._topic, way, unified=unified, reading=reading, now_us=owner.now_us)
        self.tap = tap
        source = self._source
        beside = {asyncio.create_task(self._open(), name=f"venue ccxt opening {self._topic}")}
        if isinstance(tap, MarkTap) and owner.client.facts.separate_funding:
            beside.add(asyncio.create_task(self._ask_funding(tap, unified), name=f"venue ccxt funding {unified}"))
        try:
            while True:
                answer = await source.next()
                received_us = owner.clock.now_us()
                if not self.live:
                    self._now_live()
                for event in tap.events(answer, received_us):
                    self._put(event)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    async def _ask_funding(self, tap: MarkTap, unified: str) -> None:
        while True:
            with suppress(OrderFoxError):
                tap.note(await self._owner.client.ask("fetch_funding_rate", unified))
            await self._owner.clock.sleep(_FUNDING_S)

    async def _open(self) -> None:
        """Take the subscription for acknowledged a while after the sockets are open, also where nothing comes."""
        sockets = self._owner.client
        while not sockets.connected:
            await self._owner.clock.sleep(_CHECK_S)
        await self._owner.clock.sleep(CONNECTED_S)
        if not self.live:
            self._now_live()

    def _now_live(self) -> None:
        self.live = True
        self._owner.client.report(None)
        for inbox in self.inboxes:
            inbox.put_notice(Live())

    def _lost(self, reason: str, *, silent_us: int = 0, refused: bool = False) -> None:
        self.live = False
        for inbox in self.inboxes:
            inbox.put_notice(Lost(reason, refused=refused, silent_us=silent_us))

    def _put(self, item: Item) -> None:
        for inbox in self.inboxes:
            inbox.put(item)
