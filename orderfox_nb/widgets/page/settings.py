"""The settings of a dashboard's view, one row each: traits, arguments, address and browser preferences follow."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, Literal

import traitlets

from orderfox_nb.core.symbols import VENUE_FORM
from orderfox_nb.widgets.chart.candle_chart import CandleChart
from orderfox_nb.widgets.chart.depth_chart import DepthChart
from orderfox_nb.widgets.kernel.arguments import Choice
from orderfox_nb.widgets.kernel.base import LiveWidget
from orderfox_nb.widgets.kernel.several import VenuesPanel
from orderfox_nb.widgets.panels.order_book import OrderBook
from orderfox_nb.widgets.panels.tables import Liquidations, Tape

LAYOUTS: Final = ("default", "chart", "book", "bots")


@dataclass(frozen=True)
class Setting:
    """A setting of a dashboard's view.

    Type, default, choices and its name in panels are those of ``source``, a trait of the widget that shows it.

    Args:
        name: In a cell, in the page's address and in local storage.
        source: The trait; one that belongs to no widget is the dashboard's own.
        each: Empty if all columns share the value. ``column`` if each column keeps its own for every symbol; ``symbol``
            if another symbol starts with the default; ``market`` if the value identifies the market.
        form: Regular expression of its text, if it has no choices.
        expected: Description of a valid text.
        always: Whether the address also contains the default.
        remembered: Whether it is a browser preference.
        many: The state's name for the list of its values, if that is not the name with an s.
        aliases: Other names that an address may have for it.
        formerly: Former name in an address, with another meaning; the page explains it.
    """

    name: str
    source: Any
    each: Literal["", "column", "symbol", "market"] = ""
    form: str = ""
    expected: str = ""
    always: bool = False
    remembered: bool = True
    many: str = ""
    aliases: tuple[str, ...] = ()
    formerly: str = ""

    @property
    def trait(self) -> str:
        """The state's name of it: ``layout`` is ipywidgets' own."""
        return self.many or f"{self.name}s" if self.each else "arrangement" if self.name == "layout" else self.name

    @property
    def panel(self) -> str:
        """The panels' name of it, empty if none has it."""
        return self.source.name or ""

    @property
    def default(self) -> Any:
        return self.source.default()

    @property
    def kind(self) -> str:
        kinds = {Choice: "choice", traitlets.Bool: "switch", traitlets.List: "list", traitlets.Float: "number"}
        return next((name for kind, name in kinds.items() if isinstance(self.source, kind)), "text")

    def normal(self, value: Any) -> Any:
        """Return a value in the form in which panels and pages have it; numbers are checked by the list they go into.

        Raises:
            TraitError: It is not a value of the setting.
        """
        return self.source.validate(None, value) if self.kind == "text" else value

    def make_trait(self) -> Any:
        """Return a trait of its own for another class, not synchronised."""
        return deepcopy(self.source).tag(sync=False)

    def make_list(self) -> Any:
        """Return a trait with one value a column."""
        one = self.make_trait() if self.kind in ("number", "switch") else traitlets.Unicode()
        return traitlets.List(one, [self.default]).tag(sync=True)

    def row(self) -> dict[str, Any]:
        """Return it as the page receives it."""
        choices = {"switch": (True, False)}.get(self.kind, getattr(self.source, "values", None) or ())
        return {
            "name": self.name, "trait": self.trait, "panel": self.panel, "kind": self.kind, "default": self.default,
            "choices": list(choices), "each": self.each, "form": self.form, "expected": self.expected,
            "always": self.always, "remembered": self.remembered, "aliases": list(self.aliases),
            "formerly": self.formerly,
        }  # fmt: skip


SETTINGS: Final = (
    # No symbol has a space or what means something in an address; beyond that the server knows which ones there are.
    Setting(
        "symbol", LiveWidget.symbol, each="market", always=True, aliases=("symbols",),
        form=r"^[^\s,?&#%\p{C}]{1,40}$", expected="a symbol such as BTCUSDT",
    ),
    Setting(
        "venue", LiveWidget.venue, each="market", form=rf"^({VENUE_FORM})?$", expected="a venue such as binance",
    ),
    Setting("all_venues", VenuesPanel.all_venues, each="column", many="all_venues_each"),
    Setting(
        "currency", VenuesPanel.currency, each="symbol", many="currencies",
        form="^[A-Za-z0-9]{2,12}$", expected="apart, joined or a currency such as USDC",
    ),
    Setting("timeframe", CandleChart.timeframe, always=True),
    Setting(
        "rounding", OrderBook.rounding, each="symbol", always=True,
        form=r"^(auto|(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,12})?)$", expected="auto or a price above 0",
    ),
    Setting("rows", OrderBook.rows, always=True),
    Setting(
        "minimum_notional", Tape.minimum_notional, each="column", formerly="minimum_size",
        form=r"^[0-9]{1,15}(\.[0-9]{1,12})?(e[+-]?[0-9]{1,2})?$", expected="an amount in quote currency",
    ),
    Setting("layout", Choice(LAYOUTS, "default")),
    Setting(
        "overlays", CandleChart.overlays,
        form=r"^((vwap|(ema|bollinger)([2-9]|[1-9][0-9]|[1-4][0-9][0-9]|500))(,(?=.)|$)){0,20}$",
        expected="vwap, ema20 or bollinger20 (2 to 500 bars), separated by commas",
    ),
    Setting("depth_percent", DepthChart.percent),
    Setting("whole_market", Liquidations.whole_market),
    Setting("span", Liquidations.span),
    Setting("show_volume", CandleChart.show_volume),
    Setting("show_liquidations", CandleChart.show_liquidations),
    Setting("show_liquidation_average", CandleChart.show_liquidation_average),
    Setting("show_lapses", CandleChart.show_lapses),
    Setting("log_scale", CandleChart.log_scale),
    Setting("fixed_scale", CandleChart.fixed_scale),
)  # fmt: skip
"""In the order in which an address and a cell name them."""

SHARED: Final = tuple(one for one in SETTINGS if not one.each)
EACH: Final = tuple(one for one in SETTINGS if one.each)
OWN: Final = tuple(one for one in EACH if one.name != "symbol")
"""Settings that each column has for itself, except its symbol."""


def _holder(name: str, traits: dict[str, Any]) -> Any:
    return traitlets.MetaHasTraits(name, (traitlets.HasTraits,), {"__module__": __name__, **traits})


View: Any = _holder("View", {one.trait: one.make_trait() for one in SHARED})
"""Settings that all columns of a dashboard share."""
Lists: Any = _holder("Lists", {one.trait: one.make_list() for one in EACH})
"""Settings that each column has for itself, as lists."""
First: Any = _holder("First", {one.name: one.make_trait() for one in OWN})
"""The same settings of the first column, as a cell sets them."""
