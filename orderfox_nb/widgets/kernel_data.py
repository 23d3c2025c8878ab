"""What widgets show, as DataFrames in the kernel: read through one market connection, opened with the first one."""

from __future__ import annotations

from functools import cache

from orderfox_nb.core.events import WHOLE_MARKET
from orderfox_nb.market.connection import Liquidations, Market, Symbol, connect


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


def kernel_liquidations(symbol: str, *, whole_market: bool) -> Liquidations:
    """Return the liquidations of a symbol or of the whole market.

    Raises:
        UnknownSymbol: The venue does not list it.
        FeedError: The venue cannot be asked.
    """
    if whole_market or symbol == WHOLE_MARKET:
        return kernel_market().liquidations
    return kernel_symbol(symbol).liquidations
