"""REST answers about ranges of the past."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from orderfox_nb.core.events import Candle, Event, Liquidation, MarkPrice, OpenInterest, Topic, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.quality import QualityView
from orderfox_nb.core.timeframes import HOUR_US, TIMEFRAME_US
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.hub import Hub
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.past import RangedPast, past_us
from orderfox_nb.views.contract import (
    CandleRow,
    LiquidationRow,
    TradeRow,
)
from orderfox_nb.views.public_liquidations import public_order
from orderfox_nb.views.range_contract import FundingRate, MarkValue, OpenInterestValue, RangeAnswer
from orderfox_nb.views.stamp import encode
from orderfox_nb.views.trades import public_trade

Fact = TypeVar("Fact", bound=Event)

_PAGES: Final = 20
"""Largest number of pages read for one answer; the next answer continues from there."""
_FUNDING_US: Final = 8 * HOUR_US
"""The longest time between two payments of funding."""
_SYNC_S: Final = 5.0


class RangeRows(NamedTuple):
    """One page of an answer as JSON text."""

    text: bytes
    quality: QualityView
    next_ms: int | None
    """Where the next page starts, None after the last one."""


class RangeAsked(NamedTuple):
    """The range of a request."""

    start_ms: int | None
    end_ms: int | None
    limit: int


class RangeAnswers:
    """Answers about ranges of one venue's past, each from its start on.

    Every method raises ``UnknownSymbol`` for a symbol that is not listed, ``BadValue`` for an end that is not after the
    start, and ``FeedError`` where the venue cannot be asked.
    """

    def __init__(self, ranges: RangedPast, hub: Hub, catalogue: Catalogue) -> None:
        self._ranges = ranges
        self._hub = hub
        self._catalogue = catalogue

    async def page(self, text: str, channel: str, interval: str, start_us: int, end_us: int) -> bytes:
        """Return the first part of a range with its events as they are."""
        instrument = (await self._catalogue.resolve(text)).instrument
        topic = Topic(self._hub.venue, instrument.symbol, channel, interval)
        page = await self._ranges.range_page(topic, start_us, end_us)
        events = [event for event in page.events if isinstance(event, _PLAIN)]
        return encode(RangeAnswer(start_us, page.end_us, page.source, page.reason, events))

    async def trades(self, text: str, asked: RangeAsked) -> RangeRows:
        """Return the first trades of a range, newest first."""
        instrument, events, next_ms = await self._read(text, "trades", "", asked)
        rows: list[TradeRow] = [public_trade(trade, instrument) for trade in reversed(_of(events, Trade))]
        return self._rows(rows, next_ms)

    async def candles(self, text: str, interval: str, asked: RangeAsked) -> RangeRows:
        """Return the first bars of a range, oldest first."""
        _, events, next_ms = await self._read(text, "candles", interval, asked)
        rows = [
            CandleRow(bar.open_us // 1000, bar.open_us // 1_000_000, bar.open, bar.high, bar.low, bar.close, bar.volume)
            for bar in _of(events, Candle)
        ]
        return self._rows(rows, next_ms)

    async def liquidations(self, text: str, asked: RangeAsked) -> RangeRows:
        """Return the first orders of a range, newest first."""
        instrument, events, next_ms = await self._read(text, "liquidations", "", asked)
        rows: list[LiquidationRow] = [public_order(order, instrument) for order in reversed(_of(events, Liquidation))]
        return self._rows(rows, next_ms)

    async def funding(self, text: str, asked: RangeAsked) -> RangeRows:
        """Return funding rates that were paid, oldest first, without an end also the one in force."""
        _, events, next_ms = await self._newest(text, "mark", "", asked)
        rows = [
            FundingRate(mark.time_us // 1000, mark.funding_rate or 0.0, paid=True) for mark in _of(events, MarkPrice)
        ]
        if asked.end_ms is None and next_ms is None:
            current = await self._current(text, "mark", MarkPrice)
            if current is not None and current.funding_rate is not None:
                # Where funding is paid all the time, the rate has the time at which it is known.
                due_us = current.next_funding_us or current.time_us
                rows.append(FundingRate(due_us // 1000, current.funding_rate, paid=False))
        return self._rows(rows, next_ms)

    async def mark(self, text: str, period: str, asked: RangeAsked) -> RangeRows:
        """Return mark and index prices by period, oldest first, without an end also the present ones."""
        _, events, next_ms = await self._newest(text, "mark", period, asked)
        found = _of(events, MarkPrice)
        if asked.end_ms is None and next_ms is None:
            current = await self._current(text, "mark", MarkPrice)
            found += [] if current is None else [current]
        return self._rows(
            [MarkValue(each.time_us // 1000, each.mark_price, each.index_price) for each in found], next_ms
        )

    async def open_interest(self, text: str, period: str, asked: RangeAsked) -> RangeRows:
        """Return the open contracts by period, oldest first, without an end also the present ones."""
        _, events, next_ms = await self._newest(text, "open_interest", period, asked)
        found = _of(events, OpenInterest)
        if asked.end_ms is None and next_ms is None:
            current = await self._current(text, "open_interest", OpenInterest)
            found += [] if current is None else [current]
        return self._rows([OpenInterestValue(each.time_us // 1000, each.open_interest) for each in found], next_ms)

    async def _newest(
        self, text: str, channel: str, interval: str, asked: RangeAsked
    ) -> tuple[Instrument, Sequence[Event], int | None]:
        """Read a range from its start; without one the newest values up to its end."""
        if asked.start_ms is not None:
            return await self._read(text, channel, interval, asked)
        end_us = self._hub.now_us() if asked.end_ms is None else asked.end_ms * 1000
        step_us = TIMEFRAME_US[interval] if interval else _FUNDING_US
        # Funding may be paid more often than that.
        whole = RangeAsked(max(0, end_us - asked.limit * step_us) // 1000, asked.end_ms, asked.limit * 8)
        instrument, events, _ = await self._read(text, channel, interval, whole)
        return instrument, events[-asked.limit :], None

    async def _read(
        self, text: str, channel: str, interval: str, asked: RangeAsked
    ) -> tuple[Instrument, Sequence[Event], int | None]:
        """Return the first events of a range, those of each moment together, and where the rest begins."""
        start_ms, end_ms, limit = asked.start_ms or 0, asked.end_ms, asked.limit
        instrument = (await self._catalogue.resolve(text)).instrument
        topic = Topic(self._hub.venue, instrument.symbol, channel, interval)
        now_us, start_us = self._hub.now_us(), start_ms * 1000
        end_us = now_us if end_ms is None else min(end_ms * 1000 + 1, now_us)
        if end_ms is not None and end_ms < start_ms:
            raise BadValue("end_time", end_ms, "a time after start_time")
        found: list[Event] = []
        for _ in range(_PAGES):
            if start_us >= end_us or len(found) > limit:
                break
            page = await self._ranges.range_page(topic, start_us, end_us)
            found += page.events
            start_us = page.end_us
        if len(found) > limit:
            start_us = past_us(found[limit])
            at = bisect_left(found, start_us, key=past_us)
            if not at:
                start_us += 1
                at = bisect_left(found, start_us, key=past_us)
            found = found[:at]
        return instrument, found, -(-start_us // 1000) if start_us < end_us else None

    async def _current(self, text: str, channel: str, kind: type[Fact]) -> Fact | None:
        symbol = (await self._catalogue.resolve(text)).instrument.symbol
        async with self._hub.watch(Topic(self._hub.venue, symbol, channel)) as state:
            await state.until_whole(_SYNC_S, down_s=0)
            current = state.fold.view()
        return current if isinstance(current, kind) else None

    def _rows(self, rows: Sequence[msgspec.Struct], next_ms: int | None) -> RangeRows:
        return RangeRows(encode(rows), QualityView("live", "complete", self._hub.now_us() // 1000), next_ms)


_PLAIN: Final = (Trade, Candle, Liquidation, MarkPrice, OpenInterest)


def _of(events: Sequence[Event], kind: type[Fact]) -> list[Fact]:
    return [event for event in events if isinstance(event, kind)]
