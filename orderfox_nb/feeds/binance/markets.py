"""Finds whether a symbol is traded, by Binance's list and the sessions of traditional markets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.binance.symbol_list import ExchangeInfoRow, TradingSessionRow
from orderfox_nb.feeds.venue.items import MarketChange

MAX_LISTED: Final = 20_000
"""Symbols that are remembered to have been listed."""
TRADING: Final = "TRADING"
TRADIFI: Final = "TRADIFI_PERPETUAL"
NO_TRADING: Final = "NO_TRADING"

_WORDS: Final = {
    "SETTLING": "is being delisted",
    "PRE_SETTLE": "is being delisted",
    "PRE_DELIVERING": "is being delisted",
    "DELIVERING": "is being delisted",
    "DELIVERED": "is delisted",
    "CLOSE": "is closed",
    "PENDING_TRADING": "is not traded yet",
}


class BinanceMarkets:
    """Reads the state of every market from the list of symbols.

    Args:
        rest: Asked for symbols and sessions.
        now_us: Returns the venue's time, which sessions are given in.
    """

    def __init__(self, rest: BinanceRest, *, now_us: Callable[[], int]) -> None:
        self._rest = rest
        self._now_us = now_us
        self._rows: dict[str, ExchangeInfoRow] = {}
        self._sessions: dict[str, list[TradingSessionRow]] = {}
        self._listed: set[str] = set()
        """Every symbol that was in a list."""
        self._odd: frozenset[str] | None = frozenset()
        self.changed: Callable[[], None] = lambda: None
        """Called when a new list was read."""
        rest.learned = self._learn
        rest.listed = lambda symbol: symbol in self._listed

    def lacks(self, symbols: Collection[str]) -> bool:
        """Return whether one of these symbols has sessions that are not known yet."""
        return not self._sessions and self._have_sessions(symbols)

    async def load(self, symbols: Collection[str]) -> None:
        """Read the list, and the sessions where one of these symbols has any.

        Raises:
            FeedError: The venue cannot be asked.
        """
        await self._rest.symbols()
        if self._have_sessions(symbols):
            self._sessions = await self._rest.trading_sessions()

    def _have_sessions(self, symbols: Collection[str]) -> bool:
        rows = (self._rows.get(symbol) for symbol in symbols)
        return any(row is not None and row.contract_type == TRADIFI for row in rows)

    def _learn(self, rows: Sequence[ExchangeInfoRow], odd: frozenset[str] | None) -> None:
        if not rows:
            # A venue never delists all symbols at once: the answer is broken.
            return
        self._rows = {row.symbol: row for row in rows}
        self._odd = odd
        if len(self._listed) < MAX_LISTED:
            self._listed |= self._rows.keys()
        self.changed()

    def _has_vanished(self, symbol: str) -> bool:
        """Return whether a symbol was listed and no longer is; a symbol whose row cannot be read counts as listed."""
        return symbol in self._listed and self._odd is not None and symbol not in self._odd

    def state(self, symbol: str) -> MarketChange:
        """Return whether a symbol is traded, as far as it is known."""
        row = self._rows.get(symbol)
        if row is None:
            gone = self._has_vanished(symbol)
            return (
                MarketChange("halted", f"{symbol} is delisted (no longer in the venue's list)")
                if gone
                else MarketChange()
            )
        if row.status != TRADING:
            words = _WORDS.get(row.status, "is halted")
            return MarketChange("halted", f"{symbol} {words} ({row.status or 'no status'})")
        if self._closed(row):
            return MarketChange("closed", f"{symbol}: the session of its market is closed")
        return MarketChange()

    def _closed(self, row: ExchangeInfoRow) -> bool:
        if row.contract_type != TRADIFI or not isinstance(row.underlying_type, str):
            return False
        now_ms = self._now_us() // 1_000
        return any(
            session.type == NO_TRADING and session.start_time <= now_ms < session.end_time
            for session in self._sessions.get(row.underlying_type, ())
        )
