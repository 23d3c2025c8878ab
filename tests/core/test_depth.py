from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from orderfox_nb.core.book import Book, BookSide
from orderfox_nb.core.depth import POINTS, DepthSide, average_prices, build_depth
from orderfox_nb.core.events import Event
from orderfox_nb.core.ladder import build_ladder
from tests.desk.scripted import BTC, delta, snapshot

pytestmark = pytest.mark.core


def book_of(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> Book:
    book = Book(BTC)
    book.apply(snapshot(1, bids, asks))
    return book


def deep_book() -> Book:
    random = np.random.default_rng(7)
    sizes = (random.integers(1, 5_000, 6_000) / 1000).tolist()
    bids = [(round(50_000 - 0.1 * level, 1), sizes[level]) for level in range(1, 3_000)]
    asks = [(round(50_000 + 0.1 * level, 1), sizes[3_000 + level]) for level in range(3_000)]
    return book_of(bids, asks)


def test_depth_sums_from_the_best_price_outward_within_the_range():
    book = book_of([(99.0, 1.0), (98.0, 2.0), (90.0, 5.0)], [(101.0, 4.0), (102.0, 0.5), (140.0, 9.0)])
    depth = build_depth(book, percent=Decimal(5))
    assert depth.middle_ticks == 1000
    assert depth.bids.ticks.tolist() == [990, 980]
    assert depth.bids.lots.tolist() == [1_000, 3_000]
    assert depth.bids.notional == pytest.approx([99.0, 99.0 + 196.0])
    assert depth.asks.lots.tolist() == [4_000, 4_500]
    assert (depth.bids.known, depth.asks.known) == (900, 1_400)


def test_a_deep_book_is_thinned_to_points_that_are_levels_with_exact_sums():
    book = deep_book()
    depth = build_depth(book, percent=Decimal("0.25"))
    sides: tuple[tuple[BookSide, DepthSide], ...] = (("bid", depth.bids), ("ask", depth.asks))
    assert depth.middle_ticks is not None
    for side, one in sides:
        ticks, lots = book.levels(side)
        sums = dict(zip(ticks.tolist(), np.cumsum(lots).tolist(), strict=True))
        assert POINTS / 2 < len(one.ticks) <= POINTS + 1
        assert [sums[tick] for tick in one.ticks.tolist()] == one.lots.tolist()
        inside = ticks[np.abs(ticks - depth.middle_ticks) <= depth.middle_ticks * 0.0025]
        assert (one.ticks[0], one.ticks[-1]) == (int(inside[0]), int(inside[-1]))


def test_a_side_without_levels_has_no_middle_and_no_depth():
    depth = build_depth(book_of([(99.0, 1.0)], []), percent=Decimal(1))
    assert depth.middle_ticks is None
    assert (depth.bids.ticks.tolist(), depth.asks.ticks.tolist(), depth.asks.known) == ([], [], None)


@pytest.mark.parametrize("rounding", ["0.1", "0.25", "10"])
def test_the_average_price_of_a_row_is_that_of_its_levels_and_not_of_its_label(rounding: str):
    book = deep_book()
    ladder = build_ladder(book, rounding=Decimal(rounding), limit=20)
    averages = average_prices(book, "ask", ladder.ask_cumulative)
    ticks, lots = book.levels("ask")
    for wanted, average in zip(ladder.ask_cumulative, averages, strict=True):
        count = int(np.searchsorted(np.cumsum(lots), wanted)) + 1
        assert int(lots[:count].sum()) == wanted
        exact = sum(int(tick) * int(lot) for tick, lot in zip(ticks[:count], lots[:count], strict=True))
        assert average == pytest.approx(exact / wanted / 10, rel=1e-12)
    assert averages == sorted(averages)
    assert average_prices(book, "bid", []) == []


def test_what_lies_beyond_the_snapshot_is_not_claimed_to_be_all():
    book = book_of([(99.0, 1.0), (98.0, 2.0)], [(101.0, 4.0), (102.0, 0.5)])
    book.apply(delta(2, 101, [(90.0, 7.0)], [(103.0, 0.25), (101.5, 1.0)]))
    depth = build_depth(book, percent=Decimal(10))
    assert depth.bids.ticks.tolist() == [990, 980, 900]
    assert depth.asks.lots.tolist() == [4_000, 5_000, 5_500, 5_750]
    assert (depth.bids.known, depth.asks.known) == (980, 1_020)
    # Neither for a reader that came later, by what the book hands out.
    later = Book(BTC)
    for event in book.prelude():
        later.apply(msgspec.json.decode(msgspec.json.encode(event), type=Event))
    depth = build_depth(later, percent=Decimal(10))
    assert depth.asks.lots.tolist() == [4_000, 5_000, 5_500, 5_750]
    assert (depth.bids.known, depth.asks.known) == (980, 1_020)
