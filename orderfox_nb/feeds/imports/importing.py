"""Files of other recorders as one recording: read twice, first for what is in them, then to write it."""

from __future__ import annotations

import hashlib
import heapq
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.imports.formats import Recognised, recognise
from orderfox_nb.feeds.imports.items import Facts, Row
from orderfox_nb.feeds.imports.steps import read_instruments
from orderfox_nb.feeds.imports.survey import MAX_SHOWN, Survey
from orderfox_nb.feeds.imports.writing import Contents, ImportWriter
from orderfox_nb.recording.journal import SCHEMA_VERSION, SUFFIX, FileHead

IMPORTER: Final = 1
"""Version of what an import writes for the same files; increase it when that changes."""
_SOFTWARE: Final = f"orderfox import {IMPORTER}"


class Imported(NamedTuple):
    """Result of an import."""

    folder: Path
    """The recording."""
    formats: Sequence[str]
    """Format of each file."""
    notes: Sequence[str]
    """What the files lack, and what of them could not be read."""


def import_files(
    paths: Sequence[Path],
    root: Path,
    *,
    instruments: Path | None = None,
    symbol: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Write one recording from files of one venue.

    Args:
        paths: The files, in any order: their rows are merged by receive stamp.
        root: Folder to make the recording in.
        instruments: The venue's answer to ``exchangeInfo``, for ticks and lots; otherwise they follow from the numbers.
        symbol: Symbol of files that do not name theirs.
        progress: Called with the bytes that were read since the last call, ``total_bytes`` in all.

    Raises:
        RecordingError: It is not a file, has no known format, or nothing to import; or a recording of the
            same files is there already.
        OSError: The recording cannot be written.
    """
    found = [recognise(path, symbol) for path in paths]
    survey = Survey()
    survey.read(_merged(found, progress))
    facts = [each.reader.facts for each in found]
    if not survey.symbols:
        left_out = [note for each in facts for note in each.notes] + survey.problems[:1]
        if survey.owners:
            left_out.append("depth bodies alone: no update names their symbol")
        reason = "; ".join(left_out) or "no event is in it"
        raise RecordingError(paths[0], f"something that can be imported ({reason})")
    venue = _one_venue(found)
    known: Mapping[str, Instrument] = {} if instruments is None else read_instruments(instruments, venue)
    records = survey.instruments(venue, known)
    topics = survey.topics(venue, market_wide=any(each.whole_market for each in facts))
    notes = tuple(_notes(found, survey))
    start_us = survey.first_us + survey.lead_us
    created = datetime.fromtimestamp(start_us / 1e6, UTC)
    name = f"{venue}-{created:%Y%m%dT%H%M%SZ}-{digest_of(paths)[:6]}"
    folder = root / name
    if folder.exists() and any(folder.glob(f"*{SUFFIX}")):
        raise RecordingError(folder, "a folder without a recording: these files are imported already")
    head = FileHead(
        version=SCHEMA_VERSION,
        recording=name,
        number=0,
        venue=venue,
        source="import:" + ",".join(path.name for path in paths),
        simulated=False,
        unbroken_trades=all(each.contiguous_trades for each in facts) and not survey.skipped_fills,
        absent=survey.absent(topics),
        epoch="",
        created_us=start_us,
        software=_SOFTWARE,
        notes=notes,
    )
    made = root / f".{name}-{secrets.token_hex(3)}"
    made.mkdir(parents=True)
    try:
        contents = Contents(survey, facts, records, topics)
        ImportWriter(made, head, contents).write(_merged(found, progress))
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return Imported(folder, [each.format.name for each in found], notes)


def total_bytes(paths: Sequence[Path]) -> int:
    """Return how many bytes an import reads: each file twice."""
    return 2 * sum(path.stat().st_size for path in paths if path.is_file())


def digest_of(paths: Sequence[Path]) -> str:
    """Return what names the contents of files, whatever their names and their order.

    Raises:
        RecordingError: One cannot be read.
    """
    digests: list[bytes] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).digest())
        except OSError as error:
            raise RecordingError(path, f"a file that can be read ({error.strerror or error})") from None
    return hashlib.blake2b(b"".join(sorted(digests)), digest_size=16).hexdigest()


def _merged(found: Sequence[Recognised], progress: Callable[[int], None]) -> Iterator[Row]:
    streams = [each.reader.rows(progress) for each in found]
    return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=attrgetter("stamp_us"))


def _one_venue(found: Sequence[Recognised]) -> str:
    venues = {each.reader.facts.venue: each.path for each in found}
    if len(venues) > 1:
        raise RecordingError(
            list(venues.values())[1],
            f"files of one venue; these are of {' and '.join(sorted(venues))}: import each venue separately",
        )
    return next(iter(venues))


def _notes(found: Sequence[Recognised], survey: Survey) -> Iterator[str]:
    for each in found:
        facts: Facts = each.reader.facts
        yield f"{each.path.name}: {each.format.name}"
        yield from (f"{each.path.name}: {reason}" for reason in dict.fromkeys(facts.lacks.values()))
        if not facts.received:
            yield f"{each.path.name}: no receive stamps, stamped by the venue's own times"
        if facts.cut_off:
            yield f"{each.path.name}: nothing behind is imported: {facts.cut_off}"
        if facts.corruption:
            yield f"{each.path.name}: damaged, what was read may be altered"
        yield from (f"{each.path.name}: {note}" for note in facts.notes)
    if survey.lead_us:
        yield f"the receiver's clock was {survey.lead_us / 1e6:.3f} s behind the venue's: stamps are moved by that"
    if survey.unreadable:
        yield f"{survey.unreadable:,} lines cannot be read"
        yield from survey.problems
        if survey.unreadable > MAX_SHOWN:
            yield "…"
    unowned = survey.owners.count("")
    if unowned:
        yield f"{unowned:,} depth bodies belong to no symbol that the file proves"
