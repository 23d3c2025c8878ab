"""What REST knows, as events: Binance's ``VenueRest``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import (
    BookSnapshot,
    Channel,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
)
from orderfox_nb.core.timeframes import DAY_US, MINUTE_US, TIMEFRAME_US
from orderfox_nb.errors import FeedError, NoPast, VenueRefused
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.binance.markets import BinanceMarkets
from orderfox_nb.feeds.binance.protocol import (
    candle_from,
    mark_from,
    open_interest_from,
    paid_from,
    snapshot_from,
    ticker_from,
    trade_from,
)
from orderfox_nb.feeds.binance.rest import MAX_TRADES, OPEN_INTEREST, BinanceRest
from orderfox_nb.feeds.binance.symbol_list import instruments_from
from orderfox_nb.feeds.past import PastPage, Span, id_number
from orderfox_nb.feeds.venue.paging import bar_page, end_ms, start_ms, value_page
from orderfox_nb.feeds.venue.weights import ROUTINE, WeightBudget

_log = logging.getLogger(__name__)

Row = TypeVar("Row")

KEPT_US: Final[dict[Channel, int]] = {"trades": 2 * DAY_US, "open_interest": 30 * DAY_US}
"""For how long the venue keeps what it has; it refuses older ranges."""
MAX_RATES: Final = 1_000
MAX_INTERESTS: Final = 500
"""Of one answer."""
INTEREST_PERIODS: Final = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")


class BinanceVenueRest:
    """Asks over REST and answers with events, oldest first.

    Args:
        rest: The venue's REST.
        venue: Name for instruments.
        now_us: The venue's clock.
    """

    def __init__(self, rest: BinanceRest, *, venue: str, now_us: Callable[[], int]) -> None:
        self.requests = rest
        self._venue = venue
        self.now_us = now_us
        self.markets = BinanceMarkets(rest, now_us=now_us)
        self.lacks_figures = False
        """Whether figures of the last symbol list were not answered."""

    @property
    def url(self) -> str:
        """Root of the REST host."""
        return self.requests.url

    @url.setter
    def url(self, url: str) -> None:
        self.requests.url = url

    @property
    def budget(self) -> WeightBudget:
        """Request weight."""
        return self.requests.budget

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of calls and weight."""
        return self.requests.statistics()

    async def close(self) -> None:
        """Close every connection."""
        await self.requests.close()

    async def time_us(self) -> int:
        """Return the venue's time."""
        return await self.requests.time_ms() * 1_000

    async def listings(self) -> list[Listing]:
        """Return every market in trading, with its last 24 h and funding rate where those are known.

        Raises:
            FeedError: The venue's symbols cannot be asked for. Without their figures they are a list as well.
        """
        symbols = await self.requests.symbols()
        self.lacks_figures = False
        tickers = {row.symbol: ticker_from(row) for row in await self._figures(self.requests.tickers())}
        # Spot markets have no mark price.
        premiums = await self._figures(self.requests.premiums()) if "premiumIndex*" in self.requests.api.weights else ()
        marks = {row.symbol: mark_from(row) for row in premiums}
        return [
            Listing(
                instrument=instrument,
                ticker=tickers.get(instrument.symbol),
                funding_rate=mark.funding_rate if (mark := marks.get(instrument.symbol)) is not None else None,
                kind=kind,
            )
            for instrument, kind in instruments_from(symbols, venue=self._venue, odd=self.requests.rows)
        ]

    async def _figures(self, asked: Awaitable[list[Row]]) -> list[Row]:
        try:
            return await asked
        except FeedError as error:
            _log.warning("the symbol list is without some of its figures: %s", error)
            self.lacks_figures = True
            return []

    async def prepare(self, streams: Collection[str]) -> None:
        """Load nothing: every frame says all that it means."""

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot of 1,000 levels a side."""
        return (snapshot_from(symbol, await self.requests.depth(symbol)),)

    async def page(self, topic: Topic, span: Span, *, priority: int = ROUTINE) -> PastPage:
        """Return a page of a channel in ``PAGERS``."""
        if (pager := PAGERS.get(topic.channel)) is None:
            raise NoPast(self._venue, f"the past of {topic.channel} is not kept")
        try:
            return await pager(self, topic, span, priority)
        except VenueRefused as error:
            kept_us, now_us = KEPT_US.get(topic.channel), self.now_us()
            if type(error) is not VenueRefused or not kept_us or (span.start_us or now_us) >= now_us - kept_us:
                raise
            reason = f"{topic.channel} are kept for {kept_us // DAY_US} days ({error})"
            raise NoPast(self._venue, reason, since_us=now_us - kept_us + MINUTE_US) from error

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding, nothing where they are not known."""
        mark = mark_from(await self.requests.premium(symbol))
        return () if mark is None else (mark,)

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        return (ticker_from(await self.requests.ticker(symbol)),)

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts, nothing where they are not known."""
        interest = open_interest_from(await self.requests.open_interest(symbol), now_us=self.now_us())
        return () if interest is None else (interest,)


def binance_rest(
    url: str,
    *,
    venue: str,
    clock: Clock,
    now_us: Callable[[], int],
    report: Callable[[BaseException | None], None],
) -> BinanceVenueRest:
    """Make the REST of a venue that speaks as Binance's USD-M futures do."""
    return BinanceVenueRest(BinanceRest(url, venue=venue, clock=clock, report=report), venue=venue, now_us=now_us)


async def trades_page(rest: BinanceVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of trades, whose ids have no holes: each page after the first is requested by its ids."""
    limit, end_us = min(span.limit or MAX_TRADES, MAX_TRADES), span.end_us
    before = None if span.before_id is None else id_number(span.before_id)
    first = None if span.from_id is None else id_number(span.from_id)
    if first is None and before is not None and not span.forward:
        limit = min(limit, before)
        first = before - limit
    elif first is not None and before is not None:
        limit = min(limit, before - first)
    if limit < 1:
        return PastPage()
    rows = await rest.requests.aggregate_trades(
        topic.symbol,
        limit=limit,
        from_id=first,
        start_ms=start_ms(span) if first is None else None,
        end_ms=end_ms(span) if not span.forward and first is None else None,
        priority=priority,
    )
    trades = [
        trade_from(topic.symbol, row)
        for row in rows
        if (first is None or row.id >= first) and (before is None or row.id < before)
    ]
    following = None
    if len(rows) == limit and trades:
        if not span.forward:
            following = Span(before_id=trades[0].id, limit=span.limit) if rows[0].id > 0 else None
        elif (before is None or rows[-1].id + 1 < before) and (end_us is None or trades[-1].time_us < end_us):
            following = msgspec.structs.replace(span, start_us=None, from_id=str(rows[-1].id + 1))
    return PastPage([trade for trade in trades if span.holds(trade)], following)


async def candles_page(rest: BinanceVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of bars."""
    limit = min(span.limit or rest.requests.api.max_candles, rest.requests.api.max_candles)
    rows = await rest.requests.klines(
        topic.symbol,
        topic.interval,
        limit=limit,
        start_ms=start_ms(span),
        end_ms=end_ms(span),
        priority=priority,
    )
    following = None
    if len(rows) == limit:
        if not span.forward:
            following = msgspec.structs.replace(span, end_us=rows[0].open_time * 1_000)
        else:
            following = msgspec.structs.replace(span, start_us=rows[-1].close_time * 1_000 + 1_000)
    bars = [candle_from(topic.symbol, topic.interval, row) for row in rows]
    return bar_page(bars, span, following, now_us=rest.now_us())


async def mark_page(rest: BinanceVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of funding that was paid, or of mark and index prices by period for a topic with an interval."""
    api = rest.requests.api
    if "fundingRate" not in api.weights:
        raise NoPast(topic.venue, "this market has neither mark prices nor funding")
    bounds = {"start_ms": start_ms(span), "end_ms": end_ms(span)}
    if not topic.interval:
        limit = min(span.limit or MAX_RATES, MAX_RATES)
        rates = await rest.requests.funding(topic.symbol, limit=limit, **bounds, priority=priority)
        return value_page([paid_from(topic.symbol, row) for row in rates], span, full=len(rates) == limit)
    limit = min(span.limit or api.max_candles, api.max_candles)
    marks, indexes = [
        await rest.requests.klines(topic.symbol, topic.interval, limit=limit, **bounds, priority=priority, path=path)
        for path in ("markPriceKlines", "indexPriceKlines")
    ]
    index_of = {row.open_time: row.open for row in indexes}
    values = [
        MarkPrice(
            symbol=topic.symbol,
            time_us=row.open_time * 1_000,
            mark_price=row.open,
            index_price=index_of[row.open_time],
            funding_rate=None,
            next_funding_us=0,
        )
        for row in marks
        if row.open_time in index_of
    ]
    return value_page(values, span, full=len(marks) == limit)


async def open_interest_page(rest: BinanceVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of open contracts by period."""
    if OPEN_INTEREST not in rest.requests.api.weights:
        raise NoPast(topic.venue, "this market has no open interest")
    if topic.interval not in INTEREST_PERIODS:
        raise NoPast(topic.venue, f"past open interest is kept by one of {', '.join(INTEREST_PERIODS)}")
    limit, step_us = min(span.limit or MAX_INTERESTS, MAX_INTERESTS), TIMEFRAME_US[topic.interval]
    part, following = span, None
    if span.start_us is not None:
        # Of a longer range the venue answers the newest rows, whatever its start.
        first_us = -(-span.start_us // step_us) * step_us
        stop_us = first_us + limit * step_us
        if stop_us < min(span.end_us or stop_us, rest.now_us()) or (span.end_us is None and stop_us < rest.now_us()):
            following = msgspec.structs.replace(span, start_us=stop_us)
        end_us = min(stop_us, span.end_us or stop_us)
        if end_us <= first_us:
            return PastPage()
        part = msgspec.structs.replace(span, start_us=first_us, end_us=end_us)
    rows = await rest.requests.past_open_interest(
        topic.symbol,
        topic.interval,
        limit=limit,
        start_ms=start_ms(part),
        end_ms=end_ms(part),
        priority=priority,
    )
    values = [
        OpenInterest(symbol=topic.symbol, time_us=row.timestamp * 1_000, open_interest=row.sum_open_interest)
        for row in rows
    ]
    if span.forward:
        return PastPage([value for value in values if span.holds(value)], following)
    return value_page(values, span, full=len(rows) == limit)


Pager: TypeAlias = Callable[[BinanceVenueRest, Topic, Span, int], Awaitable[PastPage]]

PAGERS: Final[dict[Channel, Pager]] = {
    "trades": trades_page,
    "candles": candles_page,
    "mark": mark_page,
    "open_interest": open_interest_page,
}
"""The channels whose past REST knows."""
