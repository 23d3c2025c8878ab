"""Node for the widgets' modules, and one embedded exchange for all tests that connect to a market."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from tests.conftest import missing

WIDGETS = Path(__file__).parents[2] / "orderfox_nb" / "widgets"


class RunModule(Protocol):
    """Runs a module's text, in a time zone where one is named and in a locale."""

    def __call__(self, text: str, *, zone: str | None = None, locale: str = "en_US.UTF-8") -> str: ...


@pytest.fixture(scope="session")
def run_module() -> RunModule:
    """Run the text of an ES module beside the widgets' files and return what it printed."""
    node = shutil.which("node") or missing("node", "node is not installed: the modules' own tests need it")

    def run(text: str, *, zone: str | None = None, locale: str = "en_US.UTF-8") -> str:
        done = subprocess.run(
            [node, "--input-type=module", "--eval", text],
            cwd=WIDGETS,
            env={**os.environ, "LC_ALL": locale} | ({} if zone is None else {"TZ": zone}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A running engine on the embedded exchange."""
    settings = load_settings(
        ORDERFOX_SOURCE="sim?seed=7&symbols=3",
        ORDERFOX_URL="",
        ORDERFOX_DATA_DIR=str(tmp_path_factory.mktemp("data")),
    )
    engine = Engine(settings).start()
    yield engine
    engine.stop()


def run_json(run_module: RunModule, text: str) -> object:
    """Run a module in Node and return the JSON that it prints."""
    return json.loads(run_module(text))
