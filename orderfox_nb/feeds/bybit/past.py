"""Bybit's REST answers as events: its ``VenueRest``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import (
    BookSnapshot,
    Channel,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
)
from orderfox_nb.errors import NoPast, UnknownSymbol
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.bybit.dialect import INTERVALS, ticker_events
from orderfox_nb.feeds.bybit.messages import (
    BybitBar,
    BybitDepth,
    BybitFunding,
    BybitInterest,
    BybitPastTrade,
    BybitTicker,
    past_bar_of,
    past_trade_of,
)
from orderfox_nb.feeds.bybit.rest import BybitRequests, instruments_from
from orderfox_nb.feeds.past import PastPage, Span, page_of
from orderfox_nb.feeds.venue.paging import (
    bar_page,
    bounds_ms,
    mark_prices,
    paid_rate,
    value_page,
    window_of,
    window_page,
)
from orderfox_nb.feeds.venue.rest import Pager, SharedRest, listed
from orderfox_nb.feeds.venue.weights import BACKGROUND

MAX_BARS: Final = 1_000
MAX_TRADES: Final = 1_000
MAX_RATES: Final = 200
MAX_INTERESTS: Final = 200
"""Largest number of values in one answer."""
PERIODS: Final[Mapping[str, str]] = {
    "5m": "5min",
    "15m": "15min",
    "30m": "30min",
    "1h": "1h",
    "4h": "4h",
    "1d": "1d",
}
"""The venue's names of the intervals of past open interest."""


class BybitVenueRest(SharedRest):
    """Asks over REST and answers with events, oldest first."""

    def __init__(
        self,
        url: str,
        *,
        venue: str,
        clock: Clock,
        now_us: Callable[[], int],
        report: Callable[[BaseException | None], None],
    ) -> None:
        self.ask = BybitRequests(url, venue=venue, clock=clock, report=report)
        super().__init__(self.ask.requests, self.ask.markets, PAGERS, self.ask.rows, venue=venue, now_us=now_us)

    async def time_us(self) -> int:
        """Return the venue's time."""
        return (await self.ask.get("time", dict[str, str], priority=BACKGROUND)).time * 1_000

    async def listings(self) -> list[Listing]:
        """Return every perpetual in trading, with its last 24 h and funding rate where those are known.

        Raises:
            FeedError: The venue's symbols cannot be asked for. Without their figures they are a list as well.
        """
        rows = await self.ask.instruments()
        self.lacks_figures = False
        tickers: dict[str, Ticker] = {}
        rates: dict[str, float | None] = {}
        for body in await self.figures(self.ask.tickers()):
            for event in ticker_events(body, self.now_us()):
                if isinstance(event, Ticker):
                    tickers[body.symbol] = event
                elif isinstance(event, MarkPrice):
                    rates[body.symbol] = event.funding_rate
        return listed(instruments_from(rows, venue=self._venue, odd=self.ask.rows), tickers, rates)

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot of 200 levels a side, whose id is not comparable with those of the stream."""
        body = (await self.ask.get("orderbook", BybitDepth, {"symbol": symbol, "limit": "200"})).result
        return (
            BookSnapshot(
                symbol=symbol,
                time_us=body.time * 1_000,
                raw_bids=body.bids,
                raw_asks=body.asks,
                update_id=body.update_id,
            ),
        )

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding, nothing if they are unknown."""
        return [event for event in await self._figures(symbol) if isinstance(event, MarkPrice)]

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        return [event for event in await self._figures(symbol) if isinstance(event, Ticker)]

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts, nothing if they are unknown."""
        return [event for event in await self._figures(symbol) if isinstance(event, OpenInterest)]

    async def _figures(self, symbol: str) -> Sequence[Ticker | MarkPrice | OpenInterest]:
        rows, time_us = await self.ask.rows_of("tickers", BybitTicker, {"symbol": symbol})
        if not rows:
            raise UnknownSymbol(symbol)
        return [
            event for event in ticker_events(rows[0], time_us) if isinstance(event, Ticker | MarkPrice | OpenInterest)
        ]


async def trades_page(rest: BybitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of the newest 1,000 trades: the venue keeps no more, and its ids have no order."""
    given = {"symbol": topic.symbol, "limit": str(MAX_TRADES)}
    rows, _ = await rest.ask.rows_of("recent-trade", BybitPastTrade, given, priority=priority)
    trades = [past_trade_of(topic.symbol, row) for row in rows if not row.is_block]
    oldest_us = trades[0].time_us if trades else rest.now_us()
    # Fewer than asked for are all that there were.
    whole = len(rows) < MAX_TRADES
    bound_us = span.start_us if span.forward else span.end_us
    named = span.from_id or span.before_id
    unknown = named is not None and all(trade.id != named for trade in trades)
    if unknown or (not whole and bound_us is not None and bound_us <= oldest_us):
        raise NoPast(topic.venue, f"the newest {MAX_TRADES} trades are kept", since_us=oldest_us + 1)
    return page_of(trades, span)


async def candles_page(rest: BybitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of bars."""
    most = min(span.limit or MAX_BARS, MAX_BARS)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=most)
    rows = await _bars(rest, "kline", topic, part, most=most, priority=priority)
    bars = [past_bar_of(topic.symbol, topic.interval, row) for row in rows]
    page = window_page(bars, span, part, following)
    return bar_page(page.events, span, page.next, now_us=rest.now_us())


async def mark_page(rest: BybitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of funding that was paid, or of mark and index prices by period for a topic with an interval."""
    if not topic.interval:
        return await _funding_page(rest, topic, span, priority)
    most = min(span.limit or MAX_BARS, MAX_BARS)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=most)
    marks, indexes = [
        {row.start: row.open for row in await _bars(rest, path, topic, part, most=most, priority=priority)}
        for path in ("mark-price-kline", "index-price-kline")
    ]
    values = mark_prices(topic.symbol, marks, indexes)
    return window_page(values, span, part, following)


async def _funding_page(rest: BybitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    limit = min(span.limit or MAX_RATES, MAX_RATES)
    part, following = span, None
    if span.forward:
        # Of a range the venue answers the newest rates: a window has at most one an hour.
        part, following = window_of(span, "1h", now_us=rest.now_us(), most=limit)
        if part.end_us is None:
            # A start alone is refused.
            part = Span(start_us=part.start_us, end_us=rest.now_us())
    given = {"symbol": topic.symbol, "limit": str(limit), **bounds_ms(part, "startTime", "endTime")}
    rows, _ = await rest.ask.rows_of("funding/history", BybitFunding, given, priority=priority)
    values = [paid_rate(topic.symbol, row.time, row.rate) for row in rows]
    if span.forward:
        return window_page(values, span, part, following)
    return value_page(values, span, full=len(rows) == limit)


async def open_interest_page(rest: BybitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of open contracts by period."""
    if (period := PERIODS.get(topic.interval)) is None:
        raise NoPast(topic.venue, f"past open interest is kept by one of {', '.join(PERIODS)}")
    most = min(span.limit or MAX_INTERESTS, MAX_INTERESTS)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=most)
    given = {
        "symbol": topic.symbol,
        "intervalTime": period,
        "limit": str(most),
        **bounds_ms(part, "startTime", "endTime"),
    }
    rows, _ = await rest.ask.rows_of("open-interest", BybitInterest, given, priority=priority)
    values = [
        OpenInterest(symbol=topic.symbol, time_us=row.timestamp * 1_000, open_interest=row.open_interest)
        for row in rows
    ]
    return window_page(values, span, part, following)


async def _bars(
    rest: BybitVenueRest, path: str, topic: Topic, part: Span, *, most: int, priority: int
) -> list[BybitBar]:
    if topic.interval not in INTERVALS:
        raise NoPast(topic.venue, f"bars are kept by one of {', '.join(INTERVALS)}")
    given = {
        "symbol": topic.symbol,
        "interval": INTERVALS[topic.interval],
        "limit": str(most),
        **bounds_ms(part, "start", "end"),
    }
    return (await rest.ask.rows_of(path, BybitBar, given, priority=priority))[0]


PAGERS: Final[Mapping[Channel, Pager]] = {
    "trades": trades_page,
    "candles": candles_page,
    "mark": mark_page,
    "open_interest": open_interest_page,
}
"""The channels whose past REST knows."""
