"""A live run of each built-in strategy does what the backtest of its recording does, order for order and fill for fill.

``ORDERFOX_HOUR=1`` runs them over an hour of the embedded exchange instead of twenty seconds of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderfox_nb.bots.builtin.ema_cross import EmaCross
from orderfox_nb.bots.builtin.grid import GridMaker
from orderfox_nb.bots.builtin.imbalance_maker import ImbalanceMaker
from orderfox_nb.bots.builtin.liquidation_fade import LiquidationFade
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.config import load_settings
from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.engine import Engine
from orderfox_nb.market.backtest.running import run_backtest
from orderfox_nb.market.connection import Market
from orderfox_nb.market.importing import import_recording
from orderfox_nb.market.paper.run import PaperRun
from orderfox_nb.market.recorded import RecordedMarket, open_recording

pytestmark = pytest.mark.server

HOUR = os.environ.get("ORDERFOX_HOUR") == "1"
SPAN_S = 3_600 if HOUR else 20
SPEED = 12 if HOUR else 5
MODELS = [QueueModel()]
BUILT_IN: dict[str, Callable[[], Strategy]] = {
    "grid": lambda: GridMaker(levels=3, step=1),
    "maker": ImbalanceMaker,
    "cross": lambda: EmaCross(fast=1, slow=2),
    "fade": lambda: LiquidationFade(notional=1_000, hold="5s"),
}


def open_market(source: str, folder: Path) -> Iterator[Market]:
    settings = load_settings(ORDERFOX_SOURCE=source, data_dir=folder, ORDERFOX_RECORDING="1")
    engine = Engine(settings).start()
    try:
        yield Market(engine)
    finally:
        engine.stop()


def run_all(market: Market, span_s: float) -> dict[str, PaperRun]:
    """Run every built-in strategy side by side for a span of the market's time."""
    symbol, span_us = market["BTCUSDT"], int(span_s * SECOND_US)
    runs = {name: symbol.run(make(), models=MODELS) for name, make in BUILT_IN.items()}
    for run in runs.values():
        assert run.wait(600, until=lambda each: each._session.desk.now_us >= each.start_us + span_us), run
        assert not run.error, run.error
    for run in runs.values():
        run.stop()
    return runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def runs(folder: Path) -> Iterator[dict[str, PaperRun]]:
    for market in open_market(f"sim?symbols=1&speed={SPEED}&liquidation_rate=100", folder):
        found = run_all(market, SPAN_S)
        market.engine.run(market._desk.recorder.flush())
        yield found
        market.close()


@pytest.fixture(scope="module")
def recording(folder: Path, runs: dict[str, PaperRun]) -> RecordedMarket:
    (path,) = (folder / "recordings").iterdir()
    return open_recording(path)


def check(run: PaperRun, make: Callable[[], Strategy], recording: RecordedMarket) -> None:
    """Compare a run with the replay of what it saw, with that of a recording, and with a backtest from its start."""
    for report in (run.parity(progress=False), run.parity(recording, progress=False)):
        assert report.same, str(report)
        assert report.orders == len(run.orders)
    part = recording[run.result().start_us :]
    tested = run_backtest(make(), part, symbol="BTCUSDT", models=MODELS, progress=False)
    for name in ("orders", "fills"):
        live, replayed = getattr(run, name), getattr(tested, name)
        columns = ["number", "side", "price", "size"]
        # The recording goes on a little longer than the run.
        shared = replayed.iloc[: len(live)]
        assert live.index.equals(shared.index), name
        assert live[columns].equals(shared[columns]), name
    print(f"{run.strategy!r}: {run.acted:,} events, {len(run.orders)} orders, {len(run.fills)} fills, the same")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_live_run_is_the_backtest_of_its_recording(name: str, runs: dict[str, PaperRun], recording: RecordedMarket):
    run = runs[name]
    assert run.acted
    if name in {"grid", "maker"}:
        # They quote at any time of any market.
        assert len(run.orders)
    check(run, BUILT_IN[name], recording)


def test_a_run_on_the_btcusdt_file_is_the_replay_of_what_it_saw(recordings: Path, tmp_path: Path):
    recording = import_recording(recordings / "usdm_btcusdt_20240808.gz", out=tmp_path / "imported")
    for market in open_market(f"recording:{recording.recording.path}?speed=60", tmp_path / "data"):
        for name, run in run_all(market, 120).items():
            report = run.parity(progress=False)
            assert report.same, str(report)
            if name in {"grid", "maker"}:
                assert report.fills == len(run.fills) > 0
        market.close()
