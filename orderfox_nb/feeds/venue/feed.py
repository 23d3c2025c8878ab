"""A venue with sockets as a Feed: its dialect and its REST under one engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from random import Random
from types import TracebackType
from typing import ClassVar

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import BookSnapshot, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.liquidation_history import LiquidationHistory
from orderfox_nb.feeds.past import PastPage, Span
from orderfox_nb.feeds.venue.dialect import Dialect, RestFactory, VenueRest, absent_channels, unverified_channels
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
from orderfox_nb.feeds.venue.streaming import StreamingFeed
from orderfox_nb.feeds.venue.venue_clock import VenueClock
from orderfox_nb.feeds.venue.watch import CLOCK_EVERY_S, Watch


class VenueFeed(StreamingFeed[VenueRest]):
    """Streams and requests of one venue; needs no keys. A venue derives its own and gives its names and its parts.

    Entering opens nothing: sockets follow their readers, requests their callers.

    Args:
        http_url: Root of the REST host, the venue's own where it is empty.
        ws_url: Root of the stream host, the venue's own where it is empty.
        origin: Where the data comes from, the venue itself without one; ``origin.problem`` is kept by the feed.
        clock: What waiting is measured by, and receipt timed with.
        liquidation_url: Base of a liquidation-history API, empty for none.
        rotate_after_s: Age at which a socket is replaced, the dialect's without one.
        per_socket: Streams on one socket, the dialect's without one.
        clock_every_s: How often the venue's time is requested while anybody reads.
        speed: Rate of the venue's clock, for a simulation or a recording.
        random: Source of jitter.
    """

    NAME: ClassVar[str]
    """As a source and as a venue; the settings of its addresses are named after it."""
    HELP: ClassVar[str]
    """What it offers, for a person."""
    HTTP_URL: ClassVar[str]
    WS_URL: ClassVar[str]
    HAS_HISTORY_API: ClassVar[bool] = False
    """Whether the liquidation-history API of the settings is about its liquidations."""

    @staticmethod
    def parts() -> tuple[Dialect, RestFactory]:
        """Return how the venue speaks on its sockets, and what makes its REST."""
        raise NotImplementedError

    @classmethod
    def origin_of(cls, origin: Origin) -> Origin:
        """Return an origin with what the venue's streams promise and lack."""
        return _promised(origin, cls.parts()[0])

    def __init__(
        self,
        *,
        http_url: str = "",
        ws_url: str = "",
        origin: Origin | None = None,
        clock: Clock | None = None,
        liquidation_url: str = "",
        rotate_after_s: float | None = None,
        per_socket: int | None = None,
        clock_every_s: float = CLOCK_EVERY_S,
        speed: float = 1.0,
        random: Random | None = None,
    ) -> None:
        dialect, rest = self.parts()
        http_url, ws_url = http_url or self.HTTP_URL, ws_url or self.WS_URL
        self._dialect = dialect
        self._origin = _promised(origin or Origin(source=self.NAME, venue=self.NAME), dialect)
        self._clock = clock or SystemClock()
        self._venue_clock = VenueClock(self._clock, speed=speed)
        settings = f"{self.NAME.upper().replace('-', '_')}_*_BASE_URL"
        self._problems = Problems(self.venue, settings=settings, ours=self._origin.simulated or self._origin.recorded)
        self._rest = rest(
            http_url.rstrip("/"),
            venue=self.venue,
            clock=self._clock,
            now_us=self.now_us,
            report=partial(self._problems.report, "rest"),
        )
        liquidated = bool(liquidation_url) and "liquidations" in dialect.channels
        self._history = LiquidationHistory(liquidation_url, venue=self.venue, clock=self._clock) if liquidated else None
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

    def move(self, http_url: str, ws_url: str, liquidation_url: str) -> None:
        """Continue at other addresses: the venue runs in a new process without the state of the previous one."""
        self._rest.url = http_url.rstrip("/")
        for root, sockets in self._sockets.items():
            sockets.move(self._dialect.socket_url(ws_url.rstrip("/"), root))
        if self._history is None and liquidation_url and "liquidations" in self._dialect.channels:
            self._history = LiquidationHistory(liquidation_url, venue=self.venue, clock=self._clock)
        elif self._history is not None:
            self._history.url = liquidation_url
        self._open_streams.restarted("the venue restarted in another process")

    async def ask_time(self) -> None:
        """Learn the venue's time now.

        Raises:
            FeedError: The venue cannot be asked.
        """
        await self._watch.ask_time()

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

    async def _page(self, topic: Topic, span: Span) -> PastPage:
        if topic.channel == "candles":
            # A timeframe that the venue does not have is a mistake, and no past that was not kept.
            self._dialect.stream_of(topic)
        if self._history is not None and topic.channel == "liquidations":
            return await history_page(self._history, topic, span, self.now_us())
        return await super()._page(topic, span)

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


def _promised(origin: Origin, dialect: Dialect) -> Origin:
    return msgspec.structs.replace(
        origin,
        unbroken_trades=dialect.unbroken_trades,
        absent=absent_channels(dialect),
        unverified=unverified_channels(dialect),
    )
