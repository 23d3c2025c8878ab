"""Check the versions of what the package needs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from packaging.requirements import Requirement

from orderfox_nb.doctor.report import Check

_NAME: Final = "libraries"
_SHOWN: Final = ("jupyterlab", "jupyter-server", "ipywidgets", "anywidget", "bqplot", "voila")
"""Packages whose versions are listed: a bug report needs them."""


def check_versions(package: str = "orderfox_nb") -> Check:
    """Return the versions of the main libraries, and those that are too old or absent.

    Args:
        package: Its requirements are compared with what is installed; those of its extras are not.
    """
    try:
        wanted = [Requirement(text) for text in requires(package) or ()]
    except PackageNotFoundError:
        wanted = []
    wrong: dict[str, str] = {}
    for each in wanted:
        if each.marker is not None and not each.marker.evaluate({"extra": ""}):
            continue
        found = _version(each.name)
        if found is None or not each.specifier.contains(found, prereleases=True):
            wrong[each.name] = f"{each.name} {found or 'is not installed'}, {each.specifier} is needed"
    if wrong:
        advice = "pip install --upgrade " + " ".join(
            f"'{each.name}{each.specifier}'" for each in wanted if each.name in wrong
        )
        return Check(name=_NAME, state="failed", found="; ".join(wrong.values()), advice=advice)
    return Check(name=_NAME, state="ok", found=", ".join(f"{name} {_version(name) or '–'}" for name in _SHOWN))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
