# tqdm has no stubs.
# pyright: reportMissingTypeStubs=false
"""Replays the events of a run through new sessions, and compares the output of both."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace
from tqdm.auto import tqdm

from orderfox_nb.bots.parity import Difference, ParityReport, compare
from orderfox_nb.bots.results.run import MeasuredRun, model_name
from orderfox_nb.errors import BadValue
from orderfox_nb.market.paper.inlet import RecordingInlet
from orderfox_nb.market.paper.tape import TapeSegment


def end_session(run: MeasuredRun, reason: str) -> None:
    """Stop a session, and cancel its open orders at once."""
    run.session.stop(reason)
    run.session.finish()


def replay_tape(runs: Sequence[MeasuredRun], seen: TapeSegment, over: str | None, *, progress: bool) -> ParityReport:
    """Replay the events that a run has kept.

    Args:
        runs: New sessions.
        seen: The events and outputs that the run has kept.
        over: Why the run has ended; None while it continues.
        progress: Whether to show a progress bar.
    """
    if seen.states is not None:
        for run, state in zip(runs, seen.states, strict=True):
            run.session.restore(state)
    applies = [run.session.apply for run in runs]
    with _bar(len(seen.events), progress=progress) as bar:
        for at, (channel, event) in enumerate(seen.events):
            for apply in applies:
                apply(event, channel)
            if not at % 1_000:
                bar.update(at - bar.n)
    return _compared(runs, seen, over)


def replay_recording(
    runs: Sequence[MeasuredRun],
    inlet: RecordingInlet,
    seen: TapeSegment,
    acted: int,
    over: str | None,
    *,
    progress: bool,
) -> ParityReport:
    """Replay a recording of a run, up to the last event that its strategy acted on.

    Args:
        runs: New sessions.
        inlet: The recording's events.
        seen: The outputs that the run has kept; earlier ones are replayed but not compared.
        acted: Number of events that its strategy acted on.
        over: Why the run has ended; None while it continues.
        progress: Whether to show a progress bar.

    Raises:
        BadValue: The recording does not contain the whole run.
    """
    first, count = runs[0].session, 0
    applies = [run.session.apply for run in runs]
    with _bar(acted, progress=progress) as bar:
        for channel, event in (item for batch in inlet.batches() for item in batch):
            if count == acted:
                break
            for apply in applies:
                apply(event, channel)
            count += first.started
            if first.started and count == seen.acted:
                for run in runs:
                    run.session.drain()
            if not count % 1_000:
                bar.update(count - bar.n)
    if count < acted:
        raise BadValue("recording", f"{count:,} of {acted:,} events", "one of the whole run: it is on disk in a second")
    return _compared(runs, seen, over)


def _compared(runs: Sequence[MeasuredRun], seen: TapeSegment, over: str | None) -> ParityReport:
    found: list[Difference] = []
    orders = fills = 0
    for run, output in zip(runs, seen.outputs, strict=True):
        if over is not None:
            end_session(run, over)
        report = compare(output, run.session.drain())
        orders, fills = orders + report.orders, fills + report.fills
        name = f"{model_name(run.queue)}: " if len(runs) > 1 else ""
        found.extend(replace(each, what=name + each.what) for each in report.differences)
    found.sort(key=lambda each: each.time_us)
    return ParityReport(orders=orders, fills=fills, differences=found)


@contextmanager
def _bar(total: int, *, progress: bool) -> Generator[Any]:
    # A notebook's output is not a terminal, and shows the bar.
    hidden = not progress or not (sys.stderr.isatty() or "ipykernel" in sys.modules)
    with tqdm(total=total, unit="event", unit_scale=True, desc="Parity", disable=hidden, leave=False) as bar:
        yield bar
        # In a notebook, a bar that closes before its total stays there.
        bar.total = bar.n
