"""A venue with sockets as a Feed: its dialect and its REST under one engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from random import Random
from types import TracebackType
from typing import Self

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import BookSnapshot, Event, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.liquidation_history import LiquidationHistory
from orderfox_nb.feeds.past import Past, PastPage, Span, check_past
from orderfox_nb.feeds.venue.dialect import Dialect, RestFactory, absent_channels, unverified_channels
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.followers import events_of, follower_of
from orderfox_nb.feeds.venue.items import Inconsistent, Item
from orderfox_nb.feeds.venue.markets import Markets
from orderfox_nb.feeds.venue.open_streams import OpenStreams
from orderfox_nb.feeds.venue.pace import ResyncBucket, ResyncPace
from orderfox_nb.feeds.venue.past_liquidations import history_page
from orderfox_nb.feeds.venue.problems import Problems
from orderfox_nb.feeds.venue.reading import Reading
from orderfox_nb.feeds.venue.sockets import StreamSockets
from orderfox_nb.feeds.venue.venue_clock import VenueClock
from orderfox_nb.feeds.venue.watch import CLOCK_EVERY_S, Watch
from orderfox_nb.feeds.venue.weights import ASKED


class VenueFeed:
    """Streams and requests of one venue; needs no keys.

    Entering opens nothing: sockets follow their readers, requests their callers.

    Args:
        dialect: How it speaks on its sockets.
        rest: Makes its REST.
        http_url: Root of the REST host.
        ws_url: Root of the stream host.
        settings: Names of the settings with these addresses, for people whose venue cannot be reached.
        origin: Where the data comes from; ``origin.problem`` is kept by the feed.
        clock: What waiting is measured by, and receipt timed with.
        liquidation_url: Base of a liquidation-history API, empty for none.
        rotate_after_s: Age at which a socket is replaced, the dialect's without one.
        per_socket: Streams on one socket, the dialect's without one.
        clock_every_s: How often the venue's time is asked for while anybody reads.
        speed: Rate of the venue's clock, for a simulation or a recording.
        random: Source of jitter.
    """

    def __init__(
        self,
        dialect: Dialect,
        rest: RestFactory,
        *,
        http_url: str,
        ws_url: str,
        origin: Origin,
        settings: str = "",
        clock: Clock | None = None,
        liquidation_url: str = "",
        rotate_after_s: float | None = None,
        per_socket: int | None = None,
        clock_every_s: float = CLOCK_EVERY_S,
        speed: float = 1.0,
        random: Random | None = None,
    ) -> None:
        self._dialect = dialect
        self._origin = msgspec.structs.replace(
            origin,
            unbroken_trades=dialect.unbroken_trades,
            absent=absent_channels(dialect),
            unverified=unverified_channels(dialect),
        )
        self._clock = clock or SystemClock()
        self._venue_clock = VenueClock(self._clock, speed=speed)
        self._problems = Problems(self.venue, settings=settings, ours=self._origin.simulated or self._origin.recorded)
        self._rest = rest(
            http_url.rstrip("/"),
            venue=self.venue,
            clock=self._clock,
            now_us=self.now_us,
            report=partial(self._problems.report, "rest"),
        )
        self._history = LiquidationHistory(liquidation_url, clock=self._clock) if liquidation_url else None
        self._random = random
        self._resyncs = ResyncBucket(self._clock)
        self._sockets = {
            root: StreamSockets(
                dialect.socket_url(ws_url.rstrip("/"), root),
                dialect,
                clock=self._clock,
                prepare=self._rest.prepare,
                report=partial(self._problems.report, root),
                rotate_after_s=rotate_after_s,
                per_socket=per_socket,
                random=random,
            )
            for root in dialect.roots
        }
        self._open_streams = OpenStreams()
        self._markets = Markets(self._rest.markets, self._open_streams, self._clock)
        self._watch = Watch(
            self._venue_clock,
            self._clock,
            rest=self._rest,
            open_streams=self._open_streams,
            sockets=self._sockets.values(),
            checks=dialect.neighbour_checks,
            recorded=self._origin.recorded,
            every_s=clock_every_s,
        )

    @property
    def venue(self) -> str:
        return self._origin.venue

    @property
    def origin(self) -> Origin:
        problem = self._problems.text
        return self._origin if not problem else msgspec.structs.replace(self._origin, problem=problem)

    def now_us(self) -> int:
        return self._venue_clock.now_us()

    def move(self, http_url: str, ws_url: str, liquidation_url: str) -> None:
        """Continue at other addresses: the venue runs in a new process without the state of the previous one."""
        self._rest.url = http_url.rstrip("/")
        for root, sockets in self._sockets.items():
            sockets.move(self._dialect.socket_url(ws_url.rstrip("/"), root))
        if self._history is None and liquidation_url and "liquidations" in self._dialect.channels:
            self._history = LiquidationHistory(liquidation_url, clock=self._clock)
        elif self._history is not None:
            self._history.url = liquidation_url
        self._open_streams.restarted("the venue restarted in another process")

    async def ask_time(self) -> None:
        """Learn the venue's time now.

        Raises:
            FeedError: The venue cannot be asked.
        """
        await self._watch.ask_time()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._watch.close()
        await self._markets.close()
        for sockets in self._sockets.values():
            await sockets.close()
        await self._rest.close()
        if self._history is not None:
            await self._history.close()

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        async with self._open(topic) as (inbox, reading):
            yield reading.start()
            while True:
                for event in reading.handle(await inbox.get(first_only=reading.holding)):
                    yield event

    async def deliver(self, topic: Topic, sink: Callable[[Event], object]) -> None:
        """Pass the events of a topic to a sink: those of a socket as the socket is read, the others from here."""
        async with self._open(topic) as (inbox, reading):
            sink(reading.start())
            inbox.direct = partial(reading.deliver, sink=sink)
            while True:
                for event in reading.handle(await inbox.get(first_only=reading.holding)):
                    sink(event)

    @asynccontextmanager
    async def _open(self, topic: Topic) -> AsyncGenerator[tuple[Inbox[Item], Reading]]:
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        name = self._dialect.stream_of(topic)
        sockets = self._sockets[self._dialect.root_of(name)]
        spec, quiet = channel_spec(topic.channel), self._dialect.quiet.get(topic.channel)
        coverage = self._dialect.coverage.get(topic.channel, spec.coverage)
        reporter = StatusReporter(
            topic, self.now_us, coverage=coverage, silence_s=None if quiet is None else quiet.stale_s
        )
        async with AsyncExitStack() as stack:
            inbox = stack.enter_context(self._open_streams.read(reporter))
            await stack.enter_async_context(self._markets.over(topic.symbol))
            reporter.market = self._markets.of(topic.symbol)
            watched = await stack.enter_async_context(self._watch.over(topic))
            fetches = await stack.enter_async_context(
                Fetches(inbox, self._clock, venue=self.venue, random=self._random)
            )
            follower = follower_of(
                reporter,
                fetches,
                dialect=self._dialect,
                rest=self._rest,
                history=self._history,
                pace=partial(ResyncPace, self._resyncs, self._clock, random=self._random),
                renew=partial(sockets.renew, name),
                streamed=bool(name),
                sampled=coverage == "sampled",
            )
            reading = Reading(
                reporter,
                fetches,
                follower,
                stream=name,
                sockets=sockets,
                watched=watched,
                markets=self._markets,
                open_streams=self._open_streams,
                renew_s=spec.renew_s if quiet is None else quiet.renew_s,
                recorded=self._origin.recorded,
            )
            if name:
                takes = events_of(topic) if self._dialect.is_shared(name) else None
                await stack.enter_async_context(sockets.read(name, inbox, takes=takes))
            yield inbox, reading

    async def book(self, symbol: str) -> BookSnapshot | None:
        """Return a fresh snapshot for an audit; None while the request budget is short, and where REST counts its
        updates otherwise than the stream."""
        budget = self._rest.budget
        if self._dialect.streams_snapshots or budget.waiting or budget.paused_s or budget.used * 2 > budget.limit:
            return None
        (snapshot,) = await self._rest.book(symbol)
        return snapshot

    def resync(self, topic: Topic, reason: str) -> None:
        """Let every open stream of a topic rebuild its state."""
        self._open_streams.notify(topic, Inconsistent(reason))

    async def listings(self) -> Sequence[Listing]:
        return await self._rest.listings()

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        check_past(self.venue, topic, span)
        if span.empty:
            return PastPage()
        if self._history is not None and topic.channel == "liquidations":
            return await history_page(self._history, topic, span, self.now_us())
        return await self._rest.page(topic, span, priority=ASKED)

    @property
    def lacks_figures(self) -> bool:
        """Whether figures of the last symbol list were not answered."""
        return self._rest.lacks_figures

    def why_unlisted(self, symbol: str) -> str:
        """Return why a symbol is not listed, empty where nothing is known."""
        return self._markets.why_unlisted(symbol)

    def statistics(self) -> Mapping[str, int | float]:
        counts: Counter[str] = Counter()
        for sockets in self._sockets.values():
            counts.update(sockets.statistics())
        return {
            **counts,
            **self._rest.statistics(),
            **self._watch.statistics(),
            **self._open_streams.statistics(),
            "history_calls": self._history.calls if self._history is not None else 0,
            "history_failures": self._history.failures if self._history is not None else 0,
        }
