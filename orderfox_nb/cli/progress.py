"""Progress of long work on stderr: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TypeAlias

Moved: TypeAlias = Callable[[float | None, str], None]
"""Called with the part that is done, from 0 to 1 (None if no end is known), and a text beside the bar."""

_LINE_EVERY: Final = 0.1
"""Share of the work between two lines if there is not a terminal."""
_LINE_EVERY_S: Final = 60.0
"""The same, where no end is known."""


@contextmanager
def progress(title: str) -> Generator[Moved]:
    """Show how far work is, until the context ends."""
    if not sys.stderr.isatty():
        yield _Lines(title).moved
        return
    # Only a terminal pays for it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    text = TextColumn("{task.fields[text]}", markup=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(None), TaskProgressColumn(), text)
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    # What is printed meanwhile goes above the bar; where it goes to a file or a program, it stays on its own.
    printed = sys.stdout.isatty()
    bar = Progress(*columns, *times, console=Console(stderr=True), transient=True, redirect_stdout=printed)
    with bar:
        task = bar.add_task(title, total=None, text="")

        def moved(part: float | None, text: str) -> None:
            bar.update(task, total=None if part is None else 1.0, completed=part or 0.0, text=text)

        yield moved


class _Lines:
    """Prints a line for each tenth of the work, or each minute of one without an end."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._due = _LINE_EVERY
        self._due_s = time.monotonic() + _LINE_EVERY_S

    def moved(self, part: float | None, text: str) -> None:
        if not (time.monotonic() >= self._due_s if part is None else part >= self._due):
            return
        if part is not None:
            # A step that is larger than a tenth is one line.
            self._due = int(part / _LINE_EVERY + 1e-9) * _LINE_EVERY + _LINE_EVERY
        self._due_s = time.monotonic() + _LINE_EVERY_S
        words = [f"{part:.0%}" if part is not None else "", text]
        print(f"{self._title}: {', '.join(filter(None, words))}", file=sys.stderr, flush=True)
