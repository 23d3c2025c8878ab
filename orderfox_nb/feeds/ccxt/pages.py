"""Pages of the past of an exchange of ccxt, by channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from orderfox_nb.core.events import Candle, Channel, Event, MarkPrice, Topic, Trade
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, next_bar_us, previous_bar_us
from orderfox_nb.errors import BadValue, NoPast
from orderfox_nb.feeds.ccxt.client import CcxtClient
from orderfox_nb.feeds.ccxt.structures import StructureReader, flat_bars
from orderfox_nb.feeds.past import PastPage, Span, id_number

MAX_CANDLES: Final = 1_000
MAX_VALUES: Final = 500
"""Largest number of values in one page."""
_REQUESTS: Final = 16
"""Answers that one page may need, of venues that answer few bars at once."""
_TRADES_SPAN_US: Final = 3_600_000_000
"""How far one answer of trades from a time on reaches."""


class PageRequest(msgspec.Struct, frozen=True):
    """Inputs of a page."""

    client: CcxtClient
    topic: Topic
    span: Span
    unified: str
    reading: StructureReader
    now_us: int
    priority: int

    async def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        return await self.client.ask(method, self.unified, *arguments, priority=self.priority, **named)

    def lacks(self, name: str) -> bool:
        """Return whether the exchange has no such method."""
        return not self.client.has(name)


async def page_of(client: CcxtClient, topic: Topic, span: Span, *, now_us: int, priority: int) -> PastPage:
    """Return a page of a channel in ``_PAGERS``; topic and span are checked.

    Raises:
        NoPast: The exchange does not pass on this past through ccxt.
        UnknownSymbol: The venue does not list the symbol.
        FeedError: The venue cannot be asked.
    """
    if (pager := _PAGERS.get(topic.channel)) is None:
        raise NoPast(client.venue, f"the past of {topic.channel} is not known through ccxt")
    unified, reading = await client.reading(topic.symbol)
    return await pager(PageRequest(client, topic, span, unified, reading, now_us, priority))


async def _trades(page: PageRequest) -> PastPage:
    if page.client.facts.unbroken_ids:
        return await _numbered_trades(page)
    span = page.span
    most = page.client.facts.max_trades
    limit = min(span.limit or most, most)
    trades = page.reading.trades(await page.ask("fetch_trades", None, limit))
    if span == Span(limit=span.limit):
        return PastPage(trades[-limit:])
    oldest_us = trades[0].time_us if trades else page.now_us
    if span.forward and span.start_us is not None and span.start_us > oldest_us:
        return PastPage([trade for trade in trades if span.holds(trade)][:limit])
    raise NoPast(page.client.venue, "only the newest trades are known", since_us=oldest_us + 1)


async def _numbered_trades(page: PageRequest) -> PastPage:
    """Return trades whose ids have no holes: each page after the first is requested by its ids."""
    span, most = page.span, page.client.facts.max_trades
    limit = min(span.limit or most, most)
    before = None if span.before_id is None else id_number(span.before_id)
    first = None if span.from_id is None else id_number(span.from_id)
    if first is None and before is not None and not span.forward:
        limit = min(limit, before)
        first = before - limit
    elif first is not None and before is not None:
        limit = min(limit, before - first)
    if limit < 1:
        return PastPage()
    if first is not None:
        rows = await page.ask("fetch_trades", None, limit, params={"fromId": first})
    elif span.start_us is not None:
        rows = await page.ask("fetch_trades", -(-span.start_us // 1_000), limit)
    else:
        until = {} if span.end_us is None else {"until": (span.end_us - 1) // 1_000}
        rows = await page.ask("fetch_trades", None, limit, params=until)
    read = page.reading.trades(rows)
    trades = [
        trade
        for trade in read
        if (first is None or _place(trade) >= first) and (before is None or _place(trade) < before)
    ]
    following = None
    if not trades and first is None and span.start_us is not None:
        start_us = span.start_us + _TRADES_SPAN_US
        if start_us < min(span.end_us or page.now_us, page.now_us):
            following = msgspec.structs.replace(span, start_us=start_us)
    elif trades and len(read) >= limit:
        if not span.forward:
            following = Span(before_id=trades[0].id, limit=span.limit) if _place(read[0]) > 0 else None
        elif (before is None or _place(read[-1]) + 1 < before) and trades[-1].time_us < (span.end_us or page.now_us):
            following = msgspec.structs.replace(span, start_us=None, from_id=str(_place(read[-1]) + 1))
    return PastPage([trade for trade in trades if span.holds(trade)], following)


def _place(trade: Trade) -> int:
    return trade.sequence or 0


async def _candles(page: PageRequest) -> PastPage:
    span, interval = page.span, page.topic.interval
    check_timeframe(page.client, interval)
    limit = min(span.limit or MAX_CANDLES, MAX_CANDLES)
    if span.start_us is None and span.end_us is None:
        limit = min(limit, page.client.facts.max_bars)
        rows = await page.ask("fetch_ohlcv", interval, None, limit)
        bars = page.reading.candles(rows, interval, now_us=page.now_us, ended=False)[-limit:]
        following = Span(end_us=bars[0].open_us, limit=span.limit) if bars else None
        return PastPage(bars, following)
    now_us = page.now_us
    if span.start_us is None:
        assert span.end_us is not None
        last_us = bar_open_us(min(span.end_us, next_bar_us(now_us, interval)) - 1, interval)
        start_us, stop_us = max(0, previous_bar_us(last_us, interval, limit - 1)), next_bar_us(last_us, interval)
    else:
        start_us = bar_open_us(span.start_us + TIMEFRAME_US[interval] - 1, interval)
        stop_us = min(previous_bar_us(start_us, interval, -limit), span.end_us or next_bar_us(now_us, interval))
    bars = [bar for bar in await _bars_between(page, start_us, stop_us) if span.holds(bar)]
    if span.forward:
        more = bool(bars) and stop_us < min(span.end_us or now_us, now_us)
        return PastPage(bars, msgspec.structs.replace(span, start_us=stop_us) if more else None)
    return PastPage(bars, msgspec.structs.replace(span, end_us=bars[0].open_us) if bars and start_us else None)


async def _bars_between(page: PageRequest, start_us: int, stop_us: int) -> list[Candle]:
    """Return the bars that open in a range, in as many answers as the venue needs for them."""
    interval = page.topic.interval
    bars: list[Candle] = []
    at_us = start_us
    for _ in range(_REQUESTS):
        wanted = (stop_us - at_us) // TIMEFRAME_US[interval] + 1
        rows = await page.ask("fetch_ohlcv", interval, at_us // 1_000, min(wanted, page.client.facts.max_bars))
        answer = page.reading.candles(rows, interval, now_us=page.now_us, ended=True)
        new = [bar for bar in answer if at_us <= bar.open_us < stop_us]
        if not new:
            break
        if bars:
            bars += flat_bars(bars[-1], new[0].open_us)
        bars += new
        at_us = next_bar_us(new[-1].open_us, interval)
        if at_us >= min(stop_us, page.now_us):
            break
    return bars


async def _marks(page: PageRequest) -> PastPage:
    """Return funding that was paid, or mark and index prices by period for a topic with an interval."""
    if page.topic.interval:
        return await _mark_bars(page)
    if page.lacks("fetchFundingRateHistory"):
        raise NoPast(page.client.venue, "funding that was paid is not known through ccxt")
    limit = min(page.span.limit or MAX_VALUES, MAX_VALUES)
    rows = await page.ask("fetch_funding_rate_history", _since_ms(page), limit, params=_until(page))
    values = [
        MarkPrice(
            symbol=page.topic.symbol,
            time_us=int(row["timestamp"]) * 1_000,
            mark_price=_mark_of(row),
            index_price=0.0,
            funding_rate=float(row["fundingRate"]),
            next_funding_us=int(row["timestamp"]) * 1_000,
        )
        for row in rows
        if row.get("timestamp") and row.get("fundingRate") is not None
    ]
    return _value_page(values, page.span, limit)


def _mark_of(row: Mapping[str, Any]) -> float:
    """Return the price at which funding was paid, 0 if it is unknown."""
    info: Mapping[str, Any] = row.get("info") or {}
    return float(row.get("markPrice") or info.get("markPrice") or 0.0)


async def _mark_bars(page: PageRequest) -> PastPage:
    interval, limit = page.topic.interval, min(page.span.limit or MAX_VALUES, MAX_VALUES)
    if page.lacks("fetchMarkOHLCV") or page.lacks("fetchIndexOHLCV"):
        raise NoPast(page.client.venue, "past mark prices are not known through ccxt")
    check_timeframe(page.client, interval)
    since_ms = _since_ms(page)
    if since_ms is None and page.span.end_us is not None:
        since_ms = previous_bar_us(bar_open_us(page.span.end_us - 1, interval), interval, limit - 1) // 1_000
    marks, indexes = [
        await page.ask(method, interval, since_ms, limit) for method in ("fetch_mark_ohlcv", "fetch_index_ohlcv")
    ]
    index_of = {row[0]: float(row[1]) for row in indexes if row[1] is not None}
    values = [
        MarkPrice(
            symbol=page.topic.symbol,
            time_us=int(row[0]) * 1_000,
            mark_price=float(row[1]),
            index_price=index_of[row[0]],
            funding_rate=None,
            next_funding_us=0,
        )
        for row in marks
        if row[0] in index_of and row[1] is not None
    ]
    return _value_page(values, page.span, limit)


async def _interests(page: PageRequest) -> PastPage:
    if page.lacks("fetchOpenInterestHistory") or not page.topic.interval:
        raise NoPast(page.client.venue, "past open interest is not known through ccxt")
    limit = min(page.span.limit or MAX_VALUES, MAX_VALUES)
    rows = await page.ask(
        "fetch_open_interest_history", page.topic.interval, _since_ms(page), limit, params=_until(page)
    )
    read = [page.reading.open_interest(row, now_us=page.now_us) for row in rows]
    return _value_page([value for value in read if value is not None], page.span, limit)


def check_timeframe(client: CcxtClient, interval: str) -> None:
    """Check that the exchange has bars of an interval.

    Raises:
        BadValue: It has none.
    """
    known: Sequence[str] = list(client.exchange.timeframes or ())
    if interval not in known:
        shared = ", ".join(name for name in TIMEFRAME_US if name in known)
        raise BadValue("interval", interval, f"one that {client.venue} has: {shared}")


def _since_ms(page: PageRequest) -> int | None:
    return None if page.span.start_us is None else -(-page.span.start_us // 1_000)


def _until(page: PageRequest) -> dict[str, int]:
    return {} if page.span.end_us is None else {"until": (page.span.end_us - 1) // 1_000}


def _value_page(read: Sequence[Event], span: Span, limit: int) -> PastPage:
    """Return a page of values whose times are all different."""
    values = sorted((value for value in read if span.holds(value)), key=_time_us)
    values = values[:limit] if span.forward else values[-limit:]
    if len(values) < limit:
        return PastPage(values)
    if span.forward:
        following = msgspec.structs.replace(span, start_us=_time_us(values[-1]) + 1)
    else:
        following = msgspec.structs.replace(span, end_us=_time_us(values[0]))
    return PastPage(values, None if following.empty else following)


def _time_us(event: Event) -> int:
    return event.time_us


Pager: TypeAlias = Callable[[PageRequest], Awaitable[PastPage]]

_PAGERS: Final[dict[Channel, Pager]] = {
    "trades": _trades,
    "candles": _candles,
    "mark": _marks,
    "open_interest": _interests,
}
