# duckdb's stubs are not complete.
# pyright: reportMissingTypeStubs=false
"""SQL over recordings: ``sql("select … from trades where symbol = 'BTCUSDT'").df()``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orderfox_nb.config import load_settings
from orderfox_nb.errors import BadValue, RecordingError
from orderfox_nb.market.recorded import RecordedMarket
from orderfox_nb.recording.files import read_head
from orderfox_nb.recording.journal import SUFFIX
from orderfox_nb.recording.recording import Part
from orderfox_nb.recording.tables.query import query

if TYPE_CHECKING:
    import duckdb

_log = logging.getLogger(__name__)

Recordings = RecordedMarket | str | Path


def sql(
    text: str, recordings: Recordings | Sequence[Recordings] | None = None, *, parameters: object = None
) -> duckdb.DuckDBPyRelation:
    """Query recordings in SQL.

    Args:
        text: One statement of DuckDB's SQL over the views ``trades``, ``book_levels``, ``candles``, ``liquidations``,
            ``mark``, ``funding``, ``ticker``, ``open_interest`` and ``quality``.
        recordings: A recording or a part of one, the folder of one, or several of these. By default all in the data
            directory, with what was written there until a second ago.
        parameters: Values of ``?`` (a list) or ``$name`` (a dict) in the text.

    Returns:
        DuckDB's relation, which reads on request: ``.df()``, ``.arrow()``, ``.pl()``, ``.fetchall()``, ``.show()``.

    Raises:
        RecordingError: There is no recording, or one cannot be read.
        MissingExtra: The extra ``recording`` is not installed.
        duckdb.Error: A statement that DuckDB refuses.
    """
    return query(text, _parts(recordings), parameters=parameters)


def _parts(recordings: Recordings | Sequence[Recordings] | None) -> list[Part]:
    if recordings is None:
        root = load_settings().data_dir / "recordings"
        folders = sorted(path for path in root.glob("*/") if any(path.glob(f"*{SUFFIX}")))
        if not folders:
            raise RecordingError(root, "at least one recording: read something with recording on, or name a folder")
        return [Part(folder) for folder in folders if _can_be_read(folder)]
    if isinstance(recordings, RecordedMarket | str | Path):
        recordings = [recordings]
    if not recordings:
        raise BadValue("recordings", recordings, "at least one recording")
    return [_part(recording) for recording in recordings]


def _can_be_read(folder: Path) -> bool:
    # One damaged recording must not hide the others.
    found = read_head(sorted(folder.glob(f"*{SUFFIX}"))) is not None
    if not found:
        _log.warning("%s cannot be read and is left out", folder)
    return found


def _part(recording: Recordings) -> Part:
    if isinstance(recording, RecordedMarket):
        return recording.recording.part
    folder = Path(recording).expanduser()
    if not any(folder.glob(f"*{SUFFIX}")):
        raise RecordingError(folder, f"a folder with {SUFFIX} files")
    return Part(folder)
