"""Stream names, and the root under which each is delivered."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import msgspec

from orderfox_nb.core.timeframes import TIMEFRAME_US

Root: TypeAlias = Literal["public", "market", "private", "spot", ""]
"""``spot`` is the one root of the spot host.

``""`` is the root of before April 2026: it acknowledges everything and delivers what ``public`` does.
"""

WHOLE_MARKET: Final = "!"

_DEPTH = re.compile(r"depth(5|10|20)?(?:@(0|100|250|500)ms)?")
_LISTEN_KEY = re.compile(r"[0-9a-zA-Z]{64}")
_PUBLIC_KINDS: Final = frozenset({"depth", "partial", "bookTicker", "trade"})
_PLAIN: Final = frozenset({"aggTrade", "trade", "bookTicker", "ticker", "miniTicker", "forceOrder"})
_WHOLE: Final = {
    "!bookTicker": ("bookTicker", 0),
    "!ticker@arr": ("ticker", 1_000),
    "!miniTicker@arr": ("miniTicker", 1_000),
    "!forceOrder@arr": ("forceOrder", 0),
    "!markPrice@arr": ("markPrice", 3_000),
    "!markPrice@arr@1s": ("markPrice", 1_000),
}


class ServedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that the venue serves."""

    text: str
    kind: str
    symbol: str
    """Upper case, ``WHOLE_MARKET`` where the stream carries every symbol; empty for an account's."""
    interval: str = ""
    levels: int = 0
    every_ms: int = 0
    """Shortest time between frames, 0 for every event."""

    @property
    def root(self) -> Root:
        if self.kind == "user":
            return "private"
        return "public" if self.kind in _PUBLIC_KINDS else "market"

    def delivered_under(self, root: Root) -> bool:
        """Return whether a connection to a root receives it."""
        return (root == "spot" and self.kind != "user") or self.root == (root or "public")


@lru_cache(maxsize=8_192)
def parse_stream(text: str) -> ServedStream | None:
    """Read a stream's name; ``None`` for a name that the venue acknowledges and never serves."""
    if text in _WHOLE:
        kind, every_ms = _WHOLE[text]
        return ServedStream(text=text, kind=kind, symbol=WHOLE_MARKET, every_ms=every_ms)
    if _LISTEN_KEY.fullmatch(text):
        return ServedStream(text=text, kind="user", symbol="")
    symbol, _, rest = text.partition("@")
    # Not every symbol is ASCII: perpetuals are also named in Chinese.
    if not rest or not re.fullmatch(r"\w{1,40}", symbol) or symbol != symbol.lower():
        return None
    return _of_symbol(text, symbol.upper(), rest)


def _of_symbol(text: str, symbol: str, rest: str) -> ServedStream | None:
    if rest in _PLAIN:
        every_ms = 2_000 if rest in ("ticker", "miniTicker") else 0
        return ServedStream(text=text, kind=rest, symbol=symbol, every_ms=every_ms)
    if rest in ("markPrice", "markPrice@1s"):
        return ServedStream(
            text=text, kind="markPrice", symbol=symbol, every_ms=1_000 if rest.endswith("1s") else 3_000
        )
    if rest.startswith("kline_") and (interval := rest.removeprefix("kline_")) in TIMEFRAME_US:
        return ServedStream(text=text, kind="kline", symbol=symbol, interval=interval, every_ms=250)
    if match := _DEPTH.fullmatch(rest):
        levels, speed = match.groups()
        return ServedStream(
            text=text,
            kind="partial" if levels else "depth",
            symbol=symbol,
            levels=int(levels or 0),
            every_ms=int(speed or 250),
        )
    return None
