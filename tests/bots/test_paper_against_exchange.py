"""Orders at the touch of the embedded exchange's book are filled on paper as they are there."""

from __future__ import annotations

import pytest

from benchmarks.paper_against_exchange import LOTS, TouchOutcome, compare, median_s, ratio

pytestmark = pytest.mark.sim


@pytest.fixture(scope="module")
def found() -> dict[str, list[TouchOutcome]]:
    """The market follows from its seed and the time in the benchmark, so the figures are the same on every run."""
    return compare(60)


def test_orders_at_the_touch_are_filled_as_at_the_exchange(found: dict[str, list[TouchOutcome]]):
    exact = found["exchange"]
    assert sum(each.filled == LOTS for each in exact) > 30
    for outcomes in found.values():
        # Paper sees the book each 100 ms only: one order in ten may differ.
        assert sum(a.filled == b.filled for a, b in zip(outcomes, exact, strict=True)) >= 54
        assert abs(ratio(outcomes) - ratio(exact)) < 0.1
        assert abs(median_s(outcomes) - median_s(exact)) < 0.5


def test_a_difference_comes_from_changes_that_are_published_as_their_sum(found: dict[str, list[TouchOutcome]]):
    """What is withdrawn ahead of an order and placed behind it in the same 100 ms: paper does not see it."""
    shown, exact = compare(60, every=True), found["exchange"]
    assert [one.filled for one in shown["exchange"]] == [one.filled for one in exact]
    for name in ("log", "power"):
        apart, left = (
            sum(one.filled != other.filled for one, other in zip(outcomes[name], exact, strict=True))
            for outcomes in (found, shown)
        )
        assert apart > left
