# pyarrow and duckdb have no complete stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Asks DuckDB about recordings: their tables are made first where they are missing, what is newer is read beside."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from tqdm.auto import tqdm

from orderfox_nb.errors import RecordingError
from orderfox_nb.extras import import_extra
from orderfox_nb.recording.files import first_block, last_block, read_head
from orderfox_nb.recording.journal import FileHead
from orderfox_nb.recording.recording import Part
from orderfox_nb.recording.tables.making import journals, make_table, table_of
from orderfox_nb.recording.tables.recent import RecentRows
from orderfox_nb.recording.tables.schema import COLUMNS, arrow_schema, channel_of
from orderfox_nb.recording.tables.views import TABLE_OF, early_trades, view_query

if TYPE_CHECKING:
    import duckdb

_recent = RecentRows()
_lock = Lock()


class _Known(NamedTuple):
    part: Part
    head: FileHead
    finished: Sequence[Path]
    growing: Sequence[Path]


def query(
    text: str,
    parts: Sequence[Part],
    *,
    parameters: object = None,
) -> duckdb.DuckDBPyRelation:
    """Return the answer to a question in SQL.

    The connection reads these recordings and no other file, loads no extension, and its settings cannot be changed.

    Args:
        text: One statement.
        parts: The recordings or parts to query.
        parameters: Values of ``?`` or ``$name`` in the text.

    Raises:
        RecordingError: A recording that cannot be read.
        MissingExtra: pyarrow or duckdb is not installed.
        duckdb.Error: A statement that DuckDB refuses.
    """
    duckdb = import_extra("duckdb")
    import_extra("pyarrow")
    connection = duckdb.connect(config={"python_enable_replacements": False})
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB names the tables of a statement only where it has no parameters.
    names = connection.get_table_names(text) if parameters is None else re.findall(r"\w+", text)
    asked = {TABLE_OF[name.lower()] for name in names if name.lower() in TABLE_OF}
    with _lock:
        known = [found for part in parts if (found := _open(part)) is not None]
        paths = _add_rows(connection, known, asked)
    overlapping = _overlap(known)
    connection.execute(early_trades("trades_rows", "trades_early", overlapping=overlapping))
    for view, table in TABLE_OF.items():
        early = "trades_early" if table == "trades" else ""
        found = view_query(view, f"{table}_rows", early=early, overlapping=overlapping)
        connection.execute(f"CREATE VIEW {view} AS {found}")
    _lock_down(connection, paths)
    return connection.sql(text, params=parameters)


def _open(part: Part) -> _Known | None:
    """Return a recording with its journals of the part; None for one without any, which was deleted since.

    One that is still written ends with its newest block, so that all tables of a question end at one moment.
    """
    finished, growing = journals(part.folder)
    paths = [*finished, *growing]
    if not paths:
        return None
    head = read_head(paths)
    if head is None:
        raise RecordingError(part.folder, "a recording whose first block can be read")
    if growing and part.end_us is None:
        # A new journal may not have a block yet.
        newest = next((block for path in reversed(paths) if (block := last_block(path)) is not None), None)
        part = part._replace(end_us=None if newest is None else newest.stamp_us + 1)
    if part.start_us is not None or part.end_us is not None:
        stamps = [block.stamp_us if (block := first_block(path)) else 0 for path in paths]
        start_us, end_us = part.start_us or 0, part.end_us or (1 << 62)
        kept = {
            path
            for at, path in enumerate(paths)
            if (at + 1 == len(paths) or stamps[at + 1] >= start_us) and (at == 0 or stamps[at - 1] < end_us)
        }
        finished, growing = ([path for path in group if path in kept] for group in (finished, growing))
    return _Known(part, head, finished, growing)


def _add_rows(connection: Any, known: Sequence[_Known], asked: Collection[str]) -> list[Path]:
    """Define the rows of every table, of those that are asked about with all that is recorded; return their files."""
    pa = import_extra("pyarrow")
    paths: list[Path] = []
    for table in COLUMNS:
        files: list[Path] = []
        recent = [arrow_schema(table).empty_table()]
        wanted = [each for each in known if table in asked and _has(each.part, table)]
        missing = [
            (journal, each.head.recording)
            for each in wanted
            for journal in each.finished
            if table_of(journal, table) is None
        ]
        made: dict[Path, Path] = {}
        bar = tqdm(missing, desc=f"Making tables of {table}", unit="file", leave=False, delay=1)
        for journal, recording in bar:
            made[journal] = make_table(journal, table, recording)
        for each in wanted:
            for journal in each.finished:
                found = made.get(journal) or table_of(journal, table)
                if found is not None:
                    files.append(found)
            recent += [_recent.read(journal, table, each.head.recording) for journal in each.growing]
        newest = pa.concat_tables(recent)
        connection.register("newest", newest)
        # A table of its own: a view of what is registered would end with this connection's name for it.
        connection.execute(f"CREATE TABLE {table}_newest AS FROM newest")
        connection.unregister("newest")
        rows = f"FROM {table}_newest"
        if files:
            rows = f"(FROM read_parquet([{', '.join(map(_text, files))}])) UNION ALL BY NAME ({rows})"
        connection.execute(f"CREATE VIEW {table}_rows AS FROM ({rows}){_condition(wanted)}")
        paths += files
    return paths


def _has(part: Part, table: str) -> bool:
    channel = channel_of(table)
    return not part.channels or channel is None or channel in part.channels


def _condition(wanted: Sequence[_Known]) -> str:
    """Return the condition that leaves the parts that are asked about, empty where those are whole recordings."""
    conditions: list[str] = []
    limited = False
    for part, head, *_ in wanted:
        terms = [f"recording = {_text(head.recording)}"]
        if part.start_us is not None:
            terms.append(f"received >= make_timestamptz({part.start_us})")
        if part.end_us is not None:
            terms.append(f"received < make_timestamptz({part.end_us})")
        if part.symbols:
            terms.append(f"symbol IN ({', '.join(map(_text, sorted(part.symbols)))})")
        limited = limited or len(terms) > 1
        conditions.append(f"({' AND '.join(terms)})")
    return f" WHERE {' OR '.join(conditions)}" if limited else ""


def _overlap(known: Sequence[_Known]) -> bool:
    """Return whether two recordings of a venue were made at the same time."""
    ends: dict[str, int] = {}
    for each in sorted(known, key=lambda each: each.head.created_us):
        paths = [*each.finished, *each.growing]
        if not paths:
            continue
        if each.head.created_us < ends.get(each.head.venue, 0):
            return True
        block = last_block(paths[-1]) if len(known) > 1 else None
        ends[each.head.venue] = block.stamp_us if block else 0
    return False


def _lock_down(connection: Any, paths: Sequence[Path]) -> None:
    settings: Mapping[str, str] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allowed_paths": f"[{', '.join(map(_text, paths))}]",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
