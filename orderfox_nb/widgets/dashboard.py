"""The panels of one market as one screen."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets
from ipywidgets import Box, Widget, widget_serialization

from orderfox_nb.widgets.base import canonical_symbol, with_fallback
from orderfox_nb.widgets.candle_chart import CandleChart
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.header import MarketHeader, QualityBadge, SymbolPicker
from orderfox_nb.widgets.order_book import OrderBook, Rounding, rounding_text
from orderfox_nb.widgets.tables import Liquidations, Tape


class PageState(anywidget.AnyWidget):
    """Links the panels in the browser, and keeps what they show in the URL and in local storage."""

    _esm = module_text("page_state.js")
    _css = style_text("dashboard.css")

    name = traitlets.Unicode("dashboard").tag(sync=True)
    """Under which local storage keeps it; two dashboards of one page need two names."""
    panels = traitlets.List(traitlets.Instance(Widget)).tag(sync=True, **widget_serialization)
    given = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """What the cell asked for by name: stands above what was remembered, below the URL."""
    symbol = traitlets.Unicode("BTCUSDT").tag(sync=True)
    timeframe = traitlets.Unicode("1m").tag(sync=True)
    rounding = traitlets.Unicode("auto").tag(sync=True)
    rows = traitlets.Int(20).tag(sync=True)


class Dashboard(Box):
    """Header, chart, order book, trades and liquidations of one market, linked to each other.

    Everything keeps working while the kernel computes: the panels take their frames from the server, and choosing a
    symbol or timeframe happens in the browser.

    Example:
        >>> desk = Dashboard(symbol="BTCUSDT", timeframe="5m")
        >>> desk.symbol = "ETHUSDT"
    """

    symbol = traitlets.Unicode("BTCUSDT")
    timeframe = traitlets.Unicode("1m")
    rounding = Rounding()
    rows = traitlets.Int(20)

    def __init__(
        self,
        *,
        symbol: str | None = None,
        timeframe: str | None = None,
        rounding: object = None,
        rows: int | None = None,
        name: str = "dashboard",
        **kwargs: Any,
    ) -> None:
        asked = {
            "symbol": None if symbol is None else canonical_symbol(symbol),
            "timeframe": timeframe,
            "rounding": None if rounding is None else rounding_text(rounding),
            "rows": rows,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        market = {"symbol": given.get("symbol", "BTCUSDT")}
        self.picker = SymbolPicker(**market)
        self.header = MarketHeader(**market)
        self.badge = QualityBadge(**market)
        self.chart = CandleChart(**market, timeframe=given.get("timeframe", "1m"))
        self.book = OrderBook(**market, rounding=given.get("rounding", "auto"), rows=given.get("rows", 20))
        self.tape = Tape(**market)
        self.liquidations = Liquidations(**market)
        for panel in (self.book, self.tape, self.liquidations):
            panel.add_class(f"of-area-{type(panel).__name__.lower().replace('orderbook', 'book')}")
        self.page_state = PageState(
            name=name,
            given=list(given),
            panels=[self.picker, self.header, self.badge, self.chart.layer, self.book, self.tape, self.liquidations],
            **given,
        )
        self.page_state.add_class("of-page-state")
        head = Box(children=[self.picker, self.header, self.badge])
        head.add_class("of-head")
        super().__init__(
            children=[self.page_state, head, self.chart, self.book, self.tape, self.liquidations], **given, **kwargs
        )
        for trait in ("symbol", "timeframe", "rounding", "rows"):
            traitlets.link((self, trait), (self.page_state, trait))
        self.add_class("of-dashboard")

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return canonical_symbol(proposal["value"])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return with_fallback(super()._repr_mimebundle_(**kwargs))
