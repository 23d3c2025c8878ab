"""Tracks whether the symbols being read are traded: they may be delisted, halted, or outside their session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.venue.dialect import MarketStates
from orderfox_nb.feeds.venue.items import MarketChange
from orderfox_nb.feeds.venue.open_streams import OpenStreams
from orderfox_nb.feeds.venue.venue_clock import sleep_unless

_log = logging.getLogger(__name__)

CHECK_EVERY_S: Final = 300.0
"""How often the venue is asked for the status of symbols that are read."""
SESSIONS_EVERY_S: Final = 30.0
"""How often sessions are compared with the time; the schedule itself is requested with the symbols."""
RECHECK_PAUSE_S: Final = 10.0
"""Before the venue is asked again because a symbol is silent or refused."""


class Markets:
    """Tracks the status of every symbol and notifies the streams of symbols that are not traded.

    Args:
        states: Provides the state of each symbol.
        open_streams: Notified when the state of a market changes.
        clock: Measures the pauses.
    """

    def __init__(self, states: MarketStates, open_streams: OpenStreams, clock: Clock) -> None:
        self._states = states
        self._open_streams = open_streams
        self._clock = clock
        self._reported: dict[str, MarketChange] = {}
        self._watched: dict[str, int] = {}
        self._check_due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        states.changed = self._report_changes

    @asynccontextmanager
    async def over(self, symbol: str) -> AsyncGenerator[None]:
        """Watch a symbol for as long as this is open."""
        self._watched[symbol] = self._watched.get(symbol, 0) + 1
        self._reported.setdefault(symbol, self._states.state(symbol))
        if self._states.lacks(self._watched):
            self.check_soon()
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="venue markets")
        try:
            yield
        finally:
            self._watched[symbol] -= 1
            if not self._watched[symbol]:
                del self._watched[symbol]
                self._reported.pop(symbol, None)
            if not self._watched:
                await self.close()

    async def close(self) -> None:
        """Stop asking."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def check_soon(self) -> None:
        """Ask soon: a symbol is silent, or the venue has refused it."""
        self._check_due.set()

    def of(self, symbol: str) -> MarketChange:
        """Return the state of a market, as far as it is known."""
        return self._reported.get(symbol) or self._states.state(symbol)

    def why_unlisted(self, symbol: str) -> str:
        """Return why a symbol is not among the listings, empty if nothing is known."""
        state = self._states.state(symbol)
        return state.reason if state.state == "halted" else ""

    def _report_changes(self) -> None:
        for symbol in self._watched:
            before, state = self._reported.get(symbol, MarketChange()), self._states.state(symbol)
            if state != before:
                self._reported[symbol] = state
                _log.warning("%s", state.reason or f"{symbol} is traded again")
                self._open_streams.notify_symbol(symbol, state)

    async def _follow(self) -> None:
        due_us = self._clock.now_us() + round(CHECK_EVERY_S * 1e6)
        while True:
            now_us = self._clock.now_us()
            if now_us >= due_us or self._check_due.is_set():
                self._check_due.clear()
                due_us = now_us + round(CHECK_EVERY_S * 1e6)
                try:
                    await self._states.load(self._watched)
                except FeedError:
                    pass
                except Exception:  # noqa: BLE001 - it is logged
                    # A symbol that is halted later must still be noticed.
                    _log.exception("the state of the markets could not be read")
                self._report_changes()
                await self._clock.sleep(RECHECK_PAUSE_S)
                continue
            self._report_changes()
            await sleep_unless(self._check_due, min((due_us - now_us) / 1e6, SESSIONS_EVERY_S), clock=self._clock)
