from __future__ import annotations

import ast
from pathlib import Path

import pytest

import orderfox_nb
from tests.architecture import MAX_LINES, PACKAGE, cycles, findings

pytestmark = pytest.mark.core


def test_arrows_point_down_and_the_core_is_pure():
    root = Path(orderfox_nb.__file__).parent
    found = findings(root)
    assert not found, "\n" + "\n".join(found)


def test_no_modules_import_one_another_in_a_circle():
    found = cycles(Path(orderfox_nb.__file__).parent)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "from orderfox_nb.sim.bars import Bars",
        "from . import bars",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from orderfox_nb.sim.bars import Bars",
        "def late():\n    from orderfox_nb.sim.bars import Bars",
    ],
)
def test_a_circle_of_imports_is_found_however_it_is_hidden(tmp_path: Path, line: str):
    files = {"__init__": "", "sim/__init__": "", "sim/bars": "from .blocks import Block", "sim/blocks": line}
    files |= {"sim/market": "from orderfox_nb.sim import bars", "sim/facts": "import math"}
    for name, text in files.items():
        path = tmp_path / PACKAGE / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cycles(tmp_path / PACKAGE) == [
        "orderfox_nb.sim.bars imports orderfox_nb.sim.blocks",
        "orderfox_nb.sim.blocks imports orderfox_nb.sim.bars",
    ]
    (tmp_path / PACKAGE / "sim/blocks.py").write_text("import math")
    assert cycles(tmp_path / PACKAGE) == []


def test_a_class_name_stands_for_one_thing():
    named: dict[str, list[str]] = {}
    for path in Path(orderfox_nb.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                named.setdefault(node.name, []).append(path.name)
    assert {name: paths for name, paths in named.items() if len(paths) > 1} == {}


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
        ("feeds/venue/x.py", "from orderfox_nb.feeds.binance.messages import AggTrade"),
        ("feeds/venue/x.py", "from ..binance import rest"),
        ("desk/x.py", "import tornado.web"),
        ("server/x.py", "from orderfox_nb.widgets import ladder"),
        ("widgets/x.py", "from orderfox_nb import server"),
        ("bots/x.py", "from ..recording import recorder"),
        ("bots/x.py", "from orderfox_nb.clock import SystemClock"),
        ("bots/x.py", "import random"),
        ("bots/paper/x.py", "from time import time_ns"),
        ("bots/builtin/x.py", "import logging"),
        ("nowhere/x.py", "import math"),
    ],
)
def test_a_wrong_import_is_reported_by_file_and_line(tmp_path: Path, path: str, line: str):
    module = tmp_path / PACKAGE / path
    module.parent.mkdir(parents=True)
    module.write_text(f"from __future__ import annotations\n\n{line}\n")
    found = findings(tmp_path / PACKAGE)
    expected_line = 1 if path.startswith("nowhere") else 3
    assert found
    assert all(report.startswith(f"{PACKAGE}/{path}:{expected_line}: ") for report in found), found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/x.py", "from orderfox_nb.errors import EventError"),
        ("core/x.py", "from . import events"),
        ("core/x.py", "import numpy as np"),
        ("views/x.py", "from orderfox_nb.core.book import Book"),
        ("views/x.py", "from urllib.parse import quote"),
        ("bots/x.py", "import traceback"),
        ("bots/x.py", "from orderfox_nb.analytics.studies import check_study"),
        ("sim/x.py", "from orderfox_nb.clock import Clock"),
        ("server/x.py", "from orderfox_nb import __version__"),
        ("feeds/x.py", "from orderfox_nb.sim.process import SimProcess"),
        ("feeds/binance/x.py", "from orderfox_nb.feeds.venue.items import Live"),
        ("feeds/venue/x.py", "from orderfox_nb.feeds.inbox import Inbox"),
        ("server/x.py", "from orderfox_nb.desk.desk import Desk"),
        ("cli.py", "from orderfox_nb.server.voila_app import serve"),
    ],
)
def test_a_right_import_passes(tmp_path: Path, path: str, line: str):
    module = tmp_path / PACKAGE / path
    module.parent.mkdir(parents=True)
    module.write_text(line + "\n")
    assert findings(tmp_path / PACKAGE) == []


def test_a_long_module_is_reported(tmp_path: Path):
    module = tmp_path / PACKAGE / "core" / "x.py"
    module.parent.mkdir(parents=True)
    module.write_text("x = 1\n" * (MAX_LINES + 1))
    assert findings(tmp_path / PACKAGE) == [f"{PACKAGE}/core/x.py:{MAX_LINES + 1}: longer than {MAX_LINES} lines"]
