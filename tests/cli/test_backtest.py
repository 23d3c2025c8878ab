"""``orderfox backtest``: which strategies it finds, what it prints, and how it ends."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from orderfox_nb.bots.builtin.ema_cross import EmaCross
from orderfox_nb.bots.terms import PaperTerms
from orderfox_nb.cli import main
from orderfox_nb.cli.strategies import strategy_class
from orderfox_nb.errors import BadValue
from orderfox_nb.market.backtest.running import run_backtest
from tests.market.made_market import record_market

pytestmark = pytest.mark.core

OWN = '''
from orderfox_nb import Strategy
from orderfox_nb.bots.parameters import Size, Ticks
from beside import EVERY


class Buyer(Strategy):
    """Buys one lot now and then."""

    size: Size = "0.001"
    limit: Ticks = 3

    def on_start(self, desk):
        self.count = 0
        desk.every(EVERY)

    def on_timer(self, timer, desk):
        if self.count < self.limit:
            self.count += 1
            desk.buy(self.size)
'''
FAILING = OWN.replace("desk.buy(self.size)", "desk.buy(self.size + self.nothing)")
STOPPED = OWN.replace(
    "        if self.count", "        if self.count == 2:\n            raise KeyboardInterrupt\n        if self.count"
)
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# A study"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import time\n", "EVERY = '1s'"]},
        {"cell_type": "code", "source": ["market = connect_to_something_that_is_not_there()\n", "market.speed = 5"]},
        {"cell_type": "code", "source": OWN.replace("from beside import EVERY\n", "").splitlines(keepends=True)},
        {"cell_type": "code", "source": ["Buyer(limit=99).run_somewhere()"]},
    ]
}


LATER = {
    "cell_type": "code",
    "source": ["from __future__ import annotations\n", "class Seller(Buyer):\n", "    most: Ticks = 1"],
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_market(tmp_path_factory.mktemp("recordings") / "made", 20)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with strategies, in which the command runs."""
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside.py").write_text("EVERY = '1s'\n")
    for name, text in (("own", OWN), ("failing", FAILING), ("stopped", STOPPED), ("broken", "x = 1\nclass (:\n")):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "study.ipynb").write_text(json.dumps(NOTEBOOK))
    (tmp_path / "later.ipynb").write_text(json.dumps({"cells": [*NOTEBOOK["cells"], LATER]}))
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    return tmp_path


def test_json_has_the_figures_of_the_same_backtest(recording: Path, files: Path, capsys: pytest.CaptureFixture[str]):
    options = ["--set", "fast=3", "--set", "slow=7", "--cash", "5000", "--leverage", "3"]
    assert main(["backtest", "EmaCross", str(recording), *options, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    expected = run_backtest(
        EmaCross(fast=3, slow=7), recording, terms=PaperTerms(cash=5_000, leverage=3), progress=False
    )
    assert found["digest"] == expected.digest
    assert found["data_digest"] == expected.data_digest
    assert (found["profit"]["low"], found["profit"]["high"]) == expected.band
    assert found["metrics"].keys() == {run.model for run in expected.runs}


@pytest.mark.parametrize("name", ["own.py:Buyer", "own.py", "own:Buyer", "study.ipynb:Buyer", "study.ipynb"])
def test_a_strategy_of_a_file_a_notebook_or_a_module_runs(
    name: str, recording: Path, files: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["backtest", name, str(recording), "--set", "limit=2", "--html", "report.html"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^strategy +Buyer \(size=0.001, limit=2\)$", text, re.MULTILINE)
    assert re.search(r"^fills +2 +2 +2$", text, re.MULTILINE)
    assert text.rstrip().endswith("Report: report.html")
    report = (files / "report.html").read_text()
    assert "<h2>Buyer on BTCUSDT</h2>" in report
    assert not re.search(r"(src|href)=|<script", report)


def test_the_code_of_a_notebook_names_it_and_its_lines(files: Path):
    kind = strategy_class("study.ipynb")
    assert kind.__name__ == "Buyer"
    with pytest.raises(BadValue, match=r"one of its strategies, after a colon: Buyer"):
        strategy_class("study.ipynb:Seller")


def test_a_later_cell_of_a_notebook_may_begin_with_an_import_from_the_future(files: Path):
    kind = strategy_class("later.ipynb:Seller")
    assert [each.name for each in kind.parameters()] == ["size", "limit", "most"]


def test_a_sweep_of_a_file_runs_in_other_processes(recording: Path, files: Path, capsys: pytest.CaptureFixture[str]):
    given = ["backtest", "own.py", str(recording), "--sweep", "limit=1,3", "--workers", "2"]
    assert main(given) == 0
    shown = capsys.readouterr()
    title, head, *rows = shown.out.splitlines()
    assert title.strip() == "Buyer: 2 runs, best first"
    assert head.split()[0] == "limit"
    assert sorted((row.split()[0], row.split()[-1]) for row in rows) == [("1", "1"), ("3", "3")]
    assert "2 of 2 runs" in shown.err
    assert main([*given[:-2], "--workers", "1", "--json"]) == 0
    assert {row["limit"]: row["fills"] for row in json.loads(capsys.readouterr().out)} == {1: 1, 3: 3}


def test_an_error_of_the_strategy_is_shown_with_its_line_and_is_a_failure(
    recording: Path, files: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["backtest", "failing.py", str(recording)]) == 1
    line = FAILING.splitlines().index("            desk.buy(self.size + self.nothing)") + 1
    shown = capsys.readouterr()
    assert f"The strategy was stopped by an error: on_timer, line {line}: " in " ".join(shown.out.split())
    assert f'failing.py", line {line}, in on_timer' in shown.err
    assert shown.err.endswith("AttributeError: 'Buyer' object has no attribute 'nothing'\n")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["EmaCros"], "did you mean EmaCross?"),
        (["EmaCross", "--set", "fsat=3"], "'fsat': expected fast"),
        (["EmaCross", "--set", "fast=none"], "Invalid fast 'none': expected a whole number"),
        (["EmaCross", "--set", "fast"], "--set=fast: expected name=value"),
        (["EmaCross", "--sweep", "fast=1,x"], "Invalid fast 'x'"),
        (["EmaCross", "--sweep", "fast=1,2", "--set", "fast=3"], "a parameter that is not in --set"),
        (["EmaCross", "--symbols", "ETHUSDT"], "--symbols=ETHUSDT: expected some of BTCUSDT"),
        (["EmaCross", "--latency", "fast"], "--latency=fast: expected milliseconds"),
        (["EmaCross", "--cash", "much"], "Invalid cash 'much'"),
        (["EmaCross", "--start", "never"], "Invalid time 'never'"),
        (["EmaCross", "--html", "none/report.html"], "--html=none/report.html: expected a file that can be written"),
        (["nothing.py:Buyer"], "a file that can be read (No such file or directory)"),
        (["broken.py"], "SyntaxError: "),
        (["broken.py"], "(line 2)"),
        (["own.py:Seller"], "one of its strategies, after a colon: Buyer"),
        (["beside.py"], "expected a class of Strategy"),
        (["nothing:Buyer"], "a module that can be imported: ModuleNotFoundError"),
    ],
)
def test_what_cannot_run_is_one_line(
    given: list[str], problem: str, recording: Path, files: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["backtest", given[0], str(recording), *given[1:]]) == 2
    error = capsys.readouterr().err.splitlines()
    assert problem in error[-1]
    assert error[-1].startswith("orderfox: ")


def test_a_recording_that_is_not_there_is_named(files: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["backtest", "EmaCross", "nowhere"]) == 2
    assert "RECORDING=nowhere: expected a recording" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_done_and_is_exit_code_130(
    recording: Path, files: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["backtest", "stopped.py", str(recording)]) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"orderfox: Buyer on BTCUSDT: interrupted after 0:00:0[0-9] of 0:00:20", last)
    # The runs before the one that is interrupted are shown.
    given = ["backtest", "stopped.py", str(recording), "--sweep", "limit=1,3", "--workers", "1"]
    assert main(given) == 130
    shown = capsys.readouterr()
    assert [row.split()[0] for row in shown.out.splitlines()[2:]] == ["1"]
    assert shown.err.splitlines()[-1] == "orderfox: interrupted after 1 of 2 runs"
