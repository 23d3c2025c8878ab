"""Cumulative depth in a bqplot figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import traitlets
from ipywidgets import Layout, VBox, Widget, widget_serialization

from orderfox_nb.widgets.arguments import Choice, canonical_symbol, with_arguments
from orderfox_nb.widgets.base import Displayed, LiveWidget
from orderfox_nb.widgets.charts import import_bqplot
from orderfox_nb.widgets.esm import module_text, style_text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from orderfox_nb.widgets.pictures import Picture
    from orderfox_nb.widgets.still import Still

bqplot = import_bqplot()

RANGES = (0.1, 0.25, 0.5, 1, 2, 5, 10)
"""Percent around the middle price: few, so that many viewers share one frame."""
_NO_MARGIN = {"top": 0, "bottom": 0, "left": 0, "right": 0}
"""The page gives the figure its margins once it is displayed: at no size bqplot would draw with a negative width."""


class DepthLayer(LiveWidget):
    """The chart's header, and the canvas that it puts inside a bqplot figure for the two areas."""

    _esm = module_text("depth_chart.js")
    _css = style_text("depth_chart.css")

    percent = Choice(RANGES, 1).tag(sync=True)
    figure = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    x_scale = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    y_scale = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    x_axis = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    y_axis = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)


@with_arguments
class DepthChart(Displayed, VBox):
    """What the book holds up to each price: bids to the left of the middle, asks to the right.

    ``figure`` is an ordinary bqplot figure with the scales ``x_scale`` (price) and ``y_scale`` (cumulative size): any
    mark can be added to it. A point under the pointer, or one chosen with the arrow keys, tells its sums.

    Example:
        >>> depth = DepthChart(symbol="BTCUSDT", percent=0.5)
        >>> depth.percent = 2
        >>> depth.df.groupby("side")["size"].sum()
    """

    symbol = traitlets.Unicode("BTCUSDT")
    percent = Choice(RANGES, 1)
    """How far to look from the middle price, in percent."""

    def __init__(
        self, *, symbol: str = "BTCUSDT", percent: float = 1, marks: Sequence[Any] = (), **kwargs: Any
    ) -> None:
        self.x_scale = bqplot.LinearScale(allow_padding=False)
        self.y_scale = bqplot.LinearScale(allow_padding=False, min=0.0)
        x_axis = bqplot.Axis(scale=self.x_scale, grid_lines="none")
        y_axis = bqplot.Axis(scale=self.y_scale, side="right", grid_lines="solid")
        self.figure = bqplot.Figure(
            axes=[x_axis, y_axis],
            marks=list(marks),
            fig_margin=_NO_MARGIN,
            background_style={"fill": "none"},
            display_toolbar=False,
            padding_y=0.0,
            layout=Layout(width="100%", min_width="200px", min_height="120px", height="auto", flex="1 1 auto"),
        )
        self.layer = DepthLayer(
            symbol=symbol,
            percent=percent,
            figure=self.figure,
            x_scale=self.x_scale,
            y_scale=self.y_scale,
            x_axis=x_axis,
            y_axis=y_axis,
        )
        kwargs.setdefault("layout", Layout(width="100%", height="320px"))
        # The two must agree before they are linked: a link takes the first one's value over.
        super().__init__(children=[self.layer, self.figure], symbol=self.layer.symbol, percent=percent, **kwargs)
        for name in ("symbol", "percent"):
            traitlets.link((self, name), (self.layer, name))
        self.add_class("of-depth-chart")

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return canonical_symbol(proposal["value"])

    @property
    def scales(self) -> dict[str, Any]:
        """The figure's scales, as a mark takes them."""
        return {"x": self.x_scale, "y": self.y_scale}

    @property
    def df(self) -> pd.DataFrame:
        """The book within the range, level by level: side, price, size, cumulative; quality in ``attrs``."""
        from orderfox_nb.widgets.kernel_data import kernel_symbol  # noqa: PLC0415 - a dashboard's kernel never asks

        frame: Any = kernel_symbol(self.symbol).book.df
        best = frame.groupby("side")["price"].agg(["min", "max"])
        if len(best) < 2:
            return frame
        middle = (best.loc["ask", "min"] + best.loc["bid", "max"]) / 2
        return frame[(frame["price"] - middle).abs() <= middle * self.percent / 100]

    def save_png(self, path: str | Path | None = None, *, timeout: float = 10.0) -> Picture:
        """Ask a page that shows the chart for its picture: see ``LiveWidget.save_png``."""
        return self.layer.save_png(path, timeout=timeout)

    def to_static(self, *, theme: str = "dark", palette: str = "standard") -> Still:
        """Fetch one frame and draw it as a self-contained SVG, which shows itself in a notebook.

        Args:
            theme: ``dark`` or ``light``.
            palette: ``standard`` or ``safe`` for the colour-blind.

        Raises:
            OrderFoxError: The frame cannot be had.
            TimeoutError: It did not come.
        """
        self.last_still = self.layer.to_static(theme=theme, palette=palette)
        return self.last_still
