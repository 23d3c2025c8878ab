# ipywidgets and pandas have no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""The panels of one market, or of several side by side, as one screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeVar

import traitlets
from ipywidgets import Box, DOMWidget, Layout, Widget, widget_serialization
from ipywidgets.widgets.trait_types import InstanceDict

from orderfox_nb.widgets.bots.bot_panel import BotPanel
from orderfox_nb.widgets.chart.candle_chart import CandleChart
from orderfox_nb.widgets.chart.depth_chart import DepthChart
from orderfox_nb.widgets.kernel.arguments import WrongValue, canonical_symbol, with_arguments
from orderfox_nb.widgets.kernel.base import Displayed
from orderfox_nb.widgets.kernel.cells import close_trees
from orderfox_nb.widgets.page.page_state import PageState
from orderfox_nb.widgets.page.settings import EACH, OWN, SHARED, First, Setting, View
from orderfox_nb.widgets.panels.header import MarketHeader, QualityBadge, SymbolPicker
from orderfox_nb.widgets.panels.order_book import OrderBook
from orderfox_nb.widgets.panels.rewind import Rewind
from orderfox_nb.widgets.panels.tables import Liquidations, Tape

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from orderfox_nb.widgets.kernel.pictures import Picture
    from orderfox_nb.widgets.still.still import Drawn, Sketch, Still

PanelT = TypeVar("PanelT", bound=DOMWidget)

MAX_COLUMNS: Final = 6
PAGE_FOR_ALL: Final = "ORDERFOX_PAGE_FOR_ALL"
"""Set by the server in a kernel that ends when the page is rendered: from then on the page makes its columns itself."""


class _LayoutOrName(InstanceDict):
    """ipywidgets' layout, which also takes the name of one of the dashboard's: ``arrangement`` is the one in force."""

    def validate(self, obj: Any, value: Any) -> Any:
        if isinstance(value, str):
            obj.arrangement = value
            return obj.layout
        return super().validate(obj, value)


def _panel(kind: Callable[..., PanelT], values: Mapping[str, Any], area: str = "") -> PanelT:
    """Make a panel with those of the values that it has."""
    names = kind.class_trait_names()  # type: ignore[attr-defined]
    panel = kind(**{name: value for name, value in values.items() if name in names})
    if area:
        panel.add_class(f"of-area-{area}")
    return panel


class _Column:
    """The panels of one market."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.picker = _panel(SymbolPicker, values)
        self.header = _panel(MarketHeader, values)
        self.badge = _panel(QualityBadge, values, "badge")
        self.chart = _panel(CandleChart, values)
        self.book = _panel(OrderBook, values, "book")
        self.tape = _panel(Tape, values, "tape")
        self._head: Box | None = None
        self._box: Box | None = None

    @property
    def linked(self) -> list[Widget]:
        return [self.picker, self.header, self.badge, self.chart.layer, self.book, self.tape]

    @property
    def all(self) -> list[Widget]:
        """All of its widgets, containers before their parts."""
        boxes = [box for box in (self._box, self._head) if box is not None]
        return [*boxes, self.picker, self.header, self.badge, self.chart, self.book, self.tape]

    @property
    def drawn(self) -> dict[str, Drawn]:
        """The parts of its still, by place."""
        return {"header": self.header, "chart": self.chart.layer, "book": self.book, "tape": self.tape}

    def head(self, *more: Widget) -> Box:
        """Return the line above the panels, with further widgets in it."""
        children = (self.picker, self.header, self.badge, *more)
        if self._head is None:
            self._head = Box()
            self._head.add_class("of-head")
        if self._head.children != children:
            self._head.children = children
        return self._head

    def box(self, *more: Widget) -> Box:
        """Return the column as a box: the same one each time, so that its views stay."""
        head = self.head(*more)
        if self._box is None:
            lower = Box(children=[self.book, self.tape])
            lower.add_class("of-lower")
            self._box = Box(children=[head, self.chart, lower])
            self._box.add_class("of-column")
        return self._box


@with_arguments
class Dashboard(View, First, Displayed, Box):
    """Header, candles, depth, order book, trades and liquidations of one market, linked to each other.

    Everything keeps working while the kernel computes: the panels receive their frames from the server, and symbol and
    timeframe are chosen in the browser. ``/`` searches a symbol, digits choose timeframes, ``?`` shows the keys.

    Args:
        symbol: Market to show.
        symbols: Several of them, side by side, instead of one.
        venue: Venue of the market, if the source has several; with several symbols also a list with one for each.
        all_venues: Whether book, trades and liquidations show the symbol over all venues that list it; chart, depth and
            header stay with ``venue``. With several symbols also a list.
        currency: Quote currency of what is shown over all venues: ``apart`` for that of ``venue``, ``joined`` for all
            at par, or a name such as ``USDC``. With several symbols also a list.
        timeframe: Timeframe of the candles.
        rounding: Height of the book's rows in price, or ``auto``; with several symbols also a list.
        rows: Rows a side of the book: 10, 20, 50, or ``fit`` for as many as fit in the panel.
        overlays: Lines over the candles, as ``CandleChart`` takes them: ``["vwap", "ema20"]``.
        depth_percent: Range of the depth chart around the middle price, in percent: 0.1, 0.25, 0.5, 1, 2, 5 or 10.
        minimum_notional: Value in quote currency below which the tape hides a trade; with several symbols also a list.
        whole_market: Whether to show the liquidations of all symbols.
        span: Period whose liquidations are summed up: ``1m``, ``15m`` or ``1h``.
        show_volume: Whether the chart shows the traded volume.
        show_liquidations: Whether the chart shows the histogram of liquidations.
        show_liquidation_average: Whether the chart shows the moving average of liquidations.
        show_lapses: Whether to shade times in which the data could not be trusted.
        log_scale: Whether the chart's price scale is logarithmic.
        fixed_scale: Whether the price scale stays fixed instead of adapting to the bars on the screen.
        layout: ``default``, ``chart``, ``book`` or ``bots``; also an ipywidgets ``Layout``.
        name: Name under which the browser remembers the view; two dashboards of one page need two names.

    Raises:
        TraitError: A value that a setting does not accept; names it.

    Example:
        >>> desk = Dashboard(symbol="BTCUSDT", timeframe="5m")
        >>> desk.symbol = "ETHUSDT"
        >>> desk.layout = "chart"
        >>> Dashboard(symbols=["BTCUSDT", "ETHUSDT"])
    """

    symbol = traitlets.Unicode("BTCUSDT")
    symbols = traitlets.List(traitlets.Unicode(), ["BTCUSDT"])
    """One symbol for each column, 1 to 6: another number adds or removes columns."""
    layout = _LayoutOrName(Layout).tag(sync=True, **widget_serialization)

    liquidations: Liquidations | None = None
    depth: DepthChart | None = None
    """Only with a single symbol: several side by side leave no room for it."""

    def __init__(
        self,
        *,
        symbol: str | None = None,
        symbols: Sequence[str] | None = None,
        layout: str | Layout | dict[str, Any] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        shown = _symbols_asked(symbol, symbols, kwargs.get("venue"))
        asked = {one.name: kwargs.pop(one.name, None) for one in (*SHARED, *OWN)}
        asked |= {
            "symbol": symbols if symbol is None else symbol,
            "layout": layout if isinstance(layout, str) else None,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        if layout is not None and "layout" not in given:
            kwargs["layout"] = layout
        view = {one.trait: given[one.name] for one in SHARED if one.name in given}
        state = PageState(
            name=name or ("dashboard" if len(shown) == 1 else f"dashboard of {len(shown)}"),
            given=list(given),
            symbols=shown,
            **{one.trait: _each(one, asked[one.name], len(shown)) for one in OWN},
            **view,
        )
        self.page_state = state
        state.add_class("of-page-state")
        self._columns: list[_Column] = []
        self.rewind = _panel(Rewind, state.of_column(0), "rewind")
        self.bots = _panel(BotPanel, state.of_column(0), "bots")
        self._fit_columns()
        super().__init__(
            children=self._children(),
            symbol=shown[0],
            symbols=shown,
            **{one.name: getattr(state, one.trait)[0] for one in OWN},
            **view,
            **kwargs,
        )
        for one in SHARED:
            traitlets.link((self, one.trait), (state, one.trait))
        self.observe(self._first_chosen, [one.name for one in EACH])
        self.observe(self._symbols_chosen, "symbols")
        state.observe(self._state_changed, [one.trait for one in EACH])
        self.observe(self._apply_settings, ["symbols", *(one.name for one in OWN), *(one.trait for one in SHARED)])
        self.add_class("of-dashboard")
        self._show_columns()
        if len(shown) > 1 and PAGE_FOR_ALL in os.environ:
            first = state.of_column(0)
            state.spares = [_panel(DepthChart, first, "depth"), _panel(Liquidations, first, "liquidations")]

    def _fit_columns(self, before: Sequence[str] = ()) -> list[Widget]:
        """Make and drop columns until there is one for each symbol of the state; return the panels that were dropped.

        Args:
            before: The symbols that the columns had.
        """
        state, dropped = self.page_state, list[Widget]()
        symbols = state.symbols
        while len(self._columns) > len(symbols):
            # The column whose symbol has gone; the others keep their panels and with them what a chart has loaded.
            at = next((at for at, pair in enumerate(zip(before, symbols, strict=False)) if pair[0] != pair[1]), -1)
            dropped += self._columns.pop(at if len(before) == len(symbols) + 1 else -1).all
        for at in range(len(self._columns), len(symbols)):
            self._columns.append(_Column(state.of_column(at)))
        first = self._columns[0]
        self.picker, self.header, self.badge = first.picker, first.header, first.badge
        self.chart, self.book, self.tape = first.chart, first.book, first.tape
        panels = [(panel, at) for at, column in enumerate(self._columns) for panel in column.linked]
        if len(symbols) > 1:
            dropped += [one for one in (self.liquidations, self.depth) if one is not None]
            self.liquidations = self.depth = None
        else:
            self.liquidations = self.liquidations or _panel(Liquidations, state.of_column(0), "liquidations")
            self.depth = self.depth or _panel(DepthChart, state.of_column(0), "depth")
            panels += [(self.liquidations, 0), (self.depth.layer, 0)]
        panels += [(self.rewind, 0), (self.bots, 0)]
        with state.hold_sync():
            state.panels = [panel for panel, _ in panels]
            state.columns = [at for _, at in panels]
        return dropped

    def _show_columns(self) -> None:
        count = len(self._columns)
        for one in range(2, MAX_COLUMNS + 1):
            (self.add_class if one == count else self.remove_class)(f"of-columns-{one}")
        (self.add_class if count > 1 else self.remove_class)("of-side-by-side")

    def _renew_columns(self, before: Sequence[str]) -> None:
        """Adapt the screen to another number of symbols."""
        dropped = self._fit_columns(before)
        self.children = self._children()
        self._show_columns()
        self._apply_settings(None)
        close_trees(dropped)

    def _children(self) -> list[Widget]:
        below = [self.rewind, self.bots]
        if self.liquidations is not None and self.depth is not None:
            column = self._columns[0]
            head = column.head(self.page_state)
            return [head, column.chart, self.depth, column.book, column.tape, self.liquidations, *below]
        *others, last = self._columns
        return [*(column.box() for column in others), last.box(self.page_state), *below]

    def _first_chosen(self, change: Any) -> None:
        if change["name"] == "symbol":
            self.symbols = [change["new"], *self.symbols[1:]]
            return
        state = self.page_state
        setting = next(one for one in OWN if one.name == change["name"])
        values = getattr(state, setting.trait)
        if values[0] == change["new"]:
            return
        with self.hold_trait_notifications(), state.hold_sync():
            setattr(state, setting.trait, [change["new"], *values[1:]])
            if setting.each == "market":
                # A row height and the like belong to the prices of the other venue.
                for one in EACH:
                    if one.each == "symbol":
                        setattr(state, one.trait, [one.default, *getattr(state, one.trait)[1:]])

    def _symbols_chosen(self, change: Any) -> None:
        state, symbols = self.page_state, change["new"]
        if state.symbols != symbols:
            before = state.symbols
            kept = {one.trait: _kept(one, getattr(state, one.trait), before, symbols) for one in OWN}
            # The page gets all symbols first, then the panels: to it, a change of one panel's symbol is a choice.
            with self.hold_trait_notifications(), state.hold_sync():
                state.symbols = symbols
                for trait, values in kept.items():
                    setattr(state, trait, values)
        self.symbol = symbols[0]
        if len(symbols) != len(self._columns):
            self._renew_columns(change["old"])

    def _state_changed(self, _: Any) -> None:
        state = self.page_state
        if len({len(getattr(state, one.trait)) for one in EACH}) > 1:
            return  # one of the lists is on its way
        self.symbols = state.symbols
        for one in OWN:
            setattr(self, one.name, getattr(state, one.trait)[0])

    def _apply_settings(self, _: Any) -> None:
        """Apply the state to the panels, so that they show the data of the current market.

        The page applies its own choices itself: an answer from here might come after its next choice and undo it.
        """
        state = self.page_state
        if state.updating or len(state.symbols) != len(self._columns):
            return  # what the page chose, or columns that are not made yet
        for panel, column in zip(state.panels, state.columns, strict=True):
            values = state.of_column(column)
            # A symbol is looked up at its venue, so a panel gets both at once.
            with panel.hold_trait_notifications():
                for name in values.keys() & set(panel.trait_names()):
                    setattr(panel, name, values[name])

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return canonical_symbol(proposal["value"], self.venue)

    @traitlets.validate("symbols")
    def _canonical_symbols(self, proposal: Any) -> list[str]:
        return _symbols_asked(None, proposal["value"], self.page_state.venues)

    @property
    def df(self) -> pd.DataFrame:
        """The newest bars of the first market, as ``chart.df``; each panel has its own: ``book.df``, ``tape.df``, …."""
        return self.chart.df

    def save_png(self, path: str | Path | None = None, *, timeout: float = 10.0) -> Picture:
        """Request a picture of the whole dashboard from a page that shows it: see ``LiveWidget.save_png``."""
        return self.page_state.save_png(path, timeout=timeout)

    def still(self, sketch: Sketch) -> Still:
        from orderfox_nb.widgets.still.still import dashboard_still  # noqa: PLC0415 - a dashboard's kernel never asks

        columns: list[dict[str, Drawn]] = [column.drawn for column in self._columns]
        if self.depth is not None and self.liquidations is not None:
            columns[0] |= {"depth": self.depth.layer, "liquidations": self.liquidations}
        return dashboard_still(columns, sketch)


def _symbols_asked(symbol: str | None, symbols: Sequence[str] | None, venues: object) -> list[str]:
    """Return the symbol of each column.

    Args:
        symbol: The symbol, for a single column.
        symbols: The symbols, for several columns.
        venues: One for all columns or one for each, None for the first venue.

    Raises:
        TraitError: Both were given, or not one to ``MAX_COLUMNS`` symbols.
    """
    each = list(venues) if isinstance(venues, list | tuple) else [venues] * MAX_COLUMNS
    names = [one if isinstance(one, str) else "" for one in each]
    if symbols is None:
        return [canonical_symbol("BTCUSDT" if symbol is None else symbol, next(iter(names), ""))]
    if symbol is not None:
        raise WrongValue("symbol and symbols: give one of the two")
    if isinstance(symbols, str):
        raise WrongValue(f"symbols {symbols!r} must be a list such as ['BTCUSDT', 'ETHUSDT']")
    if not 1 <= len(symbols) <= MAX_COLUMNS:
        raise WrongValue(f"symbols: 1 to {MAX_COLUMNS} fit side by side, not {len(symbols)}")
    return [canonical_symbol(one, venue) for one, venue in zip_longest(symbols, names[: len(symbols)], fillvalue="")]


def _each(setting: Setting, given: object, count: int) -> list[Any]:
    """Return a value for each column, of one for all or one for each.

    Raises:
        TraitError: Another number of values than columns.
    """
    values = list(given) if isinstance(given, list | tuple) else [given] * count
    if len(values) != count:
        raise WrongValue(f"{setting.name}: {len(values)} for {count} symbols")
    return [setting.default if value is None else setting.normal(value) for value in values]


def _kept(setting: Setting, values: list[Any], before: list[str], symbols: list[str]) -> list[Any]:
    """Return a setting's values for columns with other symbols: a value that belongs to a symbol moves with it."""
    if setting.each == "column":
        return values[: len(symbols)] + [setting.default] * (len(symbols) - len(values))
    known = dict(zip(before, values, strict=False))
    return [
        values[at] if before[at : at + 1] == [symbol] else known.get(symbol, setting.default)
        for at, symbol in enumerate(symbols)
    ]
