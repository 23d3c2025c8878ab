"""The command line: the list of commands, and how their errors become exit codes.

Options override the environment. An invalid option or setting prints one line and exits with code 2; work that fails
prints one line and exits with code 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from orderfox_nb import __version__
from orderfox_nb.cli.command import (
    INTERRUPTED,
    Command,
    CommandGroup,
    Example,
    ListedCommand,
    overview_of,
    parser_of,
)
from orderfox_nb.errors import InputError, MissingExtra, OrderFoxError, SettingError

_TITLED: Final[Mapping[str, Mapping[str, ListedCommand]]] = {
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
        "bot": ListedCommand("bot", "strategies, a bot in this terminal, and the bots of a server"),
    },
    "maintain": {
        "doctor": ListedCommand("doctor", "check the installation and every venue of the source"),
    },
}
"""Every command, by what it is for. A new one is one row here and one module."""

PROGRAM: Final = CommandGroup(
    "The order-flow desk: live markets on a dashboard, in notebooks and as endpoints; with recordings and bots.",
    _TITLED,
    (
        Example("The dashboard on the embedded exchange, without a network", "orderfox serve"),
        Example("The dashboard on Binance", "orderfox serve --source binance"),
        Example("What does not work on this machine, and what to do", "orderfox doctor"),
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run("orderfox", PROGRAM, given)
    except (SettingError, MissingExtra, InputError) as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 2
    except OrderFoxError as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it, as ``head`` does. Python would report an error when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def command_paths() -> Iterator[Sequence[str]]:
    """Yield the words of every command in the order of the overviews, such as ``("bot", "list")``, groups included."""
    yield from _paths((), PROGRAM)


def load(path: Sequence[str]) -> Command | CommandGroup:
    """Return a command or a group; imports its module.

    Args:
        path: Its words.
    """
    found: Command | CommandGroup = PROGRAM
    for word in path:
        assert isinstance(found, CommandGroup)
        found = found.commands[word].load()
    return found


def _paths(path: Sequence[str], group: CommandGroup) -> Iterator[Sequence[str]]:
    for name, listed in group.commands.items():
        yield (*path, name)
        if isinstance(found := listed.load(), CommandGroup):
            yield from _paths((*path, name), found)


def _run(path: str, group: CommandGroup, given: Sequence[str]) -> int:
    parser = overview_of(path, group)
    if group is PROGRAM:
        parser.add_argument("--version", action="version", version=f"orderfox {__version__}")
    if not given:
        parser.print_help()
        return 0
    name, *rest = given
    if name in group.commands:
        found = group.commands[name].load()
        if isinstance(found, CommandGroup):
            return _run(f"{path} {name}", found, rest)
        return found.run(parser_of(f"{path} {name}", found).parse_args(rest))
    if not name.startswith("-"):
        near = get_close_matches(name, list(group.commands), n=1)
        parser.error(f"there is no command {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
    parser.parse_args(given)
    raise SettingError("command", name, "a command before the options")
