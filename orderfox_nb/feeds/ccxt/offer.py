"""The channels that an exchange of ccxt offers: streamed, polled over REST, or not at all."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import Channel, Coverage
from orderfox_nb.feeds.ccxt.client import CcxtClient
from orderfox_nb.feeds.ccxt.venues import VERIFIED_BOOKS


class Way(Struct, frozen=True):
    """Methods by which a channel is read."""

    watch: str = ""
    """The method that waits for the next ones, empty if there is none."""
    fetch: str = ""
    """The method that asks for them: every ``period_s`` where they cannot be watched."""
    period_s: float = 0.0


_WATCHED: Final[dict[Channel, tuple[tuple[str, str], ...]]] = {
    "book": (("watchOrderBook", "watch_order_book"),),
    "trades": (("watchTrades", "watch_trades"),),
    "candles": (("watchOHLCV", "watch_ohlcv"),),
    "ticker": (("watchTicker", "watch_ticker"),),
    "mark": (("watchMarkPrice", "watch_mark_price"),),
    "liquidations": (
        ("watchLiquidations", "watch_liquidations"),
        ("watchLiquidationsForSymbols", "watch_liquidations_for_symbols"),
    ),
}
"""By preference; ccxt's name of what it has, and the method."""
_FETCHED: Final[dict[Channel, tuple[str, str, float]]] = {
    "book": ("fetchOrderBook", "fetch_order_book", 2.0),
    "trades": ("fetchTrades", "fetch_trades", 2.0),
    "candles": ("fetchOHLCV", "fetch_ohlcv", 5.0),
    "ticker": ("fetchTicker", "fetch_ticker", 10.0),
    "mark": ("fetchFundingRate", "fetch_funding_rate", 5.0),
    "open_interest": ("fetchOpenInterest", "fetch_open_interest", 10.0),
}
_QUIET_S: Final = 30.0
_OF_CONTRACTS: Final = frozenset({"mark", "open_interest", "liquidations"})


class AllowedSilence(NamedTuple):
    """Seconds before a silent stream is stale, and before it is subscribed to again; None: never."""

    stale_s: float | None = None
    renew_s: float | None = None


class Offer:
    """The ways of one exchange.

    Args:
        client: The exchange.
    """

    def __init__(self, client: CcxtClient) -> None:
        self._client = client
        self.ways: dict[Channel, Way] = {}
        for channel in CHANNELS:
            if client.kind == "spot" and channel in _OF_CONTRACTS:
                continue
            way = self._way(channel)
            if way.watch or way.fetch:
                self.ways[channel] = way

    def _way(self, channel: Channel) -> Way:
        # What ccxt calls emulated it makes of another method of the same exchange.
        watch = next(
            (method for name, method in _WATCHED.get(channel, ()) if self._client.exchange.has.get(name) is True), ""
        )
        if channel == "mark" and self._client.facts.mark_in_ticker:
            watch = "watch_ticker"
        name, fetch, period_s = _FETCHED.get(channel, ("", "", 0.0))
        return Way(watch, fetch if name and self._client.has(name) else "", period_s)

    @property
    def absent(self) -> tuple[Channel, ...]:
        """Channels that the exchange does not offer through ccxt."""
        return tuple(channel for channel in CHANNELS if channel not in self.ways)

    @property
    def polled(self) -> tuple[Channel, ...]:
        """Channels that are requested again and again."""
        return tuple(channel for channel, way in self.ways.items() if not way.watch)

    def quiet(self, channel: Channel) -> AllowedSilence:
        """Return how long a channel may be silent: most venues send what has changed only, and ccxt what they send."""
        way, spec = self.ways[channel], CHANNELS[channel]
        if spec.silence_s is None:
            return AllowedSilence()
        if not way.watch:
            return AllowedSilence(max(spec.silence_s, 10 * way.period_s))
        if self._client.facts.steady:
            return AllowedSilence(spec.silence_s, spec.renew_s)
        return AllowedSilence(max(spec.silence_s, _QUIET_S), max(spec.renew_s or 0.0, 2 * _QUIET_S))

    def poll_s(self, channel: Channel) -> float:
        """Return how often the present value of a channel is requested, 0 if it is watched or has none."""
        way, spec = self.ways[channel], CHANNELS[channel]
        return 0.0 if way.watch or spec.is_past or spec.snapshot is not None else way.period_s

    @property
    def ordered_trades(self) -> bool:
        """Whether trades have their place in the venue's order."""
        return self._client.facts.ordered_ids

    @property
    def unbroken_trades(self) -> bool:
        """Whether a hole in the order of trades is a loss."""
        return self._client.facts.unbroken_ids

    @property
    def unverified(self) -> tuple[Channel, ...]:
        """Channels of which a loss may go unnoticed: nothing in what ccxt passes on shows it."""
        exchange_id = str(self._client.exchange.id)
        found: list[Channel] = []
        if "book" in self.ways and exchange_id not in VERIFIED_BOOKS:
            found.append("book")
        if "trades" in self.ways and not self._client.facts.unbroken_ids:
            found.append("trades")
        return tuple(found)

    def coverage(self, channel: Channel) -> Coverage:
        """Return whether a channel has everything that happened."""
        if channel == "liquidations":
            return "complete" if self._client.facts.every_liquidation else "sampled"
        # Between two answers the book was many others.
        return "sampled" if channel == "book" and channel in self.polled else "complete"
