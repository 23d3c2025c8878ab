"""The instrument of an OKX request, and the page that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from aiohttp import web

from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.okx.guard import bad_parameter, empty_parameter, unknown_instrument
from orderfox_nb.sim.server.okx.names import SWAP, index_of, instrument_of, symbol_of
from orderfox_nb.sim.server.okx.rows import contract_sizes
from orderfox_nb.sim.server.request_window import whole
from orderfox_nb.sim.server.selection import Selection

KINDS: Final = ("SPOT", "MARGIN", SWAP, "FUTURES", "OPTION", "EVENTS")
"""Kinds of instruments; of all but swaps the lists are empty."""
_EVER: Final = 10**17


class Selected(NamedTuple):
    """A market of a request, and how its prices and its sizes in contracts are written."""

    symbol: str
    market: ServedMarket
    numbers: Numbers
    sizes: Numbers


class SeriesPage(NamedTuple):
    """The requested part of a series: the newest ``limit`` rows between two bounds, neither of them included."""

    after: int
    """Rows are older than this."""
    before: int
    """Rows are newer than this."""
    limit: int


class OkxSelection:
    """Finds the market of a request.

    Args:
        selection: The exchange's symbols.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self.contracts = selection.listed
        self.traded = selection.traded
        self.numbers: Mapping[str, Numbers] = selection.numbers
        self.sizes = {symbol: contract_sizes(listing) for symbol, listing in selection.listings.items()}
        """How sizes are written in contracts."""

    def now_us(self) -> int:
        """Return the venue's time."""
        return self._selection.source.now_us()

    def now_ms(self) -> int:
        """Return the venue's time in milliseconds."""
        return self._selection.now_ms()

    def of(self, symbol: str) -> Selected:
        """Return the market of a symbol."""
        market = self._selection.source.market(symbol)
        return Selected(symbol, market, self.numbers[symbol], self.sizes[symbol])

    def one(self, request: web.Request) -> Selected:
        """Return the market of the instrument that a request must name.

        Raises:
            VenueError: None is named, or it is not in trading.
        """
        instrument = request.query.get("instId", "")
        if not instrument:
            raise empty_parameter("instId")
        symbol = symbol_of(instrument)
        if not self._selection.is_traded(symbol) or instrument != instrument_of(symbol):
            raise unknown_instrument()
        return self.of(symbol)

    def index(self, request: web.Request) -> Selected:
        """Return the market of the index that a request must name.

        Raises:
            VenueError: None is named, or there is no such index.
        """
        index = request.query.get("instId", "")
        if not index:
            raise empty_parameter("instId")
        symbol = symbol_of(index)
        if not self._selection.is_traded(symbol) or index != index_of(symbol):
            raise unknown_instrument()
        return self.of(symbol)

    def each(self, request: web.Request) -> list[Selected]:
        """Return the markets of a request: of one instrument, or of all of a kind.

        Raises:
            VenueError: Neither is named, or there is no such kind or instrument.
        """
        if request.query.get("instId", "") not in ("", "ANY"):
            return [self.one(request)]
        if "instId" not in request.query and self.kind(request) != SWAP:
            return []
        family = request.query.get("instFamily") or request.query.get("uly", "")
        return [self.of(symbol) for symbol in self.traded() if family in ("", index_of(symbol))]

    def kind(self, request: web.Request) -> str:
        """Return the kind of instruments that a request must name.

        Raises:
            VenueError: None is named, or there is no such kind.
        """
        kind = request.query.get("instType", "")
        if not kind:
            raise empty_parameter("instType")
        if kind not in KINDS:
            raise bad_parameter("instType")
        return kind

    def page(self, request: web.Request, *, most: int, usual: int = 100) -> SeriesPage:
        """Return the page that a request asks for.

        Raises:
            VenueError: Not numbers, or a limit that is too large.
        """
        after = whole(request, "after", _EVER, low=0, high=_EVER, refused=bad_parameter)
        before = whole(request, "before", -1, low=0, high=_EVER, refused=bad_parameter)
        return SeriesPage(after, before, whole(request, "limit", usual, low=1, high=most, refused=bad_parameter))
