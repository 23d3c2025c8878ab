"""What REST knows of the past, as events."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from orderfox_nb.core.events import (
    BookSnapshot,
    Candle,
    Event,
    LiquidationVolume,
    MarkPrice,
    OpenInterest,
    Ticker,
    Trade,
)
from orderfox_nb.core.timeframes import MINUTE_US, TIMEFRAME_US, bar_open_us
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.binance.liquidations import CLOCK_DOUBT_US, PRELUDE_MINUTES, PRELUDE_ORDERS
from orderfox_nb.feeds.binance.protocol import (
    candle_from,
    mark_from,
    open_interest_from,
    snapshot_from,
    ticker_from,
    trade_from,
)
from orderfox_nb.feeds.binance.rest import MAX_CANDLES, MAX_TRADES, BinanceRest
from orderfox_nb.feeds.binance.symbol_list import instruments_from
from orderfox_nb.feeds.binance.weights import ROUTINE
from orderfox_nb.feeds.liquidation_history import LiquidationHistory

_log = logging.getLogger(__name__)

Row = TypeVar("Row")


class Past:
    """Asks over REST and answers with events, oldest first.

    Args:
        rest: The venue's REST.
        venue: Name for instruments.
        now_us: The venue's clock.
    """

    def __init__(self, rest: BinanceRest, *, venue: str, now_us: Callable[[], int]) -> None:
        self._rest = rest
        self._venue = venue
        self._now_us = now_us
        self.lacks_figures = False
        """Whether figures of the last symbol list were not answered."""

    async def listings(self) -> list[Listing]:
        """Return every perpetual in trading, with its last 24 h and funding rate where those are known.

        Raises:
            FeedError: The venue's symbols cannot be asked for. Without their figures they are a list as well.
        """
        symbols = await self._rest.symbols()
        self.lacks_figures = False
        tickers = {row.symbol: ticker_from(row) for row in await self._figures(self._rest.tickers())}
        marks = {row.symbol: mark_from(row) for row in await self._figures(self._rest.premiums())}
        return [
            Listing(
                instrument=instrument,
                ticker=tickers.get(instrument.symbol),
                funding_rate=mark.funding_rate if (mark := marks.get(instrument.symbol)) is not None else None,
                kind=kind,
            )
            for instrument, kind in instruments_from(symbols, venue=self._venue, odd=self._rest.rows)
        ]

    async def _figures(self, asked: Awaitable[list[Row]]) -> list[Row]:
        try:
            return await asked
        except FeedError as error:
            _log.warning("the symbol list is without some of its figures: %s", error)
            self.lacks_figures = True
            return []

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot of 1,000 levels a side."""
        return (snapshot_from(symbol, await self._rest.depth(symbol)),)

    async def trades(self, symbol: str, *, limit: int = MAX_TRADES, priority: int = ROUTINE) -> list[Trade]:
        """Return the newest trades."""
        rows = await self._rest.aggregate_trades(symbol, limit=limit, priority=priority)
        return [trade_from(symbol, row) for row in rows]

    async def trades_between(self, symbol: str, first_id: int, last_id: int) -> list[Trade]:
        """Return the trades from one id up to and including another, as far as the venue still has them."""
        trades: list[Trade] = []
        while first_id <= last_id:
            rows = await self._rest.aggregate_trades(
                symbol, limit=min(MAX_TRADES, last_id - first_id + 1), from_id=first_id
            )
            trades += [trade_from(symbol, row) for row in rows if first_id <= row.id <= last_id]
            if not rows or rows[-1].id < first_id:
                break
            first_id = rows[-1].id + 1
        return trades

    async def candles(
        self,
        symbol: str,
        interval: str,
        *,
        limit: int = MAX_CANDLES,
        start_us: int | None = None,
        end_us: int | None = None,
        priority: int = ROUTINE,
    ) -> list[Candle]:
        """Return bars that open from ``start_us`` to ``end_us``, at most 1,500.

        A bar is closed where a later one follows. The last one of an answer is taken for closed only where the past was
        asked for: what time it is at the venue may be known wrong for a while, and a bar that is taken for closed too
        early is never looked at again.
        """
        rows = await self._rest.klines(
            symbol,
            interval,
            limit=limit,
            start_ms=None if start_us is None else start_us // 1_000,
            end_ms=None if end_us is None else end_us // 1_000,
            priority=priority,
        )
        now_us = self._now_us()
        return [
            candle_from(
                symbol,
                interval,
                row,
                now_us=now_us,
                closed=number < len(rows) or (end_us is not None and row.close_time * 1_000 < now_us),
            )
            for number, row in enumerate(rows, start=1)
        ]

    async def candles_since(self, symbol: str, interval: str, start_us: int | None) -> list[Candle]:
        """Return the bars that open at or after a time, the newest 1,500 of them, or simply the newest."""
        if start_us is not None:
            bars_since = (self._now_us() - start_us) // TIMEFRAME_US[interval] + 2
            if bars_since < MAX_CANDLES:
                return await self.candles(symbol, interval, limit=max(2, bars_since), start_us=start_us)
        return await self.candles(symbol, interval)

    async def liquidations(self, history: LiquidationHistory, symbol: str) -> Sequence[Event]:
        """Return the sums by minute up to now and the newest orders, which are in the sums as well."""
        until_us = self._now_us()
        start_us = bar_open_us(until_us, "1m") - PRELUDE_MINUTES * MINUTE_US
        rows = await history.volume(symbol, "1m", start_us=start_us, end_us=until_us) or ()
        volume = LiquidationVolume(
            symbol=symbol,
            time_us=until_us,
            interval="1m",
            start_us=[row[0] for row in rows],
            buy=[row[1] for row in rows],
            sell=[row[2] for row in rows],
            count=[row[3] for row in rows],
        )
        return (volume, *await history.orders(symbol, limit=PRELUDE_ORDERS))

    async def liquidations_since(self, history: LiquidationHistory, symbol: str, start_us: int) -> Sequence[Event]:
        """Return the orders from a time up to now, whatever the venue's clock may have done meanwhile."""
        return await history.orders_between(symbol, start_us, self._now_us() + CLOCK_DOUBT_US)

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding, nothing where they are not known."""
        mark = mark_from(await self._rest.premium(symbol))
        return () if mark is None else (mark,)

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        return (ticker_from(await self._rest.ticker(symbol)),)

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts, nothing where they are not known."""
        interest = open_interest_from(await self._rest.open_interest(symbol), now_us=self._now_us())
        return () if interest is None else (interest,)
