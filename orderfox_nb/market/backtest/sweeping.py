# pandas, loky and distributed have no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Many backtests of one strategy, over processes of this machine or the workers of a Dask cluster."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from inspect import get_annotations
from itertools import product
from math import isnan, nan
from typing import TYPE_CHECKING, Any, Final, cast, get_type_hints

import msgspec
from tqdm.auto import tqdm

from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.parameters import ParameterValue
from orderfox_nb.bots.results.performance import Performance
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import PaperTerms
from orderfox_nb.errors import BadValue
from orderfox_nb.extras import extra_needed
from orderfox_nb.market.backtest.running import Source, opened_source, run_backtest, symbol_of
from orderfox_nb.market.recorded import RecordedMarket
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.recording import Part, Recording

if TYPE_CHECKING:
    import pandas as pd

MAX_RUNS: Final = 100_000
METRICS: Final = Performance.__struct_fields__
_COLUMNS: Final = frozenset(
    {"recording", "symbol", "start_us", *METRICS, "low", "high", "digest", "error", "train", "test"}
    | {"train_start", "test_start", "test_end"}
)


def column_of(parameter: str) -> str:
    """Return the column of a parameter, whose name may be that of another column."""
    return f"parameter_{parameter}" if parameter in _COLUMNS else parameter


class SweepTask(msgspec.Struct, frozen=True):
    """One backtest of a sweep, as it is sent to a worker, which opens the recording itself."""

    strategy: type[Strategy]
    parameters: Mapping[str, ParameterValue]
    part: Part
    symbol: str
    terms: PaperTerms
    models: Sequence[QueueModel]


class SweepResult(msgspec.Struct, kw_only=True):
    """Figures of every run of a sweep, in the order in which the parameters were given."""

    strategy: str
    names: Sequence[str]
    """Names of the parameters that were varied."""
    df: pd.DataFrame
    """A row for each run: the varied parameters, recording, symbol, start, the figures of the first queue model, the
    ``low`` and ``high`` profit of all, digest and error. A parameter with the name of another column, such as ``fees``,
    is in ``parameter_fees``."""

    def best(self, metric: str = "profit", *, largest: bool = True) -> dict[str, Any]:
        """Return the parameters with the best mean of a figure over the recordings, without failed runs.

        Args:
            metric: Name of a column.
            largest: Whether more is better.

        Raises:
            BadValue: An unknown figure, or one that no run has.
        """
        figures: dict[tuple[Any, ...], list[float]] = {}
        # Objects, so that numbers stay Python numbers, which a strategy accepts.
        keys = zip(*(self.df[column_of(name)].astype(object).tolist() for name in self.names), strict=True)
        for key, value, error in zip(keys, self._column(metric).tolist(), self.df["error"].tolist(), strict=True):
            figures.setdefault(key, []).append(nan if error else float(value))
        means = {key: sum(values) / len(values) for key, values in figures.items()}
        known = {key: mean for key, mean in means.items() if not isnan(mean)}
        if not known:
            raise BadValue("metric", metric, "a figure that at least one run has")
        found = max(known, key=lambda key: known[key] if largest else -known[key])
        return dict(zip(self.names, found, strict=True))

    def pivot(self, x: str, y: str, metric: str = "profit") -> pd.DataFrame:
        """Return the mean of a figure by two parameters: a row for each value of ``y``, a column for each of ``x``.

        It is NaN if a run failed, or if the figure is not defined.

        Raises:
            BadValue: A parameter that was not varied, the same one twice, or an unknown figure.
        """
        for name, value in (("x", x), ("y", y)):
            if value not in self.names:
                raise BadValue(name, value, "one of " + ", ".join(self.names))
        if x == y:
            raise BadValue("y", y, "another parameter than x")
        values = self._column(metric).astype(float).where(self.df["error"] == "")
        rows = self.df.assign(**{metric: values})
        table = rows.pivot_table(
            index=column_of(y),
            columns=column_of(x),
            values=metric,
            aggfunc=_mean_of_all,
            dropna=False,
        )
        return table.rename_axis(index=y, columns=x)

    def _column(self, metric: str) -> Any:
        known = ("low", "high", *METRICS)
        if metric not in known:
            raise BadValue("metric", metric, "one of " + ", ".join(known))
        return self.df[metric]

    def __repr__(self) -> str:
        return f"<Sweep of {self.strategy} over {', '.join(self.names)}: {len(self.df):,} runs>"

    def _repr_html_(self) -> str:
        return self.df.to_html(max_rows=20)


def run_sweep(
    strategy: type[Strategy],
    grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]],
    recordings: Source | Sequence[Source],
    *,
    symbol: str | None = None,
    terms: PaperTerms | None = None,
    models: Sequence[QueueModel] = (QueueModel(),),
    workers: int | None = None,
    client: Any = None,
    progress: bool | Callable[[int, Mapping[str, Any]], object] = True,
) -> SweepResult:
    """Run a strategy with many parameters over recordings.

    Args:
        strategy: The class; it may be defined in a notebook, since its code is sent to the workers.
        grid: Values by parameter, to run all combinations, or a list of combinations.
        recordings: One or several recordings, or parts of them.
        symbol: Symbol to trade, if a recording has several.
        terms: Deposit, fees, margin, delays and limits.
        models: Queue models of each run; the default is the worst case.
        workers: Processes, by default one for each core; 1 runs all in this process.
        client: A Dask client, whose workers do the runs. They need this package, and the recordings at the same paths.
        progress: Whether to show a progress bar, in a notebook or a terminal; or a function that is called instead with
            the index and the row of each finished run.

    Raises:
        BadValue: An unknown parameter, an invalid value, nothing to run, or more than 100,000 runs.
        RecordingError: A recording that does not exist or cannot be read.
        MissingExtra: Several workers without the extra ``bots``.
    """
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    given = recordings if isinstance(recordings, Sequence) and not isinstance(recordings, str) else [recordings]
    sources = [opened_source(one) for one in given]
    choices = combinations(strategy, grid)
    _resolve_annotations(strategy)
    parts = [source.recording.part for source in sources]
    tasks = [
        SweepTask(strategy, each, part, symbol_of(source, symbol), terms or PaperTerms(), models)
        for each in choices
        for source, part in zip(sources, parts, strict=True)
    ]
    if not 0 < len(tasks) <= MAX_RUNS:
        raise BadValue("runs", len(tasks), f"1 to {MAX_RUNS:,}: parameters times recordings")
    rows: list[dict[str, Any]] = [{}] * len(tasks)
    # A notebook's output is not a terminal, and shows the bar.
    hidden = progress is not True or not (sys.stderr.isatty() or "ipykernel" in sys.modules)
    with tqdm(total=len(tasks), unit="run", desc="Sweep", disable=hidden, leave=False) as bar:
        for at, row in _results(tasks, workers=workers, client=client):
            rows[at] = row
            bar.update()
            if callable(progress):
                progress(at, row)
    return SweepResult(strategy=strategy.__name__, names=list(choices[0]), df=pd.DataFrame(rows))


def combinations(
    strategy: type[Strategy], grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]]
) -> list[dict[str, ParameterValue]]:
    """Return the parameters of each run, converted and checked.

    Raises:
        BadValue: An unknown parameter, an invalid value, no or too many runs, or combinations of different parameters.
    """
    given: Iterable[Mapping[str, Any]]
    if isinstance(grid, Mapping):
        columns = {name: list(values) for name, values in cast("Mapping[str, Iterable[Any]]", grid).items()}
        given = (dict(zip(columns, values, strict=True)) for values in product(*columns.values()))
    else:
        given = grid
    found: list[dict[str, ParameterValue]] = []
    for each in given:
        values = strategy(**each).values
        found.append({name: values[name] for name in each})
        if found[-1].keys() != found[0].keys():
            raise BadValue("grid", ", ".join(found[-1]), f"the same parameters each time: {', '.join(found[0])}")
        if len(found) > MAX_RUNS:
            raise BadValue("grid", "more", f"at most {MAX_RUNS:,} combinations")
    if not found or not found[0]:
        raise BadValue("grid", "", "one parameter with one value at least")
    return found


def _resolve_annotations(strategy: type[Strategy]) -> None:
    """Replace annotations that are text by their types: a worker does not have the names of a notebook."""
    for owner in strategy.__mro__:
        if owner is Strategy:
            return
        hints = get_type_hints(owner, include_extras=True)
        owner.__annotations__ = {name: hints[name] for name in get_annotations(owner)}


def sampled(grid: Mapping[str, Iterable[Any]], count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Draw combinations of a grid at random, each once: for grids that are too large to run completely.

    Args:
        grid: Values by parameter.
        count: Number of combinations; all of them if there are fewer.
        seed: Equal seeds draw equal combinations.
    """
    columns = {name: list(values) for name, values in grid.items()}
    total = 1
    for values in columns.values():
        total *= len(values)
    drawn = random.Random(seed).sample(range(total), min(count, total))  # noqa: S311 - no secret
    found: list[dict[str, Any]] = []
    for number in drawn:
        rest, each = number, dict[str, Any]()
        for name, values in columns.items():
            rest, at = divmod(rest, len(values))
            each[name] = values[at]
        found.append(each)
    return found


def run_task(task: SweepTask) -> dict[str, Any]:
    """Run one backtest and return its row."""
    folder, start_us, end_us, symbols, channels = task.part
    part = Recording(RecordingFiles(folder), start_us=start_us, end_us=end_us, symbols=symbols, channels=channels)
    strategy = task.strategy(**task.parameters)
    result = run_backtest(
        strategy, RecordedMarket(part), symbol=task.symbol, terms=task.terms, models=task.models, progress=False
    )
    low, high = result.band
    return {
        **{column_of(name): value for name, value in task.parameters.items()},
        "recording": result.recording,
        "symbol": task.symbol,
        "start_us": result.start_us,
        **msgspec.structs.asdict(result.runs[0].metrics),
        "low": low,
        "high": high,
        "digest": result.digest,
        "error": result.error,
    }


def _results(
    tasks: Sequence[SweepTask], *, workers: int | None, client: Any
) -> Iterator[tuple[int, dict[str, Any]]]:  # fmt: skip
    """Yield each task's index and row, in the order in which they finish."""
    if client is not None:
        yield from _on_cluster(tasks, client)
        return
    count = min(len(tasks), (os.cpu_count() or 1) if workers is None else workers)
    if count < 1:
        raise BadValue("workers", workers, "1 or more")
    if count == 1:
        yield from enumerate(map(run_task, tasks))
        return
    # Unlike the pool of the standard library, it sends classes of a notebook, and needs no guard in a script.
    with extra_needed():
        from loky import ProcessPoolExecutor  # noqa: PLC0415 - paid for when it is asked

    pool = ProcessPoolExecutor(max_workers=count)
    try:
        places: dict[Any, int] = {pool.submit(run_task, task): at for at, task in enumerate(tasks)}
        for future in as_completed(places):
            yield places[future], future.result()
    except BaseException:
        # An interrupt, or the first error: the rest is not waited for.
        pool.shutdown(wait=True, kill_workers=True)
        raise
    pool.shutdown(wait=True)


def _mean_of_all(values: Any) -> float:
    """Return the mean of a column, NaN if one of its values is NaN."""
    return values.mean(skipna=False)


def _on_cluster(tasks: Sequence[SweepTask], client: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    # What there is a client of is installed.
    from distributed import as_completed as cluster_completed  # noqa: PLC0415

    futures = client.map(run_task, tasks, pure=False)
    places = {future.key: at for at, future in enumerate(futures)}
    try:
        for future, row in cluster_completed(futures, with_results=True):
            yield places[future.key], row
    finally:
        client.cancel(futures)
