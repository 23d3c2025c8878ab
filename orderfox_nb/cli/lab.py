"""``orderfox lab``: JupyterLab on the notebooks."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.cli.options import add_source, sources_line
from orderfox_nb.cli.startup import skip_address_grammar


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("orderfox"),
        metavar="FOLDER",
        help="folder for the notebooks (default: orderfox)",
    )
    add_source(parser)
    parser.add_argument("--port", help="port, 0 for any free one (default: JupyterLab's, 8888)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.feeds.sources import open_feeds  # noqa: PLC0415
    from orderfox_nb.notebook_files import TOUR, copy_notebooks  # noqa: PLC0415

    settings = load_settings(ORDERFOX_SOURCE=options.source)
    # A wrong source is an error here, and not only in the log of the server.
    open_feeds(settings.source, settings, beside=True)
    folder = options.folder.expanduser().resolve()
    print(f"{len(copy_notebooks(folder))} notebooks were copied to {folder} (source: {settings.source})", flush=True)
    given = [f"--ServerApp.root_dir={folder}", f"--LabApp.default_url=/lab/tree/{TOUR}"]
    given += ["--no-browser"] * options.no_browser
    given += [] if options.port is None else [f"--port={options.port}"]
    # As in a container, where there is nobody else.
    given += ["--allow-root"] * (hasattr(os, "getuid") and os.getuid() == 0)
    os.environ["ORDERFOX_SOURCE"] = settings.source

    skip_address_grammar()
    from jupyterlab.labapp import LabApp  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    LabApp.launch_instance(given)
    return 0


COMMAND = Command(
    description="Copy the notebooks that are not there yet into a folder and open JupyterLab on the tour.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example("The tour, on the embedded exchange", "orderfox lab"),
        Example("A folder of your own, on Binance", "orderfox lab ~/studies --source binance"),
    ),
    notes=sources_line,
)
