"""Backtests and sweeps for notebooks: with results that can be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import BAND, PaperTerms
from orderfox_nb.market.backtest.running import Source, run_backtest
from orderfox_nb.market.backtest.sweeping import run_sweep
from orderfox_nb.widgets.report.report import BacktestReport
from orderfox_nb.widgets.report.sweep import SweepReport


def backtest(
    strategy: Strategy,
    recording: Source,
    *,
    symbol: str | None = None,
    terms: PaperTerms | None = None,
    models: Sequence[QueueModel] = BAND,
    progress: bool = True,
) -> BacktestReport:
    """Run a strategy over a recording: ``backtest(Fade(ticks=3), open_recording(path)).plot()``.

    The strategy itself is not changed: each queue model runs a new one with the same parameters. It gets one event
    after the other and never the recording, so it cannot look ahead.

    Args:
        strategy: The strategy with its parameters.
        recording: The data, such as ``rec["10:00":"10:30"]["BTCUSDT"]``, or the folder of a recording.
        symbol: Symbol to trade, if the recording has several.
        terms: Deposit, fees, margin, delays and limits.
        models: Queue models, at least one; their results are the band.
        progress: Whether to show a progress bar, in a notebook or a terminal.

    Returns:
        The report: DataFrames, ``plot()``, ``to_html(path)``.

    Raises:
        BadValue: A symbol or channels that are not recorded, or no model.
        RecordingError: A recording that does not exist or cannot be read.
    """
    return BacktestReport.of(
        run_backtest(strategy, recording, symbol=symbol, terms=terms, models=models, progress=progress)
    )


def sweep(
    strategy: type[Strategy],
    grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]],
    recordings: Source | Sequence[Source],
    *,
    symbol: str | None = None,
    terms: PaperTerms | None = None,
    models: Sequence[QueueModel] = (QueueModel(),),
    workers: int | None = None,
    client: Any = None,
    progress: bool = True,
) -> SweepReport:
    """Run a strategy with many parameters: ``sweep(Fade, {"ticks": range(1, 9)}, recording).df``.

    Args:
        strategy: The class; it may be defined in a notebook, since its code is sent to the workers.
        grid: Values by parameter, to run all combinations, or a list of combinations, such as
            ``sampled(grid, 100)``.
        recordings: One or several recordings, or parts of them.
        symbol: Symbol to trade, if a recording has several.
        terms: Deposit, fees, margin, delays and limits.
        models: Queue models of each run; the default is the worst case.
        workers: Processes, by default one for each core; 1 runs all in this process.
        client: A Dask client, whose workers do the runs. They need this package, and the recordings at the same paths.
        progress: Whether to show a progress bar, in a notebook or a terminal.

    Returns:
        The runs as a DataFrame, ``best()`` and ``heatmap(x, y)``.

    Raises:
        BadValue: An unknown parameter, an invalid value, nothing to run, or more than 100,000 runs.
        RecordingError: A recording that does not exist or cannot be read.
    """
    return SweepReport.of(
        run_sweep(
            strategy,
            grid,
            recordings,
            symbol=symbol,
            terms=terms,
            models=models,
            workers=workers,
            client=client,
            progress=progress,
        )
    )
