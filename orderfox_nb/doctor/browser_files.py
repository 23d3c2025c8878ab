"""Check what the browser loads: the widgets of this package, and the extensions of JupyterLab that show them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from jupyter_core.paths import jupyter_path

from orderfox_nb import __version__
from orderfox_nb.doctor.report import Check

_NAME: Final = "browser files"
_PACKAGE: Final = Path(__file__).parents[1]
_OWN: Final = "orderfox-nb"
_NEEDED: Final = {
    "@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets",
    "anywidget": "anywidget",
    "bqplot": "bqplot",
}
"""Extensions of JupyterLab without which a widget stays empty, and the packages that have them."""


class _LabPackage(msgspec.Struct):
    version: str = ""


def check_browser_files() -> Check:
    """Return whether a browser gets all that it needs to show a widget."""
    scripts = len(list((_PACKAGE / "widgets").rglob("*.js")))
    if not scripts or not (_PACKAGE / "labextension" / "static" / "extension.js").is_file():
        advice = "pip install --force-reinstall orderfox_nb"
        return Check(name=_NAME, state="failed", found="the package lacks its JavaScript", advice=advice)
    absent = [package for name, package in _NEEDED.items() if _lab_version(name) is None]
    if absent:
        advice = f"pip install --force-reinstall {' '.join(absent)}, in the environment of JupyterLab"
        found = f"JupyterLab lacks the extension of {', '.join(absent)}: widgets stay empty"
        return Check(name=_NAME, state="warning", found=found, advice=advice)
    own = _lab_version(_OWN)
    if own != __version__:
        found = f"JupyterLab has the extension of version {own}" if own else f"JupyterLab has no extension {_OWN}"
        return Check(
            name=_NAME,
            state="warning",
            found=f"{found}: outputs of notebooks without a kernel stay empty",
            advice="pip install --force-reinstall orderfox_nb, in the environment of JupyterLab",
        )
    return Check(name=_NAME, state="ok", found=f"{scripts} scripts of widgets, extension {own} in JupyterLab")


def _lab_version(name: str) -> str | None:
    """Return the version of an extension of JupyterLab, None if it is not installed."""
    for folder in jupyter_path("labextensions"):
        try:
            text = (Path(folder) / name / "package.json").read_bytes()
            return msgspec.json.decode(text, type=_LabPackage).version
        except (OSError, msgspec.MsgspecError):
            continue
    return None
