"""``orderfox replay``: a recording on the dashboard, or what is in it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from urllib.parse import quote

from orderfox_nb.cli import serve
from orderfox_nb.cli.command import Command, Example, parser_of
from orderfox_nb.cli.options import names
from orderfox_nb.cli.output import bytes_text, length_text, print_json, print_pairs, utc_text
from orderfox_nb.cli.progress import progress
from orderfox_nb.cli.recordings import find_recording, print_recordings
from orderfox_nb.errors import SettingError

if TYPE_CHECKING:
    from orderfox_nb.recording.recording import Recording

_PAGE_SYMBOL = "BTCUSDT"
"""Default symbol of a page."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recording",
        nargs="?",
        metavar="RECORDING",
        help="folder of a recording, its name in the data directory, or a file of another recorder, which is imported "
        "(default: list those in the data directory)",
    )
    parser.add_argument("--speed", default="1", metavar="X", help="times real time up to 1000, or max (default: 1)")
    parser.add_argument(
        "--start", default="", metavar="TIME", help="start time in UTC: 10:30 or 2026-10-01T10:30 (default: beginning)"
    )
    parser.add_argument(
        "--symbols", type=names, default=(), help="the page opens with the first one; --info describes only these"
    )
    parser.add_argument(
        "--info", action="store_true", help="print range, events, gaps, size and the hash of the data, and exit"
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON, and exit")
    serve.add_address(parser)


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.config import load_settings  # noqa: PLC0415

    settings = load_settings()
    if options.recording is None:
        return print_recordings(settings.data_dir / "recordings")
    found = find_recording(options.recording, settings)
    symbols = [found.recording.symbol_of(symbol) for symbol in options.symbols]
    part = found.recording.select(symbols=symbols) if symbols else found.recording
    if options.info or options.json:
        return _print_info(part, as_json=options.json)
    return _serve(options, found.recording, found.source, symbols)


def _serve(options: argparse.Namespace, recording: Recording, source: str, symbols: list[str]) -> int:
    from orderfox_nb.feeds.sources import parse_source  # noqa: PLC0415

    for option in parse_source(source).kind.options:
        given = {"speed": options.speed, "start": options.start or option.default}.get(option.name, option.default)
        try:
            option.read(given)
        except ValueError:
            raise SettingError(f"--{option.name}", given, option.expected) from None
    query = f"speed={quote(options.speed)}" + (f"&start={quote(options.start, safe=':')}" if options.start else "")
    given = ["--source", f"{source}?{query}", "--host", options.host, "--base-url", options.base_url]
    given += [] if options.port is None else ["--port", options.port]
    given += ["--no-browser"] * options.no_browser + ["--debug"] * bool(options.debug)
    known = sorted(recording.instruments)
    shown = symbols or ([] if _PAGE_SYMBOL in known else known)
    view = f"?symbol={quote(shown[0])}" if shown else ""
    return serve.run_server(parser_of("orderfox serve", serve.COMMAND).parse_args(given), view=view)


def _print_info(part: Recording, *, as_json: bool) -> int:
    with progress("Reading") as moved:
        moved(None, part.name)
        info = part.info()
    if as_json:
        print_json(info)
        return 0
    symbols = ", ".join(info.symbols[:12]) + (f" and {len(info.symbols) - 12} more" if len(info.symbols) > 12 else "")
    length = length_text((info.end_us - info.start_us) / 1e6)
    rows = [
        ("recording", info.name),
        ("folder", str(part.path)),
        ("venue", info.venue + (" (simulated)" if info.simulated else "")),
        ("source", info.source),
        ("range", f"{utc_text(info.start_us)} to {utc_text(info.end_us)} UTC, {length}"),
        ("symbols", symbols),
        ("events", f"{sum(info.events.values()):,}"),
        *((f"  {channel}", f"{count:,}") for channel, count in info.events.items()),
        ("gaps", f"{info.gaps:,}"),
        ("damaged", f"{info.damaged_bytes:,} bytes cannot be read" if info.damaged_bytes else ""),
        ("size", bytes_text(info.bytes)),
        ("hash", info.digest),
        *(("note", note) for note in info.notes),
    ]
    print_pairs(rows)
    return 0


COMMAND = Command(
    description="Open a recording on the dashboard: it plays with its own clock, and every page can move to any "
    "time of it. Without a recording, list those in the data directory.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example("List what is recorded", "orderfox replay"),
        Example("A recording from 10:15 on, five times as fast", "orderfox replay recordings --start 10:15 --speed 5"),
        Example("What a recording contains", "orderfox replay recordings --info"),
        Example("A file of another recorder: it is imported once", "orderfox replay usdm_btcusdt_20240808.gz"),
    ),
)
