"""Orders at the touch of the embedded exchange's book are filled on paper as they are there."""

from __future__ import annotations

import pytest

from benchmarks.paper_against_exchange import LOTS, compare, median_s, ratio

pytestmark = pytest.mark.sim


def test_orders_at_the_touch_are_filled_as_at_the_exchange():
    """The market follows from its seed and the time in the benchmark, so the figures are the same on every run."""
    found = compare(30)
    exact = found.pop("exchange")
    assert sum(each.filled == LOTS for each in exact) > 15
    for outcomes in found.values():
        # Paper sees the book each 100 ms only: one order in ten may differ.
        assert sum(a.filled == b.filled for a, b in zip(outcomes, exact, strict=True)) >= 27
        assert abs(ratio(outcomes) - ratio(exact)) < 0.1
        assert abs(median_s(outcomes) - median_s(exact)) < 0.5
