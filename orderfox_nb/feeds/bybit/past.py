"""What REST knows, as events: Bybit's ``VenueRest``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import (
    BookSnapshot,
    Candle,
    Channel,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.errors import FeedError, NoPast, UnknownSymbol
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.bybit.dialect import INTERVALS, ticker_events
from orderfox_nb.feeds.bybit.messages import (
    BybitBar,
    BybitDepth,
    BybitFunding,
    BybitInterest,
    BybitPastTrade,
    BybitTicker,
)
from orderfox_nb.feeds.bybit.rest import BybitRequests, instruments_from
from orderfox_nb.feeds.past import PastPage, Span, page_of
from orderfox_nb.feeds.venue.listed_markets import ListedMarkets
from orderfox_nb.feeds.venue.paging import bar_page, end_ms, start_ms, value_page, window_of, window_page
from orderfox_nb.feeds.venue.weights import BACKGROUND, ROUTINE, WeightBudget

_log = logging.getLogger(__name__)

MAX_BARS: Final = 1_000
MAX_TRADES: Final = 1_000
MAX_RATES: Final = 200
MAX_INTERESTS: Final = 200
"""Of one answer."""
PERIODS: Final[Mapping[str, str]] = {
    "5m": "5min",
    "15m": "15min",
    "30m": "30min",
    "1h": "1h",
    "4h": "4h",
    "1d": "1d",
}
"""The venue's names of the intervals of past open interest."""


class BybitVenueRest:
    """Asks over REST and answers with events, oldest first.

    Args:
        ask: The venue's REST.
        venue: Name for instruments.
        now_us: The venue's clock.
    """

    def __init__(self, ask: BybitRequests, *, venue: str, now_us: Callable[[], int]) -> None:
        self.ask = ask
        self._venue = venue
        self.now_us = now_us
        self.lacks_figures = False
        """Whether figures of the last symbol list were not answered."""

    @property
    def url(self) -> str:
        """Root of the REST host."""
        return self.ask.requests.url

    @url.setter
    def url(self, url: str) -> None:
        self.ask.requests.url = url

    @property
    def budget(self) -> WeightBudget:
        """Request weight."""
        return self.ask.requests.budget

    @property
    def markets(self) -> ListedMarkets:
        """State of the markets."""
        return self.ask.markets

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of calls and weight."""
        return {**self.ask.requests.statistics(), "rest_rows_left_out": self.ask.rows.left_out}

    async def close(self) -> None:
        """Close every connection."""
        await self.ask.requests.close()

    async def prepare(self, streams: Collection[str]) -> None:
        """Load nothing: sizes are in base quantity."""

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
        tickers: Sequence[BybitTicker] = ()
        try:
            tickers = await self.ask.tickers()
        except FeedError as error:
            _log.warning("the symbol list is without its figures: %s", error)
            self.lacks_figures = True
        figures = {body.symbol: ticker_events(body, self.now_us()) for body in tickers}
        listings: list[Listing] = []
        for instrument in instruments_from(rows, venue=self._venue, odd=self.ask.rows):
            known = figures.get(instrument.symbol, ())
            ticker = next((event for event in known if isinstance(event, Ticker)), None)
            mark = next((event for event in known if isinstance(event, MarkPrice)), None)
            rate = None if mark is None else mark.funding_rate
            listings.append(Listing(instrument=instrument, ticker=ticker, funding_rate=rate))
        return listings

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

    async def page(self, topic: Topic, span: Span, *, priority: int = ROUTINE) -> PastPage:
        """Return a page of a channel in ``PAGERS``."""
        if (pager := PAGERS.get(topic.channel)) is None:
            raise NoPast(self._venue, f"the past of {topic.channel} is not kept")
        return await pager(self, topic, span, priority)

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding, nothing where they are not known."""
        return [event for event in await self._figures(symbol) if isinstance(event, MarkPrice)]

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        return [event for event in await self._figures(symbol) if isinstance(event, Ticker)]

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts, nothing where they are not known."""
        return [event for event in await self._figures(symbol) if isinstance(event, OpenInterest)]

    async def _figures(self, symbol: str) -> Sequence[Ticker | MarkPrice | OpenInterest]:
        rows, time_us = await self.ask.rows_of("tickers", BybitTicker, {"symbol": symbol})
        if not rows:
            raise UnknownSymbol(symbol)
        return [
            event for event in ticker_events(rows[0], time_us) if isinstance(event, Ticker | MarkPrice | OpenInterest)
        ]


def bybit_rest(
    url: str,
    *,
    venue: str,
    clock: Clock,
    now_us: Callable[[], int],
    report: Callable[[BaseException | None], None],
) -> BybitVenueRest:
    """Make the REST of a venue that speaks as Bybit does."""
    return BybitVenueRest(BybitRequests(url, venue=venue, clock=clock, report=report), venue=venue, now_us=now_us)


async def trades_page(rest: BybitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of the newest 1,000 trades: the venue keeps no more, and its ids have no order."""
    given = {"symbol": topic.symbol, "limit": str(MAX_TRADES)}
    rows, _ = await rest.ask.rows_of("recent-trade", BybitPastTrade, given, priority=priority)
    trades = [
        Trade(
            symbol=topic.symbol,
            time_us=row.time * 1_000,
            id=row.id,
            price=row.price,
            size=row.size,
            aggressor="buy" if row.side == "Buy" else "sell",
        )
        for row in rows
        if not row.is_block
    ]
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
    bars = [
        Candle(
            symbol=topic.symbol,
            time_us=row.start * 1_000,
            interval=topic.interval,
            open_us=row.start * 1_000,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
            quote_volume=row.turnover,
        )
        for row in await _bars(rest, "kline", topic, part, most=most, priority=priority)
    ]
    page = window_page(bars, span, part, following)
    return bar_page(page.events, span, page.next, now_us=rest.now_us())


async def mark_page(rest: BybitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of funding that was paid, or of mark and index prices by period for a topic with an interval."""
    if not topic.interval:
        return await _funding_page(rest, topic, span, priority)
    most = min(span.limit or MAX_BARS, MAX_BARS)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=most)
    marks, index_rows = [
        await _bars(rest, path, topic, part, most=most, priority=priority)
        for path in ("mark-price-kline", "index-price-kline")
    ]
    indexes = {row.start: row.open for row in index_rows}
    values = [
        MarkPrice(
            symbol=topic.symbol,
            time_us=row.start * 1_000,
            mark_price=row.open,
            index_price=indexes[row.start],
            funding_rate=None,
            next_funding_us=0,
        )
        for row in marks
        if row.start in indexes
    ]
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
    given = {"symbol": topic.symbol, "limit": str(limit), **_bounds(part, "startTime", "endTime")}
    rows, _ = await rest.ask.rows_of("funding/history", BybitFunding, given, priority=priority)
    values = [
        MarkPrice(
            symbol=topic.symbol,
            time_us=row.time * 1_000,
            mark_price=0.0,
            index_price=0.0,
            funding_rate=row.rate,
            next_funding_us=row.time * 1_000,
        )
        for row in rows
    ]
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
        **_bounds(part, "startTime", "endTime"),
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
        **_bounds(part, "start", "end"),
    }
    return (await rest.ask.rows_of(path, BybitBar, given, priority=priority))[0]


def _bounds(span: Span, first: str, last: str) -> dict[str, str]:
    bounds = {first: start_ms(span), last: end_ms(span)}
    return {name: str(value) for name, value in bounds.items() if value is not None}


Pager: TypeAlias = Callable[[BybitVenueRest, Topic, Span, int], Awaitable[PastPage]]

PAGERS: Final[Mapping[Channel, Pager]] = {
    "trades": trades_page,
    "candles": candles_page,
    "mark": mark_page,
    "open_interest": open_interest_page,
}
"""The channels whose past REST knows."""
