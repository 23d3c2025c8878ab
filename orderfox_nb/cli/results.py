"""Results of backtests in a terminal, as JSON and as a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from orderfox_nb.cli.output import length_text, print_pairs, print_table, utc_text
from orderfox_nb.errors import SettingError

if TYPE_CHECKING:
    from orderfox_nb.market.backtest.result import BacktestResult

_MAX_ROWS: Final = 40
"""Largest number of rows printed of a sweep; JSON has all."""
_FIGURES: Final = {"profit": 2, "fees": 2, "max_drawdown": 2, "sharpe": 2, "trades": 0, "fills": 0}
"""Figures printed of a sweep, with their decimals."""


class FinishedRun(NamedTuple):
    """A backtest and how long it took."""

    result: BacktestResult
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether the strategy was stopped by an error, or never had complete data."""
        return bool(self.result.error) or not self.result.runs[0].curve.time_us.size


def print_results(finished: Sequence[FinishedRun]) -> None:
    """Print each result: what was run, the figures of each queue model, notes and hashes."""
    for at, one in enumerate(finished):
        if at:
            print()
        _print_result(one)


def _print_result(one: FinishedRun) -> None:
    result = one.result
    length_s = (result.end_us - result.start_us) / 1e6
    given = ", ".join(f"{name}={value}" for name, value in result.parameters.items())
    print_pairs(
        [
            ("strategy", f"{result.strategy} {f'({given})' if given else ''}".rstrip()),
            ("market", f"{result.instrument.symbol} of {result.origin.venue}"),
            ("recording", result.recording),
            ("range", f"{utc_text(result.start_us)} to {utc_text(result.end_us)} UTC, {length_text(length_s)}"),
            ("events", f"{result.events:,} in {one.seconds:.1f} s"),
            ("profit", result.band_text),
        ]
    )
    print()
    models = [run.model.replace("_", " ") for run in result.runs]
    print_table(["", *models], [[name, *values] for name, values in result.summary()], right=models)
    print()
    digests = {"data": result.data_digest, "code": result.code_digest, "result": result.digest}
    print_pairs([*(("note", note) for note in result.notes), *digests.items()])
    if (error := next((run.error for run in result.runs if run.error is not None), None)) is not None:
        print(f"\n{error.trace.rstrip()}", file=sys.stderr)


def print_sweep(strategy: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the runs of a sweep, the largest profit first.

    Args:
        strategy: Its name.
        names: Names of the parameters that were varied.
        rows: One for each run.
    """
    from orderfox_nb.market.backtest.sweeping import column_of  # noqa: PLC0415

    several = len({row["symbol"] for row in rows}) > 1
    ordered = sorted(rows, key=lambda row: (bool(row["error"]), -row["profit"]))
    failed = sum(bool(row["error"]) for row in rows)
    head = [*(["symbol"] if several else []), *names, *(name.replace("_", " ") for name in _FIGURES)]
    shown = [
        [
            *([row["symbol"]] if several else []),
            *(str(row[column_of(name)]) for name in names),
            *(["failed"] if row["error"] else [_number(row[name], digits) for name, digits in _FIGURES.items()]),
        ]
        for row in ordered[:_MAX_ROWS]
    ]
    print_table(head, shown, right=head[int(several) :], title=f"{strategy}: {len(rows):,} runs, best first")
    if len(ordered) > _MAX_ROWS:
        print(f"{len(ordered) - _MAX_ROWS:,} more: --json has all")
    if failed:
        print(f"{failed:,} failed, the first with: {next(row['error'] for row in ordered if row['error'])}")


def run_json(result: BacktestResult) -> dict[str, Any]:
    """Return a result for a program; a figure that is not defined is null."""
    return {
        "strategy": result.strategy,
        "parameters": {name: str(value) for name, value in result.parameters.items()},
        "symbol": result.instrument.symbol,
        "venue": result.origin.venue,
        "recording": result.recording,
        "start": utc_text(result.start_us),
        "end": utc_text(result.end_us),
        "events": result.events,
        "profit": {"low": result.band[0], "high": result.band[1], "currency": result.instrument.quote},
        "metrics": {run.model: msgspec.structs.asdict(run.metrics) for run in result.runs},
        "gaps": len(result.runs[0].pauses),
        "notes": result.notes,
        "error": result.error,
        "data_digest": result.data_digest,
        "code_digest": result.code_digest,
        "digest": result.digest,
    }


def write_report(path: Path, finished: Sequence[FinishedRun]) -> None:
    """Write reports as one file of HTML.

    Raises:
        SettingError: The file cannot be written.
    """
    from orderfox_nb.market.report.page import page_html  # noqa: PLC0415

    try:
        path.expanduser().write_text(page_html(*(one.result for one in finished)), encoding="utf-8")
    except OSError as error:
        raise SettingError("--html", path, f"a file that can be written ({error.strerror})") from None


def _number(value: float, digits: int) -> str:
    return "–" if value != value else f"{value:,.{digits}f}"  # noqa: PLR0124 - NaN
