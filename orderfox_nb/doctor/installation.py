"""Check what the desk needs of this machine."""

from __future__ import annotations

import platform
import shutil
import socket
import tempfile
from collections.abc import Container, Sequence
from contextlib import closing
from importlib.util import find_spec
from typing import Final

from jupyter_core.paths import jupyter_config_path
from jupyter_server.extension.config import ExtensionConfigManager

from orderfox_nb import __version__
from orderfox_nb.config import Settings
from orderfox_nb.doctor.browser_files import check_browser_files
from orderfox_nb.doctor.database import check_database
from orderfox_nb.doctor.report import Check
from orderfox_nb.doctor.versions import check_versions
from orderfox_nb.extras import EXTRAS, Extra

_EXTENSION: Final = "orderfox_nb"
_SPARE_BYTES: Final = 1_000_000_000


def check_installation(settings: Settings) -> Sequence[Check]:
    """Return what was found, in the order in which a reader needs it."""
    needed = _needed_extras(settings)
    extras = [_check_extra(name, extra, needed=name in needed) for name, extra in EXTRAS.items()]
    return [
        Check(name="version", state="ok", found=f"orderfox_nb {__version__} on Python {platform.python_version()}"),
        check_versions(),
        _check_extension(),
        check_browser_files(),
        _check_port(settings.port),
        _check_folder(settings),
        check_database(settings),
        *extras,
    ]


def _check_extension() -> Check:
    known = ExtensionConfigManager(read_config_path=jupyter_config_path()).get_jpserver_extensions()
    if known.get(_EXTENSION):
        return Check(name="server extension", state="ok", found="enabled")
    return Check(
        name="server extension",
        state="warning",
        found="not enabled: widgets get their data through the kernel",
        advice=f"jupyter server extension enable {_EXTENSION} --sys-prefix",
    )


def _check_port(port: int) -> Check:
    name = f"port {port}"
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as one:
        # As a server does: a port whose last connections are closing is free.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError as error:
            advice = "Use another one: orderfox serve --port 0"
            return Check(name=name, state="warning", found=f"not free: {error.strerror}", advice=advice)
    return Check(name=name, state="ok", found="free")


def _check_folder(settings: Settings) -> Check:
    folder = settings.data_dir
    name = "data directory"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        advice = "Set ORDERFOX_DATA_DIR to a folder that can be written"
        found = f"{folder} cannot be written: {error.strerror}"
        return Check(name=name, state="failed", found=found, advice=advice)
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < settings.recording_bytes + _SPARE_BYTES:
        advice = f"Recordings may take {settings.recording_bytes / 1e9:g} GB: lower ORDERFOX_RECORDING, or free space"
        return Check(name=name, state="warning", found=found, advice=advice)
    return Check(name=name, state="ok", found=found)


def _needed_extras(settings: Settings) -> Container[str]:
    """Return the extras without which the settings cannot be followed."""
    database = settings.database_url.get_secret_value()
    venues = {"venues"} if "ccxt:" in settings.source else set[str]()
    bots = {"bots"} if database or settings.sqlite_path.exists() else set[str]()
    return venues | bots | ({"postgres"} if database.startswith("postgres") else set[str]())


def _check_extra(name: str, extra: Extra, *, needed: bool) -> Check:
    missing = [module for module in extra.modules if find_spec(module) is None]
    title = f"extra {name}"
    if not missing:
        return Check(name=title, state="ok", found=f"{', '.join(extra.modules)} installed: {extra.purpose}")
    return Check(
        name=title,
        state="failed" if needed else "note",
        found=f"{', '.join(missing)} not installed: {extra.purpose}",
        advice=f"pip install 'orderfox_nb[{name}]'",
    )
