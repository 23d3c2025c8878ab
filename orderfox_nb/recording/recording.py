"""One recording as a sequence of events: all of it, a part of it, or the state at a moment."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import Event, Gap, Status, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.moments import Moment, moment_us
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.symbols import resolve_symbol
from orderfox_nb.errors import BadValue, RecordingError, UnknownSymbol
from orderfox_nb.recording.entries import Events, JournalRecord, batches, new_tuple
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.reading import Continuity, StateAt, state_at, states_at

_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?")


class RecordedEvent(NamedTuple):
    """An event and when it was recorded."""

    seq: int
    """Number of the event in the recording; it never decreases. The events of a part's opening state, and a gap that
    the reader found, have that of the event before."""
    stamp_us: int
    topic: Topic
    event: Event


class Part(NamedTuple):
    """A part of a recording, for modules that read its files themselves."""

    folder: Path
    start_us: int | None = None
    """From when on it was recorded; None for the beginning."""
    end_us: int | None = None
    """What was recorded then is not in it; None for all there is when it is read."""
    symbols: Collection[str] = ()
    """Empty for all."""
    channels: Collection[str] = ()
    """Empty for all."""


class RecordingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a recording, or of a part of one."""

    name: str
    venue: str
    source: str
    simulated: bool
    start_us: int
    end_us: int
    events: Mapping[str, int]
    """By channel."""
    symbols: Sequence[str]
    gaps: int
    """Number of gaps in all topics: those of the venue or the connection, and those of the recording itself."""
    damaged_bytes: int
    bytes: int
    """Size of its files on disk."""
    digest: str
    """Names the data: equal events have an equal one."""
    notes: Sequence[str] = ()
    """For an imported recording: what its files lack, and what could not be read in them."""


class Recording:
    """A recording on disk, or a part of it; made by ``open_recording``.

    ``rec["10:00":"10:30"]`` is the part between two times of its first day, ``rec["BTCUSDT"]`` that of one symbol.
    One that is still written is read as far as it was written when it was opened.

    Args:
        files: Its blocks.
        start_us: Beginning of the part.
        end_us: End of the part; what came then is not in it.
        symbols: Symbols of the part; empty for all.
        channels: Channels of the part; empty for all.
    """

    def __init__(
        self,
        files: RecordingFiles,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        symbols: Collection[str] = (),
        channels: Collection[str] = (),
    ) -> None:
        self.files = files
        """Its blocks on disk."""
        self.start_us = files.start_us if start_us is None else max(start_us, files.start_us)
        self.end_us = files.end_us + 1 if end_us is None else min(end_us, files.end_us + 1)
        self._symbols = frozenset(symbols)
        self._channels = frozenset(channels)

    @property
    def path(self) -> Path:
        return self.files.folder

    @property
    def name(self) -> str:
        """Id of the recording."""
        return self.files.head.recording

    @property
    def origin(self) -> Origin:
        """Where the data came from when it was recorded."""
        head = self.files.head
        return Origin(
            source=f"recording:{self.path}",
            venue=head.venue,
            simulated=head.simulated,
            recorded=True,
            unbroken_trades=head.unbroken_trades,
            absent=head.absent,
            epoch=f"{head.recording}",
        )

    @property
    def part(self) -> Part:
        """Which part of which files it is.

        It always has an end, since the files of a recording that is still written have more by the time they are read.
        """
        return Part(
            self.path,
            None if self.start_us <= self.files.head.created_us else self.start_us,
            self.end_us,
            self._symbols,
            self._channels,
        )

    @property
    def topics(self) -> Sequence[Topic]:
        """What is recorded, by name."""
        return sorted({row.topic for row, _ in self.files.declared.values() if self._has(row.topic)})

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """The record of each symbol, as it was first recorded."""
        found: dict[str, Instrument] = {}
        for row, _ in self.files.declared.values():
            if self._has(row.topic) and row.topic.symbol != "*":
                found.setdefault(row.topic.symbol, row.instrument)
        return found

    def symbol_of(self, text: str) -> str:
        """Return the recorded symbol that a text in any usual form names; the text in upper case if there is none."""
        instruments = self.instruments
        try:
            return resolve_symbol(text, list(instruments), [one.unified for one in instruments.values()])
        except UnknownSymbol:
            return text.strip().upper()

    def select(self, *, symbols: Collection[str] = (), channels: Collection[str] = ()) -> Recording:
        """Return the part of some symbols or channels.

        Raises:
            BadValue: One that is not recorded.
        """
        for name, wanted, known in (
            ("symbol", symbols, {topic.symbol for topic in self.topics}),
            ("channel", channels, {topic.channel for topic in self.topics}),
        ):
            for value in wanted:
                if value not in known:
                    raise BadValue(name, value, "one of " + (", ".join(sorted(known)) or "none"))
        return Recording(
            self.files,
            start_us=self.start_us,
            end_us=self.end_us,
            symbols=symbols or self._symbols,
            channels=channels or self._channels,
        )

    def between(self, start: Moment | None = None, end: Moment | None = None) -> Recording:
        """Return the part from one moment to before another.

        Raises:
            BadValue: No time, or an end that is not after the start.
        """
        start_us = self.start_us if start is None else self.moment_us(start)
        end_us = self.end_us if end is None else self.moment_us(end)
        if end_us <= start_us:
            name, value = ("start", start) if end is None else ("end", end)
            raise BadValue(name, value, "a start that is before the end")
        return Recording(
            self.files,
            start_us=max(start_us, self.start_us),
            end_us=min(end_us, self.end_us),
            symbols=self._symbols,
            channels=self._channels,
        )

    def __getitem__(self, part: slice | str) -> Recording:
        if isinstance(part, str):
            return self.select(symbols=[part])
        if not isinstance(part, slice):  # pyright: ignore[reportUnnecessaryIsInstance] - a notebook passes anything
            raise BadValue("part", part, 'a symbol such as "BTCUSDT", or a slice of times such as "10:00":"10:30"')
        if part.step is not None:
            raise BadValue("step", part.step, "none: a part of a recording has every event")
        return self.between(part.start, part.stop)

    def moment_us(self, moment: Moment, name: str = "time") -> int:
        """Return a moment as microseconds since the epoch: also a time of day (``10:30``); ``-10m`` is before the end.

        Raises:
            BadValue: No time that can be read, or a datetime without a zone.
        """
        if isinstance(moment, str) and _CLOCK.fullmatch(text := moment.strip()):
            text = text if text[2] == ":" else f"0{text}"
            first = datetime.fromtimestamp(self.files.head.created_us / 1e6, UTC)
            moment = datetime.combine(first.date(), time.fromisoformat(text), UTC)
            if moment < first.replace(second=0, microsecond=0):
                # Of the recording's first day, or of the one after midnight.
                moment += timedelta(days=1)
        return moment_us(
            moment,
            now_us=self.end_us,
            name=name,
            expected="a time such as 10:30, 2026-10-01T10:30Z, -10m, a datetime with a zone, or microseconds",
        )

    def events(self) -> Iterator[RecordedEvent]:
        """Return the events of the part, in the order in which they were folded.

        A part that begins later than its recording opens with the state at its start: each topic's prelude. A ``Gap``
        announces what is missing; behind one come the events of the next keyframe, which rebuild the state. Such events
        have the ``seq`` of the event before them.
        """
        return chain(self._prelude(), self._events())

    def seek(self, time: Moment) -> Iterator[RecordedEvent]:
        """Return the events from a moment on, as ``events`` does: the state at that moment comes first.

        The state is read from the last keyframe of each topic on, which is at most five minutes earlier.

        Raises:
            BadValue: No time, or one that is not in the part.
        """
        at_us = self.moment_us(time)
        if not self.start_us <= at_us < self.end_us:
            first, last = (datetime.fromtimestamp(us / 1e6, UTC) for us in (self.start_us, self.end_us))
            raise BadValue("time", time, f"one from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC")
        return self.between(at_us).events()

    def runs(self, topic: Topic) -> Iterator[Sequence[Event]]:
        """Return the events of one topic as ``events`` does, those together that were decoded together."""
        part = self.select(symbols=[topic.symbol], channels=[topic.channel])
        indexes = frozenset(self.files.indexes(topic))
        if opening := [event.event for event in part._prelude() if event.topic == topic]:
            yield opening
        yield from part._runs(indexes)

    def _prelude(self) -> Iterator[RecordedEvent]:
        """Yield the opening state of a part; nothing if the part begins with its recording."""
        if self.start_us <= self.files.head.created_us:
            return
        states = states_at(self.files, self.topics, self.start_us - 1)
        before = max((state.seq for state in states.values()), default=0)
        for topic in self.topics:
            if (state := states.get(topic)) is not None and state.open:
                for event in state.prelude():
                    yield RecordedEvent(before, self.start_us, topic, event)

    def _events(self) -> Iterator[RecordedEvent]:
        # No generator runs for each event: that would take as long as decoding half of it.
        return chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[Sequence[RecordedEvent]]:
        start_us, end_us = self.start_us, self.end_us
        indexes = frozenset(index for index, (row, _) in self.files.declared.items() if self._has(row.topic))
        for found in self._found(indexes):
            if isinstance(found, Events):
                topics = {index: row.topic for index, row in found.rows.items()}
                yield [
                    new_tuple(RecordedEvent, (seq, stamp_us, topics[index], event))
                    for index, seq, stamp_us, event in found.events
                    if start_us <= stamp_us < end_us
                ]
            else:
                yield (found,)

    def _runs(self, indexes: frozenset[int]) -> Iterator[Sequence[Event]]:
        start_us, end_us = self.start_us, self.end_us
        for found in self._found(indexes):
            if isinstance(found, Events):
                yield [event for _, _, stamp_us, event in found.events if start_us <= stamp_us < end_us]
            else:
                yield (found.event,)

    def _found(self, indexes: frozenset[int]) -> Iterator[Events | RecordedEvent]:
        """Yield the blocks that have the part, whole, and its events that stand among something else."""
        first = self.files.block_at(self.start_us)
        last = self.files.block_at(self.end_us)
        continuity = Continuity(index for index in indexes if self.files.declared[index].block >= first)
        for found in batches(self.files, first, last, indexes=indexes):
            if type(found) is Events:
                yield found
            elif type(found) is JournalRecord:
                if found.stamp_us >= self.end_us:
                    return
                event = continuity.event(found)
                if event is not None and found.stamp_us >= self.start_us:
                    yield RecordedEvent(found.seq, found.stamp_us, found.row.topic, event)

    def state(self, topic: Topic, at: Moment | None = None) -> StateAt | None:
        """Return a topic's fold as it was at a moment, by default at the end of the part.

        Returns:
            None if nothing of the topic is recorded up to then.
        """
        stamp_us = self.end_us - 1 if at is None else self.moment_us(at)
        return state_at(self.files, topic, stamp_us)

    def info(self) -> RecordingInfo:
        """Read the part once and return what is in it.

        The opening state of a part that begins later than its recording is not counted. The digest includes it, as
        ``events`` does, so that it is the same after the part was saved.
        """
        counts: Counter[str] = Counter()
        symbols: set[str] = set()
        digest = hashlib.blake2b(digest_size=16)
        encode = msgspec.msgpack.Encoder().encode
        gaps = 0
        for _, stamp_us, topic, event in self._prelude():
            digest.update(encode((stamp_us, topic, event)))
        for _, stamp_us, topic, event in self._events():
            counts[topic.channel] += 1
            symbols.add(topic.symbol)
            gaps += type(event) is Gap or (type(event) is Status and event.state == "gap")
            digest.update(encode((stamp_us, topic, event)))
        head = self.files.head
        return RecordingInfo(
            name=self.name,
            venue=head.venue,
            source=head.source,
            simulated=head.simulated,
            start_us=self.start_us,
            end_us=self.end_us,
            events={channel: counts[channel] for channel in CHANNELS if channel in counts},
            symbols=sorted(symbols),
            gaps=gaps,
            damaged_bytes=sum(damage.end - damage.offset for _, damage in self.files.damages),
            bytes=self.files.bytes,
            digest=digest.hexdigest(),
            notes=head.notes,
        )

    def __repr__(self) -> str:
        first, last = (datetime.fromtimestamp(us / 1e6, UTC) for us in (self.start_us, self.end_us))
        kind = " (simulated)" if self.files.head.simulated else ""
        return f"<Recording {self.name} of {self.files.head.venue}{kind}, {first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S}>"

    def _has(self, topic: Topic) -> bool:
        return (not self._symbols or topic.symbol in self._symbols) and (
            not self._channels or topic.channel in self._channels
        )


def open_recording(path: str | Path) -> Recording:
    """Open a recording.

    Args:
        path: Its folder.

    Raises:
        RecordingError: No recording, or one that cannot be read.
    """
    folder = Path(path).expanduser()
    try:
        return Recording(RecordingFiles(folder))
    except OSError as error:
        raise RecordingError(folder, f"a recording that can be read ({error.strerror or error})") from None
