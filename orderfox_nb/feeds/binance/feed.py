"""Binance USD-M futures as a Feed."""

from __future__ import annotations

from random import Random
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.origin import Origin
from orderfox_nb.feeds.binance.dialect import BinanceDialect
from orderfox_nb.feeds.binance.past import binance_rest
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.feeds.venue.watch import CLOCK_EVERY_S

WS_URL: Final = "wss://fstream.binance.com"
HTTP_URL: Final = "https://fapi.binance.com"


class BinanceFeed(VenueFeed):
    """A venue that speaks the protocol of Binance's USD-M futures; its options are those of ``VenueFeed``."""

    def __init__(
        self,
        *,
        http_url: str = HTTP_URL,
        ws_url: str = WS_URL,
        origin: Origin | None = None,
        clock: Clock | None = None,
        liquidation_url: str = "",
        rotate_after_s: float | None = None,
        per_socket: int | None = None,
        clock_every_s: float = CLOCK_EVERY_S,
        speed: float = 1.0,
        random: Random | None = None,
    ) -> None:
        super().__init__(
            BinanceDialect(),
            binance_rest,
            http_url=http_url,
            ws_url=ws_url,
            origin=origin or Origin(source="binance", venue="binance"),
            settings="BINANCE_*_BASE_URL",
            clock=clock,
            liquidation_url=liquidation_url,
            rotate_after_s=rotate_after_s,
            per_socket=per_socket,
            clock_every_s=clock_every_s,
            speed=speed,
            random=random,
        )
