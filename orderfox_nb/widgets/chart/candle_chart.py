# ipywidgets and pandas have no stubs.
# pyright: reportIncompatibleVariableOverride=false, reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Candles, volume and liquidations in a bqplot figure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import traitlets
from ipywidgets import Widget, widget_serialization

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.market.svg.pieces import Drawing
from orderfox_nb.widgets.chart.figure_chart import FigureChart, FigureLayer, bqplot
from orderfox_nb.widgets.chart.series import series_times, series_values
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import Choice, WrongValue, with_arguments
from orderfox_nb.widgets.still.chart import Shown, candles_svg

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.market.connection import Market, Symbol
    from orderfox_nb.widgets.still.still import Sketch

_OVERLAY: Final = re.compile(r"vwap|(?P<kind>ema|bollinger)(?P<length>[0-9]{1,3})")
_SHARED: Final = (
    "venue",
    "symbol",
    "timeframe",
    "bars",
    "overlays",
    "show_volume",
    "show_liquidations",
    "show_liquidation_average",
    "show_lapses",
    "log_scale",
    "fixed_scale",
)
_INKS: Final = ("#4cc3d9", "#e39bd0", "#d3c164", "#9aa7b4")
"""Colours of the user's lines: none of them means bid or ask."""
_STILL_BARS: Final = 200
"""Bars of a chart that is a part of a still; one alone has its own number."""


def known_overlays(names: Sequence[str]) -> list[str]:
    """Return the names of overlays, each once.

    Raises:
        TraitError: It is not the name of an overlay.
    """
    for name in names:
        match = _OVERLAY.fullmatch(name)
        if match is None or (match["length"] is not None and not 2 <= int(match["length"]) <= 500):
            raise WrongValue(f"Not an overlay: {name!r}; there are vwap, ema20, bollinger20 (2 to 500 bars)")
    return list(dict.fromkeys(names))


class Overlays(traitlets.List[str]):
    """Names of overlays, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(traitlets.Unicode(), **kwargs)

    def validate(self, obj: Any, value: Any) -> list[str]:
        return known_overlays(super().validate(obj, value) or ())


class CandleLayer(FigureLayer):
    """The chart's header, and the canvas that it puts inside a bqplot figure for the dense marks."""

    _esm = module_text("chart/candle_layer.js")
    _css = style_text("chart/candle_layer.css")

    timeframe = Choice(list(TIMEFRAME_US), "1m").tag(sync=True)
    bars = Choice([200, 400, 1000], 400).tag(sync=True)
    overlays = Overlays().tag(sync=True)
    show_volume = traitlets.Bool(True).tag(sync=True)
    show_liquidations = traitlets.Bool(True).tag(sync=True)
    show_liquidation_average = traitlets.Bool(True).tag(sync=True)
    show_lapses = traitlets.Bool(True).tag(sync=True)
    log_scale = traitlets.Bool(False).tag(sync=True)
    fixed_scale = traitlets.Bool(False).tag(sync=True)
    log_y_scale = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    log_y_axis = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        bars = self.bars if size is None else _STILL_BARS
        frame = sketch.frame(self.symbol, "candles", venue=self.venue, bars=bars, interval=self.timeframe)
        width, height = size or (760.0, 520.0)
        shown = Shown(
            overlays=self.overlays,
            volume=self.show_volume,
            liquidations=self.show_liquidations,
            average=self.show_liquidation_average,
            lapses=self.show_lapses,
            log=self.log_scale,
        )
        return Drawing(candles_svg(frame, sketch.colours, width=width, height=height, shown=shown), width, height)


@with_arguments
class CandleChart(FigureChart):
    """Candles with traded volume and the liquidation histogram below, on one time axis.

    ``figure`` is an ordinary bqplot figure with the scales ``x_scale`` (time) and ``y_scale`` (price): any mark can be
    added to it, ``chart.figure.marks = [bqplot.Lines(…, scales=chart.scales)]``, and ``add_series`` makes the usual
    one. Drag to pan, turn the wheel to zoom, double-click to return to the newest bar; with the chart focused, arrow
    keys, ``+``, ``-``, Home and End do the same. Dragging the price axis or turning the wheel over it scales the price
    and keeps it (``fixed_scale``); a double click there fits it again. Older bars are loaded when the chart is panned
    left.

    Example:
        >>> chart = CandleChart(symbol="BTCUSDT", timeframe="5m", overlays=["vwap", "ema20", "bollinger20"])
        >>> chart.timeframe = "1h"
        >>> chart.add_series(frame.index, frame["signal"], name="signal")
        >>> chart.df.tail()
    """

    layer: CandleLayer

    timeframe = Choice(list(TIMEFRAME_US), "1m")
    bars = Choice([200, 400, 1000], 400)
    """Bars that are kept live; older ones are loaded when the chart is panned."""
    overlays = Overlays()
    """Lines computed from the bars: ``vwap`` (since midnight UTC), ``ema20``, ``bollinger20``; any length 2 to 500."""
    show_volume = traitlets.Bool(True)
    show_liquidations = traitlets.Bool(True)
    show_liquidation_average = traitlets.Bool(True)
    """Whether the moving average of the liquidations is drawn."""
    show_lapses = traitlets.Bool(True)
    """Whether times in which the data could not be trusted are shaded."""
    log_scale = traitlets.Bool(False)
    """Whether the price scale is logarithmic; ``scales`` has the scales in use."""
    fixed_scale = traitlets.Bool(False)
    """Whether the price scale stays fixed instead of adapting to the bars on the screen."""

    def __init__(
        self,
        *,
        symbol: str = "BTCUSDT",
        venue: str = "",
        market: Market | Symbol | None = None,
        timeframe: str = "1m",
        bars: int = 400,
        overlays: Sequence[str] = (),
        marks: Sequence[Any] = (),
        log_scale: bool = False,
        **kwargs: Any,
    ) -> None:
        overlays = known_overlays(overlays)
        self.x_scale = bqplot.DateScale(allow_padding=False)
        self.y_scale = bqplot.LinearScale(allow_padding=False)
        self.log_y_scale = bqplot.LogScale(allow_padding=False)
        x_axis = bqplot.Axis(scale=self.x_scale, grid_lines="none")
        # bqplot cannot change the scale of an axis: there are two axes, and one of them is visible.
        y_axis = bqplot.Axis(scale=self.y_scale, side="right", grid_lines="solid", visible=not log_scale)
        log_y_axis = bqplot.Axis(scale=self.log_y_scale, side="right", grid_lines="solid", visible=log_scale)
        self._price_axes = (y_axis, log_y_axis)
        self.figure = self._make_figure(
            [x_axis, y_axis, log_y_axis],
            marks,
            min_height="200px",
            interaction=bqplot.PanZoom(scales={"x": [self.x_scale]}),
        )
        layer = CandleLayer(
            market=market,
            symbol=symbol,
            venue=venue,
            timeframe=timeframe,
            bars=bars,
            overlays=overlays,
            figure=self.figure,
            x_scale=self.x_scale,
            y_scale=self.y_scale,
            log_y_scale=self.log_y_scale,
            x_axis=x_axis,
            y_axis=y_axis,
            log_y_axis=log_y_axis,
            log_scale=log_scale,
        )
        self._join(layer, _SHARED, kwargs, height="520px")
        self._series: dict[str, Any] = {}
        self.observe(self._use_scale, "log_scale")
        self.figure.observe(self._use_scale, "marks")
        self._use_scale()
        self.add_class("of-candle-chart")

    def _use_scale(self, _: Any = None) -> None:
        """Show the axis of the current price scale, and move the marks of the other axis to it.

        The page does the same itself, without waiting for the kernel.
        """
        for axis, is_log in zip(self._price_axes, (False, True), strict=True):
            axis.visible = self.log_scale == is_log
        now = self.scales["y"]
        for mark in self.figure.marks:
            if mark.scales.get("y") in (self.y_scale, self.log_y_scale) and mark.scales["y"] is not now:
                mark.scales = {**mark.scales, "y": now}

    def add_series(self, times: Any, values: Any, *, name: str, colour: str | None = None, **options: Any) -> Any:
        """Draw a line over the candles; a series of the same name is replaced by the new one.

        Args:
            times: datetimes (UTC if they have no zone), a DataFrame's index, or Unix times in seconds or milliseconds.
            values: Prices, one for each time; NaN interrupts the line.
            name: Text of the legend.
            colour: A CSS colour.
            **options: Options of ``bqplot.Lines``, such as ``line_style="dashed"``.

        Returns:
            The bqplot mark: set its ``y`` (and ``x``) to move the line.

        Raises:
            ValueError: Times that cannot be read, or another number of values.
        """
        x = series_times(times)
        y = series_values(values, len(x))
        known = self._series.get(name)
        ink = colour or (known.colors[0] if known else _INKS[len(self._series) % len(_INKS)])
        options = {"stroke_width": 1.4, **options, "labels": [name], "colors": [ink], "scales": self.scales}
        line = self._series[name] = bqplot.Lines(x=x, y=y, **options)
        self.figure.marks = [*(mark for mark in self.figure.marks if mark is not known), line]
        return line

    def remove_series(self, name: str) -> None:
        """Remove a line of ``add_series``.

        Raises:
            KeyError: There is no line of that name.
        """
        line = self._series.pop(name)
        self.figure.marks = [mark for mark in self.figure.marks if mark is not line]

    @property
    def series(self) -> dict[str, Any]:
        """The marks of ``add_series`` by their names."""
        return dict(self._series)

    @property
    def df(self) -> pd.DataFrame:
        """The newest bars by open time, as ``connect()[symbol].candles(timeframe).df``; quality in ``df.attrs``."""
        from orderfox_nb.widgets.kernel.data import kernel_symbol  # noqa: PLC0415 - a dashboard's kernel never asks

        return kernel_symbol(self.symbol, self.venue, self.market).candles(self.timeframe).df

    @property
    def scales(self) -> dict[str, Any]:
        """The figure's current scales, in the form that a bqplot mark accepts."""
        return {"x": self.x_scale, "y": self.log_y_scale if self.log_scale else self.y_scale}
