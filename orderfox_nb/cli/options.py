"""Options that several commands have, and how their values are read."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from typing import Final

from orderfox_nb.core.numerals import whole_number

_LOG_FORMAT: Final = "time=%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add ``--source``."""
    parser.add_argument("--source", help="where data comes from, see below (default: ORDERFOX_SOURCE or sim)")


def sources_text() -> str:
    """Return the sources with all their options, for a help."""
    # The help of a command without a source must not import the feeds.
    from orderfox_nb.feeds.sources import sources_help  # noqa: PLC0415

    return sources_help()


def sources_line() -> str:
    """Return the names of the sources, for a help that has enough to say already."""
    from orderfox_nb.feeds.sources import SOURCES  # noqa: PLC0415

    known = ", ".join(kind.form for kind in SOURCES)
    return f"sources: {known}; several separated by commas. Their options: orderfox serve --help"


def count(text: str) -> int:
    """Read a small number.

    Raises:
        argparse.ArgumentTypeError: It is not a number from 0 to 99.
    """
    value = whole_number(text)
    if value is None or not 0 <= value <= 99:
        raise argparse.ArgumentTypeError("expected a number from 0 to 99")
    return value


def duration(text: str) -> float:
    """Read a duration as seconds: ``90``, ``90s``, ``10m``, ``8h``, ``2d``.

    Raises:
        argparse.ArgumentTypeError: It is not a duration.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smhd]?)", text)
    if not found:
        raise argparse.ArgumentTypeError("expected seconds, or a number with s, m, h or d such as 10m")
    return float(found[1]) * _SECONDS[found[2]]


def names(text: str) -> Sequence[str]:
    """Read names that are separated by commas."""
    return [name for part in text.split(",") if (name := part.strip())]


def log_to_stderr(*, debug: bool) -> None:
    """Let this package's log go to stderr, and warnings of others."""
    logging.basicConfig(level=logging.WARNING, format=_LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("orderfox_nb").setLevel(logging.DEBUG if debug else logging.INFO)
