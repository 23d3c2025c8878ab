"""Widgets that take their frames straight from the server; each is usable alone, ``Dashboard`` composes them."""

from __future__ import annotations

from orderfox_nb.widgets.candle_chart import CandleChart
from orderfox_nb.widgets.dashboard import Dashboard
from orderfox_nb.widgets.depth_chart import DepthChart
from orderfox_nb.widgets.header import MarketHeader, QualityBadge, SymbolPicker
from orderfox_nb.widgets.order_book import OrderBook
from orderfox_nb.widgets.tables import Liquidations, Tape

__all__ = [
    "CandleChart",
    "Dashboard",
    "DepthChart",
    "Liquidations",
    "MarketHeader",
    "OrderBook",
    "QualityBadge",
    "SymbolPicker",
    "Tape",
]


def __dir__() -> list[str]:
    """List the widgets and nothing else: what Tab shows."""
    return list(__all__)
