# bqplot and ipywidgets have no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""A sweep's result that can be shown: ``sweep(Fade, {...}, rec).heatmap("ticks", "size")``."""

from __future__ import annotations

from typing import Any, Final, Self

import numpy as np
from ipywidgets import Layout

from orderfox_nb.market.backtest.sweeping import SweepResult
from orderfox_nb.market.report.themes import AUTO
from orderfox_nb.widgets.chart.charts import import_bqplot
from orderfox_nb.widgets.report.themes import figure_colours

bqplot = import_bqplot()

_MAX_LABELS: Final = 150
"""Largest number of cells that are labelled with their figure."""


class SweepReport(SweepResult, kw_only=True):
    """A sweep with its heat map."""

    @classmethod
    def of(cls, result: SweepResult) -> Self:
        """Return a result as a report."""
        return cls(strategy=result.strategy, names=result.names, df=result.df)

    def heatmap(self, x: str, y: str, metric: str = "profit", *, theme: str = AUTO) -> Any:
        """Return a bqplot figure of a figure's mean by two parameters; red is low, green is high.

        Args:
            x: Parameter along the horizontal axis.
            y: Parameter along the vertical axis.
            metric: A column of ``df``.
            theme: ``auto`` follows the page that shows it, otherwise ``dark`` or ``light``.

        Raises:
            BadValue: A parameter that was not varied, the same one twice, or an unknown figure.
            ValueError: There is no such theme.
        """
        colours = figure_colours(theme)
        table = self.pivot(x, y, metric)
        values = table.to_numpy(np.float64)
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        # Zero is the middle, so that a loss never looks like a profit; where all have one sign, so are the ends.
        reach = max(abs(low), abs(high)) or 1.0
        scales = {
            "column": bqplot.OrdinalScale(),
            "row": bqplot.OrdinalScale(),
            "color": bqplot.ColorScale(
                colors=[colours.ask, colours.raised, colours.bid], min=-reach, max=reach, mid=0.0
            ),
        }
        mark = bqplot.GridHeatMap(
            # NaN has no colour of the scale: a cell without a figure is neither 0 nor a loss.
            color=values,
            display_format=".3~g" if values.size <= _MAX_LABELS else None,
            font_style={"fill": colours.text, "font-size": "11px"},
            column=[str(one) for one in table.columns],
            row=[str(one) for one in table.index],
            scales=scales,
            stroke=colours.panel,
        )
        ink = {"fill": colours.muted, "font-size": "11px"}
        plain = {"tick_style": ink, "label_color": colours.muted, "color": colours.line, "grid_lines": "none"}
        ends = [-reach, 0.0, reach]
        axes = [
            bqplot.Axis(scale=scales["column"], label=x, **plain),
            bqplot.Axis(scale=scales["row"], label=y, side="left", label_offset="4em", **plain),
            bqplot.ColorAxis(
                scale=scales["color"], side="right", tick_style=ink, tick_values=ends, tick_format=",.3~g"
            ),
        ]
        return bqplot.Figure(
            marks=[mark],
            axes=axes,
            title=f"{self.strategy}: {metric.replace('_', ' ')}",
            title_style={"fill": colours.muted, "font-size": "13px"},
            background_style={"fill": colours.panel},
            fig_margin={"top": 40, "bottom": 48, "left": 84, "right": 84},
            display_toolbar=False,
            layout=Layout(width="100%", height="380px", min_width="320px"),
        )
