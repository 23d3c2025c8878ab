"""The venue's sequence rules: what is emitted, what is dropped, when a snapshot is asked for."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.book import Book
from orderfox_nb.core.book_sync import BUFFERED_BYTES, BUFFERED_DELTAS, BookSync
from orderfox_nb.core.events import BookDelta, BookSnapshot, Gap
from tests.core.books import BTC, delta, snapshot

pytestmark = pytest.mark.core


def ids(events: list[BookSnapshot | BookDelta] | None) -> list[int]:
    assert events is not None
    return [event.update_id if isinstance(event, BookSnapshot) else event.last_id for event in events]


def test_deltas_wait_until_a_snapshot_joins_them():
    sync = BookSync()
    assert [sync.delta(d) for d in (delta(0, 10), delta(10, 20), delta(20, 30))] == [None, None, None]
    assert not sync.synced
    assert ids(sync.snapshot(snapshot(15, {}, {}))) == [15, 20, 30]
    assert sync.synced
    following = delta(30, 40)
    assert sync.delta(following) is following


def test_snapshot_older_than_the_buffer_is_refused_and_a_newer_one_applied():
    sync = BookSync()
    sync.delta(delta(100, 110))
    assert sync.snapshot(snapshot(99, {}, {})) is None
    assert not sync.synced
    assert ids(sync.snapshot(snapshot(105, {}, {}))) == [105, 110]


def test_snapshot_exactly_at_the_previous_id_joins():
    sync = BookSync()
    sync.delta(delta(100, 110, first_id=104))
    assert ids(sync.snapshot(snapshot(100, {}, {}))) == [100, 110]


def test_snapshot_newer_than_all_deltas_waits_for_the_one_that_straddles_it():
    sync = BookSync()
    sync.delta(delta(0, 10))
    assert ids(sync.snapshot(snapshot(25, {}, {}))) == [25]
    assert sync.delta(delta(10, 20)) is None
    straddling = delta(20, 30)
    assert sync.delta(straddling) is straddling


def test_delta_that_skips_past_the_snapshot_is_a_gap():
    sync = BookSync()
    sync.snapshot(snapshot(25, {}, {}))
    assert isinstance(sync.delta(delta(26, 30)), Gap)


def test_missing_delta_gives_a_gap_and_the_next_snapshot_heals_it():
    sync = BookSync()
    sync.snapshot(snapshot(10, {}, {}))
    sync.delta(delta(10, 20))
    gap = sync.delta(delta(30, 40))
    assert isinstance(gap, Gap)
    assert "20" in gap.reason
    assert "30" in gap.reason
    assert not sync.synced
    assert sync.delta(delta(40, 50)) is None
    assert ids(sync.snapshot(snapshot(35, {}, {}))) == [35, 40, 50]


def test_hole_in_the_buffer_needs_a_snapshot_from_after_it():
    sync = BookSync()
    for d in (delta(0, 10), delta(20, 30)):
        sync.delta(d)
    assert sync.snapshot(snapshot(5, {}, {})) is None
    assert ids(sync.snapshot(snapshot(22, {}, {}))) == [22, 30]


def test_repeated_delta_is_dropped_and_the_chain_goes_on():
    sync = BookSync()
    sync.snapshot(snapshot(10, {}, {}))
    second = delta(10, 20)
    assert sync.delta(second) is second
    assert sync.delta(second) is None
    third = delta(20, 30)
    assert sync.delta(third) is third


def test_ids_that_go_back_for_good_are_a_gap_and_no_silence():
    sync = BookSync()
    sync.snapshot(snapshot(10_000, {}, {}))
    sync.delta(delta(9_999, 10_001))
    answers = [sync.delta(delta(n, n + 1)) for n in range(200)]
    assert sum(isinstance(answer, Gap) for answer in answers) == 1
    assert ids(sync.snapshot(snapshot(150, {}, {})))[-1] == 200


def test_ids_that_went_back_while_waiting_are_reported_and_start_a_new_buffer():
    sync = BookSync()
    sync.delta(delta(9_990, 10_000))
    answers = [sync.delta(delta(n, n + 1)) for n in range(100)]
    (gap,) = [answer for answer in answers if answer is not None]
    assert isinstance(gap, Gap)
    assert gap.restart
    assert ids(sync.snapshot(snapshot(98, {}, {}))) == [98, 99, 100]


@pytest.mark.parametrize("synced", [True, False])
def test_an_old_id_from_after_all_that_came_is_reported_at_once(synced: bool):
    sync = BookSync()
    if synced:
        sync.snapshot(snapshot(9_990, {}, {}))
    sync.delta(delta(9_990, 10_000, time_us=20_000_000))
    assert sync.delta(delta(9_980, 9_990, time_us=19_000_000)) is None, "late"
    assert sync.delta(delta(9_990, 10_000, time_us=20_900_000)) is None, "from a server whose clock is ahead"
    gap = sync.delta(delta(5, 10, time_us=21_100_000))
    assert isinstance(gap, Gap)
    assert gap.restart
    assert not sync.synced
    assert sync.delta(delta(10, 20, time_us=21_200_000)) is None
    assert ids(sync.snapshot(snapshot(15, {}, {}))) == [15, 20]
    assert sync.delta(delta(20, 30, time_us=21_300_000)) is not None


def test_a_venue_that_restarted_while_the_connection_was_lost_is_reported():
    sync = BookSync()
    sync.snapshot(snapshot(9_990, {}, {}))
    sync.delta(delta(9_990, 10_000, time_us=20_000_000))
    sync.reset()
    assert isinstance(sync.delta(delta(5, 10, time_us=40_000_000)), Gap)
    assert ids(sync.snapshot(snapshot(5, {}, {}))) == [5, 10]


def test_a_snapshot_of_the_venue_that_was_before_is_refused_until_the_ids_have_come_so_far():
    sync = BookSync()
    sync.snapshot(snapshot(9_990, {}, {}))
    sync.delta(delta(9_990, 10_000, time_us=20_000_000))
    assert isinstance(sync.delta(delta(5, 10, time_us=40_000_000)), Gap)
    assert sync.snapshot(snapshot(10_000, {}, {})) is None
    assert sync.snapshot(snapshot(12_000, {}, {})) is None
    assert ids(sync.snapshot(snapshot(7, {}, {}))) == [7, 10]
    sync.reset()
    sync.delta(delta(9_000, 11_000, time_us=50_000_000))
    assert ids(sync.snapshot(snapshot(11_000, {}, {}))) == [11_000]


def test_a_proven_chain_stays_trusted_once_its_clock_has_caught_up_with_the_one_before():
    """The venue restarted while the connection was lost, and its clock was put back."""
    sync = BookSync()
    sync.snapshot(snapshot(9_990, {}, {}))
    sync.delta(delta(9_990, 10_000, time_us=100_000_000))
    sync.reset()
    sync.snapshot(snapshot(5, {}, {}))
    answers = [sync.delta(delta(n, n + 1, time_us=60_000_000 + n * 100_000)) for n in range(5, 1_000)]
    assert all(isinstance(answer, BookDelta) for answer in answers)


def test_a_stream_that_lags_behind_its_snapshot_for_long_has_not_restarted():
    sync = BookSync()
    sync.snapshot(snapshot(1_000, {}, {}))
    assert [sync.delta(delta(n, n + 1)) for n in range(800, 900)] == [None] * 100
    assert isinstance(sync.delta(delta(995, 1_005)), BookDelta)


def test_a_stream_that_lags_behind_a_snapshot_from_after_its_clock_was_put_back_has_not_restarted():
    sync = BookSync()
    sync.delta(delta(799, 800, time_us=90_000_000))
    sync.reset()
    sync.snapshot(snapshot(1_000, {}, {}, time_us=88_000_000))
    answers = [sync.delta(delta(n, n + 1, time_us=90_000_000 + (n - 799) * 100_000)) for n in range(800, 900)]
    (gap,) = [answer for answer in answers if answer is not None]
    assert isinstance(gap, Gap)
    assert not gap.restart
    sync.snapshot(snapshot(1_000, {}, {}, time_us=88_000_000))
    assert isinstance(sync.delta(delta(995, 1_005, time_us=88_100_000)), BookDelta)


def test_a_snapshot_alone_of_a_venue_that_restarted_is_replaced_by_the_first_update_that_is_younger():
    sync = BookSync()
    sync.snapshot(snapshot(9_990, {}, {}, time_us=20_000_000))
    assert sync.delta(delta(5, 10, time_us=20_900_000)) is None
    assert isinstance(sync.delta(delta(10, 20, time_us=21_100_000)), Gap)
    assert ids(sync.snapshot(snapshot(15, {}, {}))) == [15, 20]


def test_synced_book_applies_a_newer_snapshot_and_refuses_an_older_one():
    sync = BookSync()
    sync.snapshot(snapshot(10, {}, {}))
    sync.delta(delta(10, 20))
    assert sync.snapshot(snapshot(15, {}, {})) is None
    assert sync.synced
    assert ids(sync.snapshot(snapshot(30, {}, {}))) == [30]
    assert sync.delta(delta(20, 30)) is None
    assert isinstance(sync.delta(delta(30, 40)), BookDelta)
    assert sync.last_id == 40


def test_buffer_is_bounded_and_keeps_the_newest():
    sync = BookSync()
    for n in range(BUFFERED_DELTAS + 50):
        sync.delta(delta(n, n + 1))
    assert sync.buffered == BUFFERED_DELTAS
    assert sync.snapshot(snapshot(10, {}, {})) is None
    assert len(ids(sync.snapshot(snapshot(60, {}, {})))) == 1 + BUFFERED_DELTAS - 10


def test_reset_forgets_the_connection_before():
    sync = BookSync()
    sync.snapshot(snapshot(10, {}, {}))
    sync.reset()
    assert not sync.synced
    assert sync.delta(delta(90, 100)) is None
    assert ids(sync.snapshot(snapshot(95, {}, {}))) == [95, 100]


def test_large_deltas_that_wait_for_a_snapshot_are_bounded_by_their_text():
    sync = BookSync()
    large = msgspec.Raw(b"[" + b" " * (BUFFERED_BYTES // 10) + b"]")
    for number in range(100):
        assert sync.delta(msgspec.structs.replace(delta(number, number + 1), raw_bids=large)) is None
    assert sync.buffered == 9
    # The oldest are gone: a snapshot from before them joins nothing, a later one does.
    assert sync.snapshot(snapshot(50, {}, {})) is None
    assert ids(sync.snapshot(snapshot(98, {}, {}))) == [98, 99, 100]
    sync.reset()
    assert sync.delta(msgspec.structs.replace(delta(100, 101), raw_bids=large)) is None
    assert sync.buffered == 1


@given(
    lost=st.sets(st.integers(0, 39)),
    twice=st.sets(st.integers(0, 39)),
    lag=st.integers(0, 12),
)
def test_whatever_is_lost_or_repeated_a_synced_book_equals_the_venues(lost: set[int], twice: set[int], lag: int):
    # The venue changes one level per update id; a snapshot asked for arrives with the state of ``lag`` deltas ago.
    deltas = [delta(5 * n, 5 * n + 5, {600 - n % 7: n + 1}, {601 + n % 5: 2 * n}) for n in range(40)]
    states: list[BookSnapshot] = []
    truth = Book(BTC)
    truth.apply(snapshot(0, {}, {}))
    for d in deltas:
        truth.apply(d)
        (state,) = truth.prelude()
        assert isinstance(state, BookSnapshot)
        states.append(state)

    sync, book, asked = BookSync(), Book(BTC), True
    for n, d in enumerate(deltas):
        for _ in range(0 if n in lost else 2 if n in twice else 1):
            answer = sync.delta(d)
            if answer is not None:
                book.apply(answer)
            asked = asked or isinstance(answer, Gap)
        if asked and n % 3 == 2 and (events := sync.snapshot(states[max(0, n - lag)])) is not None:
            asked = False
            for event in events:
                book.apply(event)
        assert book.synced == sync.synced
        if book.synced:
            assert book.view().bids[0].tolist() == truth_ticks(states, book.update_id, "bid")
            assert book.view().asks[0].tolist() == truth_ticks(states, book.update_id, "ask")


def truth_ticks(states: list[BookSnapshot], update_id: int, side: str) -> list[int]:
    (state,) = [state for state in states if state.update_id == update_id]
    return [BTC.ticks(price) for price, _ in (state.bids if side == "bid" else state.asks)]
