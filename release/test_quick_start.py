"""README's quick start, word by word, in a clone in an empty folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from release.conftest import ROOT
from tests.browser.conftest import free_port
from tests.processes import Child

pytestmark = pytest.mark.timeout(1200)


def test_make_serve_shows_the_dashboard_from_a_clean_clone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "```\nmake serve\n```" in readme
    clone = tmp_path / "orderfox_nb"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, timeout=60)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORDERFOX", "PYTHON", "VIRTUAL"))}
    port = free_port()
    log = tmp_path / "log"
    started = time.monotonic()
    with log.open("wb") as out:
        make = subprocess.Popen(
            ["make", "serve", f"PORT={port}"],
            cwd=clone,
            env=kept | {"HOME": str(tmp_path), "ORDERFOX_DATA_DIR": str(tmp_path / "data"), "BROWSER": "true"},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        while "OrderFox is at" not in log.read_text(errors="replace"):
            assert make.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < started + 1000
            time.sleep(0.1)
        first_s = time.monotonic() - started
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=180) as page:
            assert page.status == 200
    finally:
        os.killpg(make.pid, signal.SIGTERM)
        make.wait(60)
    again = time.monotonic()
    command = [str(clone / ".venv/bin/orderfox"), "serve", "--port", "0", "--no-browser"]
    environment = {"HOME": str(tmp_path), "ORDERFOX_DATA_DIR": str(tmp_path / "data"), "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", tmp_path / "again", environment)
    again_s = time.monotonic() - again
    child.end()
    with capsys.disabled():
        print(f"\nmake serve from a clean clone: {first_s:.0f} s to the address, later starts {again_s:.1f} s")
