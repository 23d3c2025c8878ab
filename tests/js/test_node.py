"""The tests of the widgets' modules, written in JavaScript, run by node's own runner: ``make js`` runs them alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing

pytestmark = pytest.mark.widgets

HERE = Path(__file__).parent
FILES = sorted(path.relative_to(HERE).as_posix() for path in HERE.rglob("*.test.js"))


@pytest.mark.parametrize("name", FILES)
def test_javascript(name: str):
    node = shutil.which("node") or missing("node", "node is not installed: the modules' own tests need it")
    done = subprocess.run([node, "--test", name], cwd=HERE, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout, "no test ran"
