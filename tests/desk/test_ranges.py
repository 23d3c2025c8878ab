"""Ranges of the past: what is recorded, what was fetched, and what the venue still knows, as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import Candle, Event, Topic, Trade
from orderfox_nb.desk.desk import Desk
from orderfox_nb.errors import BadValue, NoPast, UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import PastPage, RangePage, Span, past_us
from tests.desk.scripted import BTC, VENUE, ScriptedFeed, trade
from tests.desk.test_frames import MINUTE_US, bar, desk_of
from tests.recording.made import SECOND_US, START_US, TRADES, record

pytestmark = pytest.mark.core

BARS = Topic(VENUE, "BTCUSDT", "candles", "1m")
DAY_US = 1_440 * MINUTE_US
OPEN_US = START_US - START_US % DAY_US


class CountedFeed(ScriptedFeed):
    """Counts the pages that were asked for, of at most so many events."""

    per_page = 1_000

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.pages = 0

    async def page(self, topic: Topic, span: Span) -> PastPage:
        self.pages += 1
        return await super().page(topic, replace(span, limit=min(span.limit or self.per_page, self.per_page)))


async def read(desk: Desk, topic: Topic, start_us: int, end_us: int) -> tuple[list[Event], list[tuple[int, str, str]]]:
    """Read a range; return its events, and where each part ends with its source or why it is missing."""
    events: list[Event] = []
    parts: list[tuple[int, str, str]] = []
    while start_us < end_us:
        page: RangePage = await desk.ranges.range_page(topic, start_us, end_us)
        assert start_us < page.end_us <= end_us
        assert all(start_us <= past_us(event) < page.end_us for event in page.events)
        events += page.events
        parts.append((page.end_us, page.source, page.reason))
        start_us = page.end_us
    return events, parts


def numbers(events: Sequence[Event]) -> list[Any]:
    return [event.sequence for event in events if isinstance(event, Trade)]


def trades_around(seconds_before: int, seconds_after: int) -> list[Trade]:
    """Return five trades a second with numbers that go on over what ``record`` writes."""
    found = [
        trade(START_US + second * SECOND_US + (part + 1) * 150_000, 5 * second + part + (second >= 0))
        for second in range(-seconds_before, seconds_after)
        for part in range(5)
    ]
    return sorted([*found, trade(START_US, 0)], key=lambda each: each.time_us)


async def test_what_is_recorded_wins_and_the_venue_fills_the_rest(tmp_path: Path):
    record(tmp_path / "recordings" / "minute", 60)
    clock = ManualClock(START_US + 300 * SECOND_US)
    feed = CountedFeed(clock)
    feed.past_trades = trades_around(100, 200)
    async with desk_of(feed, tmp_path) as desk:
        start_us, end_us = START_US - 50 * SECOND_US, START_US + 100 * SECOND_US
        events, parts = await read(desk, TRADES, start_us, end_us)
        assert numbers(events) == [each.sequence for each in feed.past_trades if start_us <= each.time_us < end_us]
        # Of the recorded minute the prices are those that were recorded; its last seconds may be joined by late events.
        recorded = [e.price for e in events if isinstance(e, Trade) and e.time_us < START_US + 54 * SECOND_US]
        assert set(recorded[:251]) == {50_000.0}
        assert 50_000.0 not in recorded[251:]
        assert [(part[0], part[1]) for part in parts] == [
            (START_US, "venue"),
            (START_US + 60 * SECOND_US - 1 - 5 * SECOND_US, "recording"),
            (end_us, "venue"),
        ]
        inside = feed.pages
        await read(desk, TRADES, START_US + SECOND_US, START_US + 50 * SECOND_US)
        assert feed.pages == inside


async def test_a_recording_of_another_run_is_another_past(tmp_path: Path):
    record(tmp_path / "recordings" / "minute", 60)
    feed = CountedFeed(ManualClock(START_US + 300 * SECOND_US))
    feed.past_trades = trades_around(10, 100)
    origin = replace(feed.origin, simulated=True, epoch="another")
    feed.__class__ = type("Another", (CountedFeed,), {"origin": origin})
    async with desk_of(feed, tmp_path) as desk:
        events, parts = await read(desk, TRADES, START_US, START_US + 50 * SECOND_US)
        assert {part[1] for part in parts} == {"venue"}
        assert {event.price for event in events if isinstance(event, Trade)} == {50_000.0}
    # What was fetched of this run is not given for another one.
    feed.past_trades = ()
    feed.__class__ = type("Third", (CountedFeed,), {"origin": replace(origin, epoch="third")})
    async with desk_of(feed, tmp_path) as desk:
        assert (await read(desk, TRADES, START_US, START_US + 50 * SECOND_US))[0] == []


async def test_what_was_fetched_is_not_fetched_again_and_bars_come_by_the_chunk(tmp_path: Path):
    now_us = OPEN_US + 2 * DAY_US + 90 * SECOND_US
    clock = ManualClock(now_us)
    feed = CountedFeed(clock)
    feed.per_page = 1_500

    def bars() -> list[Candle]:
        opens = range(OPEN_US, clock.now_us(), MINUTE_US)
        return [bar(at, 50_000.0 + at % 7, closed=at + MINUTE_US <= clock.now_us()) for at in opens]

    feed.past_candles = bars()
    async with desk_of(feed, tmp_path) as desk:
        start_us = OPEN_US + 100 * MINUTE_US
        first, _ = await read(desk, BARS, start_us, start_us + 10 * MINUTE_US)
        assert (len(first), feed.pages) == (10, 1)
        events, _ = await read(desk, BARS, OPEN_US, now_us)
        assert events == feed.past_candles
        assert feed.pages == 3
        await read(desk, BARS, OPEN_US + 1, OPEN_US + 2 * DAY_US)
        assert feed.pages == 3
        # The bar that was open is asked for again: it was not kept.
        await clock.advance(180)
        feed.past_candles = bars()
        events, _ = await read(desk, BARS, OPEN_US, clock.now_us())
        assert events == feed.past_candles
        assert feed.pages == 4
    # Another process with the same folder.
    async with desk_of(feed, tmp_path) as desk:
        await read(desk, BARS, OPEN_US, OPEN_US + 2 * DAY_US)
        assert feed.pages == 4


async def test_a_file_that_cannot_be_read_is_fetched_again(tmp_path: Path):
    feed = CountedFeed(ManualClock(OPEN_US + 3 * DAY_US))
    feed.per_page = 1_500
    feed.past_candles = [bar(OPEN_US + at * MINUTE_US, 50_000.0, closed=True) for at in range(1_440)]
    async with desk_of(feed, tmp_path) as desk:
        await read(desk, BARS, OPEN_US, OPEN_US + DAY_US)
        (path,) = (tmp_path / "history").rglob("*.ofp")
        path.write_bytes(path.read_bytes()[:-9])
        events, _ = await read(desk, BARS, OPEN_US, OPEN_US + DAY_US)
        assert (len(events), feed.pages) == (1_440, 2)


async def test_what_cannot_be_known_is_missing_for_a_reason(tmp_path: Path):
    now_us = OPEN_US + 10 * DAY_US
    feed = CountedFeed(ManualClock(now_us))
    feed.rows = [Listing(instrument=replace(BTC, onboard_us=OPEN_US + DAY_US + 90 * SECOND_US))]
    feed.past_candles = [bar(OPEN_US + DAY_US + at * MINUTE_US, 50_000.0, closed=True) for at in range(1, 60)]
    async with desk_of(feed, tmp_path) as desk:
        events, parts = await read(desk, BARS, OPEN_US, OPEN_US + DAY_US + 60 * MINUTE_US)
        assert parts[0] == (OPEN_US + DAY_US + MINUTE_US, "", "before the listing of BTCUSDT on 2023-11-15")
        assert len(events) == 59
        _, parts = await read(desk, BARS, now_us - 1, now_us + DAY_US)
        assert parts[-1] == (now_us + DAY_US, "", "in the future")
        feed.past_error = NoPast(VENUE, "trades are kept for two days", since_us=now_us - 2 * DAY_US)
        _, parts = await read(desk, TRADES, now_us - 3 * DAY_US, now_us - 2 * DAY_US)
        assert parts[0][1:] == ("", str(feed.past_error))
        feed.past_error = VenueUnreachable(VENUE, "no answer")
        with pytest.raises(VenueUnreachable):
            await read(desk, TRADES, now_us - DAY_US, now_us)
        for topic, bounds, error in (
            (replace(BARS, interval="7m"), (1, 2), BadValue),
            (replace(BARS, channel="funding"), (1, 2), BadValue),
            (replace(BARS, symbol="NOPE"), (1, 2), UnknownSymbol),
            (BARS, (2, 2), BadValue),
        ):
            with pytest.raises(error):
                await desk.ranges.range_page(topic, *bounds)


@settings(max_examples=25, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    per_page=st.integers(1, 9),
    asked=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=6),
)
async def test_ranges_hold_each_event_once_whatever_was_asked_before(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], per_page: int, asked: list[tuple[int, int]]
):
    """Also where many trades are of one moment, and pages end in the middle of it."""
    times = [START_US + sum(gaps[: number + 1]) * SECOND_US for number in range(len(gaps))]
    feed = CountedFeed(ManualClock(START_US + 3_600 * SECOND_US))
    feed.per_page = per_page
    feed.past_trades = [trade(at, number) for number, at in enumerate(times)]
    async with desk_of(feed, tmp_path_factory.mktemp("ranges")) as desk:
        for first, length in asked:
            start_us, end_us = START_US + first * SECOND_US, START_US + (first + length) * SECOND_US
            events, _ = await read(desk, TRADES, start_us, end_us)
            assert events == [event for event in feed.past_trades if start_us <= event.time_us < end_us]
