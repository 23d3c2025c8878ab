"""The interface of every source of market data.

The stream contract, which ``tests/feeds/contract.py`` holds every Feed to:

1. a stream opens with a prelude from which the topic's fold can be built;
2. events come in the order in which the exchange sent them;
3. loss is announced in band (``Gap``, or a fresh ``BookSnapshot``), never silent;
4. network trouble does not end a stream: it yields ``Status`` events and heals; only a ``FeedError`` ends it;
5. closing the stream returns after its last socket and task are gone; the last reader's exit closes the upstream;
6. an event never changes after it was yielded;
7. a stream says when it is whole: ``Status`` of ``live`` comes after the last event of the prelude, and after that of
   each new prelude (after a venue restart or a lost connection). Until then, received events must not be shown or
   returned as if they were complete (``desk/topic.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias, runtime_checkable

import msgspec

from orderfox_nb.core.events import BookSnapshot, Event, Ticker, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.origin import Origin
from orderfox_nb.feeds.past import Past


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument with its market of the last 24 h, as a symbol list shows it."""

    instrument: Instrument
    ticker: Ticker | None = None
    funding_rate: float | None = None
    kind: str = "PERPETUAL"
    """The venue's contract type: ``TRADIFI_PERPETUAL`` for metals and stocks, whose markets have sessions."""


class Feed(Protocol):
    """A source of market data; an async context manager that does no I/O before it is entered."""

    @property
    def venue(self) -> str: ...

    @property
    def origin(self) -> Origin: ...

    def now_us(self) -> int:
        """Return the venue's time: what countdowns and staleness are measured by."""
        ...

    def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        """Stream a topic: its prelude, then live events.

        Raises:
            FeedError: The stream cannot continue.
            UnknownSymbol: The venue does not list the symbol.
        """
        ...

    async def listings(self) -> Sequence[Listing]:
        """Return every tradable instrument, in no particular order. Costs an exchange call: callers cache.

        Raises:
            FeedError: The venue cannot be asked.
        """
        ...

    @property
    def past(self) -> Past:
        """What is known from before: one page for each request (``feeds/past.py``)."""
        ...

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters: sockets, reconnects, exchange calls, weight used, dropped and the like."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Sink: TypeAlias = Callable[[Event], Awaitable[Any] | None]
"""Handles one event at once; may return what must be awaited before the next one. What it raises ends the stream."""

# A prelude of 1,500 bars passes in one piece; a recording read from a list cannot starve its readers.
_EVENTS_PER_TURN: Final = 2_000


async def deliver(feed: Feed, topic: Topic, sink: Sink) -> None:
    """Pass the events of a topic to a sink until the stream ends: how a fold is fed, by every feed alike.

    Raises:
        FeedError: The stream cannot continue.
        UnknownSymbol: The venue does not list the symbol.
        Exception: What the sink has raised; the stream is closed by then.
    """
    if isinstance(feed, Delivering):
        await feed.deliver(topic, sink)
        return
    turn = 0
    async with aclosing(feed.stream(topic)) as events:
        async for event in events:
            if (waiting := sink(event)) is not None:
                await waiting
            turn += 1
            if turn >= _EVENTS_PER_TURN:
                turn = 0
                await asyncio.sleep(0)


@runtime_checkable
class Delivering(Protocol):
    """A feed that passes on all messages of a socket's read in one go, without a queue or a task for each stream.

    Its streams have no ``relisted`` gap, the only event that a sink has to wait for.
    """

    async def deliver(self, topic: Topic, sink: Callable[[Event], object]) -> None:
        """Do what ``deliver`` does; the events of the stream contract in their order."""
        ...


@runtime_checkable
class Auditable(Protocol):
    """A feed whose books can be compared with the venue's current book."""

    async def book(self, symbol: str) -> BookSnapshot | None:
        """Return a fresh snapshot, None if the request budget is needed for other things.

        Raises:
            FeedError: The venue cannot be asked.
        """
        ...

    def resync(self, topic: Topic, reason: str) -> None:
        """Let every open stream of a topic discard its state and rebuild it."""
        ...


@runtime_checkable
class Movable(Protocol):
    """A feed whose time can be moved: each stream then begins again, with the state of the new time."""

    @property
    def moves(self) -> int:
        """How often the time was moved."""
        ...

    async def moved(self) -> None:
        """Wait for the next move."""
        ...

    @property
    def moving(self) -> bool:
        """Whether the time was moved, and the state of the new one has not come out of every stream yet."""
        ...

    async def settled(self) -> None:
        """Wait until it has."""
        ...


@runtime_checkable
class SeveralVenues(Protocol):
    """A feed of a server, which knows only once it has asked which venues that serves; it reads the first one."""

    async def venues(self, *, taken: Collection[str]) -> Sequence[Feed]:
        """Return a feed for each venue, by the venue's own name.

        Args:
            taken: Names of other feeds; a venue of such a name gets a number behind it.

        Raises:
            FeedError: The server does not say.
        """
        ...


@runtime_checkable
class Prepared(Protocol):
    """A feed whose data is made once it is entered, as of files that are imported; until then it says how far it is."""

    @property
    def takes_long(self) -> bool:
        """Whether a server should not wait for it before it answers."""
        ...

    def prepared(self) -> Feed:
        """Make the data in this thread, and return the feed of it.

        Raises:
            RecordingError: It cannot be made.
            OSError: It cannot be kept.
        """
        ...


@runtime_checkable
class ReportsRelisting(Protocol):
    """A feed that declares whether its streams report a changed tick or lot size, by a ``relisted`` gap."""

    @property
    def reports_relisting(self) -> bool: ...


@runtime_checkable
class ReportsMissingFigures(Protocol):
    """A feed that knows whether its last symbol list had all the figures that the venue provides."""

    @property
    def lacks_figures(self) -> bool:
        """Whether some figures are missing: the list is requested again soon."""
        ...


@runtime_checkable
class ExplainsUnlisted(Protocol):
    """A feed that can explain why a symbol is not listed."""

    def why_unlisted(self, symbol: str) -> str:
        """Return why a symbol is not listed, as a text to show; empty if nothing is known."""
        ...
