"""A recorder over a scripted feed, a second at a time."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.recording.journal import SUFFIX
from orderfox_nb.recording.recording import Recording, open_recording
from tests.desk.scripted import VENUE, ScriptedFeed, delta, live, snapshot, trade

BOOK = Topic(VENUE, "BTCUSDT", "book")
TRADES = Topic(VENUE, "BTCUSDT", "trades")
SECOND_US = 1_000_000


class StandingClock(ManualClock):
    """Stands until a test moves it, and wakes no task: the tests decide when to write."""

    def __init__(self) -> None:
        super().__init__()
        self.now = super().now_us()

    def now_us(self) -> int:
        return self.now


class RecordedHub:
    """A hub over a scripted feed, with a recorder that writes on request."""

    def __init__(self, folder: Path, *, max_bytes: int = 1_000_000_000) -> None:
        self.folder = folder
        self.clock = StandingClock()
        self.feed = ScriptedFeed(self.clock)
        self.recorder = Recorder(
            folder,
            self.clock,
            now_us=self.feed.now_us,
            origin=lambda: self.feed.origin,
            max_bytes=max_bytes,
            max_age_s=86_400,
            software="test",
        )
        self.hub = Hub(
            self.feed, linger_s=0, clock=self.clock, opened=self.recorder.opened, closed=self.recorder.closed
        )
        self._update = 100
        self._trade = 0
        self._random = random.Random(5)

    def begin(self) -> None:
        now_us = self.clock.now_us()
        self._update = 100
        self.feed.put(BOOK, snapshot(now_us, [(99.0, 1.0), (98.0, 2.0)], [(101.0, 2.0), (102.0, 1.0)]), live(now_us))
        self.feed.put(TRADES, trade(now_us, self._trade), live(now_us))

    async def second(self) -> None:
        """Let a second of market pass, and write it."""
        now_us = self.clock.now_us()
        for _ in range(5):
            self._update += 1
            self._trade += 1
            price = 90.0 + self._random.randrange(90) / 10
            self.feed.put(BOOK, delta(now_us, self._update, [(price, self._random.randrange(4) / 1)], []))
            self.feed.put(TRADES, trade(now_us, self._trade, price=price))
        await settle()
        await self.recorder.flush()
        self.clock.now += SECOND_US

    def recording(self, besides: Path | None = None) -> Recording:
        (folder,) = [path for path in self.folder.iterdir() if path != besides]
        return open_recording(folder)

    def sizes(self) -> list[int]:
        return [path.stat().st_size for path in self.folder.rglob(f"*{SUFFIX}")]


@asynccontextmanager
async def rig_at(folder: Path, **options: int) -> AsyncGenerator[RecordedHub]:
    rig = RecordedHub(folder, **options)
    async with rig.hub:
        try:
            yield rig
        finally:
            await rig.recorder.close()
