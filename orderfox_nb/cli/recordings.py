"""Recordings as a command line names them: a folder, a name in the data directory, or a file of another recorder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orderfox_nb.cli.output import bytes_text, length_text, print_table, utc_text
from orderfox_nb.cli.progress import progress
from orderfox_nb.errors import OrderFoxError, RecordingError, SettingError

if TYPE_CHECKING:
    from orderfox_nb.config import Settings
    from orderfox_nb.recording.recording import Recording

_NAME = "RECORDING"
_MAX_NAMED = 5
_SUFFIX = ".ofj"


class FoundRecording(NamedTuple):
    """A recording that was requested."""

    recording: Recording
    source: str
    """By which a server plays it, without options."""


def find_recording(text: str, settings: Settings) -> FoundRecording:
    """Return the recording that a text names; a file of another recorder is imported, once for its contents.

    Args:
        text: A folder, a folder with one recording in it, the name of one in the data directory, or a file.
        settings: Say where the data directory is.

    Raises:
        SettingError: There is none, or several; the error says which.
        RecordingError: A file that cannot be imported.
    """
    from orderfox_nb.recording.recording import open_recording  # noqa: PLC0415

    path = Path(text).expanduser()
    if path.is_file() and path.suffix != _SUFFIX:
        return FoundRecording(open_recording(_imported(path, settings)), f"tape:{path}")
    folder = path.parent if path.suffix == _SUFFIX else path
    kept = settings.data_dir / "recordings" / text
    for each in (folder, kept):
        if _is_recording(each):
            return FoundRecording(open_recording(each), f"recording:{each}")
    inside = recordings_in(folder)
    if len(inside) == 1:
        return FoundRecording(open_recording(inside[0]), f"recording:{inside[0]}")
    if inside:
        names = ", ".join(one.name for one in inside[-_MAX_NAMED:])
        raise SettingError(_NAME, text, f"one of the {len(inside)} recordings in it: {names}")
    if folder.exists():
        raise SettingError(_NAME, text, f"a recording: there are no {_SUFFIX} files in it")
    known = [one.name for one in (*recordings_in(kept.parent), *_beside(folder))]
    near = get_close_matches(Path(text).name, known, n=1, cutoff=0.5)
    raise SettingError(
        _NAME,
        text,
        "a recording" + (f"; did you mean {near[0]}?" if near else ": orderfox replay lists them"),
    )


def recordings_in(folder: Path) -> Sequence[Path]:
    """Return the recordings of a folder by name."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if _is_recording(one))


def _beside(folder: Path) -> Iterator[Path]:
    """Yield what stands where a folder was expected."""
    with suppress(OSError):
        yield from folder.parent.iterdir()


def print_recordings(folder: Path) -> int:
    """Print the recordings of a folder; returns the exit code, 1 where there are none."""
    from orderfox_nb.recording.recording import open_recording  # noqa: PLC0415

    rows: list[tuple[str, ...]] = []
    for path in recordings_in(folder):
        try:
            one = open_recording(path)
        except OrderFoxError:
            # Another process is creating or deleting it.
            continue
        symbols = sorted(one.instruments)
        seconds = (one.end_us - one.start_us) / 1e6
        shown = ", ".join(symbols[:2]) + (f" +{len(symbols) - 2}" if len(symbols) > 2 else "")
        rows.append((one.name, utc_text(one.start_us), length_text(seconds), shown, bytes_text(one.files.bytes)))
    if not rows:
        raise RecordingError(folder, "a recording in it: make one with orderfox record, or give a folder")
    print_table(("recording", "start (UTC)", "length", "symbols", "size"), rows, right=("length", "size"))
    return 0


def _is_recording(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob(f"*{_SUFFIX}"))


def _imported(path: Path, settings: Settings) -> Path:
    from orderfox_nb.feeds.imports.shown import import_kept  # noqa: PLC0415

    with progress(f"Importing {path.name}") as moved:
        root = settings.data_dir / "imports"
        try:
            return import_kept([path], root, progress=lambda part: moved(part, ""), bar_shown=False)
        except OSError as error:
            expected = f"a file that can be read, and a data directory that can be written: {error}"
            raise RecordingError(path, expected) from None
