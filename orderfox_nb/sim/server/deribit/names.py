"""Deribit's instruments, channels and resolutions."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from orderfox_nb.sim.server.names import WHOLE_MARKET, ServedStream

CURRENCY: Final = "USDC"
"""What is written for the quote currency of the exchange."""
_QUOTE: Final = "USDT"
_SUFFIX: Final = f"_{CURRENCY}-PERPETUAL"
RESOLUTIONS: Final = {
    "1": "1m",
    "3": "3m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "120": "2h",
    "360": "6h",
    "720": "12h",
    "1D": "1d",
}
"""The venue also has bars of 10 and 180 minutes, which are not timeframes of the exchange."""
BOOK_LEVELS: Final = 1_000
"""Levels of a side, more than the exchange's books have near their price; the venue sends every level."""
STREAM_MS: Final = 100
CHART_MS: Final = 500
RAW: Final = "raw"
"""The interval that only clients with a key may have."""


def instrument_of(symbol: str) -> str:
    """Return the name of an instrument."""
    return symbol.removesuffix(_QUOTE) + _SUFFIX


def symbol_of(instrument: str) -> str:
    """Return the exchange's symbol of an instrument, empty if it has none."""
    base = instrument.removesuffix(_SUFFIX)
    return base + _QUOTE if base and instrument == base + _SUFFIX else ""


@lru_cache(maxsize=8_192)
def parse_channel(text: str) -> ServedStream | None:
    """Read a channel; ``None`` where no such channel is served."""
    if text == f"trades.future.{CURRENCY}.100ms":
        return ServedStream(text=text, kind="trades", symbol=WHOLE_MARKET)
    head, _, option = text.rpartition(".")
    kind, _, instrument = head.rpartition(".")
    symbol = symbol_of(instrument)
    if not symbol:
        return None
    if kind == "chart.trades" and option in RESOLUTIONS:
        # The kind of bars is the one that the shared streams know.
        return ServedStream(text=text, kind="kline", symbol=symbol, interval=RESOLUTIONS[option], every_ms=CHART_MS)
    levels = BOOK_LEVELS if kind == "book" else 0
    if option != "100ms" or not (levels or kind in ("trades", "ticker")):
        return None
    return ServedStream(text=text, kind=kind, symbol=symbol, levels=levels, every_ms=STREAM_MS)
