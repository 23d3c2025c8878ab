"""The command ``orderfox``: the dashboard, JupyterLab, recordings, the embedded exchange, and a check of all of it.

Options override the environment. A value that cannot be used is one line that names its variable, and exit code 2.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from orderfox_nb import __version__
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.errors import MissingExtra, OrderFoxError, SettingError

_LOG_FORMAT = "time=%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if given[:1] == ["sim"]:
            return _sim(given[1:])
        options = _parser().parse_args(given)
        return options.run(options)
    except (SettingError, MissingExtra) as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    # The simulation's command must not import the feeds.
    from orderfox_nb.feeds.sources import sources_help  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="orderfox",
        description="The order-flow desk: on a dashboard, in JupyterLab, from recordings, or on the embedded exchange.",
    )
    parser.add_argument("--version", action="version", version=f"orderfox {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")

    serve = commands.add_parser(
        "serve",
        help="serve the dashboard and the endpoints",
        epilog=f"{sources_help()}\n\n"
        "Anybody who reaches the address may look. Writing needs the token in ORDERFOX_TOKEN.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", help="port, 0 for any free one (default: BACKEND_PORT or 8000)")
    serve.add_argument("--base-url", default="/", help="prefix of every path, such as /desk/ (default: %(default)s)")
    serve.add_argument("--source", help="where data comes from, see below (default: ORDERFOX_SOURCE or sim)")
    serve.add_argument("--no-browser", action="store_true", help="do not open a browser")
    serve.add_argument(
        "--kernel-per-viewer",
        action="store_true",
        help="run the notebook in a kernel for each page, for one whose widgets call Python "
        "(default: it is rendered once, and pages need no kernel)",
    )
    serve.add_argument(
        "--preheat",
        type=_count,
        default=1,
        metavar="N",
        help="with --kernel-per-viewer: kernels kept ready (default: 1)",
    )
    serve.add_argument(
        "--kernel-grace",
        type=_count,
        default=15,
        metavar="S",
        help="with --kernel-per-viewer: seconds to keep a kernel after its page closes (default: 15)",
    )
    serve.add_argument("--notebook", type=Path, help="serve this notebook instead of the dashboard")
    serve.add_argument("--debug", action="store_true", default=None, help="log every request")
    serve.set_defaults(run=_serve)

    record = commands.add_parser(
        "record",
        help="record markets into a folder",
        epilog=sources_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    record.add_argument(
        "--symbols",
        required=True,
        help="symbols of every venue, separated by commas; of one of several: binance-spot:BTCUSDT",
    )
    record.add_argument(
        "--channels",
        default="book,trades,candles,liquidations,mark,ticker,open_interest",
        help="channels, separated by commas (default: %(default)s)",
    )
    record.add_argument("--interval", default="1m", help="timeframe of the candles (default: %(default)s)")
    record.add_argument("--out", type=Path, required=True, help="folder to make the recordings in, one a venue")
    record.add_argument("--duration", type=_duration, help="how long, such as 90s, 10m or 8h (default: until Ctrl+C)")
    record.add_argument("--source", help="where data comes from, see below (default: ORDERFOX_SOURCE or sim)")
    record.set_defaults(run=_record)

    importing = commands.add_parser(
        "import",
        help="make a recording from files of other recorders",
        description="Make one recording from files of one venue: raw frames (<receive stamp> <frame> lines, also those "
        "of hftbacktest and Tardis), Tardis csv, hftbacktest npz, Binance Vision zip or csv, and cryptofeed's raw "
        "captures, plain or compressed. A format is known by its content.",
    )
    importing.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files to import, in any order")
    importing.add_argument("--out", type=Path, required=True, help="folder to make the recording in")
    importing.add_argument("--instruments", type=Path, help="the venue's exchangeInfo as JSON, for ticks and lots")
    importing.add_argument("--symbol", default="", help="symbol of files that do not name theirs")
    importing.set_defaults(run=_import)

    doctor = commands.add_parser(
        "doctor",
        help="check the installation and every venue of the source",
        description="Check the installation, and ask every venue of the source for its clock, its symbols and one "
        "order book. The exit code is 1 if something does not work.",
        epilog=sources_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doctor.add_argument("--source", help="where data comes from, see below (default: ORDERFOX_SOURCE or sim)")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument(
        "--timeout", type=_duration, default=20.0, metavar="S", help="seconds for each venue (default: 20)"
    )
    doctor.set_defaults(run=_doctor)

    lab = commands.add_parser(
        "lab",
        help="open JupyterLab on the notebooks",
        description="Copy the notebooks that are not there yet into a folder and open JupyterLab on the tour.",
        epilog=f"{sources_help()}\n\nexample:  orderfox lab ~/studies --source binance",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lab.add_argument(
        "folder", nargs="?", type=Path, default=Path("orderfox"), metavar="FOLDER", help="default: orderfox"
    )
    lab.add_argument("--source", help="where data comes from, see below (default: ORDERFOX_SOURCE or sim)")
    lab.add_argument("--port", help="port, 0 for any free one (default: JupyterLab's, 8888)")
    lab.add_argument("--no-browser", action="store_true", help="do not open a browser")
    lab.set_defaults(run=_lab)

    new = commands.add_parser(
        "new",
        help="write a notebook to start from",
        description="Write a short notebook that reads a market, draws it, and has room for an idea.",
        epilog="example:  orderfox new my_study.ipynb --symbol ETHUSDT",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    new.add_argument("name", type=Path, metavar="NAME", help="its file; .ipynb is added where it is missing")
    new.add_argument("--symbol", default="BTCUSDT", help="the market (default: %(default)s)")
    new.set_defaults(run=_new)

    # The command parses its own options; it is listed here for the help.
    commands.add_parser("sim", help="run the embedded exchange alone (orderfox sim --help)", add_help=False)
    return parser


def _count(text: str) -> int:
    value = whole_number(text)
    if value is None or not 0 <= value <= 99:
        raise argparse.ArgumentTypeError("expected a number from 0 to 99")
    return value


def _duration(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})([smhd]?)", text)
    if not found:
        raise argparse.ArgumentTypeError("expected seconds, or a number with s, m, h or d such as 10m")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


def _record(options: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from tqdm import tqdm  # noqa: PLC0415

    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.desk.recording_run import record_all  # noqa: PLC0415
    from orderfox_nb.feeds.sources import open_feeds  # noqa: PLC0415
    from orderfox_nb.views.contract import RecordingHealth  # noqa: PLC0415

    settings = load_settings(ORDERFOX_SOURCE=options.source)
    _log_to_stderr(debug=settings.debug)
    feeds = open_feeds(settings.source, settings)
    symbols = [symbol.strip() for symbol in options.symbols.split(",") if symbol.strip()]
    channels = [channel.strip() for channel in options.channels.split(",") if channel.strip()]
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
                    symbols=symbols,
                    channels=channels,
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


def _doctor(options: argparse.Namespace) -> int:
    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.doctor.command import run_doctor  # noqa: PLC0415

    settings = load_settings(ORDERFOX_SOURCE=options.source)
    return run_doctor(settings, as_json=options.json, timeout_s=options.timeout)


def _lab(options: argparse.Namespace) -> int:
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

    from jupyterlab.labapp import LabApp  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    LabApp.launch_instance(given)
    return 0


def _new(options: argparse.Namespace) -> int:
    from orderfox_nb.notebook_files import write_notebook  # noqa: PLC0415

    path = write_notebook(options.name.expanduser(), symbol=options.symbol)
    print(f"{path}: open it in JupyterLab, or with  jupyter lab {path}")
    return 0


def _import(options: argparse.Namespace) -> int:
    from orderfox_nb.feeds.imports.shown import import_shown  # noqa: PLC0415

    beside = options.instruments.expanduser() if options.instruments else None
    files = [path.expanduser() for path in options.files]
    try:
        imported = import_shown(files, options.out.expanduser(), instruments=beside, symbol=options.symbol)
    except (OrderFoxError, OSError) as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 1
    for note in imported.notes:
        print(f"orderfox: {note}", file=sys.stderr)
    print(imported.folder)
    return 0


def _serve(options: argparse.Namespace) -> int:
    # jsonschema builds a grammar of international addresses when it is imported, 2 s of a start of 5. No schema of the
    # server has such an address; without the module jsonschema leaves that one format unchecked.
    sys.modules.setdefault("rfc3987_syntax", cast("Any", None))
    # Neither the simulation's command nor an invalid setting may import Voila.
    from orderfox_nb.server.base_url import parse_base_url  # noqa: PLC0415
    from orderfox_nb.server.service import DeskService, read_settings  # noqa: PLC0415

    settings = read_settings(ORDERFOX_SOURCE=options.source, BACKEND_PORT=options.port, DEBUG=options.debug)
    base_url = parse_base_url(options.base_url)

    from orderfox_nb.notebook_files import notebooks_folder  # noqa: PLC0415
    from orderfox_nb.server.viewer.pages import has_kernel_per_viewer  # noqa: PLC0415
    from orderfox_nb.server.voila_app import OrderFoxVoila, dashboard_config  # noqa: PLC0415

    _log_to_stderr(debug=settings.debug)
    try:
        notebook = options.notebook or notebooks_folder() / "dashboard.ipynb"
    except FileNotFoundError as error:
        raise SettingError("--notebook", "", f"a notebook: {error}") from None
    if not notebook.is_file():
        raise SettingError("--notebook", notebook, "a notebook that is there")

    kernels = options.kernel_per_viewer or has_kernel_per_viewer(notebook)
    app = OrderFoxVoila(
        config=dashboard_config(
            preheated=options.preheat if kernels else 0,
            extensions=settings.extension_names,
            kernels={
                "max_kernels": settings.max_kernels,
                "max_per_client": settings.max_client_kernels,
                "memory_mb": settings.kernel_memory_mb,
            },
        ),
        kernel_per_viewer=kernels,
        service=DeskService(settings, public=True, standalone=True),
        notebook_path=str(notebook.resolve()),
        ip=options.host,
        port=settings.port,
        base_url=base_url,
        reaper_grace_s=float(options.kernel_grace),
    )
    app.initialize([])
    app.serve(announce=_announcer(settings.source), open_browser=not options.no_browser)
    return 0


def _announcer(source: str) -> Any:
    def announce(address: str) -> None:
        print(f"OrderFox is at {address} (source: {source})", flush=True)

    return announce


def _sim(arguments: list[str]) -> int:
    from orderfox_nb.sim.__main__ import main as run_simulation  # noqa: PLC0415

    return run_simulation(arguments) or 0


def _log_to_stderr(*, debug: bool) -> None:
    logging.basicConfig(level=logging.WARNING, format=_LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("orderfox_nb").setLevel(logging.DEBUG if debug else logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
