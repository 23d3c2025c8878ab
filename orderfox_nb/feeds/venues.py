"""The venues that are read natively, one line each: sources, settings and simulations follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance_spot.feed import SpotFeed
from orderfox_nb.feeds.bybit.feed import BybitFeed
from orderfox_nb.feeds.deribit.feed import DeribitFeed
from orderfox_nb.feeds.okx.feed import OkxFeed
from orderfox_nb.feeds.venue.feed import VenueFeed

VENUES: Final[Sequence[type[VenueFeed]]] = (
    BinanceFeed,
    SpotFeed,
    BybitFeed,
    OkxFeed,
    DeribitFeed,
)


def protocol_of(venue: type[VenueFeed]) -> tuple[str, str]:
    """Return whose protocol a venue speaks, and of which market."""
    name, _, market = venue.NAME.partition("-")
    return name, market or "futures"


def simulated_name(venue: type[VenueFeed], name: str = "") -> str:
    """Return the name of a simulation of a venue: that of Binance's futures is ``sim``.

    Args:
        venue: What it speaks as.
        name: Ends it, for a second simulation beside the first.
    """
    return "-".join(part for part in ("sim", ending_of(venue), name) if part)


def ending_of(venue: type[VenueFeed]) -> str:
    """Return the word for a venue in the name of its simulation, empty for Binance's futures."""
    protocol, market = protocol_of(venue)
    return market if market != "futures" else protocol if venue is not BinanceFeed else ""
