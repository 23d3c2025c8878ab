"""Binance USD-M futures as a Feed."""

from __future__ import annotations

import asyncio
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
from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Event,
    Liquidation,
    MarkPrice,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue, FeedError
from orderfox_nb.feeds.base import Listing, Origin
from orderfox_nb.feeds.binance.book import BookFollower
from orderfox_nb.feeds.binance.candles import CandlesFollower
from orderfox_nb.feeds.binance.fetches import Fetches
from orderfox_nb.feeds.binance.follower import Follower, Teller
from orderfox_nb.feeds.binance.items import Doubted, Fetched, Frozen, Item, Jumped, Overflowed, Silent, Speaking
from orderfox_nb.feeds.binance.latest import POLL_S, LatestFollower
from orderfox_nb.feeds.binance.liquidations import LiquidationsFollower
from orderfox_nb.feeds.binance.neighbours import TICK_S, Neighbours
from orderfox_nb.feeds.binance.pace import ResyncBucket, ResyncPace
from orderfox_nb.feeds.binance.past import Past
from orderfox_nb.feeds.binance.problems import Problems
from orderfox_nb.feeds.binance.protocol import Root, root_of, stream_of
from orderfox_nb.feeds.binance.rest import MOST_CANDLES, MOST_TRADES, BinanceRest
from orderfox_nb.feeds.binance.sockets import ROTATE_AFTER_S, STREAMS_PER_SOCKET, StreamSockets
from orderfox_nb.feeds.binance.trades import TradesFollower
from orderfox_nb.feeds.binance.venue_clock import Leads, VenueClock, sleep_unless
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.liquidation_history import LiquidationHistory

_log = logging.getLogger(__name__)

WS_URL: Final = "wss://fstream.binance.com"
HTTP_URL: Final = "https://fapi.binance.com"

_SILENCE: Final = "silence"
_QUIET_S: Final[dict[Channel, float]] = {"book": 15.0, "mark": 3.0, "ticker": 60.0}
"""Channels that are never silent for so long: a stream that is was forgotten by the venue."""

INBOX_BOUND: Final = 4_096
CLOCK_EVERY_S: Final = 600.0
_ASK_AGAIN_S: Final = 5.0
_Timed: Final = (BookDelta, Trade, Candle, MarkPrice, Ticker)
"""What comes with its stream's rhythm: liquidations come late and in no order."""


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
        self._clock_every_s = clock_every_s
        self._origin = origin or Origin(source="binance", venue="binance")
        self._clock = clock or SystemClock()
        self._venue_clock = VenueClock(self._clock, speed=speed)
        self._problems = Problems(self.venue)
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
        self._users = 0
        self._clock_task: asyncio.Task[None] | None = None
        self._watch_task: asyncio.Task[None] | None = None
        self._doubt = asyncio.Event()
        self._leads = Leads()
        self._neighbours = Neighbours()
        self._frozen = 0
        self._jumps = 0
        self._told: Counter[str] = Counter()
        self._inboxes: dict[Teller, Inbox[Item]] = {}

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
        """Go on at other addresses: the venue's process is another one. Open streams heal by themselves."""
        self._rest.url = http_url.rstrip("/")
        for root, sockets in self._sockets.items():
            sockets.move(f"{ws_url.rstrip('/')}/{root}/stream")
        if self._history is None and liquidation_url:
            self._history = LiquidationHistory(liquidation_url, clock=self._clock)
        elif self._history is not None:
            self._history.url = liquidation_url

    async def ask_time(self) -> None:
        """Learn the venue's time now.

        Raises:
            FeedError: The venue cannot be asked.
        """
        asked_us = self._clock.now_us()
        venue_us = await self._rest.time_ms() * 1_000
        jumped_us = self._venue_clock.observe(
            venue_us, asked_us=asked_us, answered_us=self._clock.now_us(), doubted=self._doubt.is_set()
        )
        self._rest.budget.offset_us = self._venue_clock.offset_us
        if jumped_us and not self._origin.recorded:
            self._jumps += 1
            self._leads.clear()
            for inbox in self._inboxes.values():
                inbox.put(Jumped(f"the venue's clock jumped by {jumped_us / 1e6:+.1f} s"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_clock()
        for sockets in self._sockets.values():
            await sockets.close()
        await self._rest.close()
        if self._history is not None:
            await self._history.close()

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        name = stream_of(topic)
        inbox: Inbox[Item] = Inbox(INBOX_BOUND, overflow=Overflowed)
        teller = Teller(topic, self.now_us, coverage="sampled" if topic.channel == "liquidations" else "complete")
        async with AsyncExitStack() as stack:
            stack.callback(self._count, teller, inbox)
            self._inboxes[teller] = inbox
            self._start_clock()
            stack.push_async_callback(self._leave)
            fetches = await stack.enter_async_context(Fetches(inbox, self._clock, random=self._random))
            follower = self._follower(topic, teller, fetches)
            if name:
                await stack.enter_async_context(self._sockets[root_of(name)].read(name, inbox))
            self._neighbours.open(topic)
            stack.callback(self._neighbours.close, topic)
            stack.callback(self._leads.forget, topic)
            yield teller.status("connecting")
            follower.start()
            # A recording has its pauses, and not every stream.
            quiet_s = None if self._origin.recorded else _QUIET_S.get(topic.channel)
            heard = False
            if quiet_s is not None:
                fetches.ask(_SILENCE, _no_events, after_s=quiet_s)
            while True:
                item = await inbox.get(first_only=follower.holding)
                if quiet_s is not None and isinstance(item, Fetched) and item.request == _SILENCE:
                    if not heard and self._sockets[root_of(name)].live(name):
                        yield teller.status("stale", f"no message for {quiet_s:g} s, subscribing once more")
                        self._sockets[root_of(name)].renew(name)
                    heard = False
                    fetches.ask(_SILENCE, _no_events, after_s=quiet_s)
                    continue
                if isinstance(item, Jumped):
                    yield teller.status("skewed", item.reason)
                    continue
                if isinstance(item, Frozen):
                    if self._sockets[root_of(name)].live(name):
                        self._frozen += 1
                        yield teller.status("stale", item.reason)
                        self._sockets[root_of(name)].renew(name)
                    continue
                if isinstance(item, Silent):
                    yield teller.status("stale", item.reason)
                    continue
                if isinstance(item, Speaking):
                    yield teller.status("live")
                    continue
                heard = True
                self._heard(topic, item)
                for event in follower.take(item):
                    yield event

    def _heard(self, topic: Topic, item: Item) -> None:
        """Look at the time of a live event, and at what it proves about its neighbours."""
        if not isinstance(item, _Timed) or not item.received_us:
            return
        self._neighbours.hear(topic, item)
        if self._origin.recorded:
            return
        if not self._venue_clock.known:
            # Better than our own time until the venue has answered.
            self._venue_clock.observe(item.time_us, asked_us=item.received_us, answered_us=item.received_us)
        if self._leads.moved(topic, item.time_us - self._venue_clock.now_us()):
            self._doubt.set()

    async def book(self, symbol: str) -> BookSnapshot | None:
        """Return a fresh snapshot for an audit, None while the request budget is short."""
        budget = self._rest.budget
        if budget.waiting or budget.paused_s or budget.used * 2 > budget.limit:
            return None
        (snapshot,) = await self._past.book(symbol)
        return snapshot

    def resync(self, topic: Topic, reason: str) -> None:
        """Let every open stream of a topic build its state anew."""
        for teller, inbox in self._inboxes.items():
            if teller.topic == topic:
                inbox.put_first(Doubted(reason))

    def _follower(self, topic: Topic, teller: Teller, fetches: Fetches) -> Follower:  # noqa: PLR0911  (one a channel)
        symbol, past = topic.symbol, self._past
        match topic.channel:
            case "book":
                pace = ResyncPace(self._resyncs, self._clock, random=self._random)
                return BookFollower(teller, fetches, partial(past.book, symbol), pace)
            case "trades":
                return TradesFollower(
                    teller, fetches, newest=partial(past.trades, symbol), between=partial(past.trades_between, symbol)
                )
            case "candles":
                return CandlesFollower(teller, fetches, partial(past.candles_since, symbol, topic.interval))
            case "liquidations":
                asked = self._history if symbol != WHOLE_MARKET else None
                return LiquidationsFollower(
                    teller,
                    fetches,
                    history=partial(past.liquidations, asked, symbol) if asked is not None else None,
                    since=partial(past.liquidations_since, asked, symbol) if asked is not None else None,
                    check=partial(past.mark, symbol),
                    renew=partial(self._sockets["market"].renew, stream_of(topic)),
                )
            case "mark":
                return LatestFollower(teller, fetches, partial(past.mark, symbol))
            case "ticker":
                return LatestFollower(teller, fetches, partial(past.ticker, symbol))
            case "open_interest":
                return LatestFollower(teller, fetches, partial(past.open_interest, symbol), poll_s=POLL_S)

    async def listings(self) -> Sequence[Listing]:
        return await self._past.listings()

    async def candles(
        self, symbol: str, interval: str, *, limit: int = 500, end_us: int | None = None
    ) -> Sequence[Candle]:
        if interval not in TIMEFRAME_US:
            raise BadValue("timeframe", interval, f"one of {' '.join(TIMEFRAME_US)}")
        return await self._past.candles(symbol, interval, limit=max(1, min(limit, MOST_CANDLES)), end_us=end_us)

    async def trades(self, symbol: str, *, limit: int = 100) -> Sequence[Trade]:
        return await self._past.trades(symbol, limit=max(1, min(limit, MOST_TRADES)))

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

    def statistics(self) -> Mapping[str, int | float]:
        counts: Counter[str] = Counter()
        for sockets in self._sockets.values():
            counts.update(sockets.statistics())
        told = self._told.copy()
        for teller in self._inboxes:
            told.update(gaps=teller.gaps, resyncs=teller.resyncs)
        return {
            **counts,
            **self._rest.statistics(),
            "history_calls": self._history.calls if self._history is not None else 0,
            "history_failures": self._history.failures if self._history is not None else 0,
            "readers": self._users,
            "clock_jumps": self._jumps,
            "frozen_streams": self._frozen,
            "gaps": told["gaps"],
            "resyncs": told["resyncs"],
            "dropped": told["dropped"],
        }

    def _count(self, teller: Teller, inbox: Inbox[Item]) -> None:
        self._inboxes.pop(teller, None)
        self._told.update(gaps=teller.gaps, resyncs=teller.resyncs, dropped=inbox.dropped)

    def _start_clock(self) -> None:
        self._users += 1
        if self._clock_task is None:
            self._clock_task = asyncio.create_task(self._follow_clock(), name="binance clock")
            self._watch_task = asyncio.create_task(self._watch(), name="binance neighbours")

    async def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            await self._stop_clock()

    async def _stop_clock(self) -> None:
        tasks = [task for task in (self._clock_task, self._watch_task) if task is not None]
        self._clock_task = self._watch_task = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _follow_clock(self) -> None:
        """Ask for the venue's time now and then while anybody reads, and when an event's time does not fit."""
        while True:
            asked_us = self._clock.now_us()
            try:
                await self.ask_time()
            except FeedError:
                await self._clock.sleep(min(10.0, self._clock_every_s))
                continue
            self._doubt.clear()
            await sleep_unless(self._doubt, self._clock_every_s, clock=self._clock)
            # Doubt is heeded at once, but not again and again.
            if self._doubt.is_set() and (asked_s := (self._clock.now_us() - asked_us) / 1e6) < _ASK_AGAIN_S:
                await self._clock.sleep(_ASK_AGAIN_S - asked_s)

    async def _watch(self) -> None:
        """Look for streams that are silent while their neighbours are not."""
        while True:
            await self._clock.sleep(TICK_S)
            if self._origin.recorded:  # its pauses are its own
                continue
            for sockets in self._sockets.values():
                sockets.look()
            for topic in self._neighbours.look():
                for teller, inbox in self._inboxes.items():
                    if teller.topic == topic:
                        inbox.put_first(Frozen("silent while its neighbours show trades, subscribing once more"))


async def _no_events() -> Sequence[Event]:
    return ()
