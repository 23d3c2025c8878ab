# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Walk-forward: parameters are chosen on one part of the data and tried on the next, unseen part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import PaperTerms
from orderfox_nb.errors import BadValue
from orderfox_nb.market.backtest.running import Source, opened_source, run_backtest, symbol_of
from orderfox_nb.market.backtest.sweeping import column_of, combinations, run_sweep
from orderfox_nb.market.recorded import RecordedMarket

if TYPE_CHECKING:
    import pandas as pd


def split(recording: Source, count: int) -> list[RecordedMarket]:
    """Divide a recording into parts of equal length, in order.

    Raises:
        BadValue: A number of parts that the length does not allow.
        RecordingError: A recording that does not exist or cannot be read.
    """
    whole = opened_source(recording).recording
    length_us = whole.end_us - whole.start_us
    if not 1 <= count <= length_us:
        raise BadValue("parts", count, f"1 to {length_us:,}")
    edges = [whole.start_us + length_us * at // count for at in range(count + 1)]
    return [RecordedMarket(whole.between(edges[at], edges[at + 1])) for at in range(count)]


def walk_forward(
    strategy: type[Strategy],
    grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]],
    recording: Source,
    *,
    parts: int = 5,
    metric: str = "profit",
    symbol: str | None = None,
    terms: PaperTerms | None = None,
    models: Sequence[QueueModel] = (QueueModel(),),
    workers: int | None = None,
    client: Any = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Choose the best parameters on each part of a recording and run them on the next.

    Args:
        strategy: The class.
        grid: See ``run_sweep``.
        recording: The recording to divide.
        parts: Number of parts of equal length, at least 2.
        metric: The figure to maximise; it is compared in and out of sample.
        symbol: Symbol to trade, if the recording has several.
        terms: Deposit, fees, margin, delays and limits.
        models: Queue models of each run.
        workers: See ``run_sweep``.
        client: See ``run_sweep``.
        progress: Whether to show progress bars.

    Returns:
        A row for each step: ``train_start``, ``test_start`` and ``test_end``, the chosen parameters, the figure in
        sample (``train``) and out of sample (``test``), and the profit out of sample.

    Raises:
        BadValue: Fewer than 2 parts, or arguments that ``run_sweep`` refuses.
    """
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    if parts < 2:
        raise BadValue("parts", parts, "2 or more: one to choose on, one to try on")
    opened = opened_source(recording)
    traded = symbol_of(opened, symbol)
    # Read once: an iterator of combinations serves every part.
    choices = combinations(strategy, grid)
    pieces = split(opened, parts)
    rows: list[dict[str, Any]] = []
    for train, test in pairwise(pieces):
        found = run_sweep(
            strategy,
            choices,
            train,
            symbol=traded,
            terms=terms,
            models=models,
            workers=workers,
            client=client,
            progress=progress,
        )
        chosen = found.best(metric)
        tried = run_backtest(
            strategy(**chosen), test, symbol=traded, terms=terms, models=models, progress=progress
        )  # fmt: skip
        figures = {"low": tried.band[0], "high": tried.band[1]}
        rows.append(
            {
                "train_start": pd.Timestamp(train.recording.start_us, unit="us", tz="UTC"),
                "test_start": pd.Timestamp(test.recording.start_us, unit="us", tz="UTC"),
                "test_end": pd.Timestamp(test.recording.end_us, unit="us", tz="UTC"),
                **{column_of(name): value for name, value in chosen.items()},
                "train": _largest(found.df[metric].where(found.df["error"] == "")),
                "test": figures[metric] if metric in figures else getattr(tried.runs[0].metrics, metric),
                "profit": tried.runs[0].metrics.profit,
            }
        )
    return pd.DataFrame(rows)


def _largest(column: Any) -> float:
    return float(column.max())
