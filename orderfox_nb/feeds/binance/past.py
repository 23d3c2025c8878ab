"""Binance's REST answers as events: its ``VenueRest``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

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
from orderfox_nb.errors import NoPast, VenueRefused
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.binance.markets import BinanceMarkets
from orderfox_nb.feeds.binance.protocol import (
    candle_from,
    mark_from,
    open_interest_from,
    snapshot_from,
    ticker_from,
    trade_from,
)
from orderfox_nb.feeds.binance.rest import MAX_TRADES, OPEN_INTEREST, BinanceRest
from orderfox_nb.feeds.binance.symbol_list import instruments_from
from orderfox_nb.feeds.past import PastPage, Span, id_number
from orderfox_nb.feeds.venue.paging import bar_page, end_ms, mark_prices, paid_rate, start_ms, value_page
from orderfox_nb.feeds.venue.rest import Pager, SharedRest
from orderfox_nb.feeds.venue.weights import ROUTINE

KEPT_US: Final[dict[Channel, int]] = {"trades": 2 * DAY_US, "open_interest": 30 * DAY_US}
"""For how long the venue keeps what it has; it refuses older ranges."""
MAX_RATES: Final = 1_000
MAX_INTERESTS: Final = 500
"""Largest number of values in one answer."""
INTEREST_PERIODS: Final = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")


class BinanceVenueRest(SharedRest):
    """Asks over REST and answers with events, oldest first.

    Args:
        rest: The venue's REST.
        venue: Name for instruments.
        now_us: The venue's clock.
    """

    def __init__(self, rest: BinanceRest, *, venue: str, now_us: Callable[[], int]) -> None:
        self.requests = rest
        super().__init__(rest, BinanceMarkets(rest, now_us=now_us), PAGERS, rest.rows, venue=venue, now_us=now_us)

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
        tickers = {row.symbol: ticker_from(row) for row in await self.figures(self.requests.tickers())}
        # Spot markets have no mark price.
        premiums = await self.figures(self.requests.premiums()) if "premiumIndex*" in self.requests.api.weights else ()
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

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot of 1,000 levels a side."""
        return (snapshot_from(symbol, await self.requests.depth(symbol)),)

    async def page(self, topic: Topic, span: Span, *, priority: int = ROUTINE) -> PastPage:
        """Return a page of a channel in ``PAGERS``."""
        try:
            return await super().page(topic, span, priority=priority)
        except VenueRefused as error:
            kept_us, now_us = KEPT_US.get(topic.channel), self.now_us()
            if type(error) is not VenueRefused or not kept_us or (span.start_us or now_us) >= now_us - kept_us:
                raise
            reason = f"{topic.channel} are kept for {kept_us // DAY_US} days ({error})"
            raise NoPast(self._venue, reason, since_us=now_us - kept_us + MINUTE_US) from error

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding, nothing if they are unknown."""
        mark = mark_from(await self.requests.premium(symbol))
        return () if mark is None else (mark,)

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        return (ticker_from(await self.requests.ticker(symbol)),)

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts, nothing if they are unknown."""
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
        paid = [
            paid_rate(topic.symbol, row.funding_time, row.funding_rate, mark_price=row.mark_price or 0.0)
            for row in rates
        ]
        return value_page(paid, span, full=len(rates) == limit)
    limit = min(span.limit or api.max_candles, api.max_candles)
    marks, indexes = [
        await rest.requests.klines(topic.symbol, topic.interval, limit=limit, **bounds, priority=priority, path=path)
        for path in ("markPriceKlines", "indexPriceKlines")
    ]
    opens = [{row.open_time: row.open for row in rows} for rows in (marks, indexes)]
    return value_page(mark_prices(topic.symbol, *opens), span, full=len(marks) == limit)


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


PAGERS: Final[dict[Channel, Pager]] = {
    "trades": trades_page,
    "candles": candles_page,
    "mark": mark_page,
    "open_interest": open_interest_page,
}
"""The channels whose past REST knows."""
