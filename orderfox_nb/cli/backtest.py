"""``orderfox backtest``: a strategy over a recording, or many of its parameters."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orderfox_nb.cli.command import INTERRUPTED, Command, Example
from orderfox_nb.cli.options import names
from orderfox_nb.cli.output import length_text, print_json
from orderfox_nb.cli.progress import Moved, progress
from orderfox_nb.cli.recordings import find_recording
from orderfox_nb.cli.results import FinishedRun, print_results, print_sweep, run_json, write_report
from orderfox_nb.cli.strategies import HELP, parameters_of, send_by_value, strategy_class
from orderfox_nb.cli.terms import add_terms, terms_of
from orderfox_nb.errors import SettingError

if TYPE_CHECKING:
    from orderfox_nb.bots.strategy import Strategy
    from orderfox_nb.bots.terms import PaperTerms
    from orderfox_nb.market.recorded import RecordedMarket
    from orderfox_nb.recording.recording import Recording


class _Data(NamedTuple):
    """Data and terms of a run."""

    market: RecordedMarket
    symbols: Sequence[str]
    terms: PaperTerms


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("strategy", metavar="STRATEGY", help=HELP)
    parser.add_argument(
        "recording",
        metavar="RECORDING",
        help="folder of a recording, its name in the data directory, or a file of another recorder",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the strategy; may be repeated"
    )
    parser.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="NAME=A,B,C",
        help="try each of these values; with several such options, all combinations. Uses the worst queue model only",
    )
    parser.add_argument(
        "--symbols", type=names, default=(), help="symbols to trade, each in a run of its own (default: the only one)"
    )
    parser.add_argument("--start", metavar="TIME", help="start time in UTC: 10:30, 2026-10-01T10:30, or --start=-10m")
    parser.add_argument("--end", metavar="TIME", help="end time, in the same forms")
    add_terms(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report to a self-contained file")
    parser.add_argument("--json", action="store_true", help="print JSON: a list with an object for each run")
    parser.add_argument("--workers", type=int, metavar="N", help="processes of a sweep (default: one for each core)")


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.market.recorded import RecordedMarket  # noqa: PLC0415

    kind = strategy_class(options.strategy)
    fixed = parameters_of(options.set)
    grid = {name: value.split(",") for name, value in parameters_of(options.sweep, "--sweep").items()}
    if both := fixed.keys() & grid.keys():
        raise SettingError("--sweep", min(both), "a parameter that is not in --set")
    if grid and options.html:
        raise SettingError("--html", options.html, "no --sweep: a report is of one run")
    # What is wrong in the options is an error before a file is imported.
    terms = terms_of(options)
    choices = [{**fixed, **dict(zip(grid, values, strict=True))} for values in product(*grid.values())]
    strategies = [kind(**choice) for choice in choices]
    whole = find_recording(options.recording, load_settings()).recording
    market = RecordedMarket(whole.between(options.start, options.end))
    data = _Data(market, _symbols(whole, options.symbols), terms)
    if grid:
        send_by_value(kind)
        return _sweep(kind, choices, list(grid), data, options)
    return _backtests(strategies[0], data, options)


def _symbols(recording: Recording, asked: Sequence[str]) -> Sequence[str]:
    """Return what is traded.

    Raises:
        SettingError: A symbol that is not recorded, or none if several are recorded.
    """
    known = sorted(recording.instruments)
    symbols = [recording.symbol_of(symbol) for symbol in asked] or (known if len(known) == 1 else [])
    if not known or not symbols or not set(symbols) <= set(known):
        expected = f"some of {', '.join(known[:20])}" if known else "a recording of a symbol: this one has none"
        raise SettingError("--symbols", ",".join(asked), expected)
    return symbols


def _backtests(strategy: Strategy, data: _Data, options: argparse.Namespace) -> int:
    from orderfox_nb.market.backtest.running import run_backtest  # noqa: PLC0415

    finished: list[FinishedRun] = []
    length_s, done = (data.market.end - data.market.start).total_seconds(), 0.0
    interrupted = ""
    for symbol in data.symbols:
        title = f"{type(strategy).__name__} on {symbol}"
        started_s = time.perf_counter()
        try:
            with progress(title) as moved:

                def show(part: float, moved: Moved = moved) -> None:
                    nonlocal done
                    done = part
                    moved(part, f"{length_text(part * length_s)} of {length_text(length_s)}")

                result = run_backtest(strategy, data.market, symbol=symbol, terms=data.terms, progress=show)
        except KeyboardInterrupt:
            interrupted = f"{title}: interrupted after {length_text(done * length_s)} of {length_text(length_s)}"
            break
        finished.append(FinishedRun(result, time.perf_counter() - started_s))
    if options.json:
        print_json([run_json(one.result) for one in finished])
    else:
        print_results(finished)
    # The results come first: they are printed even if the file cannot be written.
    if options.html and finished:
        write_report(options.html, finished)
        if not options.json:
            print(f"\nReport: {options.html}")
    if interrupted:
        print(f"orderfox: {interrupted}", file=sys.stderr)
        return INTERRUPTED
    return int(any(one.failed for one in finished))


def _sweep(
    kind: type[Strategy],
    choices: Sequence[Mapping[str, str]],
    varied: Sequence[str],
    data: _Data,
    options: argparse.Namespace,
) -> int:
    from orderfox_nb.market.backtest.sweeping import run_sweep  # noqa: PLC0415

    rows: list[Mapping[str, Any]] = []
    total, interrupted = len(choices) * len(data.symbols), False
    with progress(f"Sweep of {kind.__name__}") as moved:

        def add(_: int, row: Mapping[str, Any]) -> None:
            rows.append(row)
            moved(len(rows) / total, f"{len(rows):,} of {total:,} runs")

        try:
            for symbol in data.symbols:
                run_sweep(
                    kind,
                    choices,
                    data.market,
                    symbol=symbol,
                    terms=data.terms,
                    workers=options.workers,
                    progress=add,
                )
        except KeyboardInterrupt:
            interrupted = True
    if options.json:
        print_json(rows)
    else:
        print_sweep(kind.__name__, varied, rows)
    if interrupted:
        print(f"orderfox: interrupted after {len(rows):,} of {total:,} runs", file=sys.stderr)
        return INTERRUPTED
    return int(bool(rows) and all(row["error"] for row in rows))


COMMAND = Command(
    description="Run a strategy over a recording: the same class, session and paper venue as on paper. How soon a "
    "resting order is filled is not published by any venue, so three queue models run side by side and the profit is a "
    "band. The exit code is 1 if an error stopped the strategy, or if it never had complete data.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example("An included strategy", "orderfox backtest EmaCross recordings --symbols BTCUSDT"),
        Example("Your own, with its report", "orderfox backtest fade.py:Fade recordings --html fade.html"),
        Example(
            "With parameters, and 20 ms to the venue", "orderfox backtest GridMaker rec --set levels=4 --latency 20"
        ),
        Example("Compare parameter values", "orderfox backtest GridMaker rec --sweep levels=2,4 --sweep step=5,10"),
    ),
)
