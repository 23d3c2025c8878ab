"""Base of feeds of topics, over the sockets of a venue or a library over them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Generic, Self, TypeVar

import msgspec

from orderfox_nb.core.events import Event, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.past import Past, PastPage, Span, check_past
from orderfox_nb.feeds.venue.dialect import VenueRest
from orderfox_nb.feeds.venue.items import Item
from orderfox_nb.feeds.venue.markets import Markets
from orderfox_nb.feeds.venue.problems import Problems
from orderfox_nb.feeds.venue.reading import Reading
from orderfox_nb.feeds.venue.venue_clock import VenueClock
from orderfox_nb.feeds.venue.weights import ASKED

AnyRest = TypeVar("AnyRest", bound=VenueRest)


class StreamingFeed(Generic[AnyRest]):
    """Reads topics and asks REST; a feed derives its own, makes the parts and opens the topics."""

    _origin: Origin
    _problems: Problems
    _venue_clock: VenueClock
    _rest: AnyRest
    _markets: Markets

    @property
    def venue(self) -> str:
        return self._origin.venue

    @property
    def origin(self) -> Origin:
        problem = self._problems.text
        return self._origin if not problem else msgspec.structs.replace(self._origin, problem=problem)

    def now_us(self) -> int:
        return self._venue_clock.now_us()

    async def __aenter__(self) -> Self:
        return self

    def _open(self, topic: Topic) -> AbstractAsyncContextManager[tuple[Inbox[Item], Reading]]:
        """Open a topic: its stream flows into an inbox, and a reading makes events of it."""
        raise NotImplementedError

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

    async def listings(self) -> Sequence[Listing]:
        return await self._rest.listings()

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        check_past(self.venue, topic, span)
        if span.empty:
            return PastPage()
        return await self._page(topic, span)

    async def _page(self, topic: Topic, span: Span) -> PastPage:
        return await self._rest.page(topic, span, priority=ASKED)

    @property
    def lacks_figures(self) -> bool:
        """Whether figures of the last symbol list were not answered."""
        return self._rest.lacks_figures

    def why_unlisted(self, symbol: str) -> str:
        """Return why a symbol is not listed, empty if nothing is known."""
        return self._markets.why_unlisted(symbol)
