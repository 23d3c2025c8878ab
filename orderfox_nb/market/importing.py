"""Import files of other recorders, with a progress bar: ``import_recording("btcusdt.gz", out="recordings")``."""

from __future__ import annotations

from pathlib import Path

from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.imports.shown import import_shown
from orderfox_nb.market.recorded import RecordedMarket, open_recording


def import_recording(
    *files: str | Path, out: str | Path, instruments: str | Path | None = None, symbol: str = ""
) -> RecordedMarket:
    """Write one recording from files of other recorders and open it.

    Args:
        files: Files of one venue, in any order; each may be of another format.
        out: Folder to make the recording in.
        instruments: Answer of the venue to ``exchangeInfo``, for ticks and lots; by default from the numbers.
        symbol: Symbol of files that do not name theirs.

    Raises:
        BadValue: No file.
        RecordingError: A file that cannot be imported, or the same files were imported before.
        OSError: The recording cannot be written.
    """
    if not files:
        raise BadValue("files", "", "at least one file")
    beside = None if instruments is None else Path(instruments).expanduser()
    paths = [Path(file).expanduser() for file in files]
    return open_recording(import_shown(paths, Path(out).expanduser(), instruments=beside, symbol=symbol).folder)
