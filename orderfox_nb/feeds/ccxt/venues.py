"""Facts about venues that ccxt lacks or has wrong: one row for each venue that differs from the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct, field

Kind = Literal["swap", "spot"]


class VenueFacts(Struct, frozen=True, kw_only=True):
    """Differences of one venue of ccxt from the default."""

    ordered_ids: bool = False
    """Trade ids are numbers in the order of the trades."""
    unbroken_ids: bool = False
    """And they have no holes: trades are asked for by ``fromId``."""
    liquidated: Literal["order", "position"] = "order"
    """What the side of a liquidation means: that of the order that closes, or of the position that is closed."""
    every_liquidation: bool = False
    """The stream has all of them; otherwise it is a sample."""
    base_candles: bool = False
    """The volume of a candle is in base currency although sizes are in contracts."""
    contract_tickers: bool = False
    """The volume of a ticker is in contracts."""
    steady: bool = False
    """Its streams speak as often as those of ``core/channels.py``, also while nothing changes."""
    mark_in_ticker: bool = False
    """Mark, index and funding come with the ticker, which is watched for them."""
    interest_in_ticker: bool = False
    """Open interest comes with the ticker, and is up to an hour old where ccxt asks for it."""
    separate_funding: bool = False
    """The stream of mark prices has no funding, which is requested beside it."""
    max_trades: int = 100
    max_bars: int = 200
    """Largest number of bars in one answer: the venue refuses requests for more. Nearly all allow as many."""
    whole_books: bool = False
    """Changes of every level are sent, also of those far from the best: ccxt forgets all but the best ones, of which
    those that become the best again would be missing."""
    book_depth: int | None = None
    """Levels a side to ask for, where the default has few."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Options of the exchange, by kind of market where they differ."""
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Parameters of ccxt's methods."""


_BINANCE: Final = VenueFacts(
    steady=True,
    whole_books=True,
    max_trades=1_000,
    max_bars=1_000,
    ordered_ids=True,
    unbroken_ids=True,
    # The stream of single trades has other ids than the trades that are answered over REST.
    params={"watch_trades": {"name": "aggTrade"}},
)
_BINANCE_OF: Final[dict[Kind, Mapping[str, Any]]] = {
    "swap": {"fetchMarkets": {"types": ["linear"]}},
    "spot": {"fetchMarkets": {"types": ["spot"]}},
}
_VENUES: Final[dict[str, VenueFacts]] = {
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "bybit": VenueFacts(
        liquidated="position",
        every_liquidation=True,
        book_depth=200,
        mark_in_ticker=True,
        interest_in_ticker=True,
        max_trades=1_000,
        max_bars=1_000,
    ),
    "okx": VenueFacts(
        ordered_ids=True,
        base_candles=True,
        contract_tickers=True,
        separate_funding=True,
        max_trades=500,
        max_bars=300,
    ),
    "htx": VenueFacts(base_candles=True),
    "kraken": VenueFacts(book_depth=500, max_trades=1_000, max_bars=720),
}
VERIFIED_BOOKS: Final = frozenset(
    {"binance", "binanceusdm", "bitfinex", "bitget", "cex", "cryptocom", "extended", "gate", "htx", "kraken", "luno"}
    | {"independentreserve", "nado", "okx"}
)
"""Exchanges of which ccxt checks that a book missed no update, by a sequence or a checksum; of the others nothing does
but a comparison with a fresh book."""


def facts_of(exchange_id: str) -> VenueFacts:
    """Return how a venue differs."""
    return _VENUES.get(exchange_id, VenueFacts())


def options_of(exchange_id: str, kind: Kind) -> Mapping[str, Any]:
    """Return the options of an exchange object: bounded caches, and only the markets that are shown."""
    of_kind: Mapping[str, Any] = _BINANCE_OF[kind] if exchange_id == "binance" else {}
    return {
        "defaultType": kind,
        "fetchCurrencies": False,
        "fetchMargins": False,
        "tradesLimit": 1_000,
        "OHLCVLimit": 1_000,
        "ordersLimit": 1,
        "liquidationsLimit": 1_000,
        "warnOnFetchOHLCVLimitArgument": False,
        **of_kind,
        **facts_of(exchange_id).options,
    }
