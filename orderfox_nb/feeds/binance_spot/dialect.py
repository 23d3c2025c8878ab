"""The dialect of Binance spot: that of its futures under one root, with book ids without holes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from orderfox_nb.core.events import Channel, Topic
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.binance.dialect import MAX_FRAME_BYTES, BinanceDialect
from orderfox_nb.feeds.venue.dialect import SocketLimits

_SUFFIXES: Final[Mapping[Channel, str]] = {
    "book": "depth@100ms",
    "trades": "aggTrade",
    "candles": "kline_",
    "ticker": "ticker",
}


class SpotDialect(BinanceDialect):
    """Streams of one root; no mark price, open interest or liquidations."""

    roots: Collection[str] = ("spot",)
    channels: Collection[Channel] = tuple(_SUFFIXES)
    limits = SocketLimits(
        streams=200,
        age_s=23.5 * 3600,
        # Half of the 5 messages a second that the venue allows: pongs are counted too.
        command_pause_s=0.4,
        frame_bytes=MAX_FRAME_BYTES,
    )
    neighbour_checks: Mapping[Channel, int] = {"candles": 8}

    def socket_url(self, base: str, root: str) -> str:  # noqa: ARG002 - there is one
        return f"{base}/stream"

    def stream_of(self, topic: Topic) -> str:
        suffix = _SUFFIXES.get(topic.channel)
        if suffix is None:
            raise BadValue("channel", topic.channel, f"one that a spot market has: {', '.join(_SUFFIXES)}")
        if topic.channel == "candles" and topic.interval not in TIMEFRAME_US:
            raise BadValue("timeframe", topic.interval, f"one of {' '.join(TIMEFRAME_US)}")
        return f"{topic.symbol.lower()}@{suffix}{topic.interval}"

    def root_of(self, stream: str) -> str:  # noqa: ARG002 - there is one
        return "spot"

    def is_heartbeat(self, stream: str) -> bool:  # noqa: ARG002 - no stream sends regularly
        return False
