"""The command line: which commands there are, and what becomes of their errors.

Options override the environment. An option or a setting that cannot be used is one line and exit code 2; work that
could not be done is one line and exit code 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Final, NamedTuple

from orderfox_nb import __version__
from orderfox_nb.cli.command import INTERRUPTED, Command, CommandParser, Example, examples_text, parser_of
from orderfox_nb.errors import InputError, MissingExtra, OrderFoxError, SettingError


class ListedCommand(NamedTuple):
    """A command in the overview; its module is imported when it is used."""

    module: str
    summary: str


GROUPS: Final[Mapping[str, Mapping[str, ListedCommand]]] = {
    "watch a market": {
        "serve": ListedCommand("serve", "serve the dashboard and the endpoints"),
        "lab": ListedCommand("lab", "open JupyterLab on the notebooks"),
        "new": ListedCommand("new", "write a notebook to start from"),
        "sim": ListedCommand("sim", "run the embedded exchange alone"),
    },
    "record and replay": {
        "record": ListedCommand("record", "record markets into a folder"),
        "import": ListedCommand("importing", "make a recording from files of other recorders"),
        "replay": ListedCommand("replay", "open a recording on the dashboard"),
    },
    "try a strategy": {
        "backtest": ListedCommand("backtest", "run a strategy over a recording"),
    },
    "look after it": {
        "doctor": ListedCommand("doctor", "check the installation and every venue of the source"),
    },
}
"""Every command, by what it is for. A new one is one row here and one module."""

EXAMPLES: Final = (
    Example("The dashboard on the embedded exchange, without a network", "orderfox serve"),
    Example("The dashboard on Binance", "orderfox serve --source binance"),
    Example("What is missing here, and what to do", "orderfox doctor"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(given)
    except (SettingError, MissingExtra, InputError) as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 2
    except OrderFoxError as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read the output has enough of it, as ``head`` has. Python would complain when it flushes at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def command_names() -> Iterator[str]:
    """Yield the name of every command, in the order of the overview."""
    for entries in GROUPS.values():
        yield from entries


def load(name: str) -> Command:
    """Return a command; imports its module."""
    entry = next(entries[name] for entries in GROUPS.values() if name in entries)
    command: Command = import_module(f"orderfox_nb.cli.{entry.module}").COMMAND
    return command


def _run(given: Sequence[str]) -> int:
    parser = _overview()
    if not given:
        parser.print_help()
        return 0
    name, *rest = given
    if name in command_names():
        command = load(name)
        return command.run(parser_of(name, command).parse_args(rest))
    if not name.startswith("-"):
        near = get_close_matches(name, list(command_names()), n=1)
        parser.error(f"there is no command {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
    parser.parse_args(given)
    raise SettingError("command", name, "a command before the options")


def _overview() -> CommandParser:
    parser = CommandParser(
        "orderfox",
        "The order-flow desk: live markets on a dashboard, in notebooks and as endpoints; with recordings and bots.",
        _listed,
    )
    parser.usage = "orderfox COMMAND [options]"
    parser.add_argument("--version", action="version", version=f"orderfox {__version__}")
    return parser


def _listed() -> str:
    parts: list[str] = []
    for title, entries in GROUPS.items():
        parts.append("\n".join([f"{title}:", *(f"  {name:<10} {entry.summary}" for name, entry in entries.items())]))
    parts += [examples_text(EXAMPLES), "orderfox COMMAND --help shows the options of a command and examples."]
    return "\n\n".join(parts)
