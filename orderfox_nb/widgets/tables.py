"""Trades and liquidations as tables."""

from __future__ import annotations

import traitlets

from orderfox_nb.widgets.base import LiveWidget
from orderfox_nb.widgets.esm import module_text, style_text


class Tape(LiveWidget):
    """Trades as they happen, newest above, coloured by the aggressor.

    Example:
        >>> Tape(symbol="BTCUSDT", minimum_size=0.1)
    """

    _esm = module_text("tape.js")
    _css = style_text("tables.css")

    height = "400px"

    length = traitlets.Enum([50, 100, 200], 50).tag(sync=True)
    """Trades on the screen."""
    minimum_size = traitlets.Float(0.0, min=0.0).tag(sync=True)
    """Trades below this base quantity are not shown."""


class Liquidations(LiveWidget):
    """Liquidated orders, newest above, with running totals and the coverage of the stream.

    Example:
        >>> Liquidations(symbol="BTCUSDT", span="15m")
    """

    _esm = module_text("liquidations.js")
    _css = style_text("tables.css")

    height = "400px"

    length = traitlets.Enum([20, 50, 100], 50).tag(sync=True)
    """Orders on the screen."""
    span = traitlets.Enum(["1m", "15m", "1h"], "1h").tag(sync=True)
    """Time over which the totals are summed."""
