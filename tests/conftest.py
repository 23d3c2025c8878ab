"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from tests.postgresql import Cluster, binaries

# The same examples on every run, and no time limit for each: machines are shared.
settings.register_profile("full", derandomize=True, database=None, deadline=None)
settings.register_profile("quick", settings.get_profile("full"), max_examples=15)
PROFILE = os.environ.get("ORDERFOX_HYPOTHESIS", "full")
settings.load_profile(PROFILE)


def examples(count: int) -> settings:
    """Give a property so many examples of its own, and no more than any other in the quick profile."""
    return settings() if PROFILE == "quick" else settings(max_examples=count)


# What a test reads is not worth keeping; tests of the recorder ask for it.
os.environ.setdefault("ORDERFOX_RECORDING", "off")

# Servers of tests are on this machine, and some clients ask a proxy of the environment for them: urllib, websockets.
_DIRECT = ("127.0.0.1", "localhost", "::1", "desk.example")
if (_given := os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "") != "*":
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (_given, *_DIRECT)))


@pytest.fixture(scope="session", autouse=True)
def no_server_is_left() -> Iterator[None]:
    """Wait at the end for the servers that tests asked to stop."""
    yield
    if "tests.processes" in sys.modules:
        from tests.processes import end_left

        end_left()


RECORDINGS = Path(os.environ.get("ORDERFOX_RECORDINGS", Path(__file__).parents[1].parent / "shared" / "data"))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; where it exists its tests must run."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recordings at {RECORDINGS}: set ORDERFOX_RECORDINGS to run this")
    return RECORDINGS


def missing(tool: str, reason: str) -> NoReturn:
    """Skip a test whose tool is not installed, or fail it where ORDERFOX_REQUIRE (names, by commas) has the tool."""
    if tool in os.environ.get("ORDERFOX_REQUIRE", "").split(","):
        pytest.fail(f"{reason}, and ORDERFOX_REQUIRE asks for {tool}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A private PostgreSQL server, without whose programs a test is skipped."""
    programs = binaries() or missing("postgresql", "PostgreSQL is not installed: tests of the store there need initdb")
    cluster = Cluster(programs)
    yield cluster
    cluster.end()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium, without which a test is skipped."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return path or missing("chromium", "Chromium is not installed: browser tests need it")
