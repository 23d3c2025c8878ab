"""Keys of one row height share its rows, and every one of them shows what it would show alone."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.book import Book
from orderfox_nb.core.ladder import above_zero, build_ladder
from orderfox_nb.core.quality import QualityView
from orderfox_nb.desk.book_rows import BookRows, SharedBookRows
from orderfox_nb.views.public_book import RowTexts, orderbook_update
from orderfox_nb.views.stamp import Stamp
from tests.core.books import BTC, snapshot

pytestmark = pytest.mark.core

STAMP: Final = Stamp(time_us=1, sequence=7, quality=QualityView("live", "complete", 1))
SIDES: Final = st.dictionaries(st.integers(1, 4_000), st.integers(1, 10**7), max_size=60)


def message(book: Book, rounding: Decimal, limit: int, rows: BookRows | None = None) -> bytes:
    """Return the message of a book, its rows read by ``rows`` or alone."""
    if rows is None:
        ladder = above_zero(build_ladder(book, rounding=rounding, limit=limit))
        texts = RowTexts(ladder, BTC)
    else:
        ladder, texts = rows.read(book, limit)
    return orderbook_update(ladder, STAMP, instrument=BTC, options=[], time_us=1, zone=UTC, texts=texts)


@given(
    states=st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=3),
    rounding=st.sampled_from(["0.1", "0.25", "1", "100"]),
    limits=st.lists(st.integers(1, 30), min_size=1, max_size=4),
)
def test_shared_rows_make_the_messages_of_rows_read_alone(
    states: list[tuple[dict[int, int], dict[int, int]]], rounding: str, limits: list[int]
) -> None:
    rows, height, book = BookRows(Decimal(rounding)), Decimal(rounding), Book(BTC)
    for update_id, (bids, asks) in enumerate(states, 1):
        apart = {4_000 + ticks: lots for ticks, lots in asks.items()}
        book.apply(snapshot(update_id, bids, apart))
        made = [message(book, height, limit, rows) for limit in limits]
        assert made == [message(book, height, limit) for limit in limits]


def test_keys_that_are_computed_together_read_a_book_once() -> None:
    rows, book = BookRows(Decimal(1)), Book(BTC)
    for update_id in (1, 2, 3):
        book.apply(snapshot(update_id, {990: update_id, 900: 1}, {1_010: 1}))
        texts = [rows.read(book, limit)[1] for limit in (1, 2)]
        # Of the first state nobody knows yet that more rows than one will be asked for.
        assert (texts[0] is texts[1]) is (update_id > 1)


def test_key_that_is_computed_at_other_times_reads_no_more_rows_than_its_own() -> None:
    rows, book = BookRows(Decimal(1)), Book(BTC)
    for update_id, limit in enumerate((2, 1, 2, 1), 1):
        book.apply(snapshot(update_id, {990: update_id, 900: 1}, {1_010: 1}))
        ladder, texts = rows.read(book, limit)
        assert len(ladder.bid_keys) == limit
        assert texts.ladder is ladder


def test_rows_are_dropped_with_their_last_reader() -> None:
    shared = SharedBookRows()
    rows = shared.of("BTCUSDT", Decimal(1))
    assert shared.of("BTCUSDT", Decimal("1.0")) is rows
    assert shared.of("BTCUSDT", Decimal(2)) is not rows
    assert shared.of("ETHUSDT", Decimal(1)) is not rows
    assert len(shared) == 1
    del rows
    assert len(shared) == 0
