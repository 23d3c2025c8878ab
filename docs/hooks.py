"""MkDocs' hook: adds the pages that are generated from the code, and those that are files of the project itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from generate import commands, error_tree, python_api, rest, settings, wire
from mkdocs.structure.files import File, Files

_PROJECT: Final = Path(__file__).parents[1]
_PAGES: Final = {
    "reference/command-line.md": commands.page,
    "reference/errors.md": error_tree.page,
    "reference/python.md": python_api.page,
    "reference/rest.md": rest.page,
    "reference/settings.md": settings.page,
    "reference/wire.md": wire.page,
}
_OF_THE_PROJECT: Final = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages; nothing of them is a file."""
    for path, page in _PAGES.items():
        files.append(File.generated(config, path, content=page()))
    for path, name in _OF_THE_PROJECT.items():
        text = (_PROJECT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, path, content=text.replace("](docs/", "](")))
    return files
