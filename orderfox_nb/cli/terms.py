"""The options of a paper account."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any, Final

from orderfox_nb.errors import SettingError

if TYPE_CHECKING:
    from orderfox_nb.bots.terms import PaperTerms

_LATENCY: Final = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)(?:,([0-9]{1,5}(?:\.[0-9]{1,3})?))?")


def add_terms(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("--cash", metavar="N", help="deposit, quote currency (default: 10000)")
    parser.add_argument("--leverage", type=int, metavar="N", help="largest multiple of the deposit (default: 10)")
    parser.add_argument("--maker", metavar="FEE", help="fee of resting orders, a fraction (default: 0.0002)")
    parser.add_argument("--taker", metavar="FEE", help="fee of all other orders (default: 0.0005)")
    parser.add_argument(
        "--latency",
        metavar="MS[,MS]",
        help="delays to the venue and back, milliseconds (default: 10,5; a single value: half of it back)",
    )


def terms_of(options: argparse.Namespace) -> PaperTerms:
    """Return the terms that the options describe.

    Raises:
        BadValue: One of them is not a number, or is out of range.
        SettingError: A latency of another form.
    """
    from orderfox_nb.bots.latency import Latency  # noqa: PLC0415
    from orderfox_nb.bots.terms import PaperTerms  # noqa: PLC0415

    given: dict[str, Any] = {name: getattr(options, name) for name in ("cash", "maker", "taker", "leverage")}
    given = {name: value for name, value in given.items() if value is not None}
    if options.latency is not None:
        found = _LATENCY.fullmatch(options.latency.strip())
        if not found:
            raise SettingError("--latency", options.latency, "milliseconds such as 10, or 10,5")
        there_us = round(float(found[1]) * 1_000)
        given["latency"] = Latency.constant(there_us, round(float(found[2]) * 1_000) if found[2] else there_us // 2)
    return PaperTerms(**given)
