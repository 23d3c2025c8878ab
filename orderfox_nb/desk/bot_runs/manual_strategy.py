"""The strategy of a bot whose orders are given by hand."""

from __future__ import annotations

from orderfox_nb.bots.strategy import Strategy


class ManualTrading(Strategy):
    """Does nothing by itself: its orders are given by hand."""
