"""Monitors the venue's clock and unexpectedly silent streams while there are readers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import BookDelta, Candle, Channel, Event, MarkPrice, Ticker, Topic, Trade
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.venue.dialect import Carrier, VenueRest
from orderfox_nb.feeds.venue.items import Frozen, Jumped
from orderfox_nb.feeds.venue.neighbours import TICK_S, Neighbours, NeighbourStream
from orderfox_nb.feeds.venue.open_streams import OpenStreams
from orderfox_nb.feeds.venue.venue_clock import VenueClock, sleep_unless

_log = logging.getLogger(__name__)

LEAD_US: Final = 1_500_000
"""If a stream's times move this far against the venue's time, the venue's time is requested."""

CLOCK_EVERY_S: Final = 600.0
_RETRY_S: Final = 5.0
_TIMED: Final = frozenset({BookDelta, Trade, Candle, MarkPrice, Ticker})
"""What comes with its stream's rhythm: liquidations come late and in no order."""


class WatchedStream:
    """Checks the live events of one stream: their times against the venue's clock, their receipt against neighbours.

    Args:
        neighbour: The stream among those of its symbol.
        clock: The venue's; None where times mean nothing.
        moved: Called when the times have moved against the clock.
    """

    def __init__(self, neighbour: NeighbourStream, clock: VenueClock | None, moved: Callable[[], None]) -> None:
        self._neighbour = neighbour
        self._clock = clock
        self._moved = moved
        self.usual_lead_us: int | None = None
        """How far its times are ahead of the venue's; None before the first one and after a jump of the clock."""

    def handle(self, event: Event) -> None:
        """Handle an event of the stream."""
        if type(event) not in _TIMED or not event.received_us:
            return
        self._neighbour.handle(event)
        clock = self._clock
        # Where a venue sends no time with an event, it has that of its receipt.
        if clock is None or event.time_us == event.received_us:
            return
        if not clock.known:
            # Better than our own time until the venue has answered.
            clock.observe(event.time_us, asked_us=event.received_us, answered_us=event.received_us)
        lead_us, usual_us = event.time_us - clock.at(event.received_us), self.usual_lead_us
        if usual_us is None:
            self.usual_lead_us = lead_us
        elif abs(lead_us - usual_us) > LEAD_US:
            self.usual_lead_us = lead_us
            self._moved()


class Watch:
    """Follows the venue's time and compares streams with their neighbours.

    Args:
        venue_clock: Updated with the venue's time.
        clock: Our clock.
        rest: Provides the venue's time.
        open_streams: Notified of jumps and of frozen streams.
        sockets: The sockets of every root.
        checks: For how many checks a channel may be behind its neighbours, where that is not as usual.
        recorded: The venue is a recording: its pauses and its times are its own.
        every_s: How often the venue's time is requested.
    """

    def __init__(
        self,
        venue_clock: VenueClock,
        clock: Clock,
        *,
        rest: VenueRest,
        open_streams: OpenStreams,
        sockets: Iterable[Carrier],
        checks: Mapping[Channel, int],
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
        self._check_due = asyncio.Event()
        self._streams: set[WatchedStream] = set()
        self._neighbours = Neighbours(checks)
        self._tasks: set[asyncio.Task[None]] = set()
        self._jumps = 0

    @asynccontextmanager
    async def over(self, topic: Topic) -> AsyncGenerator[WatchedStream]:
        """Watch a stream for as long as this is open: what is yielded handles its events."""
        if not self._tasks:
            self._tasks = {
                asyncio.create_task(self._follow_clock(), name="venue clock"),
                asyncio.create_task(self._compare(), name="venue neighbours"),
            }
        neighbour = self._neighbours.open(topic)
        clock = None if self._recorded else self._venue_clock
        stream = WatchedStream(neighbour, clock, self._check_due.set)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._neighbours.close(neighbour)
            self._streams.discard(stream)
            if not self._streams:
                await self.close()

    async def close(self) -> None:
        """Stop monitoring."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def ask_time(self) -> None:
        """Request the venue's time now.

        Raises:
            FeedError: The venue cannot be asked.
        """
        asked_us = self._clock.now_us()
        venue_us = await self._rest.time_us()
        jumped_us = self._venue_clock.observe(
            venue_us, asked_us=asked_us, answered_us=self._clock.now_us(), suspected=self._check_due.is_set()
        )
        self._rest.budget.offset_us = self._venue_clock.offset_us
        if jumped_us and not self._recorded:
            self._jumps += 1
            for stream in self._streams:
                stream.usual_lead_us = None
            self._open_streams.notify_all(Jumped(f"the venue's clock jumped by {jumped_us / 1e6:+.1f} s"))

    def statistics(self) -> Mapping[str, int]:
        """Return how often the venue's clock has jumped."""
        return {"clock_jumps": self._jumps}

    async def _follow_clock(self) -> None:
        """Request the venue's time periodically, and when an event's time does not fit."""
        while True:
            asked_us = self._clock.now_us()
            try:
                await self.ask_time()
            except FeedError:
                await self._clock.sleep(min(10.0, self._every_s))
                continue
            except Exception:  # noqa: BLE001 - it is logged
                # Without the venue's time every age is wrong: this must not end with one odd answer.
                _log.exception("the venue's time could not be read")
                await self._clock.sleep(min(10.0, self._every_s))
                continue
            self._check_due.clear()
            await sleep_unless(self._check_due, self._every_s, clock=self._clock)
            # React to a suspected jump at once, but not repeatedly.
            if self._check_due.is_set() and (asked_s := (self._clock.now_us() - asked_us) / 1e6) < _RETRY_S:
                await self._clock.sleep(_RETRY_S - asked_s)

    async def _compare(self) -> None:
        """Check for streams that are silent while their neighbours are not."""
        while True:
            await self._clock.sleep(TICK_S)
            if self._recorded:
                continue
            for sockets in self._sockets:
                sockets.check_silence()
            for topic in self._neighbours.check_silence():
                self._open_streams.notify(
                    topic, Frozen("silent while its neighbours show trades, subscribing once more")
                )
