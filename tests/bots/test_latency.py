from __future__ import annotations

import pytest

from orderfox_nb.bots.latency import Latency
from orderfox_nb.errors import BadValue

pytestmark = pytest.mark.core


def test_a_delay_depends_on_seed_order_and_kind_only():
    latency = Latency.lognormal(10_000, 5_000, 0.5)
    drawn = [latency.entry(1, number, "submit") for number in range(100)]
    assert [latency.entry(1, number, "submit") for number in reversed(range(100))] == drawn[::-1]
    assert [latency.entry(2, number, "submit") for number in range(100)] != drawn
    assert [latency.entry(1, number, "cancel") for number in range(100)] != drawn
    assert len(set(drawn)) > 90


def test_draws_follow_the_quantiles():
    latency = Latency(entry_us=(0, 100, 1_000), response_us=(5,))
    drawn = sorted(latency.entry(0, number, "submit") for number in range(2_000))
    assert drawn[0] >= 0
    assert drawn[-1] <= 1_000
    assert abs(drawn[1_000] - 100) < 30
    assert {latency.response(0, number, 0) for number in range(10)} == {5}


def test_draws_are_the_same_on_every_machine():
    latency = Latency(entry_us=(0, 1_000_000))
    assert [latency.entry(7, number, "submit") for number in (1, 2, 3)] == [106188, 653943, 213371]


@pytest.mark.parametrize("table", [(), (-1,), (5, 4), (61_000_000,)])
def test_delays_that_cannot_be_are_refused(table: tuple[int, ...]):
    with pytest.raises(BadValue):
        Latency(entry_us=table)
