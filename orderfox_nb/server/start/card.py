"""A notebook's card: its title, one sentence, and a picture."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from orderfox_nb.notebook_files import notebooks_folder
from orderfox_nb.server.viewer.notebook import NotebookFile, UnreadableNotebook, joined, read_notebook

MAX_PICTURE: Final = 1_000_000
"""Bytes of a picture; a larger one is not shown."""
_MAX_TITLE: Final = 80
_MAX_SUMMARY: Final = 180
KINDS: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
}
"""Files that may be pictures, and what they are served as."""
_OUTPUTS: Final = ("image/png", "image/jpeg", "image/svg+xml")
_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_SIGNS: Final = re.compile(r"[`*]|<[^>]*>")
_SENTENCE: Final = re.compile(r"^.*?[.!?](?=\s|$)", re.DOTALL)
_STILL: Final = re.compile(r"<svg\b.*?</svg>", re.DOTALL)


class Thumbnail(msgspec.Struct, frozen=True):
    """An image as it is sent."""

    kind: str
    data: bytes
    tag: str
    """Another image has another one."""


class Card(msgspec.Struct, frozen=True):
    """A notebook on the start page."""

    name: str
    """Its address below ``pages/``, not encoded."""
    path: Path
    title: str
    summary: str = ""
    light: Thumbnail | None = None
    dark: Thumbnail | None = None
    pictures: tuple[Path, ...] = ()
    """Where its pictures are, or would be: a change of one of these files changes the card."""
    kernel_per_viewer: bool = False
    problem: str = ""
    """Why its file cannot be shown, empty if it can."""


def read_card(path: Path) -> Card:
    """Read the card of a notebook; one that cannot be read has a card that says so."""
    name = path.stem
    try:
        notebook = read_notebook(path)
    except UnreadableNotebook as error:
        return Card(name, path, _plain_name(name), problem=_cut(str(error), _MAX_SUMMARY))
    own = notebook.metadata.orderfox
    title, summary = _described(cell.text for cell in notebook.cells if cell.cell_type == "markdown")
    names = own.picture, own.picture_dark
    chosen = [_picture_paths(path.parent, picture) for picture in names]
    light, dark = (_first_picture(paths, picture) for paths, picture in zip(chosen, names, strict=True))
    saved = _saved_picture(notebook) if light is None else None
    return Card(
        name=name,
        path=path,
        title=_cut(own.title or title or _plain_name(name), _MAX_TITLE),
        summary=_cut(own.summary or summary, _MAX_SUMMARY),
        light=light or saved,
        dark=dark or light or saved,
        pictures=tuple(dict.fromkeys(chosen[0] + chosen[1])),
        kernel_per_viewer=own.kernel_per_viewer,
    )


def page_title(texts: Iterable[str]) -> str:
    """Return the title of a notebook of these text cells, empty if it has none."""
    return _described(texts)[0]


def _described(texts: Iterable[str]) -> tuple[str, str]:
    """Return the first heading of a notebook's text cells, and the first sentence below it."""
    title = ""
    for text in texts:
        for block in re.split(r"\n\s*\n", text.strip()):
            lines = block.strip().splitlines()
            if lines and (heading := _HEADING.match(lines[0])):
                if title:
                    return title, ""
                title, lines = _plain(heading[1]), lines[1:]
            if (words := _plain(" ".join(lines))) and words[0] not in "|>-+":  # a table, a quotation or a list
                sentence = _SENTENCE.match(words)
                return title, sentence[0] if sentence else words
    return title, ""


def _plain(markdown: str) -> str:
    return " ".join(_SIGNS.sub("", _LINK.sub(r"\1", markdown)).split())


def _plain_name(name: str) -> str:
    text = re.sub(r"[_-]+", " ", name).strip() or name
    return _cut(text[0].upper() + text[1:], _MAX_TITLE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _picture_paths(folder: Path, name: str) -> list[Path]:
    """Return where a picture of the metadata may be: beside the notebook, or among those that come with the package."""
    if Path(name).suffix.lower() not in KINDS or any(part.startswith(".") for part in Path(name).parts):
        return []
    folders = [folder]
    with suppress(FileNotFoundError):
        folders.append(notebooks_folder())
    found: list[Path] = []
    for place in folders:
        with suppress(OSError, ValueError):
            root = place.resolve()
            if (path := (root / name).resolve()).is_relative_to(root):
                found.append(path)
    return found


def _first_picture(paths: Iterable[Path], name: str) -> Thumbnail | None:
    # The name says what kind it is: a link may lead to a file that has another one.
    for path in paths:
        with suppress(OSError):
            if path.stat().st_size <= MAX_PICTURE:
                return _picture(KINDS[Path(name).suffix.lower()], path.read_bytes())
    return None


def _saved_picture(notebook: NotebookFile) -> Thumbnail | None:
    """Return the first image among the saved outputs, or the first still of a widget."""
    for cell in notebook.cells:
        for output in cell.outputs:
            if (picture := _output_picture(output.data)) is not None:
                return picture
    return None


def _output_picture(data: dict[str, Any]) -> Thumbnail | None:
    for kind in _OUTPUTS:
        text = _text(data.get(kind))
        if not text:
            continue
        try:
            found = text.encode() if kind == "image/svg+xml" else base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(found) <= MAX_PICTURE:
            return _picture(kind, found)
    still = _STILL.search(_text(data.get("text/html")))
    if still and "xmlns=" in still[0] and len(still[0]) <= MAX_PICTURE:
        return _picture("image/svg+xml", still[0].encode())
    return None


def _text(value: object) -> str:
    if isinstance(value, list):
        return joined([part for part in value if isinstance(part, str)])  # pyright: ignore[reportUnknownVariableType]
    return value if isinstance(value, str) else ""


def _picture(kind: str, data: bytes) -> Thumbnail:
    return Thumbnail(kind, data, hashlib.sha256(data).hexdigest()[:16])
