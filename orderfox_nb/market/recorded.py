# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""A recording in a notebook: ``rec = open_recording(path)``, ``rec["10:00":"10:30"]["BTCUSDT"].trades.df``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

import msgspec
from tqdm.auto import tqdm

from orderfox_nb.core.bars import BarRing
from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookSnapshot,
    Candle,
    Channel,
    Event,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidations import each_once
from orderfox_nb.core.moments import Moment
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.quality import QualityTracker
from orderfox_nb.errors import BadValue
from orderfox_nb.market.frames import (
    book_frame,
    candles_frame,
    day_frame,
    funding_frame,
    liquidations_frame,
    mark_frame,
    open_interest_frame,
    origin_attributes,
    trades_frame,
)
from orderfox_nb.market.history import HISTORIES
from orderfox_nb.market.recorded_ranges import RecordingRanges
from orderfox_nb.market.recorded_trades import recorded_trades
from orderfox_nb.recording.recording import RecordedEvent, Recording, RecordingInfo
from orderfox_nb.recording.recording import open_recording as open_files
from orderfox_nb.recording.saving import save
from orderfox_nb.recording.tables.query import query
from orderfox_nb.recording.tables.views import SELECTIONS

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item", bound=Event)


def open_recording(path: str | Path) -> RecordedMarket:
    """Open a recording. Of one that is still written it has what is there now: open it again to read further.

    Args:
        path: Folder of a recording: one below ``recordings`` in the data directory, or one of ``orderfox record``.

    Raises:
        RecordingError: It cannot be read as a recording.
    """
    return RecordedMarket(open_files(path))


class RecordedMarket:
    """A recording, or a part of one.

    ``rec["10:00":"10:30"]`` is the part between two times of its first day in UTC, ``rec["BTCUSDT"]`` one symbol.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @overload
    def __getitem__(self, part: str) -> RecordedSymbol: ...
    @overload
    def __getitem__(self, part: slice[Moment | None, Moment | None, None]) -> RecordedMarket: ...
    def __getitem__(self, part: str | slice[Moment | None, Moment | None, None]) -> RecordedSymbol | RecordedMarket:
        if isinstance(part, str):
            symbol = self.recording.symbol_of(part)
            return RecordedSymbol(self.recording.select(symbols=[symbol]), symbol)
        return RecordedMarket(self.recording[part])

    @property
    def symbols(self) -> Sequence[str]:
        """The recorded symbols, by name."""
        return sorted({topic.symbol for topic in self.recording.topics} - {WHOLE_MARKET})

    @property
    def liquidations(self) -> RecordedChannel[Liquidation]:
        """The liquidations of all symbols together, if they were recorded as one stream."""
        return RecordedSymbol(self.recording.select(symbols=[WHOLE_MARKET]), WHOLE_MARKET).liquidations

    @property
    def origin(self) -> Origin:
        """Where the data came from when it was recorded."""
        return self.recording.origin

    @property
    def start(self) -> datetime:
        return datetime.fromtimestamp(self.recording.start_us / 1e6, UTC)

    @property
    def end(self) -> datetime:
        return datetime.fromtimestamp(self.recording.end_us / 1e6, UTC)

    def select(self, *, symbols: Collection[str] = (), channels: Collection[Channel] = ()) -> RecordedMarket:
        """Return the part of some symbols or channels.

        Raises:
            BadValue: A symbol or channel that is not recorded.
        """
        return RecordedMarket(self.recording.select(symbols=symbols, channels=channels))

    def events(self) -> Iterator[RecordedEvent]:
        """Return the events in the order of receipt; see ``Recording.events``."""
        return self.recording.events()

    def seek(self, time: Moment) -> Iterator[RecordedEvent]:
        """Return the state of a moment as events, then the events from there on; see ``Recording.seek``.

        Raises:
            BadValue: A time that cannot be read, or that is not recorded.
        """
        return self.recording.seek(time)

    def info(self) -> RecordingInfo:
        """Read the part once and return what is in it, with a digest that names the data."""
        return self.recording.info()

    def arrow(self, table: str) -> Any:
        """Return a table of the part in the order of receipt as a pyarrow Table: ``rec.arrow("trades")``.

        Its columns are those of the view in ``orderfox_nb.sql``: prices are floats, times have a zone.

        Args:
            table: One of the views of ``orderfox_nb.sql``.

        Raises:
            BadValue: No such table.
            MissingExtra: The extra ``recording`` is not installed.
        """
        return self._relation(table).to_arrow_table()

    def pl(self, table: str) -> Any:
        """Return a table of the part as a polars DataFrame, as ``arrow`` does; polars must be installed.

        Raises:
            BadValue: No such table.
            MissingExtra: The extra ``recording`` is not installed.
            ModuleNotFoundError: polars is not installed.
        """
        return self._relation(table).pl()

    def _relation(self, table: str) -> Any:
        if table not in SELECTIONS:
            raise BadValue("table", table, "one of " + ", ".join(SELECTIONS))
        return query(f"SELECT * FROM {table} ORDER BY seq", [self.recording.part])  # noqa: S608 - one of the names

    def save(self, path: str | Path) -> RecordedMarket:
        """Write the part as a recording of its own and open it.

        Raises:
            RecordingError: The folder already holds a recording.
        """
        with tqdm(total=100, unit="%", desc="Saving", leave=False) as bar:

            def progress(done: float) -> None:
                bar.update(round(done * 100) - bar.n)

            folder = save(self.recording, Path(path).expanduser(), progress=progress)
        return open_recording(folder)

    def __repr__(self) -> str:
        return repr(self.recording)


class RecordedSymbol:
    """The recorded data of one symbol, by the same names as live."""

    def __init__(self, recording: Recording, symbol: str) -> None:
        self.recording = recording
        self.symbol = symbol
        self.trades = RecordedTrades(recording, symbol, "trades", Trade)
        self.book = RecordedBook(recording, symbol, "book", BookSnapshot)
        self.liquidations = RecordedLiquidations(recording, symbol, "liquidations", Liquidation)
        self.ticker = RecordedTicker(recording, symbol, "ticker", Ticker)
        self.mark = RecordedMark(recording, symbol, "mark", MarkPrice)
        self.funding = RecordedFunding(recording, symbol, "mark", MarkPrice)
        self.open_interest = RecordedInterest(recording, symbol, "open_interest", OpenInterest)

    @property
    def instrument(self) -> Instrument:
        """The record of the symbol, as it was first recorded."""
        return self.recording.instruments[self.symbol]

    @overload
    def candles(self, timeframe: str = "1m") -> RecordedCandles: ...
    @overload
    def candles(self, timeframe: str, *, start: Moment, end: Moment | None = None) -> pd.DataFrame: ...
    def candles(
        self, timeframe: str = "1m", *, start: Moment | None = None, end: Moment | None = None
    ) -> RecordedCandles | pd.DataFrame:
        """Return the bars of a timeframe, with a start those of a range.

        Raises:
            BadValue: A timeframe that was not recorded, or not a range.
        """
        mine = [topic for topic in self.recording.topics if topic.symbol == self.symbol]
        known = [topic.interval for topic in mine if topic.channel == "candles"]
        if not known:
            channels = ", ".join(sorted({topic.channel for topic in mine}))
            raise BadValue("channel", "candles", f"one that is recorded: {channels}")
        if timeframe not in known:
            raise BadValue("timeframe", timeframe, "one that is recorded: " + " ".join(known))
        channel = RecordedCandles(self.recording, self.symbol, "candles", Candle, timeframe)
        if start is not None:
            return channel.history(start, end)
        if end is not None:
            raise BadValue("end", end, "a start as well")
        return channel

    def __repr__(self) -> str:
        return f"<Symbol {self.symbol} of {self.recording!r}>"


class RecordedChannel(Generic[Item]):
    """One recorded topic: ``df`` has all of it, ``events()`` its events in order."""

    def __init__(
        self, recording: Recording, symbol: str, channel: Channel, kind: type[Any], interval: str = ""
    ) -> None:
        self._recording = recording
        self._kind = kind
        self.topic = Topic(recording.origin.venue, symbol, channel, interval)

    def events(self) -> Iterator[Event]:
        """Yield every event, gaps and states among them.

        Raises:
            BadValue: The channel was not recorded.
        """
        self._check_recorded()
        part = self._recording.select(channels=[self.topic.channel])
        return (event.event for event in part.events() if event.topic == self.topic)

    def _check_recorded(self) -> None:
        if self.topic not in self._recording.topics:
            known = ", ".join(sorted({topic.channel for topic in self._recording.topics}))
            raise BadValue("channel", self.topic.channel, f"one that is recorded: {known or 'none is'}")

    def _read(self) -> tuple[list[Item], dict[str, Any]]:
        """Return the channel's own events, oldest first, and the contents of ``df.attrs``."""
        events = list(self.events())
        start_us = 0 if self._whole else self._recording.start_us
        # A prelude repeats earlier events.
        own = dict.fromkeys(
            event for event in events if isinstance(event, self._kind) and _moment_us(event) >= start_us
        )
        return cast("list[Item]", list(own)), self._attributes(self._quality_of(events))

    @property
    def _whole(self) -> bool:
        """Whether the part begins with its recording."""
        return self._recording.start_us <= self._recording.files.head.created_us

    def _quality_of(self, events: Iterable[Event]) -> QualityTracker:
        quality = QualityTracker(self.topic.channel, recorded=True, opened_us=self._recording.start_us)
        for event in events:
            quality.apply(event)
        return quality

    def _attributes(self, quality: QualityTracker) -> dict[str, Any]:
        return {
            "symbol": self.topic.symbol,
            **origin_attributes(self._recording.origin),
            "recording": self._recording.name,
            "time_us": self._recording.end_us,
            "quality": {
                "state": quality.state.value,
                "coverage": quality.coverage,
                "since_us": quality.since_us,
                "reason": quality.reason,
                "lapses": [msgspec.structs.asdict(lapse) for lapse in quality.intervals()],
            },
        }


def _moment_us(event: Event) -> int:
    return event.open_us if isinstance(event, Candle) else event.time_us


class RecordedRanged(RecordedChannel[Item]):
    """A channel that can be read by range."""

    def history(self, start: Moment, end: Moment | None = None) -> pd.DataFrame:
        """Return the recorded events of a range, only from its complete parts; bars are the closed ones.

        ``attrs["coverage"]`` has the complete parts of the range; see the live channel's ``history``.

        Raises:
            BadValue: A time that cannot be read, or an end that is not after the start.
        """
        return HISTORIES[self._kind](RecordingRanges(self._recording), self.topic, start, end)


class RecordedTrades(RecordedRanged[Trade]):
    """Aggregate trades."""

    @property
    def df(self) -> pd.DataFrame:
        """Every trade of the part by time; for a whole recording also the earlier ones of its first prelude."""
        self._check_recorded()
        trades, quality = recorded_trades(self._recording, self.topic)
        return trades_frame(trades, self._attributes(quality))


class RecordedCandles(RecordedRanged[Candle]):
    """Bars of one timeframe, in the last state that the venue sent."""

    @property
    def df(self) -> pd.DataFrame:
        """Every bar by its open time."""
        bars, attributes = self._read()
        ring = BarRing(max(len(bars), 1))
        for bar in bars:
            ring.put(bar)
        return candles_frame(ring.columns(len(bars)), attributes)


class RecordedLiquidations(RecordedRanged[Liquidation]):
    """Liquidation orders."""

    @property
    def df(self) -> pd.DataFrame:
        """Every order by time. Equal orders are as many as the stream or the history showed."""
        events = list(self.events())
        orders = [order for order in each_once(events) if self._whole or order.time_us >= self._recording.start_us]
        return liquidations_frame(orders[::-1], self._attributes(self._quality_of(events)))


class RecordedBook(RecordedChannel[Event]):
    """The order book."""

    @property
    def df(self) -> pd.DataFrame:
        """Levels at the end of the part, as in the live channel's ``df``.

        Raises:
            BadValue: The book is not recorded at that time.
        """
        quality = self._quality_of(self.events())
        state = self._recording.state(self.topic)
        if state is None:
            raise BadValue("time", self._recording.end_us, "one at which the book is recorded")
        return book_frame(state.fold.view(), self._attributes(quality))


class RecordedTicker(RecordedChannel[Ticker]):
    """The market of the last 24 h."""

    @property
    def df(self) -> pd.DataFrame:
        """Every change by time."""
        return day_frame(*self._read())


class RecordedMark(RecordedChannel[MarkPrice]):
    """Mark and index price."""

    @property
    def df(self) -> pd.DataFrame:
        """Every change by time."""
        return mark_frame(*self._read())


class RecordedFunding(RecordedChannel[MarkPrice]):
    """The funding rate that applies."""

    @property
    def df(self) -> pd.DataFrame:
        """Every change by time."""
        return funding_frame(*self._read())


class RecordedInterest(RecordedChannel[OpenInterest]):
    """Open contracts."""

    @property
    def df(self) -> pd.DataFrame:
        """Every change by time."""
        return open_interest_frame(*self._read())
