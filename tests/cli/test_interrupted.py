"""Ctrl+C ends a command with what was done so far."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderfox_nb.cli import main
from orderfox_nb.views.contract import RecordingHealth

pytestmark = pytest.mark.core


@pytest.mark.parametrize(("duration", "code"), [(["--duration", "8h"], 130), ([], 0)])
def test_what_was_recorded_is_named(
    duration: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    async def record_all(*_: Any, report: Callable[[str, RecordingHealth, float], None], **__: Any) -> None:
        report("sim", RecordingHealth(state="recording", recording="sim-1", events=7, topics=1), 1.0)
        raise KeyboardInterrupt

    monkeypatch.setattr("orderfox_nb.desk.recording_run.record_all", record_all)
    assert main(["record", "--symbols", "BTCUSDT", "--out", str(tmp_path), *duration]) == code
    assert capsys.readouterr().out == f"{tmp_path / 'sim-1'}\n"


def test_an_import_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    (tmp_path / "frames").write_text("1760000000000000000 {}\n")
    monkeypatch.setattr("orderfox_nb.feeds.imports.shown.import_files", stop)
    assert main(["import", str(tmp_path / "frames"), "--out", str(tmp_path / "out")]) == 130
    assert not capsys.readouterr().out
    assert not (tmp_path / "out").exists()
