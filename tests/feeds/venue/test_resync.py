"""Books that are rebuilt, all of them at once: never faster than their bucket, nor than the venue's budget."""

from __future__ import annotations

from bisect import bisect_right
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.feeds.venue.pace import BURST, PER_S, ResyncBucket, ResyncPace
from tests.reliability.rig import STEP_S, Rig, live, on_quiet_loop, open_rig
from tests.reliability.truth import differences

pytestmark = pytest.mark.feeds

BOOKS = 42
DEPTH = "/fapi/v1/depth"
FAILURES = 30


def crowded(granted_s: list[float], *, tolerance_s: float = 0.0) -> list[tuple[float, float, int]]:
    """Return the spans of time in which more was granted than a bucket allows: their start, end and number."""
    found: list[tuple[float, float, int]] = []
    times = sorted(granted_s)
    for first, start_s in enumerate(times):
        for end_s in times[first:]:
            count = bisect_right(times, end_s) - first
            if count > BURST + PER_S * (end_s - start_s + tolerance_s) + 1e-6:
                found.append((start_s, end_s, count))
    return found


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.7, 5.0, 100.0]), min_size=1, max_size=80))
def test_no_span_of_time_has_more_than_the_burst_and_the_rate(pauses_s: list[float]) -> None:
    clock = ManualClock(0)
    bucket = ResyncBucket(clock)
    granted_s: list[float] = []
    for pause_s in pauses_s:
        clock._now_us += round(pause_s * 1e6)
        granted_s.append(clock.now_us() / 1e6 + bucket.reserve())
    assert crowded(granted_s) == []
    assert granted_s == sorted(granted_s)


def test_the_burst_comes_at_once_and_the_rest_at_the_rate() -> None:
    bucket = ResyncBucket(ManualClock(0))
    waits_s = [bucket.reserve() for _ in range(BURST + 30)]
    assert waits_s[:BURST] == [0.0] * BURST
    assert waits_s[BURST:] == pytest.approx([number / PER_S for number in range(1, 31)])


async def test_the_first_snapshot_of_a_book_spends_no_token_and_each_later_one_does() -> None:
    clock = ManualClock(0)
    bucket = ResyncBucket(clock, burst=0)
    pace = ResyncPace(bucket, clock, random=Random(1))
    await pace.turn()
    assert clock.sleepers == 0
    assert bucket.reserve() == pytest.approx(1 / PER_S)


def test_all_books_are_lost_at_once_and_heal_within_the_bucket_and_the_budget() -> None:
    async def scene() -> None:
        async with open_rig(symbols=BOOKS) as rig:
            books = await rig.open(*(rig.topic("book", listing.symbol) for listing in rig.exchange.listings))
            opened = rig.server.statistics()["requests"][DEPTH]
            assert opened >= BOOKS
            rig.add_fault("cut", stream=rig.stream("book"))
            granted_s = await asked(rig, books)
            assert len(granted_s) == BOOKS
            assert crowded(granted_s, tolerance_s=STEP_S) == []
            assert granted_s[-1] - granted_s[0] <= (BOOKS - BURST) / PER_S + 2
            assert rig.feed.statistics()["rest_failures"] == 0, "the venue has refused something"
            assert [found for book in books if (found := differences(rig, book))] == []

    on_quiet_loop(scene())


def test_books_whose_snapshots_fail_and_are_stale_do_not_ask_any_faster() -> None:
    async def scene() -> None:
        async with open_rig(symbols=BOOKS) as rig:
            books = await rig.open(*(rig.topic("book", listing.symbol) for listing in rig.exchange.listings))
            rig.add_fault("status", path=DEPTH, status=503, count=FAILURES)
            rig.add_fault("stale_snapshot", count=FAILURES)
            rig.add_fault("cut", stream=rig.stream("book"))
            granted_s = await asked(rig, books)
            assert len(granted_s) >= BOOKS + 2 * FAILURES
            assert crowded(granted_s, tolerance_s=STEP_S) == []
            assert rig.feed.statistics()["rest_failures"] == FAILURES, "the venue has refused something"
            assert [found for book in books if (found := differences(rig, book))] == []

    on_quiet_loop(scene())


async def asked(rig: Rig, books: list[TopicState]) -> list[float]:
    """Let time pass until every book is live, and return when each snapshot was asked for, to a step of the clock."""
    granted_s: list[float] = []
    before, start_us = rig.server.statistics()["requests"][DEPTH], rig.clock.now_us()
    await rig.until(lambda: not any(live(book) for book in books), within_s=1)
    while not all(live(book) for book in books):
        await rig.run(STEP_S)
        passed_s = (rig.clock.now_us() - start_us) / 1e6
        assert passed_s < 150
        granted_s += [passed_s] * (rig.server.statistics()["requests"][DEPTH] - before - len(granted_s))
    # A book is compared at a whole second, when every diff is out.
    await rig.run(-rig.clock.now_us() / 1e6 % 1)
    return granted_s
