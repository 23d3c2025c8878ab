"""Binance spot as a Feed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.feeds.binance.past import BinanceVenueRest
from orderfox_nb.feeds.binance.protocol import Api
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.binance.symbol_list import SpotRow
from orderfox_nb.feeds.binance_spot.dialect import SpotDialect
from orderfox_nb.feeds.venue.dialect import Dialect, RestFactory
from orderfox_nb.feeds.venue.feed import VenueFeed

SPOT_API: Final = Api(
    prefix="/api/v3",
    weights={"exchangeInfo": 20, "time": 1, "aggTrades": 4, "ticker/24hr": 2, "ticker/24hr*": 80},
    depth=((100, 5), (500, 25), (1_000, 50), (5_000, 250)),
    klines=((1_000, 2),),
    max_candles=1_000,
    weight_limit=6_000,
    row=SpotRow,
)


class SpotFeed(VenueFeed):
    """A venue that speaks the protocol of Binance spot."""

    NAME = "binance-spot"
    HELP = "Binance's spot market"
    HTTP_URL = "https://api.binance.com"
    WS_URL = "wss://stream.binance.com:9443"

    @staticmethod
    def parts() -> tuple[Dialect, RestFactory]:
        return SpotDialect(), spot_rest


def spot_rest(
    url: str,
    *,
    venue: str,
    clock: Clock,
    now_us: Callable[[], int],
    report: Callable[[BaseException | None], None],
) -> BinanceVenueRest:
    """Make the REST of a venue that speaks as Binance spot does."""
    return BinanceVenueRest(
        BinanceRest(url, api=SPOT_API, venue=venue, clock=clock, report=report), venue=venue, now_us=now_us
    )
