"""Brackets and liquidation prices, against brute force and the venue's own table."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.bots.account.brackets import Bracket, Brackets
from orderfox_nb.bots.account.margin import bankruptcy_price, liquidation_price
from orderfox_nb.errors import BadValue

pytestmark = pytest.mark.core


@st.composite
def tables(draw: st.DrawFn) -> Brackets:
    """Brackets with ascending floors and rates, whose margins meet."""
    floors = [0, *sorted(draw(st.sets(st.integers(1, 2_000_000), max_size=8)))]
    rates = sorted(draw(st.lists(st.integers(1, 500), min_size=len(floors), max_size=len(floors))))
    rows: list[Bracket] = []
    deduction, before = Decimal(0), Decimal(0)
    for number, (floor, step) in enumerate(zip(floors, rates, strict=True)):
        rate = Decimal(step) / 1_000
        if number:
            deduction += floor * (rate - before)
        before = rate
        cap = Decimal(floors[number + 1]) if number + 1 < len(floors) else None
        rows.append(Bracket(floor=Decimal(floor), cap=cap, rate=rate, deduction=deduction, max_leverage=20))
    return Brackets(rows)


def excess(price: Decimal, size: Decimal, entry: Decimal, wallet: Decimal, brackets: Brackets) -> Decimal:
    """Return the margin of a position beyond its maintenance."""
    return wallet + size * (price - entry) - brackets.maintenance(abs(size) * price)


SIZES = st.integers(1, 100_000).map(lambda lots: Decimal(lots) / 1_000)
PRICES = st.integers(100, 10_000_000).map(lambda ticks: Decimal(ticks) / 10)


@given(tables(), SIZES, st.sampled_from([1, -1]), PRICES, st.integers(-1_000_000, 5_000_000).map(Decimal))
def test_the_liquidation_price_is_where_bisection_finds_it(
    brackets: Brackets, quantity: Decimal, side: int, entry: Decimal, wallet: Decimal
):
    size = side * quantity
    found = liquidation_price(size, entry, wallet, brackets)
    low, high = Decimal("1E-12"), Decimal(10) ** 13
    safe_low, safe_high = (excess(price, size, entry, wallet, brackets) > 0 for price in (low, high))
    if safe_low == safe_high:
        # A long that is safe at no price at all, or a short that no price restores.
        assert found == (None if side > 0 else 0)
        return
    for _ in range(150):
        middle = (low + high) / 2
        if (excess(middle, size, entry, wallet, brackets) > 0) == safe_low:
            low = middle
        else:
            high = middle
    assert found is not None
    assert abs(found - low) <= max(low, Decimal(1)) * Decimal("1E-9")
    # The bracket that it was computed with is the one of its notional.
    assert abs(excess(found, size, entry, wallet, brackets)) <= Decimal("1E-9")


@given(SIZES, st.sampled_from([1, -1]), PRICES, st.integers(0, 5_000_000).map(Decimal))
def test_closing_at_the_bankruptcy_price_leaves_nothing(quantity: Decimal, side: int, entry: Decimal, wallet: Decimal):
    price = bankruptcy_price(side * quantity, entry, wallet)
    assert abs(wallet + side * quantity * (price - entry)) < Decimal("1E-9")


def test_the_margin_of_a_notional_is_that_of_its_slices():
    brackets = Brackets(
        [
            Bracket(floor=Decimal(0), cap=Decimal(100), rate=Decimal("0.01"), max_leverage=50),
            Bracket(floor=Decimal(100), cap=None, rate=Decimal("0.05"), deduction=Decimal(4), max_leverage=10),
        ]
    )
    assert brackets.maintenance(Decimal(100)) == 1
    assert brackets.maintenance(Decimal(300)) == 1 + 200 * Decimal("0.05")
    assert (brackets.max_notional(20), brackets.max_notional(10)) == (100, None)


def test_every_table_of_the_venue_is_read_and_its_margins_meet(recordings: Path):
    text = (recordings / "venue" / "binance_usdm_tiers_20241024_compact.json").read_text(encoding="utf-8")
    data = json.loads(text, parse_float=Decimal)
    names = "notionalFloor", "notionalCap", "maintMarginRatio", "cum", "initialLeverage"
    for rows in data["tiers"].values():
        brackets = Brackets.of_venue(dict(zip(names, row, strict=True)) for row in rows)
        assert len(brackets.rows) == len(rows)
        for before, row in pairwise(brackets.rows):
            assert before.cap is not None
            assert before.cap * before.rate - before.deduction == before.cap * row.rate - row.deduction
        top = brackets.rows[-1]
        assert top.cap is not None
        assert brackets.maintenance(top.cap) < top.cap
        assert brackets.max_notional(1) == top.cap


ROW = {"notionalFloor": 0, "notionalCap": 5000, "maintMarginRatio": 0.01, "cum": 0, "initialLeverage": 50}


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([], "brackets"),
        ([{"notionalFloor": 0}], "brackets"),
        ([ROW | {"cum": 3}], "deduction of 0"),
        ([ROW | {"maintMarginRatio": 1}], "rate"),
        ([ROW, ROW | {"notionalFloor": 6000, "notionalCap": 9000}], "floor"),
        ([ROW, ROW | {"notionalFloor": 5000, "notionalCap": 9000, "maintMarginRatio": 0.02}], "deduction"),
        ([ROW, ROW | {"notionalFloor": 5000, "notionalCap": 9000, "maintMarginRatio": 0.005}], "rate"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(rows: list[dict[str, object]], named: str):
    with pytest.raises(BadValue, match=named):
        Brackets.of_venue(rows)
