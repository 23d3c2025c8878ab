"""Whether the symbols that are read are traded at all: delisted, halted, or with their session closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.binance.items import Market
from orderfox_nb.feeds.binance.open_streams import OpenStreams
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.binance.symbol_list import SymbolRow, TradingSession
from orderfox_nb.feeds.binance.venue_clock import sleep_unless

_log = logging.getLogger(__name__)

CHECK_EVERY_S: Final = 300.0
"""How often the venue is asked for the status of symbols that are read."""
SESSIONS_EVERY_S: Final = 30.0
"""How often sessions are compared with the time; the schedule itself is asked for with the symbols."""
DOUBT_PAUSE_S: Final = 10.0
"""Before the venue is asked again because a symbol is silent or refused."""
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


class Markets:
    """Knows the status of every symbol, and tells the streams of those that are not traded.

    Args:
        rest: Asked for symbols and sessions.
        open_streams: Told when the state of a market changes.
        clock: Measures the pauses.
        now_us: Returns the venue's time, which sessions are given in.
    """

    def __init__(
        self, rest: BinanceRest, open_streams: OpenStreams, clock: Clock, *, now_us: Callable[[], int]
    ) -> None:
        self._rest = rest
        self._open_streams = open_streams
        self._clock = clock
        self._now_us = now_us
        self._rows: dict[str, SymbolRow] = {}
        self._sessions: dict[str, list[TradingSession]] = {}
        self._told: dict[str, Market] = {}
        self._watched: dict[str, int] = {}
        self._doubt = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._listed: set[str] = set()
        """Every symbol that was in a list."""
        self._odd: frozenset[str] | None = frozenset()
        rest.learned = self._learn
        rest.listed = lambda symbol: symbol in self._listed

    @asynccontextmanager
    async def over(self, symbol: str) -> AsyncGenerator[None]:
        """Watch a symbol for as long as this is open."""
        self._watched[symbol] = self._watched.get(symbol, 0) + 1
        self._told.setdefault(symbol, self._state(symbol))
        if self._has_sessions() and not self._sessions:
            self.doubt()
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="binance markets")
        try:
            yield
        finally:
            self._watched[symbol] -= 1
            if not self._watched[symbol]:
                del self._watched[symbol]
                self._told.pop(symbol, None)
            if not self._watched:
                await self.close()

    async def close(self) -> None:
        """Ask no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def doubt(self) -> None:
        """Ask soon: a symbol is silent, or the venue has refused it."""
        self._doubt.set()

    def of(self, symbol: str) -> Market:
        """Return the state of a market, as far as it is known."""
        return self._told.get(symbol) or self._state(symbol)

    def why_unlisted(self, symbol: str) -> str:
        """Return why a symbol is not among the listings, empty where nothing is known."""
        state = self._state(symbol)
        return state.reason if state.state == "halted" else ""

    def _learn(self, rows: Sequence[SymbolRow], odd: frozenset[str] | None) -> None:
        if not rows:
            # Nobody delists all symbols: the answer is a broken one.
            return
        self._rows = {row.symbol: row for row in rows}
        self._odd = odd
        if len(self._listed) < MAX_LISTED:
            self._listed |= self._rows.keys()
        self._tell()

    def _has_vanished(self, symbol: str) -> bool:
        """Tell whether a symbol was listed and is no longer; one whose row cannot be read is listed."""
        return symbol in self._listed and self._odd is not None and symbol not in self._odd

    def _state(self, symbol: str) -> Market:
        row = self._rows.get(symbol)
        if row is None:
            gone = self._has_vanished(symbol)
            return Market("halted", f"{symbol} is delisted (no longer in the venue's list)") if gone else Market()
        if row.status != TRADING:
            words = _WORDS.get(row.status, "is halted")
            return Market("halted", f"{symbol} {words} ({row.status or 'no status'})")
        if self._closed(row):
            return Market("closed", f"{symbol}: the session of its market is closed")
        return Market()

    def _closed(self, row: SymbolRow) -> bool:
        if row.contract_type != TRADIFI or not isinstance(row.underlying_type, str):
            return False
        now_ms = self._now_us() // 1_000
        return any(
            session.type == NO_TRADING and session.start_time <= now_ms < session.end_time
            for session in self._sessions.get(row.underlying_type, ())
        )

    def _tell(self) -> None:
        for symbol in self._watched:
            before, state = self._told.get(symbol, Market()), self._state(symbol)
            if state != before:
                self._told[symbol] = state
                _log.warning("%s", state.reason or f"{symbol} is traded again")
                self._open_streams.tell_symbol(symbol, state)

    def _has_sessions(self) -> bool:
        rows = (self._rows.get(symbol) for symbol in self._watched)
        return any(row is not None and row.contract_type == TRADIFI for row in rows)

    async def _follow(self) -> None:
        due_us = self._clock.now_us() + round(CHECK_EVERY_S * 1e6)
        while True:
            now_us = self._clock.now_us()
            if now_us >= due_us or self._doubt.is_set():
                self._doubt.clear()
                due_us = now_us + round(CHECK_EVERY_S * 1e6)
                with suppress(FeedError):
                    await self._rest.symbols()
                    if self._has_sessions():
                        self._sessions = await self._rest.trading_sessions()
                self._tell()
                await self._clock.sleep(DOUBT_PAUSE_S)
                continue
            self._tell()
            await sleep_unless(self._doubt, min((due_us - now_us) / 1e6, SESSIONS_EVERY_S), clock=self._clock)
