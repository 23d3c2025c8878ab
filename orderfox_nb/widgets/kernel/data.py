# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""What widgets show, as DataFrames in the kernel: read through one market connection, opened with the first one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from orderfox_nb.core.events import WHOLE_MARKET
from orderfox_nb.market.channels import LiquidationsChannel
from orderfox_nb.market.connection import Market, Symbol, connect
from orderfox_nb.market.frames import quality_frame, ticker_frame
from orderfox_nb.widgets.still.still import fetch_frame

if TYPE_CHECKING:
    import pandas as pd


@cache
def kernel_market() -> Market:
    """Return the market of this kernel's widgets; its topics stay subscribed until the kernel ends."""
    return connect()


def kernel_symbol(symbol: str) -> Symbol:
    """Return one symbol of that market.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
    """
    return kernel_market()[symbol]


def kernel_liquidations(symbol: str, *, whole_market: bool) -> LiquidationsChannel:
    """Return the liquidations of a symbol or of the whole market.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
    """
    if whole_market or symbol == WHOLE_MARKET:
        return kernel_market().liquidations
    return kernel_symbol(symbol).liquidations


def kernel_quality(symbol: str) -> pd.DataFrame:
    """Return the lapses of a symbol's trades and book as this kernel reads them.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
    """
    one = kernel_symbol(symbol)
    return quality_frame({channel.topic: channel.quality for channel in (one.trades, one.book)}, one.symbol)


def kernel_ticker(symbol: str) -> pd.DataFrame:
    """Return what the header of a symbol shows, as one row.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
        TimeoutError: No frame came.
    """
    name = kernel_symbol(symbol).symbol
    return ticker_frame(fetch_frame(name, "ticker"), kernel_market().origin)
