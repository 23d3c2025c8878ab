"""Bybit's topics and intervals."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from orderfox_nb.sim.server.names import ServedStream

INTERVALS: Final = {
    "1": "1m",
    "3": "3m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "120": "2h",
    "240": "4h",
    "360": "6h",
    "720": "12h",
    "D": "1d",
    "W": "1w",
    "M": "1M",
}
BOOK_MS: Final = {1: 50, 50: 50, 200: 100, 1000: 200}
"""Levels of a book topic and how often it is sent. The venue sends the first two each 10 and 20 ms; here a step of the
market takes 50."""
KLINE_MS: Final = 1_000
_SYMBOL: Final = re.compile(r"\w{1,40}")


@lru_cache(maxsize=8_192)
def parse_topic(text: str) -> ServedStream | None:
    """Read a topic; ``None`` where no such topic is served."""
    head, _, symbol = text.rpartition(".")
    kind, _, option = head.partition(".")
    if not _SYMBOL.fullmatch(symbol):
        return None
    if kind == "orderbook" and option in map(str, BOOK_MS):
        levels = int(option)
        return ServedStream(text=text, kind=kind, symbol=symbol, levels=levels, every_ms=BOOK_MS[levels])
    if kind == "kline" and option in INTERVALS:
        return ServedStream(text=text, kind=kind, symbol=symbol, interval=INTERVALS[option], every_ms=KLINE_MS)
    if kind in ("publicTrade", "tickers", "allLiquidation") and not option:
        return ServedStream(text=text, kind=kind, symbol=symbol)
    return None
