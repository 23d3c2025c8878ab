"""What the hub folds is on disk, and gives the same states back."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Gap, Status, Topic
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.recorder import KEY_S, SNAPSHOT_KEY_S, Recorder
from orderfox_nb.recording.journal import SUFFIX
from orderfox_nb.recording.recording import Recording, open_recording
from orderfox_nb.recording.writer import Batch
from tests.desk.scripted import BTC, VENUE, ScriptedFeed, delta, live, snapshot, trade

pytestmark = pytest.mark.core

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


async def test_the_state_of_every_second_is_the_one_that_was_live(tmp_path: Path):
    seen: list[tuple[int, str, str]] = []
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK) as book, rig.hub.watch(TRADES) as trades:
        rig.begin()
        for _ in range(int(KEY_S) + 70):
            await rig.second()
            seen.append((rig.clock.now_us() - SECOND_US, book.fold.digest(), trades.fold.digest()))
    recording = rig.recording()
    for stamp_us, of_book, of_trades in seen[::7]:
        for topic, digest in ((BOOK, of_book), (TRADES, of_trades)):
            state = recording.state(topic, stamp_us)
            assert state is not None
            assert state.fold.digest() == digest
            assert state.whole
            again = fold_for(topic, BTC)
            for event in state.prelude():
                again.apply(event)
            assert again.digest() == digest
    last = {BOOK: fold_for(BOOK, BTC), TRADES: fold_for(TRADES, BTC)}
    sequences = []
    *events, end_of_book, end_of_trades = recording.events()
    assert all(isinstance(end.event, Status) for end in (end_of_book, end_of_trades))
    for event in events:
        last[event.topic].apply(event.event)
        sequences.append(event.seq)
    assert [fold.digest() for fold in last.values()] == list(seen[-1][1:])
    assert sequences == list(range(1, len(sequences) + 1))


async def test_a_part_opens_with_the_state_of_its_beginning(tmp_path: Path):
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK):
        rig.begin()
        start_us = rig.clock.now_us()
        for _ in range(20):
            await rig.second()
    recording = rig.recording()
    part = recording.between(start_us + 7 * SECOND_US, start_us + 12 * SECOND_US)
    fold = fold_for(BOOK, BTC)
    for event in part.events():
        fold.apply(event.event)
    state = recording.state(BOOK, start_us + 12 * SECOND_US - 1)
    assert state is not None
    assert fold.digest() == state.fold.digest()
    assert part.info().events == {"book": 25}
    assert part.info().digest != recording.info().digest
    assert part.info().digest == part.select(channels=["book"]).info().digest


async def test_a_topic_that_is_read_again_is_a_gap_and_then_right(tmp_path: Path):
    async with rig_at(tmp_path) as rig:
        for _ in range(2):
            async with rig.hub.watch(BOOK) as book:
                rig.begin()
                await rig.second()
                digest = book.fold.digest()
            await rig.recorder.flush()
        end_us = rig.clock.now_us()
    events = [event.event for event in rig.recording().events()]
    gaps = [event for event in events if isinstance(event, Gap)]
    assert [gap.reason for gap in gaps] == ["not recorded: nobody read it up to here"]
    state = rig.recording().state(BOOK, end_us)
    assert state is not None
    assert state.fold.digest() == digest
    assert not state.open


async def test_a_damaged_second_is_a_gap_that_ends_with_the_next_keyframe(tmp_path: Path):
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK) as book, rig.hub.watch(TRADES):
        rig.begin()
        start_us = rig.clock.now_us()
        for _ in range(int(SNAPSHOT_KEY_S) + 20):
            await rig.second()
        digest = book.fold.digest()
    recording = rig.recording()
    path, head = recording.files.blocks[10]
    data = bytearray(path.read_bytes())
    data[head.body + 20] ^= 1
    path.write_bytes(data)
    recording = rig.recording()
    fold = fold_for(BOOK, BTC)
    synced = []
    for event in recording.events():
        if event.topic == BOOK:
            fold.apply(event.event)
            synced.append((event.stamp_us, fold.synced))  # type: ignore[attr-defined]
    assert fold.digest() == digest
    lost = [(stamp_us - start_us) // SECOND_US for stamp_us, is_synced in synced if not is_synced]
    assert min(lost) <= 10 <= max(lost) <= SNAPSHOT_KEY_S
    assert recording.info().gaps == 2
    during = recording.state(BOOK, start_us + 20 * SECOND_US)
    assert during is not None
    assert not during.fold.synced  # type: ignore[attr-defined]
    after = recording.state(BOOK, start_us + 70 * SECOND_US)
    assert after is not None
    assert after.fold.synced  # type: ignore[attr-defined]


async def test_a_full_disk_stops_the_recorder_alone_and_it_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK) as book:
        rig.begin()
        await rig.second()
        folder = rig.recording().path
        monkeypatch.setattr("orderfox_nb.recording.writer.Batch.write", _full)
        await rig.second()
        assert rig.recorder.status().state == "stopped"
        assert "No space left" in rig.recorder.status().problem
        await rig.second()
        assert book.whole
        monkeypatch.undo()
        rig.clock.now += 61 * SECOND_US
        await rig.second()
        assert rig.recorder.status().state == "recording"
        digest = book.fold.digest()
    again = rig.recording(besides=folder)
    fold = fold_for(BOOK, BTC)
    for event in again.events():
        fold.apply(event.event)
    assert fold.digest() == digest
    assert any(isinstance(event.event, Status) for event in again.events())


def _full(*_: object, **__: object) -> int:
    raise OSError(28, "No space left on device")


async def test_what_is_left_is_written_behind_a_write_that_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started, released = threading.Event(), threading.Event()
    write = Batch.write

    def slow(batch: Batch) -> int:
        if batch.number == 1:
            started.set()
            assert released.wait(30)
        return write(batch)

    monkeypatch.setattr(Batch, "write", slow)
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK):
        rig.begin()
        await rig.second()
        flushing = asyncio.create_task(rig.second())
        await asyncio.to_thread(started.wait, 30)
        rig.feed.put(TRADES, trade(1, 1))
        closing = asyncio.create_task(rig.recorder.close())
        await settle()
        assert not closing.done()
        released.set()
        await asyncio.gather(flushing, closing)
    numbers = [block.head.number for block in rig.recording().files.blocks]
    assert numbers == sorted(numbers)


async def test_an_event_that_cannot_be_recorded_is_folded_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK) as book:
        rig.begin()
        await rig.second()
        folded = book.sequence

        def fail(*_: object) -> bytes:
            raise TypeError("no JSON")

        monkeypatch.setattr("orderfox_nb.recording.writer.encode_event", fail)
        await rig.second()
        assert book.sequence == folded + 5
        assert book.whole
        assert rig.recorder.status().state == "stopped"


async def test_the_oldest_files_are_deleted_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orderfox_nb.recording.writer.MAX_FILE_US", 20 * SECOND_US)
    async with rig_at(tmp_path, max_bytes=20_000) as rig, rig.hub.watch(BOOK) as book:
        rig.begin()
        for _ in range(300):
            await rig.second()
        written = rig.recorder.status().events
        assert 10_000 < sum(rig.sizes()) < 30_000
        assert rig.recorder.status().bytes <= 20_000
        digest = book.fold.digest()
    recording = rig.recording()
    assert sum(recording.info().events.values()) < written
    state = recording.state(BOOK)
    assert state is not None
    assert state.fold.digest() == digest


async def test_nothing_is_written_where_recording_is_off(tmp_path: Path):
    async with rig_at(tmp_path, max_bytes=0) as rig, rig.hub.watch(BOOK):
        rig.begin()
        await settle()
        await rig.recorder.flush()
        assert rig.recorder.status().state == "off"
    assert rig.sizes() == []
