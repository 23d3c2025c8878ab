"""What every source of market data looks like.

The stream contract, which ``tests/feeds/contract.py`` holds every Feed to:

1. a stream opens with a prelude from which the topic's fold can be built;
2. events come in the order in which the exchange sent them;
3. loss is announced in band (``Gap``, or a fresh ``BookSnapshot``), never silent;
4. network trouble does not end a stream: it yields ``Status`` events and heals; only a ``FeedError`` ends it;
5. closing the stream returns after its last socket and task are gone; the last reader's exit closes the upstream;
6. an event never changes after it was yielded;
7. a stream says when it is whole: ``Status`` of ``live`` comes after the last event of the prelude, and after that of
   each new prelude (a restart of the venue, a connection that was lost). Until then nobody may show or return what came
   as if it were all (``desk/topic.py``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import msgspec

from orderfox_nb.core.events import BookSnapshot, Candle, Event, Liquidation, Ticker, Topic, Trade
from orderfox_nb.core.instrument import Instrument


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument with its market of the last 24 h, as a symbol list shows it."""

    instrument: Instrument
    ticker: Ticker | None = None
    funding_rate: float | None = None
    kind: str = "PERPETUAL"
    """The venue's contract type: ``TRADIFI_PERPETUAL`` for metals and stocks, whose markets have sessions."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a feed's data comes from, for the badge on every screen."""

    source: str
    """As given in the settings, such as ``sim`` or ``binance``."""
    venue: str
    simulated: bool = False
    """Invented by the embedded exchange."""
    recorded: bool = False
    """Played back from a recording."""
    problem: str = ""
    """Why there is no data, as a sentence that says what to do; empty when all is well."""
    demo_symbols: bool = False
    """The symbol list is the built-in one, since the venue could not be asked."""
    epoch: str = ""
    """Names the run of a venue whose past ends with it: under another name ids and times start again.

    Empty where a venue has no runs, as the real one, and where the run is not known yet.
    """


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
            FeedError: The stream cannot go on.
            UnknownSymbol: The venue does not list the symbol.
        """
        ...

    async def listings(self) -> Sequence[Listing]:
        """Return every tradable instrument, in no particular order. Costs an exchange call: callers cache.

        Raises:
            FeedError: The venue cannot be asked.
        """
        ...

    async def candles(
        self, symbol: str, interval: str, *, limit: int = 500, end_us: int | None = None
    ) -> Sequence[Candle]:
        """Return bars that open at or before ``end_us`` (default now), oldest first, at most 1,500."""
        ...

    async def trades(self, symbol: str, *, limit: int = 100) -> Sequence[Trade]:
        """Return the newest aggregate trades, oldest first, at most 1,000."""
        ...

    async def liquidations(self, symbol: str, *, limit: int = 50) -> Sequence[Liquidation]:
        """Return past liquidation orders, oldest first; empty where the venue keeps none."""
        ...

    async def liquidation_volume(
        self, symbol: str, interval: str, *, start_us: int, end_us: int
    ) -> Sequence[tuple[int, float, float, int]] | None:
        """Return past ``(bucket start, buy, sell, count)`` from ``start_us`` to before ``end_us``, ascending.

        ``None`` where there is no history to ask, or it does not know; empty means that nothing was liquidated.
        """
        ...

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters: sockets, reconnects, exchange calls, weight used, dropped and the like."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class Auditable(Protocol):
    """A feed whose books can be compared with what the venue says now."""

    async def book(self, symbol: str) -> BookSnapshot | None:
        """Return a fresh snapshot, None where the request budget is needed for other things.

        Raises:
            FeedError: The venue cannot be asked.
        """
        ...

    def resync(self, topic: Topic, reason: str) -> None:
        """Let every open stream of a topic lose what it has and rebuild it."""
        ...


@runtime_checkable
class Relisted(Protocol):
    """A feed that says whether a change of a tick or lot size is reported in its streams, by a ``relisted`` gap."""

    @property
    def reports_relisting(self) -> bool: ...


@runtime_checkable
class Figured(Protocol):
    """A feed that knows whether its last symbol list came with all the figures that the venue has."""

    @property
    def lacks_figures(self) -> bool:
        """Whether some of them were not answered: the list is asked for again soon."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A feed that knows more of the symbols that it does not list."""

    def why_unlisted(self, symbol: str) -> str:
        """Return why a symbol is not listed, as a text for people; empty where nothing is known."""
        ...
