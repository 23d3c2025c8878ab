"""The embedded exchange under a recorder."""

from __future__ import annotations

from pathlib import Path

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.feeds.venue.feed import VenueFeed
from tests.reliability.rig import all_topics, open_rig


async def record_exchange(
    folder: Path, *, symbols: int, seconds: int
) -> tuple[list[tuple[int, dict[Topic, str]]], int]:
    """Record every channel of every market; return each fold's digest at each second with the last event before it."""
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
    async with open_rig(symbols=symbols, recorder=make) as rig:
        names = [market.listing.symbol for market in rig.exchange.markets]
        states = await rig.open(*all_topics(rig, names))
        (recorder,) = recorders
        for _ in range(seconds):
            await rig.run(1)
            seen.append((recorder.status().events, {state.topic: state.fold.digest() for state in states}))
        await recorder.close()
        return seen, recorder.status().events
