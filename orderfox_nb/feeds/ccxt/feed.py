"""Any exchange of ccxt as a Feed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Final

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.channels import channel_spec, check_interval
from orderfox_nb.core.events import BookSnapshot, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.ccxt.client import CcxtClient
from orderfox_nb.feeds.ccxt.followers import follower_of
from orderfox_nb.feeds.ccxt.lines import Lines
from orderfox_nb.feeds.ccxt.offer import Offer
from orderfox_nb.feeds.ccxt.pages import check_timeframe
from orderfox_nb.feeds.ccxt.rest import CcxtRest
from orderfox_nb.feeds.ccxt.venues import Kind
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Inconsistent, Item
from orderfox_nb.feeds.venue.markets import Markets
from orderfox_nb.feeds.venue.open_streams import OpenStreams
from orderfox_nb.feeds.venue.problems import Problems
from orderfox_nb.feeds.venue.reading import Reading
from orderfox_nb.feeds.venue.streaming import StreamingFeed
from orderfox_nb.feeds.venue.venue_clock import VenueClock
from orderfox_nb.feeds.venue.watch import CLOCK_EVERY_S, Watch

_REST: Final = "rest"
_SETTLED_S: Final = 1.0


class CcxtFeed(StreamingFeed[CcxtRest]):
    """Streams and requests of one exchange of ccxt; needs no keys.

    Making it loads the exchange's module. Entering opens nothing: sockets follow their readers, requests their callers.

    Args:
        exchange_id: As in ``ccxt.exchanges``.
        kind: Which of its markets; swaps where it has them and spot markets else with ``None``.
        source: As given in the settings, ``ccxt:<id>`` where it is empty.
        venue: Its name here, ``ccxt-<id>`` where it is empty, and ``ccxt-<id>-spot`` for spot.
        simulated: Its addresses are those of the embedded exchange.
        urls: Replaces the exchange's addresses (``urls["api"]`` of ccxt), for tests.
        paced: Whether requests are spread as the venue wants it.
        clock: What waiting is measured by, and receipt timed with.
        clock_every_s: How often the venue's time is requested while anybody reads.
        speed: Rate of the venue's clock, for a simulation.
        random: Source of jitter.

    Raises:
        MissingExtra: ccxt is not installed.
    """

    def __init__(
        self,
        exchange_id: str,
        *,
        kind: Kind | None = None,
        source: str = "",
        venue: str = "",
        simulated: bool = False,
        urls: Mapping[str, Any] | None = None,
        paced: bool = True,
        clock: Clock | None = None,
        clock_every_s: float = CLOCK_EVERY_S,
        speed: float = 1.0,
        random: Random | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._random = random
        client = CcxtClient(exchange_id, kind=kind, venue=venue, urls=urls, paced=paced, clock=self._clock)
        self._client = client
        self._offer = Offer(client)
        self._origin = Origin(
            source=source or f"ccxt:{exchange_id}",
            venue=client.venue,
            simulated=simulated,
            unbroken_trades=self._offer.unbroken_trades,
            absent=self._offer.absent,
            unverified=self._offer.unverified,
        )
        self._problems = Problems(client.venue, ours=self._origin.simulated)
        client.report = partial(self._problems.report, _REST)
        self._venue_clock = VenueClock(self._clock, speed=speed)
        self._rest = CcxtRest(client, self._clock, self.now_us)
        self._lines = Lines(client, self._offer, clock=self._clock, now_us=self.now_us, random=random)
        self._open_streams = OpenStreams()
        self._markets = Markets(client.markets, self._open_streams, self._clock)
        self._watch = Watch(
            self._venue_clock,
            self._clock,
            rest=self._rest,
            open_streams=self._open_streams,
            sockets=(self._lines,),
            checks={},
            recorded=False,
            every_s=clock_every_s,
        )

    @property
    def offers_kind(self) -> bool:
        """Whether the exchange has markets of the kind at all."""
        return self._client.has(self._client.kind)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._watch.close()
        await self._markets.close()
        await self._lines.close()
        await self._rest.close()

    def _stream_of(self, topic: Topic) -> str:
        """Return the name of a topic's loop, empty if it is polled by its follower.

        Raises:
            BadValue: Another venue's topic, or a channel or a timeframe that this one does not have.
        """
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        check_interval(channel_spec(topic.channel), topic.interval)
        way = self._offer.ways.get(topic.channel)
        if way is None:
            raise BadValue("channel", topic.channel, f"one that {self.venue} has: {', '.join(self._offer.ways)}")
        if topic.channel == "candles":
            check_timeframe(self._client, topic.interval)
        return "" if self._offer.poll_s(topic.channel) else str(topic)

    @asynccontextmanager
    async def _open(self, topic: Topic) -> AsyncGenerator[tuple[Inbox[Item], Reading]]:
        name = self._stream_of(topic)
        quiet = self._offer.quiet(topic.channel)
        coverage = self._offer.coverage(topic.channel)
        reporter = StatusReporter(topic, self.now_us, coverage=coverage, silence_s=quiet.stale_s)
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
                rest=self._rest,
                offer=self._offer,
                present=partial(self._lines.present_book, name),
                renew=partial(self._lines.renew, name),
            )
            reading = Reading(
                reporter,
                fetches,
                follower,
                stream=name,
                sockets=self._lines,
                watched=watched,
                markets=self._markets,
                open_streams=self._open_streams,
                renew_s=quiet.renew_s,
                recorded=False,
            )
            if name:
                await stack.enter_async_context(self._lines.read(name, topic, inbox))
            yield inbox, reading

    async def book(self, symbol: str) -> BookSnapshot | None:
        """Return a fresh book that can be compared with the one that is read, None while the budget is short."""
        budget = self._client.budget
        tap = self._lines.book_tap(str(Topic(self.venue, symbol, "book")))
        if tap is None or budget.waiting or budget.paused_s or budget.used * 2 > budget.limit:
            return None
        unified, _ = await self._client.reading(symbol)
        book = await self._client.ask("fetch_order_book", unified, self._client.facts.book_depth)
        # The answer may be ahead of the stream, which then shows these changes within a moment.
        await self._clock.sleep(_SETTLED_S)
        return tap.changes.fresh(book, self._clock.now_us()) if tap.changes.whole else None

    def resync(self, topic: Topic, reason: str) -> None:
        """Let every open stream of a topic rebuild its state."""
        self._open_streams.notify(topic, Inconsistent(reason))
        self._lines.renew(str(topic))

    def statistics(self) -> Mapping[str, int | float]:
        return {
            **self._lines.statistics(),
            **self._rest.statistics(),
            **self._watch.statistics(),
            **self._open_streams.statistics(),
        }
