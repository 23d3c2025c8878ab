"""The next events of a ccxt stream: one tap for each channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import BookSnapshot, Candle, Event, Topic
from orderfox_nb.core.trade_order import TradeOrder
from orderfox_nb.feeds.ccxt.books import BookChanges
from orderfox_nb.feeds.ccxt.client import CcxtClient
from orderfox_nb.feeds.ccxt.liquidations import liquidations_of
from orderfox_nb.feeds.ccxt.offer import Way
from orderfox_nb.feeds.ccxt.structures import StructureReader, flat_bars
from orderfox_nb.feeds.venue.items import Item, Malformed

_UNWATCH: Final = {
    "watch_order_book": ("unWatchOrderBook", "un_watch_order_book"),
    "watch_trades": ("unWatchTrades", "un_watch_trades"),
    "watch_ohlcv": ("unWatchOHLCV", "un_watch_ohlcv"),
    "watch_ticker": ("unWatchTicker", "un_watch_ticker"),
    "watch_mark_price": ("unWatchMarkPrice", "un_watch_mark_price"),
}


MAX_LEVELS: Final = 5_000
"""Largest number of levels kept of a side."""
FUNDING_AGE_US: Final = 600_000_000
"""Age after which a funding rate is unknown. It is requested once a minute, in addition to the mark price."""


class Tap(Protocol):
    """Turns what ccxt returns for one topic into events."""

    def events(self, answer: Any, received_us: int) -> Sequence[Item]:
        """Return what is new in an answer.

        Raises:
            Exception: Any that ccxt's structures lead to.
        """
        ...

    def late(self) -> Sequence[Event]:
        """Return what a reader needs that comes later than the others."""
        ...


class AnswerSource:
    """Waits for the next answer of ccxt, or asks for it.

    Args:
        client: The exchange.
        topic: What is read.
        way: How.
        unified: ccxt's name of the symbol.
        clock: Measures the pauses of a polled topic.
    """

    def __init__(self, client: CcxtClient, topic: Topic, way: Way, unified: str, clock: Clock) -> None:
        self._client = client
        self._way = way
        self._clock = clock
        self._arguments: tuple[Any, ...] = (unified,)
        if way.watch.endswith("_for_symbols"):
            self._arguments = ([unified],)
        if topic.channel == "candles":
            self._arguments = (unified, topic.interval)
        depth = client.facts.book_depth
        if topic.channel == "book" and depth is not None:
            self._arguments = (unified, depth)
        self._params = dict(client.facts.params.get(way.watch, {}))
        self._asked = False

    async def next(self) -> Any:
        """Return the next answer.

        Raises:
            Exception: Any of ccxt's, of a stream that is watched; our own of one that is polled.
        """
        if self._way.watch:
            return await getattr(self._client.exchange, self._way.watch)(*self._arguments, params=self._params)
        if self._asked:
            await self._clock.sleep(self._way.period_s)
        self._asked = True
        return await self._client.ask(self._way.fetch, *self._arguments)

    async def leave(self) -> None:
        """Unsubscribe, where ccxt can."""
        name, method = _UNWATCH.get(self._way.watch, ("", ""))
        if name and self._client.has(name):
            arguments = self._arguments[: 2 if "ohlcv" in method else 1]
            # What is left must be named as it was subscribed to, or the venue refuses it the next time.
            depth = {"limit": self._arguments[1]} if "order_book" in method and len(self._arguments) > 1 else {}
            await getattr(self._client.exchange, method)(*arguments, params={**self._params, **depth})


class BookTap:
    """A book: a snapshot, then what changes.

    Args:
        watched: ccxt keeps it; otherwise each answer is a book of its own.
    """

    def __init__(self, reading: StructureReader, now_us: Callable[[], int], *, watched: bool) -> None:
        self.changes = BookChanges(reading)
        self._whole = watched and reading.facts.whole_books
        self._now_us = now_us

    def events(self, answer: Any, received_us: int) -> Sequence[Event]:
        if self._whole:
            for side in (answer["bids"], answer["asks"]):
                side._depth = MAX_LEVELS
        event = self.changes.update(answer, now_us=self._now_us(), received_us=received_us)
        return () if event is None else (event,)

    def late(self) -> Sequence[BookSnapshot]:
        return (self.changes.snapshot(),) if self.changes.whole else ()


class TradesTap:
    """Trades, each once.

    Args:
        polled: Each answer has the newest trades: one that shares none with the last was requested too late.
    """

    def __init__(self, reading: StructureReader, *, polled: bool) -> None:
        self._reading = reading
        self._polled = polled
        self._known = False
        self._order = TradeOrder()

    def events(self, answer: Any, received_us: int) -> Sequence[Item]:
        trades = self._reading.trades(answer, received_us=received_us)
        new = [trade for trade in trades if self._order.is_new(trade)]
        missed = self._polled and self._known and bool(trades) and len(new) == len(trades)
        self._known = self._known or bool(trades)
        return [Malformed("more trades than one answer holds"), *new] if missed else new

    def late(self) -> Sequence[Event]:
        return ()


class CandlesTap:
    """Bars; one is closed by the first of the next, since ccxt does not say so."""

    def __init__(self, reading: StructureReader, interval: str, now_us: Callable[[], int]) -> None:
        self._reading = reading
        self._interval = interval
        self._now_us = now_us
        self._last: Candle | None = None

    def events(self, answer: Any, received_us: int) -> Sequence[Event]:
        found: list[Event] = []
        now_us = self._now_us()
        rows = sorted(answer, key=lambda row: row[0])
        if self._last is None:
            # ccxt keeps what an earlier subscription did not read: the end of such a bar was missed.
            rows = rows[-1:]
        for row in rows:
            bar = self._reading.candle(row, self._interval, closed=False, now_us=now_us, received_us=received_us)
            last = self._last
            if last is not None and bar.open_us < last.open_us:
                continue
            if last is not None and bar.open_us > last.open_us:
                found.append(msgspec.structs.replace(last, closed=True, received_us=received_us))
                found += flat_bars(last, bar.open_us)
            if last is None or bar != last:
                found.append(bar)
            self._last = bar
        return found

    def late(self) -> Sequence[Event]:
        return ()


class TickerTap:
    """The 24 h statistics."""

    def __init__(self, reading: StructureReader, now_us: Callable[[], int]) -> None:
        self._reading = reading
        self._now_us = now_us

    def events(self, answer: Any, received_us: int) -> Sequence[Event]:
        event = self._reading.ticker(answer, now_us=self._now_us(), received_us=received_us)
        return () if event is None else (event,)

    def late(self) -> Sequence[Event]:
        return ()


class MarkTap:
    """Mark price with its funding, which may come beside it (``note``)."""

    def __init__(self, reading: StructureReader, now_us: Callable[[], int]) -> None:
        self._reading = reading
        self._now_us = now_us
        self._funding: dict[str, Any] = {}
        self._noted_us = 0

    def note(self, funding: Mapping[str, Any]) -> None:
        """Take a funding rate that was requested; it is the current one for ``FUNDING_AGE_US``."""
        self._noted_us = self._now_us()
        names = ("fundingRate", "fundingTimestamp", "nextFundingTimestamp", "indexPrice")
        self._funding = {name: funding[name] for name in names if funding.get(name) is not None}

    def events(self, answer: Any, received_us: int) -> Sequence[Event]:
        if self._funding and self._now_us() > self._noted_us + FUNDING_AGE_US:
            # Since then it could not be asked for.
            self._funding = {}
        row = {**self._funding, **answer} if self._funding else answer
        event = self._reading.mark(row, now_us=self._now_us(), received_us=received_us)
        return () if event is None else (event,)

    def late(self) -> Sequence[Event]:
        return ()


class LiquidationsTap:
    """Liquidation orders.

    One message may have several, of which ccxt returns the last only: the others are in its cache.
    """

    def __init__(self, reading: StructureReader, client: CcxtClient, unified: str) -> None:
        self._reading = reading
        self._client = client
        self._unified = unified
        self._seen = self._cached()
        """By identity: equal orders are two. What is kept here cannot be another object of the same identity."""

    def _cached(self) -> dict[int, Any]:
        rows = self._client.exchange.liquidations
        return {id(row): row for row in rows or () if row.get("symbol") == self._unified}

    def events(self, answer: Any, received_us: int) -> Sequence[Event]:  # noqa: ARG002 - the cache has it as well
        before, self._seen = self._seen, self._cached()
        return [
            order
            for key, row in self._seen.items()
            if key not in before
            for order in liquidations_of(row, self._reading, received_us=received_us)
        ]

    def late(self) -> Sequence[Event]:
        return ()


def tap_of(
    client: CcxtClient, topic: Topic, way: Way, *, unified: str, reading: StructureReader, now_us: Callable[[], int]
) -> Tap:
    """Make the tap of a topic."""
    match topic.channel:
        case "book":
            return BookTap(reading, now_us, watched=bool(way.watch))
        case "trades":
            return TradesTap(reading, polled=not way.watch)
        case "candles":
            return CandlesTap(reading, topic.interval, now_us)
        case "liquidations":
            return LiquidationsTap(reading, client, unified)
        case "mark":
            return MarkTap(reading, now_us)
        case _:
            return TickerTap(reading, now_us)
