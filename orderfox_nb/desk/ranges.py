"""Ranges of the past, joined from what is recorded here, what was fetched before, and what the venue still knows."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from orderfox_nb.core.channels import channel_spec, check_interval
from orderfox_nb.core.events import Candle, Event, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.timeframes import MINUTE_US, TIMEFRAME_US, bar_open_us, next_bar_us
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.recorded_past import RecordedPast
from orderfox_nb.errors import BadValue, FeedError, NoPast
from orderfox_nb.feeds.base import Feed
from orderfox_nb.feeds.charges import charge
from orderfox_nb.feeds.past import MAX_PAGES, RangePage, Span, check_past, past_us
from orderfox_nb.recording.complete import CompletePart
from orderfox_nb.recording.past_files import PastFiles, StoredPart

MAX_EVENTS: Final = 10_000
"""Largest number of events in one page; more only if they have the same time."""
PAGE_WEIGHT: Final = 2
"""Charged to a client for a page, beside what the venue's answers cost."""
_CHUNK: Final = 1_440
_POLLED_CHUNK: Final = 480
"""Periods that are fetched and kept together, from multiples of that many on: no more than a venue answers at once."""
_SETTLED_US: Final = MINUTE_US
"""What is younger may still be joined by late events: it is not kept."""


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A range inside what the venue can know."""

    topic: Topic
    start_us: int
    end_us: int
    now_us: int
    """The venue's time."""
    listed_us: int
    run: str
    """Run of the venue, empty if nothing may be kept."""


class Ranges:
    """Answers ranges of one venue's past, page by page.

    Args:
        feed: Where the venue's past is requested.
        catalogue: When symbols were listed.
        recorded: What is recorded here.
        kept: What was fetched before.
        run: Names the venue's run in ``kept``, empty if nothing may be kept.
    """

    def __init__(
        self, feed: Feed, catalogue: Catalogue, recorded: RecordedPast, kept: PastFiles, run: Callable[[Origin], str]
    ) -> None:
        self._feed = feed
        self._catalogue = catalogue
        self._recorded = recorded
        self._kept = kept
        self._run = run

    async def range_page(self, topic: Topic, start_us: int, end_us: int) -> RangePage:
        """Return the first part of a range; see ``RangedPast``."""
        check_past(self._feed.venue, topic, Span())
        if channel_spec(topic.channel).summed:
            check_interval(channel_spec(topic.channel), topic.interval)
        if end_us <= start_us:
            raise BadValue("end", end_us, "a time after the start")
        charge(PAGE_WEIGHT)
        instrument = (await self._catalogue.resolve(topic.symbol)).instrument
        if instrument.symbol != topic.symbol:
            raise BadValue("symbol", topic.symbol, f"{instrument.symbol}, as the venue writes it")
        now_us, listed_us = self._feed.now_us(), instrument.onboard_us
        if topic.interval and listed_us:
            listed_us = bar_open_us(listed_us, topic.interval)
        if start_us < listed_us:
            day = datetime.fromtimestamp(instrument.onboard_us / 1e6, UTC)
            reason = f"before the listing of {topic.symbol} on {day:%Y-%m-%d}"
            return RangePage(min(end_us, listed_us), source="", reason=reason)
        if start_us >= now_us:
            return RangePage(end_us, source="", reason="in the future")
        asked = _Asked(
            topic=topic,
            start_us=_first_us(start_us, topic.interval),
            end_us=min(end_us, now_us),
            now_us=now_us,
            listed_us=listed_us,
            run=self._run(self._feed.origin),
        )
        page = await self._page(asked) if asked.start_us < asked.end_us else RangePage(asked.end_us)
        return _bounded(page)

    async def _page(self, asked: _Asked) -> RangePage:
        # Of a sample the venue's own history has more than the stream that was recorded.
        if channel_spec(asked.topic.channel).coverage == "sampled":
            return await self._from_venue(asked, None)
        recorded = await self._recorded_part(asked)
        if recorded is not None and recorded.start_us <= asked.start_us:
            return _part(recorded, asked, "recording")
        return await self._from_venue(asked, recorded)

    async def _from_venue(self, asked: _Asked, recorded: CompletePart | None) -> RangePage:
        """Answer with what was fetched before, or fetch it, up to where it is recorded."""
        kept = await self._find(asked, asked.start_us)
        if isinstance(kept, StoredPart):
            return _part(kept, asked, "venue")
        limits = [limit_us for limit_us in (kept, recorded and recorded.start_us) if limit_us is not None]
        try:
            return await self._fetch(asked, limits)
        except NoPast as error:
            bound_us = min([asked.end_us, *limits])
            if recorded is None and (recorded := await self._recorded_part(asked)) is not None:
                if recorded.start_us <= asked.start_us:
                    return _part(recorded, asked, "recording")
                bound_us = recorded.start_us
            until_us = error.since_us if asked.start_us < error.since_us < bound_us else bound_us
            return RangePage(until_us, source="", reason=str(error))

    async def _recorded_part(self, asked: _Asked) -> CompletePart | None:
        origin = self._feed.origin
        if origin.recorded or (origin.simulated and not origin.epoch):
            return None
        return await asyncio.to_thread(
            self._recorded.next_part, origin.venue, origin.epoch, asked.topic, asked.start_us, asked.end_us
        )

    async def _find(self, asked: _Asked, time_us: int) -> StoredPart | int | None:
        return await asyncio.to_thread(self._kept.find, asked.run, asked.topic, time_us) if asked.run else None

    async def _fetch(self, asked: _Asked, limits: Sequence[int]) -> RangePage:
        """Ask the venue, for a whole chunk where its events can be counted."""
        topic, start_us = asked.topic, asked.start_us
        first_us, until_us, count = start_us, min([asked.end_us, *limits]), None
        if topic.interval:
            unit_us = TIMEFRAME_US[topic.interval]
            length_us = (_POLLED_CHUNK if channel_spec(topic.channel).polled else _CHUNK) * unit_us
            chunk_us = start_us - start_us % length_us
            if asked.run:
                until_us = min([chunk_us + length_us, asked.now_us, *limits])
                if not isinstance(await self._find(asked, start_us - 1), StoredPart):
                    first_us = max(chunk_us, asked.listed_us)
            else:
                until_us = min(chunk_us + length_us, until_us)
            count = -(-(until_us - first_us) // unit_us)
        events: list[Event] = []
        left: Span | None = Span(start_us=first_us, end_us=until_us, limit=count)
        covered_us = first_us
        for _ in range(MAX_PAGES):
            page = await self._feed.past.page(topic, left)
            events += page.events
            left = page.next
            covered_us = _covered_us(events, left, first_us, until_us)
            if left is None or covered_us > start_us:
                break
        if covered_us <= start_us:
            raise FeedError(self._feed.venue, f"{topic} has more events of one moment than can be read")
        events = events[: bisect_left(events, covered_us, key=past_us)]
        if asked.run and asked.run == self._run(self._feed.origin):
            await self._keep(asked, CompletePart(first_us, covered_us, events))
        return _part(CompletePart(first_us, covered_us, events), asked, "venue")

    async def _keep(self, asked: _Asked, part: CompletePart) -> None:
        """Keep what cannot change any more."""
        settled_us = min(part.end_us, asked.now_us - _SETTLED_US)
        if part.events and isinstance(last := part.events[-1], Candle) and not last.closed:
            settled_us = min(settled_us, last.open_us)
        if settled_us > part.start_us:
            done = part.events[: bisect_left(part.events, settled_us, key=past_us)]
            await asyncio.to_thread(self._kept.keep, asked.run, asked.topic, part.start_us, settled_us, done)


def _covered_us(events: Sequence[Event], left: Span | None, first_us: int, until_us: int) -> int:
    """Return up to where all events of a range were read."""
    if left is None:
        return until_us
    if left.start_us is not None:
        return left.start_us
    # The page ends between two ids: more of the last moment may follow.
    return past_us(events[-1]) if events else first_us


def _first_us(start_us: int, interval: str) -> int:
    """Return the first bar's open time at or after a start, or the start itself."""
    if not interval:
        return start_us
    open_us = bar_open_us(start_us, interval)
    return open_us if open_us == start_us else next_bar_us(open_us, interval)


def _part(part: CompletePart | StoredPart, asked: _Asked, source: Literal["venue", "recording"]) -> RangePage:
    end_us = min(part.end_us, asked.end_us)
    first, last = (bisect_left(part.events, time_us, key=past_us) for time_us in (asked.start_us, end_us))
    return RangePage(end_us, part.events[first:last], source)


def _bounded(page: RangePage) -> RangePage:
    """Return at most ``MAX_EVENTS`` of a page, with all events of each moment."""
    if len(page.events) <= MAX_EVENTS:
        return page
    end_us = past_us(page.events[MAX_EVENTS])
    at = bisect_left(page.events, end_us, key=past_us)
    if not at:
        end_us += 1
        at = bisect_left(page.events, end_us, key=past_us)
    return msgspec.structs.replace(page, end_us=end_us, events=page.events[:at])
