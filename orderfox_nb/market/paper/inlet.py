"""The events of a run: from the engine's thread through a bounded queue, or from a recording as fast as it is read."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Final, Protocol, TypeAlias

from orderfox_nb.bots.gate import stream_name
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Channel, Event, Status, Topic, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.bot_runs.inlet import arriving
from orderfox_nb.desk.desk import Desk
from orderfox_nb.engine import Engine
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.recorded import ENDS_HERE
from orderfox_nb.feeds.retry import backoff, is_transient
from orderfox_nb.market.backtest.running import event_of, topics_of
from orderfox_nb.recording.recording import Recording

SeenEvents: TypeAlias = list[tuple[str, Event]]
"""Events with the names of their streams, see ``stream_name``."""

MAX_BATCHES: Final = 64
"""Batches that may wait for a run; then its readers wait, and at their own bound they get a gap and fresh data."""
_BATCH: Final = 500
"""Events of a recording that are applied at once."""
_POLL_S: Final = 0.5
"""How often a waiting run checks whether its streams have ended."""


class PaperInlet(Protocol):
    """Source of a run's events."""

    instrument: Instrument
    origin: Origin
    channels: set[Channel]
    streams: set[str]
    """Streams of the events, by ``stream_name``."""
    ended: str
    """Why there are no more events."""

    def batches(self) -> Iterator[SeenEvents]:
        """Yield the events in order, and wait for them; ends after ``close``."""
        ...

    def close(self) -> None:
        """Let ``batches`` end; may be called twice, and from any thread."""
        ...


class DeskInlet:
    """Events of a desk, live or rewound.

    Args:
        engine: Engine whose loop the desk runs on.
        desk: Desk that reads the topics.
        instrument: Instrument to trade.
        strategy: Strategy whose topics are read.
    """

    def __init__(self, engine: Engine, desk: Desk, instrument: Instrument, strategy: Strategy) -> None:
        self.instrument = instrument
        self.origin = desk.origin
        self.topics = _topics(desk, strategy, instrument.symbol)
        self.channels: set[Channel] = {topic.channel for topic in self.topics}
        self.streams = {stream_name(topic) for topic in self.topics}
        self.ended = ""
        self._engine = engine
        self._desk = desk
        self._waiting: queue.Queue[SeenEvents] = queue.Queue(MAX_BATCHES)
        self._room = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finished: set[str] = set()
        """Streams of a recording that have ended."""
        self._closed = False

    def batches(self) -> Iterator[SeenEvents]:
        future = self._engine.submit(self._read())
        try:
            while not self._closed:
                try:
                    batch = self._waiting.get(timeout=_POLL_S)
                except queue.Empty:
                    if future.done() and self._waiting.empty():
                        break
                    continue
                if self._loop is not None and not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(self._room.set)
                if batch:
                    yield batch
            if future.done() and not future.cancelled():
                future.result()
            self.ended = self.ended or "the market was closed"
        finally:
            future.cancel()

    def close(self) -> None:
        self._closed = True
        # Wakes a waiting run; a busy one checks whether this is closed before its next batch.
        with suppress(queue.Full):
            self._waiting.put_nowait([])

    async def _read(self) -> None:
        """Pass batches on until the streams end."""
        self._loop = asyncio.get_running_loop()
        symbol = self.instrument.symbol
        for delay_s in backoff():
            try:
                async with aclosing(arriving(self._desk, self.topics)) as batches:
                    async for batch in batches:
                        if self.origin.recorded and self._moved(batch):
                            return
                        await self._put([(name, own) for name, each in batch if (own := event_of(each, symbol))])
                        if self._over(batch):
                            return
            except FeedError as error:
                lost = Status(symbol=symbol, time_us=self._desk.now_us(), state="connecting", reason=str(error))
                await self._put([("", lost)])
                if not is_transient(error):
                    raise
            await asyncio.sleep(delay_s)

    def _moved(self, batch: SeenEvents) -> bool:
        """Return whether the playhead was moved: a run cannot continue at another time."""
        if not any(is_restart(event) for _, event in batch):
            return False
        self.ended = "the playhead was moved"
        return True

    def _over(self, batch: SeenEvents) -> bool:
        """Return whether the recording has ended in every topic."""
        self._finished.update(name for name, event in batch if isinstance(event, Status) and event.reason == ENDS_HERE)
        if self._finished < self.streams:
            return False
        self.ended = ENDS_HERE
        return True

    async def _put(self, batch: SeenEvents) -> None:
        while True:
            try:
                self._waiting.put_nowait(batch)
            except queue.Full:
                self._room.clear()
                if self._waiting.full():
                    await self._room.wait()
            else:
                return


def _topics(desk: Desk, strategy: Strategy, symbol: str) -> Sequence[Topic]:
    """Return the topics that a strategy reads and the desk has."""
    if (played := desk.played) is not None:
        return sorted(topics_of(strategy, played, symbol))
    absent = desk.origin.absent
    return [topic for topic in strategy.topics(desk.venue, symbol) if topic.channel not in absent]


class RecordingInlet:
    """Events of a recording, from its beginning to its end, as fast as they are read.

    Args:
        recording: A recording, or a part of one.
        symbol: Symbol to trade.
        strategy: Strategy whose topics are read.
    """

    def __init__(self, recording: Recording, symbol: str, strategy: Strategy) -> None:
        self.instrument = recording.instruments[symbol]
        self.origin = recording.origin
        self._topics = topics_of(strategy, recording, symbol)
        self.channels: set[Channel] = {topic.channel for topic in self._topics}
        self.streams = {stream_name(topic) for topic in self._topics}
        self._part = recording.select(symbols={topic.symbol for topic in self._topics}, channels=self.channels)
        self.ended = ""
        self._closed = False

    def batches(self) -> Iterator[SeenEvents]:
        batch: SeenEvents = []
        for _, _, topic, event in self._part.events():
            if self._closed:
                return
            own = event_of(event, self.instrument.symbol) if topic in self._topics else None
            if own is not None:
                batch.append((stream_name(topic), own))
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
        self.ended = "the data have ended"

    def close(self) -> None:
        self._closed = True
