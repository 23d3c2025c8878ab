"""The command line, from the parser's own help."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Final
from unittest import mock

from orderfox_nb import cli

_HEAD: Final = """# Command line

The commands as `orderfox <command> --help` shows them. Options override [environment variables](settings.md), which
override defaults. `python -m orderfox_nb` is the same program.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the work could not be done: the reason is on stderr |
| 2 | an option or a setting that cannot be used |
| 130 | interrupted with Ctrl+C |
"""


def page() -> str:
    """Return the page."""
    parts = [_HEAD, _block(help_of())]
    parts += [f"\n## orderfox {name}\n\n" + _block(help_of(name)) for name in names()]
    return "\n".join(parts)


def names() -> list[str]:
    """Return the names of the commands, in the order of the help."""
    actions = cli._parser()._actions
    return [name for action in actions for name in getattr(action, "choices", None) or ()]


def help_of(*command: str) -> str:
    """Return the help of a command, in 100 columns."""
    shown = io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(shown),
        contextlib.suppress(SystemExit),
    ):
        cli.main([*command, "--help"])
    return shown.getvalue().rstrip()


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"
