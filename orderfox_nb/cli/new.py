"""``orderfox new``: a notebook to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from orderfox_nb.cli.command import Command, Example


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=Path, metavar="NAME", help="file name; .ipynb is added if it is missing")
    parser.add_argument("--symbol", default="BTCUSDT", help="the market (default: %(default)s)")


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.notebook_files import write_notebook  # noqa: PLC0415

    path = write_notebook(options.name.expanduser(), symbol=options.symbol)
    print(f"{path}: open it in JupyterLab, or with  jupyter lab {path}")
    return 0


COMMAND = Command(
    description="Write a short notebook that reads and draws a market, as a start for a study of your own.",
    arguments=_add_arguments,
    run=_run,
    examples=(Example("A study of ether", "orderfox new my_study.ipynb --symbol ETHUSDT"),),
)
