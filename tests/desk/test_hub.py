from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.events import BookSnapshot, Gap, MarkPrice, Status, Topic, Trade
from orderfox_nb.core.tape import TapeState
from orderfox_nb.desk.desk import topic_health
from orderfox_nb.desk.hub import Hub
from orderfox_nb.errors import SlowReader, UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from tests.desk.scripted import BTC, VENUE, ScriptedFeed, delta, live, snapshot, trade

pytestmark = pytest.mark.core

BOOK = Topic(VENUE, "BTCUSDT", "book")
TRADES = Topic(VENUE, "BTCUSDT", "trades")
MARK = Topic(VENUE, "BTCUSDT", "mark")


def mark_price(time_us: int) -> MarkPrice:
    return MarkPrice(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us,
        mark_price=101.0,
        index_price=101.0,
        funding_rate=0.0001,
        next_funding_us=0,
    )


async def test_fifty_readers_of_one_topic_cost_one_upstream():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub:
        feed.put(TRADES, trade(1, 1), trade(2, 2))
        streams = [hub.stream(TRADES) for _ in range(50)]
        first = await asyncio.gather(*(anext(stream) for stream in streams))
        assert {event.sequence for event in first if isinstance(event, Trade)} == {1}
        assert feed.opened == {TRADES: 1}
        await asyncio.gather(*(stream.aclose() for stream in streams))
        assert feed.closed == {TRADES: 1}
        assert hub.topics == ()


async def test_late_reader_gets_the_prelude_and_then_every_live_event():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, aclosing(hub.stream(TRADES)) as early:
        feed.put(TRADES, live(1), *(trade(n, n) for n in range(1, 11)))
        for _ in range(11):
            await anext(early)
        async with aclosing(hub.stream(TRADES)) as late:
            seen = [await anext(late) for _ in range(11)]
            feed.put(TRADES, trade(11, 11))
            seen.append(await anext(late))
        assert [event.sequence for event in seen if isinstance(event, Trade)] == list(range(1, 12))
        assert isinstance(seen[10], Status)


async def test_late_reader_of_a_book_folds_to_the_book_of_the_hub():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(BOOK) as state:
        feed.put(BOOK, snapshot(1, [(99.0, 1.0)], [(101.0, 2.0)]), delta(2, 101, [(99.0, 0.0), (98.0, 3.0)], []))
        feed.put(BOOK, live(2))
        await settle()
        async with aclosing(hub.stream(BOOK)) as late:
            event = await anext(late)
        assert isinstance(event, BookSnapshot)
        assert event.bids == [(98.0, 3.0)]
        assert state.quality.wire().state == "live"


async def test_a_slow_reader_learns_that_the_venue_restarted_with_what_it_lost():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    restart = Gap(symbol="BTCUSDT", time_us=5, reason="the venue restarted", restart=True)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.events(TRADES, bound=8) as reader:
        feed.put(TRADES, live(1), *(trade(n, n) for n in range(101, 104)))
        await settle()
        tape = TapeState(BTC)
        for _, event, _ in await reader.batch():
            tape.apply(event)
        feed.put(TRADES, restart, *(trade(n, n) for n in range(1, 21)))
        await settle()
        for _, event, _ in await reader.batch():
            tape.apply(event)
        assert [held.sequence for held in tape.view()] == list(range(1, 21))
        # It is reported once.
        feed.put(TRADES, *(trade(n, n) for n in range(21, 41)))
        await settle()
        (gap, *_) = [event for _, event, _ in await reader.batch()]
        assert isinstance(gap, Gap)
        assert not gap.restart


async def test_upstream_lingers_after_its_last_reader_and_then_closes():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=5, clock=clock) as hub:
        async with hub.watch(TRADES):
            await settle()
        await clock.advance(4)
        assert feed.closed == {}
        async with hub.watch(TRADES):
            await clock.advance(10)
            assert feed.opened == {TRADES: 1}
            assert feed.closed == {}
        await clock.advance(6)
        assert feed.closed == {TRADES: 1}
        assert hub.topics == ()


async def test_slow_reader_gets_a_gap_and_a_fresh_prelude_and_slows_no_other():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with (
        Hub(feed, linger_s=0, clock=clock) as hub,
        hub.events(TRADES) as quick,
        hub.events(TRADES, bound=8) as slow,
    ):
        feed.put(TRADES, *(trade(n, n) for n in range(1, 101)))
        await settle()
        assert [numbered.event.sequence for numbered in await quick.batch()] == list(range(1, 101))  # type: ignore[union-attr]
        feed.put(TRADES, trade(101, 101))
        gap, *prelude = await slow.batch()
        assert isinstance(gap.event, Gap)
        model = TapeState(BTC)
        for _, event, _ in prelude:
            model.apply(event)
        (sequence, last, _) = (await slow.batch())[0]
        assert isinstance(last, Trade)
        assert (sequence, last.sequence) == (101, 101)
        model.apply(last)
        state = hub.state(TRADES)
        assert state is not None
        assert model.digest() == state.fold.digest()
        assert state.lost == 100


async def test_slow_public_reader_is_disconnected():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.events(TRADES, bound=8, overflow="close") as reader:
        feed.put(TRADES, *(trade(n, n) for n in range(1, 101)))
        await settle()
        with pytest.raises(SlowReader, match="did not keep up"):
            await reader.batch()


async def test_event_numbers_are_the_topics_own_and_equal_for_all_readers():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.events(TRADES) as first:
        feed.put(TRADES, trade(1, 1), trade(2, 2))
        await settle()
        async with hub.events(TRADES) as second:
            feed.put(TRADES, trade(3, 3))
            await settle()
            assert [numbered.sequence for numbered in await first.batch()] == [1, 2, 3]
            assert [numbered.sequence for numbered in await second.batch()] == [2, 2, 3]


async def test_feed_error_ends_every_stream_and_the_next_reader_tries_again():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=5, clock=clock) as hub:
        async with hub.events(TRADES) as first, hub.events(TRADES) as second:
            feed.fail(TRADES, VenueUnreachable(VENUE, "gone"))
            for reader in (first, second):
                with pytest.raises(VenueUnreachable, match="gone"):
                    await reader.batch()
        async with aclosing(hub.stream(TRADES)) as again:
            feed.put(TRADES, trade(1, 1))
            assert await anext(again) == trade(1, 1)
        assert feed.opened == {TRADES: 2}


async def test_event_that_cannot_follow_becomes_a_gap_and_the_upstream_opens_again():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.events(BOOK) as reader:
        feed.put(BOOK, snapshot(1, [(99.0, 1.0)], [(101.0, 2.0)]), delta(2, 150, [(98.0, 1.0)], []))
        await settle()
        first, second = await reader.batch()
        assert isinstance(first.event, BookSnapshot)
        assert isinstance(second.event, Gap)
        feed.put(BOOK, snapshot(3, [(97.0, 1.0)], [(101.0, 2.0)], update_id=200))
        await clock.advance(1)
        (healed,) = await reader.batch()
        assert isinstance(healed.event, BookSnapshot)
        assert feed.opened == {BOOK: 2}
        assert feed.closed == {BOOK: 1}


async def test_stream_that_ended_ends_its_readers_and_keeps_its_state_for_late_ones():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(TRADES):
        feed.put(TRADES, trade(1, 1), trade(2, 2))
        feed.end(TRADES)
        assert [event async for event in hub.stream(TRADES)] == [trade(1, 1), trade(2, 2)]
        assert [event async for event in hub.stream(TRADES)] == [trade(1, 1), trade(2, 2)]


async def test_unknown_symbol_is_reported_before_anything_opens():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub:
        with pytest.raises(UnknownSymbol):
            await anext(hub.stream(Topic(VENUE, "NOPE", "trades")))
        assert feed.opened == {}


async def test_long_recording_reaches_a_reader_whole():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    feed.preludes[TRADES] = [trade(n, n) for n in range(1, 20_001)]
    async with Hub(feed, linger_s=0, clock=clock) as hub:
        feed.end(TRADES)
        seen = [event.sequence async for event in hub.stream(TRADES) if isinstance(event, Trade)]
    assert seen == list(range(1, 20_001))


async def test_events_that_arrive_late_turn_a_topic_stale_until_they_are_in_time():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    number = 0

    async def arrive(seconds: float, late_s: float) -> None:
        nonlocal number
        for _ in range(round(4 * seconds)):
            number += 1
            feed.put(TRADES, trade(clock.now_us() - round(late_s * 1e6), number))
            await settle()
            await clock.advance(0.25)

    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(TRADES) as state:
        feed.put(TRADES, live(clock.now_us()))
        await arrive(10, 0.1)
        assert topic_health(state).state == "live"
        await clock.advance(11)
        await arrive(3, 10.8)
        late = topic_health(state)
        assert (late.state, late.reason, late.lag_ms) == ("stale", "events arrive 10.7 s late", 10_800)
        assert [lapse.reason for lapse in state.quality.intervals()] == [late.reason]
        await clock.advance(11)
        await arrive(1, 0.2)
        assert (topic_health(state).state, topic_health(state).reason) == ("live", "")


async def test_silence_turns_a_topic_stale_by_the_venues_clock():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(BOOK) as state:
        feed.put(BOOK, snapshot(clock.now_us(), [(99.0, 1.0)], [(101.0, 2.0)]), live(clock.now_us()))
        await settle()
        assert state.quality.wire().state == "live"
        await clock.advance(60)
        assert state.quality.wire().state == "stale"
    assert clock.sleepers == 0 or all(task.done() for task in asyncio.all_tasks() - {asyncio.current_task()})


async def test_a_crossed_book_with_levels_that_cannot_be_read_does_not_end_the_tick():
    clock = ManualClock(1_000_000)
    feed = ScriptedFeed(clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(BOOK) as book, hub.watch(MARK) as mark:
        broken = msgspec.structs.replace(delta(2, 101, [], []), raw_bids=msgspec.Raw(b'[["x","y"]]'))
        feed.put(BOOK, snapshot(1, [(102.0, 1.0)], [(101.0, 2.0)]), broken)
        feed.put(MARK, mark_price(1_000_000), live(1_000_000))
        await settle()
        for _ in range(30):
            await clock.advance(0.25)
        assert book.quality.wire().state == "gap"
        assert mark.quality.wire().state == "stale", "silence is still noticed"


async def test_lapses_of_open_topics_are_kept_however_many_others_come_and_go():
    clock = ManualClock(1_000_000)
    feed = ScriptedFeed(clock)
    feed.rows = [
        Listing(instrument=msgspec.structs.replace(BTC, symbol=f"N{number}USDT"), ticker=None) for number in range(600)
    ]
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(Topic(VENUE, "N0USDT", "book")):
        for number in range(1, 600):
            async with hub.watch(Topic(VENUE, f"N{number}USDT", "book")):
                pass
        assert list(hub.lapses("N0USDT")) == [Topic(VENUE, "N0USDT", "book")]
        assert hub.lapses("N1USDT") == {}
        assert len(hub.lapses("N599USDT")) == 1


async def test_recording_that_runs_ahead_of_its_clock_is_not_called_skewed():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    feed.recorded = True
    async with Hub(feed, linger_s=0, clock=clock) as hub:
        async with hub.watch(TRADES) as state:
            ahead_us = clock.now_us() + 60_000_000
            feed.put(TRADES, live(clock.now_us()), trade(ahead_us, 1))
            await settle()
            await clock.advance(2)
            assert state.quality.wire().state == "live"
            assert hub.now_us() == ahead_us
        assert hub.now_us() == clock.now_us()
