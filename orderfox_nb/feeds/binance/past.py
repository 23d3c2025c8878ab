"""What REST knows of the past, as events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orderfox_nb.core.events import BookSnapshot, Candle, MarkPrice, OpenInterest, Ticker, Trade
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.binance.protocol import (
    candle_from,
    instrument_from,
    mark_from,
    open_interest_from,
    snapshot_from,
    ticker_from,
    trade_from,
)
from orderfox_nb.feeds.binance.rest import MOST_CANDLES, MOST_TRADES, BinanceRest


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

    async def listings(self) -> list[Listing]:
        """Return every perpetual in trading, with its last 24 h and funding rate."""
        info = await self._rest.exchange_info()
        tickers = {row.symbol: ticker_from(row) for row in await self._rest.tickers()}
        funding = {row.symbol: mark_from(row).funding_rate for row in await self._rest.premiums()}
        instruments = (instrument_from(row, venue=self._venue) for row in info.symbols)
        return [
            Listing(
                instrument=instrument,
                ticker=tickers.get(instrument.symbol),
                funding_rate=funding.get(instrument.symbol),
            )
            for instrument in instruments
            if instrument is not None
        ]

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot of 1,000 levels a side."""
        return (snapshot_from(symbol, await self._rest.depth(symbol)),)

    async def trades(self, symbol: str, *, limit: int = MOST_TRADES) -> list[Trade]:
        """Return the newest trades."""
        return [trade_from(symbol, row) for row in await self._rest.aggregate_trades(symbol, limit=limit)]

    async def trades_between(self, symbol: str, first_id: int, last_id: int) -> list[Trade]:
        """Return the trades from one id up to and including another, as far as the venue still has them."""
        trades: list[Trade] = []
        while first_id <= last_id:
            rows = await self._rest.aggregate_trades(
                symbol, limit=min(MOST_TRADES, last_id - first_id + 1), from_id=first_id
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
        limit: int = MOST_CANDLES,
        start_us: int | None = None,
        end_us: int | None = None,
    ) -> list[Candle]:
        """Return bars that open from ``start_us`` to ``end_us``, at most 1,500."""
        rows = await self._rest.klines(
            symbol,
            interval,
            limit=limit,
            start_ms=None if start_us is None else start_us // 1_000,
            end_ms=None if end_us is None else end_us // 1_000,
        )
        now_us = self._now_us()
        return [candle_from(symbol, interval, row, now_us=now_us) for row in rows]

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding."""
        return (mark_from(await self._rest.premium(symbol)),)

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        return (ticker_from(await self._rest.ticker(symbol)),)

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts."""
        return (open_interest_from(await self._rest.open_interest(symbol), now_us=self._now_us()),)
