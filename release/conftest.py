"""The files of the release, built once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from release.installed import UV, Installed
from tests.conftest import chromium

__all__ = ["chromium"]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sdist, and of the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([*UV, "build", str(ROOT), "--out-dir", str(folder)], check=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


Install = Callable[..., Installed]


@pytest.fixture(scope="session")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Install the wheel in an empty environment; the same one for the same arguments."""
    made: dict[tuple[str, str], Installed] = {}

    def make(*, python: str, extra: str = "") -> Installed:
        if (python, extra) not in made:
            home = tmp_path_factory.mktemp(f"python{python}{extra}")
            made[python, extra] = Installed(home, wheel, python=python, extra=extra)
        return made[python, extra]

    return make
