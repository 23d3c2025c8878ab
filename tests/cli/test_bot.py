"""``orderfox bot``: strategies, and a strategy on paper in a terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orderfox_nb.cli import main
from orderfox_nb.desk.strategies import strategy_names
from tests.market.made_market import record_market

pytestmark = pytest.mark.core

OWN = '''
from orderfox_nb import Strategy


class Buyer(Strategy):
    """Buys three lots, one a second."""

    stop_at: int = 3

    def on_start(self, desk):
        self.count = 0
        desk.every("1s")

    def on_timer(self, timer, desk):
        if self.count == self.stop_at:
            raise RuntimeError("enough")
        self.count += 1
        desk.buy("0.001")
'''


def test_the_installed_strategies_are_listed_with_their_parameters(capsys: pytest.CaptureFixture[str]):
    assert main(["bot", "strategies"]) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^{name}: [A-Z]", text, re.MULTILINE) for name in strategy_names())
    assert re.search(r"^  levels +10 +a whole number of at least 1 and of at most 50", text, re.MULTILINE)
    assert not re.search(r" $", text, re.MULTILINE)
    assert main(["bot", "strategies", "GridMaker", "--json"]) == 0
    (grid,) = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in grid["parameters"]][:2] == ["size", "levels"]
    assert main(["bot", "strategies", "Grid"]) == 2
    assert "expected one of EmaCross, GridMaker" in capsys.readouterr().err


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a strategy on a recording that plays, in a process of its own."""
    source = f"recording:{folder / 'made'}?speed=20"
    command = [sys.executable, "-m", "orderfox_nb", "bot", "run", *arguments, "--source", source]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run")
    # Five seconds of ours: a run begins behind all that was played before its first batch, and a busy machine is slow.
    record_market(made / "made", 100)
    (made / "own.py").write_text(OWN)
    return made


def test_a_run_prints_each_fill_and_the_figures_until_its_data_end(folder: Path):
    done = run(folder, "own.py", "btc", "--set", "stop_at=999", "--html", "report.html", "--cash", "5000")
    assert done.returncode == 0, done.stderr
    line = r"^2023-11-14 22:1[345]:[0-9]{2}  buy  0\.001 at [0-9,.]+  taker  position (\S+)$"
    fills = re.findall(line, done.stdout, re.MULTILINE)
    assert fills
    assert float(fills[-1]) == pytest.approx(len(fills) / 1_000)
    assert re.search(rf"^fills +{len(fills)} +{len(fills)} +{len(fills)}$", done.stdout, re.MULTILINE)
    assert "ended: the recording ends here" in done.stderr
    assert "<h2>Buyer on BTCUSDT</h2>" in (folder / "report.html").read_text()


def test_an_error_of_the_strategy_ends_its_run_with_exit_code_1(folder: Path):
    done = run(folder, "own.py", "btc")
    assert done.returncode == 1
    assert "RuntimeError: enough" in done.stderr
    assert re.search(r"^fills +3 +3 +3$", done.stdout, re.MULTILINE)


def test_a_symbol_that_is_not_there_is_one_line(folder: Path):
    done = run(folder, "own.py", "ETHUSDT")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("orderfox: Symbol ETHUSDT not found.")
