"""What stands along the axes of the charts: round prices, sizes and times, each written as what it is."""

from __future__ import annotations

import itertools
import json
import math

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
    assert printed.strip() == "Jun 1, 2026"
    labels = time_labels(run_module, zone, ("2026-05-29T12:00", "2026-06-02T12:00"), 40, bar)
    assert labels == [
        ["2026-05-30T00:00", "May 30"],
        ["2026-05-31T00:00", "May 31"],
        ["2026-06-01T00:00", "Jun 1"],
        ["2026-06-02T00:00", "Jun 2"],
    ]


def test_days_begin_at_midnight_of_the_zone_before_and_after_its_clocks_change(run_module: RunModule):
    autumn = time_labels(run_module, "America/New_York", ("2026-10-31T00:00", "2026-11-03T12:00"), 4, "1h")
    assert autumn == [
        ["2026-10-31T04:00", "Oct 31"],
        ["2026-11-01T04:00", "Nov 1"],
        ["2026-11-02T05:00", "Nov 2"],
        ["2026-11-03T05:00", "Nov 3"],
    ]
    spring = time_labels(run_module, "Europe/Berlin", ("2026-03-28T12:00", "2026-03-30T00:00"), 6, "30m")
    assert [label for _, label in spring] == ["18:00", "Mar 29", "06:00", "12:00", "18:00", "Mar 30"]
    assert [time for time, _ in spring][1:3] == ["2026-03-28T23:00", "2026-03-29T04:00"]


@pytest.mark.parametrize(
    ("zone", "window", "wanted", "labels"),
    [
        ("Europe/Berlin", ("2026-03-28T23:30", "2026-03-29T03:30"), 4, "01:00 03:00 04:00 05:00"),
        ("Europe/Berlin", ("2026-10-24T22:30", "2026-10-25T02:30"), 4, "01:00 02:00 02:00 03:00"),
        ("Europe/Berlin", ("2026-10-24T21:30", "2026-10-25T06:30"), 5, "Oct 25 02:00 04:00 06:00"),
        ("Europe/Berlin", ("2026-10-25T00:10", "2026-10-25T01:10"), 6, "02:10 02:20 02:30 02:40 02:50 02:00 02:10"),
        ("Africa/Cairo", ("2026-04-22T12:00", "2026-04-25T00:00"), 3, "Apr 23 Apr 24 Apr 25"),  # the 24th begins at 1
        ("Asia/Kolkata", ("2026-06-01T00:00", "2026-06-01T04:00"), 4, "06:00 07:00 08:00 09:00"),
    ],
)
def test_times_are_round_on_the_clock_of_the_zone_on_the_day_it_changes(
    run_module: RunModule, zone: str, window: tuple[str, str], wanted: int, labels: str
):
    shown = time_labels(run_module, zone, window, wanted, "1m")
    assert " ".join(label for _, label in shown) == labels
    assert [time for time, _ in shown] == sorted({time for time, _ in shown})


RANGES = [
    ((68_100, 68_750), 1),
    ((1_950, 2_950), 2),
    ((0.1762, 0.1771), 5),
    ((3e-6, 9e-6), 8),
    ((20, 60_000), 1),
    ((61_000, 61_003), 1),
]


def test_a_price_axis_has_five_labels_that_tags_leave_and_none_in_anothers_place(run_module: RunModule):
    cases = list(itertools.product(RANGES, [110, 163, 320, 600, 1200], [False, True]))
    printed = run_module(
        f"""import {{ priceTicks }} from "./ticks.js";
        console.log(JSON.stringify({json.dumps(cases)}.map(([[within, digits], height, log]) => {{
            const found = priceTicks(within, height, digits, log);
            return [found.ticks, found.ticks.map((tick) => tick.toFixed(found.digits))];
        }})));"""
    )
    for (((low, high), digits), height, log), (ticks, shown) in zip(cases, json.loads(printed), strict=True):
        case = (low, high, height, log)
        assert ticks == sorted(set(ticks)), case
        assert all(low <= tick <= high * (1 + 1e-12) for tick in ticks), case
        assert [float(label) for label in shown] == pytest.approx(ticks, rel=1e-9)
        assert [round(float(label), digits) for label in shown] == pytest.approx(ticks, rel=1e-12), "of the market"
        scale = math.log if log else float
        places = [(scale(tick) - scale(low)) / (scale(high) - scale(low)) * height for tick in ticks]
        assert min(after - before for before, after in itertools.pairwise(places)) > 16.9, case
        if high - low < 12 * 10**-digits:
            assert len(ticks) >= 3, "there are no more prices"
            continue
        assert len(ticks) >= (7 if height >= 200 else 5 if height >= 160 else 3), case
        if height < 300:
            continue
        # The last price with its countdown, and the crosshair, wherever they are.
        for last, cursor in itertools.product(range(0, height, 13), range(0, height, 17)):
            tags = (last, last + 18, cursor)
            assert sum(all(abs(place - tag) >= 16 for tag in tags) for place in places) >= 5, case


@pytest.mark.parametrize(
    ("locale", "day", "bar"),
    [
        ("de_DE.UTF-8", "28. Nov.", "28. Nov. 2026"),
        ("en_US.UTF-8", "Nov 28", "Nov 28, 2026"),
        ("ja_JP.UTF-8", "11月28日", "2026年11月28日"),
    ],
)
def test_dates_are_those_of_the_readers_language(run_module: RunModule, locale: str, day: str, bar: str):
    printed = run_module(
        """import { barTimeText } from "./format.js";
        import { timeTicks } from "./ticks.js";
        const [from, to] = ["2026-11-27T12:00Z", "2026-11-28T12:00Z"].map(Date.parse);
        const { ticks, text } = timeTicks(from, to, 1, 60_000);
        const at = Date.UTC(2026, 10, 28);
        console.log([text(ticks[0]), barTimeText(at, 60_000), barTimeText(at, 86_400_000)].join("|"));""",
        zone="UTC",
        locale=locale,
    )
    assert printed.strip() == f"{day}|{day} 00:00|{bar}"


@pytest.mark.parametrize(
    ("zone", "minute", "day"),
    [("UTC", "UTC", "UTC"), ("Asia/Kolkata", "UTC+5:30", "UTC"), ("America/New_York", "UTC−4", "UTC")],
)
def test_the_zone_of_times_is_named(run_module: RunModule, zone: str, minute: str, day: str):
    printed = run_module(
        """import { zoneText } from "./format.js";
        const at = Date.UTC(2026, 5, 1);
        console.log([zoneText(at, 60_000), zoneText(at, 86_400_000)].join("|"));""",
        zone=zone,
    )
    assert printed.strip() == f"{minute}|{day}"


def test_long_windows_have_months_and_years_that_begin_when_they_do(run_module: RunModule):
    years = time_labels(run_module, "UTC", ("2020-02-01T00:00", "2026-11-28T00:00"), 7, "1w")
    assert years == [[f"{year}-01-01T00:00", str(year)] for year in range(2021, 2027)]
    months = time_labels(run_module, "UTC", ("2025-11-15T00:00", "2026-03-28T00:00"), 6, "1d")
    assert [label for _, label in months] == ["Dec", "2026", "Feb", "Mar"]
    weeks = time_labels(run_module, "UTC", ("2026-06-01T00:00", "2026-06-28T00:00"), 4, "1d")
    assert [time[8:10] for time, _ in weeks] == ["01", "08", "15", "22"], "a week begins with the bar of a week"
