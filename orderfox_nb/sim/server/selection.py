"""The symbols of a REST request, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from aiohttp import web

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.contracts import UNLISTED, Contract, Contracts
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.source import ServedSource
from orderfox_nb.sim.venue_error import VenueError, missing

_OF_CLOSED_SYMBOLS: Final = ("/ticker/24hr", "/fundingRate")
"""Endpoints of the past, which also answer for a closed symbol."""


class Selection:
    """Finds the market of a request.

    Args:
        source: What is served.
    """

    def __init__(self, source: ServedSource) -> None:
        self.source = source
        self.contracts = Contracts()
        self.listings = {listing.symbol: listing for listing in source.listings}
        self.numbers = {
            symbol: Numbers(tick_size=listing.tick_size, lot_size=listing.lot_size)
            for symbol, listing in self.listings.items()
        }
        """How each symbol's prices and sizes are written."""

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self.source.now_us() // 1000

    def listed(self) -> Iterator[tuple[ListedContract, Contract]]:
        """Yield every symbol that is in the venue's list, in trading or not."""
        for symbol, listing in self.listings.items():
            contract = self.contracts.of(symbol)
            if contract.status != UNLISTED:
                yield listing, contract

    def traded(self) -> list[str]:
        """Return the symbols in trading."""
        return [listing.symbol for listing, contract in self.listed() if contract.status == "TRADING"]

    def is_traded(self, symbol: str) -> bool:
        """Return whether a symbol is listed and in trading."""
        return symbol in self.listings and self.contracts.of(symbol).status == "TRADING"

    def refine(self, symbol: str, factor: int) -> None:
        """Write a symbol's prices on a finer tick from now on, by a factor."""
        self.numbers[symbol].refine(factor, self.source.now_us())

    def symbol(self, request: web.Request) -> str:
        """Return the requested symbol.

        Raises:
            VenueError: None is given, it is not listed, or it is closed.
        """
        return self.named(request.query.get("symbol", ""), request.path)

    def named(self, symbol: str, path: str) -> str:
        """Return a symbol that may be asked for at a path.

        Raises:
            VenueError: None is given, it is not listed, or it is closed.
        """
        if not symbol:
            raise missing("symbol")
        if symbol not in self.listings:
            raise VenueError(-1121, "Invalid symbol.")
        status = self.contracts.of(symbol).status
        if status == UNLISTED:
            raise VenueError(-1121, "Invalid symbol.")
        if status != "TRADING" and not path.endswith(_OF_CLOSED_SYMBOLS):
            raise VenueError(-4141, "Symbol is closed.")
        return symbol

    def market(self, request: web.Request) -> tuple[str, ServedMarket, Numbers]:
        """Return the requested symbol with its market.

        Raises:
            VenueError: As ``symbol``.
        """
        symbol = self.symbol(request)
        return symbol, self.source.market(symbol), self.numbers[symbol]

    def each(self, request: web.Request, row: Callable[[ListedContract, ServedMarket, Numbers], Any]) -> Any:
        """Return the row of the requested symbol, or the rows of all symbols where none is given.

        Raises:
            VenueError: As ``symbol``.
        """
        if "symbol" in request.query:
            symbol, market, numbers = self.market(request)
            return row(self.listings[symbol], market, numbers)
        return [
            row(listing, self.source.market(symbol), self.numbers[symbol]) for symbol, listing in self.listings.items()
        ]
