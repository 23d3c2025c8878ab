"""The embedded exchange under a recorder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import whole_market
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.recording.recording import open_recording
from tests.reliability.rig import all_topics, open_rig

Seconds = list[tuple[int, dict[Topic, str]]]
"""Each fold's digest at the end of each second, with the number of the last event before it."""


async def record_exchange(folder: Path, *, symbols: int, seconds: int) -> tuple[Seconds, int]:
    """Record every channel of every market; return the live folds of each second, and how many events were written."""
    recorders: list[Recorder] = []

    def make(clock: ManualClock, feed: VenueFeed) -> Recorder:
        recorder = Recorder(
            folder,
            clock,
            now_us=feed.now_us,
            origin=lambda: feed.origin,
            max_bytes=1 << 40,
            max_age_s=1e9,
            software="test",
        )
        recorders.append(recorder)
        return recorder

    seen: Seconds = []
    async with open_rig(symbols=symbols, recorder=make) as rig:
        names = [market.listing.symbol for market in rig.exchange.markets]
        states = await rig.open(*all_topics(rig, names))
        (recorder,) = recorders
        for _ in range(seconds):
            await rig.run(1)
            seen.append((recorder.status().events, {state.topic: state.fold.digest() for state in states}))
        await recorder.close()
        return seen, recorder.status().events


def replayed_seconds(folder: Path, seen: Seconds) -> Iterator[tuple[dict[Topic, str], dict[Topic, str]]]:
    """Replay a recording, and yield for each second the digests of the replayed folds and those of the live ones."""
    recording = open_recording(folder)
    instruments = recording.instruments
    topics = seen[-1][1]
    folds = {topic: fold_for(topic, instruments.get(topic.symbol) or whole_market(topic.venue)) for topic in topics}
    digests = {topic: fold.digest() for topic, fold in folds.items()}
    changed: set[Topic] = set()

    def now() -> dict[Topic, str]:
        digests.update({topic: folds[topic].digest() for topic in changed})
        changed.clear()
        return dict(digests)

    waiting = iter(seen)
    seq, live = next(waiting)
    for event in recording.events():
        while event.seq > seq:
            yield now(), live
            seq, live = next(waiting)
        folds[event.topic].apply(event.event)
        changed.add(event.topic)
    yield now(), live
    # Seconds without an event.
    yield from ((now(), live) for _, live in waiting)
