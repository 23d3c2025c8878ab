"""Imports with a progress bar, and imports that are kept by the contents of their files."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tqdm.auto import tqdm

from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.imports.importing import IMPORTER, Imported, digest_of, import_files, total_bytes
from orderfox_nb.recording.journal import SUFFIX

MAX_CACHE_BYTES: Final = 4_000_000_000
"""Largest size of all imports that are kept; the least recently used ones are deleted first."""
_ABANDONED_S: Final = 86_400.0
"""Age of an import that was never finished."""


def import_shown(
    paths: Sequence[Path],
    root: Path,
    *,
    instruments: Path | None = None,
    symbol: str = "",
    progress: Callable[[float], None] | None = None,
    bar_shown: bool = True,
) -> Imported:
    """Import files as ``import_files`` does, with a progress bar in a notebook or a terminal.

    ``progress`` is called with the part that is done, from 0 to 1; what it raises ends the import. A caller that shows
    that part itself turns the bar off.
    """
    # A notebook's output is not a terminal, and shows the bar.
    hidden = not bar_shown or not (sys.stderr.isatty() or "ipykernel" in sys.modules)
    total, done = total_bytes(paths), 0
    with tqdm(total=total, unit="B", unit_scale=True, desc="Importing", disable=hidden, leave=False) as bar:

        def read(count: int) -> None:
            nonlocal done
            done += count
            bar.update(count)
            if progress is not None:
                progress(done / total if total else 1.0)

        return import_files(paths, root, instruments=instruments, symbol=symbol, progress=read)


def import_kept(
    paths: Sequence[Path],
    root: Path,
    *,
    max_bytes: int = MAX_CACHE_BYTES,
    progress: Callable[[float], None] | None = None,
    bar_shown: bool = True,
) -> Path:
    """Return the recording of files, imported now or when these contents were requested before.

    Args:
        paths: The files.
        root: Folder of the imports that are kept.
        max_bytes: Largest size of all of them together; the one that is returned is kept, whatever its size.
        progress: As for ``import_shown``.
        bar_shown: As for ``import_shown``.

    Raises:
        RecordingError: Files that cannot be imported.
        OSError: The recording cannot be written.
    """
    folder = root / f"{digest_of(paths)}-{IMPORTER}"
    if _recording_in(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
        made = root / f".{secrets.token_hex(6)}"
        try:
            import_shown(paths, made, progress=progress, bar_shown=bar_shown)
            if not folder.exists():
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    os.utime(folder)
    _prune(root, spare=folder, max_bytes=max_bytes)
    recording = _recording_in(folder)
    if recording is None:
        raise RecordingError(folder, "the recording that was just imported")
    return recording


def _recording_in(folder: Path) -> Path | None:
    """Return the recording of an import, None if there is none."""
    return next((path.parent for path in folder.glob(f"*/*{SUFFIX}")), None)


def _prune(root: Path, *, spare: Path, max_bytes: int) -> None:
    now_s = time.time()
    kept: list[tuple[float, int, Path]] = []
    for folder in root.iterdir():
        changed_s = folder.stat().st_mtime
        if folder.name.startswith("."):
            # Another process may be at work on it.
            if now_s - changed_s > _ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)
        elif folder != spare:
            kept.append((changed_s, _size(folder), folder))
    total = _size(spare) + sum(size for _, size, _ in kept)
    for _, size, folder in sorted(kept):
        if total <= max_bytes:
            return
        shutil.rmtree(folder, ignore_errors=True)
        total -= size


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
