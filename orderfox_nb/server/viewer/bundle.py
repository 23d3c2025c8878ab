"""Joins the scripts that every page of panels loads into one file, from the installed packages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_CHUNK: Final = re.compile(r"[0-9]+\.[0-9a-f]{8,}\.js")
"""The name of a part of an extension."""
_SHARED: Final = re.compile(r'"@lumino/(?!datagrid)[a-z]+","[^"]+",\(\(\)=>(?P<parts>.*?)\.then')
"""What Voila's bundle loads for one of the modules that it shares with extensions."""
_PART: Final = re.compile(r"\.e\(([0-9]+)\)")


def panel_bundle(static: Iterable[Path], extensions: Iterable[Path]) -> str:
    """Return one script with what a page of panels loads of Voila's bundle and of lab extensions.

    A part that is missing here is loaded separately: joining only saves requests.

    Args:
        static: The folders with Voila's static files.
        extensions: The folders with those of the extensions.
    """
    voila = next((folder for folder in static if (folder / "voila.js").is_file()), None)
    parts = [] if voila is None else list(shared_parts(voila))
    return joined([*parts, *(part for folder in extensions for part in extension_parts(folder))])


def joined(files: Iterable[Path]) -> str:
    """Return scripts as one script, in which each has its own scope.

    Args:
        files: Chunks of bundles of webpack or its like: each registers modules, in any order, and runs none of them.
    """
    return "".join(f"(()=>{{{path.read_text(encoding='utf-8')}\n}})();\n" for path in files)


def extension_parts(folder: Path) -> Iterator[Path]:
    """Yield the parts of a lab extension, which its entry would load one by one.

    Args:
        folder: Its static files.
    """
    return (path for path in sorted(folder.glob("*.js")) if _CHUNK.fullmatch(path.name))


def shared_parts(folder: Path) -> Iterator[Path]:
    """Yield the parts of Voila's bundle that have the modules of Lumino; others are loaded separately.

    Args:
        folder: Voila's static files.
    """
    text = (folder / "voila.js").read_text(encoding="utf-8")
    numbers = {number for shared in _SHARED.finditer(text) for number in _PART.findall(shared["parts"])}
    paths = (folder / f"{number}.voila.js" for number in sorted(numbers))
    return (path for path in paths if path.is_file())
