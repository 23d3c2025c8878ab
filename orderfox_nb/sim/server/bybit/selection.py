"""The category and the symbol of a Bybit request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.bybit.guard import bad_parameter
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.selection import Selection

OTHER_CATEGORIES: Final = ("spot", "inverse", "option")
"""Categories that the venue has and the exchange behind it has not: their lists are empty."""


class BybitSelection:
    """Finds the market of a request.

    Args:
        selection: The exchange's symbols.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self.contracts = selection.listed
        self.traded = selection.traded
        self.numbers: Mapping[str, Numbers] = selection.numbers

    def now_us(self) -> int:
        """Return the venue's time."""
        return self._selection.source.now_us()

    def category(self, request: web.Request) -> str:
        """Return the category of a request.

        Raises:
            VenueError: None is given, or there is no such category.
        """
        category = request.query.get("category", "")
        if category != "linear" and category not in OTHER_CATEGORIES:
            raise bad_parameter("category")
        return category

    def symbol(self, request: web.Request) -> str:
        """Return the requested symbol.

        Raises:
            VenueError: None is given, or it is not in trading.
        """
        if self.category(request) != "linear" or not self._selection.is_traded(
            symbol := request.query.get("symbol", "")
        ):
            raise bad_parameter("symbol")
        return symbol

    def market_of(self, symbol: str) -> ServedMarket:
        """Return the market of a symbol."""
        return self._selection.source.market(symbol)

    def market(self, request: web.Request) -> tuple[str, ServedMarket, Numbers]:
        """Return the requested symbol with its market.

        Raises:
            VenueError: As ``symbol``.
        """
        symbol = self.symbol(request)
        return symbol, self.market_of(symbol), self.numbers[symbol]
