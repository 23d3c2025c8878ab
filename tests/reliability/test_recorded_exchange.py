"""Every market of the embedded exchange, recorded and replayed: each fold of each second as it was live."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import whole_market
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.recording.recording import open_recording
from tests.reliability.rig import all_topics, on_quiet_loop, open_rig

pytestmark = pytest.mark.reliability

SYMBOLS = 24
SECONDS = 12


def test_each_second_of_24_markets_is_replayed_as_it_was(tmp_path: Path) -> None:
    seen, written = on_quiet_loop(watch(tmp_path))
    (folder,) = tmp_path.iterdir()
    recording = open_recording(folder)
    instruments = recording.instruments
    topics = seen[-1][1]
    assert len(topics) == 7 * SYMBOLS
    folds = {topic: fold_for(topic, instruments.get(topic.symbol) or whole_market(topic.venue)) for topic in topics}
    compared = 0
    waiting = iter(seen)
    seq, digests = next(waiting)
    for event in recording.events():
        while event.seq > seq:
            assert {topic: folds[topic].digest() for topic in topics} == digests
            compared += 1
            seq, digests = next(waiting)
        folds[event.topic].apply(event.event)
    assert compared == SECONDS - 1
    assert {topic: folds[topic].digest() for topic in topics} == digests
    assert seq == written == event.seq
    assert all(before[1] != behind[1] for before, behind in pairwise(seen))


async def watch(folder: Path) -> tuple[list[tuple[int, dict[Topic, str]]], int]:
    """Record all markets; return the digest of each fold at each second with the last event before it."""
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

    seen: list[tuple[int, dict[Topic, str]]] = []
    async with open_rig(symbols=SYMBOLS, recorder=make) as rig:
        symbols = [market.listing.symbol for market in rig.exchange.markets]
        states = await rig.open(*all_topics(rig, symbols))
        (recorder,) = recorders
        for _ in range(SECONDS):
            await rig.run(1)
            seen.append((recorder.status().events, {state.topic: state.fold.digest() for state in states}))
        await recorder.close()
        return seen, recorder.status().events
