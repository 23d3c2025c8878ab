"""What stands along the axes of the charts: round prices, sizes and times, each written as what it is."""

from __future__ import annotations

import json

import pytest

from tests.widgets.conftest import RunModule

pytestmark = pytest.mark.widgets


@pytest.mark.parametrize(
    ("within", "wanted", "most", "labels"),
    [
        ((3_176, 3_193), 7, 2, "3177.5 3180.0 3182.5 3185.0 3187.5 3190.0 3192.5"),  # a depth of ± 0.25 % at 3,184
        ((0.1762, 0.1771), 4, 5, "0.17625 0.17650 0.17675 0.17700"),  # candles of a few hundredths of a cent
        ((0, 0.1), 4, 3, "0.000 0.025 0.050 0.075 0.100"),
        ((61_150, 61_420), 6, 1, "61150 61200 61250 61300 61350 61400"),
        ((0, 9.5), 4, 12, "0.0 2.5 5.0 7.5"),
        ((100, 1_000), 4, 0, "250 500 750 1000"),
    ],
)
def test_each_label_of_an_axis_is_the_value_at_its_tick(
    run_module: RunModule, within: tuple[float, float], wanted: int, most: int, labels: str
):
    printed = run_module(
        f"""import {{ niceTicks }} from "./ticks.js";
        const {{ ticks, digits }} = niceTicks({list(within)}, {wanted}, {most});
        console.log(JSON.stringify([ticks, ticks.map((tick) => tick.toFixed(digits)).join(" ")]));"""
    )
    ticks, shown = json.loads(printed)
    assert shown == labels
    assert [float(label) for label in shown.split(" ")] == pytest.approx(ticks, rel=1e-12)


@pytest.mark.parametrize(("most", "step"), [(2, 0.25), (1, 0.5), (0, 1)])
def test_ticks_stand_on_prices_that_the_market_has(run_module: RunModule, most: int, step: float):
    printed = run_module(
        f"""import {{ niceTicks }} from "./ticks.js";
        console.log(niceTicks([100, 102], 9, {most}).step);"""
    )
    assert float(printed) == step
