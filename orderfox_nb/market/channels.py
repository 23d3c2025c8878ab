# pandas has no stubs; a symbol and its channels share the engine and what it holds.
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false
"""The channels of one symbol: current data as a DataFrame, new events as an asynchronous iterator."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar

import msgspec

from orderfox_nb.analytics.studies import LIVE_CANDLES, Study
from orderfox_nb.core.events import Candle, Event, Liquidation, MarkPrice, OpenInterest, Ticker, Topic, Trade
from orderfox_nb.core.moments import Moment, moment_us
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.past import RangePage
from orderfox_nb.market.across import across_threads
from orderfox_nb.market.callbacks import Callback, Subscription
from orderfox_nb.market.frames import (
    book_frame,
    candles_frame,
    day_frame,
    funding_frame,
    liquidations_frame,
    mark_frame,
    open_interest_frame,
    origin_attributes,
    study_frame,
    trades_frame,
)
from orderfox_nb.market.held import HeldTopics
from orderfox_nb.market.history import HISTORIES, funding_history, mark_history, open_interest_history
from orderfox_nb.market.trade_log import MAX_KEPT

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item", bound=Event)

_PAGE_S: Final = 120.0


class EngineRanges:
    """Reads ranges of the past on the engine's loop."""

    def __init__(self, engine: Engine, venue: str) -> None:
        self._engine = engine
        self._desk = engine.desks.of(venue)

    def now_us(self) -> int:
        return self._desk.now_us()

    def moment_us(self, moment: Moment, name: str) -> int:
        return moment_us(moment, now_us=self.now_us(), name=name)

    def page(self, topic: Topic, start_us: int, end_us: int) -> RangePage:
        # A page waits for the venue's request budget, and is requested again if that is used up.
        return self._engine.run(self._desk.ranges.range_page(topic, start_us, end_us), timeout_s=_PAGE_S)

    def attributes(self, topic: Topic) -> dict[str, Any]:
        return {"symbol": topic.symbol, **origin_attributes(self._desk.origin)}


class SymbolChannel(Generic[Item]):
    """One topic: its current data as a DataFrame, new events as an asynchronous iterator.

    The topic stays subscribed from the first use until ``Market.close()`` or the end of the process.
    """

    name: ClassVar[str]
    """Name of its row in ``core/channels.py``."""
    viewed: ClassVar[str] = ""
    """The study whose view ``df`` shows; empty for the channel's own."""
    kind: type[Item]

    def __init__(self, engine: Engine, held: HeldTopics, venue: str, symbol: str, interval: str = "") -> None:
        self._engine = engine
        self._held = held
        self._market = venue, symbol
        self._interval = interval

    @property
    def topic(self) -> Topic:
        return Topic(*self._market, self.name, self._interval)

    @property
    def _ranges(self) -> EngineRanges:
        return EngineRanges(self._engine, self._market[0])

    def _by_period(self, period: str) -> Topic:
        """Return the topic of the values at the start of each period."""
        check_timeframe(period, "period")
        return msgspec.structs.replace(self.topic, interval=period)

    def _view(self) -> tuple[Any, dict[str, Any]]:
        """Return the fold's view and the contents of ``df.attrs``, read together on the engine's loop."""
        return self._held.view(msgspec.structs.replace(self.topic, channel=self.viewed or self.name))

    @property
    def quality(self) -> dict[str, Any]:
        """State and coverage of the topic, and the lapses in which its data was unreliable."""
        return self._view()[1]["quality"]

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        """Yield new events in order, on the caller's loop, which may be the kernel's.

        Gaps and states are left out: ``events()`` yields them too, and ``quality`` lists the lapses.
        """
        async for event in across_threads(self._engine, self.topic, live_only=True):
            if isinstance(event, self.kind):
                yield event

    def on(self, callback: Callback) -> Subscription[Any]:
        """Call a function with each new event, in order, one after the other, until the subscription is closed.

        In a notebook it is called between cells, on the running loop; without a running loop, in a thread of its own.
        A coroutine function is awaited. What it raises is logged and counted in ``errors``, and the next event follows.
        At most 50,000 events wait for it; beyond that, events are lost, which is logged.

        Returns:
            The subscription: ``close()`` or leaving a ``with`` block ends it, and so does ``Market.close()``.
        """
        return Subscription(callback, self.__aiter__, self._held.subscriptions, name=str(self.topic))

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield all events: the prelude, then live events, gaps and states in order."""
        async for event in across_threads(self._engine, self.topic, live_only=False):
            yield event


class RangedChannel(SymbolChannel[Item]):
    """A channel whose past can be read by range."""

    def history(self, start: Moment, end: Moment | None = None) -> pd.DataFrame:
        """Return the events of a range.

        A bar belongs to the range by its open time, and the open bar is the last one. Liquidations are the recorded
        ones if the venue has no history of them.

        Args:
            start: As ``"2026-10-01"``, ISO 8601, a datetime with a zone, ``"-30d"`` before now, or microseconds.
            end: The same; everything is before it. Now by default.

        Returns:
            The DataFrame with the columns of ``df``. ``attrs["coverage"]`` has the complete parts of the range, where
            each was read, and what is missing for which reason.

        Raises:
            BadValue: A time that cannot be read, a start in the future, or an end that is not after the start.
            FeedError: The venue cannot be asked.
        """
        return HISTORIES[self.kind](self._ranges, self.topic, start, end)


class TradesChannel(RangedChannel[Trade]):
    """Aggregate trades: ``df`` has the newest 1,000, ``async for trade in …`` yields new ones."""

    name = "trades"
    kind = Trade

    def keep(self, count: int) -> Self:
        """Keep more of the newest trades from now on: ``btc.trades.keep(100_000).df``.

        It begins with the newest 1,000, and ends with ``Market.close()``.

        Args:
            count: Largest number of trades in ``df``, 1 to 1,000,000.

        Raises:
            BadValue: A count outside this range.
        """
        if not 1 <= count <= MAX_KEPT:
            raise BadValue("count", count, f"1 to {MAX_KEPT:,}")
        self._held.keep(self.topic, count)
        return self

    @property
    def df(self) -> pd.DataFrame:
        """Newest trades, oldest first, by time: id, price, size, aggressor, notional."""
        return trades_frame(*self._view())


class CandlesChannel(RangedChannel[Candle]):
    """Bars of one timeframe: ``df`` has the newest 1,500, ``async for candle in …`` yields the venue's updates."""

    name = "candles"
    viewed = LIVE_CANDLES
    kind = Candle

    @property
    def df(self) -> pd.DataFrame:
        """Bars by open time: open, high, low, close, volume, quote_volume, taker_buy_volume, trades, closed."""
        return candles_frame(*self._view())


class LiquidationsChannel(RangedChannel[Liquidation]):
    """Liquidated orders: ``df`` has the newest 1,000; ``df.attrs`` says whether the stream is complete or sampled."""

    name = "liquidations"
    kind = Liquidation

    @property
    def df(self) -> pd.DataFrame:
        """Orders by time, oldest first: liquidated (long or short), side, price, size, notional."""
        return liquidations_frame(*self._view())


class BookChannel(SymbolChannel[Any]):
    """The order book: ``df`` has all of its levels, ``async for event in …`` yields a snapshot, deltas and gaps."""

    name = "book"

    def __aiter__(self) -> AsyncGenerator[Event, None]:
        """Yield the same as ``events``: deltas are useless without their snapshot and without the gaps."""
        return self.events()

    @property
    def df(self) -> pd.DataFrame:
        """Levels, asks from the worst to the best, then bids from the best: side, price, size, cumulative."""
        return book_frame(*self._view())


class TickerChannel(SymbolChannel[Ticker]):
    """The market of the last 24 h: ``df`` is one row, ``async for ticker in …`` yields each update."""

    name = "ticker"
    kind = Ticker

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: last, change (fraction), open, high, low, volume, volume_quote."""
        return day_frame(*self._view())


class MarkChannel(SymbolChannel[MarkPrice]):
    """Mark price, index price and the next funding: ``df`` is one row, ``async for mark in …`` yields each update."""

    name = "mark"
    kind = MarkPrice

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: mark, index, funding (fraction, NaN without funding), next_funding."""
        return mark_frame(*self._view())

    def history(self, start: Moment = "-1d", end: Moment | None = None, *, period: str = "1m") -> pd.DataFrame:
        """Return mark and index price at the start of each period of a range.

        Args:
            start: As ``"2026-10-01"``, ISO 8601, a datetime with a zone, ``"-30d"`` before now, or microseconds.
            end: The same; everything is before it. Now by default.
            period: A timeframe such as ``1m``.

        Returns:
            The DataFrame. ``attrs["coverage"]`` has the complete parts of the range, where each was read, and what is
            missing for which reason.

        Raises:
            BadValue: A time or period that cannot be read, a start in the future, or an end not after the start.
            FeedError: The venue cannot be asked.
        """
        return mark_history(self._ranges, self._by_period(period), start, end)


class FundingChannel(SymbolChannel[MarkPrice]):
    """The current funding: ``df`` is one row, ``async for mark in …`` yields a mark price when the funding changes."""

    name = "mark"
    kind = MarkPrice

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: funding (fraction), next_funding; no row if the contract has no funding."""
        return funding_frame(*self._view())

    def history(self, start: Moment = "-30d", end: Moment | None = None) -> pd.DataFrame:
        """Return the funding rates that were paid in a range, by the time of the payment.

        Args:
            start: As ``"2026-10-01"``, ISO 8601, a datetime with a zone, ``"-30d"`` before now, or microseconds.
            end: The same; everything is before it. Now by default.

        Returns:
            The DataFrame. ``attrs["coverage"]`` has the complete parts of the range, where each was read, and what is
            missing for which reason.

        Raises:
            BadValue: A time that cannot be read, a start in the future, or an end that is not after the start.
            FeedError: The venue cannot be asked.
        """
        return funding_history(self._ranges, self.topic, start, end)

    async def __aiter__(self) -> AsyncGenerator[MarkPrice, None]:
        """Yield the next mark price, and then each one whose funding has changed."""
        previous: tuple[float | None, int] | None = None
        async for event in super().__aiter__():
            if previous != (event.funding_rate, event.next_funding_us):
                previous = event.funding_rate, event.next_funding_us
                yield event


class InterestChannel(SymbolChannel[OpenInterest]):
    """Open contracts: ``df`` is one row, ``async for interest in …`` yields each answer of the venue."""

    name = "open_interest"
    kind = OpenInterest

    @property
    def df(self) -> pd.DataFrame:
        """One row by time: open_interest in base quantity."""
        return open_interest_frame(*self._view())

    def history(self, start: Moment = "-7d", end: Moment | None = None, *, period: str = "1h") -> pd.DataFrame:
        """Return the open contracts at the start of each period of a range.

        Args:
            start: As ``"2026-10-01"``, ISO 8601, a datetime with a zone, ``"-30d"`` before now, or microseconds.
            end: The same; everything is before it. Now by default.
            period: A timeframe such as ``1h``; which ones there are depends on the venue.

        Returns:
            The DataFrame. ``attrs["coverage"]`` has the complete parts of the range, where each was read, and what is
            missing for which reason.

        Raises:
            BadValue: A time or period that cannot be read, a start in the future, or an end not after the start.
            FeedError: The venue cannot be asked.
        """
        return open_interest_history(self._ranges, self._by_period(period), start, end)


def check_timeframe(text: str, name: str = "timeframe") -> None:
    """Check a timeframe.

    Raises:
        BadValue: Not one of the timeframes.
    """
    if text not in TIMEFRAME_US:
        raise BadValue(name, text, "one of " + " ".join(TIMEFRAME_US))


class StudyView:
    """One study of a symbol: ``df`` has its current columns.

    Its topics stay subscribed from the first use until ``Market.close()`` or the end of the process.
    """

    def __init__(self, held: HeldTopics, topic: Topic, study: Study) -> None:
        self._held = held
        self._study = study
        self.topic = topic

    @property
    def quality(self) -> dict[str, Any]:
        """State and coverage of the worst of its inputs, and the lapses of all."""
        return self._held.view(self.topic)[1]["quality"]

    @property
    def df(self) -> pd.DataFrame:
        """The study's columns by time, oldest first."""
        view, attributes = self._held.view(self.topic)
        return study_frame(self._study.columns(view), attributes)
