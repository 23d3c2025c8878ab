"""The protocols in which a server can speak, one row each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from orderfox_nb.sim.server.binance_host import BinanceHost
from orderfox_nb.sim.server.bybit.host import BYBIT_LIMITS, BybitHost
from orderfox_nb.sim.server.bybit.streams import BYBIT_STREAMS
from orderfox_nb.sim.server.deribit.host import DERIBIT_LIMITS, DeribitHost
from orderfox_nb.sim.server.deribit.streams import DERIBIT_STREAMS
from orderfox_nb.sim.server.host import Host, Parts
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.market_streams import BINANCE_STREAMS
from orderfox_nb.sim.server.okx.host import OKX_LIMITS, OkxHost
from orderfox_nb.sim.server.okx.streams import OKX_STREAMS
from orderfox_nb.sim.server.served_streams import StreamFamily
from orderfox_nb.sim.server.spot import SPOT_LIMITS

ProtocolName: TypeAlias = Literal["binance", "bybit", "okx", "deribit"]
MarketKind: TypeAlias = Literal["futures", "spot"]


class ServedProtocol(NamedTuple):
    """A protocol.

    Args:
        host: Makes its host.
        streams: The streams of its markets.
        limits: What the venue allows.
    """

    host: Callable[[Parts], Host]
    streams: StreamFamily
    limits: Limits


_PROTOCOLS: Final[dict[tuple[ProtocolName, MarketKind], ServedProtocol]] = {
    ("binance", "futures"): ServedProtocol(partial(BinanceHost, spot=False), BINANCE_STREAMS, Limits()),
    ("binance", "spot"): ServedProtocol(partial(BinanceHost, spot=True), BINANCE_STREAMS, SPOT_LIMITS),
    ("bybit", "futures"): ServedProtocol(BybitHost, BYBIT_STREAMS, BYBIT_LIMITS),
    ("okx", "futures"): ServedProtocol(OkxHost, OKX_STREAMS, OKX_LIMITS),
    ("deribit", "futures"): ServedProtocol(DeribitHost, DERIBIT_STREAMS, DERIBIT_LIMITS),
}

PROTOCOL_NAMES: Final[tuple[ProtocolName, ...]] = get_args(ProtocolName)


def protocol_of(name: ProtocolName, market: MarketKind, *, tape: bool) -> ServedProtocol:
    """Return a protocol.

    Raises:
        ValueError: The protocol has no such market, or a tape is recorded in another.
    """
    if (found := _PROTOCOLS.get((name, market))) is None:
        raise ValueError(f"--market {market} is only in the protocol of binance, not in that of {name}")
    if tape and name != "binance":
        raise ValueError(f"a tape is played in the protocol of binance, as it was recorded, not in that of {name}")
    return found
