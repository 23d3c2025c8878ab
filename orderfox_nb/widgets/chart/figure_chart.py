# bqplot and ipywidgets have no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Base of the charts: a bqplot figure, and the layer that puts a canvas into it for the dense marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets
from ipywidgets import Layout, VBox, Widget, widget_serialization

from orderfox_nb.widgets.chart.charts import import_bqplot
from orderfox_nb.widgets.kernel.arguments import VenueName
from orderfox_nb.widgets.kernel.base import Displayed, LiveWidget
from orderfox_nb.widgets.kernel.bound import bound_symbol

if TYPE_CHECKING:
    from orderfox_nb.widgets.kernel.pictures import Picture
    from orderfox_nb.widgets.still.still import Sketch, Still

bqplot = import_bqplot()

_NO_MARGIN = {"top": 0, "bottom": 0, "left": 0, "right": 0}
"""The page gives the figure its margins once it is displayed: at no size bqplot would draw with a negative width."""


class FigureLayer(LiveWidget):
    """A chart's header, and the canvas that it puts inside a bqplot figure."""

    figure = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    x_scale = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    y_scale = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    x_axis = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    y_axis = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)


class FigureChart(Displayed, VBox):
    """A layer above an ordinary bqplot figure, to which any mark can be added."""

    symbol = traitlets.Unicode("BTCUSDT")
    venue = VenueName()
    """Venue of the market; empty for the first one of the source."""

    layer: FigureLayer
    figure: Any
    x_scale: Any
    y_scale: Any

    def _make_figure(self, axes: Sequence[Any], marks: Sequence[Any], *, min_height: str, **options: Any) -> Any:
        return bqplot.Figure(
            axes=list(axes),
            marks=list(marks),
            fig_margin=_NO_MARGIN,
            background_style={"fill": "none"},
            display_toolbar=False,
            padding_y=0.0,
            layout=Layout(width="100%", min_width="200px", min_height=min_height, height="auto", flex="1 1 auto"),
            **options,
        )

    def _join(self, layer: FigureLayer, names: Sequence[str], values: Mapping[str, Any], *, height: str) -> None:
        """Put layer and figure into the box, and link the chart's traits to the layer's."""
        self.layer = layer
        self.market = layer.market
        options = {"layout": Layout(width="100%", height=height), **values}
        # Both must have the same value before they are linked: a link copies the value of the first one.
        agreed = {name: getattr(layer, name) for name in names if name not in values}
        super().__init__(children=[layer, self.figure], **agreed, **options)
        for name in names:
            traitlets.link((self, name), (layer, name))

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return bound_symbol(self.market, proposal["value"], self.venue)

    @property
    def scales(self) -> dict[str, Any]:
        """The figure's scales, in the form that a bqplot mark accepts."""
        return {"x": self.x_scale, "y": self.y_scale}

    def save_png(self, path: str | Path | None = None, *, timeout: float = 10.0) -> Picture:
        """Request a picture from a page that shows the chart: see ``LiveWidget.save_png``."""
        return self.layer.save_png(path, timeout=timeout)

    def still(self, sketch: Sketch) -> Still:
        return self.layer.still(sketch)
