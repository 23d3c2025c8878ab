"""One topic of this process: its only fold, its quality and whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from orderfox_nb.core.events import Event, Gap, Status, Topic
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.folds import fold_for
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.quality import Quality
from orderfox_nb.desk.reader import EventReader, Numbered


class TopicState:
    """A topic's fold, quality and readers; written on one loop, by the hub's pump and by what history brings.

    Args:
        topic: What it is about.
        instrument: The record of its symbol.
        now_us: The venue's clock.
    """

    def __init__(self, topic: Topic, instrument: Instrument, *, now_us: Callable[[], int]) -> None:
        self.topic = topic
        self.instrument = instrument
        self.fold: Fold[Any] = fold_for(topic, instrument)
        self.quality = Quality(topic.channel)
        self.sequence = 0
        """Number of the last event of the topic."""
        self.revision = 0
        """Counts whatever may change a frame: events, trades that move a bar, quality."""
        self.opened_us = now_us()
        self.status: Status | None = None
        self.last_us = 0
        """Exchange time of the last event that was no status."""
        self.lag_us = 0
        """How old that event was when it came, by the venue's clock."""
        self.reconnects = 0
        self.dropped = 0
        self.users = 0
        """Readers of events and of frames."""
        self.error: BaseException | None = None
        self.ended = False
        self._now_us = now_us
        self._readers: set[EventReader] = set()
        self._watchers: set[Callable[[], None]] = set()

    def take(self, event: Event) -> None:
        """Fold an event and hand it to every reader.

        Raises:
            EventError: The fold cannot take it; nobody has seen it.
        """
        self.fold.apply(event)
        self.quality.apply(event)
        self.sequence += 1
        if isinstance(event, Status):
            if event.state == "live" and self.status is not None and self.status.state == "down":
                self.reconnects += 1
            self.status = event
        elif not isinstance(event, Gap):
            self.last_us = event.time_us
            if event.received_us:
                self.lag_us = self._now_us() - event.time_us
        numbered = Numbered(self.sequence, event)
        for reader in self._readers:
            reader.put(numbered)
        self.touch()

    def move_bar(self, trade: Event) -> None:
        """Let a trade of the symbol's trades topic move the open bar until the venue's next kline.

        Before the venue's first bars a trade would begin a bar of its own, so it waits for them.
        """
        if self.last_us:
            self.fold.apply(trade)
            self.touch()

    def advance(self, now_us: int) -> None:
        """Let time pass for the quality, and for whatever of a frame depends on time."""
        self.quality.advance(now_us)
        self._signal()

    def touch(self) -> None:
        """Say that something changed."""
        self.revision += 1
        self._signal()

    def _signal(self) -> None:
        for changed in self._watchers:
            changed()

    def prelude(self) -> list[Numbered]:
        """Return the events that rebuild the fold and its quality; empty before the first event."""
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
            events.append(self.status)
        if gap is None and self.quality.wire().state == "gap":
            gap = Gap(symbol=self.topic.symbol, time_us=self.last_us, reason=self.quality.reason)
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

    def watch(self, changed: Callable[[], None]) -> None:
        """Call a function after every change; it must only take note."""
        self._watchers.add(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call it no more."""
        self._watchers.discard(changed)

    def end(self, error: BaseException | None = None) -> None:
        """Tell everybody that no more events come."""
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
