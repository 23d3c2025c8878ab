"""The public Python interface, from the docstrings."""

from __future__ import annotations

import inspect
from typing import Final

import orderfox_nb
from orderfox_nb import widgets

_EVENTS: Final = (
    "Trade",
    "Candle",
    "Liquidation",
    "MarkPrice",
    "Ticker",
    "OpenInterest",
    "BookSnapshot",
    "BookDelta",
    "Status",
    "Gap",
)
_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Functions": (),
    "Widgets": tuple(f"orderfox_nb.widgets.{name}" for name in widgets.__all__),
    "Markets": (
        "orderfox_nb.market.connection.Market",
        "orderfox_nb.market.connection.Symbol",
        "orderfox_nb.market.callbacks.Subscription",
        "orderfox_nb.market.connection.RewoundMarket",
    ),
    "Channels": (
        "orderfox_nb.market.channels.TradesChannel",
        "orderfox_nb.market.channels.CandlesChannel",
        "orderfox_nb.market.channels.BookChannel",
        "orderfox_nb.market.channels.LiquidationsChannel",
        "orderfox_nb.market.channels.TickerChannel",
        "orderfox_nb.market.channels.MarkChannel",
        "orderfox_nb.market.channels.FundingChannel",
        "orderfox_nb.market.channels.InterestChannel",
        "orderfox_nb.market.channels.StudyView",
    ),
    "Recordings": (
        "orderfox_nb.market.recorded.RecordedMarket",
        "orderfox_nb.market.recorded.RecordedSymbol",
    ),
    "Events": tuple(f"orderfox_nb.core.events.{name}" for name in _EVENTS),
    "Bots": (
        "orderfox_nb.bots.strategy.Strategy",
        "orderfox_nb.bots.terms.PaperTerms",
        "orderfox_nb.bots.desk_view.TradingDesk",
        "orderfox_nb.bots.desk_view.PositionView",
        "orderfox_nb.market.paper.run.PaperRun",
        "orderfox_nb.market.backtest.result.BacktestResult",
        "orderfox_nb.market.backtest.sweeping.SweepResult",
        "orderfox_nb.bots.orders.OrderRequest",
        "orderfox_nb.bots.handles.OrderHandle",
        "orderfox_nb.bots.handles.FillReport",
        "orderfox_nb.bots.handles.Timer",
    ),
}
"""What follows from a name of the package: the objects that its functions return."""


def page() -> str:
    """Return the page."""
    lines = [
        "# Python",
        "",
        "The public names of `orderfox_nb`, and the objects that they return. Other names are internal. Functions,",
        "`Strategy`, `PaperTerms` and the widgets are imported from `orderfox_nb`.",
        "",
    ]
    for title, names in {**_GROUPS, "Functions": _functions()}.items():
        lines += [f"## {title}", "", *(f"::: {name}" for name in names), ""]
    return "\n".join(lines)


def _functions() -> tuple[str, ...]:
    """Return where each function of the package is defined, ``connect`` first."""
    functions = [getattr(orderfox_nb, name) for name in orderfox_nb.__all__ if not name.startswith("__")]
    found = [f"{value.__module__}.{value.__qualname__}" for value in functions if inspect.isfunction(value)]
    return tuple(sorted(found, key=lambda name: not name.endswith(".connect")))
