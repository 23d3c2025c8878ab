"""A feed that a test plays by hand: real queues, real streams, no market."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookDelta,
    BookSnapshot,
    Candle,
    Event,
    Liquidation,
    Status,
    Ticker,
    Topic,
    Trade,
    raw_levels,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import FeedError, NoPast, UnknownSymbol
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import Past, PastPage, Span, check_past, page_of, sums_of

VENUE = "scripted"
BTC = Instrument(
    venue=VENUE,
    symbol="BTCUSDT",
    unified="BTC/USDT:USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)
ETH = Instrument(
    venue=VENUE,
    symbol="ETHUSDT",
    unified="ETH/USDT:USDT",
    base="ETH",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.001"),
)


def ticker(symbol: str, last: float, quote_volume: float, *, time_us: int = 1) -> Ticker:
    return Ticker(
        symbol=symbol,
        time_us=time_us,
        last=last,
        open=last / 1.02,
        high=last * 1.1,
        low=last * 0.9,
        volume=quote_volume / last,
        quote_volume=quote_volume,
    )


class _End:
    """Ends a stream."""


class ScriptedFeed:
    """Every stream yields what the test puts to its topic; ``opened`` and ``closed`` count upstreams."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.rows: Sequence[Listing] = (
            Listing(instrument=ETH, ticker=ticker("ETHUSDT", 2_500.0, 5e9), funding_rate=0.0001),
            Listing(instrument=BTC, ticker=ticker("BTCUSDT", 50_000.0, 12.59e9), funding_rate=0.0001),
        )
        self.listing_error: FeedError | None = None
        self.listing_calls = 0
        self.opened: dict[Topic, int] = {}
        self.closed: dict[Topic, int] = {}
        self.entered = False
        self.recorded = False
        self.epoch = ""
        self.history: list[tuple[int, float, float, int]] | None = None
        self.history_calls: list[tuple[str, str, int, int]] = []
        self.past_error: FeedError | None = None
        self.past_candles: Sequence[Candle] = ()
        self.past_trades: Sequence[Trade] = ()
        self.past_liquidations: Sequence[Liquidation] = ()
        self.preludes: dict[Topic, Sequence[Event]] = {}
        self._queues: dict[Topic, asyncio.Queue[Event | Exception | _End]] = {}

    venue = VENUE

    @property
    def origin(self) -> Origin:
        return Origin(source=VENUE, venue=VENUE, recorded=self.recorded, epoch=self.epoch)

    def now_us(self) -> int:
        return self.clock.now_us()

    def queue(self, topic: Topic) -> asyncio.Queue[Event | Exception | _End]:
        return self._queues.setdefault(topic, asyncio.Queue())

    def put(self, topic: Topic, *events: Event) -> None:
        for event in events:
            self.queue(topic).put_nowait(event)

    def fail(self, topic: Topic, error: Exception) -> None:
        self.queue(topic).put_nowait(error)

    def end(self, topic: Topic) -> None:
        self.queue(topic).put_nowait(_End())

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        if topic.symbol not in {WHOLE_MARKET, *(row.instrument.symbol for row in self.rows)}:
            raise UnknownSymbol(topic.symbol)
        self.opened[topic] = self.opened.get(topic, 0) + 1
        try:
            prelude = self.preludes.get(topic, ())
            for event in prelude:
                yield event
            if prelude and not any(isinstance(event, Status) for event in prelude):
                yield live(prelude[-1].time_us, topic.symbol)
            queue = self.queue(topic)
            while True:
                item = await queue.get()
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, _End):
                    return
                yield item
        finally:
            self.closed[topic] = self.closed.get(topic, 0) + 1

    async def listings(self) -> Sequence[Listing]:
        self.listing_calls += 1
        await asyncio.sleep(0)
        if self.listing_error is not None:
            raise self.listing_error
        return self.rows

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        check_past(VENUE, topic, span)
        if topic.channel == "liquidations" and topic.interval:
            start_us, end_us = span.start_us or 0, span.end_us or 0
            self.history_calls.append((topic.symbol, topic.interval, start_us, end_us))
            if self.history is None:
                raise NoPast(VENUE, "no history")
            return PastPage((sums_of(topic, end_us, [row for row in self.history if start_us <= row[0] < end_us]),))
        if topic.channel == "trades" and self.past_error is not None:
            raise self.past_error
        kept: dict[str, Sequence[Event]] = {
            "trades": self.past_trades,
            "candles": self.past_candles,
            "liquidations": self.past_liquidations,
        }
        if topic.channel not in kept:
            raise NoPast(VENUE, f"the past of {topic.channel} is not kept")
        return page_of(kept[topic.channel], span)

    def statistics(self) -> Mapping[str, int | float]:
        return {"feed_listings": self.listing_calls}

    async def __aenter__(self) -> Self:
        self.entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entered = False


def snapshot(
    time_us: int,
    bids: list[tuple[float, float]],
    asks: list[tuple[float, float]],
    *,
    update_id: int = 100,
    symbol: str = "BTCUSDT",
) -> BookSnapshot:
    return BookSnapshot(
        symbol=symbol,
        time_us=time_us,
        received_us=time_us,
        update_id=update_id,
        raw_bids=raw_levels(bids),
        raw_asks=raw_levels(asks),
    )


def delta(
    time_us: int,
    update_id: int,
    bids: list[tuple[float, float]],
    asks: list[tuple[float, float]],
    *,
    symbol: str = "BTCUSDT",
) -> BookDelta:
    return BookDelta(
        symbol=symbol,
        time_us=time_us,
        received_us=time_us,
        first_id=update_id,
        last_id=update_id,
        previous_id=update_id - 1,
        raw_bids=raw_levels(bids),
        raw_asks=raw_levels(asks),
    )


def trade(time_us: int, number: int, price: float = 50_000.0, size: float = 0.5, *, symbol: str = "BTCUSDT") -> Trade:
    return Trade(
        symbol=symbol,
        time_us=time_us,
        received_us=time_us,
        id=str(number),
        sequence=number,
        price=price,
        size=size,
        aggressor="buy" if number % 2 else "sell",
    )


def live(time_us: int, symbol: str = "BTCUSDT") -> Status:
    return Status(symbol=symbol, time_us=time_us, state="live")
