"""Binance USD-M futures as a Feed."""

from __future__ import annotations

from orderfox_nb.feeds.binance.dialect import BinanceDialect
from orderfox_nb.feeds.binance.past import binance_rest
from orderfox_nb.feeds.venue.dialect import Dialect, RestFactory
from orderfox_nb.feeds.venue.feed import VenueFeed


class BinanceFeed(VenueFeed):
    """A venue that speaks the protocol of Binance's USD-M futures."""

    NAME = "binance"
    HELP = "Binance's USD-M perpetuals"
    HTTP_URL = "https://fapi.binance.com"
    WS_URL = "wss://fstream.binance.com"
    HAS_HISTORY_API = True

    @staticmethod
    def parts() -> tuple[Dialect, RestFactory]:
        return BinanceDialect(), binance_rest
