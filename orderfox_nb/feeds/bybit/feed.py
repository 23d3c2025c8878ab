"""Bybit's linear perpetuals as a Feed."""

from __future__ import annotations

from orderfox_nb.feeds.bybit.dialect import BybitDialect
from orderfox_nb.feeds.bybit.past import BybitVenueRest
from orderfox_nb.feeds.venue.dialect import Dialect, RestFactory
from orderfox_nb.feeds.venue.feed import VenueFeed


class BybitFeed(VenueFeed):
    """A venue that speaks the protocol of Bybit's linear contracts."""

    NAME = "bybit"
    HELP = "Bybit's linear perpetuals"
    HTTP_URL = "https://api.bybit.com"
    WS_URL = "wss://stream.bybit.com"

    @staticmethod
    def parts() -> tuple[Dialect, RestFactory]:
        return BybitDialect(), BybitVenueRest
