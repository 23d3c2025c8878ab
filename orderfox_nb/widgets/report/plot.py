# bqplot and ipywidgets have no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""A report's charts as bqplot figures over one time scale: pan or zoom one, and all follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from ipywidgets import HTML, Layout, VBox

from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.report.columns import Curve, ReportColumns, columns_of
from orderfox_nb.market.report.drawing import model_colours
from orderfox_nb.market.report.themes import AUTO
from orderfox_nb.market.svg.pieces import Colours
from orderfox_nb.widgets.chart.charts import import_bqplot
from orderfox_nb.widgets.report.themes import figure_colours

bqplot = import_bqplot()


def report_plot(result: BacktestResult, *, theme: str = AUTO) -> VBox:
    """Return the charts: price with the fills of the first model, equity, drawdown and position of each model.

    The figures are ordinary bqplot figures, in this order in ``children`` behind the legend; add marks as you like.

    Args:
        result: The backtest.
        theme: ``auto`` follows the page that shows it, otherwise ``dark`` or ``light``.

    Raises:
        ValueError: There is no such theme.
    """
    colours = figure_colours(theme)
    columns = columns_of(result)
    if columns.empty:
        return VBox([HTML("The strategy did not start: the data were never complete.")])
    time = bqplot.DateScale()
    inks = model_colours(list(columns.equity), colours)
    base, quote = result.instrument.base, result.instrument.quote
    return VBox(
        [
            HTML(_legend(inks, colours)),
            _prices(columns, time, colours, quote),
            _figure(f"Equity, {quote}", columns.equity, inks, time, colours, band=(columns.low, columns.high)),
            _figure("Drawdown, %", columns.drawdown, inks, time, colours, height="180px"),
            _figure(f"Position, {base}", columns.position, inks, time, colours, height="180px", stepped=True),
        ],
        layout=Layout(width="100%"),
    )


def _legend(inks: Mapping[str, str], colours: Colours) -> str:
    """Return the models with their colours: beside the charts, since bqplot's own legend covers the lines."""
    names = " &nbsp; ".join(
        f'<span style="color:{ink}">━</span> {escape(name.replace("_", " "))}' for name, ink in inks.items()
    )
    return f'<span style="color:{colours.muted}">{names}</span>'


def _times(curve: Curve) -> Any:
    return curve.time_us.astype("datetime64[us]").astype("datetime64[ms]")


def _prices(columns: ReportColumns, time: Any, colours: Colours, quote: str) -> Any:
    scales = {"x": time, "y": bqplot.LinearScale()}
    marks = [bqplot.Lines(x=_times(columns.price), y=columns.price.value, scales=scales, colors=[colours.muted],
                          stroke_width=1.2)]  # fmt: skip
    for curve, ink, marker in (
        (columns.buys, colours.bid, "triangle-up"),
        (columns.sells, colours.ask, "triangle-down"),
    ):
        if len(curve.time_us):
            marks.append(
                bqplot.Scatter(
                    x=_times(curve),
                    y=curve.value,
                    scales=scales,
                    colors=[ink],
                    marker=marker,
                    default_size=28,
                    opacities=[0.85],
                )
            )
    return _panel(f"Price, {quote}, and fills", marks, scales, colours, height="300px", tick_format=",.6~f")


def _figure(
    title: str,
    curves: Mapping[str, Curve],
    inks: Mapping[str, str],
    time: Any,
    colours: Colours,
    *,
    height: str = "240px",
    band: tuple[Curve, Curve] | None = None,
    stepped: bool = False,
) -> Any:
    scales = {"x": time, "y": bqplot.LinearScale()}
    marks: list[Any] = []
    if band is not None:
        low, high = band
        shade = inks[next(iter(inks))]
        marks.append(
            bqplot.Lines(
                x=_times(low),
                y=[low.value, high.value],
                scales=scales,
                colors=[shade, shade],
                fill="between",
                fill_colors=[shade],
                fill_opacities=[0.18],
                opacities=[0.0, 0.0],
            )
        )
    for name, curve in curves.items():
        marks.append(
            bqplot.Lines(
                x=_times(curve),
                y=curve.value,
                scales=scales,
                colors=[inks[name]],
                stroke_width=1.4,
                labels=[name.replace("_", " ")],
                interpolation="step-after" if stepped else "linear",
            )
        )
    return _panel(title, marks, scales, colours, height=height, tick_format=",.6~f")


def _panel(
    title: str, marks: Sequence[Any], scales: Mapping[str, Any], colours: Colours, *, height: str, tick_format: str
) -> Any:
    ink = {"fill": colours.muted, "font-size": "11px"}
    times = marks[-1].x
    clock = "%H:%M:%S" if times[-1] - times[0] < np.timedelta64(1, "D") else "%m-%d %H:%M"
    axes = [
        bqplot.Axis(scale=scales["x"], color=colours.line, grid_color=colours.line, tick_style=ink, tick_format=clock),
        bqplot.Axis(
            scale=scales["y"],
            side="right",
            color=colours.line,
            grid_color=colours.line,
            tick_style=ink,
            tick_format=tick_format,
        ),
    ]
    return bqplot.Figure(
        marks=list(marks),
        axes=axes,
        title=title,
        # Outside the plot is the page, which may be light or dark.
        title_style={"fill": colours.muted, "font-size": "13px"},
        background_style={"fill": colours.panel},
        fig_margin={"top": 34, "bottom": 28, "left": 14, "right": 84},
        display_toolbar=False,
        animation_duration=0,
        interaction=bqplot.PanZoom(scales={"x": [scales["x"]]}),
        layout=Layout(width="100%", height=height, min_width="320px"),
    )
