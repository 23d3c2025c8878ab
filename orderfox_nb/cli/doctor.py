"""``orderfox doctor``: what works on this machine, and how to repair what does not."""

from __future__ import annotations

import argparse

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.cli.options import add_source, duration, sources_line


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_source(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--timeout", type=duration, default=20.0, metavar="S", help="seconds for each venue (default: 20)"
    )


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.doctor.command import run_doctor  # noqa: PLC0415

    settings = load_settings(ORDERFOX_SOURCE=options.source)
    return run_doctor(settings, as_json=options.json, timeout_s=options.timeout)


COMMAND = Command(
    description="Check the installation, and ask every venue of the source for its clock, its symbols and one order "
    "book. The exit code is 1 if something does not work.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example("This installation and the embedded exchange", "orderfox doctor"),
        Example("Whether Binance and OKX can be reached from here", "orderfox doctor --source binance,okx"),
        Example("For a program", "orderfox doctor --json"),
    ),
    notes=sources_line,
)
