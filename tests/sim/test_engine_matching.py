"""The matching engine keeps price-time priority and never loses a lot."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.sim.matching import ASK, BID, NO_ASK, NO_BID, MatchingBook

pytestmark = pytest.mark.sim


def test_better_price_trades_before_an_older_order() -> None:
    book = MatchingBook()
    book.place(ASK, 102, 5)
    book.place(ASK, 101, 5)
    assert book.match(BID, 7, NO_ASK) == [(101, [5]), (102, [2])]
    assert book.levels(ASK, 10) == [(102, 3)]


def test_older_order_of_a_level_trades_first() -> None:
    book = MatchingBook()
    first = book.place(BID, 100, 4)
    second = book.place(BID, 100, 6)
    assert book.match(ASK, 5, NO_BID) == [(100, [4, 1])]
    assert not book.cancel(first), "it is filled"
    assert book.front(BID) == (second, 5)


def test_market_order_drops_what_the_book_cannot_fill() -> None:
    book = MatchingBook()
    book.place(ASK, 101, 5)
    assert book.match(BID, 50, NO_ASK) == [(101, [5])]
    assert book.best_ask == NO_ASK
    assert len(book) == 0


def test_taker_stops_at_its_limit() -> None:
    book = MatchingBook()
    for ticks in (101, 102, 103):
        book.place(ASK, ticks, 1)
    assert [ticks for ticks, _ in book.match(BID, 9, 102)] == [101, 102]
    assert book.best_ask == 103


def test_limit_order_rests_with_its_remainder() -> None:
    book = MatchingBook()
    book.place(ASK, 101, 3)
    fills, order_id = book.submit(BID, 101, 10)
    assert fills == [(101, [3])]
    assert book.levels(BID, 5) == [(101, 7)]
    assert book.cancel(order_id)
    assert book.best_bid == NO_BID


def test_cancelled_order_leaves_its_level_to_the_others() -> None:
    book = MatchingBook()
    first = book.place(BID, 100, 4)
    book.place(BID, 100, 6)
    assert book.cancel(first)
    assert not book.cancel(first)
    assert book.match(ASK, 1, NO_BID) == [(100, [1])]
    assert book.levels(BID, 5) == [(100, 5)]


def test_cleared_level_removes_its_orders() -> None:
    book = MatchingBook()
    order_id = book.place(ASK, 101, 4)
    book.place(ASK, 105, 4)
    book.clear_level(ASK, 101)
    book.clear_level(ASK, 103)
    assert book.best_ask == 105
    assert not book.cancel(order_id)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "take", "cancel", "clear"]),
        st.sampled_from([BID, ASK]),
        st.integers(90, 110),
        st.integers(1, 20),
    ),
    max_size=60,
)


@given(ACTIONS)
@settings(max_examples=150, deadline=None)
def test_no_lot_is_lost_and_the_book_never_crosses(actions: list[tuple[str, int, int, int]]) -> None:
    book = MatchingBook()
    placed = traded = withdrawn = 0
    ids: list[int] = []
    for action, side, ticks, lots in actions:
        before = sum(book.sizes[BID].values()) + sum(book.sizes[ASK].values())
        if action == "submit":
            fills, order_id = book.submit(side, ticks, lots)
            filled = sum(sum(level) for _, level in fills)
            placed += lots - filled
            traded += filled
            if order_id:
                ids.append(order_id)
        elif action == "take":
            traded += sum(sum(level) for _, level in book.match(side, lots, ticks))
        else:
            if action == "cancel" and ids:
                book.cancel(ids.pop(lots % len(ids)))
            elif action == "clear":
                book.clear_level(side, ticks)
            withdrawn += before - sum(book.sizes[BID].values()) - sum(book.sizes[ASK].values())
        assert book.best_bid < book.best_ask
        assert book.best_bid == max(book.sizes[BID], default=NO_BID)
        assert book.best_ask == min(book.sizes[ASK], default=NO_ASK)
        assert all(size > 0 for sizes in book.sizes for size in sizes.values())
        resting = sum(book.sizes[BID].values()) + sum(book.sizes[ASK].values())
        assert resting == placed - traded - withdrawn
