"""``orderfox record``: markets into a folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.cli.options import add_source, duration, log_to_stderr, names, sources_line
from orderfox_nb.errors import OrderFoxError


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--symbols",
        required=True,
        type=names,
        help="symbols of every venue, separated by commas; of one of several: binance-spot:BTCUSDT",
    )
    parser.add_argument(
        "--channels",
        type=names,
        help="channels, separated by commas, such as book,trades,candles (default: all that the venue has)",
    )
    parser.add_argument("--interval", default="1m", help="timeframe of the candles (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="folder to make the recordings in, one a venue"
    )
    parser.add_argument("--duration", type=duration, help="how long, such as 90s, 10m or 8h (default: until Ctrl+C)")
    add_source(parser)


def _run(options: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from tqdm import tqdm  # noqa: PLC0415

    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.core.channels import CHANNELS  # noqa: PLC0415
    from orderfox_nb.desk.recording_run import record_all  # noqa: PLC0415
    from orderfox_nb.feeds.sources import open_feeds  # noqa: PLC0415
    from orderfox_nb.views.contract import RecordingHealth  # noqa: PLC0415

    settings = load_settings(ORDERFOX_SOURCE=options.source)
    log_to_stderr(debug=settings.debug)
    feeds = open_feeds(settings.source, settings)
    known: dict[str, RecordingHealth] = {}
    written: dict[str, str] = {}
    with tqdm(total=options.duration, unit="s", desc="Recording", disable=None) as bar:

        def report(venue: str, status: RecordingHealth, elapsed_s: float) -> None:
            known[venue] = status
            events, topics = sum(one.events for one in known.values()), sum(one.topics for one in known.values())
            bar.set_postfix_str(f"{events:,} events of {topics} topics", refresh=False)
            bar.update(max(0, round(elapsed_s) - bar.n))
            if status.recording:
                written[venue] = status.recording

        try:
            asyncio.run(
                record_all(
                    feeds,
                    options.out.expanduser(),
                    symbols=options.symbols,
                    channels=options.channels or tuple(CHANNELS),
                    interval=options.interval,
                    duration_s=options.duration,
                    report=report,
                )
            )
        except KeyboardInterrupt:
            bar.leave = True
        except OrderFoxError as error:
            print(f"orderfox: {error}", file=sys.stderr)
            return 1
    if not written:
        print("orderfox: nothing was recorded", file=sys.stderr)
        return 1
    for name in written.values():
        print(options.out / name)
    return 0


COMMAND = Command(
    description="Record markets into a folder, for as long as you say or until Ctrl+C.",
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
