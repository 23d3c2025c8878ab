"""The dashboard on the oldest versions that pyproject.toml declares, in an environment of their own."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import NOTEBOOKS, OpenScreen, until
from tests.conftest import missing
from tests.server.conftest import Child

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def oldest(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Python of an environment with the oldest declared versions, made once for each text of pyproject.toml.

    Packages that are declared are the oldest that their bounds allow, those that come with them the newest. Pytest's
    cache keeps it between runs, and only the newest one.
    """
    if importlib.util.find_spec("uv") is None:
        missing("uv", "uv is not installed: pip install '.[test]'")
    project = ROOT / "pyproject.toml"
    cache = pytestconfig.cache
    kept = tmp_path_factory.mktemp("oldest") if cache is None else cache.mkdir("oldest")
    home = kept / hashlib.sha256(project.read_bytes()).hexdigest()[:12]
    python = home / "bin" / "python"
    if not (home / "whole").exists():
        for other in kept.iterdir():
            shutil.rmtree(other, ignore_errors=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        only = ["--resolution", "lowest-direct", "--only-binary", ":all:"]
        subprocess.run([*uv, "venv", "--python", sys.executable, str(home)], check=True, timeout=60)
        install = [*uv, "pip", "install", "--python", str(python), *only, "--requirements", str(project)]
        subprocess.run(install, check=True, timeout=400)
        (home / "whole").touch()
    return str(python)


async def test_the_dashboard_is_live_and_drawn_on_the_oldest_declared_versions(
    oldest: str, open_screen: OpenScreen, tmp_path: Path
):
    command = [oldest, "-m", "orderfox_nb", "serve", "--port", "0", "--no-browser", "--preheat", "0"]
    command += ["--source", "sim?seed=7&symbols=3", "--notebook", str(NOTEBOOKS / "dashboard.ipynb")]
    environment = {"ORDERFOX_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", tmp_path / "log", environment)
    try:
        address = next(line for line in child.text.splitlines() if "OrderFox is at" in line).split()[3]
        async with open_screen(address) as screen:
            await screen.wait_live(timeout_s=120)
            await screen.wait_frames("chart", 3)
            await screen.wait_pixels(bid=500, ask=500)  # candles
            # What bqplot draws: its versions before 0.13 leave the chart empty without a word.
            await until(screen.page, "document.querySelectorAll('.of-candle-chart .bqplot .tick text').length > 5")
            screen.check_clean()
        assert "Traceback" not in child.text
    finally:
        child.end()
