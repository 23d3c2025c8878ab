"""A feed whose events a test decides: a fake venue without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import (
    BookSnapshot,
    Candle,
    Event,
    Liquidation,
    LiquidationVolume,
    Status,
    Ticker,
    Topic,
    Trade,
    raw_levels,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.timeframes import MINUTE_US
from orderfox_nb.errors import NoPast
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import Past, PastPage, Span, page_of, sums_of

VENUE = "scripted"
START_US = 1_700_000_040_000_000


def listing(symbol: str, *, tick: str, lot: str, price: float, volume: float) -> Listing:
    base = symbol.removesuffix("USDT")
    return Listing(
        instrument=Instrument(
            venue=VENUE,
            symbol=symbol,
            unified=f"{base}/USDT:USDT",
            base=base,
            quote="USDT",
            tick_size=Decimal(tick),
            lot_size=Decimal(lot),
        ),
        ticker=Ticker(
            symbol=symbol,
            time_us=START_US,
            last=price,
            open=price,
            high=price,
            low=price,
            volume=volume / price,
            quote_volume=volume,
        ),
        funding_rate=0.0001,
    )


LISTINGS = (
    listing("BTCUSDT", tick="0.1", lot="0.001", price=50_000.0, volume=12.59e9),
    listing("ETHUSDT", tick="0.01", lot="0.001", price=3_000.0, volume=4.2e9),
    listing("BTCUSDC", tick="0.1", lot="0.001", price=50_010.0, volume=0.3e9),
)


class PreludeFeed:
    """Every topic opens with a small prelude; ``emit`` adds live events."""

    def __init__(self) -> None:
        self.venue = VENUE
        self.origin = Origin(source="scripted", venue=VENUE, simulated=True)
        self.entered = 0
        self.streams: dict[Topic, list[asyncio.Queue[Event]]] = {}
        self.opened = 0
        self.calls = 0
        self.time_us = START_US
        self.sums: list[tuple[int, float, float, int]] = []

    def now_us(self) -> int:
        return self.time_us

    def emit(self, topic: Topic, *events: Event) -> None:
        for queue in self.streams.get(topic, []):
            for event in events:
                queue.put_nowait(event)

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self.opened += 1
        self.streams.setdefault(topic, []).append(queue)
        try:
            for event in self.prelude(topic):
                yield event
            while True:
                yield await queue.get()
        finally:
            self.streams[topic].remove(queue)

    def prelude(self, topic: Topic) -> list[Event]:
        symbol, now = topic.symbol, self.time_us
        coverage = "sampled" if topic.channel == "liquidations" else "complete"
        live = Status(symbol=symbol, time_us=now, state="live", history="complete", coverage=coverage)
        match topic.channel:
            case "book":
                bids = [(49_990.0 - i * 0.1, 1.0 + i * 0.001) for i in range(200)]
                asks = [(50_000.0 + i * 0.1, 2.0 + i * 0.001) for i in range(200)]
                snapshot = BookSnapshot(
                    symbol=symbol, time_us=now, raw_bids=raw_levels(bids), raw_asks=raw_levels(asks), update_id=100
                )
                return [snapshot, live]
            case "trades":
                return [*(trade(symbol, number, now) for number in range(1, 151)), live]
            case "candles":
                return [*bars(symbol, topic.interval, 300, now), live]
            case "liquidations":
                volume = LiquidationVolume(
                    symbol=symbol, time_us=now, interval="1m", start_us=[], buy=[], sell=[], count=[]
                )
                return [volume, *(liquidation(symbol, number, now) for number in range(3)), live]
            case _:
                return [live]

    async def listings(self) -> Sequence[Listing]:
        self.calls += 1
        return LISTINGS

    @property
    def past(self) -> Past:
        return self

    async def page(self, topic: Topic, span: Span) -> PastPage:
        symbol, time_us = topic.symbol, self.time_us
        if channel_spec(topic.channel).by_period:
            raise NoPast(self.venue, f"the past of {topic.channel} is not kept")
        if topic.channel == "candles":
            return PastPage(bars(symbol, topic.interval, span.limit or 500, (span.end_us or time_us + 1) - 1))
        if topic.interval:
            first_us = (span.start_us or 0) // MINUTE_US * MINUTE_US + MINUTE_US
            rows = self.sums or [(first_us, 1000.0, 500.0, 2)]
            return PastPage((sums_of(topic, span.end_us or time_us, rows),))
        if topic.channel == "trades":
            return page_of([trade(symbol, number, time_us) for number in range(1, 151)], span)
        return page_of([liquidation(symbol, number, time_us) for number in range(3)], span)

    def statistics(self) -> Mapping[str, int | float]:
        return {"rest_calls": self.calls}

    async def __aenter__(self) -> Self:
        self.entered += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entered -= 1


def trade(symbol: str, number: int, time_us: int) -> Trade:
    return Trade(
        symbol=symbol,
        time_us=time_us + number,
        id=str(number),
        sequence=number,
        price=50_000.0 + number % 7 * 0.1,
        size=0.001 * (1 + number % 5),
        aggressor="buy" if number % 2 else "sell",
    )


def liquidation(symbol: str, number: int, time_us: int) -> Liquidation:
    price = 50_000.0 + number
    return Liquidation(
        symbol=symbol,
        time_us=time_us + number * 1000,
        side="sell",
        size=0.5 + number,
        price=price,
        limit_price=price - 250.0,
    )


def bars(symbol: str, interval: str, count: int, end_us: int) -> list[Candle]:
    last = end_us - end_us % MINUTE_US
    return [
        Candle(
            symbol=symbol,
            time_us=end_us,
            interval=interval,
            open_us=last - (count - 1 - i) * MINUTE_US,
            open=50_000.0,
            high=50_010.0,
            low=49_990.0,
            close=50_000.0 + i % 5,
            volume=1.0,
            closed=i < count - 1,
        )
        for i in range(count)
    ]
