"""What stands above the panels: which market, where it is now, and how good the data is."""

from __future__ import annotations

from orderfox_nb.widgets.base import LiveWidget
from orderfox_nb.widgets.esm import module_text, style_text


class SymbolPicker(LiveWidget):
    """Searchable list of symbols with 24 h volume, change and last price.

    Example:
        >>> picker = SymbolPicker(symbol="SOLUSDT")
        >>> picker.observe(print, "symbol")
    """

    _esm = module_text("symbol_picker.js")
    _css = style_text("header.css")


class MarketHeader(LiveWidget):
    """Last price, 24 h change, mark, funding with countdown, open interest and volume.

    Example:
        >>> MarketHeader(symbol="BTCUSDT")
    """

    _esm = module_text("market_header.js")
    _css = style_text("header.css")


class QualityBadge(LiveWidget):
    """Source, state and lag of the data, said in words.

    Example:
        >>> QualityBadge(symbol="BTCUSDT")
    """

    _esm = module_text("quality_badge.js")
    _css = style_text("header.css")
