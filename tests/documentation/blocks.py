"""The code blocks of README and documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orderfox_nb

PROJECT = Path(orderfox_nb.__file__).parents[1]
SHELL = ("sh", "bash", "console")
COMMANDS = (
    "ORDERFOX_",
    "python ",
    "pip ",
    "make ",
    "orderfox ",
    "curl ",
    ".venv/bin/",
    ".venv\\",
    "jupyter ",
    "py ",
    "git ",
)
"""How the lines of a block without a language begin that is for a shell."""
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE
)
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>[^>]+?) -->\s*\Z")


class CodeBlock(NamedTuple):
    """A code block.

    Args:
        page: The file, relative to the project.
        line: Of its first line of code.
        language: As the page says, or ``sh`` where it says nothing and a command begins it.
        code: Its text.
        not_run: Why it is not executed, as the comment before it says; empty for all others.
    """

    page: str
    line: int
    language: str
    code: str
    not_run: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def documents() -> list[Path]:
    """Return README, CONTRIBUTING and the pages of the site."""
    return [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def blocks(path: Path) -> Iterator[CodeBlock]:
    """Yield the blocks of a page in order."""
    text = path.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        indent, code = found["indent"], found["code"]
        code = "".join(line.removeprefix(indent) for line in code.splitlines(keepends=True))
        language = found["language"] or ("sh" if code.startswith(COMMANDS) else "text")
        reason = _NOT_RUN.search(text, 0, found.start())
        line = text.count("\n", 0, found.start("code")) + 1
        page = path.relative_to(PROJECT).as_posix()
        yield CodeBlock(page, line, "sh" if language in SHELL else language, code, reason["reason"] if reason else "")


def python_pages() -> dict[str, list[CodeBlock]]:
    """Return the blocks of Python of each page that has some."""
    found = {path: [block for block in blocks(path) if block.language == "python"] for path in documents()}
    return {rows[0].page: rows for rows in found.values() if rows}


def shell_blocks() -> list[CodeBlock]:
    """Return the blocks for a shell of all pages."""
    return [block for path in documents() for block in blocks(path) if block.language == "sh"]
