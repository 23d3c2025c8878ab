"""One stream and its readers, passed from an old socket to a new one without a hole. No I/O."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap, Liquidation, Trade
from orderfox_nb.core.liquidations import OrderKey, order_key
from orderfox_nb.core.restart import proves_restart
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.items import Item, Live, Lost, Malformed, Renewed, Resumed, Silent

HELD_EVENTS: Final = 10_000
"""How many events of the new socket wait for the old one to catch up; the oldest are dropped first."""
HELD_BYTES: Final = 4_000_000
"""Limit on the level text of these events: one book update may have 256 kB."""


class HeldEvents:
    """The newest events of a successor, bounded by count and by bytes; one that is larger than all is kept alone."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self.bytes = 0
        """Bytes of level text in the held events."""

    def __len__(self) -> int:
        return len(self._events)

    @property
    def first(self) -> Event:
        """The oldest event."""
        return self._events[0]

    def append(self, event: Event) -> None:
        """Hold an event; the oldest are dropped to make room."""
        event = event.detached() if isinstance(event, BookDelta) else event
        self._events.append(event)
        self.bytes += _bytes_of(event)
        while len(self._events) > HELD_EVENTS or (self.bytes > HELD_BYTES and len(self._events) > 1):
            self.bytes -= _bytes_of(self._events.popleft())

    def clear(self) -> list[Event]:
        """Remove all held events and return them, in order."""
        events, self._events, self.bytes = list(self._events), deque(), 0
        return events


class Route:
    """Delivers the events of one stream to its readers, each once and in order, also while two sockets carry it.

    The first source that speaks is followed. Events of a successor are held until they join what was delivered, by
    update id or trade sequence; from then on it is followed alone. What has no ids changes over at once, except
    liquidations: they are rare, so both sources deliver and equal ones count once. Of trades without a sequence both
    deliver, too: their reader counts each once, by its id.
    """

    def __init__(self, *, unbroken: bool = True) -> None:
        self._unbroken = unbroken
        self.readers: list[Inbox[Item]] = []
        self.takes: dict[Inbox[Item], Callable[[Event], bool]] = {}
        """Which events a reader of a shared stream gets; the others get all."""
        self.live = False
        self.renewals = 0
        """How often the stream was resubscribed since its last event."""
        self.renewed = False
        """Whether it is being resubscribed."""
        self._source: object | None = None
        self._successor: object | None = None
        self._held = HeldEvents()
        self._last_id = -1
        self._last_us = 0
        self._floor_id = -1
        self._delivered: Counter[OrderKey] = Counter()
        self._seen: dict[object, Counter[OrderKey]] = {}

    @property
    def passing(self) -> bool:
        """Whether the old source is still followed while a successor is there."""
        return self._successor is not None

    def open(self, source: object) -> None:
        """The venue has acknowledged the stream on a source."""
        if self._source is None:
            self._source = source
        if not self.live:
            self.live = True
            self.notify(Live())
        elif self.renewed and self.takes:
            self.notify(Renewed("the stream was silent, subscribed to once more"))
        self.renewed = False

    def expect(self, successor: object) -> None:
        """Another source will carry the stream from now on, beside the current one."""
        if self._source is not None and self._source is not successor:
            self._successor = successor
            self._held.clear()
            self._delivered.clear()
            self._seen.clear()

    def give_up(self, successor: object) -> None:
        """The successor has failed; the current source continues."""
        if self._successor is successor:
            self._successor = None
            self._held.clear()
        elif self._source is successor:
            # The successor was already in use: the next source to deliver continues from its last id.
            self._source = None
            self._floor_id = self._last_id

    def end(self, source: object) -> None:
        """A source has ended as planned: its successor, if any, is followed from here."""
        if self._source is source:
            self._follow_successor()
        self._seen.clear()
        self._delivered.clear()

    def disconnect(self, source: object, reason: str, *, silent_us: int = 0) -> None:
        """The source has failed after such a silence, and no other source carries the stream."""
        if self._source is source or self._source is None:
            self._source = self._successor = None
            self._held.clear()
            self._floor_id = -1
            self.live = False
            self.notify(Lost(reason, silent_us=silent_us))

    def refuse(self, reason: str) -> None:
        """The venue has refused the stream: it is tried again later."""
        self.live = False
        self.notify(Lost(reason, refused=True))

    def malformed(self, reason: str) -> None:
        """A frame could not be read."""
        self.notify(Malformed(reason))

    def notify(self, notice: Live | Lost | Renewed | Malformed | Silent | Resumed) -> None:
        """Notify every reader of a change in the stream."""
        for inbox in self.readers:
            if isinstance(notice, (Live, Lost)):
                inbox.put_notice(notice)
            else:
                inbox.put(notice)

    def handle(self, source: object, event: Event) -> Inbox[Item] | None:
        """Handle an event of a source; returns the inbox of a reader that lags, if any."""
        self.renewals = 0
        if type(event) is Liquidation or type(event) is Gap:
            # What one socket has lost the other may have: a gap is reported all the same.
            return self._deliver(event) if isinstance(event, Gap) or self._is_new(source, event) else None
        if source is self._source and self._successor is None and self._floor_id < 0:
            return self._deliver(event)
        if self._source is None:
            self._source = source
        if type(event) is Trade and event.sequence is None:
            return self._deliver(event)
        if source is self._source:
            if self._floor_id >= 0:
                # The new source may still have to catch up with what the old one had delivered.
                if self._delivered_up_to(event, self._floor_id):
                    return None
                self._floor_id = -1
            crowded = self._deliver(event)
            if self._held:
                self._join()
            return crowded
        if source is self._successor:
            self._held.append(event)
            self._join()
        return None

    def _is_new(self, source: object, event: Liquidation) -> bool:
        if self._successor is None and not self._seen:
            return True
        # Two real orders may be equal: only what another socket has delivered already is the same one.
        key = order_key(event)
        seen = self._seen.setdefault(source, Counter())
        seen[key] += 1
        if seen[key] <= self._delivered[key]:
            return False
        self._delivered[key] += 1
        return True

    def _join(self) -> None:
        before, _ = _ids(self._held.first, unbroken=self._unbroken)
        if before <= self._last_id or self._last_id < 0:
            self._follow_successor()

    def _follow_successor(self) -> None:
        self._source, self._successor = self._successor, None
        for event in self._held.clear():
            if not self._delivered_up_to(event, self._last_id):
                self._deliver(event)
        self._floor_id = self._last_id

    def _delivered_up_to(self, event: Event, last_id: int) -> bool:
        # Low ids with current timestamps are new events: the venue restarted.
        return 0 <= _ids(event)[1] <= last_id and not proves_restart(event.time_us, self._last_us)

    def _deliver(self, event: Event) -> Inbox[Item] | None:
        last_id = event.last_id if type(event) is BookDelta else _ids(event)[1]
        if last_id >= 0:
            # What has no id, such as the liquidation of a trade, stands between two that have one.
            self._last_id = last_id
        self._last_us = max(self._last_us, event.time_us)
        crowded: Inbox[Item] | None = None
        takes = self.takes
        for inbox in self.readers:
            if takes and inbox in takes and not takes[inbox](event):
                continue
            if inbox.put(event) and inbox.crowded:
                crowded = inbox
        return crowded


def _ids(event: Event, *, unbroken: bool = True) -> tuple[int, int]:
    """Return what an event follows and where it ends, -1 for what has no ids.

    Args:
        unbroken: Trades follow each other without holes; where they do not, one follows only what is itself.
    """
    if isinstance(event, BookDelta):
        return event.previous_id, event.last_id
    if isinstance(event, BookSnapshot):
        return -1, event.update_id
    if isinstance(event, Trade) and event.sequence is not None:
        return event.sequence - unbroken, event.sequence
    return -1, -1


def _bytes_of(event: Event) -> int:
    return event.level_bytes if isinstance(event, BookDelta) else 0
