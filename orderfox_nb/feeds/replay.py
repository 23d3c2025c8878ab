"""Events out of a list, as a Feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Event, Liquidation, LiquidationVolume, Status, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.timeframes import bar_open_us
from orderfox_nb.errors import BadValue, NoPast, UnknownSymbol
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import Past, PastPage, Span, buckets_of, check_past, in_order, page_of, sums_of

_EVENTS_PER_TURN: Final = 100
_BUCKETS: Final = 1_500
"""Largest number of sums in one page."""


class ReplayFeed:
    """Plays the events of each topic in the order given, as fast as they are read; a topic's stream ends with them.

    A list without a ``Status`` that ends its prelude gets one: behind the events at its beginning that were requested
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

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        check_past(self.venue, topic, span)
        if channel_spec(topic.channel).by_period:
            raise NoPast(self.venue, f"the past of {topic.channel} is not recorded by period")
        summed = channel_spec(topic.channel).summed and bool(topic.interval)
        kept = self._events.get(msgspec.structs.replace(topic, interval="") if summed else topic)
        if kept is None:
            symbols = sorted({known.symbol for known in self._events})
            if topic.symbol not in symbols:
                raise UnknownSymbol(topic.symbol, symbols)
            raise NoPast(self.venue, f"no {topic} was recorded")
        if summed and any(isinstance(event, LiquidationVolume) for event in kept):
            # The sums of a prelude may include the orders beside them: a fold can separate them, this method cannot.
            raise NoPast(self.venue, f"the recorded sums of {topic.symbol} may include its orders")
        if not summed:
            return page_of(in_order(kept), span)
        part, following = buckets_of(span, topic.interval, now_us=self._now_us, most=_BUCKETS)
        return PastPage((_sums(topic, part, kept),), following)

    def statistics(self) -> Mapping[str, int | float]:
        return {"readers": self._readers, "events": self._played}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


def _sums(topic: Topic, part: Span, events: Sequence[Event]) -> LiquidationVolume:
    buckets: dict[int, tuple[float, float, int]] = {}
    for event in events:
        if isinstance(event, Liquidation) and part.holds(event):
            bucket_us = bar_open_us(event.time_us, topic.interval)
            buy, sell, count = buckets.get(bucket_us, (0.0, 0.0, 0))
            is_buy = event.side == "buy"
            buckets[bucket_us] = (buy + event.notional * is_buy, sell + event.notional * (not is_buy), count + 1)
    return sums_of(topic, part.end_us or 0, [(bucket_us, *buckets[bucket_us]) for bucket_us in sorted(buckets)])


def _with_prelude_end(topic: Topic, events: Sequence[Event]) -> Sequence[Event]:
    if any(isinstance(event, Status) and event.ends_prelude for event in events):
        return tuple(events)
    spec = channel_spec(topic.channel)
    if spec.snapshot is not None:
        end = 1 + next((at for at, event in enumerate(events) if type(event) is spec.snapshot), -1)
    else:
        end = next((at for at, event in enumerate(events) if event.received_us), len(events))
    live = Status(
        symbol=topic.symbol,
        time_us=max((event.time_us for event in events[:end]), default=0),
        state="live",
        coverage=spec.coverage,
    )
    return (*events[:end], live, *events[end:])
