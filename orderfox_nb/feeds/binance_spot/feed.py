"""Binance spot as a Feed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.origin import Origin
from orderfox_nb.feeds.binance.past import BinanceVenueRest
from orderfox_nb.feeds.binance.protocol import Api
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.binance.symbol_list import SpotRow
from orderfox_nb.feeds.binance_spot.dialect import SpotDialect
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.feeds.venue.watch import CLOCK_EVERY_S

WS_URL: Final = "wss://stream.binance.com:9443"
HTTP_URL: Final = "https://api.binance.com"

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
    """A venue that speaks the protocol of Binance spot; its options are those of ``VenueFeed``."""

    def __init__(
        self,
        *,
        http_url: str = HTTP_URL,
        ws_url: str = WS_URL,
        origin: Origin | None = None,
        clock: Clock | None = None,
        liquidation_url: str = "",  # noqa: ARG002 - spot has none
        rotate_after_s: float | None = None,
        per_socket: int | None = None,
        clock_every_s: float = CLOCK_EVERY_S,
        speed: float = 1.0,
        random: Random | None = None,
    ) -> None:
        super().__init__(
            SpotDialect(),
            spot_rest,
            http_url=http_url,
            ws_url=ws_url,
            origin=origin or Origin(source="binance-spot", venue="binance-spot"),
            settings="BINANCE_SPOT_*_BASE_URL",
            clock=clock,
            rotate_after_s=rotate_after_s,
            per_socket=per_socket,
            clock_every_s=clock_every_s,
            speed=speed,
            random=random,
        )


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
