"""The interface of a venue to the engine: its WebSocket protocol and its REST answers.

A venue is a dialect (pure functions and figures), an implementation of ``VenueRest``, and a feed that hands both to
``VenueFeed``. Nothing in this folder knows any venue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from orderfox_nb.clock import Clock
from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import (
    BookSnapshot,
    Channel,
    Coverage,
    Event,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
)
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import PastPage, Span
from orderfox_nb.feeds.venue.items import MarketChange
from orderfox_nb.feeds.venue.weights import ROUTINE, WeightBudget

MAX_CANDLES: Final = 1_500
"""Bars of a stream's prelude."""

Method: TypeAlias = Literal["subscribe", "unsubscribe", "probe"]


class DecodedFrame(Struct):
    """One message of a socket: the events of a stream, or the answer to a command."""

    stream: str = ""
    events: Sequence[Event] | None = None
    """None for an answer."""
    answered: int | None = None
    """The number of the command."""
    refused: str = ""
    """Why the command was refused, as readable text."""


class SocketLimits(Struct, frozen=True, kw_only=True):
    """Limits of a venue for one connection."""

    streams: int
    """Subscribed at once."""
    age_s: float
    """After which the socket is replaced, before the venue cuts it."""
    command_pause_s: float
    """Between two commands."""
    frame_bytes: int
    """Size of the largest frame that is read."""
    command_streams: int = 1_000
    """In one command."""
    ping_s: float | None = None
    """How often the venue expects a ping, also while data flows; None: never. A ping is the command ``probe``."""


class SilenceLimits(Struct, frozen=True, kw_only=True):
    """Silence bounds of a venue's streams."""

    stale_s: float
    """After which its data is called stale."""
    renew_s: float
    """After which it is subscribed to again."""


class Codec(Protocol):
    """Reads and writes the messages of one socket. No I/O; its state ends with the socket."""

    def command(self, method: Method, number: int, streams: Collection[str]) -> str:
        """Write a command; ``probe`` asks for any answer at all."""
        ...

    def decode(self, text: str | bytes, received_us: int) -> DecodedFrame:
        """Read one frame.

        A delta's ``previous_id`` is the last id of the delta before, also where the venue does not send it.

        Raises:
            msgspec.MsgspecError: Not of the protocol, or nested too deep.
            ValueError: A price or size that is not a finite number, or no text.
        """
        ...

    def stream_name(self, text: str | bytes) -> str:
        """Return the stream that a malformed frame belongs to, empty where even that cannot be read."""
        ...


class Dialect(Protocol):
    """The WebSocket protocol of a venue. Pure: no I/O, no state."""

    @property
    def roots(self) -> Collection[str]:
        """Names of the addresses of its stream host; each has sockets of its own."""
        ...

    @property
    def channels(self) -> Collection[Channel]:
        """What the venue offers."""
        ...

    @property
    def limits(self) -> SocketLimits: ...

    @property
    def unbroken_trades(self) -> bool:
        """Whether the sequence of a symbol's trades has no holes, so that a hole is a loss and can be asked for."""
        ...

    @property
    def ordered_trades(self) -> bool:
        """Whether trades have a sequence; if not, an id only shows whether a trade was delivered."""
        ...

    @property
    def neighbour_checks(self) -> Mapping[Channel, int]:
        """Where a channel's ``neighbour_checks`` are not as in ``core/channels.py``."""
        ...

    @property
    def coverage(self) -> Mapping[Channel, Coverage]:
        """Where a channel's ``coverage`` is not as in ``core/channels.py``."""
        ...

    @property
    def quiet(self) -> Mapping[Channel, SilenceLimits]:
        """Where a channel's ``silence_s`` and ``renew_s`` are not as in ``core/channels.py``."""
        ...

    @property
    def streams_snapshots(self) -> bool:
        """Whether a book's stream opens with a snapshot, so that a lost book is subscribed to again.

        If not, snapshots are requested over REST.
        """
        ...

    def socket_url(self, base: str, root: str) -> str:
        """Return the address of a root's sockets."""
        ...

    def stream_of(self, topic: Topic) -> str:
        """Return the name of the stream that carries a topic, empty if it must be asked for over REST.

        Raises:
            BadValue: A channel or a timeframe that the venue does not have.
        """
        ...

    def root_of(self, stream: str) -> str:
        """Return which root delivers a stream."""
        ...

    def is_heartbeat(self, stream: str) -> bool:
        """Return whether a stream sends an event each second, regardless of trading."""
        ...

    def is_shared(self, stream: str) -> bool:
        """Return whether a stream carries several topics, each of whose readers gets its own events."""
        ...

    def codec(self) -> Codec:
        """Return what reads and writes the messages of a new socket."""
        ...


class MarketStates(Protocol):
    """The state of a venue's markets according to its symbol list."""

    changed: Callable[[], None]
    """Called when a new list was read."""

    def state(self, symbol: str) -> MarketChange:
        """Return whether a symbol is traded, as far as it is known."""
        ...

    def lacks(self, symbols: Collection[str]) -> bool:
        """Return whether the state of one of these symbols needs more data than was read so far."""
        ...

    async def load(self, symbols: Collection[str]) -> None:
        """Read the list, and what else the state of these symbols follows from.

        Raises:
            FeedError: The venue cannot be asked.
        """
        ...


class VenueRest(Protocol):
    """A venue's REST answers as events, oldest first. Every method may raise a ``FeedError``."""

    @property
    def url(self) -> str:
        """Root of the REST host."""
        ...

    @url.setter
    def url(self, url: str) -> None: ...

    @property
    def budget(self) -> WeightBudget: ...

    @property
    def markets(self) -> MarketStates: ...

    @property
    def lacks_figures(self) -> bool:
        """Whether figures of the last symbol list were not answered."""
        ...

    async def time_us(self) -> int:
        """Return the venue's time."""
        ...

    async def listings(self) -> Sequence[Listing]:
        """Return every instrument in trading, with its figures where those are known."""
        ...

    async def prepare(self, streams: Collection[str]) -> None:
        """Load what the frames of these streams cannot be read without, before they are subscribed to."""
        ...

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot; waits for its weight without a bound, since a stream cannot continue without it."""
        ...

    async def page(self, topic: Topic, span: Span, *, priority: int = ROUTINE) -> PastPage:
        """Return a page of the past, as ``Past.page`` does; topic and span are checked."""
        ...

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding, nothing if they are unknown."""
        ...

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        ...

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts, nothing if they are unknown."""
        ...

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of calls and weight."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Carrier(Protocol):
    """Delivers the streams of a venue: its sockets, or a library over them."""

    def live(self, stream: str) -> bool:
        """Return whether the venue has acknowledged a stream on an open socket."""
        ...

    def renew(self, stream: str) -> None:
        """Subscribe to a stream again: it is silent although its socket lives."""
        ...

    def check_silence(self) -> None:
        """Check for sockets that are silent although an event is due each second; called each half second."""
        ...


def absent_channels(dialect: Dialect) -> tuple[Channel, ...]:
    """Return the channels that a venue does not have, for its ``Origin``."""
    return tuple(name for name in CHANNELS if name not in dialect.channels)


def unverified_channels(dialect: Dialect) -> tuple[Channel, ...]:
    """Return the channels of a venue of which a loss may go unnoticed, for its ``Origin``."""
    return () if dialect.unbroken_trades else ("trades",)


class RestFactory(Protocol):
    """Makes a venue's REST, without any I/O."""

    def __call__(
        self,
        url: str,
        *,
        venue: str,
        clock: Clock,
        now_us: Callable[[], int],
        report: Callable[[BaseException | None], None],
    ) -> VenueRest: ...
