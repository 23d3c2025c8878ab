"""``orderfox replay``: what it finds, what it says of it, and the page that it opens."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from orderfox_nb.cli import main
from tests.feeds.imports.made import body, diff, stamped
from tests.market.made_market import record_market
from tests.processes import Child

pytestmark = pytest.mark.server

SECONDS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one recording."""
    made = tmp_path_factory.mktemp("recordings")
    record_market(made / "first", SECONDS)
    return made


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    return tmp_path


def test_the_info_has_range_events_gaps_and_hash(folder: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["replay", str(folder / "first"), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["symbols"] == ["BTCUSDT"]
    assert info["events"]["trades"] == 5 * SECONDS + 1
    # The folder with one recording in it, a file of it, and a recording by its name in the data directory.
    (data / "recordings").mkdir()
    (data / "recordings" / "kept").symlink_to(folder / "first")
    for name in (str(folder), str(folder / "first" / "000000.ofj"), "kept"):
        assert main(["replay", name, "--info"]) == 0
        text = capsys.readouterr().out
        assert re.search(rf"^hash +{info['digest']}$", text, re.MULTILINE)
        assert re.search(r"^  trades +151$", text, re.MULTILINE)
        assert re.search(r"^gaps +0$", text, re.MULTILINE)
        assert re.search(r"^range +2023-11-14 22:13:20 to 2023-11-14 22:13:49 UTC, 0:00:30$", text, re.MULTILINE)


def test_the_recordings_of_the_data_directory_are_listed(folder: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["replay"]) == 1
    assert "orderfox record" in capsys.readouterr().err
    (data / "recordings").mkdir()
    (data / "recordings" / "kept").symlink_to(folder / "first")
    (data / "recordings" / "being-written").mkdir()
    (data / "recordings" / "being-written" / "000000.ofj").touch()
    assert main(["replay"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["recording", "start", "(UTC)", "length", "symbols", "size"]
    assert [row.split()[:5] for row in rows] == [["first", "2023-11-14", "22:13:20", "0:00:30", "BTCUSDT"]]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["frist"], "did you mean first?"),
        (["nothing-like-it"], "orderfox replay lists them"),
        (["first", "--speed", "5000"], "--speed=5000: expected above 0 up to 1000, or max"),
        (["first", "--start", "soon"], "--start=soon: expected beginning, or a time in UTC"),
        (["first", "--start", "03:00"], "a start inside the recording"),
        (["first", "--symbols", "eth"], "Invalid symbol 'ETH': expected one of BTCUSDT"),
        (["empty"], "there are no .ofj files in it"),
        (["."], "one of the 2 recordings in it: first, second"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(
    given: list[str],
    problem: str,
    folder: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
):
    for name in ("first", "second"):
        (data / name).symlink_to(folder / "first")
    (data / "empty").mkdir()
    with contextlib.chdir(data):
        assert main(["replay", *given, "--port", "0", "--no-browser"]) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


def test_a_file_of_another_recorder_is_imported_once(data: Path, capsys: pytest.CaptureFixture[str]):
    frames = [(0, diff(100, 105, 99)), (5, body(105, [["10.0", "1"]], [["11.0", "1"]]))]
    file = data / "frames"
    file.write_bytes(stamped(frames))
    for _ in range(2):
        assert main(["replay", str(file), "--info"]) == 0
        text = capsys.readouterr().out
        assert re.search(r"^source +import:frames$", text, re.MULTILINE)
    assert len(list((data / "imports").iterdir())) == 1


def test_an_import_that_cannot_be_kept_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]):
    (data / "imports").write_text("no folder")
    file = data / "frames"
    file.write_bytes(stamped([(0, diff(100, 105, 99)), (5, body(105, [["10.0", "1"]], [["11.0", "1"]]))]))
    assert main(["replay", str(file), "--info"]) == 1
    assert "a data directory that can be written: " in capsys.readouterr().err.splitlines()[-1]


def test_the_page_opens_with_the_symbol_and_ends_with_ctrl_c(folder: Path, tmp_path: Path):
    asked = tmp_path / "why?" / "first"
    asked.parent.mkdir()
    asked.symlink_to(folder / "first")
    command = [sys.executable, "-m", "orderfox_nb", "replay", str(asked), "--start", "22:13:30", "--speed", "5"]
    command += ["--symbols", "btcusdt", "--port", "0", "--no-browser"]
    child = Child(command, "OrderFox is at", tmp_path / "log", {"ORDERFOX_DATA_DIR": str(tmp_path / "data")})
    try:
        found = re.search(r"is at (http://127\.0\.0\.1:\d+/)\?symbol=BTCUSDT \(source: (recording:.*)\)", child.text)
        assert found, child.text
        assert found[2].endswith("why?/first?speed=5&start=22:13:30")
        with urllib.request.urlopen(f"{found[1]}api/v1/health", timeout=60) as answer:
            assert json.load(answer)["source"] == found[2]
        child.process.send_signal(signal.SIGINT)
        assert child.wait()
        assert child.process.returncode == 0
    finally:
        child.leave()
