"""Widgets that take their frames straight from the server; each is usable alone, ``Dashboard`` composes them."""

from __future__ import annotations

from orderfox_nb.widgets.bots.bot_panel import BotPanel
from orderfox_nb.widgets.chart.candle_chart import CandleChart
from orderfox_nb.widgets.chart.depth_chart import DepthChart
from orderfox_nb.widgets.page.dashboard import Dashboard
from orderfox_nb.widgets.panels.header import MarketHeader, QualityBadge, SymbolPicker
from orderfox_nb.widgets.panels.order_book import OrderBook
from orderfox_nb.widgets.panels.rewind import Rewind
from orderfox_nb.widgets.panels.tables import Liquidations, Tape

__all__ = [
    "BotPanel",
    "CandleChart",
    "Dashboard",
    "DepthChart",
    "Liquidations",
    "MarketHeader",
    "OrderBook",
    "QualityBadge",
    "Rewind",
    "SymbolPicker",
    "Tape",
]


def __dir__() -> list[str]:
    """List the widgets and nothing else: what Tab shows."""
    return list(__all__)
