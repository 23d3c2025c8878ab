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


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0.23, "0.05 0.10 0.15 0.20"),
        (4.2e9, "1B 2B 3B 4B"),
        (1_600, "500 1K 1.5K"),
        (12_000, "2.5K 5K 7.5K 10K"),
        (1_100_000, "250K 500K 750K 1M"),
        (7, "2 4 6"),
    ],
)
def test_sizes_beside_an_axis_are_short_and_round(run_module: RunModule, most: float, labels: str):
    printed = run_module(
        f"""import {{ axisText }} from "./format.js";
        import {{ niceTicks }} from "./ticks.js";
        const {{ ticks, digits }} = niceTicks([0, {most}], 5);
        console.log(ticks.slice(1).map((tick) => axisText(tick, digits)).join(" "));"""
    )
    assert printed.strip() == labels


def time_labels(run_module: RunModule, zone: str, window: tuple[str, str], wanted: int, bar: str) -> list[list[str]]:
    """Return the ticks of a window, as UTC and as the axis writes them."""
    printed = run_module(
        f"""import {{ LENGTH_S }} from "./candle_view.js";
        import {{ timeTicks }} from "./ticks.js";
        const [from, to] = {list(window)}.map((text) => Date.parse(`${{text}}Z`));
        const {{ ticks, text }} = timeTicks(from, to, {wanted}, LENGTH_S["{bar}"] * 1000);
        console.log(JSON.stringify(ticks.map((tick) => [tick.toISOString().slice(0, 16), text(tick)])));""",
        zone=zone,
    )
    return json.loads(printed)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("bar", ["1d", "1w", "1M"])
def test_bars_of_a_day_and_longer_carry_the_date_on_which_they_begin(run_module: RunModule, zone: str, bar: str):
    printed = run_module(
        f"""import {{ LENGTH_S }} from "./candle_view.js";
        import {{ barTimeText }} from "./format.js";
        console.log(barTimeText(Date.UTC(2026, 5, 1), LENGTH_S["{bar}"] * 1000));""",
        zone=zone,
    )
    assert printed.strip() == "01.06.2026"
    labels = time_labels(run_module, zone, ("2026-05-29T12:00", "2026-06-02T12:00"), 40, bar)
    assert labels == [
        ["2026-05-30T00:00", "30.05."],
        ["2026-05-31T00:00", "31.05."],
        ["2026-06-01T00:00", "01.06."],
        ["2026-06-02T00:00", "02.06."],
    ]


def test_days_begin_at_midnight_of_the_zone_before_and_after_its_clocks_change(run_module: RunModule):
    autumn = time_labels(run_module, "America/New_York", ("2026-10-31T00:00", "2026-11-03T12:00"), 4, "1h")
    assert autumn == [
        ["2026-10-31T04:00", "31.10."],
        ["2026-11-01T04:00", "01.11."],
        ["2026-11-02T05:00", "02.11."],
        ["2026-11-03T05:00", "03.11."],
    ]
    spring = time_labels(run_module, "Europe/Berlin", ("2026-03-28T12:00", "2026-03-30T00:00"), 6, "30m")
    assert [label for _, label in spring] == ["18:00", "29.03.", "06:00", "12:00", "18:00", "30.03."]
    assert [time for time, _ in spring][1:3] == ["2026-03-28T23:00", "2026-03-29T04:00"]


@pytest.mark.parametrize(
    ("zone", "window", "wanted", "labels"),
    [
        ("Europe/Berlin", ("2026-03-28T23:30", "2026-03-29T03:30"), 4, "01:00 03:00 04:00 05:00"),
        ("Europe/Berlin", ("2026-10-24T22:30", "2026-10-25T02:30"), 4, "01:00 02:00 02:00 03:00"),
        ("Europe/Berlin", ("2026-10-24T21:30", "2026-10-25T06:30"), 5, "25.10. 02:00 04:00 06:00"),
        ("Europe/Berlin", ("2026-10-25T00:10", "2026-10-25T01:10"), 6, "02:10 02:20 02:30 02:40 02:50 02:00 02:10"),
        ("Africa/Cairo", ("2026-04-22T12:00", "2026-04-25T00:00"), 3, "23.04. 24.04. 25.04."),  # the 24th begins at 1
        ("Asia/Kolkata", ("2026-06-01T00:00", "2026-06-01T04:00"), 4, "06:00 07:00 08:00 09:00"),
    ],
)
def test_times_are_round_on_the_clock_of_the_zone_on_the_day_it_changes(
    run_module: RunModule, zone: str, window: tuple[str, str], wanted: int, labels: str
):
    shown = time_labels(run_module, zone, window, wanted, "1m")
    assert " ".join(label for _, label in shown) == labels
    assert [time for time, _ in shown] == sorted({time for time, _ in shown})
