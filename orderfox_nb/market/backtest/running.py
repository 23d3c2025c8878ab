"""Runs a strategy over a recording, by several queue models side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from tqdm.auto import tqdm

from orderfox_nb.bots.gate import stream_name
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.results.run import MeasuredRun
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import BAND, PaperTerms
from orderfox_nb.core.events import WHOLE_MARKET, Event, Gap, Status, Topic
from orderfox_nb.errors import BadValue
from orderfox_nb.market.backtest.code import code_digest
from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.recorded import RecordedMarket, RecordedSymbol, open_recording
from orderfox_nb.recording.recording import RecordedEvent, Recording

Source: TypeAlias = RecordedMarket | RecordedSymbol | str | Path

_EVENTS_A_STEP: Final = 2_000
"""Events between two moves of the progress bar."""


def run_backtest(
    strategy: Strategy,
    recording: Source,
    *,
    symbol: str | None = None,
    terms: PaperTerms | None = None,
    models: Sequence[QueueModel] = BAND,
    progress: bool | Callable[[float], object] = True,
) -> BacktestResult:
    """Run a strategy over a recording or a part of one.

    The strategy itself is not changed: each model runs a new one with the same parameters. It gets one event after the
    other and never the recording, so it cannot look ahead.

    Args:
        strategy: The strategy with its parameters.
        recording: The data, such as ``rec["10:00":"10:30"]["BTCUSDT"]``, or the folder of a recording.
        symbol: Symbol to trade, if the recording has several.
        terms: Deposit, fees, margin, delays and limits.
        models: Queue models, at least one; their results are the band.
        progress: Whether to show a progress bar, in a notebook or a terminal; or a function that is called instead with
            the part of the recording's time that is done, from 0 to 1.

    Raises:
        BadValue: A symbol or channels that are not recorded, or no model.
        RecordingError: A recording that does not exist or cannot be read.
    """
    if not models:
        raise BadValue("models", "", "at least one queue model")
    check_strategy(strategy)
    terms = terms or PaperTerms()
    opened = opened_source(recording)
    files = opened.recording
    symbol = symbol_of(opened, symbol)
    instrument = files.instruments[symbol]
    topics = topics_of(strategy, files, symbol)
    part = files.select(symbols={topic.symbol for topic in topics}, channels={topic.channel for topic in topics})
    kind = type(strategy)
    runs = [
        MeasuredRun(
            kind(**strategy.values),
            instrument,
            terms=terms,
            queue=model,
            channels={stream_name(topic) for topic in topics},
            # A part opens with the state of its start, which is older.
            start_us=part.start_us if part.start_us > files.files.head.created_us else 0,
        )
        for model in models
    ]
    with _bar(part, progress=progress is True) as bar:

        def moved(stamp_us: int) -> None:
            bar.update(max(0, round((stamp_us - part.start_us) / 1e6) - bar.n))
            if callable(progress):
                progress((stamp_us - part.start_us) / (part.end_us - part.start_us))

        data_digest, events = replay(runs, part.events(), symbol, topics, moved)
        bar.update(bar.total - bar.n)
    end_us = runs[0].session.desk.now_us
    return BacktestResult(
        strategy=kind.__name__,
        description=(kind.__doc__ or "").strip().partition("\n")[0],
        parameters=dict(strategy.values),
        instrument=instrument,
        origin=files.origin,
        recording=files.name,
        start_us=part.start_us,
        end_us=part.end_us,
        events=events,
        channels=sorted({topic.channel for topic in topics}),
        terms=terms,
        runs=[run.finish(end_us) for run in runs],
        data_digest=data_digest,
        code_digest=code_digest(kind),
    )


def check_strategy(strategy: object) -> None:
    """Check that a strategy is an instance: it is easy to pass the class.

    Raises:
        BadValue: It is not an instance of a strategy.
    """
    if not isinstance(strategy, Strategy):
        raise BadValue("strategy", strategy, "an instance, such as Fade() or Fade(ticks=3)")


def opened_source(recording: Source) -> RecordedMarket | RecordedSymbol:
    """Return a recording; open it if its folder is given.

    Raises:
        RecordingError: A recording that does not exist or cannot be read.
    """
    return open_recording(recording) if isinstance(recording, str | Path) else recording


def symbol_of(recording: RecordedMarket | RecordedSymbol, symbol: str | None) -> str:
    """Return the symbol to trade.

    Raises:
        BadValue: No symbol is named although there are several, or it is not recorded.
    """
    known = sorted(recording.recording.instruments)
    own = recording.symbol if isinstance(recording, RecordedSymbol) else None
    chosen = recording.recording.symbol_of(symbol) if symbol else own
    if chosen is None and len(known) == 1:
        chosen = known[0]
    if chosen not in known:
        raise BadValue("symbol", chosen or "", "one of " + (", ".join(known[:20]) or "none: nothing is recorded"))
    return chosen


def topics_of(strategy: Strategy, recording: Recording, symbol: str) -> Collection[Topic]:
    """Return the recorded topics that a strategy reads.

    Candles that were not recorded are made from trades; liquidations are also found in the stream of all symbols.

    Raises:
        BadValue: None of what it reads is recorded.
    """
    recorded = set(recording.topics)
    venue = recording.origin.venue
    wanted = strategy.topics(venue, symbol)
    found = {topic for topic in wanted if topic in recorded}
    for topic in wanted:
        market = Topic(venue, WHOLE_MARKET, topic.channel, topic.interval)
        if topic not in recorded and market in recorded:
            found.add(market)
    if not found:
        known = ", ".join(sorted({topic.channel for topic in recorded if topic.symbol == symbol})) or "none"
        raise BadValue("recording", ", ".join(topic.channel for topic in wanted), f"what is recorded: {known}")
    return found


def replay(
    runs: Sequence[MeasuredRun],
    events: Iterable[RecordedEvent],
    symbol: str,
    topics: Collection[Topic],
    moved: Callable[[int], None],
) -> tuple[str, int]:
    """Apply events to every run, and sample equity at equal steps of the event clock.

    Returns:
        A digest of the data, and the number of events.
    """
    first = runs[0]
    desk, curve = first.session.desk, first.curve
    applies = [run.session.apply for run in runs]
    streams = {topic: stream_name(topic) for topic in topics}
    digest = blake2b(digest_size=16)
    encode = msgspec.msgpack.Encoder().encode
    count = 0
    for _, stamp_us, topic, event in events:
        if topic not in topics:
            continue
        digest.update(encode((stamp_us, topic, event)))
        own = event_of(event, symbol)
        if own is None:
            continue
        stream = streams[topic]
        for apply in applies:
            apply(own, stream)
        if first.session.started and desk.now_us >= curve.due_us:
            for run in runs:
                run.sample(desk.now_us)
        count += 1
        if not count % _EVENTS_A_STEP:
            moved(stamp_us)
    return digest.hexdigest(), count


def event_of(event: Event, symbol: str) -> Event | None:
    """Return an event as one of a symbol, None if it belongs to another symbol.

    A gap or a state of the stream of all symbols applies to each of them.
    """
    if event.symbol == symbol:
        return event
    return msgspec.structs.replace(event, symbol=symbol) if isinstance(event, Gap | Status) else None


def _bar(part: Recording, *, progress: bool) -> Any:
    # A notebook's output is not a terminal, and shows the bar.
    hidden = not progress or not (sys.stderr.isatty() or "ipykernel" in sys.modules)
    seconds = max(1, round((part.end_us - part.start_us) / 1e6))
    return tqdm(total=seconds, unit="s", unit_scale=True, desc="Backtest", disable=hidden, leave=False)
