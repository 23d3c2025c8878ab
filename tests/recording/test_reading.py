"""Events of a recording: the same however they are read, from any moment on, and whatever another version wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Gap, Topic
from orderfox_nb.errors import BadValue, RecordingError
from orderfox_nb.recording.entries import JournalRecord, entries
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.journal import encode_block
from orderfox_nb.recording.recording import RecordedEvent, open_recording
from tests.desk.scripted import BTC
from tests.recording.made import BOOK, SECOND_US, START_US, TRADES, record

pytestmark = pytest.mark.core

SECONDS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings") / "minute"
    record(folder, SECONDS)
    return folder


def digest_of(events: list[RecordedEvent], topic: Topic) -> str:
    fold = fold_for(topic, BTC)
    for event in events:
        if event.topic == topic:
            fold.apply(event.event)
    return fold.digest()


def test_events_are_the_same_one_topic_at_a_time(folder: Path):
    """Blocks of which everything is read are decoded at once, others line by line."""
    whole = open_recording(folder)
    book, trades = (list(whole.select(channels=[channel]).events()) for channel in ("book", "trades"))
    assert sorted([*book, *trades], key=lambda event: event.seq) == list(whole.events())
    assert len(book) > 5 * SECONDS < len(trades)


@pytest.mark.parametrize("chosen", [{0}, {1}])
def test_blocks_are_read_alike_whether_their_topics_may_change_or_not(folder: Path, chosen: set[int]):
    files = RecordingFiles(folder)
    # Another stretch that is read from the middle, where a keyframe stands among the events.
    for first, last in ((0, None), (15, 45)):
        by_line = list(entries(files, first, last, indexes=chosen))
        assert by_line == list(entries(files, first, last, indexes=frozenset(chosen)))
        assert {"event", "keyframe", "state"} <= {one.kind for one in by_line if isinstance(one, JournalRecord)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(st.integers(0, SECONDS * SECOND_US - 1))
def test_folds_are_right_from_any_moment_on(folder: Path, after_us: int):
    recording = open_recording(folder)
    found = list(recording.seek(START_US + after_us))
    assert all(event.stamp_us >= START_US + after_us for event in found)
    whole = list(recording.events())
    for topic in (BOOK, TRADES):
        assert digest_of(found, topic) == digest_of(whole, topic)
    live = [event for event in whole if event.stamp_us >= START_US + after_us]
    assert found[len(found) - len(live) :] == live


def test_a_moment_that_is_not_recorded_is_refused(folder: Path):
    recording = open_recording(folder)
    for moment in (START_US - SECOND_US, recording.end_us, "2030-01-01"):
        with pytest.raises(BadValue, match="2023-11-14 22:13:20 to 2023-11-14 22:14:20 UTC"):
            recording.seek(moment)
    with pytest.raises(BadValue, match="start"):
        recording.between("2030-01-01")


def test_an_event_of_another_version_is_a_gap_until_the_next_keyframe(folder: Path, tmp_path: Path):
    """A checksum says that the block is whole, not that this version knows every kind of event."""
    copy = tmp_path / "copy"
    record(copy, SECONDS)
    files = RecordingFiles(copy)
    # The second at 25 s; keyframes are at 19 s and 39 s.
    block = files.blocks[25]
    lines = [line.replace(b'"type":"BookDelta"', b'"type":"BookUpdate"') for line in files.lines(25)]
    whole = block.path.read_bytes()
    changed = encode_block(lines, number=block.head.number, stamp_us=block.head.stamp_us, keys=block.head.keys)
    block.path.write_bytes(whole[: block.head.offset] + changed + whole[block.head.end :])
    recording = open_recording(copy)
    events = [event for event in recording.events() if event.topic == BOOK]
    gaps = [event.event for event in events if isinstance(event.event, Gap)]
    assert len(gaps) == 5
    assert "cannot read" in gaps[0].reason
    assert list(recording.select(channels=["trades"]).events()) == list(
        open_recording(folder).select(channels=["trades"]).events()
    )
    for second, same in ((24, True), (30, False), (45, True)):
        one, other = (each.state(BOOK, START_US + second * SECOND_US) for each in (recording, open_recording(folder)))
        assert one is not None
        assert other is not None
        assert (one.fold.digest() == other.fold.digest()) is same
    assert digest_of(events, BOOK) == digest_of(list(open_recording(folder).events()), BOOK)
    assert digest_of(list(recording.seek(START_US + 45 * SECOND_US)), BOOK) == digest_of(events, BOOK)


def test_a_journal_of_another_schema_is_refused_in_one_line(folder: Path, tmp_path: Path):
    files = RecordingFiles(folder)
    first = files.lines(0)
    for number, (was, becomes, expected) in enumerate(
        [
            (b'"version":1', b'"version":2', "schema 1, found 2"),
            (b'"venue":', b'"market":', "a journal that this version reads"),
            (b'"tick_size"', b'"tick"', "a journal that this version reads"),
        ]
    ):
        assert any(was in line for line in first), was
        lines = [line.replace(was, becomes) for line in first]
        other = tmp_path / str(number)
        other.mkdir()
        (other / "000000.ofj").write_bytes(encode_block(lines, number=0, stamp_us=START_US, declares=True))
        with pytest.raises(RecordingError, match=expected):
            open_recording(other)
