"""Lines of a file, plain or compressed; of a damaged one all that can be read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import zstandard

from orderfox_nb.errors import RecordingError

_CHUNK: Final = 16_384
MAX_LINE_BYTES: Final = 32_000_000
"""A book of 100,000 levels a side has less."""
_SAMPLE_BYTES: Final = 262_144

ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
)
"""What a damaged archive raises, of files and of arrays."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZIP: Final = b"PK\x03\x04"


class Line(NamedTuple):
    """A line without its end."""

    number: int
    """From 1."""
    text: bytes


class Damaged(Exception):
    """The rest of a file cannot be read.

    Args:
        reason: Why.
        altered: Whether what was read before may be wrong as well.
    """

    def __init__(self, reason: str, *, altered: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.altered = altered


class Input:
    """One file: plain, gzip, zstd, or a zip with one member.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.corruption = ""
        """Why its contents may be wrong, once they were read."""
        self.cut_off = ""
        """Why it ends early, once it was read."""

    @property
    def name(self) -> str:
        """Its name without the endings of compression."""
        return self.path.name.removesuffix(".gz").removesuffix(".zst").removesuffix(".zip")

    def lines(self, progress: Callable[[int], None] = lambda _: None) -> Iterator[Line]:
        """Yield the lines that can be read; ``corruption`` and ``cut_off`` say then what is wrong with the file.

        Args:
            progress: Called with the bytes of the file that were read since the last call.

        Raises:
            RecordingError: It cannot be opened.
        """
        self.corruption = self.cut_off = ""
        number, rest = 0, b""
        try:
            for chunk in self._chunks(progress):
                *whole, rest = (rest + chunk).split(b"\n")
                for text in whole:
                    number += 1
                    yield Line(number, text.removesuffix(b"\r"))
                if len(rest) > MAX_LINE_BYTES:
                    raise Damaged(f"a line of more than {MAX_LINE_BYTES:,} bytes", altered=True)
        except Damaged as damage:
            self.cut_off = f"{damage.reason}, line {number + 1}"
            if damage.altered:
                self.corruption = self.cut_off
            return
        if rest:
            yield Line(number + 1, rest.removesuffix(b"\r"))

    def sample(self, lines: int = 50) -> list[bytes]:
        """Return the first lines that are not empty, of a damaged file as many as can be read."""
        return [line.text for line in islice((line for line in self.lines() if line.text.strip()), lines)]

    def head(self) -> bytes:
        """Return how the file itself begins."""
        with _open(self.path) as file:
            return file.read(8)

    def _chunks(self, progress: Callable[[int], None]) -> Iterator[bytes]:
        with _open(self.path) as file:
            magic = file.read(4)
            file.seek(0)
            if magic[:2] == _GZIP:
                yield from _unpacked(file, progress, _new_gzip, _GZIP)
            elif magic == _ZSTD:
                yield from _unpacked(file, progress, _new_zstd, _ZSTD)
            elif magic == _ZIP:
                yield from _unzipped(self.path, progress)
            else:
                while chunk := file.read(_CHUNK):
                    progress(len(chunk))
                    yield chunk


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise RecordingError(path, f"a file that can be read ({error.strerror or error})") from None


def _new_gzip() -> Any:
    return zlib.decompressobj(31)


def _new_zstd() -> Any:
    return zstandard.ZstdDecompressor().decompressobj()


def _unpacked(
    file: IO[bytes], progress: Callable[[int], None], new: Callable[[], Any], magic: bytes
) -> Iterator[bytes]:
    """Decompress members one after the other.

    Raises:
        Damaged: Behind all that can be read.
    """
    unpack, inside = new(), False
    while chunk := file.read(_CHUNK):
        progress(len(chunk))
        while chunk:
            if not inside and not chunk.startswith(magic[: len(chunk)]):
                if chunk.strip(b"\0"):
                    raise Damaged("unknown bytes follow the compressed data", altered=False)
                break
            inside = True
            saved = unpack.copy() if hasattr(unpack, "copy") else None
            try:
                data = unpack.decompress(chunk)
            except (zlib.error, zstandard.ZstdError) as error:
                yield from _salvaged(saved, chunk)
                raise Damaged(f"the compressed data is damaged ({error})", altered=True) from None
            yield data
            chunk = b""
            if unpack.eof:
                chunk, unpack, inside = unpack.unused_data, new(), False
    if inside:
        raise Damaged("the file ends within its compressed data", altered=False)


def _salvaged(unpack: Any, chunk: bytes) -> Iterator[bytes]:
    """Yield what can be decompressed of a chunk that is damaged somewhere."""
    if unpack is None:
        return
    try:
        for at in range(len(chunk)):
            yield unpack.decompress(chunk[at : at + 1])
    except zlib.error:
        return


def _unzipped(path: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise RecordingError(path, f"a zip with one file, found {len(members)}")
            member = members[0]
            with archive.open(member) as file:
                share = member.compress_size / max(member.file_size, 1)
                while chunk := file.read(_CHUNK):
                    progress(round(len(chunk) * share))
                    yield chunk
    except ZIP_ERRORS as error:
        raise Damaged(f"the zip is damaged ({error})", altered=True) from None
