"""Events out of a list, as a Feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from orderfox_nb.core.events import BookSnapshot, Candle, Event, Liquidation, LiquidationVolume, Status, Topic, Trade
from orderfox_nb.core.timeframes import bar_open_us
from orderfox_nb.errors import BadValue, UnknownSymbol
from orderfox_nb.feeds.base import Listing, Origin

_EVENTS_PER_TURN: Final = 100


class ReplayFeed:
    """Plays the events of each topic in the order given, as fast as they are read; a topic's stream ends with them.

    A list without a ``Status`` that ends its prelude gets one: behind the events at its beginning that were asked for
    and not received.

    Args:
        events: What each topic sends; its beginning must be a prelude.
        listings: What is listed; a topic of another symbol is unknown.
        origin: Where the events were taken from.
    """

    def __init__(
        self,
        events: Mapping[Topic, Sequence[Event]],
        *,
        listings: Sequence[Listing] = (),
        origin: Origin | None = None,
    ) -> None:
        self._events = {topic: _with_prelude_end(topic, of_topic) for topic, of_topic in events.items()}
        self._listings = tuple(listings)
        self._origin = origin or Origin(
            source="replay", venue=next((topic.venue for topic in self._events), "replay"), recorded=True
        )
        self._now_us = 0
        self._readers = 0
        self._played = 0

    @property
    def venue(self) -> str:
        return self._origin.venue

    @property
    def origin(self) -> Origin:
        return self._origin

    def now_us(self) -> int:
        """Return the time of the newest event that was read."""
        return self._now_us

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        if topic not in self._events:
            raise UnknownSymbol(topic.symbol, sorted({known.symbol for known in self._events}))
        self._readers += 1
        try:
            for number, event in enumerate(self._events[topic]):
                if number % _EVENTS_PER_TURN == 0:
                    await asyncio.sleep(0)
                self._now_us = max(self._now_us, event.time_us)
                self._played += 1
                yield event
        finally:
            self._readers -= 1

    async def listings(self) -> Sequence[Listing]:
        return self._listings

    async def candles(
        self, symbol: str, interval: str, *, limit: int = 500, end_us: int | None = None
    ) -> Sequence[Candle]:
        bars: dict[int, Candle] = {}
        for event in self._of(symbol):
            if isinstance(event, Candle) and event.interval == interval and (end_us is None or event.open_us <= end_us):
                bars[event.open_us] = event
        return [bars[open_us] for open_us in sorted(bars)][-limit:]

    async def trades(self, symbol: str, *, limit: int = 100) -> Sequence[Trade]:
        trades = {event.id: event for event in self._of(symbol) if isinstance(event, Trade)}
        return [trades[number] for number in sorted(trades)][-limit:]

    async def liquidations(self, symbol: str, *, limit: int = 50) -> Sequence[Liquidation]:
        orders = [event for event in self._of(symbol) if isinstance(event, Liquidation)]
        return sorted(orders, key=lambda order: order.time_us)[-limit:]

    async def liquidation_volume(
        self, symbol: str, interval: str, *, start_us: int, end_us: int
    ) -> Sequence[tuple[int, float, float, int]] | None:
        buckets: dict[int, tuple[float, float, int]] = {}
        for event in self._of(symbol):
            if isinstance(event, LiquidationVolume):
                # Sums of a prelude cannot be told apart from the orders beside them: its fold can, this answer not.
                return None
            if isinstance(event, Liquidation) and start_us <= event.time_us < end_us:
                bucket_us = bar_open_us(event.time_us, interval)
                buy, sell, count = buckets.get(bucket_us, (0.0, 0.0, 0))
                is_buy = event.side == "buy"
                buckets[bucket_us] = (
                    buy + event.notional * is_buy,
                    sell + event.notional * (not is_buy),
                    count + 1,
                )
        return [(bucket_us, *buckets[bucket_us]) for bucket_us in sorted(buckets)]

    def statistics(self) -> Mapping[str, int | float]:
        return {"readers": self._readers, "events": self._played}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def _of(self, symbol: str) -> Sequence[Event]:
        return [event for topic, events in self._events.items() if topic.symbol == symbol for event in events]


def _with_prelude_end(topic: Topic, events: Sequence[Event]) -> Sequence[Event]:
    if any(isinstance(event, Status) and event.ends_prelude for event in events):
        return tuple(events)
    if topic.channel == "book":
        end = 1 + next((at for at, event in enumerate(events) if isinstance(event, BookSnapshot)), -1)
    else:
        end = next((at for at, event in enumerate(events) if event.received_us), len(events))
    live = Status(
        symbol=topic.symbol,
        time_us=max((event.time_us for event in events[:end]), default=0),
        state="live",
        coverage="sampled" if topic.channel == "liquidations" else "complete",
    )
    return (*events[:end], live, *events[end:])
