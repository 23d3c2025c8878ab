# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""Data of widgets as DataFrames in the kernel, read through one market connection that is opened on first use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from orderfox_nb.core.events import WHOLE_MARKET
from orderfox_nb.errors import BadValue
from orderfox_nb.market.channels import LiquidationsChannel
from orderfox_nb.market.connection import Market, Symbol, connect
from orderfox_nb.market.frames import quality_frame, ticker_frame
from orderfox_nb.widgets.still.still import fetch_frame

if TYPE_CHECKING:
    import pandas as pd


@cache
def kernel_market() -> Market:
    """Return the markets of this kernel's widgets; their topics stay subscribed until the kernel ends."""
    return connect()


def venue_market(venue: str = "", market: Market | None = None) -> Market:
    """Return the market of one venue, of the first one for none.

    Args:
        venue: By its name.
        market: Market of the venues, by default that of the page's server.

    Raises:
        BadValue: No such venue.
    """
    markets = market or kernel_market()
    if not venue:
        return markets
    if (found := markets.venues.get(venue)) is None:
        raise BadValue("venue", venue, "one of " + ", ".join(markets.venues))
    return found


def kernel_symbol(symbol: str, venue: str = "", market: Market | None = None) -> Symbol:
    """Return one symbol of a venue's market.

    Raises:
        BadValue: No such venue.
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
    """
    return venue_market(venue, market)[symbol]


def kernel_liquidations(
    symbol: str, venue: str = "", market: Market | None = None, *, whole_market: bool
) -> LiquidationsChannel:
    """Return the liquidations of a symbol or of the whole market.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
    """
    if whole_market or symbol == WHOLE_MARKET:
        return venue_market(venue, market).liquidations
    return kernel_symbol(symbol, venue, market).liquidations


def kernel_quality(symbol: str, venue: str = "", market: Market | None = None) -> pd.DataFrame:
    """Return the lapses of a symbol's trades and book as this kernel reads them.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
    """
    one = kernel_symbol(symbol, venue, market)
    return quality_frame({channel.topic: channel.quality for channel in (one.trades, one.book)}, one.symbol)


def kernel_ticker(symbol: str, venue: str = "", market: Market | None = None) -> pd.DataFrame:
    """Return what the header of a symbol shows, as one row.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
        TimeoutError: No frame came.
    """
    name = kernel_symbol(symbol, venue, market).symbol
    frame = fetch_frame(name, "ticker", venue=venue, engine=None if market is None else market.engine)
    return ticker_frame(frame, venue_market(venue, market).origin)
