"""``orderfox bot run``: a strategy on paper in this terminal."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orderfox_nb.cli.command import INTERRUPTED, Command, Example
from orderfox_nb.cli.options import add_source, duration, log_to_stderr, sources_line
from orderfox_nb.cli.output import utc_text
from orderfox_nb.cli.progress import progress
from orderfox_nb.cli.results import FinishedRun, print_results, write_report
from orderfox_nb.cli.strategies import HELP, parameters_of, strategy_class
from orderfox_nb.cli.terms import add_terms, terms_of

if TYPE_CHECKING:
    from orderfox_nb.bots.account.ledger import Booking
    from orderfox_nb.core.instrument import Instrument
    from orderfox_nb.market.backtest.result import BacktestResult
    from orderfox_nb.market.paper.run import PaperRun

_POLL_S: Final = 0.5


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("strategy", metavar="STRATEGY", help=HELP)
    parser.add_argument("symbol", metavar="SYMBOL", help="in any usual form: btc, BTCUSDT, okx:BTC/USDT:USDT")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the strategy; may be repeated"
    )
    parser.add_argument("--duration", type=duration, help="how long, such as 90s, 10m or 8h (default: until Ctrl+C)")
    add_terms(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report to a self-contained file")
    add_source(parser)


def _run(options: argparse.Namespace) -> int:
    from orderfox_nb.market.connection import connect  # noqa: PLC0415

    strategy = strategy_class(options.strategy)(**parameters_of(options.set))
    terms = terms_of(options)
    log_to_stderr(debug=False)
    market = connect(options.source)
    try:
        run = market[options.symbol].run(strategy, terms=terms)
        started_s, interrupted = time.monotonic(), False
        try:
            _follow(run, options.duration)
        except KeyboardInterrupt:
            interrupted = True
        run.stop("interrupted" if interrupted else "its duration is over")
        finished = FinishedRun(run.result(), time.monotonic() - started_s)
    finally:
        market.close()
    print()
    print_results([finished])
    if options.html:
        write_report(options.html, [finished])
        print(f"\nReport: {options.html}")
    if interrupted:
        # Without a duration, Ctrl+C is how a run ends.
        return INTERRUPTED if options.duration is not None else 0
    return int(finished.failed)


def _follow(run: PaperRun, duration_s: float | None) -> None:
    """Print fills as they come, until the run or its time ends."""
    printed = _Printed()
    started_s = time.monotonic()
    with progress(f"{type(run.strategy).__name__} on paper") as moved:
        over = False
        while not over:
            elapsed_s = time.monotonic() - started_s
            left_s = _POLL_S if duration_s is None else duration_s - elapsed_s
            over = left_s <= 0 or run.wait(min(_POLL_S, left_s))
            result = run.result()
            printed.print_new(result)
            moved(None if duration_s is None else min(1.0, elapsed_s / max(duration_s, _POLL_S)), _state(run, result))
    if run.reason and not run.running:
        print(f"orderfox: ended: {run.reason}", file=sys.stderr)


def _state(run: PaperRun, result: BacktestResult) -> str:
    state = f"{run.state}: {run.reason}" if run.reason else run.state
    return f"{state} · profit {result.band_text} · position {run.position.size:g}"


class _Printed:
    """Prints each fill of the first queue model once."""

    def __init__(self) -> None:
        self._last: Booking | None = None

    def print_new(self, result: BacktestResult) -> None:
        new: list[Booking] = []
        for booking in reversed(result.runs[0].bookings):
            if booking is self._last:
                break
            new.append(booking)
        for booking in reversed(new):
            self._last = booking
            if booking.kind == "fill":
                print(_fill_text(booking, result.instrument), flush=True)


def _fill_text(booking: Booking, instrument: Instrument) -> str:
    size = f"{instrument.size(booking.lots):.{instrument.size_digits}f}"
    price = f"{instrument.price(booking.ticks):,.{instrument.price_digits}f}"
    position = f"{instrument.size(booking.position_lots):.{instrument.size_digits}f}"
    kind = "liquidation" if booking.liquidation else "maker" if booking.maker else "taker"
    return f"{utc_text(booking.time_us)}  {booking.side or '':<4} {size} at {price}  {kind}  position {position}"


COMMAND = Command(
    description="Run a strategy on paper with live market data, as market[symbol].run(strategy) does in a notebook. "
    "Fills of the worst-case queue model are printed as they come, and the figures at the end. No server is needed, "
    "and no order leaves this process.",
    arguments=_add_arguments,
    run=_run,
    examples=(
        Example("A market maker on the embedded exchange", "orderfox bot run GridMaker BTCUSDT --duration 60"),
        Example("Your own strategy on Binance, until Ctrl+C", "orderfox bot run fade.py:Fade btc --source binance"),
    ),
    notes=sources_line,
)
