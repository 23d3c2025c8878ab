"""The second reading: rows become the events of their topics, with every loss among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import WHOLE_MARKET, BookSnapshot, Event, Gap, Liquidation, Status, Topic, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.feeds.imports.bars import DerivedBars
from orderfox_nb.feeds.imports.items import Disconnected, Facts, ImportedFill, Row, Unreadable
from orderfox_nb.feeds.imports.survey import Survey, topic_of
from orderfox_nb.feeds.imports.tracks import (
    BookTrack,
    CandlesTrack,
    LatestTrack,
    LiquidationsTrack,
    TopicReporter,
    Track,
    TradesTrack,
)
from orderfox_nb.recording.building import Builder
from orderfox_nb.recording.journal import FileHead

_DERIVED: Final = "made of the file's trades, so the first bar begins with the first of them"
_SAMPLED_LIQUIDATIONS: Final = "the venue sends a sample of its liquidations"


class Contents(NamedTuple):
    """Facts about the rows before they are written."""

    survey: Survey
    facts: Sequence[Facts]
    """Facts of every file."""
    instruments: Mapping[str, Instrument]
    """The record of each symbol."""
    topics: Sequence[Topic]
    """What is recorded."""


class ImportWriter:
    """Writes one recording.

    Args:
        folder: Folder of the recording, which exists and is empty.
        head: What each of its files says.
        contents: What is in the rows.
    """

    def __init__(self, folder: Path, head: FileHead, contents: Contents) -> None:
        survey, facts, instruments, topics = contents
        self._survey = survey
        self._instruments = instruments
        self._builder = Builder(folder, head)
        self._venue = head.venue
        self._start_us = head.created_us
        self._shift_us = survey.lead_us
        self._reporters: dict[Topic, TopicReporter] = {}
        self._tracks: dict[Topic, Track] = {}
        self._books: dict[Topic, BookTrack] = {}
        self._bars: dict[str, DerivedBars] = {}
        self._owners = iter(survey.owners)
        self._corruption = next((each.corruption for each in facts if each.corruption), "")
        self._lacks = {channel: reason for each in facts for channel, reason in each.lacks.items()}
        self._numbered = all(each.has_update_ids for each in facts)
        self._contiguous = all(each.contiguous_trades for each in facts)
        self._cut_off = next((each.cut_off for each in facts if each.cut_off), "")
        for topic in topics:
            self._open(topic)
        self._derive(topics)

    def write(self, rows: Iterable[Row]) -> None:
        """Write every row and end the recording."""
        stamp_us = self._start_us
        for received_us, item in rows:
            stamp_us = max(stamp_us, received_us + self._shift_us)
            if self._builder.advance(stamp_us):
                self._second(stamp_us)
            if isinstance(item, Disconnected):
                self._disconnected(item, stamp_us)
            elif isinstance(item, Unreadable):
                self._unreadable(item, stamp_us)
            elif isinstance(item, ImportedFill):
                self._fill(item, stamp_us)
            elif not isinstance(item, Status | Gap):
                self._event(item, stamp_us)
        self._second(stamp_us)
        for symbol, bars in self._bars.items():
            self._put_bars(symbol, bars.rest(stamp_us), stamp_us)
        if self._cut_off:
            for topic, reporter in self._reporters.items():
                self._builder.put(topic, reporter.status("down", stamp_us, self._cut_off), stamp_us)
        self._builder.end(stamp_us)

    def _open(self, topic: Topic, sampled: str = "") -> None:
        reason = f"the file is damaged ({self._corruption})" if self._corruption else sampled
        reason = reason or self._lacks.get(topic.channel, "")
        if topic.channel == "liquidations":
            reason = reason or _SAMPLED_LIQUIDATIONS
        reporter = self._reporters[topic] = TopicReporter(topic, reason)
        match topic.channel:
            case "book":
                track = self._books[topic] = BookTrack(reporter, numbered=self._numbered)
            case "trades":
                track = TradesTrack(reporter, contiguous=self._contiguous)
            case "candles":
                track = CandlesTrack(reporter)
            case "liquidations":
                track = LiquidationsTrack(reporter)
            case _:
                track = LatestTrack(reporter)
        self._tracks[topic] = track
        self._builder.open(topic, self._instruments[topic.symbol], self._start_us)

    def _derive(self, topics: Sequence[Topic]) -> None:
        """Make the bars of symbols that have trades and no bars."""
        given = {topic.symbol for topic in topics if topic.channel == "candles"}
        for topic in topics:
            if topic.channel == "trades" and topic.symbol not in given:
                self._bars[topic.symbol] = DerivedBars(self._instruments[topic.symbol])
                for interval in TIMEFRAME_US:
                    self._open(Topic(self._venue, topic.symbol, "candles", interval), _DERIVED)

    def _event(self, event: Event, stamp_us: int) -> None:
        if not event.symbol:
            assert isinstance(event, BookSnapshot)
            owner = next(self._owners, "")
            if not owner:
                return
            event = msgspec.structs.replace(event, symbol=owner)
        topic = topic_of(self._venue, event)
        written = self._put(topic, self._tracks[topic].event(event, stamp_us), stamp_us)
        if isinstance(event, Liquidation):
            market = Topic(self._venue, WHOLE_MARKET, "liquidations")
            if market in self._tracks:
                self._put(market, self._tracks[market].event(event, stamp_us), stamp_us)
        elif isinstance(event, Trade) and any(each is event for each in written):
            self._grow(event, stamp_us)

    def _fill(self, fill: ImportedFill, stamp_us: int) -> None:
        trade = fill.trade
        if self._survey.has_aggregates(trade.symbol):
            return
        if fill.market:
            self._event(trade, stamp_us)
            return
        topic = topic_of(self._venue, trade)
        track = self._tracks.get(topic)
        if isinstance(track, TradesTrack):
            self._put(topic, track.passed(trade, stamp_us), stamp_us)

    def _grow(self, trade: Trade, stamp_us: int) -> None:
        bars = self._bars.get(trade.symbol)
        if bars is not None:
            self._put_bars(trade.symbol, bars.add(trade), stamp_us)

    def _second(self, stamp_us: int) -> None:
        """Check the books, and show the bars that grew."""
        for topic, track in self._books.items():
            book = self._builder.state(topic).fold
            assert isinstance(book, Book)
            self._put(topic, track.check(book, stamp_us), stamp_us)
        for symbol, bars in self._bars.items():
            self._put_bars(symbol, bars.due(stamp_us), stamp_us)

    def _put_bars(self, symbol: str, bars: Iterable[Event], stamp_us: int) -> None:
        for bar in bars:
            topic = topic_of(self._venue, bar)
            assert topic.symbol == symbol
            self._put(topic, self._tracks[topic].event(bar, stamp_us), stamp_us)

    def _disconnected(self, item: Disconnected, stamp_us: int) -> None:
        symbols = {symbol for symbol, _ in item.of}
        for topic, track in self._tracks.items():
            market = topic.symbol == WHOLE_MARKET and bool(symbols)
            if market or (topic.symbol, topic.channel) in item.of:
                self._put(topic, track.lost(item.reason, stamp_us, line=False), stamp_us)

    def _unreadable(self, item: Unreadable, stamp_us: int) -> None:
        reason = f"line {item.line} cannot be read"
        for topic, track in self._tracks.items():
            if item.channel in ("", topic.channel):
                self._put(topic, track.lost(reason, stamp_us, line=True), stamp_us)

    def _put(self, topic: Topic, events: Iterator[Event], stamp_us: int) -> list[Event]:
        written = list(events)
        for event in written:
            self._builder.put(topic, event, stamp_us)
        return written
