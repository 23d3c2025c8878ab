"""Deltas with columns of integers beside the same deltas as text."""

from __future__ import annotations

from array import array
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import (
    NO_TEXT,
    BookDelta,
    LevelColumns,
    SideColumns,
    as_text,
    decode_event,
    encode_event,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError, OffStep
from tests.core.books import BTC, Lots, an_instrument, delta, snapshot

pytestmark = pytest.mark.core

COARSE = an_instrument("0.5", "0.02")


def packed(numbers: list[int]) -> bytes:
    return array("q", numbers).tobytes()


def in_columns(event: BookDelta, instrument: Instrument, price_digits: int, size_digits: int) -> BookDelta:
    """Return a delta with its levels as integers of so many digits, and without text."""
    sides = [
        SideColumns(
            packed([round(price * 10**price_digits) for price, _ in levels]),
            packed([round(size * 10**size_digits) for _, size in levels]),
        )
        for levels in (event.bids, event.asks)
    ]
    columns = LevelColumns(sides[0], sides[1], price_digits, size_digits)
    return msgspec.structs.replace(event, raw_bids=NO_TEXT, raw_asks=NO_TEXT, columns=columns)


def changes(most: int) -> st.SearchStrategy[Lots]:
    near, far = st.integers(900, 1_100), st.integers(1, 200_000)
    return st.dictionaries(near | far, st.integers(0, 5), max_size=most)


@given(
    st.sampled_from([(BTC, 1, 3), (BTC, 2, 5), (COARSE, 1, 2), (COARSE, 3, 2)]),
    st.lists(st.tuples(changes(60), changes(6), st.booleans(), st.booleans()), max_size=12),
)
def test_a_book_of_columns_is_the_book_of_the_same_text(
    counted: tuple[Instrument, int, int], deltas: list[tuple[Lots, Lots, bool, bool]]
):
    instrument, price_digits, size_digits = counted
    text, columns = Book(instrument), Book(instrument)
    for book in (text, columns):
        book.apply(snapshot(10, {1_000: 1, 990: 2}, {1_001: 1, 1_010: 2}, instrument=instrument))
    for number, (bids, asks, as_columns, read) in enumerate(deltas, 10):
        event = delta(number, number + 1, bids, asks, instrument=instrument)
        text.apply(event)
        # Text that waits and columns come in any order.
        columns.apply(in_columns(event, instrument, price_digits, size_digits) if as_columns else event)
        if read:
            assert (columns.best_bid, columns.best_ask) == (text.best_bid, text.best_ask)
    assert columns.digest() == text.digest()


@pytest.mark.parametrize("middle", [3_000, 100_000])
@pytest.mark.parametrize("most", [20, 90])
def test_a_wandering_book_of_columns_is_the_book_of_the_same_text(middle: int, most: int):
    """Both sides of the number of levels from which they are set as arrays, in and far behind the window."""
    random = Random(most)
    text, columns = Book(BTC), Book(BTC)
    for book in (text, columns):
        book.apply(snapshot(0, {middle - 1: 5}, {middle + 1: 5}))
    for number in range(120):
        middle += random.randint(-30, 30)
        sides: list[Lots] = []
        for sign in (-1, 1):
            away = [random.choice((10, 200, 2_500)) for _ in range(random.randint(1, most))]
            sides.append({middle + sign * random.randint(1, reach): random.randint(0, 3) for reach in away})
        event = delta(number, number + 1, *sides)
        text.apply(event)
        columns.apply(in_columns(event, BTC, 1, 3))
        assert (columns.best_bid, columns.best_ask) == (text.best_bid, text.best_ask)
        if number % 10 == 0:
            assert columns.digest() == text.digest()
    assert columns.digest() == text.digest()


def test_levels_in_columns_read_and_travel_as_the_text_does():
    event = delta(10, 11, {100: 1, 99: 0}, {101: 5})
    columns = in_columns(event, BTC, 1, 3)
    assert (columns.bids, columns.asks) == (event.bids, event.asks)
    sent = decode_event(encode_event(columns))
    assert isinstance(sent, BookDelta)
    assert (sent.bids, sent.asks, sent.columns) == (event.bids, event.asks, msgspec.UNSET)
    assert as_text(event) is event
    assert b"columns" not in encode_event(event)
    assert columns.level_bytes >= 6 * 8


@pytest.mark.parametrize(
    ("side", "digits", "error"),
    [
        (SideColumns(packed([1_001]), packed([-1])), 1, EventError),
        (SideColumns(packed([-5]), packed([1])), 1, EventError),
        (SideColumns(packed([1_001, 1_002]), packed([1])), 1, EventError),
        (SideColumns(b"1234567", packed([1])), 1, EventError),
        (SideColumns(packed([2**60]), packed([1])), 1, EventError),
        (SideColumns(packed([10_015]), packed([1])), 2, OffStep),
        (SideColumns(packed([*range(1_001, 1_050)]), packed([1] * 48 + [-1])), 1, EventError),
        (SideColumns(packed([*range(1_001, 1_050)]), packed([1] * 48 + [2**60])), 1, EventError),
        (SideColumns(packed([*range(1_001, 1_049), -5]), packed([1] * 49)), 1, EventError),
        (SideColumns(packed([*range(1_001, 1_049), 2**60]), packed([1] * 49)), 1, EventError),
        (SideColumns(packed([*range(1_001, 1_050)]), packed([1] * 48)), 1, EventError),
    ],
)
def test_columns_that_cannot_be_turn_the_book_unsynced(side: SideColumns, digits: int, error: type[Exception]):
    book = Book(BTC)
    book.apply(snapshot(10, {1_000: 1}, {1_001: 1}))
    empty = SideColumns(b"", b"")
    broken = msgspec.structs.replace(delta(10, 11), columns=LevelColumns(empty, side, digits, 3))
    with pytest.raises(error):
        book.apply(broken)
    assert not book.synced
    book.apply(snapshot(20, {1_000: 1}, {1_001: 1}))
    assert book.synced
