"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run, and no time limit for each: machines are shared.
settings.register_profile("orderfox", derandomize=True, database=None, deadline=None)
settings.load_profile("orderfox")

RECORDINGS = Path(os.environ.get("ORDERFOX_RECORDINGS", Path(__file__).parents[1].parent / "shared" / "data"))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; where it exists its tests must run."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recordings at {RECORDINGS}: set ORDERFOX_RECORDINGS to run this")
    return RECORDINGS


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; ORDERFOX_REQUIRE=chromium turns its absence into a failure."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if "chromium" in os.environ.get("ORDERFOX_REQUIRE", ""):
            pytest.fail("Chromium is required by ORDERFOX_REQUIRE and not installed")
        pytest.skip("Chromium is not installed: browser tests need it")
    return path
