from __future__ import annotations

from pathlib import Path

import pytest

import orderfox_nb
from tests.architecture import MAX_LINES, PACKAGE, findings

pytestmark = pytest.mark.core


def test_arrows_point_down_and_the_core_is_pure():
    root = Path(orderfox_nb.__file__).parent
    found = findings(root)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/x.py", "import asyncio"),
        ("core/x.py", "import logging.handlers"),
        ("core/x.py", "from time import time"),
        ("core/x.py", "import os"),
        ("core/x.py", "def f(): import pathlib"),
        ("core/x.py", "f = open('x')"),
        ("core/x.py", "from datetime import datetime; t = datetime.now()"),
        ("core/x.py", "from orderfox_nb.feeds.base import Feed"),
        ("core/x.py", "from orderfox_nb import clock"),
        ("core/x.py", "from ..analytics import cvd"),
        ("core/x.py", "from importlib import import_module; import_module('orderfox_nb.desk')"),
        ("analytics/x.py", "import aiohttp"),
        ("views/x.py", "import asyncio"),
        ("views/x.py", "from orderfox_nb.recording.schema import SCHEMA"),
        ("sim/x.py", "from orderfox_nb.feeds.binance.messages import Trade"),
        ("sim/server/x.py", "from orderfox_nb.config import Settings"),
        ("feeds/x.py", "from orderfox_nb.sim.market import Market"),
        ("feeds/x.py", "from ipywidgets import Widget"),
        ("desk/x.py", "import tornado.web"),
        ("server/x.py", "from orderfox_nb.widgets import ladder"),
        ("widgets/x.py", "from orderfox_nb import server"),
        ("bots/x.py", "from ..recording import recorder"),
        ("nowhere/x.py", "import math"),
    ],
)
def test_a_wrong_import_is_told_by_file_and_line(tmp_path: Path, path: str, line: str):
    module = tmp_path / PACKAGE / path
    module.parent.mkdir(parents=True)
    module.write_text(f"from __future__ import annotations\n\n{line}\n")
    found = findings(tmp_path / PACKAGE)
    expected_line = 1 if path.startswith("nowhere") else 3
    assert found
    assert all(told.startswith(f"{PACKAGE}/{path}:{expected_line}: ") for told in found), found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/x.py", "from orderfox_nb.errors import EventError"),
        ("core/x.py", "from . import events"),
        ("core/x.py", "import numpy as np"),
        ("views/x.py", "from orderfox_nb.core.book import Book"),
        ("views/x.py", "from urllib.parse import quote"),
        ("sim/x.py", "from orderfox_nb.clock import Clock"),
        ("server/x.py", "from orderfox_nb import __version__"),
        ("feeds/x.py", "from orderfox_nb.sim.process import SimProcess"),
        ("server/x.py", "from orderfox_nb.desk.desk import Desk"),
        ("cli.py", "from orderfox_nb.server.voila_app import serve"),
    ],
)
def test_a_right_import_passes(tmp_path: Path, path: str, line: str):
    module = tmp_path / PACKAGE / path
    module.parent.mkdir(parents=True)
    module.write_text(line + "\n")
    assert findings(tmp_path / PACKAGE) == []


def test_a_long_module_is_told(tmp_path: Path):
    module = tmp_path / PACKAGE / "core" / "x.py"
    module.parent.mkdir(parents=True)
    module.write_text("x = 1\n" * (MAX_LINES + 1))
    assert findings(tmp_path / PACKAGE) == [f"{PACKAGE}/core/x.py:{MAX_LINES + 1}: longer than {MAX_LINES} lines"]
