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
from orderfox_nb.core.events import WHOLE_MARKET, Candle, Channel, Event, Liquidation, Topic, Trade
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue, FeedError
from orderfox_nb.feeds.base import Listing, Origin
from orderfox_nb.feeds.binance.book import BookFollower
from orderfox_nb.feeds.binance.candles import CandlesFollower
from orderfox_nb.feeds.binance.fetches import Fetches
from orderfox_nb.feeds.binance.follower import Follower, Teller
from orderfox_nb.feeds.binance.items import Fetched, Item, Overflowed
from orderfox_nb.feeds.binance.latest import POLL_S, LatestFollower
from orderfox_nb.feeds.binance.liquidations import LiquidationsFollower
from orderfox_nb.feeds.binance.past import Past
from orderfox_nb.feeds.binance.problems import Problems
from orderfox_nb.feeds.binance.protocol import Root, root_of, stream_of
from orderfox_nb.feeds.binance.rest import MOST_CANDLES, MOST_TRADES, BinanceRest
from orderfox_nb.feeds.binance.sockets import ROTATE_AFTER_S, STREAMS_PER_SOCKET, StreamSockets
from orderfox_nb.feeds.binance.trades import TradesFollower
from orderfox_nb.feeds.binance.venue_clock import VenueClock
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.liquidation_history import LiquidationHistory

_log = logging.getLogger(__name__)

WS_URL: Final = "wss://fstream.binance.com"
HTTP_URL: Final = "https://fapi.binance.com"

_SILENCE: Final = "silence"
_QUIET_S: Final[dict[Channel, float]] = {"book": 20.0, "mark": 20.0, "ticker": 60.0}
"""Channels that are never silent for so long: a stream that is was forgotten by the venue."""

INBOX_BOUND: Final = 4_096
CLOCK_EVERY_S: Final = 600.0


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
        self._history = LiquidationHistory(liquidation_url) if liquidation_url else None
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
        self._told: Counter[str] = Counter()
        self._tellers: set[Teller] = set()

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
            self._history = LiquidationHistory(liquidation_url)
        elif self._history is not None:
            self._history.url = liquidation_url

    async def ask_time(self) -> None:
        """Learn the venue's time now.

        Raises:
            FeedError: The venue cannot be asked.
        """
        asked_us = self._clock.now_us()
        venue_us = await self._rest.time_ms() * 1_000
        self._venue_clock.observe(venue_us, asked_us=asked_us, answered_us=self._clock.now_us())
        self._rest.budget.offset_us = self._venue_clock.offset_us

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
            self._tellers.add(teller)
            self._start_clock()
            stack.push_async_callback(self._leave)
            fetches = await stack.enter_async_context(Fetches(inbox, self._clock))
            follower = self._follower(topic, teller, fetches)
            if name:
                await stack.enter_async_context(self._sockets[root_of(name)].read(name, inbox))
            yield teller.status("connecting")
            follower.start()
            quiet_s = _QUIET_S.get(topic.channel)
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
                heard = True
                for event in follower.take(item):
                    yield event

    def _follower(self, topic: Topic, teller: Teller, fetches: Fetches) -> Follower:  # noqa: PLR0911  (one a channel)
        symbol, past = topic.symbol, self._past
        match topic.channel:
            case "book":
                return BookFollower(teller, fetches, partial(past.book, symbol))
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
        for teller in self._tellers:
            told.update(gaps=teller.gaps, resyncs=teller.resyncs)
        return {
            **counts,
            **self._rest.statistics(),
            "history_calls": self._history.calls if self._history is not None else 0,
            "history_failures": self._history.failures if self._history is not None else 0,
            "readers": self._users,
            "gaps": told["gaps"],
            "resyncs": told["resyncs"],
            "dropped": told["dropped"],
        }

    def _count(self, teller: Teller, inbox: Inbox[Item]) -> None:
        self._tellers.discard(teller)
        self._told.update(gaps=teller.gaps, resyncs=teller.resyncs, dropped=inbox.dropped)

    def _start_clock(self) -> None:
        self._users += 1
        if self._clock_task is None:
            self._clock_task = asyncio.create_task(self._follow_clock(), name="binance clock")

    async def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            await self._stop_clock()

    async def _stop_clock(self) -> None:
        task, self._clock_task = self._clock_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _follow_clock(self) -> None:
        """Ask for the venue's time now and then while anybody reads."""
        while True:
            try:
                await self.ask_time()
            except FeedError:
                await self._clock.sleep(min(10.0, self._clock_every_s))
            else:
                await self._clock.sleep(self._clock_every_s)


async def _no_events() -> Sequence[Event]:
    return ()
