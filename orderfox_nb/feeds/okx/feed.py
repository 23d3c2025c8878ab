"""OKX's swaps as a Feed."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.origin import Origin
from orderfox_nb.feeds.okx.dialect import OkxDialect
from orderfox_nb.feeds.okx.messages import ContractSizes
from orderfox_nb.feeds.okx.past import okx_rest
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.feeds.venue.watch import CLOCK_EVERY_S

WS_URL: Final = "wss://ws.okx.com:8443"
HTTP_URL: Final = "https://www.okx.com"


class OkxFeed(VenueFeed):
    """A venue that speaks the protocol of OKX's swaps; its options are those of ``VenueFeed``."""

    def __init__(
        self,
        *,
        http_url: str = HTTP_URL,
        ws_url: str = WS_URL,
        origin: Origin | None = None,
        clock: Clock | None = None,
        liquidation_url: str = "",  # noqa: ARG002 - the API of past liquidations knows Binance's only
        rotate_after_s: float | None = None,
        per_socket: int | None = None,
        clock_every_s: float = CLOCK_EVERY_S,
        speed: float = 1.0,
        random: Random | None = None,
    ) -> None:
        sizes = ContractSizes()
        super().__init__(
            OkxDialect(sizes),
            partial(okx_rest, sizes),
            http_url=http_url,
            ws_url=ws_url,
            origin=origin or Origin(source="okx", venue="okx"),
            settings="OKX_*_BASE_URL",
            clock=clock,
            rotate_after_s=rotate_after_s,
            per_socket=per_socket,
            clock_every_s=clock_every_s,
            speed=speed,
            random=random,
        )
