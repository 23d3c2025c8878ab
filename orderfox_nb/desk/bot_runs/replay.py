"""Replays the recording of a bot's run through a new session, and compares what both did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any, Final

import msgspec

from orderfox_nb.bots.gate import stream_name
from orderfox_nb.bots.gateway import NEVER_US
from orderfox_nb.bots.parity import ParityReport, compare
from orderfox_nb.desk.bot_runs.activity import BotActivity, BotLog
from orderfox_nb.desk.bot_runs.band import SessionBand
from orderfox_nb.desk.bot_runs.outputs import output_of
from orderfox_nb.desk.bot_runs.row_log import RowLog
from orderfox_nb.desk.bot_runs.span import RunSpan, event_name
from orderfox_nb.desk.brokers.paper import PaperBroker
from orderfox_nb.desk.store.bot_history import BotHistory
from orderfox_nb.desk.store.records import BotRecord, SessionRows
from orderfox_nb.desk.strategies import load_strategy
from orderfox_nb.errors import RecordingError, RunUnavailable
from orderfox_nb.recording.recording import Recording, open_recording

MAX_ROWS: Final = 100_000
"""Orders or fills of a run that can be compared."""
_AGAIN: Final = "Stop the bot and start it again: the run that begins then can be replayed"
_STEP: Final = 500
"""Events between two checks of the time, at which the thread pauses so that the server's own goes first."""


class SavedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A bot's last session as it is stored."""

    record: BotRecord
    venue: str
    span: RunSpan
    ended: str
    """Why it was stopped; empty if it was not."""
    rows: SessionRows


async def saved_run(history: BotHistory, record: BotRecord) -> SavedRun:
    """Return what is stored of a bot's last session.

    Raises:
        RunUnavailable: There is none, or none that a recording can have whole.
        DatabaseUnavailable: The database does not answer.
    """
    saved = await history.snapshot(record.number)
    if saved is None:
        raise RunUnavailable("The bot has never run: start it, and ask again once it has traded")
    state = msgspec.msgpack.decode(saved)
    span = _span(state)
    rows = await history.run_rows(
        record.number, after_order=span.start.orders, after_fill=span.start.fills, limit=MAX_ROWS + 1
    )
    state = msgspec.msgpack.decode(rows.snapshot or saved)
    if (later := _span(state)).start != span.start:
        raise RunUnavailable("The bot was started again meanwhile: ask again")
    if max(len(rows.orders), len(rows.fills)) > MAX_ROWS:
        raise RunUnavailable(f"The run has more than {MAX_ROWS:,} orders or fills. {_AGAIN}")
    return SavedRun(record=record, venue=state["venue"], span=later, ended=state["ended"], rows=rows)


def _span(state: Any) -> RunSpan:
    """Return where a stored session begins and ends.

    Raises:
        RunUnavailable: A recording cannot have it whole.
    """
    if state.get("live"):
        raise RunUnavailable("The bot trades live: its fills are the market's, and no replay can give them")
    if "span" not in state:
        raise RunUnavailable(f"The run was started by an older version, which did not note its events. {_AGAIN}")
    span = msgspec.convert(state["span"], RunSpan)
    if not span.acted:
        raise RunUnavailable("The strategy has not started: ask again once its data are complete")
    if span.broken:
        raise RunUnavailable(f"This run cannot be replayed: {span.broken}. {_AGAIN}")
    stopped = state["session"]["flags"][-1]
    if state["ended"] and not stopped:
        raise RunUnavailable(f"This run cannot be replayed: it was stopped while it did not run. {_AGAIN}")
    if not span.recording:
        raise RunUnavailable(
            f"The server did not record this run: set ORDERFOX_RECORDING to a number of gigabytes. {_AGAIN}"
        )
    return span


def replay_run(run: SavedRun, folder: Path, in_time: Callable[[], bool]) -> ParityReport:
    """Replay a run from its recording, and compare orders and fills with the stored ones; reads files.

    Args:
        run: As it is stored.
        folder: Folder of all recordings.
        in_time: Whether it may continue; asked every few hundred events.

    Raises:
        RunUnavailable: The recording does not have the whole run, or there is no more time.
        BadValue: The strategy is not installed any more, or does not accept its parameters.
    """
    span = run.span
    try:
        recording = open_recording(folder / span.recording)
    except RecordingError:
        raise RunUnavailable(
            f"The recording of this run was deleted; ORDERFOX_RECORDING and ORDERFOX_RECORDING_HOURS say how much is "
            f"kept. {_AGAIN}"
        ) from None
    log, band = RowLog(span.instrument, BotActivity(BotLog(), span.instrument)), _new_band(run, recording)
    log.number_on(span.start.orders, span.start.fills)
    account, session = band.main
    account.restore(span.account)
    account.drain()
    session.gateway.read_position()

    def collect() -> None:
        log.collect(session.drain(), account.drain())

    topics = {topic: stream_name(topic) for topic in session.strategy.topics(run.venue, run.record.symbol)}
    part = recording.select(symbols={topic.symbol for topic in topics}, channels={topic.channel for topic in topics})
    acted = applied = 0
    for _, _, topic, event in (
        part[span.start.time_us :].events() if span.start.time_us > part.start_us else part.events()
    ):
        if (stream := topics.get(topic)) is None:
            continue
        if not acted and event.time_us == span.first_us and event_name(stream, event) == span.first:
            session.start_us = 0
        session.apply(event, stream)
        acted += session.started
        if acted == span.acted:
            break
        applied += 1
        if not applied % _STEP:
            collect()
            sleep(0.0005)
            if not in_time():
                raise RunUnavailable(f"The run is too long to be replayed in time. {_AGAIN}")
    if acted < span.acted:
        raise RunUnavailable(
            f"The recording has {acted:,} of the {span.acted:,} events of this run: it was interrupted, or a part of "
            f"it was deleted. {_AGAIN}"
        )
    if run.ended:
        session.stop(run.ended)
        session.finish()
    collect()
    if run.ended:
        log.next_session(session.desk.now_us, session.stopped)
    return compare(output_of(run.rows, span.instrument), output_of(log.rows(b""), span.instrument))


def _new_band(run: SavedRun, recording: Recording) -> SessionBand:
    """Return new sessions for the strategy of a run, which begin with the run's first event."""
    kind, span = load_strategy(run.span.strategy), run.span
    topics = kind(**span.params).topics(run.venue, run.record.symbol)
    return SessionBand(
        lambda: kind(**span.params),
        PaperBroker(span.instrument),
        span.instrument,
        channels={stream_name(topic) for topic in topics if topic.channel not in recording.origin.absent},
        start_us=NEVER_US,
    )
