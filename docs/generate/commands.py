"""The command line, from the parser's own help."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Final
from unittest import mock

from orderfox_nb.cli.program import command_paths, main

_HEAD: Final = """# Command line

The commands as `orderfox <command> --help` shows them. Options override [environment variables](settings.md), which
override defaults. `python -m orderfox_nb` is the same program.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the work could not be done: the reason is on stderr |
| 2 | an option or a setting that cannot be used |
| 130 | interrupted with Ctrl+C before the work was done; 0 where that is how a command ends, as `serve` |
"""


def page() -> str:
    """Return the page."""
    parts = [_HEAD, _block(help_of())]
    # A command below a group is a heading below it.
    parts += [
        f"\n{'#' * (len(path) + 1)} orderfox {' '.join(path)}\n\n{_block(help_of(*path))}" for path in command_paths()
    ]
    return "\n".join(parts)


def help_of(*command: str) -> str:
    """Return the help of a command, in 100 columns."""
    shown = io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(shown),
        contextlib.suppress(SystemExit),
    ):
        main([*command, "--help"])
    return shown.getvalue().rstrip()


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"
