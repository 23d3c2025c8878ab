"""Candles, volume and liquidations in a bqplot figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets
from ipywidgets import Layout, VBox, Widget, widget_serialization

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.widgets.base import LiveWidget, canonical_symbol, with_fallback
from orderfox_nb.widgets.charts import import_bqplot
from orderfox_nb.widgets.esm import module_text, style_text

bqplot = import_bqplot()

_MARGIN = {"top": 8, "bottom": 26, "left": 0, "right": 70}


class CandleLayer(LiveWidget):
    """The chart's header, and the canvas that it puts inside a bqplot figure for the dense marks."""

    _esm = module_text("candle_layer.js")
    _css = style_text("candle_layer.css")

    timeframe = traitlets.Enum(list(TIMEFRAME_US), "1m").tag(sync=True)
    bars = traitlets.Enum([200, 400, 1000], 400).tag(sync=True)
    show_volume = traitlets.Bool(True).tag(sync=True)
    show_liquidations = traitlets.Bool(True).tag(sync=True)
    figure = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    x_scale = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    y_scale = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    x_axis = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    y_axis = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)


class CandleChart(VBox):
    """Candles with traded volume and the liquidation histogram below, on one time axis.

    ``figure`` is an ordinary bqplot figure with the scales ``x_scale`` (time) and ``y_scale`` (price): any mark can be
    added to it, ``chart.figure.marks = [bqplot.Lines(…, scales=chart.scales)]``. Drag to pan, turn the wheel to zoom,
    double-click to return to the newest bar.

    Example:
        >>> chart = CandleChart(symbol="BTCUSDT", timeframe="5m")
        >>> chart.timeframe = "1h"
    """

    symbol = traitlets.Unicode("BTCUSDT")
    timeframe = traitlets.Enum(list(TIMEFRAME_US), "1m")
    bars = traitlets.Enum([200, 400, 1000], 400)
    show_volume = traitlets.Bool(True)
    show_liquidations = traitlets.Bool(True)

    def __init__(
        self,
        *,
        symbol: str = "BTCUSDT",
        timeframe: str = "1m",
        bars: int = 400,
        marks: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        self.x_scale = bqplot.DateScale(allow_padding=False)
        self.y_scale = bqplot.LinearScale(allow_padding=False)
        x_axis = bqplot.Axis(scale=self.x_scale, grid_lines="none", num_ticks=6)
        y_axis = bqplot.Axis(scale=self.y_scale, side="right", grid_lines="solid", num_ticks=6)
        self.figure = bqplot.Figure(
            axes=[x_axis, y_axis],
            marks=list(marks),
            interaction=bqplot.PanZoom(scales={"x": [self.x_scale]}),
            fig_margin=_MARGIN,
            background_style={"fill": "none"},
            display_toolbar=False,
            padding_y=0.0,
            layout=Layout(width="100%", min_width="200px", min_height="200px", height="auto", flex="1 1 auto"),
        )
        self.layer = CandleLayer(
            symbol=symbol,
            timeframe=timeframe,
            bars=bars,
            figure=self.figure,
            x_scale=self.x_scale,
            y_scale=self.y_scale,
            x_axis=x_axis,
            y_axis=y_axis,
        )
        kwargs.setdefault("layout", Layout(width="100%", height="520px"))
        # The two must agree before they are linked: a link takes the first one's value over.
        super().__init__(
            children=[self.layer, self.figure], symbol=self.layer.symbol, timeframe=timeframe, bars=bars, **kwargs
        )
        for name in ("symbol", "timeframe", "bars", "show_volume", "show_liquidations"):
            traitlets.link((self, name), (self.layer, name))
        self.add_class("of-candle-chart")

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return canonical_symbol(proposal["value"])

    @property
    def scales(self) -> dict[str, Any]:
        """The figure's scales, as a mark takes them."""
        return {"x": self.x_scale, "y": self.y_scale}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return with_fallback(super()._repr_mimebundle_(**kwargs))
