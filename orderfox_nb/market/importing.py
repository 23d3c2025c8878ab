"""Other people's recordings as ours, with a progress bar: ``import_recording("btcusdt.gz", out="recordings")``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.imports.importing import Imported, import_files, total_bytes
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
        RecordingError: A file that cannot be imported, or a recording of the same files is there already.
        OSError: The recording cannot be written.
    """
    beside = None if instruments is None else Path(instruments).expanduser()
    paths = [Path(file).expanduser() for file in files]
    return open_recording(import_shown(paths, Path(out).expanduser(), instruments=beside, symbol=symbol).folder)


def import_shown(paths: Sequence[Path], root: Path, *, instruments: Path | None = None, symbol: str = "") -> Imported:
    """Import files as ``import_files`` does, with a progress bar in the notebook or the terminal."""
    if not paths:
        raise BadValue("files", "", "one at least")
    with tqdm(total=total_bytes(paths), unit="B", unit_scale=True, desc="Importing", disable=None, leave=False) as bar:

        def progress(count: int) -> None:
            bar.update(count)

        return import_files(paths, root, instruments=instruments, symbol=symbol, progress=progress)
