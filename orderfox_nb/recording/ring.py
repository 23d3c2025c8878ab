"""Bounds the recordings of one data directory by bytes and age: the oldest files go first."""

from __future__ import annotations

import logging
from collections.abc import Container, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from orderfox_nb.recording.journal import SUFFIX

_log = logging.getLogger(__name__)

DEFAULT_BYTES: Final = 4_000_000_000
DEFAULT_AGE_S: Final = 86_400.0
TABLES: Final = "tables"
"""Folder of a recording's tables: they count as parts of the journals that they are made from."""
_LOCK: Final = "writing.lock"


class Pruned(NamedTuple):
    """Result of a pruning."""

    bytes_kept: int
    files_deleted: int


def prune(root: Path, *, max_bytes: int, max_age_s: float, now_s: float, spare: Path | None = None) -> Pruned:
    """Delete the oldest journal files with their tables beyond a size or an age, and folders that become empty.

    The newest file of a folder that is being written is kept. Another process may prune at the same time: files that
    are already deleted are skipped.

    Args:
        root: Folder of recordings.
        max_bytes: Largest size of all files together.
        max_age_s: Largest age, in seconds since a file was last written.
        now_s: System time, as in file timestamps.
        spare: Folder of the recording that the caller writes.
    """
    found: list[tuple[float, int, Path]] = []
    for folder in root.iterdir() if root.is_dir() else ():
        if not folder.is_dir():
            continue
        files = sorted(folder.glob(f"*{SUFFIX}"))
        tables = _tables(folder, {path.stem for path in files})
        written = folder == spare or is_written(folder)
        for path in files:
            try:
                stat = path.stat()
            except OSError:
                continue
            # The one that is being written is counted, and never deleted.
            changed_s = float("inf") if written and path == files[-1] else stat.st_mtime
            found.append((changed_s, stat.st_size + tables.get(path.stem, 0), path))
    found.sort(key=lambda row: (row[0], row[2]))
    total = sum(size for _, size, _ in found)
    deleted = 0
    for changed_s, size, path in found:
        if changed_s == float("inf") or (total <= max_bytes and now_s - changed_s <= max_age_s):
            continue
        try:
            # A table that is left behind by a crash here is deleted by the next pruning.
            path.unlink(missing_ok=True)
            _delete_tables(path)
            deleted += 1
            total -= size
        except OSError as error:
            _log.warning("an old recording cannot be deleted: %s", error)
            continue
        _remove_empty(path.parent)
    return Pruned(total, deleted)


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Mark a folder as written by this process, until the context or the process ends.

    Raises:
        OSError: The folder cannot be written.
    """
    lock = (folder / _LOCK).open("w")
    try:
        _try_lock(lock.fileno())
        yield
    finally:
        lock.close()
        (folder / _LOCK).unlink(missing_ok=True)


def is_written(folder: Path) -> bool:
    """Return whether a process writes a folder: a lock of a process that has died does not count."""
    try:
        with (folder / _LOCK).open("r+") as lock:
            return not _try_lock(lock.fileno())
    except OSError:
        return False


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:  # pragma: no cover
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _tables(folder: Path, stems: Container[str]) -> dict[str, int]:
    """Return the bytes of a recording's tables by the name of their journal; delete those of journals that are gone.

    Temporary files are counted too.
    """
    found: dict[str, int] = {}
    for path in (folder / TABLES).glob("*/*"):
        stem = path.name.removeprefix(".").partition(".")[0]
        try:
            if stem in stems:
                found[stem] = found.get(stem, 0) + path.stat().st_size
            else:
                path.unlink(missing_ok=True)
        except OSError:
            continue
    return found


def _delete_tables(journal: Path) -> None:
    for pattern in (f"*/{journal.stem}.*", f"*/.{journal.stem}.*"):
        for path in (journal.parent / TABLES).glob(pattern):
            path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    if any(folder.glob(f"*{SUFFIX}")) or is_written(folder):
        return
    (folder / _LOCK).unlink(missing_ok=True)
    try:
        for tables in [*(folder / TABLES).glob("*/"), folder / TABLES]:
            if tables.is_dir():
                tables.rmdir()
        folder.rmdir()
    except OSError:
        return
