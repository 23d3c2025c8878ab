"""One topic of this process: its only fold, its quality and its readers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final, Literal

import msgspec

from orderfox_nb.core.book import Book
from orderfox_nb.core.channels import channel_spec, fold_for
from orderfox_nb.core.events import Candle, Event, Gap, Liquidation, Status, StreamState, Topic, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.lapses import LapseLog
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.quality import QualityState, QualityTracker
from orderfox_nb.desk.reader import EventReader, Numbered, Repeat
from orderfox_nb.desk.watched import Watched, Watchers

_STREAM_STATE: Final[dict[QualityState, StreamState]] = {
    QualityState.GAP: "gap",
    QualityState.STALE: "stale",
    QualityState.SKEWED: "skewed",
}

_arrivals: Final = count(1)
"""Numbers the events of all topics of this process in the order in which they are folded."""


class TopicState(Watched[QualityTracker]):
    """A topic's fold, quality and readers; written on one loop, by the hub's pump and by what history brings.

    Args:
        topic: The topic.
        instrument: The record of its symbol.
        now_us: The venue's clock.
        lapses: Those of an earlier time of the topic, which continue.
        recorded: Whether it is played back, so that silence means nothing.
        report_wrong: Called with the reason when the state cannot be right.
    """

    def __init__(
        self,
        topic: Topic,
        instrument: Instrument,
        *,
        now_us: Callable[[], int],
        lapses: LapseLog | None = None,
        recorded: bool = False,
        report_wrong: Callable[[TopicState, str], None] = lambda _state, _reason: None,
    ) -> None:
        self.spec = channel_spec(topic.channel)
        self.opened_us = now_us()
        quality = QualityTracker(topic.channel, lapses=lapses, recorded=recorded, opened_us=self.opened_us)
        super().__init__(topic, instrument, fold_for(topic, instrument), quality)
        self.sequence = 0
        """Number of the last event of the topic."""
        self.status: Status | None = None
        """Last status of the connection; the state of the data is in the quality."""
        self.last_us = 0
        """Exchange time of the last event that was not a status."""
        self.lag_us = 0
        """How old an event was when it came, by the venue's clock: the first one since the last ``advance``."""
        self._lag_known = False
        self.reconnects = 0
        self.dropped = 0
        self.quality_changes = Watchers()
        """What follows the state of the quality alone, which changes seldom."""
        self._known_quality = quality.state
        self.prelude_read = False
        """Whether all of its past has come, since the venue last restarted."""
        self._sent_again = False
        """Whether what comes is what the source knew before the steps changed: up to the end of its next prelude."""
        self._now_us = now_us
        self._report_wrong = report_wrong
        self._readers: set[EventReader] = set()
        self._taps: set[Callable[[Event], None]] = set()

    def apply(self, event: Event) -> None:
        """Fold an event and hand it to every reader.

        Raises:
            EventError: The fold cannot apply it; no reader got it.
            OffStep: A price or size that is not a multiple of the instrument's step; no reader got it.
        """
        # What was before may have had other steps, also where the source sends it again behind its gap.
        if event.received_us and not self._sent_again:
            if type(event) is Trade:
                self.instrument.check(event.price, event.size)
            elif type(event) is Candle:
                self.instrument.check(event.close)
        self._apply(event)

    def _apply(self, event: Event, *, again: bool = False) -> None:
        if type(event) is Liquidation:
            again = self._fold_order(event) or again
        else:
            self.fold.apply(event)
        self.quality.apply(event)
        self.sequence += 1
        if type(event) is Status:
            if event.state == "live" and self.status is not None and self.status.state == "down":
                self.reconnects += 1
            if event.state in ("connecting", "live", "down"):
                self.status = event
            self.prelude_read = self.prelude_read or event.ends_prelude
            self._sent_again = self._sent_again and not event.ends_prelude
        elif type(event) is Gap:
            if event.restart:
                self.prelude_read = False
                self.last_us = 0
                self.restarts += 1
        else:
            self.last_us = event.time_us
            if not self._lag_known and event.received_us:
                self.lag_us, self._lag_known = self._now_us() - event.time_us, True
        if self._readers:
            numbered = (Repeat if again else Numbered)(self.sequence, event, next(_arrivals))
            for reader in self._readers:
                reader.put(numbered)
        for tap in self._taps:
            tap(event)
        self.touch()

    def _fold_order(self, event: Liquidation) -> bool:
        """Fold an order; return whether it is a known one, which only the fold can distinguish from an equal one."""
        fold = self.fold
        if not isinstance(fold, LiquidationState):
            fold.apply(event)
            return False
        before = fold.orders.version
        fold.apply(event)
        return fold.orders.version == before

    def relist(self, instrument: Instrument, reason: str) -> None:
        """Count by another tick and lot size from now on: the fold and every reader begin again with what is known.

        What is a snapshot and its changes begins empty: levels that fell on one old tick have overwritten each other.
        """
        past = [numbered.event for numbered in self.prelude() if not isinstance(numbered.event, Gap)]
        self.instrument = instrument
        self.fold = fold_for(self.topic, instrument)
        now_us = self._now_us()
        self._apply(Gap(symbol=self.topic.symbol, time_us=now_us, reason=reason, restart=True, relisted=True))
        if self.spec.snapshot is None:
            for event in past:
                self._apply(event, again=True)

    def follow_relisting(self, instrument: Instrument, gap: Gap) -> None:
        """Count by another tick and lot size from a gap of the stream on, which sends what is known behind it."""
        self.instrument = instrument
        self.fold = fold_for(self.topic, instrument)
        self._sent_again = True
        self._apply(gap)

    @property
    def whole(self) -> bool:
        """Whether the fold has everything of its prelude: the one answer to whether it may be shown or returned.

        True from the first ``Status`` that ends a prelude, also while a connection is lost later, and False again from
        a restart of the venue to the end of the next prelude. A book is whole only while it is synced.
        """
        return self.prelude_read and self.spec.whole(self.fold)

    @property
    def known_us(self) -> int:
        """From when on its rare events are known, 0 where a history of those before is in the fold."""
        return 0 if self.quality.history == "complete" else self.opened_us

    def touch(self) -> None:
        self.revision += 1
        # In a whole market most topics have no watcher.
        if self._watchers or self.quality.state is not self._known_quality:
            self.signal()

    def signal(self) -> None:
        for changed in self._watchers:
            changed()
        if (state := self.quality.state) is not self._known_quality:
            self._known_quality = state
            self.quality_changes.signal()

    def advance(self, now_us: int, local_us: int, *, signal: bool = True) -> None:
        """Let time pass for the quality, and for whatever of a frame depends on time.

        Args:
            now_us: The venue's time.
            local_us: Our time, without the time in which this process did not run.
            signal: Notify frames even if the quality is unchanged.
        """
        self._lag_known = False
        before = self.quality.state
        self.quality.advance(now_us, local_us)
        if signal or self.quality.state is not before:
            self.signal()

    def check(self, *, closely: bool = True) -> None:
        """Report a book whose best bid is at or above its best ask as wrong.

        Args:
            closely: Bring it up to date also where the changes that wait cannot have crossed it.
        """
        book = self.fold
        if isinstance(book, Book) and book.synced and (closely or book.may_be_crossed) and book.crossed:
            self._report_wrong(self, f"crossed book: best bid {book.best_bid}, best ask {book.best_ask} in ticks")

    def prelude(self) -> list[Numbered]:
        """Return the events that rebuild the fold and its quality; empty before the first event.

        The status behind them says whether they are the whole past.
        """
        if self.sequence == 0:
            return []
        # A gap that is still open comes last, behind the status that would otherwise end it.
        events: list[Event] = []
        gap: Event | None = None
        for event in self.fold.prelude():
            if isinstance(event, Gap):
                gap = event
            else:
                events.append(event)
        if self.status is not None:
            status = self.status
            if self.prelude_read and not status.ends_prelude:
                status = msgspec.structs.replace(status, whole=True)
            events.append(status)
            if gap is None and (reported := _STREAM_STATE.get(self.quality.state)) is not None:
                quality = self.quality
                events.append(
                    msgspec.structs.replace(
                        self.status, state=reported, time_us=quality.since_us, reason=quality.reason, lost=quality.lost
                    )
                )
        if gap is not None:
            events.append(gap)
        return [Numbered(self.sequence, event) for event in events]

    def read(self, *, bound: int, overflow: Literal["gap", "close"]) -> EventReader:
        """Add a reader: its prelude and its first live event have nothing between them."""
        reader = EventReader(self.topic, self.prelude, bound=bound, overflow=overflow)
        if self.ended:
            reader.end(self.error)
        self._readers.add(reader)
        return reader

    def unread(self, reader: EventReader) -> None:
        """Remove a reader."""
        self._readers.discard(reader)
        self.dropped += reader.dropped

    def tap(self, tap: Callable[[Event], None]) -> None:
        """Call a function with every event once it is folded; it must not do work or raise."""
        self._taps.add(tap)

    def untap(self, tap: Callable[[Event], None]) -> None:
        """Stop calling it."""
        self._taps.discard(tap)

    def end(self, error: BaseException | None = None) -> None:
        """End every reader: no more events come."""
        self.ended = True
        self.error = error
        if error is not None:
            down = Status(symbol=self.topic.symbol, time_us=self._now_us(), state="down", reason=str(error))
            self.quality.apply(msgspec.structs.replace(down, coverage=self.quality.coverage))
        for reader in self._readers:
            reader.end(error)
        self.touch()

    @property
    def readers(self) -> int:
        """How many read events."""
        return len(self._readers)

    @property
    def lost(self) -> int:
        """How many events slow readers lost."""
        return self.dropped + sum(reader.dropped for reader in self._readers)
