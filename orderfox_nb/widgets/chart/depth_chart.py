# ipywidgets and pandas have no stubs.
# pyright: reportIncompatibleVariableOverride=false, reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Cumulative depth in a bqplot figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orderfox_nb.market.svg.pieces import Drawing
from orderfox_nb.widgets.chart.figure_chart import FigureChart, FigureLayer, bqplot
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import Choice, with_arguments
from orderfox_nb.widgets.still.book import depth_svg

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.market.connection import Market, Symbol
    from orderfox_nb.widgets.still.still import Sketch

RANGES = (0.1, 0.25, 0.5, 1, 2, 5, 10)
"""Percent around the middle price: few, so that many viewers share one frame."""


class DepthLayer(FigureLayer):
    """The chart's header, and the canvas that it puts inside a bqplot figure for the two areas."""

    _esm = module_text("chart/depth_chart.js")
    _css = style_text("chart/depth_chart.css")

    percent = Choice(RANGES, 1).tag(sync=True)

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        frame = sketch.frame(self.symbol, "depth", venue=self.venue, range=f"{self.percent:g}")
        width, height = size or (640.0, 320.0)
        return Drawing(depth_svg(frame, sketch.colours, width=width, height=height), width, height)


@with_arguments
class DepthChart(FigureChart):
    """Cumulative size of the book up to each price: bids to the left of the middle, asks to the right.

    ``figure`` is an ordinary bqplot figure with the scales ``x_scale`` (price) and ``y_scale`` (cumulative size): any
    mark can be added to it. A point under the pointer, or one chosen with the arrow keys, shows its sums.

    Example:
        >>> depth = DepthChart(symbol="BTCUSDT", percent=0.5)
        >>> depth.percent = 2
        >>> depth.df.groupby("side")["size"].sum()
    """

    layer: DepthLayer

    percent = Choice(RANGES, 1)
    """Range around the middle price, in percent."""

    def __init__(
        self,
        *,
        symbol: str = "BTCUSDT",
        venue: str = "",
        market: Market | Symbol | None = None,
        percent: float = 1,
        marks: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        self.x_scale = bqplot.LinearScale(allow_padding=False)
        self.y_scale = bqplot.LinearScale(allow_padding=False, min=0.0)
        x_axis = bqplot.Axis(scale=self.x_scale, grid_lines="none")
        y_axis = bqplot.Axis(scale=self.y_scale, side="right", grid_lines="solid")
        self.figure = self._make_figure([x_axis, y_axis], marks, min_height="120px")
        layer = DepthLayer(
            market=market,
            symbol=symbol,
            venue=venue,
            percent=percent,
            figure=self.figure,
            x_scale=self.x_scale,
            y_scale=self.y_scale,
            x_axis=x_axis,
            y_axis=y_axis,
        )
        self._join(layer, ("venue", "symbol", "percent"), kwargs, height="320px")
        self.add_class("of-depth-chart")

    @property
    def df(self) -> pd.DataFrame:
        """The book within the range, level by level: side, price, size, cumulative; quality in ``attrs``."""
        from orderfox_nb.widgets.kernel.data import kernel_symbol  # noqa: PLC0415 - a dashboard's kernel never asks

        frame: Any = kernel_symbol(self.symbol, self.venue, self.market).book.df
        best = frame.groupby("side")["price"].agg(["min", "max"])
        if len(best) < 2:
            return frame
        middle = (best.loc["ask", "min"] + best.loc["bid", "max"]) / 2
        return frame[(frame["price"] - middle).abs() <= middle * self.percent / 100]
