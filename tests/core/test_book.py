"""The book as a fold: levels, gaps, preludes, and the dense window against a plain dict."""

from __future__ import annotations

import tracemalloc

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.book import MAX_LEVELS, Book
from orderfox_nb.core.events import BookDelta, Gap, Status, Trade
from orderfox_nb.errors import EventError
from tests.conftest import examples
from tests.core.books import BTC, Lots, an_instrument, delta, snapshot

pytestmark = pytest.mark.core

A_GAP = Gap(symbol="BTCUSDT", time_us=5, reason="the socket was cut")


def a_book(bids: Lots, asks: Lots, update_id: int = 10) -> Book:
    book = Book(BTC)
    book.apply(snapshot(update_id, bids, asks))
    return book


def levels(book: Book, side: str) -> list[tuple[int, int]]:
    ticks, lots = book.view().bids if side == "bid" else book.view().asks
    return list(zip(ticks.tolist(), lots.tolist(), strict=True))


def test_book_is_empty_and_unsynced_before_its_first_snapshot():
    book = Book(BTC)
    book.apply(delta(1, 2, {100: 1}))
    assert not book.synced
    assert (book.best_bid, book.best_ask, book.crossed, book.counts) == (None, None, False, (0, 0))
    assert list(book.prelude()) == []


def test_levels_are_best_first_on_both_sides():
    book = a_book({99: 3, 100: 1, 95: 7}, {105: 2, 101: 4})
    assert levels(book, "bid") == [(100, 1), (99, 3), (95, 7)]
    assert levels(book, "ask") == [(101, 4), (105, 2)]
    assert (book.best_bid, book.best_ask) == (100, 101)


def test_limited_levels_are_the_first_of_all():
    book = a_book({2_000 - 3 * n: n + 1 for n in range(400)}, {2_001: 1})
    ticks, lots = book.levels("bid")
    for limit in (1, 50, 399, 400, 1_000):
        few_ticks, few_lots = book.levels("bid", limit)
        assert few_ticks.tolist() == ticks[:limit].tolist()
        assert few_lots.tolist() == lots[:limit].tolist()


def test_book_removes_level_when_size_is_zero_and_ignores_unknown_ones():
    book = a_book({100: 1, 99: 2}, {101: 1})
    book.apply(delta(10, 11, {100: 0, 50: 0, 1: 0}, {101: 5}))
    assert levels(book, "bid") == [(99, 2)]
    assert levels(book, "ask") == [(101, 5)]


def test_delta_that_is_already_in_the_book_changes_nothing():
    book = a_book({100: 1}, {101: 1}, update_id=10)
    book.apply(delta(5, 10, {100: 9}))
    assert levels(book, "bid") == [(100, 1)]
    assert book.update_id == 10


def test_delta_after_a_missing_one_is_refused_and_the_book_unsynced():
    book = a_book({100: 1}, {101: 1}, update_id=10)
    with pytest.raises(EventError, match="cannot follow"):
        book.apply(delta(12, 13, {100: 9}))
    assert not book.synced
    assert levels(book, "bid") == [(100, 1)]


def test_gap_leaves_the_last_state_readable_until_a_snapshot_heals_it():
    book = a_book({100: 1}, {101: 1}, update_id=10)
    book.apply(A_GAP)
    book.apply(delta(10, 11, {100: 2}))
    assert not book.synced
    assert levels(book, "bid") == [(100, 1)]
    book.apply(snapshot(20, {90: 1}, {91: 1}))
    assert book.synced
    assert levels(book, "bid") == [(90, 1)]


def test_late_reader_of_a_book_with_a_gap_learns_of_the_gap():
    book = a_book({100: 1}, {101: 1})
    book.apply(A_GAP)
    late = Book(BTC)
    for event in book.prelude():
        late.apply(event)
    assert late == book
    assert not late.synced


def test_event_of_another_symbol_or_kind_is_refused():
    book = a_book({100: 1}, {101: 1})
    with pytest.raises(EventError, match="ETHUSDT"):
        book.apply(msgspec.structs.replace(A_GAP, symbol="ETHUSDT"))
    with pytest.raises(EventError, match="Trade"):
        book.apply(Trade(symbol="BTCUSDT", time_us=1, id="1", price=1.0, size=1.0, aggressor="buy"))


def test_every_event_counts_in_the_version():
    book = a_book({100: 1}, {101: 1})
    book.apply(Status(symbol="BTCUSDT", time_us=1, state="live"))
    book.apply(delta(10, 11, {100: 2}))
    assert book.version == 3


def test_crossed_book_is_reported():
    assert a_book({102: 1}, {101: 1}).crossed
    assert a_book({101: 1}, {101: 1}).crossed
    assert not a_book({100: 1}, {101: 1}).crossed


_CHANGES = st.dictionaries(st.integers(95, 110), st.integers(0, 2), max_size=4)


@given(st.lists(st.tuples(_CHANGES, _CHANGES, st.sampled_from(["wait", "check", "read"])), max_size=40))
def test_no_change_crosses_a_book_unnoticed_by_the_cheap_check(changes: list[tuple[Lots, Lots, str]]):
    book, model = a_book({100: 1}, {105: 1}), a_book({100: 1}, {105: 1})
    for number, (bids, asks, then) in enumerate(changes, 10):
        book.apply(delta(number, number + 1, bids, asks))
        model.apply(delta(number, number + 1, bids, asks))
        if then == "read":
            assert book.crossed == model.crossed
        elif then == "check":
            assert book.may_be_crossed or not model.crossed
    assert book.digest() == model.digest()


def test_the_cheap_check_leaves_the_changes_of_a_calm_book_as_they_are():
    book = a_book({100: 1, 90: 1}, {105: 1})
    assert not book.may_be_crossed
    updated: list[object] = []
    book._bring_up_to_date = lambda: updated.append(1)  # type: ignore[method-assign]
    for number in range(10, 200):
        book.apply(delta(number, number + 1, {100: number, 99: 1, 120: 0}, {105: number, 106: 2, 80: 0}))
        assert not book.may_be_crossed
    assert not updated
    book.apply(delta(200, 201, {105: 1}))
    assert book.may_be_crossed


@pytest.mark.parametrize(("bids", "asks"), [({106: 1}, {}), ({}, {99: 1})])
def test_price_that_is_removed_beyond_the_best_one_crosses_a_book_with_its_next_size(bids: Lots, asks: Lots):
    book = a_book({100: 1}, {105: 1})
    assert not book.may_be_crossed
    for number in (10, 11):
        book.apply(delta(number, number + 1, dict.fromkeys(bids, 0), dict.fromkeys(asks, 0)))
        assert not book.may_be_crossed
    book.apply(delta(12, 13, bids, asks))
    assert book.may_be_crossed
    assert book.crossed


def test_returned_levels_never_change():
    book = a_book({100: 1}, {101: 1})
    ticks, lots = book.levels("bid")
    book.apply(delta(10, 11, {100: 7, 99: 1}))
    assert levels(book, "bid") == [(100, 7), (99, 1)]
    assert (ticks.tolist(), lots.tolist()) == ([100], [1])
    with pytest.raises(ValueError, match="read-only"):
        lots[0] = 5


@pytest.mark.parametrize(
    "bad", [b'[["x","1"]]', b'[["nan","1"]]', b'[["1","inf"]]', b'[["1","-1"]]', b'[["1"]]', b"{}"]
)
def test_levels_that_cannot_be_read_turn_the_book_unsynced_and_are_reported(bad: bytes):
    book = a_book({100: 1}, {101: 1})
    spoilt = BookDelta(
        symbol="BTCUSDT",
        time_us=1,
        first_id=11,
        last_id=11,
        previous_id=10,
        raw_bids=msgspec.Raw(bad),
        raw_asks=msgspec.Raw(b"[]"),
    )
    book.apply(spoilt)
    assert levels(book, "bid") == [(100, 1)]
    assert not book.synced
    with pytest.raises(EventError, match="cannot be read"):
        book.apply(delta(11, 12, {100: 3}))
    book.apply(snapshot(20, {100: 4}, {101: 1}))
    assert book.synced


def test_snapshot_that_cannot_be_read_is_refused_and_leaves_the_book_unsynced():
    book = a_book({100: 1}, {101: 1})
    bad = msgspec.structs.replace(snapshot(20, {}, {}), raw_asks=msgspec.Raw(b'[["1"]]'))
    with pytest.raises(EventError, match="cannot be read"):
        book.apply(bad)
    assert not book.synced
    assert levels(book, "bid") == [(100, 1)]


def test_snapshot_of_too_many_levels_is_refused_before_it_is_decoded():
    book = a_book({100: 1}, {101: 1})
    many = msgspec.Raw(b"[" + b'["1.0","1.0"],' * MAX_LEVELS + b"this is never decoded]")
    with pytest.raises(EventError, match="more than 100,000 levels a side"):
        book.apply(msgspec.structs.replace(snapshot(11, {}, {}), raw_asks=many))
    assert not book.synced
    book.apply(snapshot(12, {100: 1}, {101: 1}))
    assert book.synced


def test_unread_deltas_hold_a_bounded_text():
    book = a_book({100: 1}, {101: 1})
    # Long by the spaces that JSON allows: a text of many levels would need seconds to read under tracemalloc.
    large = msgspec.Raw(b'[["10.0","1.0"]' + b" " * 700_000 + b"]")
    tracemalloc.start()
    for number in range(11, 41):
        # 30 updates of 700 kB: each a text of its own, as from the wire.
        text = msgspec.Raw(bytes(large))
        book.apply(msgspec.structs.replace(delta(number - 1, number), raw_bids=text))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4_000_000
    assert book.update_id == 40


def test_unread_deltas_end_in_the_same_book():
    read, unread = a_book({100_000: 1}, {100_001: 1}), a_book({100_000: 1}, {100_001: 1})
    for n in range(10, 200):
        change = delta(n, n + 1, {99_999 - 50 * n - i: n for i in range(50)}, {100_002 + n: n})
        unread.apply(change)
        read.apply(change)
        assert read.best_ask == 100_001
    assert unread == read
    assert unread.counts == (1 + 190 * 50, 191)


def test_update_id_and_time_are_known_without_reading_levels():
    book = a_book({100: 1}, {101: 1})
    book.apply(delta(10, 12, {100: 2}, time_us=77))
    assert (book.update_id, book.time_us) == (12, 77)


@pytest.mark.parametrize("digits", [("0.05", "1"), ("0.25", "0.001"), ("5", "10"), ("0.0000001", "1000")])
def test_steps_that_are_no_power_of_ten_keep_whole_ticks_and_lots(digits: tuple[str, str]):
    instrument = an_instrument(*digits)
    book = Book(instrument)
    bids, asks = {n: n for n in range(1, 300, 7)}, {n: 2 * n for n in range(301, 900, 13)}
    book.apply(snapshot(1, bids, asks, instrument=instrument))
    assert dict(levels(book, "bid")) == bids
    assert dict(levels(book, "ask")) == asks


def test_book_follows_a_price_that_walks_far_away():
    book, middle = a_book({1_000_000: 1}, {1_000_001: 1}), 1_000_000
    for n in range(10, 400):
        old, middle = middle, middle + 997 * (-1) ** (n // 100)
        book.apply(delta(n, n + 1, {old: 0, middle: n, n: 1}, {old + 1: 0, middle + 1: n}))
        assert (book.best_bid, book.best_ask) == (middle, middle + 1)
    assert book.counts == (391, 1)


def test_far_levels_are_bounded_and_the_nearest_stay():
    book = a_book({2_000_000_000: 1}, {2_000_000_001: 1})
    for n in range(10, 60):
        book.apply(delta(n, n + 1, {2_000_000_000 - 50_000 * (500 * n + i): 1 for i in range(1, 501)}))
        assert book.best_bid == 2_000_000_000
    assert book.counts[0] < 20_000
    assert book.levels("bid", 2)[0][1] == 2_000_000_000 - 50_000 * 5_001


# Prices around a middle, some near it, some far outside any window; the middle itself jumps.
near = st.integers(-300, 300)
far = st.sampled_from([-900_000, -70_000, -40_000, -9_000, -2_000, 1_500, 8_000, 50_000, 80_000, 3_000_000])
offsets = st.one_of(near, near, far, st.builds(int.__add__, near, far))
changes = st.dictionaries(offsets, st.one_of(st.just(0), st.integers(1, 10**9)), max_size=40)


@examples(150)
@given(
    start=st.tuples(changes, changes),
    steps=st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 5, -400, 20_000, -150_000]), changes, changes, st.booleans()), max_size=40
    ),
)
def test_dense_window_equals_a_plain_dict_under_any_deltas(
    start: tuple[Lots, Lots], steps: list[tuple[int, Lots, Lots, bool]]
):
    middle, update_id = 1_000_000, 1
    model = {"bid": placed(start[0], middle), "ask": placed(start[1], middle)}
    book = a_book(model["bid"], model["ask"], update_id)
    for move, bids, asks, read in steps:
        middle += move
        changed = {"bid": placed(bids, middle), "ask": placed(asks, middle)}
        book.apply(delta(update_id, update_id + 1, changed["bid"], changed["ask"]))
        update_id += 1
        for side in ("bid", "ask"):
            model[side].update(changed[side])
        if read:
            assert_equal(book, model)
    assert_equal(book, model)
    rebuilt = Book(BTC)
    for event in book.prelude():
        rebuilt.apply(event)
    assert rebuilt == book
    assert rebuilt.digest() == book.digest()


def placed(changed: Lots, middle: int) -> Lots:
    return {max(1, middle + offset): lots for offset, lots in changed.items()}


def assert_equal(book: Book, model: dict[str, Lots]) -> None:
    bids = sorted(((t, s) for t, s in model["bid"].items() if s), reverse=True)
    asks = sorted((t, s) for t, s in model["ask"].items() if s)
    assert book.best_bid == (bids[0][0] if bids else None)
    assert book.best_ask == (asks[0][0] if asks else None)
    ticks, lots = book.levels("bid", 20)
    assert list(zip(ticks.tolist(), lots.tolist(), strict=True)) == bids[:20]
    assert levels(book, "bid") == bids
    assert levels(book, "ask") == asks
    assert book.counts == (len(bids), len(asks))
    assert all(np.diff(book.levels("ask")[0]) > 0)
