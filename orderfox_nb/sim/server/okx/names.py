"""OKX's channels, instruments and bars.

A stream is named ``<channel>:<instrument>``, such as ``books:BTC-USDT-SWAP``; liquidations are of the whole market:
``liquidation-orders:SWAP``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.sim.server.names import WHOLE_MARKET, ServedStream

SWAP: Final = "SWAP"
_QUOTE: Final = "USDT"
_SUFFIX: Final = f"-{_QUOTE}-{SWAP}"


def _bar_name(timeframe: str) -> str:
    """Return how OKX writes a timeframe: bars of six hours and more are those of UTC only with a suffix."""
    name = timeframe if timeframe.endswith(("m", "M")) else timeframe.upper()
    return name if TIMEFRAME_US[timeframe] < TIMEFRAME_US["6h"] else f"{name}utc"


BARS: Final = {_bar_name(timeframe): timeframe for timeframe in TIMEFRAME_US if timeframe != "8h"}
"""The bars that are served. Those of the venue's own day, which begins at 16:00 UTC (``1D``), are not."""
BOOK_LEVELS: Final = {"books": 400, "books5": 5, "bbo-tbt": 1}
BOOK_MS: Final = {"books": 100, "books5": 100, "bbo-tbt": 50}
CANDLE_MS: Final = 1_000
_PUBLIC: Final = frozenset(
    {
        *BOOK_LEVELS,
        *("trades", "tickers", "mark-price", "funding-rate", "open-interest", "price-limit"),
    }
)
_BUSINESS: Final = frozenset({"trades-all"})
INDEX: Final = "index-tickers"
LIQUIDATIONS: Final = "liquidation-orders"


def instrument_of(symbol: str) -> str:
    """Return the instrument of a symbol of the exchange."""
    return symbol.removesuffix(_QUOTE) + _SUFFIX


def index_of(symbol: str) -> str:
    """Return the index of a symbol of the exchange, which is also its family."""
    return f"{symbol.removesuffix(_QUOTE)}-{_QUOTE}"


def symbol_of(instrument: str) -> str:
    """Return the exchange's symbol of an instrument or an index, empty if it is neither."""
    base = instrument.removesuffix(f"-{SWAP}").removesuffix(f"-{_QUOTE}")
    return base + _QUOTE if instrument in (base + _SUFFIX, f"{base}-{_QUOTE}") else ""


def stream_name(argument: Mapping[str, Any]) -> str:
    """Return the name of the stream that an argument of a subscription asks for."""
    channel = str(argument.get("channel", ""))
    instrument = argument.get("instType" if channel == LIQUIDATIONS else "instId", "")
    return f"{channel}:{instrument}"


@lru_cache(maxsize=8_192)
def parse_channel(text: str, root: str) -> ServedStream | None:
    """Read the name of a stream; ``None`` where a root does not serve it."""
    channel, _, instrument = text.partition(":")
    business = root == "business"
    if channel == LIQUIDATIONS:
        served = not business and instrument == SWAP
        return ServedStream(text=text, kind=channel, symbol=WHOLE_MARKET) if served else None
    symbol = symbol_of(instrument)
    if not symbol or instrument.endswith(SWAP) == (channel == INDEX):
        return None
    if business and channel.startswith("candle") and (bar := channel.removeprefix("candle")) in BARS:
        # The kind of bars is the one that the shared streams know.
        return ServedStream(text=text, kind="kline", symbol=symbol, interval=BARS[bar], every_ms=CANDLE_MS)
    if channel not in (_BUSINESS if business else {*_PUBLIC, INDEX}):
        return None
    return ServedStream(
        text=text,
        kind=channel,
        symbol=symbol,
        levels=BOOK_LEVELS.get(channel, 0),
        every_ms=BOOK_MS.get(channel, 0),
    )


def argument_of(name: ServedStream) -> dict[str, str]:
    """Return the argument that every frame of a stream repeats."""
    channel, _, instrument = name.text.partition(":")
    return {"channel": channel, "instType" if name.kind == LIQUIDATIONS else "instId": instrument}
