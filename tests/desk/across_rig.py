"""Two venues that a test plays by hand, for views over both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.frame_reader import FrameReader
from tests.desk.scripted import ScriptedFeed, delta, live, snapshot
from tests.desk.test_frames import START_US

MARKETS = "scripted:BTCUSDT,other:BTCUSDT"
BOOK_KEY = f"*/{MARKETS}/book?rounding=0.1&rows=10"


class OtherFeed(ScriptedFeed):
    """A second venue."""

    venue = "other"
    absent: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        return Origin(source="other", venue="other", absent=self.absent, unverified=self.unverified)


@dataclass
class Venues:
    """Two venues that a test plays by hand, on one clock."""

    clock: ManualClock
    one: ScriptedFeed
    other: OtherFeed
    desks: Desks
    last_ids: dict[str, int] = field(default_factory=dict[str, int])

    def put_books(self) -> None:
        """Scripted at 49,999.9 / 50,000.1, other at 50,000.0 / 50,000.2."""
        self.put_book(self.one, 49_999.9, 50_000.1)
        self.put_book(self.other, 50_000.0, 50_000.2)

    def put_book(self, feed: ScriptedFeed, bid: float, ask: float) -> None:
        topic = Topic(feed.venue, "BTCUSDT", "book")
        now = self.clock.now_us()
        self.last_ids[feed.venue] = 100
        feed.put(topic, snapshot(now, [(bid, 2.0)], [(ask, 3.0)]), live(now))

    def change(self, feed: ScriptedFeed, size: float) -> None:
        """Change the size of a far bid: the book is heard of."""
        topic = Topic(feed.venue, "BTCUSDT", "book")
        self.last_ids[feed.venue] += 1
        feed.put(topic, delta(self.clock.now_us(), self.last_ids[feed.venue], [(49_000.0, size)], []))

    async def opened(self, channel: str, *feeds: ScriptedFeed) -> None:
        """Wait until the venues are read: their lists come from files, which no clock of a test moves."""
        wanted = [Topic(feed.venue, "BTCUSDT", channel) for feed in feeds or (self.one, self.other)]
        async with asyncio.timeout(60):
            while {*wanted} - {*self.one.opened, *self.other.opened}:
                await settle()

    async def next(self, reader: FrameReader) -> dict[str, Any]:
        """Return the newest frame, once time has passed for it."""
        await settle()
        frame = None
        while (newest := reader.next_frame()) is not None:
            frame = newest
        while frame is None:
            await self.clock.advance(0.1)
            frame = reader.next_frame()
        return json.loads(frame.text)


@asynccontextmanager
async def venues(tmp_path: Path, *, absent: tuple[str, ...] = ()) -> AsyncIterator[Venues]:
    clock = ManualClock(START_US)
    one, other = ScriptedFeed(clock), OtherFeed(clock)
    other.absent = absent
    async with Desks([one, other], load_settings(data_dir=tmp_path), clock, linger_s=0) as desks:
        yield Venues(clock, one, other, desks)
    await settle()
    assert (one.opened, other.opened) == (one.closed, other.closed), "a stream outlived its readers"
    assert asyncio.all_tasks() == {asyncio.current_task()}


def dropped(frame: Mapping[str, Any]) -> dict[str, str]:
    return {member["venue"]: member["dropped"] for member in frame["members"]}
