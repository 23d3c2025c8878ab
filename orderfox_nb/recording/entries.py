"""Reads the lines of blocks as records of topics, with what is missing between them announced in band."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import count, groupby
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec

from orderfox_nb.core.events import Event, Gap, decode_event
from orderfox_nb.recording.files import RecordingFiles, decode_row
from orderfox_nb.recording.journal import TopicRow

Kind = Literal["event", "opened", "closed", "keyframe", "state", "lost"]
_KINDS: Final[dict[bytes, Kind]] = {b"O": "opened", b"X": "closed", b"K": "keyframe"}
_OTHERS: Final = tuple(code.encode() for code in "AHKOPTX")
"""The kinds of lines that are not events."""
_index: Final[Callable[[tuple[int, int, int, Event]], int]] = itemgetter(0)
new_tuple: Final[Any] = cast("Any", tuple).__new__
"""Makes a named tuple in a third of the time."""
_decode_events = msgspec.json.Decoder(list[tuple[int, int, int, Event]]).decode


class JournalRecord(NamedTuple):
    """One record of a topic.

    ``event`` was folded then; ``opened`` and ``closed`` are about the topic; ``keyframe`` begins a state whose events
    (``state``) follow it; ``lost`` says that events are missing here, with a ``Gap``.
    """

    kind: Kind
    row: TopicRow
    seq: int
    stamp_us: int
    event: Event | None


class Alive(NamedTuple):
    """The end of a block: the recorder was running up to the stamp."""

    block: int
    seq: int
    stamp_us: int


class Events(NamedTuple):
    """Consecutive events of a block, without other records among them."""

    rows: Mapping[int, TopicRow]
    """By index, as they are now."""
    events: Sequence[tuple[int, int, int, Event]]
    """Index, ``seq``, stamp and event of each."""


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


def entries(
    files: RecordingFiles,
    first: int = 0,
    last: int | None = None,
    *,
    indexes: Container[int] | None = None,
    begins: Mapping[int, int] | None = None,
) -> Iterator[JournalRecord | Alive]:
    """Read blocks in order as ``records`` does, with the end of each.

    ``indexes`` may change while the entries are read: each line is looked up when it is read. The recording may grow
    meanwhile: a block that is found before the end of the previous one is read, too. ``begins`` maps indexes to the
    first block of which they are read; ``indexes`` is then a frozenset of them.
    """
    for found in batches(files, first, last, indexes=indexes, begins=begins):
        if not isinstance(found, Events):
            yield found
            continue
        rows = found.rows
        for index, seq, stamp_us, event in found.events:
            if indexes is None or index in indexes:
                yield new_tuple(JournalRecord, ("event", rows[index], seq, stamp_us, event))


def batches(
    files: RecordingFiles,
    first: int = 0,
    last: int | None = None,
    *,
    indexes: Container[int] | None = None,
    begins: Mapping[int, int] | None = None,
) -> Iterator[Events | JournalRecord | Alive]:
    """Read blocks as ``entries`` does, with the events of a block together if the topics to read are fixed.

    They are fixed for all topics, and for a frozenset of ``indexes``. Blocks with other records than events are read
    line by line, which takes several times as long.
    """
    reading = _BlockReader(files, indexes, begins)
    for number in count(first):
        if number >= len(files.blocks) or (last is not None and number > last):
            return
        yield from reading.block(number)


class _BlockReader:
    """State of the topics while blocks are read one after the other."""

    def __init__(self, files: RecordingFiles, indexes: Container[int] | None, begins: Mapping[int, int] | None) -> None:
        self._files = files
        self._indexes = indexes
        self._begins = begins or {}
        self._prefixes: tuple[int, tuple[bytes, ...]] = (-1, ())
        """How many of ``indexes`` are read by now, and what lines begin with that must not be skipped."""
        self._rows = {index: declared.row for index, declared in files.declared.items()}
        self._open: set[int] = set()
        self._seq = self._stamp_us = 0
        self._expected: int | None = None

    def block(self, number: int) -> Iterator[Events | JournalRecord | Alive]:
        """Yield the records of a block, after a loss if something is missing before it or in it."""
        head = self._files.blocks[number].head
        problem = "" if self._expected in {None, head.number} else "a part of the recording is missing"
        self._expected = head.number + 1
        lines: Sequence[bytes] = ()
        try:
            lines = self._files.lines(number)
        except (ValueError, OSError) as error:
            problem = f"a part of the recording cannot be read: {error}"
        if problem:
            time_us = self._stamp_us or head.stamp_us
            yield from (_lost(self._rows[index], self._seq, time_us, problem) for index in sorted(self._open))
        read_together, lines = self._chosen(lines, number)
        if not read_together:
            runs: Iterable[tuple[bool, Iterable[bytes]]] = [(False, lines)]
        elif head.declares or head.keys:
            runs = groupby(lines, key=_is_event)
        else:
            runs = [(True, lines[:-1]), (False, lines[-1:])]
        for are_events, run in runs:
            if are_events and (events := self._together(run := list(run))) is not None:
                yield events
                continue
            for line in run:
                if (found := self._line(line, number)) is not None:
                    yield found

    def _chosen(self, lines: Sequence[bytes], number: int) -> tuple[bool, Sequence[bytes]]:
        """Return whether it is known by now which events of a block are read, and its lines without the others."""
        indexes, begins = self._indexes, self._begins
        if not begins and (indexes is None or all(index in indexes for index in self._rows)):
            return True, lines
        if not isinstance(indexes, frozenset):
            return False, lines
        chosen = [index for index in cast("frozenset[int]", indexes) if begins.get(index, 0) <= number]
        if self._prefixes[0] != len(chosen):
            self._prefixes = len(chosen), (*(b"E%d " % index for index in chosen), *_OTHERS)
        prefixes = self._prefixes[1]
        return True, [line for line in lines if line.startswith(prefixes)]

    def _together(self, lines: Sequence[bytes]) -> Events | None:
        """Return the events of lines, None if there are other records among them, which are read one by one."""
        events = _events_of(lines)
        if events is None or not (found := set(map(_index, events))) <= self._rows.keys():
            return None
        if events:
            self._open |= found
            _, self._seq, self._stamp_us, _ = events[-1]
        return Events(self._rows, events)

    def _line(self, line: bytes, number: int) -> JournalRecord | Alive | None:
        code = line[:1]
        if code == b"T":
            row = decode_row(line[1:])
            self._rows[row.index] = row
        elif code == b"A":
            self._seq, self._stamp_us = map(int, line[1:].split(b" "))
            return Alive(number, self._seq, self._stamp_us)
        elif code != b"H":
            return self._record(code, line, number)
        return None

    def _record(self, code: bytes, line: bytes, number: int) -> JournalRecord | None:
        """Return the record of a line, None if its topic is not read."""
        index = int(line[1 : line.index(b" ")])
        row = self._rows.get(index)
        if row is None or (self._indexes is not None and index not in self._indexes):
            return None
        if self._begins and number < self._begins.get(index, 0):
            return None
        if code in {b"E", b"P"}:
            text = line[line.index(b"{") :]
            if code == b"E":
                _, self._seq, self._stamp_us = map(int, line[1 : len(line) - len(text) - 1].split(b" "))
                self._open.add(index)
            try:
                event = decode_event(text)
            except msgspec.DecodeError as error:
                reason = f"an event that this version cannot read: {error}"
                return _lost(row, self._seq, self._stamp_us, reason)
            kind: Kind = "event" if code == b"E" else "state"
            return new_tuple(JournalRecord, (kind, row, self._seq, self._stamp_us, event))
        _, self._seq, self._stamp_us = map(int, line[1:].split(b" "))
        if code != b"X":
            self._open.add(index)
        else:
            self._open.discard(index)
        return JournalRecord(_KINDS[code], row, self._seq, self._stamp_us, None)


def _is_event(line: bytes) -> bool:
    return line.startswith(b"E")


def _events_of(lines: Sequence[bytes]) -> Sequence[tuple[int, int, int, Event]] | None:
    """Return events as index, ``seq``, stamp and event, decoded at once.

    Returns:
        None if one of the lines is of another kind, or cannot be decoded.
    """
    # The other kinds have fewer fields: they are not an event here either.
    text = b"],[".join([line[1:].replace(b" ", b",", 3) for line in lines])
    try:
        return _decode_events(b"[[" + text + b"]]") if lines else ()
    except msgspec.DecodeError:
        return None


def _lost(row: TopicRow, seq: int, time_us: int, reason: str) -> JournalRecord:
    return JournalRecord("lost", row, seq, time_us, Gap(symbol=row.topic.symbol, time_us=time_us, reason=reason))
