"""The embedded exchange or a recording as a Feed: its process runs while it is in use."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Final, Self

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.events import BookSnapshot, Event, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import BadValue, OrderFoxError, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.past import Past, PastPage, Span
from orderfox_nb.feeds.retry import backoff
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.lifecycle import Service

_log = logging.getLogger(__name__)

_LATE_US: Final = 50_000
"""How late the estimate of a process's time may be, in our time."""
LINGER_S: Final = 10.0
_ASKED: Final = ("rest_calls", "rest_failures", "history_calls", "history_failures")


class EmbeddedFeed:
    """A feed on a child process that the first use starts and the last one's end, after a linger, stops.

    Args:
        options: Command line of the process, beside its port.
        origin: Describes the origin of the data.
        liquidation_url: Another history API than the process's own.
        linger_s: How long the process outlives its last use.
        clock_every_s: How often its time is requested: it may run at another rate than ours, and hold still.
        speed: Seconds of its time per second of the real clock.
        epoch: Names the one run of which every process is a continuation, as what happens follows from the time.
            Without it each process is a run of its own.
        feed: Reads the process, by the protocol that it speaks.
    """

    def __init__(
        self,
        options: Sequence[str],
        *,
        origin: Origin,
        liquidation_url: str = "",
        clock: Clock | None = None,
        linger_s: float | None = None,
        clock_every_s: float = 10.0,
        speed: float = 1.0,
        epoch: str = "",
        feed: Callable[..., VenueFeed] = BinanceFeed,
    ) -> None:
        self._options = list(options)
        self._origin = origin
        self._liquidation_url = liquidation_url
        self._clock = clock or SystemClock()
        self._linger_s = LINGER_S if linger_s is None else linger_s
        self._clock_every_s = clock_every_s
        self._speed = speed
        self._new_feed = feed
        self._service = Service(self._open, name="embedded exchange")
        self._changing = asyncio.Lock()
        self._feed: VenueFeed | None = None
        self._users = 0
        self._stopping: asyncio.Task[None] | None = None
        self._problem = ""
        self._starts = 0
        self._one_epoch = epoch
        self._epoch = epoch or _new_epoch()
        """Epoch of the running process, otherwise of the next one, so that it is correct before the process starts."""
        self._ahead_us = 0
        """The venue's time minus ours when the last process ended; used until the next process starts."""
        self._before: Counter[str] = Counter()
        """Request counters of the feeds of earlier processes."""

    @property
    def venue(self) -> str:
        return self._origin.venue

    @property
    def origin(self) -> Origin:
        if self._feed is not None:
            return msgspec.structs.replace(self._feed.origin, epoch=self._epoch)
        return msgspec.structs.replace(self._origin, problem=self._problem, epoch=self._epoch)

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._feed is not None

    def now_us(self) -> int:
        return self._feed.now_us() if self._feed is not None else self._clock.now_us() + self._ahead_us

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        async with self._use() as feed, aclosing(feed.stream(topic)) as events:
            async for event in events:
                yield event

    async def deliver(self, topic: Topic, sink: Callable[[Event], object]) -> None:
        """Pass the events of a topic to a sink, as the process is read."""
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        async with self._use() as feed:
            await feed.deliver(topic, sink)

    async def listings(self) -> Sequence[Listing]:
        async with self._use() as feed:
            return await feed.listings()

    async def ask_time(self) -> None:
        """Ask the process for its time.

        Raises:
            FeedError: It does not start, or does not answer.
        """
        async with self._use() as feed:
            await feed.ask_time()

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        async with self._use() as feed:
            return await feed.past.page(topic, span)

    async def book(self, symbol: str) -> BookSnapshot | None:
        # A tape's book is the one of the moment that its reader has come to, which is the next one already.
        return None if self._feed is None or self._origin.recorded else await self._feed.book(symbol)

    def resync(self, topic: Topic, reason: str) -> None:
        if self._feed is not None:
            self._feed.resync(topic, reason)

    @property
    def lacks_figures(self) -> bool:
        return self._feed is not None and self._feed.lacks_figures

    def why_unlisted(self, symbol: str) -> str:
        return self._feed.why_unlisted(symbol) if self._feed is not None else ""

    def statistics(self) -> Mapping[str, int | float]:
        counts = dict(self._feed.statistics()) if self._feed is not None else {}
        asked = {name: self._before[name] + counts.get(name, 0) for name in _ASKED}
        return {**counts, **asked, "processes": int(self.running), "process_starts": self._starts}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._keep()
        async with self._changing:
            await self._service.stop()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[VenueFeed]:
        feed = self._new_feed(
            origin=self._origin, clock=self._clock, clock_every_s=self._clock_every_s, speed=self._speed
        )
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(feed, started), name="embedded exchange process")
        try:
            await started
            async with feed:
                # A recording's time differs from ours: read it before anything can use the clock.
                await feed.ask_time()
                self._feed = feed
                try:
                    yield feed
                finally:
                    self._feed = None
                    self._epoch = self._one_epoch or _new_epoch()
                    self._ahead_us = feed.now_us() - self._clock.now_us()
                    counts = feed.statistics()
                    self._before.update({name: int(counts.get(name, 0)) for name in _ASKED})
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self, feed: VenueFeed, started: asyncio.Future[None]) -> None:
        """Keep a process running; the feed's streams find a new one by themselves."""
        # Imported here so that reading a real venue does not load the simulation.
        from orderfox_nb.sim.process import SimProcess  # noqa: PLC0415

        for delay_s in backoff():
            try:
                async with SimProcess([*self._options, *self._start_option()]) as process:
                    self._starts += 1
                    if started.done():
                        # In one step with what the feed's readers receive.
                        self._epoch = self._one_epoch or _new_epoch()
                    feed.move(process.http_url, process.ws_url, self._liquidation_url or process.liquidation_url)
                    if not started.done():
                        started.set_result(None)
                    code = await process.wait()
                    _log.error("the embedded exchange has ended with exit code %s", code)
            except (OSError, VenueUnreachable) as error:
                if not started.done():
                    started.set_exception(error)
                    return
                _log.error("the embedded exchange does not start again: %s", error)
            await self._clock.sleep(delay_s)

    def _start_option(self) -> list[str]:
        """Return the option for the start time of a process that replaces one whose time did not run with ours."""
        if not self._one_epoch or not self._starts or self._speed == 1.0:
            return []
        # What was shown may be ahead of the estimate by some of our milliseconds; time never goes back.
        ahead_us = round(self._speed * _LATE_US)
        return ["--start", str((self.now_us() + ahead_us) // 1_000)]

    @asynccontextmanager
    async def _use(self) -> AsyncGenerator[VenueFeed]:
        self._users += 1
        try:
            await self._keep()
            async with self._changing:
                try:
                    feed = await self._service.start()
                except (OSError, TimeoutError, EOFError, OrderFoxError) as error:
                    self._problem = f"the embedded exchange does not start ({error}); try again, or see its log"
                    raise VenueUnreachable(self.venue, self._problem) from error
            self._problem = ""
            yield feed
        finally:
            self._users -= 1
            if not self._users and self._service.running:
                self._stopping = asyncio.create_task(self._stop_later(), name="embedded exchange linger")

    async def _keep(self) -> None:
        """End a linger in progress."""
        stopping, self._stopping = self._stopping, None
        if stopping is not None:
            stopping.cancel()
            await asyncio.wait({stopping})

    async def _stop_later(self) -> None:
        await self._clock.sleep(self._linger_s)
        # From here on a new user waits for the end instead of cancelling it half done.
        self._stopping = None
        async with self._changing:
            if not self._users:
                await self._service.stop()


def _new_epoch() -> str:
    # Not counted: a restarted server knows nothing of earlier runs.
    return secrets.token_hex(6)
