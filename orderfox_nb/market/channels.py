"""The channels of one symbol: what is known now as a DataFrame, what comes as an asynchronous iterator."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from orderfox_nb.core.events import Candle, Event, Liquidation, MarkPrice, OpenInterest, Topic, Trade
from orderfox_nb.core.events import Channel as ChannelName
from orderfox_nb.core.events import Ticker as TickerEvent
from orderfox_nb.market.across import across_threads
from orderfox_nb.market.frames import (
    book_frame,
    candles_frame,
    day_frame,
    funding_frame,
    liquidations_frame,
    mark_frame,
    open_interest_frame,
    trades_frame,
)

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.market.connection import Symbol

Item = TypeVar("Item", bound=Event)


class Channel(Generic[Item]):
    """One topic: what is known now as a DataFrame, what comes as an asynchronous iterator.

    The topic stays subscribed from the first use until ``Market.close()`` or the end of the process.
    """

    kind: type[Item]

    def __init__(self, symbol: Symbol, channel: ChannelName, interval: str = "") -> None:
        self._symbol = symbol
        self._channel = channel
        self._interval = interval

    @property
    def topic(self) -> Topic:
        return self._symbol._engine.desk.topic(self._symbol.symbol, self._channel, self._interval)

    def _view(self) -> tuple[Any, dict[str, Any]]:
        """Return the fold's view and what stands in ``df.attrs``, taken together on the engine's loop."""
        return self._symbol._held.view(self.topic)

    @property
    def quality(self) -> dict[str, Any]:
        """State and coverage of the topic, and the lapses in which it could not be trusted."""
        return self._view()[1]["quality"]

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        """Yield what comes from now on, on the caller's loop, also while that loop is the kernel's."""
        async for event in across_threads(self._symbol._engine, self.topic, live_only=True):
            if isinstance(event, self.kind):
                yield event

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield everything: the prelude, then live events, gaps and states in band."""
        async for event in across_threads(self._symbol._engine, self.topic, live_only=False):
            yield event


class Trades(Channel[Trade]):
    """Aggregate trades: ``df`` has the newest 1,000, ``async for trade in …`` yields new ones."""

    kind = Trade

    @property
    def df(self) -> pd.DataFrame:
        """Newest trades, oldest first, by time: id, price, size, aggressor, notional."""
        return trades_frame(*self._view())


class Candles(Channel[Candle]):
    """Bars of one timeframe: ``df`` has the newest 1,500, ``async for candle in …`` yields the venue's updates."""

    kind = Candle

    @property
    def df(self) -> pd.DataFrame:
        """Bars by open time: open, high, low, close, volume, quote_volume, taker_buy_volume, trades, closed."""
        return candles_frame(*self._view())


class Liquidations(Channel[Liquidation]):
    """Liquidated orders: ``df`` has the newest 1,000; ``df.attrs`` says that the stream is sampled where it is."""

    kind = Liquidation

    @property
    def df(self) -> pd.DataFrame:
        """Orders by time, oldest first: liquidated (long or short), side, price, size, notional."""
        return liquidations_frame(*self._view())


class OrderBook(Channel[Any]):
    """The order book: ``df`` is the whole of it now, ``async for event in …`` yields a snapshot and what changes it."""

    def __aiter__(self) -> AsyncGenerator[Event, None]:
        """Yield what ``events`` does: deltas mean nothing without their snapshot, nor over a gap that is not told."""
        return self.events()

    @property
    def df(self) -> pd.DataFrame:
        """Levels, asks from the worst to the best, then bids from the best: side, price, size, cumulative."""
        return book_frame(*self._view())


class Ticker(Channel[TickerEvent]):
    """The market of the last 24 h: ``df`` is one row, ``async for ticker in …`` yields each that the venue sends."""

    kind = TickerEvent

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: last, change (fraction), open, high, low, volume, volume_quote."""
        return day_frame(*self._view())


class Mark(Channel[MarkPrice]):
    """Mark price, index price and the coming funding: ``df`` is one row, ``async for mark in …`` yields each."""

    kind = MarkPrice

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: mark, index, funding (fraction, NaN without funding), next_funding."""
        return mark_frame(*self._view())


class Funding(Channel[MarkPrice]):
    """The funding in force: ``df`` is one row, ``async for mark in …`` yields a mark price when it is another one."""

    kind = MarkPrice

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: funding (fraction), next_funding; none where the contract has no funding."""
        return funding_frame(*self._view())

    async def __aiter__(self) -> AsyncGenerator[MarkPrice, None]:
        """Yield the first mark price from now on, and then each whose funding is another one."""
        told: tuple[float | None, int] | None = None
        async for event in super().__aiter__():
            if told != (event.funding_rate, event.next_funding_us):
                told = event.funding_rate, event.next_funding_us
                yield event


class Interest(Channel[OpenInterest]):
    """Open contracts: ``df`` is one row, ``async for interest in …`` yields each answer of the venue."""

    kind = OpenInterest

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: open_interest in base quantity."""
        return open_interest_frame(*self._view())
