"""What the hub folds is on disk, and gives the same states back."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from orderfox_nb.clock import settle
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Gap, Status
from orderfox_nb.desk.recorder import KEY_S, SNAPSHOT_KEY_S
from orderfox_nb.recording.recording import open_recording
from orderfox_nb.recording.writer import Batch
from tests.desk.recorder_rig import BOOK, SECOND_US, TRADES, rig_at
from tests.desk.scripted import BTC, trade

pytestmark = pytest.mark.core


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


async def test_of_two_failures_the_one_of_writing_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the folder cannot be made, it is not there to be pruned either."""
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK):
        monkeypatch.setattr("orderfox_nb.recording.writer.Batch.write", _full)
        monkeypatch.setattr("orderfox_nb.desk.recorder.prune", _not_there)
        rig.begin()
        await rig.second()
        assert rig.recorder.status().problem == "recordings cannot be written: No space left on device"


def _not_there(*_: object, **__: object) -> int:
    raise OSError(2, "No such file or directory")


def _folders(root: Path) -> list[Path]:
    return list(root.iterdir())


def _full(*_: object, **__: object) -> int:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("epoch", "recordings"), [("run", 1), ("", 2)], ids=["named", "unnamed"])
async def test_only_a_venue_that_does_not_name_its_runs_has_another_one_where_its_clock_falls(
    tmp_path: Path, epoch: str, recordings: int
):
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK), rig.hub.watch(TRADES):
        rig.feed.epoch = epoch
        rig.begin()
        await rig.second()
        # An accelerated market on a machine that stood still: ours is estimated ahead of it by its speed.
        rig.clock.now -= 60 * SECOND_US
        await rig.second()
        rig.clock.now += 60 * SECOND_US
        await rig.second()
    folders = _folders(tmp_path)
    assert len(folders) == recordings
    for folder in folders:
        stamps = [event.stamp_us for event in open_recording(folder).events()]
        assert stamps == sorted(stamps)


async def test_a_recording_begins_with_its_first_event(tmp_path: Path):
    async with rig_at(tmp_path) as rig, rig.hub.watch(BOOK), rig.hub.watch(TRADES):
        for _ in range(3):
            # The venue is being started, and its clock is not known.
            await settle()
            await rig.recorder.flush()
        assert not _folders(tmp_path)
        rig.clock.now += 300 * SECOND_US
        started_us = rig.clock.now_us()
        rig.begin()
        await rig.second()
    recording = rig.recording()
    assert recording.start_us == started_us
    assert recording.info().gaps == 0
    assert {event.topic for event in recording.events()} == {BOOK, TRADES}


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
