"""What each command is made of, and how its help is laid out."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
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


class CommandParser(argparse.ArgumentParser):
    """The parser of one command; the text below its options is made when the help is shown.

    Args:
        name: What stands on the command line: ``orderfox serve``.
        description: One paragraph.
        epilog: Returns what is shown below the options.
    """

    def __init__(self, name: str, description: str, epilog: Callable[[], str]) -> None:
        super().__init__(prog=name, description=description, formatter_class=HelpText)
        self._epilog = epilog

    def format_help(self) -> str:
        """Return the whole help."""
        self.epilog = self._epilog()
        return super().format_help()


def parser_of(name: str, command: Command) -> CommandParser:
    """Return the parser of a command."""

    def epilog() -> str:
        return "\n\n".join(filter(None, (examples_text(command.examples), command.notes())))

    parser = CommandParser(f"orderfox {name}", command.description, epilog)
    command.arguments(parser)
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
