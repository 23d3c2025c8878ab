"""The formats, one row each: how a file is known by its content, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.http import short
from orderfox_nb.feeds.imports.cryptofeed import CryptofeedReader, looks_cryptofeed
from orderfox_nb.feeds.imports.inputs import Input
from orderfox_nb.feeds.imports.items import FileReader
from orderfox_nb.feeds.imports.npz import NpzReader, looks_npz
from orderfox_nb.feeds.imports.raw import RawReader, looks_raw
from orderfox_nb.feeds.imports.tardis import TardisReader, looks_tardis
from orderfox_nb.feeds.imports.vision import VisionReader, looks_vision
from orderfox_nb.recording.journal import SUFFIX


class Format(NamedTuple):
    """A format of recordings.

    Args:
        name: For people.
        recognise: Says by the file and its first lines whether it is of this format.
        open: Makes the reader; its second argument is the symbol of a file that names none, empty where not given.
    """

    name: str
    recognise: Callable[[Input, Sequence[bytes]], bool]
    open: Callable[[Input, str], FileReader]


FORMATS: Final[Sequence[Format]] = (
    Format("hftbacktest npz", looks_npz, NpzReader),
    Format("Tardis csv", looks_tardis, TardisReader),
    Format("Binance Vision csv", looks_vision, VisionReader),
    Format("cryptofeed raw", looks_cryptofeed, CryptofeedReader),
    Format("raw frames", looks_raw, RawReader),
)
"""Every format. A new one is one row here; the first that recognises a file reads it."""


class Recognised(NamedTuple):
    """A file and what reads it."""

    path: Path
    format: Format
    reader: FileReader


def recognise(path: Path, symbol: str = "") -> Recognised:
    """Return what reads a file.

    Args:
        path: Path of the file.
        symbol: What it is of, where it does not say so.

    Raises:
        RecordingError: No file, an empty one, or one of no format that is known; the error names what was found.
    """
    if path.is_dir():
        own = any(islice(path.glob(f"*{SUFFIX}"), 1))
        raise RecordingError(path, "a file" + ("; this is a recording already, open it as it is" if own else ""))
    source = Input(path)
    head = source.head()
    if not head:
        raise RecordingError(path, "a recording; the file is empty")
    lines = [] if looks_npz(source, ()) else source.sample()
    for known in FORMATS:
        if known.recognise(source, lines):
            return Recognised(path, known, known.open(source, symbol))
    names = ", ".join(known.name for known in FORMATS)
    if not lines:
        seen = f"nothing that can be read ({source.cut_off or 'only empty lines'})"
    else:
        seen = f"a first line of {short(lines[0][:120].decode(errors='replace'))!r}"
    raise RecordingError(path, f"one of {names}; found {seen}")
