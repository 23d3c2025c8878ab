"""Sweeps: one row for each run, the same wherever it ran."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import orderfox_nb
from orderfox_nb import Strategy
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.parameters import Size, Ticks
from orderfox_nb.errors import BadValue
from orderfox_nb.market.backtest.running import run_backtest
from orderfox_nb.market.backtest.sweeping import combinations, run_sweep, sampled
from orderfox_nb.market.backtest.walking import split, walk_forward
from orderfox_nb.widgets.report.sweep import SweepReport
from tests.market.made_market import record_market
from tests.recording.made import START_US

pytestmark = pytest.mark.core

START = datetime.fromtimestamp(START_US / 1e6, UTC)
GRID = {"away": [1, 3], "size": ["0.01", "0.02"]}


def local_class() -> type[Strategy]:
    """Return a class as a notebook has one: no module of a worker can import it."""

    class Quoter(Strategy):
        """Quote both sides, once a second."""

        size: Size = Decimal("0.010")
        away: Ticks = 1

        def on_start(self, desk: Any) -> None:
            desk.every("1s")

        def on_timer(self, timer: Any, desk: Any) -> None:
            desk.cancel_all()
            if desk.position.lots <= 0:
                desk.buy(self.size, at=desk.book.best_bid - (self.away - 1) * desk.tick)
            if desk.position.lots >= 0:
                desk.sell(self.size, at=desk.book.best_ask + (self.away - 1) * desk.tick)

    return Quoter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_market(tmp_path_factory.mktemp("recordings") / "minute", 30)


@pytest.fixture(scope="module")
def here(folder: Path) -> Any:
    return run_sweep(local_class(), GRID, folder, workers=1).df


def test_a_row_is_what_a_backtest_of_its_parameters_finds(folder: Path, here: Any):
    assert here["away"].tolist() == [1, 1, 3, 3]
    assert here["size"].tolist() == [Decimal("0.01"), Decimal("0.02")] * 2
    for row in here.to_dict("records"):
        alone = run_backtest(local_class()(away=row["away"], size=row["size"]), folder, models=[QueueModel()])
        assert row["digest"] == alone.digest
        assert (row["profit"], row["fills"]) == (alone.runs[0].metrics.profit, alone.runs[0].metrics.fills)
        assert row["low"] == row["high"] == row["profit"]
    assert here["profit"].nunique() > 1


def test_worker_processes_find_the_same_for_a_class_that_they_cannot_import(folder: Path, here: Any):
    pd.testing.assert_frame_equal(run_sweep(local_class(), GRID, folder, workers=2).df, here)


def test_a_recording_that_is_still_written_is_read_as_far_as_when_it_was_opened(tmp_path: Path):
    written, grown = (record_market(tmp_path / name / "rec", seconds) for name, seconds in (("now", 12), ("later", 20)))
    opened, strategy = orderfox_nb.open_recording(written), local_class()
    alone = run_backtest(strategy(), opened, models=[QueueModel()])
    shutil.copytree(grown, written, dirs_exist_ok=True)
    [row] = run_sweep(strategy, {"away": [1]}, opened, workers=1).df.to_dict("records")
    assert row["digest"] == alone.digest
    assert row["digest"] != run_backtest(strategy(), written, models=[QueueModel()]).digest


@contextmanager
def cluster() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"dashboard_address": None, "worker_dashboard_address": None}
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **options) as scheduler,
        Client(scheduler) as client,
    ):
        yield client


def test_a_dask_cluster_finds_the_same(folder: Path, here: Any):
    with cluster() as client:
        pd.testing.assert_frame_equal(run_sweep(local_class(), GRID, folder, client=client).df, here)


def test_the_best_parameters_are_those_with_the_best_mean(folder: Path, here: Any):
    recording = orderfox_nb.open_recording(folder)
    parts = [recording[: START + timedelta(seconds=15)], recording[START + timedelta(seconds=15) :]]
    found = run_sweep(local_class(), GRID, parts, workers=1)
    assert len(found.df) == 8
    frame: Any = found.df
    means = frame.groupby(["away", "size"])["profit"].mean()
    best = found.best()
    assert means[best["away"], best["size"]] == means.max()
    worst = found.best("profit", largest=False)
    assert means[worst["away"], worst["size"]] == means.min()
    table: Any = found.pivot("away", "size", "fees")
    assert table.shape == (2, 2)
    one = frame[(frame["away"] == 3) & (frame["size"] == Decimal("0.02"))]
    assert table.loc[Decimal("0.02"), 3] == pytest.approx(one["fees"].mean())
    local_class()(**best)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda found: found.best("beauty"), "metric"),
        (lambda found: found.pivot("away", "away"), "another parameter"),
        (lambda found: found.pivot("speed", "away"), "one of away, size"),
    ],
)
def test_a_question_that_has_no_answer_is_refused(folder: Path, call: Any, named: str):
    with pytest.raises(BadValue, match=named):
        call(run_sweep(local_class(), {"away": [1], "size": ["0.01"]}, folder, workers=1))


@pytest.mark.parametrize("grid", [{}, {"away": []}, {"speed": [1]}, {"away": [0]}, [{"away": 1}, {"size": "0.01"}], []])
def test_a_grid_that_cannot_be_run_is_refused_before_the_first_run(grid: Any):
    with pytest.raises(BadValue):
        combinations(local_class(), grid)


def test_combinations_may_be_drawn_at_random():
    grid = {"away": range(1, 9), "size": ["0.01", "0.02", "0.03"]}
    drawn = sampled(grid, 10, seed=4)
    assert drawn == sampled(grid, 10, seed=4)
    assert drawn != sampled(grid, 10, seed=5)
    assert len({tuple(each.items()) for each in drawn}) == 10
    assert len(sampled(grid, 100)) == 24
    assert len(combinations(local_class(), drawn)) == 10


def test_walk_forward_tries_on_data_that_the_choice_has_not_seen(folder: Path):
    pieces = split(folder, 3)
    recording = orderfox_nb.open_recording(folder).recording
    assert pieces[0].recording.start_us == recording.start_us
    assert pieces[-1].recording.end_us == recording.end_us
    for before, after in pairwise(pieces):
        assert before.recording.end_us == after.recording.start_us
    steps: Any = walk_forward(local_class(), GRID, folder, parts=3, workers=1)
    assert len(steps) == 2
    assert (steps["train_start"] < steps["test_start"]).all()
    assert (steps["test_start"] < steps["test_end"]).all()
    for row, train, test in zip(steps.to_dict("records"), pieces[:-1], pieces[1:], strict=True):
        tried = run_sweep(local_class(), GRID, train, workers=1)
        assert {name: row[name] for name in GRID} == tried.best()
        assert row["train"] == tried.df["profit"].max()
        alone = run_backtest(local_class()(**tried.best()), test, models=[QueueModel()])
        assert row["test"] == row["profit"] == alone.runs[0].metrics.profit


@pytest.mark.parametrize("parts", [1, 0])
def test_walk_forward_needs_two_parts(folder: Path, parts: int):
    with pytest.raises(BadValue, match="parts"):
        walk_forward(local_class(), GRID, folder, parts=parts)


def reckless_class() -> type[Strategy]:
    """Return a class with parameters named like figures, which fails for one of their values."""

    base: Any = local_class()

    class Reckless(base):
        fees: Ticks = 1
        error: Ticks = 1

        def on_timer(self, timer: Any, desk: Any) -> None:
            super().on_timer(timer, desk)
            if self.fees == 2:
                raise ValueError("too much")

    return Reckless


def test_parameters_named_like_figures_are_kept_and_failed_runs_are_never_the_best(folder: Path):
    found = run_sweep(reckless_class(), {"fees": [1, 2], "error": [1, 2]}, folder, workers=1)
    assert found.df["parameter_fees"].tolist() == [1, 1, 2, 2]
    assert [bool(each) for each in found.df["error"]] == [False, False, True, True]
    # A run that failed at once has paid the least.
    assert int(found.df["fees"].astype(float).to_numpy().argmin()) >= 2
    assert found.best("fees", largest=False)["fees"] == 1
    table: Any = found.pivot("fees", "error")
    assert (table.index.name, table.columns.name) == ("error", "fees")
    assert table[1].notna().all()
    assert table[2].isna().all()
    colours = SweepReport.of(found).heatmap("fees", "error").marks[0].color
    assert np.isnan(colours).tolist() == [[False, True], [False, True]]
    failed = run_sweep(reckless_class(), {"fees": [2], "error": [1]}, folder, workers=1)
    with pytest.raises(BadValue, match="at least one run"):
        failed.best()
    steps = walk_forward(reckless_class(), {"fees": [1, 2], "error": [1]}, folder, metric="fees", parts=2)
    assert steps["parameter_fees"].tolist() == [1]
