"""Records as events, with every loss among them, and the state of topics at a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Event, Gap, Status, Topic
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError
from orderfox_nb.recording.entries import Alive, Events, JournalRecord, batches
from orderfox_nb.recording.files import RecordingFiles

_UNREAD: Final = "not recorded: nobody read it"


class StateAt(msgspec.Struct):
    """A topic as it was at one moment."""

    topic: Topic
    fold: Fold[Any]
    instrument: Instrument
    seq: int
    """The last event in it."""
    status: Status | None = None
    """What was said last of the connection."""
    whole: bool = False
    """Whether a whole prelude is in it."""
    open: bool = True
    """Whether the topic was recorded then."""

    @classmethod
    def empty(cls, topic: Topic, instrument: Instrument, seq: int = 0) -> StateAt:
        """Return the state before the first event."""
        return cls(topic, fold_for(topic, instrument), instrument, seq)

    def apply(self, event: Event, seq: int, instrument: Instrument) -> None:
        """Apply an event; one that cannot follow is a gap, as it was when it was recorded."""
        if type(event) is Gap and event.relisted:
            self.fold, self.instrument = fold_for(self.topic, instrument), instrument
        try:
            self.fold.apply(event)
        except EventError as error:
            self.fold.apply(Gap(symbol=self.topic.symbol, time_us=event.time_us, reason=str(error)))
        self.seq = seq
        if type(event) is Gap:
            self.whole = self.whole and not event.restart
        elif type(event) is Status:
            if event.state in {"connecting", "live", "down"}:
                self.status = event
            self.whole = self.whole or event.ends_prelude

    def prelude(self) -> list[Event]:
        """Return the events that rebuild the state, as a reader who comes now gets them."""
        gaps = [event for event in self.fold.prelude() if isinstance(event, Gap)]
        events: list[Event] = [event for event in self.fold.prelude() if not isinstance(event, Gap)]
        if self.status is not None:
            status = self.status
            if self.whole and not status.ends_prelude:
                status = msgspec.structs.replace(status, whole=True)
            events.append(status)
        # An open gap comes behind the status that would end it.
        return [*events, *gaps[-1:]]


class Continuity:
    """Turns records into events that a fold can follow, with every loss among them.

    Args:
        unknown: Indexes of topics whose state is unknown at the first record: they begin with a keyframe.
    """

    def __init__(self, unknown: Iterable[int] = ()) -> None:
        self._broken = set(unknown)
        self._rebuilding: set[int] = set()
        self._closed: set[Topic] = set()

    def event(self, record: JournalRecord) -> Event | None:
        """Return what a reader gets for a record, None for nothing."""
        kind, row, _, stamp_us, event = record
        if kind == "event":
            return event
        symbol = row.topic.symbol
        match kind:
            case "closed":
                self._closed.add(row.topic)
                return Status(symbol=symbol, time_us=stamp_us, state="down", reason=f"{_UNREAD} from here on")
            case "opened":
                self._broken.discard(row.index)
                if row.topic in self._closed:
                    self._closed.discard(row.topic)
                    return Gap(symbol=symbol, time_us=stamp_us, reason=f"{_UNREAD} up to here")
            case "lost":
                self._broken.add(row.index)
            case "keyframe":
                self._rebuilding.discard(row.index)
                if row.index in self._broken:
                    self._broken.discard(row.index)
                    self._rebuilding.add(row.index)
            case "state":
                return event if row.index in self._rebuilding else None
            case _:
                pass
        return event

    def known(self, index: int, topic: Topic, *, open_now: bool) -> None:
        """Begin a topic with its current state, which was read elsewhere."""
        self._broken.discard(index)
        self._closed.discard(topic)
        if not open_now:
            self._closed.add(topic)


def state_at(files: RecordingFiles, topic: Topic, stamp_us: int, seq: int | None = None) -> StateAt | None:
    """Return a topic as it was at a moment, None if nothing of it is recorded up to then.

    Args:
        files: The recording.
        topic: Topic of the state.
        stamp_us: The moment.
        seq: The last event that belongs to it; all up to the moment by default.
    """
    return states_at(files, [topic], stamp_us, seq).get(topic)


def states_at(
    files: RecordingFiles,
    topics: Iterable[Topic],
    stamp_us: int,
    seq: int | None = None,
    *,
    given_up: Callable[[], bool] | None = None,
) -> Mapping[Topic, StateAt]:
    """Return topics as they were at a moment, as ``state_at`` does, with one reading of the blocks.

    Args:
        files: The recording.
        topics: Those that are looked for.
        stamp_us: The moment.
        seq: The last event of that moment.
        given_up: Whether nobody needs them any more, asked after each block; nothing is returned then.
    """
    last = files.block_at(stamp_us)
    begins: dict[int, int] = {}
    for topic in topics:
        if found := [index for index in files.indexes(topic) if files.declared[index].block <= last]:
            begins[found[-1]] = files.keyframe(found[-1], last)
    states: dict[int, StateAt] = {}
    first = min(begins.values(), default=0)
    for record in batches(files, first, last, indexes=frozenset(begins), begins=begins) if begins else ():
        if type(record) is Alive:
            if given_up is not None and given_up():
                return {}
            continue
        if type(record) is Events:
            if not _apply_events(states, record, stamp_us, seq):
                break
            continue
        assert isinstance(record, JournalRecord)
        if record.stamp_us > stamp_us or (seq is not None and record.seq > seq):
            break
        event, instrument, index = record.event, record.row.instrument, record.row.index
        if record.kind in {"opened", "keyframe"}:
            states[index] = StateAt.empty(record.row.topic, instrument, record.seq)
        elif (state := states.get(index)) is None:
            continue
        elif record.kind == "closed":
            state.open = False
        elif event is not None:
            state.apply(event, record.seq, instrument)
    return {state.topic: state for state in states.values()}


def _apply_events(states: Mapping[int, StateAt], found: Events, stamp_us: int, seq: int | None) -> bool:
    """Apply the events of a block; return False if the moment lies among them."""
    for index, at, event_us, event in found.events:
        if event_us > stamp_us or (seq is not None and at > seq):
            return False
        if (state := states.get(index)) is not None:
            state.apply(event, at, found.rows[index].instrument)
    return True
