"""``orderfox record``: markets into a folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orderfox_nb.cli.command import INTERRUPTED, Command, Example
from orderfox_nb.cli.options import add_source, duration, log_to_stderr, names, sources_line
from orderfox_nb.cli.progress import progress


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--symbols",
        required=True,
        type=names,
        help="symbols in any usual form, separated by commas, at every venue of the source; at one of several: "
        "binance-spot:BTCUSDT",
    )
    parser.add_argument(
        "--channels",
        type=names,
        help="channels, separated by commas, such as book,trades,candles (default: all that the venue has)",
    )
    parser.add_argument("--interval", default="1m", help="timeframe of the candles (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="folder for the recordings, one for each venue"
    )
    parser.add_argument("--duration", type=duration, help="such as 90s, 10m or 8h (default: until Ctrl+C)")
    add_source(parser)


def _run(options: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.core.channels import CHANNELS  # noqa: PLC0415
    from orderfox_nb.desk.recording_run import record_all  # noqa: PLC0415
    from orderfox_nb.feeds.sources import open_feeds  # noqa: PLC0415
    from orderfox_nb.views.contract import RecordingHealth  # noqa: PLC0415

    settings = load_settings(ORDERFOX_SOURCE=options.source)
    log_to_stderr(debug=settings.debug)
    feeds = open_feeds(settings.source, settings)
    folder = options.out.expanduser()
    known: dict[str, RecordingHealth] = {}
    written: dict[str, str] = {}
    interrupted = False
    with progress("Recording") as moved:

        def report(venue: str, status: RecordingHealth, elapsed_s: float) -> None:
            known[venue] = status
            if status.recording:
                written[venue] = status.recording
            events, topics = sum(one.events for one in known.values()), sum(one.topics for one in known.values())
            part = None if options.duration is None else min(1.0, elapsed_s / max(options.duration, 1e-9))
            moved(part, f"{events:,} events of {topics} topics")

        try:
            asyncio.run(
                record_all(
                    feeds,
                    folder,
                    symbols=options.symbols,
                    channels=options.channels or tuple(CHANNELS),
                    interval=options.interval,
                    duration_s=options.duration,
                    report=report,
                )
            )
        except KeyboardInterrupt:
            interrupted = True
    if not written:
        print("orderfox: nothing was recorded", file=sys.stderr)
        return 1
    for name in written.values():
        print(folder / name)
    # Without a duration, Ctrl+C is how a recording ends.
    return INTERRUPTED if interrupted and options.duration is not None else 0


COMMAND = Command(
    description="Record markets into a folder, for a duration or until Ctrl+C.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example(
            "Two markets of the embedded exchange, for ten minutes",
            "orderfox record --symbols BTCUSDT,ETHUSDT --out recordings --duration 10m",
        ),
        Example(
            "A market of Binance, until Ctrl+C",
            "orderfox record --source binance --symbols BTCUSDT --out recordings",
        ),
    ),
    notes=sources_line,
)
