"""The past of another server, over its REST routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, Protocol, TypeVar

import msgspec
from msgspec import Struct

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Candle, Liquidation, MarkPrice, OpenInterest, Topic, Trade
from orderfox_nb.core.numerals import Amount, Number, Price, TimeMs, TimeUs
from orderfox_nb.core.timeframes import DAY_US, TIMEFRAME_US, bar_open_us, next_bar_us, previous_bar_us
from orderfox_nb.core.wire import MAX_BARS, MAX_VOLUME_DAYS
from orderfox_nb.errors import BadValue, MalformedFrame, NoPast
from orderfox_nb.feeds.charges import charge
from orderfox_nb.feeds.http import short
from orderfox_nb.feeds.past import PastPage, RangePage, Span, buckets_of, check_past, past_us, sums_of

_CANDLES_WEIGHT: Final = 10
_TRADES_WEIGHT: Final = 20
"""Weight charged to a client for a request: the same as at the venue behind the server."""
_RANGE_WEIGHT: Final = 10
"""And for a part of a range, which may be many pages of the venue."""
_MAX_TRADES: Final = 1_000

Answer = TypeVar("Answer")


class Get(Protocol):
    """Requests a path with parameters and decodes the answer."""

    def __call__(self, path: str, parameters: Mapping[str, str], kind: type[Answer], /) -> Awaitable[Answer]: ...


class RemotePast:
    """Bars and sums page by page, the newest trades; its orders are in the prelude of their stream.

    The server's public rows of orders omit the limit price, so a fold could not distinguish them from other orders.

    Args:
        venue: Venue of the topics.
        get: Sends a request.
        now_us: The server's time.
    """

    def __init__(self, venue: str, get: Get, now_us: Callable[[], int]) -> None:
        self._venue = venue
        self._get = get
        self._now_us = now_us
        self._pagers = {"trades": self._trades, "candles": self._candles}

    async def page(self, topic: Topic, span: Span) -> PastPage:
        check_past(self._venue, topic, span)
        if span.empty:
            return PastPage()
        if channel_spec(topic.channel).summed and topic.interval:
            return await self._sums(topic, span)
        if (pager := self._pagers.get(topic.channel)) is None:
            raise NoPast(self._venue, f"another server has no past {topic.channel}")
        return await pager(topic, span)

    async def range_page(self, topic: Topic, start_us: int, end_us: int) -> RangePage:
        """Return the first part of a range as the server joins it."""
        check_past(self._venue, topic, Span())
        if end_us <= start_us:
            raise BadValue("end", end_us, "a time after the start")
        charge(_RANGE_WEIGHT)
        bounds = {"start_us": str(start_us), "end_us": str(end_us)}
        answer = await self._get(
            f"past/{topic.symbol}", {"channel": topic.channel, "interval": topic.interval, **bounds}, _RangeAnswer
        )
        times = [past_us(event) for event in answer.events]
        inside = not times or (start_us <= times[0] and times[-1] < answer.end_us)
        if not (start_us < answer.end_us <= end_us and inside and times == sorted(times)):
            raise MalformedFrame(self._venue, f"past of {topic} answered with another range")
        return RangePage(answer.end_us, answer.events, answer.source, "" if answer.source else short(answer.reason))

    async def _candles(self, topic: Topic, span: Span) -> PastPage:
        charge(_CANDLES_WEIGHT)
        interval, limit = topic.interval, min(span.limit or MAX_BARS, MAX_BARS)
        now_us, end_us, following = self._now_us(), span.end_us, None
        if span.start_us is not None:
            # The server answers backwards only.
            stop_us = previous_bar_us(bar_open_us(span.start_us, interval), interval, -limit)
            if stop_us < (now_us if end_us is None else min(end_us, now_us)):
                end_us, following = stop_us, msgspec.structs.replace(span, start_us=stop_us)
        parameters = {"timeframe": interval, "limit": str(limit)}
        if end_us is not None:
            parameters["end_time"] = str((end_us - 1) // 1_000)
        rows = (await self._get(f"candles/{topic.symbol}", parameters, list[_CandleRow]))[-limit:]
        bars = [
            Candle(
                symbol=topic.symbol,
                time_us=row.timestamp * 1_000,
                interval=interval,
                open_us=row.timestamp * 1_000,
                open=row.open,
                high=row.high,
                low=row.low,
                close=row.close,
                volume=row.volume,
                closed=number < len(rows)
                or (end_us is not None and next_bar_us(row.timestamp * 1_000, interval) < now_us),
            )
            for number, row in enumerate(rows, start=1)
        ]
        if not span.forward and len(bars) == limit:
            following = msgspec.structs.replace(span, end_us=bars[0].open_us)
        return PastPage([bar for bar in bars if span.holds(bar)], following)

    async def _trades(self, topic: Topic, span: Span) -> PastPage:
        if span.forward or span.end_us is not None or span.before_id is not None:
            raise NoPast(self._venue, f"another server has only its newest {_MAX_TRADES:,} trades")
        charge(_TRADES_WEIGHT)
        limit = min(span.limit or _MAX_TRADES, _MAX_TRADES)
        rows = (await self._get(f"trades/{topic.symbol}", {"limit": str(limit)}, list[_TradeRow]))[:limit]
        trades = [
            Trade(
                symbol=topic.symbol,
                time_us=row.timestamp * 1_000,
                id=row.id,
                price=row.price,
                size=row.amount,
                aggressor="buy" if row.side.lower() == "buy" else "sell",
            )
            for row in reversed(rows)
        ]
        older = msgspec.structs.replace(span, before_id=trades[0].id) if len(trades) == limit else None
        return PastPage(trades, older)

    async def _sums(self, topic: Topic, span: Span) -> PastPage:
        interval = topic.interval
        if interval not in MAX_VOLUME_DAYS:
            raise NoPast(self._venue, f"another server has no sums of {interval}")
        most = MAX_VOLUME_DAYS[interval] * DAY_US // TIMEFRAME_US[interval]
        part, following = buckets_of(span, interval, now_us=self._now_us(), most=most)
        start_us, end_us = part.start_us or 0, part.end_us or 0
        answer = await self._get(
            f"liquidation-volume/{topic.symbol}/{interval}",
            {"start_time": str(start_us // 1_000), "end_time": str(end_us // 1_000)},
            _VolumeAnswer,
        )
        if answer.history != "complete":
            raise NoPast(self._venue, f"the server has no sums of {topic.symbol} for that time")
        rows = [
            (row.timestamp_ms * 1_000, row.buy_volume, row.sell_volume, row.count)
            for row in answer.data
            if row.buy_volume or row.sell_volume
        ]
        return PastPage((sums_of(topic, end_us, rows),), following)


class _RangeAnswer(Struct, frozen=True):
    end_us: TimeUs
    source: Literal["venue", "recording", ""]
    reason: str
    events: list[Trade | Candle | Liquidation | MarkPrice | OpenInterest]


class _CandleRow(Struct, frozen=True):
    timestamp: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount


class _TradeRow(Struct, frozen=True):
    id: str
    price: Price
    amount: Amount
    side: str
    timestamp: TimeMs


class _VolumeRow(Struct, frozen=True):
    timestamp_ms: TimeMs
    buy_volume: Amount
    sell_volume: Amount
    count: Number = 0


class _VolumeAnswer(Struct, frozen=True):
    data: list[_VolumeRow]
    history: str = "complete"
    """Whether the server knows the past: where it does not, its zeros mean nothing."""
