"""The names of markets over venues, as they stand in a key: ``binance:BTCUSDT,bybit:BTCUSDT``.

One market alone, ``binance:BTCUSDT``, stands for itself and the same market of every other venue that lists it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderfox_nb.core.symbols import canonical, is_venue_name
from orderfox_nb.errors import BadValue

ACROSS: Final = "*"
"""Stands for the venue in a key over several of them."""
MAX_MARKETS: Final = 8
_FORM: Final = f"2 to {MAX_MARKETS} markets as venue:symbol, separated by commas"


def split_markets(text: str, *, least: int = 1) -> Sequence[tuple[str, str]]:
    """Return the venue and the symbol of each market in a text, the symbol as it was written.

    Args:
        text: As in a key.
        least: Smallest number of markets; 2 if each has to be named.

    Raises:
        BadValue: Too few or too many markets, one without a venue, or one that is there twice.
    """
    found: list[tuple[str, str]] = []
    for part in text.split(","):
        venue, colon, symbol = part.strip().partition(":")
        if not colon or not is_venue_name(venue) or not canonical(symbol):
            raise BadValue("symbols", text, _FORM)
        found.append((venue, symbol.strip()))
    if not least <= len(found) <= MAX_MARKETS or len(set(found)) < len(found):
        raise BadValue("symbols", text, f"{_FORM}, each once")
    return found


def join_markets(markets: Sequence[tuple[str, str]]) -> str:
    """Return the one text of several markets."""
    return ",".join(f"{venue}:{symbol}" for venue, symbol in markets)


def is_over_venues(text: str) -> bool:
    """Return whether a text names markets with their venues, and not one symbol on all of them."""
    return "," in text or is_venue_name(text.partition(":")[0])
