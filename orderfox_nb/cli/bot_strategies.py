"""``orderfox bot strategies``: what is installed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.cli.output import print_json, print_table
from orderfox_nb.errors import BadValue

if TYPE_CHECKING:
    from orderfox_nb.views.bot_contract import StrategyAnswer


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="these only (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.desk.strategies import described_strategies  # noqa: PLC0415

    known = {each.name: each for each in described_strategies()}
    for name in options.names:
        if name not in known:
            raise BadValue("strategy", name, "one of " + (", ".join(known) or "none: no strategy is installed"))
    chosen = [known[name] for name in options.names or known]
    if options.json:
        print_json(chosen)
        return 0
    for at, each in enumerate(chosen):
        if at:
            print()
        _print_strategy(each)
    return 0


def _print_strategy(strategy: StrategyAnswer) -> None:
    print(f"{strategy.name}: {strategy.problem or strategy.doc.partition(chr(10))[0]}")
    rows = [
        (
            f"  {each.name}",
            "required" if each.required else str(each.default),
            each.expected + (f": {each.help}" if each.help else ""),
        )
        for each in strategy.parameters
    ]
    if rows:
        print_table(("  parameter", "default", "expected"), rows)


COMMAND = Command(
    description="List the installed strategies and their parameters. A package adds its own by an entry point of the "
    "group orderfox_nb.strategies.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example("All", "orderfox bot strategies"),
        Example("One, for a program", "orderfox bot strategies GridMaker --json"),
    ),
)
