"""Deribit's linear perpetuals as a Feed."""

from __future__ import annotations

from orderfox_nb.feeds.deribit.dialect import DeribitDialect
from orderfox_nb.feeds.deribit.past import DeribitVenueRest
from orderfox_nb.feeds.venue.dialect import Dialect, RestFactory
from orderfox_nb.feeds.venue.feed import VenueFeed


class DeribitFeed(VenueFeed):
    """A venue that speaks the protocol of Deribit's linear perpetuals."""

    NAME = "deribit"
    HELP = "Deribit's linear perpetuals"
    HTTP_URL = "https://www.deribit.com"
    WS_URL = "wss://www.deribit.com"

    @staticmethod
    def parts() -> tuple[Dialect, RestFactory]:
        return DeribitDialect(), DeribitVenueRest
