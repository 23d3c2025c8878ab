"""Rows of any height: nothing lost, no better price promised, exact at every edge."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.book import Book
from orderfox_nb.core.ladder import Ladder, build_ladder, parse_rounding, row_price_units
from orderfox_nb.errors import BadValue
from tests.core.books import BTC, Lots, an_instrument, snapshot

pytestmark = pytest.mark.core


def a_ladder(bids: Lots, asks: Lots, rounding: str, limit: int = 50, tick_size: str = "0.1") -> Ladder:
    instrument = an_instrument(tick_size)
    book = Book(instrument)
    book.apply(snapshot(1, bids, asks, instrument=instrument))
    return build_ladder(book, rounding=Decimal(rounding), limit=limit)


def test_bids_group_down_and_asks_group_up():
    ladder = a_ladder({999: 1, 1_000: 2, 1_001: 4}, {1_002: 1, 1_010: 2, 1_011: 4}, "1")
    assert ladder.bid_keys == [100, 99]
    assert ladder.bid_lots == [6, 1]
    assert ladder.ask_keys == [101, 102]
    assert ladder.ask_lots == [3, 4]
    assert ladder.ask_cumulative == [3, 7]


def test_rounding_that_is_no_multiple_of_the_tick_groups_by_the_common_unit():
    # Rows of 0.25 over ticks of 0.1: 100.0 to 100.2 below, 100.3 and 100.4 above.
    ladder = a_ladder(dict.fromkeys(range(1000, 1005), 1), dict.fromkeys(range(1005, 1009), 1), "0.25")
    assert ladder.price_digits == 2
    assert row_price_units(ladder, "bid") == [100_25, 100_00]
    assert ladder.bid_lots == [2, 3]
    assert row_price_units(ladder, "ask") == [100_50, 100_75, 101_00]
    assert ladder.ask_lots == [1, 2, 1]


def test_rounding_below_the_tick_is_raised_to_it():
    ladder = a_ladder({1_000: 1}, {1_001: 1}, "0.001")
    assert ladder.rounding == Decimal("0.1")
    assert ladder.price_digits == 1
    assert row_price_units(ladder, "bid") == [1_000]


def test_ladder_says_when_the_book_has_fewer_rows_than_asked_for():
    bids, asks = dict.fromkeys(range(900, 1000), 1), dict.fromkeys(range(1000, 1040), 1)
    assert a_ladder(bids, asks, "0.1", limit=50).depth_limited
    ladder = a_ladder(bids, asks, "0.1", limit=40)
    assert not ladder.depth_limited
    assert (ladder.raw_bids, ladder.raw_asks, ladder.requested) == (100, 40, 40)


@pytest.mark.parametrize("hole", [10, 100, 1_000, 5_000, 100_000])
def test_rows_are_found_however_many_empty_ones_lie_between(hole: int):
    bids = {1_000_000 - n * hole: n + 1 for n in range(10)} | dict.fromkeys(range(300, 1400), 1)
    asks = {1_000_001 + n * hole: n + 1 for n in range(10)}
    for rounding in ("0.2", "0.5", "1", "2.5", "40"):
        ladder = a_ladder(bids, asks, rounding, limit=8)
        assert_matches_decimal(ladder, bids, asks, tick_size=BTC.tick_size, rounding=Decimal(rounding), limit=8)


def test_empty_book_has_an_empty_ladder():
    ladder = a_ladder({}, {}, "10")
    assert (ladder.bid_keys, ladder.ask_keys, ladder.depth_limited) == ([], [], True)


@pytest.mark.parametrize("rounding", ["1000000000000000", "0.123456789012345678901", "999999999999999"])
def test_roundings_beyond_whole_64_bit_numbers_are_exact_too(rounding: str):
    bids, asks = {n: n for n in range(600_000, 600_050)}, {n: n for n in range(600_050, 600_100)}
    ladder = a_ladder(bids, asks, rounding)
    assert_matches_decimal(ladder, bids, asks, tick_size=BTC.tick_size, rounding=Decimal(rounding), limit=50)


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "NaN", "inf", "-Infinity", "", "abc", "1e400", "1" * 50, "0x1", "1e16", "0e5", "1e-25", "7e-999999"],
)
def test_rounding_that_is_no_positive_decimal_is_refused(text: str):
    with pytest.raises(BadValue, match="rounding"):
        parse_rounding(text)


@pytest.mark.parametrize(
    ("text", "digits"), [("10", "10"), ("10.0", "10"), ("1E+1", "10"), (" 0.50 ", "0.5"), ("1e-7", "1E-7")]
)
def test_equal_roundings_have_one_form(text: str, digits: str):
    assert str(parse_rounding(text)) == digits


ticks = st.integers(1, 2_000_000)
sides = st.dictionaries(st.one_of(ticks, st.integers(600_000, 600_400)), st.integers(1, 10**9), max_size=60)
roundings = st.one_of(
    st.sampled_from(["0.1", "0.25", "0.3", "0.5", "0.7", "1", "2.5", "10", "33", "100", "1000", "12345.678"]),
    st.decimals("0.001", "5000", places=3).filter(lambda d: d > 0).map(str),
)
tick_sizes = st.sampled_from(["0.1", "0.01", "0.05", "0.25", "1", "5", "0.0000001", "0.3"])


@given(bids=sides, asks=sides, rounding=roundings, tick_size=tick_sizes, limit=st.integers(1, 80))
def test_every_row_equals_the_grouping_in_decimals(bids: Lots, asks: Lots, rounding: str, tick_size: str, limit: int):
    ladder = a_ladder(bids, asks, rounding, limit, tick_size)
    assert_matches_decimal(ladder, bids, asks, tick_size=Decimal(tick_size), rounding=Decimal(rounding), limit=limit)


@given(bids=sides, asks=sides, rounding=roundings)
def test_grouping_keeps_the_total_size(bids: Lots, asks: Lots, rounding: str):
    ladder = a_ladder(bids, asks, rounding, limit=1_000)
    assert sum(ladder.bid_lots) == sum(bids.values())
    assert sum(ladder.ask_lots) == sum(asks.values())
    assert ladder.bid_cumulative[-1:] == [sum(bids.values())][: len(bids)]


@pytest.mark.parametrize("rounding", ["0.1", "0.2", "0.3", "0.7", "1", "10", "0.25"])
def test_levels_on_the_edge_of_a_row_are_in_the_row_of_that_price(rounding: str):
    # The prices where a floor in floats goes wrong: every multiple of the rounding that is a tick.
    height = Decimal(rounding)
    edges = [int(n * height / BTC.tick_size) for n in range(1, 20_000) if n * height % BTC.tick_size == 0][:2_000]
    levels = dict.fromkeys(edges, 1)
    ladder = a_ladder(levels, levels, rounding, limit=2_000)
    prices = sorted(BTC.exact_price(tick) for tick in edges)
    assert [key * height for key in ladder.ask_keys] == prices
    assert [key * height for key in ladder.bid_keys] == prices[::-1]


def assert_matches_decimal(
    ladder: Ladder, bids: Lots, asks: Lots, *, tick_size: Decimal, rounding: Decimal, limit: int
) -> None:
    height = max(rounding, tick_size)
    for levels, towards, keys, lots, cumulative in (
        (bids, ROUND_FLOOR, ladder.bid_keys, ladder.bid_lots, ladder.bid_cumulative),
        (asks, ROUND_CEILING, ladder.ask_keys, ladder.ask_lots, ladder.ask_cumulative),
    ):
        rows: dict[int, int] = {}
        for tick, size in levels.items():
            key = int((tick * tick_size / height).to_integral_value(towards))
            rows[key] = rows.get(key, 0) + size
        expected = sorted(rows.items(), reverse=towards is ROUND_FLOOR)[:limit]
        assert list(zip(keys, lots, strict=True)) == expected
        assert cumulative == [sum(size for _, size in expected[: n + 1]) for n in range(len(expected))]
