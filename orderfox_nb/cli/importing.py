"""``orderfox import``: files of other recorders as one recording."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.cli.progress import progress


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files to import, in any order")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to make the recording in")
    parser.add_argument(
        "--instruments", type=Path, metavar="FILE", help="the venue's exchangeInfo as JSON, for ticks and lots"
    )
    parser.add_argument("--symbol", default="", help="symbol of files that do not name theirs")


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.feeds.imports.shown import import_shown  # noqa: PLC0415

    beside = options.instruments.expanduser() if options.instruments else None
    files = [path.expanduser() for path in options.files]
    try:
        with progress("Importing") as moved:
            imported = import_shown(
                files,
                options.out.expanduser(),
                instruments=beside,
                symbol=options.symbol,
                progress=lambda part: moved(part, ""),
                bar_shown=False,
            )
    except OSError as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 1
    for note in imported.notes:
        print(f"orderfox: {note}", file=sys.stderr)
    print(imported.folder)
    return 0


COMMAND = Command(
    description="Make one recording from files of one venue: raw frames (a receive stamp and a frame a line, also "
    "those of hftbacktest and Tardis), Tardis csv, hftbacktest npz, Binance Vision zip or csv, and cryptofeed's raw "
    "captures, plain or compressed. The format is recognised by the content.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example("Raw frames of a day", "orderfox import usdm_btcusdt_20240808.gz --out recordings"),
        Example(
            "A book, and liquidations of the same time",
            "orderfox import btcusdt.gz forceorder.jsonl --out recordings",
        ),
    ),
)
