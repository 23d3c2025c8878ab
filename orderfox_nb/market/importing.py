"""Other people's recordings as ours, with a progress bar: ``import_recording("btcusdt.gz", out="recordings")``."""

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
        files: Of one venue, in any order; each may be of another format.
        out: Folder to make the recording in.
        instruments: The venue's answer to ``exchangeInfo``, for ticks and lots; else they follow from the numbers.
        symbol: Of files that do not name theirs.

    Raises:
        BadValue: No file at all.
        RecordingError: A file that cannot be imported, or a recording of the same files is there already.
        OSError: The recording cannot be written.
    """
    if not files:
        raise BadValue("files", "", "one at least")
    beside = None if instruments is None else Path(instruments).expanduser()
    paths = [Path(file).expanduser() for file in files]
    return open_recording(import_shown(paths, Path(out).expanduser(), instruments=beside, symbol=symbol).folder)
