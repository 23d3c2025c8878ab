"""Commands, groups of commands, and the layout of their help."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Final, NamedTuple

INTERRUPTED: Final = 130
"""Exit code after Ctrl+C before the work was done, as shells have it."""
_MAX_COLUMNS: Final = 100
_LEFT_COLUMN: Final = re.compile(r" +\S+(?: \S+)* {2,}(?=\S)")


class Example(NamedTuple):
    """A use of a command: what it does, and the line that does it."""

    what: str
    line: str


class Command(NamedTuple):
    """A command of ``orderfox``.

    Args:
        description: One paragraph for its help.
        arguments: Adds its options to a parser.
        run: Does the work and returns the exit code.
        examples: Shown below the options.
        notes: Returns what is shown below the examples; called for the help alone.
    """

    description: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    examples: Sequence[Example]
    notes: Callable[[], str] = str


class ListedCommand(NamedTuple):
    """A command in an overview; its module is imported when it is used.

    Args:
        module: Below this package.
        summary: What it does, in a few words.
        attribute: Its name in the module.
    """

    module: str
    summary: str
    attribute: str = "COMMAND"

    def load(self) -> Command | CommandGroup:
        """Import its module and return it."""
        return getattr(import_module(f"{__package__}.{self.module}"), self.attribute)


class CommandGroup(NamedTuple):
    """Commands below one name; without any of them the overview is shown.

    Args:
        description: One paragraph for the overview.
        titled: The commands by name, below the titles of the overview.
        examples: Shown below them.
    """

    description: str
    titled: Mapping[str, Mapping[str, ListedCommand]]
    examples: Sequence[Example]

    @property
    def commands(self) -> Mapping[str, ListedCommand]:
        """All of them, in the order of the overview."""
        return {name: each for commands in self.titled.values() for name, each in commands.items()}


class CommandParser(argparse.ArgumentParser):
    """The parser of one command; the text below its options is made when the help is shown.

    Args:
        path: What stands on the command line: ``orderfox serve``.
        description: One paragraph.
        epilog: Returns what is shown below the options.
    """

    def __init__(self, path: str, description: str, epilog: Callable[[], str]) -> None:
        super().__init__(prog=path, description=description, formatter_class=HelpText)
        self._epilog = epilog

    def format_help(self) -> str:
        """Return the whole help."""
        self.epilog = self._epilog()
        return super().format_help()


def parser_of(path: str, command: Command) -> CommandParser:
    """Return the parser of a command.

    Args:
        path: What stands on the command line: ``orderfox serve``.
        command: The command.
    """

    def epilog() -> str:
        return "\n\n".join(filter(None, (examples_text(command.examples), command.notes())))

    parser = CommandParser(path, command.description, epilog)
    command.arguments(parser)
    return parser


def overview_of(path: str, group: CommandGroup) -> CommandParser:
    """Return the parser of a group, whose help is the overview.

    Args:
        path: What stands on the command line: ``orderfox``.
        group: Its commands.
    """

    def epilog() -> str:
        parts = [
            "\n".join([f"{title}:", *(f"  {name:<11} {each.summary}" for name, each in commands.items())])
            for title, commands in group.titled.items()
        ]
        more = f"{path} COMMAND --help shows the options of a command and examples."
        return "\n\n".join([*parts, examples_text(group.examples), more])

    parser = CommandParser(path, group.description, epilog)
    parser.usage = f"{path} COMMAND [options]"
    return parser


def examples_text(examples: Sequence[Example]) -> str:
    """Return examples as lines of a help."""
    return "\n".join(["examples:", *(line for each in examples for line in (f"  # {each.what}", f"  {each.line}"))])


class HelpText(argparse.HelpFormatter):
    """Fills paragraphs to the width of the terminal, and keeps the columns of indented lines."""

    def __init__(self, prog: str) -> None:
        # One column less, as argparse has it: some terminals wrap a line that is as wide as they are.
        columns = min(shutil.get_terminal_size().columns, _MAX_COLUMNS) - 1
        super().__init__(prog, max_help_position=26, width=columns)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(filled for line in text.splitlines() for filled in _filled(indent + line, width))


def _filled(line: str, width: int) -> Iterator[str]:
    if len(line) <= width or line.lstrip().startswith("orderfox "):
        # A command is never broken: it is there to be copied.
        yield line
        return
    column = _LEFT_COLUMN.match(line)
    hanging = column.end() if column else len(line) - len(line.lstrip())
    yield from textwrap.wrap(
        line, width, subsequent_indent=" " * hanging, break_long_words=False, break_on_hyphens=False
    )
