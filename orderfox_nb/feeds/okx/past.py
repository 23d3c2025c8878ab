"""OKX's REST answers as events: its ``VenueRest``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import NoPast, UnknownSymbol
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.okx.dialect import BARS, LIQUIDATIONS, SWAP
from orderfox_nb.feeds.okx.messages import (
    ContractSizes,
    OkxBar,
    OkxBook,
    OkxFunding,
    OkxIndex,
    OkxInterest,
    OkxMark,
    OkxPastInterest,
    OkxTicker,
    OkxTime,
    OkxTrade,
    bar_of,
    levels_of,
    mark_of,
    ticker_of,
    trade_of,
)
from orderfox_nb.feeds.okx.rest import OkxRequests, instruments_from
from orderfox_nb.feeds.past import PastPage, Span, id_number
from orderfox_nb.feeds.venue.paging import (
    bar_page,
    bounds_ms,
    mark_prices,
    paid_rate,
    start_ms,
    window_of,
    window_page,
)
from orderfox_nb.feeds.venue.rest import Pager, SharedRest, listed
from orderfox_nb.feeds.venue.weights import BACKGROUND

RECENT_BARS: Final = 1_440
"""Bars that requests for recent ones reach; their pages are larger than those of the history."""
MAX_RECENT: Final = 300
MAX_ROWS: Final = 100
MAX_TRADES: Final = 500
"""Largest number of trades in one answer."""


class OkxVenueRest(SharedRest):
    """Asks over REST and answers with events, oldest first; learns the contract sizes that its dialect reads by."""

    def __init__(
        self,
        sizes: ContractSizes,
        url: str,
        *,
        venue: str,
        clock: Clock,
        now_us: Callable[[], int],
        report: Callable[[BaseException | None], None],
    ) -> None:
        self.ask = OkxRequests(url, sizes=sizes, venue=venue, clock=clock, report=report)
        super().__init__(self.ask.requests, self.ask.markets, PAGERS, self.ask.odd, venue=venue, now_us=now_us)

    async def prepare(self, streams: Collection[str]) -> None:
        """Load the contract sizes, where one of a stream's is unknown."""
        names = [stream.partition(":")[2] for stream in streams if stream != LIQUIDATIONS]
        if not self.ask.sizes.known or not all(map(self.ask.sizes.knows, names)):
            await self.ask.instruments()

    async def time_us(self) -> int:
        """Return the venue's time."""
        return self.only(await self.ask.get("public/time", OkxTime, {}, priority=BACKGROUND)).ts * 1_000

    async def listings(self) -> list[Listing]:
        """Return every linear swap in trading, with its last 24 h and funding rate where those are known.

        Raises:
            FeedError: The venue's symbols cannot be asked for. Without their figures they are a list as well.
        """
        rows = await self.ask.instruments()
        self.lacks_figures = False
        tickers = await self.figures(self.ask.get("market/tickers", OkxTicker, {"instType": SWAP}))
        fundings = await self.figures(self.ask.get("public/funding-rate", OkxFunding, {"instId": "ANY"}))
        return listed(
            instruments_from(rows, venue=self._venue, odd=self.ask.odd),
            {row.instrument: ticker_of(row) for row in tickers},
            {row.instrument: row.rate for row in fundings if row.rate != ""},
        )

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return one snapshot of 400 levels a side."""
        await self.prepare((f":{symbol}",))
        row = self.only(await self.ask.get("market/books", OkxBook, {"instId": symbol, "sz": "400"}))
        bids, asks = (levels_of(side, symbol, self.ask.sizes) for side in (row.bids, row.asks))
        return (
            BookSnapshot(symbol=symbol, time_us=row.time * 1_000, raw_bids=bids, raw_asks=asks, update_id=row.last_id),
        )

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        """Return mark price and funding."""
        index = symbol.removesuffix(f"-{SWAP}")
        marks = await self.ask.get("public/mark-price", OkxMark, {"instType": SWAP, "instId": symbol})
        indexes = await self.ask.get("market/index-tickers", OkxIndex, {"instId": index})
        fundings = await self.ask.get("public/funding-rate", OkxFunding, {"instId": symbol})
        parts = zip(marks, indexes, fundings, strict=False)
        return [mark_of(mark, index_row, funding) for mark, index_row, funding in parts]

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        """Return the 24 h statistics."""
        rows = await self.ask.get("market/ticker", OkxTicker, {"instId": symbol})
        if not rows:
            raise UnknownSymbol(symbol)
        tickers = (ticker_of(row) for row in rows)
        return [ticker for ticker in tickers if ticker is not None]

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        """Return the open contracts in base quantity."""
        rows = await self.ask.get("public/open-interest", OkxInterest, {"instType": SWAP, "instId": symbol})
        return [OpenInterest(symbol=symbol, time_us=row.time * 1_000, open_interest=row.size) for row in rows]


async def trades_page(rest: OkxVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of fills: the newest, those before an id or a time, or those from one on."""
    await rest.prepare((f":{topic.symbol}",))
    if span.forward:
        return await _trades_from(rest, topic, span, priority)
    if span.before_id is None and span.end_us is None:
        limit = min(span.limit or MAX_TRADES, MAX_TRADES)
        given = {"instId": topic.symbol, "limit": str(limit)}
        rows = await rest.ask.get("market/trades", OkxTrade, given, priority=priority)
    else:
        limit = min(span.limit or MAX_ROWS, MAX_ROWS)
        rows = await _fills_before(rest, topic, span, limit, priority)
    trades = [trade_of(row, rest.ask.sizes) for row in reversed(rows)]
    following = Span(before_id=trades[0].id, limit=span.limit) if len(rows) == limit else None
    return PastPage(trades, following)


async def _fills_before(rest: OkxVenueRest, topic: Topic, span: Span, limit: int, priority: int) -> Sequence[OkxTrade]:
    """Return the newest fills before an id, or if there is none before a time; newest first."""
    if span.before_id is not None:
        after = {"type": "1", "after": str(id_number(span.before_id))}
    else:
        after = {"type": "2", "after": str((span.end_us or 0) // 1_000)}
    given = {"instId": topic.symbol, "limit": str(limit), **after}
    return await rest.ask.get("market/history-trades", OkxTrade, given, priority=priority)


async def _trades_from(rest: OkxVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return the fills from an id or a time on. The venue pages backwards: up to the id that is a page ahead."""
    if span.from_id is not None:
        first = id_number(span.from_id)
    else:
        earlier = await _fills_before(rest, topic, Span(end_us=-(-(span.start_us or 0) // 1_000) * 1_000), 1, priority)
        if not earlier:
            raise NoPast(topic.venue, "trades of three months are kept")
        first = id_number(earlier[0].id) + 1
    limit = min(span.limit or MAX_ROWS, MAX_ROWS)
    stop = first + limit
    if span.before_id is not None:
        stop = min(stop, id_number(span.before_id))
    rows = await _fills_before(rest, topic, Span(before_id=str(stop)), limit, priority)
    found = [trade_of(row, rest.ask.sizes) for row in reversed(rows)]
    trades = [trade for trade in found if (trade.sequence or 0) >= first and span.holds(trade)]
    ended = span.end_us is not None and any(trade.time_us >= span.end_us for trade in found)
    reached = (
        bool(found) and found[-1].sequence == stop - 1 and (span.before_id is None or stop < id_number(span.before_id))
    )
    following = Span(from_id=str(stop), before_id=span.before_id, end_us=span.end_us, limit=span.limit)
    return PastPage(trades, following if reached and not ended else None)


async def candles_page(rest: OkxVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of bars."""
    recent = _is_recent(rest, topic, span)
    most = min(span.limit or MAX_RECENT, MAX_RECENT if recent else MAX_ROWS)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=most)
    rows = await _bars(rest, "candles" if recent else "history-candles", topic, part, most=most, priority=priority)
    bars = [bar_of(topic.symbol, topic.interval, row) for row in rows]
    page = window_page(bars, span, part, following)
    return bar_page(page.events, span, page.next, now_us=rest.now_us())


async def mark_page(rest: OkxVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of funding that was paid, or of mark and index prices by period for a topic with an interval."""
    limit = min(span.limit or MAX_ROWS, MAX_ROWS)
    if not topic.interval:
        # At most one payment an hour.
        part, following = window_of(span, "1h", now_us=rest.now_us(), most=limit)
        given = {"instId": topic.symbol, "limit": str(limit), **_bounds(part)}
        paid = await rest.ask.get("public/funding-rate-history", OkxFunding, given, priority=priority)
        values = [paid_rate(topic.symbol, row.due, row.rate) for row in reversed(paid) if row.rate != ""]
        return window_page(values, span, part, following)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=limit)
    history = "" if _is_recent(rest, topic, span) else "history-"
    marks, indexes = [
        {
            row.start: row.open
            for row in await _bars(rest, f"{history}{kind}-candles", topic, part, most=limit, priority=priority)
        }
        for kind in ("mark-price", "index")
    ]
    return window_page(mark_prices(topic.symbol, marks, indexes), span, part, following)


async def open_interest_page(rest: OkxVenueRest, topic: Topic, span: Span, priority: int) -> PastPage:
    """Return a page of open contracts by period, in base quantity."""
    if (period := BARS.get(topic.interval)) is None or topic.interval in ("1m", "3m"):
        raise NoPast(topic.venue, "past open interest is kept by five minutes and longer intervals")
    limit = min(span.limit or MAX_ROWS, MAX_ROWS)
    part, following = window_of(span, topic.interval, now_us=rest.now_us(), most=limit)
    given = {"instId": topic.symbol, "period": period, "limit": str(limit), **bounds_ms(part, "begin", "end")}
    path = "rubik/stat/contracts/open-interest-history"
    rows = await rest.ask.get(path, OkxPastInterest, given, priority=priority)
    values = [
        OpenInterest(symbol=topic.symbol, time_us=row.time * 1_000, open_interest=row.size) for row in reversed(rows)
    ]
    return window_page(values, span, part, following)


def _is_recent(rest: OkxVenueRest, topic: Topic, span: Span) -> bool:
    """Return whether the bars of a span's first page are among the newest, with some to spare."""
    from_us = span.start_us if span.forward else span.end_us
    reach = RECENT_BARS - MAX_RECENT - 10
    return from_us is None or from_us > rest.now_us() - reach * TIMEFRAME_US[topic.interval]


async def _bars(rest: OkxVenueRest, path: str, topic: Topic, part: Span, *, most: int, priority: int) -> list[OkxBar]:
    if topic.interval not in BARS:
        raise NoPast(topic.venue, f"bars are kept by one of {', '.join(BARS)}")
    name = topic.symbol.removesuffix(f"-{SWAP}") if "index" in path else topic.symbol
    given = {"instId": name, "bar": BARS[topic.interval], "limit": str(most), **_bounds(part)}
    return (await rest.ask.get(f"market/{path}", OkxBar, given, priority=priority))[::-1]


def _bounds(span: Span) -> dict[str, str]:
    """Return a span as the venue has it: after the first of what is not wanted any more, before the last."""
    first = start_ms(span)
    bounds = {
        "before": None if first is None else first - 1,
        "after": None if span.end_us is None else -(-span.end_us // 1_000),
    }
    return {name: str(value) for name, value in bounds.items() if value is not None}


PAGERS: Final[Mapping[Channel, Pager]] = {
    "trades": trades_page,
    "candles": candles_page,
    "mark": mark_page,
    "open_interest": open_interest_page,
}
"""The channels whose past REST knows."""
