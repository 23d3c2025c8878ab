from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import traitlets
from bqplot import LinearScale, Lines

from orderfox_nb.widgets import CandleChart
from orderfox_nb.widgets.chart.series import series_times

pytestmark = pytest.mark.widgets

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def answer(chart: CandleChart, *, buffers: tuple[bytes, ...] = (PNG,), **content: object) -> None:
    """Let a message of a page reach the kernel's side of the chart."""
    chart.layer._handle_custom_msg(content, [memoryview(one) for one in buffers])


def test_overlays_are_named_once_and_reach_the_page():
    chart = CandleChart(overlays=["vwap", "ema20", "vwap"])
    assert chart.overlays == chart.layer.overlays == ["vwap", "ema20"]
    chart.overlays = ["bollinger50"]
    assert chart.layer.overlays == ["bollinger50"]
    chart.layer.overlays = []  # as the menu does
    assert chart.overlays == []


@pytest.mark.parametrize("bad", ["ema", "ema1", "ema501", "vwap20", "bollinger", "EMA20", "sma20", "ema20;", ""])
def test_an_overlay_that_is_none_is_refused(bad: str):
    chart = CandleChart()
    with pytest.raises(traitlets.TraitError, match="overlay"):
        chart.overlays = [bad]
    with pytest.raises(traitlets.TraitError, match="overlay"):
        CandleChart(overlays=[bad])
    assert chart.overlays == []


@pytest.mark.parametrize(
    "name", ["show_volume", "show_liquidations", "show_liquidation_average", "show_lapses", "fixed_scale"]
)
def test_what_is_shown_is_chosen_from_python_and_from_the_page(name: str):
    chart = CandleChart()
    setattr(chart, name, False)
    assert getattr(chart.layer, name) is False
    setattr(chart.layer, name, True)
    assert getattr(chart, name) is True


def test_a_logarithmic_scale_moves_the_marks_with_it():
    chart = CandleChart(log_scale=True)
    assert chart.scales["y"] is chart.log_y_scale
    assert [axis.visible for axis in chart.figure.axes] == [True, False, True]
    own = LinearScale()
    line = chart.add_series([1772366400, 1772366460], [1.0, 2.0], name="mine")
    other = Lines(x=[1], y=[2], scales={"x": chart.x_scale, "y": own})
    late = Lines(x=[1], y=[2], scales={"x": chart.x_scale, "y": chart.y_scale})
    chart.figure.marks = [*chart.figure.marks, other, late]
    assert late.scales["y"] is chart.log_y_scale
    chart.layer.log_scale = False  # as the menu does
    assert [mark.scales["y"] for mark in chart.figure.marks] == [chart.y_scale, own, chart.y_scale]
    assert line.scales == chart.scales == {"x": chart.x_scale, "y": chart.y_scale}
    assert [axis.visible for axis in chart.figure.axes] == [True, True, False]
    chart.fixed_scale = True
    assert chart.layer.fixed_scale is True
    assert all(side == 0 for side in chart.figure.fig_margin.values()), "until it is displayed"


MIDDAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "times",
    [
        [1772366400, 1772366460],
        [1772366400.0, 1772366460.0],
        [1772366400000, 1772366460000],
        [MIDDAY, MIDDAY + timedelta(minutes=1)],
        [MIDDAY.replace(tzinfo=None), MIDDAY.replace(tzinfo=None) + timedelta(minutes=1)],
        [moment.astimezone(timezone(timedelta(hours=5))) for moment in (MIDDAY, MIDDAY + timedelta(minutes=1))],
        np.array(["2026-03-01T12:00", "2026-03-01T12:01"], "datetime64[ns]"),
    ],
    ids=["seconds", "fractions", "milliseconds", "aware", "naive", "zone", "numpy"],
)
def test_times_are_accepted_as_people_have_them(times: object):
    assert [str(time) for time in series_times(times)] == ["2026-03-01T12:00:00.000", "2026-03-01T12:01:00.000"]


def test_times_of_a_dataframe_are_read_in_their_zone():
    import pandas as pd

    index = pd.date_range("2026-03-01 13:00", periods=2, freq="min", tz="Europe/Berlin")
    assert [str(time) for time in series_times(index)] == ["2026-03-01T12:00:00.000", "2026-03-01T12:01:00.000"]


@pytest.mark.parametrize("bad", [["yesterday"], [None], [float("nan")]])
def test_times_that_are_none_are_refused(bad: list[object]):
    with pytest.raises(ValueError, match=r"times|Times"):
        CandleChart().add_series(bad, [1], name="x")


def test_a_series_is_a_bqplot_mark_that_can_be_moved_replaced_and_removed():
    chart = CandleChart()
    line = chart.add_series([60, 120], [1, 2], name="fair", colour="#ff00ff", line_style="dashed")
    assert chart.figure.marks == [line]
    assert (line.labels, line.colors, line.line_style) == (["fair"], ["#ff00ff"], "dashed")
    assert line.scales == chart.scales
    line.y = [3, 4]
    second = chart.add_series([60], [5], name="other")
    assert second.colors != line.colors
    again = chart.add_series([180], [9], name="fair")
    assert again.colors == ["#ff00ff"], "a series keeps its colour"
    assert chart.figure.marks == [second, again]
    assert chart.series == {"fair": again, "other": second}
    chart.remove_series("fair")
    assert chart.figure.marks == [second]
    with pytest.raises(KeyError):
        chart.remove_series("fair")


def test_a_series_needs_a_value_for_each_time():
    chart = CandleChart()
    with pytest.raises(ValueError, match="3 values for 2 times"):
        chart.add_series([60, 120], [1, 2, 3], name="x")
    assert chart.figure.marks == []


async def test_a_picture_comes_as_bytes_and_as_a_file(tmp_path: Path):
    chart = CandleChart()
    first = chart.save_png(tmp_path / "chart.png")
    second = chart.save_png()
    assert "on its way" in repr(first)
    answer(chart, type="png", id=2)
    answer(chart, type="png", id=1)
    assert await first == await second == PNG
    assert (tmp_path / "chart.png").read_bytes() == PNG
    answer(chart, type="png", id=1, buffers=(b"another page",))
    assert (tmp_path / "chart.png").read_bytes() == PNG, "the first answer counts"


async def test_a_picture_without_a_page_ends_in_time(tmp_path: Path):
    chart = CandleChart()
    with pytest.raises(TimeoutError, match="on the screen"):
        await chart.save_png(tmp_path / "none.png", timeout=0.01)
    answer(chart, type="png", id=1)
    assert not (tmp_path / "none.png").exists()


async def test_a_picture_that_fails_says_why(tmp_path: Path):
    chart = CandleChart()
    picture = chart.save_png()
    answer(chart, type="png_failed", id=1, message="nothing to show yet", buffers=())
    with pytest.raises(RuntimeError, match="nothing to show yet"):
        await picture
    with pytest.raises(FileNotFoundError, match="no folder"):
        chart.save_png(tmp_path / "missing" / "chart.png")


def test_a_message_of_another_form_does_nothing():
    chart = CandleChart()
    contents: tuple[dict[str, object], ...] = ({"type": "png"}, {"type": "png", "id": "1"}, {"id": 1}, {})
    for content in contents:
        chart.layer._handle_custom_msg(content, [memoryview(PNG)])


def test_a_dataframe_is_of_the_chart_s_symbol_and_timeframe_and_says_its_quality(tmp_path: Path):
    code = """
import sys
from orderfox_nb.widgets import CandleChart
chart = CandleChart(symbol="eth/usdt", timeframe="5m")
assert "pandas" not in sys.modules
frame = chart.df
assert (frame.index[1:] - frame.index[:-1]).total_seconds().unique().tolist() == [300.0]
assert {"open", "high", "low", "close", "volume"} <= set(frame.columns)
print(frame.attrs["symbol"], frame.attrs["simulated"], frame.attrs["quality"]["state"])
"""
    environment = {**os.environ, "ORDERFOX_SOURCE": "sim?seed=7&symbols=3", "ORDERFOX_DATA_DIR": str(tmp_path)}
    environment.pop("ORDERFOX_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ETHUSDT", "True", "live"]
