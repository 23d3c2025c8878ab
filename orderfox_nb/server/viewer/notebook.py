"""Reads a notebook's file before it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

MAX_BYTES: Final = 32_000_000
"""A larger file is not read."""


class UnreadableNotebook(Exception):
    """The file is not a notebook; its text is for viewers."""


class OrderfoxMetadata(msgspec.Struct):
    """A notebook's metadata below ``orderfox``."""

    title: str = ""
    summary: str = ""
    """One sentence for its card."""
    picture: str = ""
    """An image's file, as a path from the notebook's folder."""
    picture_dark: str = ""
    """The same for dark pages; ``picture`` where it is missing."""
    kernel_per_viewer: bool = False


class Metadata(msgspec.Struct):
    """Metadata of a notebook."""

    orderfox: OrderfoxMetadata = msgspec.field(default_factory=OrderfoxMetadata)


class Output(msgspec.Struct):
    """A saved output; one that is not data has none."""

    data: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class Cell(msgspec.Struct):
    """A cell; its text in one piece or in lines."""

    cell_type: str
    source: str | list[str] = ""
    outputs: list[Output] = msgspec.field(default_factory=list[Output])

    @property
    def text(self) -> str:
        return joined(self.source)


class NotebookFile(msgspec.Struct):
    """The parts of a notebook that the server uses."""

    cells: list[Cell]
    metadata: Metadata = msgspec.field(default_factory=Metadata)


def joined(text: str | list[str]) -> str:
    """Return a text of a notebook in one piece."""
    return text if isinstance(text, str) else "".join(text)


def read_notebook(path: Path) -> NotebookFile:
    """Read a notebook.

    Raises:
        UnreadableNotebook: It is not there, too large, or no notebook.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableNotebook(f"its file is larger than {MAX_BYTES // 1_000_000} MB")
        return msgspec.json.decode(path.read_bytes(), type=NotebookFile)
    except OSError:
        raise UnreadableNotebook("its file cannot be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableNotebook(f"its file is not a notebook ({error})") from None


def has_kernel_per_viewer(path: Path) -> bool:
    """Return whether a notebook's metadata says ``{"orderfox": {"kernel_per_viewer": true}}``."""
    try:
        return read_notebook(path).metadata.orderfox.kernel_per_viewer
    except UnreadableNotebook:
        return False  # the rendering reports what is wrong
