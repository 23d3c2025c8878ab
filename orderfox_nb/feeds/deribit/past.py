"""Deribit's REST answers as events: its ``VenueRest``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import BookSnapshot, Channel, Event, MarkPrice, OpenInterest, Ticker, Topic
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import NoPast
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.deribit.dialect import RESOLUTIONS
from orderfox_nb.feeds.deribit.messages import (
    DeribitBars,
    DeribitDepth,
    DeribitFunding,
    DeribitTicker,
    DeribitTrades,
    bar_of,
    figures_of,
    statistics_of,
    trade_of,
)
from orderfox_nb.feeds.deribit.rest import DeribitRequests, instruments_from
from orderfox_nb.feeds.past import PastPage, Span, id_number
from orderfox_nb.feeds.venue.paging import bar_page, bounds_ms, paid_rate, window_of, window_page
from orderfox_nb.feeds.venue.rest import Pager, SharedRest, listed
from orderfox_nb.feeds.venue.weights import BACKGROUND

Figure = TypeVar("Figure", bound=Event)

MAX_BARS: Final = 1_000
MAX_TRADES: Final = 1_000
MAX_RATES: Final = 500
"""Largest number of rates in one answer."""
_AHEAD_US: Final = 60_000_000
"""How far after the venue's time an end is set that it requires."""


class DeribitVenueRest(SharedRest):
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
        self.ask = DeribitRequests(url, venue=venue, clock=clock, report=report)
        super().__init__(self.ask.requests, self.ask.markets, PAGERS, self.ask.rows, venue=venue, now_us=now_us)

    async def time_us(self) -> int:
        """Return the venue's time."""
        return await self.ask.get("get_time", int, {}, priority=BACKGROUND) * 1_000

    async def listings(self) -> list[Listing]:
        """Return every linear perpetual in trading, with its last 24 h and funding rate where those are known.

        Raises:
            FeedError: The venue's symbols cannot be asked for. Without their figures they are a list as well.
        """
        rows = await self.ask.instruments()
        self.lacks_figures = False
        figures = await self.figures(self.ask.summaries())
        return listed(
            instruments_from(rows, venue=self._venue, odd=self.ask.rows),
            {
                row.instrument_name: statistics_of(row.instrument_name, row.last, row, row.creation_timestamp * 1_000)
                for row in figures
            },
            {row.instrument_name: row.funding_8h for row in figures},
        )

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot of 1,000 levels a side."""
        body = await self.ask.get("get_order_book", DeribitDepth, {"instrument_name": symbol, "depth": "1000"})
        return (
            BookSnapshot(
                symbol=symbol,
                time_us=body.timestamp * 1_000,
                raw_bids=body.bids,
                raw_asks=body.asks,
                update_id=body.change_id,
            ),
        )

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding, nothing if they are unknown."""
        return await self._ticker(symbol, MarkPrice)

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics, nothing if nothing was traded."""
        return await self._ticker(symbol, Ticker)

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts, nothing if they are unknown."""
        return await self._ticker(symbol, OpenInterest)

    async def _ticker(self, symbol: str, kind: type[Figure]) -> list[Figure]:
        row = await self.ask.get("ticker", DeribitTicker, {"instrument_name": symbol})
        return [event for event in figures_of(row) if isinstance(event, kind)]


async def trades_page(rest: DeribitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of trades, whose numbers have no holes: each page after the first is requested by them."""
    limit = min(span.limit or MAX_TRADES, MAX_TRADES)
    given = {
        "instrument_name": topic.symbol,
        "count": str(limit),
        "sorting": "asc" if span.forward else "desc",
    }
    path = "get_last_trades_by_instrument"
    first = None if span.from_id is None else id_number(span.from_id)
    before = None if span.before_id is None else id_number(span.before_id)
    if first is None and (span.forward or (before is None and span.end_us is not None)):
        path += "_and_time"
        given |= await _bounds(rest, span, 0, priority)
    else:
        numbers = {"start_seq": first, "end_seq": None if before is None else max(0, before - 1)}
        given |= {name: str(number) for name, number in numbers.items() if number is not None}
    rows = (await rest.ask.get(path, DeribitTrades, given, priority=priority)).trades
    trades = sorted((trade_of(row) for row in rows), key=lambda trade: trade.sequence or 0)
    following = None
    if len(trades) == limit:
        if not span.forward:
            following = Span(before_id=trades[0].id, limit=span.limit)
        elif (before is None or id_number(trades[-1].id) + 1 < before) and (
            span.end_us is None or trades[-1].time_us < span.end_us
        ):
            following = msgspec.structs.replace(span, start_us=None, from_id=str(id_number(trades[-1].id) + 1))
    kept = [
        trade
        for trade in trades
        if span.holds(trade)
        and (first is None or (trade.sequence or 0) >= first)
        and (before is None or (trade.sequence or 0) < before)
    ]
    return PastPage(kept, following)


async def candles_page(rest: DeribitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of bars."""
    most = min(span.limit or MAX_BARS, MAX_BARS)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=most)
    given = {
        "instrument_name": topic.symbol,
        "resolution": RESOLUTIONS[topic.interval],
        **await _bounds(rest, part, most * TIMEFRAME_US[topic.interval], priority),
    }
    body = await rest.ask.get("get_tradingview_chart_data", DeribitBars, given, priority=priority)
    bars = [bar_of(topic.symbol, topic.interval, row) for row in body.rows()][-most:]
    page = window_page(bars, span, part, following)
    return bar_page(page.events, span, page.next, now_us=rest.now_us())


async def mark_page(rest: DeribitVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of funding that was paid, summed by hour."""
    if topic.interval:
        raise NoPast(topic.venue, "past mark prices are not offered")
    most = min(span.limit or MAX_RATES, MAX_RATES)
    part, following = window_of(span, "1h", now_us=rest.now_us(), most=most)
    given = {"instrument_name": topic.symbol, **await _bounds(rest, part, most * TIMEFRAME_US["1h"], priority)}
    rows = await rest.ask.get("get_funding_rate_history", list[DeribitFunding], given, priority=priority)
    values = [paid_rate(topic.symbol, row.timestamp, row.interest_1h) for row in rows]
    values.sort(key=lambda value: value.time_us)
    return window_page(values[-most:], span, part, following)


async def _bounds(rest: DeribitVenueRest, span: Span, reach_us: int, priority: int) -> dict[str, str]:
    """Return both bounds of a span as parameters, since the venue requires them.

    An omitted start is ``reach_us`` before now, or the first of all times with a reach of 0. An omitted end
    follows from the venue's time, which is requested: our clock may be wrong.
    """
    end_us = span.end_us
    if end_us is None:
        end_us = await rest.ask.get("get_time", int, {}, priority=priority) * 1_000 + _AHEAD_US
    start_us = span.start_us
    if start_us is None:
        start_us = max(0, end_us - _AHEAD_US - reach_us) if reach_us else 0
    return bounds_ms(Span(start_us=start_us, end_us=end_us), "start_timestamp", "end_timestamp")


PAGERS: Final[Mapping[Channel, Pager]] = {
    "trades": trades_page,
    "candles": candles_page,
    "mark": mark_page,
}
"""The channels whose past REST knows."""
