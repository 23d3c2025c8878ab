"""Reads the lines of blocks as records, with what is missing between them announced in band."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec

from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Event, Gap, Status, Topic, decode_event, is_restart
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError
from orderfox_nb.recording.files import RecordingFiles, decode_row
from orderfox_nb.recording.journal import TopicRow

Kind = Literal["event", "opened", "closed", "keyframe", "state", "lost"]
_KINDS: Final[dict[bytes, Kind]] = {b"O": "opened", b"X": "closed", b"K": "keyframe"}
new_tuple: Final[Any] = cast("Any", tuple).__new__
"""Makes a named tuple in a third of the time."""
_UNREAD: Final = "not recorded: nobody read it"


class JournalRecord(NamedTuple):
    """One thing that a recording says of a topic.

    ``event`` was folded then; ``opened`` and ``closed`` are about the topic; ``keyframe`` begins a state whose events
    (``state``) follow it; ``lost`` says that events are missing here, with a ``Gap``.
    """

    kind: Kind
    row: TopicRow
    seq: int
    stamp_us: int
    event: Event | None


class Alive(NamedTuple):
    """The end of a block: the recorder was at work up to the stamp."""

    block: int
    seq: int
    stamp_us: int


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
        if isinstance(event, Gap) and event.relisted:
            self.fold, self.instrument = fold_for(self.topic, instrument), instrument
        try:
            self.fold.apply(event)
        except EventError as error:
            self.fold.apply(Gap(symbol=self.topic.symbol, time_us=event.time_us, reason=str(error)))
        self.seq = seq
        if is_restart(event):
            self.whole = False
        elif isinstance(event, Status):
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


def records(
    files: RecordingFiles, first: int = 0, last: int | None = None, *, indexes: Container[int] | None = None
) -> Iterator[JournalRecord]:
    """Read the records of blocks in order.

    Args:
        files: The recording.
        first: The block to begin with.
        last: The last block, by default that of the recording.
        indexes: Read only these topics; all by default.
    """
    for entry in entries(files, first, last, indexes=indexes):
        if isinstance(entry, JournalRecord):
            yield entry


def entries(  # noqa: PLR0912  (one branch a kind of line)
    files: RecordingFiles,
    first: int = 0,
    last: int | None = None,
    *,
    indexes: Container[int] | None = None,
    begins: Mapping[int, int] | None = None,
) -> Iterator[JournalRecord | Alive]:
    """Read blocks in order as ``records`` does, with the end of each.

    ``indexes`` may change while the entries are read: each line is looked up when its turn comes. So may the recording
    grow: a block that was found before the end of the one before it is read too. ``begins`` has for some indexes the
    block before which nothing of them is read.
    """
    rows = {index: declared.row for index, declared in files.declared.items()}
    open_now: set[int] = set()
    seq = stamp_us = 0
    expected: int | None = None
    for number in count(first):
        if number >= len(files.blocks) or (last is not None and number > last):
            return
        head = files.blocks[number].head
        problem = "" if expected in {None, head.number} else "a part of the recording is missing"
        expected = head.number + 1
        lines: list[bytes] = []
        try:
            lines = files.lines(number)
        except (ValueError, OSError) as error:
            problem = f"a part of the recording cannot be read: {error}"
        if problem:
            time_us = stamp_us or head.stamp_us
            yield from (_lost(rows[index], seq, time_us, problem) for index in sorted(open_now))
        for line in lines:
            code = line[:1]
            if code == b"E":
                # Nearly every line: what follows is what a replay costs.
                index_text, seq_text, stamp_text, text = line.split(b" ", 3)
                index = int(index_text[1:])
                if (indexes is None or index in indexes) and not (begins and number < begins.get(index, 0)):
                    seq, stamp_us = int(seq_text), int(stamp_text)
                    yield new_tuple(JournalRecord, ("event", rows[index], seq, stamp_us, decode_event(text)))
                    open_now.add(index)
                continue
            if code == b"H":
                continue
            if code == b"T":
                row = decode_row(line[1:])
                rows[row.index] = row
                continue
            if code == b"A":
                seq, stamp_us = map(int, line[1:].split(b" "))
                yield Alive(number, seq, stamp_us)
                continue
            end = line.index(b" ")
            index = int(line[1:end])
            if (indexes is not None and index not in indexes) or (begins and number < begins.get(index, 0)):
                continue
            if code == b"P":
                yield JournalRecord("state", rows[index], seq, stamp_us, decode_event(line[end:]))
                continue
            seq, stamp_us = map(int, line[end + 1 :].split(b" "))
            yield JournalRecord(_KINDS[code], rows[index], seq, stamp_us, None)
            if code != b"X":
                open_now.add(index)
            else:
                open_now.discard(index)


def _lost(row: TopicRow, seq: int, time_us: int, reason: str) -> JournalRecord:
    return JournalRecord("lost", row, seq, time_us, Gap(symbol=row.topic.symbol, time_us=time_us, reason=reason))


class Continuity:
    """Turns records into events that a fold can follow, with every loss among them.

    Args:
        unknown: Indexes of topics whose state is not known at the first record: they begin with a keyframe.
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
        """Begin a topic with its state of now, which was read elsewhere."""
        self._broken.discard(index)
        self._closed.discard(topic)
        if not open_now:
            self._closed.add(topic)


def state_at(files: RecordingFiles, topic: Topic, stamp_us: int, seq: int | None = None) -> StateAt | None:
    """Return a topic as it was at a moment, None where nothing of it is recorded up to then.

    Args:
        files: The recording.
        topic: Whose state.
        stamp_us: The moment.
        seq: The last event that belongs to it; all up to the moment by default.
    """
    return states_at(files, [topic], stamp_us, seq).get(topic)


def states_at(
    files: RecordingFiles, topics: Iterable[Topic], stamp_us: int, seq: int | None = None
) -> Mapping[Topic, StateAt]:
    """Return topics as they were at a moment, as ``state_at`` does, with one reading of the blocks."""
    last = files.block_at(stamp_us)
    begins: dict[int, int] = {}
    for topic in topics:
        if found := [index for index in files.indexes(topic) if files.declared[index].block <= last]:
            begins[found[-1]] = files.keyframe(found[-1], last)
    states: dict[int, StateAt] = {}
    first = min(begins.values(), default=0)
    for record in entries(files, first, last, indexes=begins, begins=begins) if begins else ():
        if isinstance(record, Alive):
            continue
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
