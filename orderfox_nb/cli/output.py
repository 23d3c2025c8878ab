"""Tables on stdout: aligned in a terminal of any width, and whole where the output goes to a file."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

_FILE_COLUMNS = 200
"""Width of a table that goes to a file or to another program: nothing is wrapped."""


def stdout_console() -> Console:
    """Return a console for stdout."""
    from rich.console import Console  # noqa: PLC0415 - a command without a table does not pay for it

    return Console(width=None if sys.stdout.isatty() else _FILE_COLUMNS, highlight=False)


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), title: str = ""
) -> None:
    """Print rows below a head.

    Args:
        head: Names of the columns.
        rows: Their texts.
        right: Names of the columns that are aligned to the right.
        title: Printed above; empty for none.
    """
    from rich.table import Table  # noqa: PLC0415 - a command without a table does not pay for it
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for name in head:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        # As texts: what others have written is not markup.
        table.add_row(*(Text(cell) for cell in row))
    console = stdout_console()
    with console.capture() as shown:
        console.print(table)
    # The last column is padded to the width of the table.
    print("\n".join(line.rstrip() for line in shown.get().splitlines()))


def print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values; an empty value leaves its row out."""
    width = max(len(name) for name, _ in rows) + 2
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _FILE_COLUMNS
    for name, value in rows:
        if value:
            print(textwrap.fill(f"{name:<{width}}{value}", max(columns - 1, 2 * width), subsequent_indent=" " * width))


def print_json(value: Any) -> None:
    """Print a value as JSON for a program."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def utc_text(time_us: int) -> str:
    """Return a time as text: ``2026-10-01 10:30:00``."""
    return f"{datetime.fromtimestamp(time_us / 1e6, UTC):%Y-%m-%d %H:%M:%S}"


def length_text(seconds: float) -> str:
    """Return how long something is: ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def bytes_text(count: int) -> str:
    """Return how large something is: ``1.2 MB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
