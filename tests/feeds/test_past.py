"""Every feed keeps the contract of ``feeds/past.py``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderfox_nb.core.events import (
    Candle,
    Channel,
    Event,
    Liquidation,
    LiquidationVolume,
    MarkPrice,
    OpenInterest,
    Topic,
    Trade,
)
from orderfox_nb.core.timeframes import HOUR_US, MINUTE_US, SECOND_US, TIMEFRAME_US, bar_open_us
from orderfox_nb.errors import BadValue, NoPast, UnknownSymbol
from orderfox_nb.feeds.past import Past, Span, buckets_of, page_of, past_us, read_past
from orderfox_nb.feeds.venue.past_liquidations import history_page
from tests.feeds.contract import Stage
from tests.feeds.stages import STAGES

pytestmark = pytest.mark.feeds

FEEDS = ("binance", "spot", "replay", "hub over binance", "remote")
DAY_US = 24 * HOUR_US


@pytest.fixture(params=FEEDS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param]() as stage:
        yield stage


async def paged(past: Past, topic: Topic, span: Span) -> list[Event]:
    """Read a span page after page, and check each page."""
    pages: list[Sequence[Event]] = []
    left: Span | None = span
    while left is not None:
        page = await past.page(topic, left)
        assert len(page.events) <= (span.limit or 10**6)
        assert all(span.holds(event) for event in page.events)
        pages.append(page.events)
        left = page.next
        assert len(pages) < 200
    return [event for page in (pages if span.forward else reversed(pages)) for event in page]


def places(events: Sequence[Event]) -> list[Any]:
    return [event.sequence if isinstance(event, Trade) else past_us(event) for event in events]


async def test_the_past_of_bars_is_covered_in_both_directions(stage: Stage) -> None:
    past, topic = stage.feed.past, stage.topic("candles")
    bars, _ = await read_past(past, topic, Candle, Span(limit=130))
    opens = places(bars)
    assert opens == list(range(opens[0], opens[0] + 130 * MINUTE_US, MINUTE_US))
    assert all(bar.closed for bar in bars[:-1])
    assert not bars[-1].closed
    # The second ends are between two bars: a bar is in a span by when it opens.
    start_us, end_us = opens[3] - SECOND_US, opens[120] + 1
    forward = await paged(past, topic, Span(start_us=start_us, end_us=end_us, limit=31))
    assert places(forward) == opens[3:121]
    assert all(isinstance(bar, Candle) and bar.closed for bar in forward)
    backward: list[Event] = []
    left: Span | None = Span(end_us=end_us, limit=31)
    while left is not None and len(backward) < 100:
        page = await past.page(topic, left)
        assert 0 < len(page.events) <= 31
        backward, left = [*page.events, *backward], page.next
    assert places(backward)[-100:] == opens[21:121]
    assert len((await past.page(topic, Span(start_us=end_us, end_us=start_us))).events) == 0


async def test_more_than_a_page_of_bars_is_read_over_several(stage: Stage) -> None:
    past, topic = stage.feed.past, stage.topic("candles")
    page = await past.page(topic, Span(limit=100_000))
    if stage.ends:  # a list is one page
        assert page.next is None
        return
    assert 0 < len(page.events) < 2_000
    assert page.next is not None
    bars, left = await read_past(past, topic, Candle, Span(limit=3_100))
    assert left is not None
    assert {later.open_us - bar.open_us for bar, later in pairwise(bars)} == {MINUTE_US}
    assert len(bars) == 3_100
    again, left = await read_past(past, topic, Candle, Span(start_us=bars[0].open_us, end_us=bars[-1].open_us))
    assert left is None
    assert places(again) == places(bars[:-1])
    # A reading is bounded, and says what it has left out.
    some, left = await read_past(past, topic, Candle, Span(start_us=bars[0].open_us), max_pages=1)
    assert left is not None
    assert left.start_us == some[-1].open_us + MINUTE_US


async def test_the_past_of_trades_is_covered_in_both_directions(stage: Stage) -> None:
    past, topic = stage.feed.past, stage.topic("trades")
    trades, left = await read_past(past, topic, Trade, Span(limit=200))
    assert len(trades) == 200
    if trades[0].sequence is None:
        # Another server answers its newest rows, and says so instead of answering nothing.
        for span in (left, Span(start_us=1), Span(end_us=trades[-1].time_us)):
            assert span is not None
            with pytest.raises(NoPast, match="only its newest"):
                await past.page(topic, span)
        return
    ids = places(trades)
    assert ids == list(range(ids[0], ids[0] + 200))
    first, last = trades[5], trades[180]
    by_id = Span(from_id=first.id, before_id=last.id, limit=33)
    assert places(await paged(past, topic, by_id)) == ids[5:180]
    start_us, end_us = first.time_us, last.time_us
    expected = [trade.sequence for trade in trades if start_us <= trade.time_us < end_us]
    by_time = await paged(past, topic, Span(start_us=start_us, end_us=end_us, limit=33))
    assert set(expected) <= {*places(by_time)}
    assert places(by_time)[-len(expected) :] == expected
    backward: list[Event] = []
    left = Span(end_us=end_us, limit=33)
    while left is not None and len(backward) < len(expected):
        page = await past.page(topic, left)
        assert 0 < len(page.events) <= 33
        backward, left = [*page.events, *backward], page.next
    assert places(backward)[-len(expected) :] == expected
    assert list((await past.page(topic, Span(from_id=last.id, before_id=first.id))).events) == []
    # A hole that a stream has to fill is longer than a page.
    if not stage.ends:
        missing = Span(from_id=str(ids[0] - 2_300), before_id=str(ids[0]))
        filled, left = await read_past(past, topic, Trade, missing)
        assert left is None
        assert places(filled) == list(range(ids[0] - 2_300, ids[0]))


async def test_the_past_of_orders_and_their_sums_is_covered_in_both_directions(stage: Stage) -> None:
    past, topic = stage.feed.past, stage.topic("liquidations")
    hourly = replace(topic, interval="1h")
    if "liquidations" in stage.feed.origin.absent:
        for absent in (topic, hourly):
            with pytest.raises(NoPast):
                await past.page(absent, Span())
        return
    (bar,), _ = await read_past(past, stage.topic("candles"), Candle, Span(limit=1))
    now_us = bar_open_us(bar.open_us, "1h")
    whole = Span(start_us=now_us - 3 * DAY_US, end_us=now_us)
    if stage.ends:
        with pytest.raises(NoPast, match="may include its orders"):
            await past.page(hourly, whole)
    else:
        (sums,), left = await read_past(past, hourly, LiquidationVolume, whole)
        assert left is None
        rows = list(sums.rows)
        assert len(rows) > 10
        assert all(a[0] < b[0] for a, b in pairwise(rows))
        assert sums.time_us == now_us
        for span in (replace(whole, limit=11), Span(end_us=now_us, limit=11)):
            read: list[Any] = []
            rest: Span | None = span
            while rest is not None and (span.forward or len(read) < 8):
                page = await past.page(hourly, rest)
                read, rest = [*read, *page.events] if span.forward else [*page.events, *read], page.next
            got = [row for event in read for row in event.rows]
            assert len(got) == len({row[0] for row in got})
            assert [row for row in got if row[0] >= now_us - 3 * DAY_US] == rows
        # Longer than what another server answers at once.
        minutes, left = await read_past(
            past, replace(topic, interval="1m"), LiquidationVolume, Span(start_us=now_us - 2 * DAY_US, end_us=now_us)
        )
        assert left is None
        total = sum(buy + sell for event in minutes for _, buy, sell, _ in event.rows)
        assert total == pytest.approx(sum(row[1] + row[2] for row in rows if row[0] >= now_us - 2 * DAY_US))
    try:
        orders, _ = await read_past(past, topic, Liquidation, Span(limit=40))
    except NoPast:
        assert stage.own == ("remote",)
        return
    times = places(orders)
    assert times == sorted(times)
    assert len(times) > 10
    span = Span(start_us=times[0], end_us=times[-1], limit=7)
    inside = [time_us for time_us in times if time_us < times[-1]]
    assert places(await paged(past, topic, span)) == inside
    backward, _ = await read_past(past, topic, Liquidation, Span(end_us=times[-1], limit=len(inside)))
    assert places(backward) == inside


async def test_what_cannot_be_answered_is_an_error(stage: Stage) -> None:
    past, bars, trades = stage.feed.past, stage.topic("candles"), stage.topic("trades")
    for topic, span, words in (
        (replace(bars, channel="funding"), Span(), "one of book"),
        (replace(bars, venue="elsewhere"), Span(), "venue"),
        (replace(bars, interval="7m"), Span(), "interval"),
        (replace(trades, interval="1m"), Span(), "interval"),
        (bars, Span(from_id="7"), "no ids"),
    ):
        with pytest.raises(BadValue, match=words):
            await past.page(topic, span)
    with pytest.raises(BadValue, match="limit"):
        Span(limit=0)
    if not stage.ends and stage.own != ("remote",):
        with pytest.raises(BadValue, match="whole number"):
            await past.page(trades, Span(from_id="first"))
    with pytest.raises(NoPast, match="whole market"):
        await past.page(replace(stage.topic("liquidations"), symbol="*"), Span())
    with pytest.raises(UnknownSymbol):
        await past.page(replace(bars, symbol="NOPE"), Span())
    if stage.ends or "mark" in stage.feed.origin.absent:
        for topic in (stage.topic("mark"), replace(stage.topic("open_interest"), interval="1h")):
            with pytest.raises(NoPast):
                await past.page(topic, Span())


@pytest.mark.parametrize(
    ("channel", "interval", "step_us"),
    [
        ("mark", "", 8 * HOUR_US),
        ("mark", "1m", MINUTE_US),
        ("mark", "1h", HOUR_US),
        ("open_interest", "5m", 5 * MINUTE_US),
        ("open_interest", "1h", HOUR_US),
    ],
)
async def test_the_past_by_period_is_covered_in_both_directions(
    stage: Stage, channel: Channel, interval: str, step_us: int
) -> None:
    if stage.ends or channel in stage.feed.origin.absent or stage.own == ("remote",):
        return
    past, topic = stage.feed.past, replace(stage.topic(channel), interval=interval)
    kind = MarkPrice if channel == "mark" else OpenInterest
    newest, _ = await read_past(past, topic, kind, Span(limit=90))
    times = places(newest)
    assert times == list(range(times[0], times[0] + 90 * step_us, step_us))
    start_us, end_us = times[3] - SECOND_US, times[80] + 1
    forward = await paged(past, topic, Span(start_us=start_us, end_us=end_us, limit=13))
    assert forward == newest[3:81]
    backward, _ = await read_past(past, topic, kind, Span(end_us=end_us, limit=50))
    assert backward == newest[31:81]
    if channel == "mark":
        assert all(isinstance(event, MarkPrice) and event.mark_price > 0 for event in newest)
        paid = [event.funding_rate is not None for event in newest if isinstance(event, MarkPrice)]
        assert all(paid) if not interval else not any(paid)
    # More than the venue answers at once.
    if interval == "5m":
        some = await paged(past, topic, Span(start_us=times[-1] - 1_200 * step_us, end_us=times[-1]))
        assert places(some) == list(range(times[-1] - 1_200 * step_us, times[-1], step_us))


async def test_open_interest_is_kept_by_the_venues_own_periods(stage: Stage) -> None:
    if stage.ends or stage.own == ("remote",):
        return
    with pytest.raises(NoPast):
        await stage.feed.past.page(stage.topic("open_interest"), Span())


@given(
    gaps=st.lists(st.integers(0, 2), max_size=30),
    limit=st.integers(1, 8),
    bounds=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    forward=st.booleans(),
    ordered=st.booleans(),
)
def test_pages_of_a_list_hold_each_event_once(
    gaps: list[int], limit: int, bounds: tuple[int, int], forward: bool, ordered: bool
) -> None:
    """Also where many are of one moment, and whether or not they have ids."""
    times = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    events: list[Event] = [
        Trade(symbol="X", time_us=at, id=str(number), sequence=number, price=1, size=1, aggressor="buy")
        if ordered
        else Liquidation(symbol="X", time_us=at, side="buy", size=number + 1, price=1)
        for number, at in enumerate(times)
    ]
    span = Span(start_us=bounds[0] if forward else None, end_us=bounds[1], limit=limit)
    left: Span | None = span
    pages: list[Sequence[Event]] = []
    while left is not None:
        page = page_of(events, left)
        one_moment = len({past_us(event) for event in page.events}) == 1
        assert len(page.events) > 0 or page.next is None
        assert len(page.events) <= limit or (one_moment and not ordered)
        pages.append(page.events)
        left = page.next
    read = [event for page in (pages if forward else reversed(pages)) for event in page]
    assert read == [event for event in events if span.holds(event)]


@given(
    interval=st.sampled_from(["1m", "1h", "1d", "1w", "1M"]),
    units=st.tuples(st.integers(0, 40), st.integers(1, 40)),
    off_us=st.integers(0, 50_000_000),
    most=st.integers(1, 9),
    forward=st.booleans(),
)
def test_parts_of_sums_meet_at_bounds_of_buckets(
    interval: str, units: tuple[int, int], off_us: int, most: int, forward: bool
) -> None:
    unit_us = TIMEFRAME_US[interval]
    start_us = bar_open_us(1_700_000_000_000_000 + units[0] * unit_us, interval) + off_us
    end_us = start_us + units[1] * unit_us
    left: Span | None = Span(start_us=start_us if forward else None, end_us=end_us)
    parts: list[Span] = []
    while left is not None and (forward or not parts or (parts[-1].start_us or 0) > start_us):
        part, left = buckets_of(left, interval, now_us=end_us, most=most)
        parts.append(part)
    if not forward:
        parts.reverse()
        assert (parts[0].start_us or 0) <= start_us
    else:
        assert parts[0].start_us == start_us
    assert parts[-1].end_us == end_us
    for part, following in pairwise(parts):
        assert part.end_us == following.start_us
        assert bar_open_us(part.end_us or 0, interval) == part.end_us


async def test_a_search_for_old_liquidations_ends_where_the_history_takes_back_what_it_had():
    class Forgetful:
        asked = 0

        async def newest_between(self, symbol: str, start_us: int, end_us: int) -> tuple[list[Liquidation], bool]:
            del symbol, start_us, end_us
            self.asked += 1
            assert self.asked < 100
            return [], self.asked > 2

    span = Span(start_us=DAY_US, end_us=2 * DAY_US)
    history: Any = Forgetful()
    page = await history_page(history, Topic("venue", "BTCUSDT", "liquidations"), span, 2 * DAY_US)
    assert not page.events
