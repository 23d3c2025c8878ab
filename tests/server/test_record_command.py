"""``orderfox record``: the embedded exchange into a folder, read back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import orderfox_nb
from orderfox_nb.core.book import Book

pytestmark = pytest.mark.server


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orderfox_nb.cli", "record", "--source", "sim?seed=3&symbols=2", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_what_was_recorded_is_the_market(tmp_path: Path):
    done = run("--symbols", "BTC/USDT:USDT,eth", "--out", str(tmp_path), "--duration", "8s")
    assert done.returncode == 0, done.stderr
    rec = orderfox_nb.open_recording(done.stdout.strip())
    assert rec.symbols == ["BTCUSDT", "ETHUSDT"]
    info = rec.info()
    assert set(info.events) == {"book", "trades", "candles", "liquidations", "mark", "ticker", "open_interest"}
    assert (info.simulated, info.gaps, info.damaged_bytes) == (True, 0, 0)
    for topic in rec.recording.topics:
        state = rec.recording.state(topic)
        assert state is not None
        assert state.whole, topic
        if isinstance(state.fold, Book):
            assert state.fold.synced
            assert not state.fold.crossed
    assert len(rec["ETHUSDT"].trades.df) > 100
    assert len(rec["ETHUSDT"].candles("1m").df) > 1_000


def test_several_venues_are_recorded_at_once_each_into_its_own_folder(tmp_path: Path):
    both = "sim?seed=3&symbols=2,sim?market=spot&seed=3&symbols=2"
    wanted = ("--channels", "trades", "--out", str(tmp_path), "--duration", "4s")
    done = run("--source", both, "--symbols", "BTCUSDT,sim-spot:ethusdt", *wanted)
    assert done.returncode == 0, done.stderr
    recordings = [orderfox_nb.open_recording(line) for line in done.stdout.split()]
    assert {rec.info().venue: rec.symbols for rec in recordings} == {
        "sim": ["BTCUSDT"],
        "sim-spot": ["BTCUSDT", "ETHUSDT"],
    }
    assert all(len(rec["BTCUSDT"].trades.df) > 100 for rec in recordings)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--symbols", "okx:BTCUSDT"], "Invalid venue 'okx': expected one of sim"),
        (["--symbols", "NOPE"], "Symbol NOPE not found"),
        (["--symbols", "BTCUSD"], "Symbol BTCUSD not found. Did you mean: BTCUSDT?"),
        (["--symbols", "BTCUSDT", "--channels", "prices"], "Invalid channel 'prices'"),
        (["--symbols", "BTCUSDT", "--duration", "soon"], "expected seconds"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(tmp_path: Path, arguments: list[str], reason: str):
    done = run(*arguments, "--out", str(tmp_path))
    assert done.returncode != 0
    assert reason in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
