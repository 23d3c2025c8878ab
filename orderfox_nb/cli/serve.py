"""``orderfox serve``: the dashboard and the endpoints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.cli.options import add_source, count, log_to_stderr, sources_text
from orderfox_nb.cli.startup import skip_address_grammar
from orderfox_nb.errors import SettingError


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_address(parser)
    add_source(parser)
    parser.add_argument(
        "--kernel-per-viewer",
        action="store_true",
        help="run the notebook in a kernel for each page, for notebooks whose widgets call Python "
        "(default: the notebook is rendered once, and pages need no kernel)",
    )
    parser.add_argument(
        "--preheat",
        type=count,
        default=1,
        metavar="N",
        help="with --kernel-per-viewer: kernels kept ready (default: 1)",
    )
    parser.add_argument(
        "--kernel-grace",
        type=count,
        default=15,
        metavar="S",
        help="with --kernel-per-viewer: seconds to keep a kernel after its page closes (default: 15)",
    )
    parser.add_argument("--notebook", type=Path, metavar="FILE", help="serve this notebook instead of the dashboard")
    parser.add_argument(
        "--notebooks",
        type=Path,
        metavar="DIR",
        help="also serve the notebooks of this folder, each as a page, and open the start page",
    )


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that serves pages."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", help="port, 0 for any free one (default: BACKEND_PORT or 8000)")
    parser.add_argument(
        "--base-url", default="/", metavar="PREFIX", help="prefix of every path, such as /desk/ (default: %(default)s)"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--debug", action="store_true", default=None, help="log every request")


def _notes() -> str:
    return f"{sources_text()}\n\nAnybody who can reach the address may read. Writing needs the token in ORDERFOX_TOKEN."


def run_server(options: argparse.Namespace, *, view: str = "") -> int:
    """Serve until a signal ends it.

    Args:
        options: As the command has them.
        view: Query of the page that is opened, such as ``?symbol=ETHUSDT``.

    Raises:
        SettingError: An option or a setting that cannot be used.
    """
    skip_address_grammar()
    # An invalid setting must not import Voila.
    from orderfox_nb.server.base_url import parse_base_url  # noqa: PLC0415
    from orderfox_nb.server.service import DeskService, read_settings  # noqa: PLC0415

    settings = read_settings(ORDERFOX_SOURCE=options.source, BACKEND_PORT=options.port, DEBUG=options.debug)
    base_url = parse_base_url(options.base_url)

    from orderfox_nb.notebook_files import BOT_DASHBOARD, DASHBOARD, notebooks_folder  # noqa: PLC0415
    from orderfox_nb.server.viewer.notebook import has_kernel_per_viewer  # noqa: PLC0415
    from orderfox_nb.server.voila_app import OrderFoxVoila, dashboard_config  # noqa: PLC0415

    log_to_stderr(debug=settings.debug)
    folder = options.notebooks.expanduser().resolve() if options.notebooks else None
    if folder is not None and not folder.is_dir():
        raise SettingError("--notebooks", options.notebooks, "an existing folder")
    try:
        ours = notebooks_folder()
    except FileNotFoundError as error:
        raise SettingError("--notebook", "", f"a notebook: {error}") from None
    # A dashboard in the folder replaces the shipped one.
    own = folder is not None and (folder / DASHBOARD).is_file()
    notebook = options.notebook or (folder if own and folder is not None else ours) / DASHBOARD
    if not notebook.is_file():
        raise SettingError("--notebook", notebook, "an existing notebook")

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
        kernels_everywhere=options.kernel_per_viewer,
        service=DeskService(settings, public=True, standalone=True),
        notebook_path=str(notebook.resolve()),
        folder=folder,
        built_in=[ours / DASHBOARD, ours / BOT_DASHBOARD],
        ip=options.host,
        port=settings.port,
        base_url=base_url,
        reaper_grace_s=float(options.kernel_grace),
    )
    app.initialize([])
    opened = view or ("" if folder is None else "pages/")
    app.serve(announce=_announcer(settings.source, view, folder), open_browser=not options.no_browser, view=opened)
    return 0


def _announcer(source: str, view: str, folder: Path | None) -> Any:
    def announce(address: str) -> None:
        print(f"OrderFox is at {address}{view} (source: {source})", flush=True)
        if folder is not None:
            print(f"The notebooks of {folder} are at {address}pages/", flush=True)

    return announce


COMMAND = Command(
    description="Serve the dashboard and the endpoints, until Ctrl+C.",
    arguments=_add_arguments,
    run=run_server,
    examples=(
        Example("The dashboard on the embedded exchange, without a network", "orderfox serve"),
        Example("Binance and Bybit side by side", "orderfox serve --source binance,bybit"),
        Example("Behind a proxy, below a path", "orderfox serve --base-url /desk/ --port 8100 --no-browser"),
        Example("A notebook of your own as a page", "orderfox serve --notebook my_study.ipynb"),
        Example("The notebooks of a folder, on a start page", "orderfox serve --notebooks studies/"),
    ),
    notes=_notes,
)
