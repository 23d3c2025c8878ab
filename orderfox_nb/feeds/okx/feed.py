"""OKX's swaps as a Feed."""

from __future__ import annotations

from functools import partial

from orderfox_nb.feeds.okx.dialect import OkxDialect
from orderfox_nb.feeds.okx.messages import ContractSizes
from orderfox_nb.feeds.okx.past import OkxVenueRest
from orderfox_nb.feeds.venue.dialect import Dialect, RestFactory
from orderfox_nb.feeds.venue.feed import VenueFeed


class OkxFeed(VenueFeed):
    """A venue that speaks the protocol of OKX's swaps."""

    NAME = "okx"
    HELP = "OKX's linear swaps"
    HTTP_URL = "https://www.okx.com"
    WS_URL = "wss://ws.okx.com:8443"

    @staticmethod
    def parts() -> tuple[Dialect, RestFactory]:
        sizes = ContractSizes()
        return OkxDialect(sizes), partial(OkxVenueRest, sizes)
