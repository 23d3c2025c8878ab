"""Prices and sizes that are no multiples of the known steps: noticed with the first, and never folded into others."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Gap, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.refinements import Refinements
from orderfox_nb.errors import OffStep
from orderfox_nb.feeds.base import Listing
from tests.desk.scripted import VENUE, ScriptedFeed, delta, live, snapshot, ticker, trade
from tests.desk.test_frames import START_US, desk_of

pytestmark = pytest.mark.core

BOOK = Topic(VENUE, "BTCUSDT", "book")
TRADES = Topic(VENUE, "BTCUSDT", "trades")
STEPS = ("0.0000001", "0.001", "0.01", "0.05", "0.1", "0.25", "0.5", "1", "5", "10")


def instrument(tick: str, lot: str = "0.001") -> Instrument:
    return Instrument(
        venue=VENUE,
        symbol="BTCUSDT",
        unified="BTC/USDT:USDT",
        base="BTC",
        quote="USDT",
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
    )


@given(tick=st.sampled_from(STEPS), ticks=st.integers(0, 10**10), parts=st.integers(2, 20))
def test_whole_ticks_are_on_the_step_and_what_lies_between_two_is_not(tick: str, ticks: int, parts: int) -> None:
    counted = instrument(tick)
    counted.check(counted.price(ticks))
    between = float(counted.exact_price(ticks) + Decimal(tick) / parts)
    with pytest.raises(OffStep) as found:
        counted.check(between)
    if Decimal(str(between)) % (Decimal(tick) / parts) == 0:
        finer = counted.refined(found.value)
        finer.check(between)
        finer.check(counted.price(ticks))
        assert counted.tick_size % finer.tick_size == 0


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([(49_999.95, 1.0)], []),
        ([], [(50_001.0, 1.0005)]),
        ([(49_999.95, 0.0)], []),  # it would remove the level beside it
        ([(49_999.9, 1.0), (49_999.85, 2.0)], []),  # two levels that fall on one tick
    ],
)
def test_a_book_never_applies_a_level_that_lies_between_two_ticks_or_lots(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]]
) -> None:
    whole = [(49_999.9, 3.0), (49_999.8, 1.0)], [(50_000.1, 2.0)]
    book = Book(instrument("0.1"))
    with pytest.raises(OffStep):
        book.apply(snapshot(START_US, bids=[*whole[0], *bids], asks=[*whole[1], *asks], update_id=9))
    assert not book.synced
    book.apply(snapshot(START_US, bids=whole[0], asks=whole[1], update_id=10))
    book.apply(delta(START_US + 1, 11, bids=bids, asks=asks))
    before = book.levels("bid")
    assert not book.synced, "it is noticed as soon as somebody reads"
    assert before[1].tolist() == [3000, 1000]
    with pytest.raises(OffStep):
        book.apply(delta(START_US + 2, 12, bids=[], asks=[]))


async def pass_second(clock: ManualClock) -> None:
    """Let a second pass, and whatever a thread does in it: the only thread is done when it has done nothing."""
    await clock.advance(1)
    await settle()
    await asyncio.to_thread(lambda: None)
    await settle()


async def test_orders_that_a_coarser_tick_has_left_behind_are_counted_by_a_finer_one(tmp_path: Path) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    async with desk_of(feed, tmp_path) as desk:
        first = await desk.catalogue.resolve("BTCUSDT")
        tick = first.instrument.tick_size
        odd = float(tick) * 500_000 + float(tick) / 4
        # Reported again to each stream that is opened, as a venue does.
        feed.preludes[BOOK] = (
            snapshot(START_US, [(odd, 1.0)], [(odd + 5 * float(tick), 1.0)]),
            live(START_US),
        )
        async with desk.hub.watch(BOOK) as book, desk.hub.watch(TRADES) as tape:
            for _ in range(12):
                await pass_second(clock)
            assert feed.listing_calls == 2, "the venue is asked once, and lists no other"
            assert book.instrument.tick_size == tape.instrument.tick_size == tick / 4
            assert desk.hub.statistics()["relisted_symbols"] == 1
            # They are traded, and the listed tick is enough again.
            whole = float(tick) * 500_000
            feed.preludes[BOOK] = (snapshot(START_US, [(whole, 1.0)], [(whole + float(tick), 1.0)]), live(START_US))
            feed.put(BOOK, *feed.preludes[BOOK])
            for _ in range(12):
                await pass_second(clock)
            assert book.instrument.tick_size == tape.instrument.tick_size == tick
            # A list that names another tick is believed.
            finer = msgspec.structs.replace(first.instrument, tick_size=tick / 10)
            feed.rows = [Listing(instrument=finer, ticker=ticker("BTCUSDT", 50_000.0, 1e9))]
            await desk.catalogue.refresh()
            await pass_second(clock)
            assert tape.instrument.tick_size == tick / 10


def test_a_finer_step_that_is_needed_again_is_kept_twice_as_long() -> None:
    listed = instrument("0.1")
    finer = instrument("0.05")
    book = Book(finer)
    book.apply(snapshot(START_US, bids=[(49_999.9, 3.0)], asks=[(50_000.0, 2.0)], update_id=1))
    found = Refinements()
    for held_s in (5, 10, 20):
        found.add(listed, finer, START_US)
        assert found.in_force(listed) == finer
        found.drop_unneeded("BTCUSDT", [book], START_US + held_s * 1_000_000 - 1)
        assert found.in_force(listed) == finer
        found.drop_unneeded("BTCUSDT", [book], START_US + held_s * 1_000_000)
        assert found.in_force(listed) == listed
    found.add(listed, finer, START_US)
    book.apply(delta(START_US + 1, 2, bids=[(49_999.85, 1.0)], asks=[]))
    found.drop_unneeded("BTCUSDT", [book], START_US + 10**12)
    assert found.in_force(listed) == finer, "a level lies between two listed ticks"
    book.apply(delta(START_US + 2, 3, bids=[(49_999.85, 0.0)], asks=[]))
    found.drop_unneeded("BTCUSDT", [book], START_US + 10**12)
    assert found.in_force(listed) == listed


async def test_a_trade_between_two_ticks_brings_the_new_record_before_it_is_shown(tmp_path: Path) -> None:
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    async with desk_of(feed, tmp_path) as desk:
        first = await desk.catalogue.resolve("BTCUSDT")
        tick = float(first.instrument.tick_size)
        feed.put(TRADES, trade(START_US, 1, 50_000.0), live(START_US))
        async with desk.hub.events(TRADES) as reader, desk.hub.watch(TRADES) as tape:
            await reader.batch()
            finer = msgspec.structs.replace(first.instrument, tick_size=first.instrument.tick_size / 10)
            feed.rows = [Listing(instrument=finer, ticker=ticker("BTCUSDT", 50_000.0, 1e9))]
            feed.put(TRADES, trade(START_US + 1, 2, 50_000.0 + tick / 10))
            received: list[object] = []
            while not any(isinstance(event, Gap) and event.relisted for event in received):
                await clock.advance(1)
                received += [event for _, event, _ in await reader.batch()]
            assert next(event for event in received if isinstance(event, Gap)).reason.endswith("of BTCUSDT")
            assert tape.instrument.tick_size == finer.tick_size
            assert [row.sequence for row in tape.fold.view()] == [1]
