"""What is looked after while anybody reads: the venue's clock, and streams that are silent without a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import BookDelta, Candle, MarkPrice, Ticker, Topic, Trade
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.binance.items import Frozen, Item, Jumped
from orderfox_nb.feeds.binance.neighbours import TICK_S, Neighbours
from orderfox_nb.feeds.binance.open_streams import OpenStreams
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.binance.sockets import StreamSockets
from orderfox_nb.feeds.binance.venue_clock import Leads, VenueClock, sleep_unless

CLOCK_EVERY_S: Final = 600.0
_ASK_AGAIN_S: Final = 5.0
_Timed: Final = (BookDelta, Trade, Candle, MarkPrice, Ticker)
"""What comes with its stream's rhythm: liquidations come late and in no order."""


class Watch:
    """Follows the venue's time and compares streams with their neighbours.

    Args:
        venue_clock: Learns the venue's time.
        clock: Ours.
        rest: Asked for the venue's time.
        open_streams: Told of jumps and of frozen streams.
        sockets: Of every root.
        recorded: The venue is a recording: its pauses and its times are its own.
        every_s: How often the venue's time is asked for.
    """

    def __init__(
        self,
        venue_clock: VenueClock,
        clock: Clock,
        *,
        rest: BinanceRest,
        open_streams: OpenStreams,
        sockets: Iterable[StreamSockets],
        recorded: bool,
        every_s: float = CLOCK_EVERY_S,
    ) -> None:
        self._venue_clock = venue_clock
        self._clock = clock
        self._rest = rest
        self._open_streams = open_streams
        self._sockets = tuple(sockets)
        self._recorded = recorded
        self._every_s = every_s
        self._doubt = asyncio.Event()
        self._leads = Leads()
        self._neighbours = Neighbours()
        self._users = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._jumps = 0

    @asynccontextmanager
    async def over(self, topic: Topic) -> AsyncGenerator[None]:
        """Watch a stream for as long as this is open."""
        self._users += 1
        if not self._tasks:
            self._tasks = {
                asyncio.create_task(self._follow_clock(), name="binance clock"),
                asyncio.create_task(self._compare(), name="binance neighbours"),
            }
        self._neighbours.open(topic)
        try:
            yield
        finally:
            self._neighbours.close(topic)
            self._leads.forget(topic)
            self._users -= 1
            if not self._users:
                await self.close()

    async def close(self) -> None:
        """Look after nothing any more."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def hear(self, topic: Topic, item: Item) -> None:
        """Look at the time of a live event, and at what it proves about its neighbours."""
        if not isinstance(item, _Timed) or not item.received_us:
            return
        self._neighbours.hear(topic, item)
        if self._recorded:
            return
        if not self._venue_clock.known:
            # Better than our own time until the venue has answered.
            self._venue_clock.observe(item.time_us, asked_us=item.received_us, answered_us=item.received_us)
        if self._leads.moved(topic, item.time_us - self._venue_clock.now_us()):
            self._doubt.set()

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
        if jumped_us and not self._recorded:
            self._jumps += 1
            self._leads.clear()
            self._open_streams.tell_all(Jumped(f"the venue's clock jumped by {jumped_us / 1e6:+.1f} s"))

    def statistics(self) -> Mapping[str, int]:
        """Return how often the venue's clock has jumped."""
        return {"clock_jumps": self._jumps}

    async def _follow_clock(self) -> None:
        """Ask for the venue's time now and then, and when an event's time does not fit."""
        while True:
            asked_us = self._clock.now_us()
            try:
                await self.ask_time()
            except FeedError:
                await self._clock.sleep(min(10.0, self._every_s))
                continue
            self._doubt.clear()
            await sleep_unless(self._doubt, self._every_s, clock=self._clock)
            # Doubt is heeded at once, but not again and again.
            if self._doubt.is_set() and (asked_s := (self._clock.now_us() - asked_us) / 1e6) < _ASK_AGAIN_S:
                await self._clock.sleep(_ASK_AGAIN_S - asked_s)

    async def _compare(self) -> None:
        """Look for streams that are silent while their neighbours are not."""
        while True:
            await self._clock.sleep(TICK_S)
            if self._recorded:
                continue
            for sockets in self._sockets:
                sockets.check_silence()
            for topic in self._neighbours.check_silence():
                self._open_streams.tell(topic, Frozen("silent while its neighbours show trades, subscribing once more"))
