"""The panels of one market, or of several side by side, as one screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import traitlets
from ipywidgets import Box, Layout, Widget, widget_serialization
from ipywidgets.widgets.trait_types import InstanceDict

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.widgets.base import Displayed, PageWidget, canonical_symbol
from orderfox_nb.widgets.candle_chart import CandleChart
from orderfox_nb.widgets.depth_chart import DepthChart
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.header import MarketHeader, QualityBadge, SymbolPicker
from orderfox_nb.widgets.order_book import ROWS, OrderBook, Rounding, rounding_text
from orderfox_nb.widgets.tables import Liquidations, Tape

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from orderfox_nb.widgets.pictures import Picture
    from orderfox_nb.widgets.still import Still

LAYOUTS: Final = ("default", "chart", "book")
MOST_COLUMNS: Final = 6


class PageState(PageWidget):
    """Links the panels in the browser, and keeps what they show in the URL and in local storage."""

    _esm = module_text("page_state.js")
    _css = style_text("dashboard.css")

    name = traitlets.Unicode("dashboard").tag(sync=True)
    """Under which local storage keeps it; two dashboards of one page need two names."""
    panels = traitlets.List(traitlets.Instance(Widget)).tag(sync=True, **widget_serialization)
    columns = traitlets.List(traitlets.Int()).tag(sync=True)
    """In which column each panel stands."""
    given = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """What the cell asked for by name: stands above what was remembered, below the URL."""
    symbols = traitlets.List(traitlets.Unicode(), ["BTCUSDT"]).tag(sync=True)
    timeframe = traitlets.Enum(list(TIMEFRAME_US), "1m").tag(sync=True)
    roundings = traitlets.List(traitlets.Unicode(), ["auto"]).tag(sync=True)
    rows = traitlets.Enum(ROWS, 20).tag(sync=True)
    arrangement = traitlets.Enum(LAYOUTS, "default").tag(sync=True)

    hearing = False
    """Whether what changes now is what the page says."""

    def set_state(self, sync_data: dict[str, Any]) -> None:
        self.hearing = True
        try:
            super().set_state(sync_data)
        finally:
            self.hearing = False


class _LayoutOrName(InstanceDict):
    """ipywidgets' layout, which also takes the name of one of the dashboard's."""

    def validate(self, obj: Any, value: Any) -> Any:
        if isinstance(value, str):
            obj.arrangement = value
            return obj.layout
        return super().validate(obj, value)


class _Column:
    """The panels of one market."""

    def __init__(self, *, symbol: str, timeframe: str, rounding: str, rows: int) -> None:
        self.picker = SymbolPicker(symbol=symbol)
        self.header = MarketHeader(symbol=symbol)
        self.badge = QualityBadge(symbol=symbol)
        self.badge.add_class("of-area-badge")
        self.chart = CandleChart(symbol=symbol, timeframe=timeframe)
        self.book = OrderBook(symbol=symbol, rounding=rounding, rows=rows)
        self.book.add_class("of-area-book")
        self.tape = Tape(symbol=symbol)
        self.tape.add_class("of-area-tape")

    @property
    def linked(self) -> list[Widget]:
        return [self.picker, self.header, self.badge, self.chart.layer, self.book, self.tape]

    def head(self, *more: Widget) -> Box:
        head = Box(children=[self.picker, self.header, self.badge, *more])
        head.add_class("of-head")
        return head


class Dashboard(Displayed, Box):
    """Header, candles, depth, order book, trades and liquidations of one market, linked to each other.

    Everything keeps working while the kernel computes: the panels take their frames from the server, and choosing a
    symbol or timeframe happens in the browser. ``/`` searches a symbol, digits choose timeframes, ``?`` shows the keys.

    Args:
        symbol: Market to show.
        symbols: Several of them, side by side, instead of one.
        timeframe: Of the candles.
        rounding: Height of the book's rows in price, or ``auto``; with several symbols also one for each.
        rows: Rows a side of the book: 10, 20 or 50.
        layout: ``default``, ``chart`` or ``book``; also an ipywidgets ``Layout``.
        name: Under which the page remembers the view; two dashboards of one page need two names.

    Raises:
        TraitError: A value that is none of those above; names it.

    Example:
        >>> desk = Dashboard(symbol="BTCUSDT", timeframe="5m")
        >>> desk.symbol = "ETHUSDT"
        >>> desk.layout = "chart"
        >>> Dashboard(symbols=["BTCUSDT", "ETHUSDT"])
    """

    symbol = traitlets.Unicode("BTCUSDT")
    symbols = traitlets.List(traitlets.Unicode(), ["BTCUSDT"])
    """One a column; how many there are is decided when the dashboard is made."""
    timeframe = traitlets.Enum(list(TIMEFRAME_US), "1m")
    rounding = Rounding()
    rows = traitlets.Enum(ROWS, 20)
    arrangement = traitlets.Enum(LAYOUTS, "default")
    """The layout in force: set ``layout`` or this one."""
    layout = _LayoutOrName(Layout).tag(sync=True, **widget_serialization)

    liquidations: Liquidations | None = None
    depth: DepthChart | None = None
    """Those of one symbol alone: several side by side leave no room for them."""

    def __init__(
        self,
        *,
        symbol: str | None = None,
        symbols: Sequence[str] | None = None,
        timeframe: str | None = None,
        rounding: object = None,
        rows: int | None = None,
        layout: str | Layout | dict[str, Any] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        shown = _symbols_asked(symbol, symbols)
        each = list(rounding) if isinstance(rounding, list | tuple) else [rounding] * len(shown)
        if len(each) != len(shown):
            raise traitlets.TraitError(f"rounding: {len(each)} for {len(shown)} symbols")
        roundings = ["auto" if one is None else rounding_text(one) for one in each]
        view = {"timeframe": "1m" if timeframe is None else timeframe, "rows": 20 if rows is None else rows}
        if not isinstance(layout, str) and layout is not None:
            kwargs["layout"] = layout
        arrangement = layout if isinstance(layout, str) else "default"
        asked = {
            "symbol": symbols if symbol is None else symbol,
            "timeframe": timeframe,
            "rounding": rounding,
            "rows": rows,
            "layout": layout if isinstance(layout, str) else None,
        }
        self._columns = [
            _Column(symbol=one, rounding=row_height, **view) for one, row_height in zip(shown, roundings, strict=True)
        ]
        first = self._columns[0]
        self.picker, self.header, self.badge = first.picker, first.header, first.badge
        self.chart, self.book, self.tape = first.chart, first.book, first.tape
        panels = [(panel, at) for at, column in enumerate(self._columns) for panel in column.linked]
        if len(shown) == 1:
            self.liquidations = Liquidations(symbol=shown[0])
            self.liquidations.add_class("of-area-liquidations")
            self.depth = DepthChart(symbol=shown[0])
            self.depth.add_class("of-area-depth")
            panels += [(self.liquidations, 0), (self.depth.layer, 0)]
        self.page_state = PageState(
            name=name or ("dashboard" if len(shown) == 1 else f"dashboard of {len(shown)}"),
            given=[key for key, value in asked.items() if value is not None],
            panels=[panel for panel, _ in panels],
            columns=[at for _, at in panels],
            symbols=shown,
            roundings=roundings,
            arrangement=arrangement,
            **view,
        )
        self.page_state.add_class("of-page-state")
        super().__init__(
            children=self._children(),
            symbol=shown[0],
            symbols=shown,
            rounding=roundings[0],
            arrangement=arrangement,
            **view,
            **kwargs,
        )
        for trait in ("timeframe", "rows", "arrangement"):
            traitlets.link((self, trait), (self.page_state, trait))
        self.observe(self._first_chosen, ["symbol", "rounding"])
        self.observe(self._symbols_chosen, "symbols")
        self.page_state.observe(self._state_changed, ["symbols", "roundings"])
        self.observe(self._bring, ["symbols", "rounding", "timeframe", "rows"])
        self.add_class("of-dashboard")
        if len(shown) > 1:
            self.add_class("of-side-by-side")
            self.add_class(f"of-columns-{len(shown)}")

    def _children(self) -> list[Widget]:
        if self.liquidations is not None and self.depth is not None:
            column = self._columns[0]
            head = column.head(self.page_state)
            return [head, column.chart, self.depth, column.book, column.tape, self.liquidations]
        boxes: list[Widget] = []
        for column in self._columns:
            lower = Box(children=[column.book, column.tape])
            lower.add_class("of-lower")
            last = column is self._columns[-1]
            box = Box(children=[column.head(*([self.page_state] if last else [])), column.chart, lower])
            box.add_class("of-column")
            boxes.append(box)
        return boxes

    def _first_chosen(self, change: Any) -> None:
        if change["name"] == "symbol":
            self.symbols = [self.symbol, *self.symbols[1:]]
        else:
            self.page_state.roundings = [self.rounding, *self.page_state.roundings[1:]]

    def _symbols_chosen(self, change: Any) -> None:
        state, symbols = self.page_state, change["new"]
        if state.symbols != symbols:
            # Another symbol starts with its own row height: the old one belongs to other prices.
            same = [before == now for before, now in zip(state.symbols, symbols, strict=True)]
            # The page hears of both at once, and of the panels after that: a panel's symbol alone is a choice to it.
            with self.hold_trait_notifications(), state.hold_sync():
                state.symbols = symbols
                state.roundings = [own if kept else "auto" for own, kept in zip(state.roundings, same, strict=True)]
        self.symbol = symbols[0]

    def _state_changed(self, _: Any) -> None:
        self.symbols = self.page_state.symbols
        self.rounding = self.page_state.roundings[0]

    def _bring(self, _: Any) -> None:
        """Bring the panels to the state, so that their data is that of the market in force.

        What the page chose it brings to them itself: an answer from here might come after its next choice and undo it.
        """
        state = self.page_state
        if state.hearing:
            return
        for panel, column in zip(state.panels, state.columns, strict=True):
            values = {
                "symbol": state.symbols[column],
                "rounding": state.roundings[column],
                "timeframe": state.timeframe,
                "rows": state.rows,
            }
            for name in values.keys() & set(panel.trait_names()):
                setattr(panel, name, values[name])

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return canonical_symbol(proposal["value"])

    @traitlets.validate("symbols")
    def _canonical_symbols(self, proposal: Any) -> list[str]:
        symbols = [canonical_symbol(one) for one in proposal["value"]]
        if len(symbols) != len(self._columns):
            raise traitlets.TraitError(f"symbols: {len(symbols)} for {len(self._columns)} columns")
        return symbols

    @property
    def df(self) -> pd.DataFrame:
        """The newest bars of the first market, as ``chart.df``; each panel has its own: ``book.df``, ``tape.df``, …."""
        return self.chart.df

    def save_png(self, path: str | Path | None = None, *, timeout: float = 10.0) -> Picture:
        """Ask a page that shows the dashboard for its picture, all of it: see ``LiveWidget.save_png``."""
        return self.page_state.save_png(path, timeout=timeout)

    def to_static(self, *, theme: str = "dark", palette: str = "standard") -> Still:
        """Fetch one frame of each panel and draw them as a self-contained SVG, which shows itself in a notebook.

        Args:
            theme: ``dark`` or ``light``.
            palette: ``standard`` or ``safe`` for the colour-blind.

        Raises:
            OrderFoxError: A frame cannot be had.
            TimeoutError: It did not come.
        """
        from orderfox_nb.widgets.still import dashboard_still  # noqa: PLC0415 - feeds are paid for when needed

        columns = [
            {"symbol": symbol, "rounding": rounding, "timeframe": self.timeframe, "rows": self.rows}
            for symbol, rounding in zip(self.symbols, self.page_state.roundings, strict=True)
        ]
        self.last_still = dashboard_still(columns, theme=theme, palette=palette)
        return self.last_still


def _symbols_asked(symbol: str | None, symbols: Sequence[str] | None) -> list[str]:
    """Return the symbol of each column.

    Raises:
        TraitError: Both were given, or not one to ``MOST_COLUMNS`` symbols.
    """
    if symbols is None:
        return [canonical_symbol("BTCUSDT" if symbol is None else symbol)]
    if symbol is not None:
        raise traitlets.TraitError("symbol and symbols: give one of the two")
    if isinstance(symbols, str):
        raise traitlets.TraitError(f"symbols {symbols!r} must be a list such as ['BTCUSDT', 'ETHUSDT']")
    if not 1 <= len(symbols) <= MOST_COLUMNS:
        raise traitlets.TraitError(f"symbols: 1 to {MOST_COLUMNS} fit side by side, not {len(symbols)}")
    return [canonical_symbol(one) for one in symbols]
