"""Binance USD-M futures as a Feed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from types import TracebackType
from typing import Final, Self

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.events import BookSnapshot, Candle, Event, Liquidation, Topic, Trade
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue, FeedError
from orderfox_nb.feeds.base import Listing, Origin
from orderfox_nb.feeds.binance.fetches import Fetches
from orderfox_nb.feeds.binance.follower import StatusReporter
from orderfox_nb.feeds.binance.followers import follower_of
from orderfox_nb.feeds.binance.items import Doubted
from orderfox_nb.feeds.binance.markets import Markets
from orderfox_nb.feeds.binance.open_streams import OpenStreams
from orderfox_nb.feeds.binance.pace import ResyncBucket, ResyncPace
from orderfox_nb.feeds.binance.past import Past
from orderfox_nb.feeds.binance.problems import Problems
from orderfox_nb.feeds.binance.protocol import Root, root_of, stream_of
from orderfox_nb.feeds.binance.reading import Reading
from orderfox_nb.feeds.binance.rest import MAX_CANDLES, MAX_TRADES, BinanceRest
from orderfox_nb.feeds.binance.sockets import ROTATE_AFTER_S, STREAMS_PER_SOCKET, StreamSockets
from orderfox_nb.feeds.binance.venue_clock import VenueClock
from orderfox_nb.feeds.binance.watch import CLOCK_EVERY_S, Watch
from orderfox_nb.feeds.binance.weights import ASKED
from orderfox_nb.feeds.liquidation_history import LiquidationHistory

_log = logging.getLogger(__name__)

WS_URL: Final = "wss://fstream.binance.com"
HTTP_URL: Final = "https://fapi.binance.com"


class BinanceFeed:
    """Streams and requests of one venue that speaks Binance's USD-M futures protocol; needs no keys.

    Entering opens nothing: sockets follow their readers, requests their callers.

    Args:
        http_url: Root of the REST host.
        ws_url: Root of the stream host, above ``/public`` and ``/market``.
        origin: Where the data comes from; ``origin.problem`` is kept by the feed.
        clock: What waiting is measured by, and receipt timed with.
        liquidation_url: Base of a liquidation-history API, empty for none.
        rotate_after_s: Age at which a socket is replaced, below the venue's 24 h.
        clock_every_s: How often the venue's time is asked for while anybody reads.
        speed: Rate of the venue's clock, for a simulation or a recording.
        random: Source of jitter.
    """

    def __init__(
        self,
        *,
        http_url: str = HTTP_URL,
        ws_url: str = WS_URL,
        origin: Origin | None = None,
        clock: Clock | None = None,
        liquidation_url: str = "",
        rotate_after_s: float = ROTATE_AFTER_S,
        per_socket: int = STREAMS_PER_SOCKET,
        clock_every_s: float = CLOCK_EVERY_S,
        speed: float = 1.0,
        random: Random | None = None,
    ) -> None:
        self._origin = origin or Origin(source="binance", venue="binance")
        self._clock = clock or SystemClock()
        self._venue_clock = VenueClock(self._clock, speed=speed)
        self._problems = Problems(self.venue, ours=self._origin.simulated or self._origin.recorded)
        self._rest = BinanceRest(
            http_url.rstrip("/"), venue=self.venue, clock=self._clock, report=partial(self._problems.report, "rest")
        )
        self._history = LiquidationHistory(liquidation_url, clock=self._clock) if liquidation_url else None
        self._random = random
        self._resyncs = ResyncBucket(self._clock)
        self._past = Past(self._rest, venue=self.venue, now_us=self.now_us)
        roots: tuple[Root, ...] = ("public", "market")
        self._sockets = {
            root: StreamSockets(
                f"{ws_url.rstrip('/')}/{root}/stream",
                clock=self._clock,
                report=partial(self._problems.report, root),
                rotate_after_s=rotate_after_s,
                per_socket=per_socket,
                random=random,
            )
            for root in roots
        }
        self._open_streams = OpenStreams()
        self._markets = Markets(self._rest, self._open_streams, self._clock, now_us=self.now_us)
        self._watch = Watch(
            self._venue_clock,
            self._clock,
            rest=self._rest,
            open_streams=self._open_streams,
            sockets=self._sockets.values(),
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
        """Go on at other addresses: the venue's process is another one, which knows nothing of the one before."""
        self._rest.url = http_url.rstrip("/")
        for root, sockets in self._sockets.items():
            sockets.move(f"{ws_url.rstrip('/')}/{root}/stream")
        if self._history is None and liquidation_url:
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
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        name = stream_of(topic)
        sockets = self._sockets[root_of(name)]
        reporter = StatusReporter(
            topic, self.now_us, coverage="sampled" if topic.channel == "liquidations" else "complete"
        )
        async with AsyncExitStack() as stack:
            inbox = stack.enter_context(self._open_streams.read(reporter))
            await stack.enter_async_context(self._markets.over(topic.symbol))
            reporter.market = self._markets.of(topic.symbol)
            await stack.enter_async_context(self._watch.over(topic))
            fetches = await stack.enter_async_context(Fetches(inbox, self._clock, random=self._random))
            follower = follower_of(
                reporter,
                fetches,
                past=self._past,
                history=self._history,
                pace=partial(ResyncPace, self._resyncs, self._clock, random=self._random),
                renew=partial(sockets.renew, name),
            )
            reading = Reading(
                reporter,
                fetches,
                follower,
                stream=name,
                sockets=sockets,
                watch=self._watch,
                markets=self._markets,
                open_streams=self._open_streams,
                recorded=self._origin.recorded,
            )
            if name:
                await stack.enter_async_context(sockets.read(name, inbox))
            yield reporter.status("connecting")
            reading.start()
            while True:
                for event in reading.handle(await inbox.get(first_only=reading.holding)):
                    yield event

    async def book(self, symbol: str) -> BookSnapshot | None:
        """Return a fresh snapshot for an audit, None while the request budget is short."""
        budget = self._rest.budget
        if budget.waiting or budget.paused_s or budget.used * 2 > budget.limit:
            return None
        (snapshot,) = await self._past.book(symbol)
        return snapshot

    def resync(self, topic: Topic, reason: str) -> None:
        """Let every open stream of a topic rebuild its state."""
        self._open_streams.tell(topic, Doubted(reason))

    async def listings(self) -> Sequence[Listing]:
        return await self._past.listings()

    async def candles(
        self, symbol: str, interval: str, *, limit: int = 500, end_us: int | None = None
    ) -> Sequence[Candle]:
        if interval not in TIMEFRAME_US:
            raise BadValue("timeframe", interval, f"one of {' '.join(TIMEFRAME_US)}")
        limit = max(1, min(limit, MAX_CANDLES))
        return await self._past.candles(symbol, interval, limit=limit, end_us=end_us, priority=ASKED)

    async def trades(self, symbol: str, *, limit: int = 100) -> Sequence[Trade]:
        return await self._past.trades(symbol, limit=max(1, min(limit, MAX_TRADES)), priority=ASKED)

    async def liquidations(self, symbol: str, *, limit: int = 50) -> Sequence[Liquidation]:
        return () if self._history is None else await self._history.orders(symbol, limit=limit)

    async def liquidation_volume(
        self, symbol: str, interval: str, *, start_us: int, end_us: int
    ) -> Sequence[tuple[int, float, float, int]] | None:
        if interval not in TIMEFRAME_US:
            raise BadValue("timeframe", interval, f"one of {' '.join(TIMEFRAME_US)}")
        if self._history is None:
            return None
        try:
            return await self._history.volume(symbol, interval, start_us=start_us, end_us=end_us)
        except FeedError as error:
            _log.warning("no liquidation volume of %s: %s", symbol, error)
            return None

    @property
    def lacks_figures(self) -> bool:
        """Whether figures of the last symbol list were not answered."""
        return self._past.lacks_figures

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
