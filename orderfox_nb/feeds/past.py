"""The past of a feed: one request for a span of a topic's events, page after page in either direction.

The contract, which ``tests/feeds/test_past.py`` holds every feed to:

1. the events of a page are in order, oldest first, and inside the span; ``next`` is the span of the page that follows
   without a hole and without an event twice, None if the span is done;
2. a span with a start (``start_us`` or ``from_id``) is read forwards; every other one backwards, newest page first;
3. a page has at most ``limit`` events, fewer where the source answers fewer at once. Only where events have no ids and
   more than ``limit`` are of one moment, a page has all of that moment;
4. a source that does not keep the past, or does not know it, raises ``NoPast``: no events means that there were none.

A channel with sums (``ChannelSpec.summed``) has two pasts: its events, and with an interval in the topic their sums by
bucket, one event of columns a page; ``limit`` then counts buckets.

A channel that is known by period (``ChannelSpec.by_period``) has its values at the start of each interval of the topic.
Without an interval, the past of ``mark`` is the funding that was paid, each rate at the time of its payment.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, Literal, Protocol, TypeVar, runtime_checkable

import msgspec

from orderfox_nb.core.channels import channel_spec, check_interval
from orderfox_nb.core.events import WHOLE_MARKET, Candle, Event, Gap, LiquidationVolume, Status, Topic, Trade
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, previous_bar_us
from orderfox_nb.errors import BadValue, NoPast

Fact = TypeVar("Fact", bound=Event)

MAX_PAGES: Final = 20
"""How many pages one reading requests."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a topic's past; what is None is not bounded."""

    start_us: int | None = None
    """No event is before it; a bar counts by its open time."""
    end_us: int | None = None
    """All events are before it."""
    from_id: str | None = None
    """The venue's id of the first event, or of one that was before it."""
    before_id: str | None = None
    """All events are before the one with this id."""
    limit: int | None = None
    """The most events of a page; None: as many as the source answers at once."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise BadValue("limit", self.limit, "at least 1")

    @property
    def forward(self) -> bool:
        """Whether it is read from its start on."""
        return self.start_us is not None or self.from_id is not None

    @property
    def empty(self) -> bool:
        """Whether its end is at or before its start."""
        return self.start_us is not None and self.end_us is not None and self.end_us <= self.start_us

    def holds(self, event: Event) -> bool:
        """Return whether an event is inside the bounds of time."""
        time_us = past_us(event)
        return (self.start_us is None or self.start_us <= time_us) and (self.end_us is None or time_us < self.end_us)


class PastPage(msgspec.Struct, frozen=True):
    """Events of a span, oldest first, and where the next page is."""

    events: Sequence[Event] = ()
    next: Span | None = None


class Past(Protocol):
    """The past of a source's topics."""

    async def page(self, topic: Topic, span: Span) -> PastPage:
        """Return one page of a topic's past.

        Raises:
            BadValue: Another venue's topic, no such channel, or bounds that its events do not have.
            NoPast: The past is not kept here, or not known.
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        ...


class RangePage(msgspec.Struct, frozen=True):
    """The first part of a range of the past: all of its events, or why there are none."""

    end_us: int
    """Up to where the range is answered; the next page begins there."""
    events: Sequence[Event] = ()
    """Oldest first; of bars that are still open the last one."""
    source: Literal["venue", "recording", ""] = "venue"
    """Where the events were read; empty if the part is missing."""
    reason: str = ""
    """Why it is missing."""


@runtime_checkable
class RangedPast(Protocol):
    """Answers ranges of the past, joined from all that is known of them."""

    async def range_page(self, topic: Topic, start_us: int, end_us: int) -> RangePage:
        """Return the first part of a range, which is never empty.

        Raises:
            BadValue: Another venue's topic, no such channel, or an end that is not after the start.
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        ...


def past_us(event: Event) -> int:
    """Return the time by which an event is in a span."""
    return event.open_us if isinstance(event, Candle) else event.time_us


def check_past(venue: str, topic: Topic, span: Span) -> None:
    """Check what is asked of a past.

    Raises:
        BadValue: Another venue's topic, no such channel, or bounds that its events do not have.
        NoPast: A whole market, whose past nobody keeps.
    """
    if topic.venue != venue:
        raise BadValue("venue", topic.venue, venue)
    spec = channel_spec(topic.channel)
    if not ((spec.summed or spec.by_period) and topic.interval in TIMEFRAME_US):
        check_interval(spec, topic.interval)
    if not spec.joins and (span.from_id is not None or span.before_id is not None):
        raise BadValue("id", span.from_id or span.before_id, f"none, since {topic.channel} have no ids")
    if topic.symbol == WHOLE_MARKET:
        raise NoPast(venue, f"no past of {topic.channel} of the whole market is kept")


async def read_past(
    past: Past, topic: Topic, kind: type[Fact], span: Span, *, max_pages: int = MAX_PAGES
) -> tuple[list[Fact], Span | None]:
    """Read a span, ``limit`` events in all; return them oldest first, and the span that was not read."""
    found: list[Fact] = []
    left: Span | None = span
    while left is not None and max_pages > 0 and (span.limit is None or len(found) < span.limit):
        if span.limit is not None:
            left = msgspec.structs.replace(left, limit=span.limit - len(found))
        page = await past.page(topic, left)
        events = [event for event in page.events if isinstance(event, kind)]
        found = [*found, *events] if span.forward else [*events, *found]
        left = page.next
        max_pages -= 1
    return found, left


def in_order(events: Sequence[Event]) -> Sequence[Event]:
    """Return what happened, each once and oldest first."""
    facts: dict[object, Event] = {}
    for number, event in enumerate(events):
        match event:
            case Status() | Gap() | LiquidationVolume():
                continue
            case Candle():
                facts[event.open_us] = event
            case Trade():
                facts[event.id] = event
            case _:
                facts[number] = event
    # A venue whose trades have no order keeps that of the recording: the sort is stable.
    return sorted(
        facts.values(), key=lambda event: (event.sequence or 0) if isinstance(event, Trade) else past_us(event)
    )


def page_of(events: Sequence[Event], span: Span) -> PastPage:
    """Return a page of events that are all known, oldest first."""
    rows = [event for event in events if span.holds(event)]
    if span.before_id is not None:
        rows = rows[: _index(rows, span.before_id)]
    if span.from_id is not None:
        rows = rows[_index(rows, span.from_id) :]
    if span.limit is None or len(rows) <= span.limit:
        return PastPage(rows)
    times = [past_us(event) for event in rows]
    if span.forward:
        at = span.limit
        if (first := rows[at]) and isinstance(first, Trade):
            return PastPage(rows[:at], msgspec.structs.replace(span, start_us=None, from_id=first.id))
        at = bisect_left(times, times[at]) or bisect_right(times, times[at])
        following = msgspec.structs.replace(span, start_us=times[at]) if at < len(rows) else None
        return PastPage(rows[:at], following)
    at = len(rows) - span.limit
    if (first := rows[at]) and isinstance(first, Trade):
        return PastPage(rows[at:], msgspec.structs.replace(span, end_us=None, before_id=first.id))
    last_us = times[at - 1]
    at = bisect_right(times, last_us)
    if at == len(rows):
        at = bisect_left(times, last_us)
    return PastPage(rows[at:], msgspec.structs.replace(span, end_us=times[at]) if at else None)


def _index(rows: Sequence[Event], wanted: str) -> int:
    """Return where an id is among trades, or would be; the end where the venue gives no order and it is not there."""
    trades = [event for event in rows if isinstance(event, Trade)]
    places = [trade.sequence for trade in trades if trade.sequence is not None]
    if len(places) == len(rows):
        return bisect_left(places, id_number(wanted))
    return next((at for at, trade in enumerate(trades) if trade.id == wanted), len(rows))


def id_number(text: str) -> int:
    """Return an id as a place in the venue's order.

    Raises:
        BadValue: It is not a number.
    """
    number = whole_number(text)
    if number is None or number < 0:
        raise BadValue("id", text, "a whole number")
    return number


def buckets_of(span: Span, interval: str, *, now_us: int, most: int) -> tuple[Span, Span | None]:
    """Return the part of a span that one page of sums covers, ``most`` buckets at most, and the span behind it."""
    most = min(most, span.limit or most)
    end_us = now_us if span.end_us is None else span.end_us
    if span.start_us is None:
        start_us = previous_bar_us(bar_open_us(end_us - 1, interval), interval, most - 1)
        older = msgspec.structs.replace(span, end_us=start_us) if start_us > 0 else None
        return Span(start_us=max(0, start_us), end_us=end_us), older
    stop_us = previous_bar_us(bar_open_us(span.start_us, interval), interval, -most)
    if stop_us >= end_us:
        return Span(start_us=span.start_us, end_us=end_us), None
    return Span(start_us=span.start_us, end_us=stop_us), msgspec.structs.replace(span, start_us=stop_us)


def sums_of(topic: Topic, end_us: int, rows: Sequence[tuple[int, float, float, int]]) -> LiquidationVolume:
    """Return ``(bucket start, buy, sell, count)`` up to a time as the event of a topic with an interval."""
    starts, buys, sells, counts = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    return LiquidationVolume(
        symbol=topic.symbol,
        time_us=end_us,
        interval=topic.interval,
        start_us=starts,
        buy=buys,
        sell=sells,
        count=counts,
    )
