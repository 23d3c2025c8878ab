"""What is on a dashboard's screen, as one model that links its panels in the browser."""

from __future__ import annotations

from typing import Any, Final

import traitlets
from ipywidgets import Widget, widget_serialization

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.widgets.arguments import Choice
from orderfox_nb.widgets.base import PageWidget
from orderfox_nb.widgets.candle_chart import known_overlays
from orderfox_nb.widgets.depth_chart import RANGES
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.order_book import ROWS
from orderfox_nb.widgets.tables import SPANS

LAYOUTS: Final = ("default", "chart", "book")


class View(traitlets.HasTraits):
    """What all columns of a dashboard show alike, and whoever looks at it can choose."""

    timeframe = Choice(list(TIMEFRAME_US), "1m")
    rows = Choice(ROWS, "fit")
    overlays = traitlets.List(traitlets.Unicode())
    depth_percent = Choice(RANGES, 1)
    whole_market = traitlets.Bool(False)
    span = Choice(SPANS, "1h")
    show_volume = traitlets.Bool(True)
    show_liquidations = traitlets.Bool(True)
    show_liquidation_average = traitlets.Bool(True)
    show_lapses = traitlets.Bool(True)
    log_scale = traitlets.Bool(False)
    fixed_scale = traitlets.Bool(False)

    @traitlets.validate("overlays")
    def _known_overlays(self, proposal: Any) -> list[str]:
        return known_overlays(proposal["value"])


SHARED: Final = {name: name for name in View.class_trait_names()} | {"depth_percent": "percent"}
"""The panels' names of them."""
EACH: Final = {"symbols": "symbol", "roundings": "rounding", "minimum_notionals": "minimum_notional"}
"""The panels' names of what each column has of its own."""


class PageState(View, PageWidget):
    """Links the panels in the browser, and keeps what they show in the URL and in local storage."""

    _esm = module_text("page_state.js")
    _css = style_text("dashboard.css", "page_notices.css")

    name = traitlets.Unicode("dashboard").tag(sync=True)
    """Under which local storage keeps it; two dashboards of one page need two names."""
    panels = traitlets.List(traitlets.Instance(Widget)).tag(sync=True, **widget_serialization)
    columns = traitlets.List(traitlets.Int()).tag(sync=True)
    """In which column each panel stands."""
    spares = traitlets.List(traitlets.Instance(Widget)).tag(sync=True, **widget_serialization)
    """What one column alone has beside it, where the dashboard has several and its page has no kernel to ask for it."""
    given = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """What the cell asked for by name: stands above what was remembered, below the URL."""
    symbols = traitlets.List(traitlets.Unicode(), ["BTCUSDT"]).tag(sync=True)
    roundings = traitlets.List(traitlets.Unicode(), ["auto"]).tag(sync=True)
    minimum_notionals = traitlets.List(traitlets.Float(min=0.0), [0.0]).tag(sync=True)
    arrangement = Choice(LAYOUTS, "default").tag(sync=True)

    hearing = False
    """Whether what changes now is what the page says."""

    @traitlets.default("keys")
    def _synchronised(self) -> list[str]:
        return [*self.traits(sync=True), *SHARED]

    def set_state(self, sync_data: dict[str, Any]) -> None:
        self.hearing = True
        try:
            super().set_state(sync_data)
        finally:
            self.hearing = False

    def of_column(self, column: int) -> dict[str, Any]:
        """Return what the panels of a column show, by their own names."""
        shared = {own: getattr(self, name) for name, own in SHARED.items()}
        return shared | {own: getattr(self, name)[column] for name, own in EACH.items()}
