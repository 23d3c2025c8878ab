"""The command ``orderfox``: ``serve`` the dashboard, or run the embedded exchange alone (``sim``).

Options override the environment. A value that cannot be used is one line that names its variable, and exit code 2.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from orderfox_nb import __version__
from orderfox_nb.errors import SettingError

_LOG_FORMAT = "time=%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if given[:1] == ["sim"]:
            return _sim(given[1:])
        options = _parser().parse_args(given)
        return options.run(options)
    except SettingError as error:
        print(f"orderfox: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orderfox", description="Serve the order-flow dashboard, or run the embedded exchange alone."
    )
    parser.add_argument("--version", action="version", version=f"orderfox {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")

    serve = commands.add_parser(
        "serve",
        help="serve the dashboard and the endpoints",
        epilog="Anybody who reaches the address may look. Writing needs the token in ORDERFOX_TOKEN.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", help="port, 0 for any free one (default: BACKEND_PORT or 8000)")
    serve.add_argument("--base-url", default="/", help="prefix of every path, such as /desk/ (default: %(default)s)")
    serve.add_argument(
        "--source",
        help="sim[?seed=7&symbols=24&speed=1&liquidation_rate=1], tape:<file>[?speed=20], binance or a server",
    )
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

    # Its options are its own; it is named here for the help.
    commands.add_parser("sim", help="run the embedded exchange alone (orderfox sim --help)", add_help=False)
    return parser


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", text):
        raise argparse.ArgumentTypeError("expected a number from 0 to 99")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    # jsonschema builds a grammar of international addresses when it is imported, 2 s of a start of 5. No schema of the
    # server has such an address; without the module jsonschema leaves that one format unchecked.
    sys.modules.setdefault("rfc3987_syntax", cast("Any", None))
    # The command for the simulation must not pay for Voila, nor must a setting that is wrong.
    from orderfox_nb.server.base_url import parse_base_url  # noqa: PLC0415
    from orderfox_nb.server.service import DeskService, read_settings  # noqa: PLC0415

    settings = read_settings(ORDERFOX_SOURCE=options.source, BACKEND_PORT=options.port, DEBUG=options.debug)
    base_url = parse_base_url(options.base_url)

    from orderfox_nb.server.viewer.pages import asks_kernels  # noqa: PLC0415
    from orderfox_nb.server.voila_app import OrderFoxVoila, dashboard_config, dashboard_path  # noqa: PLC0415

    _log_to_stderr(debug=settings.debug)
    try:
        notebook = options.notebook or dashboard_path()
    except FileNotFoundError as error:
        raise SettingError("--notebook", "", f"a notebook: {error}") from None
    if not notebook.is_file():
        raise SettingError("--notebook", notebook, "a notebook that is there")

    kernels = options.kernel_per_viewer or asks_kernels(notebook)
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
