# pyarrow has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Makes the tables of finished journals: each file appears whole or not at all, and is checked before it is read."""

from __future__ import annotations

import logging
import os
import secrets
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orderfox_nb.errors import RecordingError
from orderfox_nb.extras import import_extra
from orderfox_nb.recording.journal import SUFFIX
from orderfox_nb.recording.ring import TABLES, is_written
from orderfox_nb.recording.tables.gathering import gather
from orderfox_nb.recording.tables.lines import JournalEvents
from orderfox_nb.recording.tables.schema import COLUMNS, TABLES_VERSION

_log = logging.getLogger(__name__)

_ROWS: Final = 20_000
"""Rows of a row group: the least that a query about a minute reads."""
_CHUNK: Final = 1 << 20
_STALE_S: Final = 600.0
"""A temporary file older than this belongs to a process that died."""
_checked: dict[tuple[Path, int, int], bool] = {}
_MAX_CHECKED: Final = 50_000


def journals(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the finished journals of a recording and those that may still grow, each in order."""
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    return (paths[:-1], paths[-1:]) if is_written(folder) else (paths, [])


def table_of(journal: Path, table: str) -> Path | None:
    """Return the file of a journal's table, None if it is not made. One that was damaged since is deleted."""
    for path in sorted(_folder(journal, table).glob(f"{journal.stem}.v{TABLES_VERSION}.*.parquet")):
        if _is_whole(path):
            return path
        _log.warning("%s is damaged and is made again", path)
        path.unlink(missing_ok=True)
    return None


def make_table(journal: Path, table: str, recording: str) -> Path:
    """Make the table of a finished journal and return its file.

    Args:
        journal: The journal.
        table: Name of the table.
        recording: Id of the recording.

    Raises:
        RecordingError: A price or size that the table cannot hold exactly.
        OSError: The journal cannot be read, or the table cannot be written.
        MissingExtra: pyarrow is not installed.
    """
    pq = import_extra("pyarrow.parquet")
    try:
        rows = gather(table, recording, JournalEvents(journal, table).read())
    except ValueError as error:
        raise RecordingError(journal, f"numbers that fit a table: {error}") from error
    folder = _folder(journal, table)
    folder.mkdir(parents=True, exist_ok=True)
    _delete_stale(folder)
    temporary = folder / f".{journal.stem}.{secrets.token_hex(4)}.tmp"
    kinds = {name: kind for name, (kind, _) in COLUMNS[table].items()}
    try:
        pq.write_table(
            rows,
            temporary,
            row_group_size=_ROWS,
            compression="zstd",
            compression_level=3,
            use_dictionary=[name for name, kind in kinds.items() if kind == "text" and name != "id"],
            column_encoding={
                name: "DELTA_BYTE_ARRAY" if name == "id" else "DELTA_BINARY_PACKED"
                for name, kind in kinds.items()
                if kind in {"time", "integer", "digits"} or name == "id"
            },
        )
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        path = folder / f"{journal.stem}.v{TABLES_VERSION}.{_checksum(temporary):08x}.parquet"
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _folder(journal: Path, table: str) -> Path:
    return journal.parent / TABLES / table


def _is_whole(path: Path) -> bool:
    """Return whether a file has the checksum of its name; each is read for that once in a process."""
    stat = path.stat()
    key = (path, stat.st_size, stat.st_mtime_ns)
    if key not in _checked:
        while len(_checked) >= _MAX_CHECKED:
            del _checked[next(iter(_checked))]
        _checked[key] = path.name.split(".")[2] == f"{_checksum(path):08x}"
    return _checked[key]


def _checksum(path: Path) -> int:
    with path.open("rb") as file:
        total = 0
        while data := file.read(_CHUNK):
            total = zlib.crc32(data, total)
    return total


def _delete_stale(folder: Path) -> None:
    for path in _temporary(folder):
        try:
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink(missing_ok=True)
        except OSError:
            continue


def _temporary(folder: Path) -> Iterator[Path]:
    return folder.glob(".*.tmp")
