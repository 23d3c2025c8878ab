"""What ``orderfox doctor`` says of venues that work, refuse, are late or down, and of this machine."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orderfox_nb.cli import main
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings, load_settings
from orderfox_nb.doctor import browser_files, installation, versions
from orderfox_nb.doctor.browser_files import check_browser_files
from orderfox_nb.doctor.command import show_diagnosis
from orderfox_nb.doctor.database import check_database
from orderfox_nb.doctor.installation import check_installation
from orderfox_nb.doctor.report import Diagnosis, VenueCheck
from orderfox_nb.doctor.venues import check_venue
from orderfox_nb.doctor.versions import check_versions
from orderfox_nb.feeds.sources import open_feed
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.desk.scripted import ScriptedFeed
from tests.sim.client import START_US

pytestmark = pytest.mark.feeds

PATIENCE_S = 60.0


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    async with SimServer(Exchange(7, 2, start_us=START_US), clock=ManualClock(START_US)) as server:
        yield server


def settings_of(server: SimServer, tmp_path: Path, **more: Any) -> Settings:
    urls = {"BINANCE_API_BASE_URL": server.http_url, "BINANCE_WS_BASE_URL": server.ws_url}
    return load_settings(ORDERFOX_SOURCE="binance", ORDERFOX_DATA_DIR=tmp_path, **urls, **more)


async def checked(server: SimServer, tmp_path: Path, *, timeout_s: float = PATIENCE_S) -> VenueCheck:
    feed = open_feed("binance", settings_of(server, tmp_path), clock=None)
    return await check_venue(feed, clock=server._clock, timeout_s=timeout_s)


async def test_a_venue_that_works_is_described(server: SimServer, tmp_path: Path) -> None:
    found = await checked(server, tmp_path)
    assert (found.reachable, found.blocked, found.symbols, found.absent) == (True, False, 2, ())
    assert {"book", "trades", "candles", "liquidations", "mark", "open_interest"} <= set(found.offers)
    assert found.latency_ms is not None
    assert found.stream_ms is not None


@pytest.mark.parametrize("status", [403, 451])
async def test_a_venue_that_blocks_this_place_is_named(server: SimServer, tmp_path: Path, status: int) -> None:
    server.add_fault("status", status=status, count=-1)
    found = await checked(server, tmp_path)
    assert (found.state, found.blocked, found.reachable) == ("failed", True, False)
    assert str(status) in found.problem
    assert "--source sim" in found.advice


async def test_a_clock_that_is_wrong_is_measured(server: SimServer, tmp_path: Path) -> None:
    server.add_fault("clock_jump", seconds=-3_600)
    found = await checked(server, tmp_path)
    assert found.clock_offset_ms is not None
    # The server's time stands still while it is asked; the feed's goes on.
    assert found.clock_offset_ms < -1_000
    assert (found.state, found.reachable) == ("warning", True)
    assert "NTP" in found.advice


async def test_a_venue_that_limits_us_is_not_called_down(server: SimServer, tmp_path: Path) -> None:
    server.add_fault("status", status=429, seconds=600, count=-1)
    found = await checked(server, tmp_path)
    assert found.state == "failed"
    assert not found.blocked
    assert found.problem


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (TypeError("a number was expected"), "its answers cannot be read (TypeError: a number was expected)"),
        (None, "it lists no symbols"),
    ],
)
async def test_answers_that_make_no_sense_are_a_venue_that_does_not_work(error: Exception | None, problem: str) -> None:
    feed = ScriptedFeed(ManualClock())
    feed.listing_error, feed.rows = error, ()  # type: ignore[assignment]
    found = await check_venue(feed, clock=feed.clock)
    assert (found.state, found.problem) == ("failed", problem)


async def test_a_stream_without_a_book_is_not_a_venue_that_is_down(server: SimServer, tmp_path: Path) -> None:
    server.add_fault("status", path="/public/stream", status=503, count=-1)
    server.add_fault("status", path="/fapi/v1/depth", status=503, count=-1)
    # Long enough for the list on a slow machine: the book is waited for until the end.
    found = await checked(server, tmp_path, timeout_s=10)
    assert (found.state, found.reachable, found.symbols) == ("failed", True, 2)
    assert "order book" in found.problem
    assert "WebSockets" in found.advice


async def test_one_venue_that_is_down_leaves_the_others_as_they_are(
    server: SimServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINANCE_API_BASE_URL", server.http_url)
    monkeypatch.setenv("BINANCE_WS_BASE_URL", server.ws_url)
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{unused.getsockname()[1]}"  # bound, and nobody listens
        monkeypatch.setenv("BINANCE_SPOT_API_BASE_URL", f"http://{nowhere}")
        monkeypatch.setenv("BINANCE_SPOT_WS_BASE_URL", f"ws://{nowhere}")
        monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
        code = await asyncio.to_thread(main, ["doctor", "--source", "binance,binance-spot", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert code == 1
    futures, spot = printed["venues"]
    assert (futures["venue"], futures["reachable"], futures["symbols"]) == ("binance", True, 2)
    assert (spot["venue"], spot["state"], spot["reachable"], spot["blocked"]) == (
        "binance-spot", "failed", False, False,
    )  # fmt: skip
    assert spot["problem"]
    assert spot["advice"]


def test_a_source_that_cannot_be_used_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--source", "nonsense"]) == 2
    assert capsys.readouterr().err.startswith("orderfox: ORDERFOX_SOURCE=nonsense: expected")


def test_the_installation_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "file"
    folder.write_text("")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = load_settings(ORDERFOX_DATA_DIR=folder / "below", BACKEND_PORT=port)
        monkeypatch.setattr(installation, "find_spec", lambda _name: None)
        found = {check.name: check for check in check_installation(settings)}
    assert found["data directory"].state == "failed"
    assert "ORDERFOX_DATA_DIR" in found["data directory"].advice
    assert (found[f"port {port}"].state, found["extra venues"].state) == ("warning", "note")
    assert found["extra venues"].advice == "pip install 'orderfox_nb[venues]'"
    settings = load_settings(ORDERFOX_DATA_DIR=tmp_path / "new", BACKEND_PORT=0, ORDERFOX_RECORDING="999999")
    found = {check.name: check for check in check_installation(settings)}
    assert (found["data directory"].state, found["port 0"].state) == ("warning", "ok")
    assert "ORDERFOX_RECORDING" in found["data directory"].advice


def test_the_versions_and_the_browser_files_of_this_installation_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_versions().state == "ok"
    assert "jupyterlab 4" in check_versions().found
    assert check_browser_files().state == "ok"
    monkeypatch.setattr(versions, "requires", lambda _: ["numpy>=9999", "bqplot", "nothing-like-it; extra == 'no'"])
    found = check_versions()
    assert (found.state, found.advice) == ("failed", "pip install --upgrade 'numpy>=9999'")
    assert ">=9999 is needed" in found.found
    monkeypatch.setattr(browser_files, "jupyter_path", lambda _: [str(tmp_path)])
    assert check_browser_files().state == "warning"
    for name, version in (("anywidget", "1"), ("bqplot", "1"), ("@jupyter-widgets/jupyterlab-manager", "1")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "package.json").write_text(json.dumps({"version": version}))
    assert "JupyterLab has no extension orderfox-nb" in check_browser_files().found
    (tmp_path / "orderfox-nb").mkdir()
    (tmp_path / "orderfox-nb" / "package.json").write_text('{"version": "0.0.0"}')
    assert "the extension of version 0.0.0" in check_browser_files().found


def test_the_database_is_looked_at_and_not_changed(tmp_path: Path) -> None:
    settings = load_settings(ORDERFOX_DATA_DIR=tmp_path, DATABASE_URL="")
    assert check_database(settings).found.endswith("created with the first bot")
    assert not settings.sqlite_path.exists()
    with closing(sqlite3.connect(settings.sqlite_path)) as empty:
        empty.execute("CREATE TABLE other (id INTEGER)")
    before = settings.sqlite_path.read_bytes()
    assert check_database(settings).found.endswith("its schema is upgraded at the next start")
    assert settings.sqlite_path.read_bytes() == before
    settings.sqlite_path.write_text("this is no database, and it is long enough to be read as one" * 20)
    found = check_database(settings)
    assert (found.state, bool(found.advice)) == ("failed", True)
    made = tmp_path / "made.sqlite"
    found = check_database(load_settings(ORDERFOX_DATA_DIR=tmp_path, DATABASE_URL=f"sqlite:///{made}"))
    assert (found.state, found.found) == ("ok", "DATABASE_URL: created with the first bot")
    assert not made.exists()
    url = f"sqlite:///{tmp_path}/none/made.sqlite"
    found = check_database(load_settings(ORDERFOX_DATA_DIR=tmp_path, DATABASE_URL=url))
    assert (found.state, found.advice) == ("failed", "Create the folder, or correct DATABASE_URL")
    assert not (tmp_path / "none").exists()
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://user:secret@127.0.0.1:{closed.getsockname()[1]}/none"
        found = check_database(load_settings(ORDERFOX_DATA_DIR=tmp_path, DATABASE_URL=url))
    assert found.state == "failed"
    assert "DATABASE_URL" in found.advice
    assert "secret" not in found.found + found.advice


def test_the_tables_name_every_venue_and_what_to_do() -> None:
    venues = [
        VenueCheck(venue="sim", source="sim", reachable=True, symbols=24, latency_ms=2.0, clock_offset_ms=-1.4),
        VenueCheck(venue="okx", source="okx", state="failed", blocked=True, problem="okx: blocked", advice="Move"),
    ]
    console = Console(record=True, width=100, file=io.StringIO())
    show_diagnosis(Diagnosis(version="1", source="sim,okx", installation=[], venues=venues), console)
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert "✓ sim yes 24 2 ms -1 ms nothing" in lines
    assert "✗ okx blocked" in lines
    assert lines[-2:] == ["✗ okx: blocked", "Move"]
