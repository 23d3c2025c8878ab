"""A recording as a feed: played at a speed, paused, moved, joined late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock, SystemClock, settle
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Event, Status, Topic, Trade, is_restart
from orderfox_nb.desk.hub import Hub
from orderfox_nb.errors import NoPast, UnknownSymbol
from orderfox_nb.feeds.past import Span, read_past
from orderfox_nb.feeds.recorded import ENDS_HERE, RecordedFeed
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.reading import states_at
from tests.desk.scripted import BTC, VENUE
from tests.recording.made import BOOK, SECOND_US, START_US, TRADES, record

pytestmark = pytest.mark.feeds


async def read_on(feed: RecordedFeed, topic: Topic, until_s: float = 60.0) -> list[Event]:
    """Read a topic up to the end of the recording."""
    found: list[Event] = []
    async with asyncio.timeout(until_s), aclosing(feed.stream(topic)) as events:
        async for event in events:
            if isinstance(event, Status) and event.reason == "the recording ends here":
                return found
            found.append(event)
    return found


def folded(topic: Topic, events: list[Event]) -> str:
    fold = fold_for(topic, BTC)
    for event in events:
        fold.apply(event)
    return fold.digest()


async def test_a_recording_ends_with_the_state_that_was_recorded_last(tmp_path: Path):
    digests = record(tmp_path / "rec", 50)
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), speed=float("inf"))
    book, trades = await asyncio.gather(read_on(feed, BOOK), read_on(feed, TRADES))
    last = digests[max(digests)]
    assert folded(BOOK, book) == last[BOOK]
    assert folded(TRADES, trades) == last[TRADES]
    assert len(trades) == 252


async def test_it_plays_at_its_speed_and_a_late_reader_misses_nothing(tmp_path: Path):
    digests = record(tmp_path / "rec", 60)
    clock = ManualClock(1_800_000_000_000_000)
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), speed=2.0, clock=clock)
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(TRADES) as trades:
        await _reached(clock, feed, START_US + 30 * SECOND_US - 1)
        async with hub.watch(BOOK) as book:
            await _until(lambda: book.whole)
            await _reached(clock, feed, START_US + 40 * SECOND_US - 1)
            await _until(lambda: book.fold.digest() == digests[START_US + 40 * SECOND_US - 1][BOOK])
            assert trades.fold.digest() == digests[START_US + 40 * SECOND_US - 1][TRADES]
            assert START_US + 40 * SECOND_US - 1 <= hub.now_us() <= START_US + 40 * SECOND_US


async def test_a_move_restarts_every_reader_with_the_state_of_the_new_time(tmp_path: Path):
    digests = record(tmp_path / "rec", 60)
    clock = ManualClock(1_800_000_000_000_000)
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), start_us=START_US + 50 * SECOND_US - 1, clock=clock)
    feed.playhead.pause()
    restarts = 0

    def note(event: Event) -> None:
        nonlocal restarts
        restarts += is_restart(event)

    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(BOOK) as book, hub.watch(TRADES) as trades:
        trades.tap(note)
        epochs = {feed.origin.epoch}
        for second in (50, 7, 33, 21, 60, 1):
            at_us = START_US + second * SECOND_US - 1
            if second != 50:
                feed.playhead.seek(at_us)
            await _until(lambda at_us=at_us: book.fold.digest() == digests[at_us][BOOK])
            await _until(lambda at_us=at_us: trades.fold.digest() == digests[at_us][TRADES])
            assert hub.now_us() == at_us
            epochs.add(feed.origin.epoch)
        assert restarts == 5
        assert len(epochs) == 6
        feed.playhead.play()
        await _reached(clock, feed, START_US + 4 * SECOND_US - 1)
        await _until(lambda: book.fold.digest() == digests[START_US + 4 * SECOND_US - 1][BOOK])


async def test_feeds_of_two_venues_play_by_one_playhead(tmp_path: Path):
    """They have events at the same times, which are played one after the other in the order of time."""
    digests = record(tmp_path / "rec", 60)
    clock = ManualClock(1_800_000_000_000_000)
    at_us = START_US + 20 * SECOND_US - 1
    one = RecordedFeed(RecordingFiles(tmp_path / "rec"), start_us=at_us, clock=clock)
    two = RecordedFeed(RecordingFiles(tmp_path / "rec"), playhead=one.playhead)
    one.playhead.pause()
    async with (
        Hub(one, linger_s=0, clock=clock) as first,
        Hub(two, linger_s=0, clock=clock) as second,
        first.watch(TRADES) as trades,
        second.watch(BOOK) as book,
    ):

        async def shown(at_us: int) -> None:
            await _until(lambda: trades.fold.digest() == digests[at_us][TRADES])
            await _until(lambda: book.fold.digest() == digests[at_us][BOOK])
            assert first.now_us() == second.now_us()

        await shown(at_us)
        before = one.statistics()["events"] + two.statistics()["events"]
        times: list[int] = []
        for _ in range(12):
            await one.step(1, two)
            times.append(one.now_us())
        assert times == sorted(times)
        assert one.statistics()["events"] + two.statistics()["events"] == before + 12
        assert min(one.statistics()["events"], two.statistics()["events"]) > 0
        await one.step(-12, two)
        assert one.now_us() <= at_us
        await shown(at_us)
        one.playhead.seek(START_US + 40 * SECOND_US - 1)
        await shown(START_US + 40 * SECOND_US - 1)
        one.playhead.play()
        await _reached(clock, one, START_US + 43 * SECOND_US - 1)
        await shown(START_US + 43 * SECOND_US - 1)


async def test_a_feed_that_is_read_again_has_played_of_a_stepped_time_what_it_had(tmp_path: Path):
    """Two venues have events at one microsecond: a step plays one of them, and the other one is still to come."""
    record(tmp_path / "rec", 30)

    async def stepped(*, again: bool) -> list[tuple[str, str]]:
        """Return both folds after each step, with readers that leave and come back between the steps or stay."""
        at_us = START_US + 20 * SECOND_US - 1
        one = RecordedFeed(RecordingFiles(tmp_path / "rec"), start_us=at_us, clock=ManualClock())
        two = RecordedFeed(RecordingFiles(tmp_path / "rec"), playhead=one.playhead)
        one.playhead.pause()
        seen: list[tuple[str, str]] = []
        async with (
            Hub(one, linger_s=0, clock=ManualClock()) as first,
            Hub(two, linger_s=0, clock=ManualClock()) as second,
        ):
            while len(seen) < 8:
                async with first.watch(TRADES) as trades, second.watch(BOOK) as book:
                    for _ in range(1 if again else 8):
                        await _until(lambda trades=trades, book=book: trades.whole and book.whole)
                        events = one.statistics()["events"] + two.statistics()["events"]
                        await one.step(1, two)
                        assert one.statistics()["events"] + two.statistics()["events"] == events + 1
                        await settle()
                        seen.append((trades.fold.digest(), book.fold.digest()))
        return seen

    staying = await stepped(again=False)
    assert len(set(staying)) == 8
    # Which of the two is played first is open; after each second step both are.
    assert (await stepped(again=True))[1::2] == staying[1::2]


async def test_a_stream_that_is_opened_after_the_end_says_so(tmp_path: Path):
    record(tmp_path / "rec", 2)
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), speed=float("inf"))
    async with asyncio.timeout(60), aclosing(feed.stream(TRADES)) as staying:
        async for event in staying:
            if isinstance(event, Status) and event.reason == ENDS_HERE:
                break
        late = await read_on(feed, BOOK)
        assert folded(BOOK, late) == folded(BOOK, await read_on(RecordedFeed(feed.files, speed=float("inf")), BOOK))


def test_states_that_are_given_up_are_read_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A playhead that is dragged moves on before the states of its last place are read."""
    record(tmp_path / "rec", 50)
    files = RecordingFiles(tmp_path / "rec")
    read: list[int] = []
    lines = files.lines

    def noted(number: int) -> list[bytes]:
        read.append(number)
        return lines(number)

    monkeypatch.setattr(files, "lines", noted)
    at_us = START_US + 40 * SECOND_US - 1
    assert set(states_at(files, [BOOK, TRADES], at_us)) == {BOOK, TRADES}
    whole = len(read)
    read.clear()
    assert states_at(files, [BOOK, TRADES], at_us, given_up=lambda: True) == {}
    assert len(read) == 1 < whole


async def test_what_is_not_recorded_is_said(tmp_path: Path):
    record(tmp_path / "rec", 2)
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), clock=SystemClock())
    async with aclosing(feed.stream(Topic(VENUE, "BTCUSDT", "ticker"))) as events:
        first = await anext(events)
    assert isinstance(first, Status)
    assert (first.state, first.reason) == ("down", "not recorded at this time")
    with pytest.raises(UnknownSymbol):
        await anext(feed.stream(Topic(VENUE, "ETHUSDT", "book")))


async def _until(reached: Callable[[], bool]) -> None:
    """Let the replay work in its thread and on the loop until something holds."""
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110 - the state of a fold, which signals nothing in a test
            await asyncio.sleep(0)


async def _reached(clock: ManualClock, feed: RecordedFeed, time_us: int) -> None:
    """Move the clock until the playhead is at a time, never ahead of what was played."""
    while feed.now_us() < time_us:
        step_us = min(time_us - feed.now_us(), 200_000)
        await clock.advance(step_us / feed.playhead.speed / 1e6)
        await settle()


async def test_its_past_ends_at_the_playhead(tmp_path: Path):
    record(tmp_path / "rec", 60)
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), start_us=START_US + 30 * SECOND_US - 1, clock=ManualClock())
    feed.playhead.pause()
    page = await feed.page(TRADES, Span(limit=100))
    assert [getattr(event, "id", None) for event in page.events] == [str(number) for number in range(51, 151)]
    assert page.next is not None
    found, left = await read_past(feed, TRADES, Trade, Span(start_us=START_US))
    assert (len(found), left) == (151, None)
    feed.playhead.seek(START_US + 10 * SECOND_US - 1)
    assert [getattr(event, "id", None) for event in (await feed.page(TRADES, Span(limit=1))).events] == ["50"]
    with pytest.raises(NoPast):
        await feed.page(Topic(VENUE, "BTCUSDT", "candles", "1m"), Span())


async def test_it_plays_only_while_there_are_readers(tmp_path: Path):
    digests = record(tmp_path / "rec", 60)
    clock = ManualClock(1_800_000_000_000_000)
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), clock=clock)
    await clock.advance(3600)
    assert feed.now_us() == START_US
    async with Hub(feed, linger_s=0, clock=clock) as hub:
        for second in (10, 25):
            async with hub.watch(BOOK) as book:
                await _reached(clock, feed, START_US + second * SECOND_US - 1)
                await _until(
                    lambda book=book, at=second: book.fold.digest() == digests[START_US + at * SECOND_US - 1][BOOK]
                )
            stood_us = feed.now_us()
            await clock.advance(3600)
            assert feed.now_us() == stood_us


async def test_the_end_reaches_every_stream_while_the_queue_of_another_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    record(tmp_path / "rec", 2)
    whole = RecordedFeed(RecordingFiles(tmp_path / "rec"), speed=float("inf"))
    everything = await read_on(whole, TRADES)
    monkeypatch.setattr("orderfox_nb.feeds.recorded_stream.QUEUED", whole.statistics()["events"])
    feed = RecordedFeed(RecordingFiles(tmp_path / "rec"), speed=float("inf"))
    async with asyncio.timeout(30), aclosing(feed.stream(TRADES)) as standing:
        # Its reader stops here, and all that is played waits in its queue: not one place is left.
        found = [await anext(standing)]
        book = await read_on(feed, BOOK, until_s=20)
        assert folded(BOOK, book) == folded(BOOK, await read_on(RecordedFeed(feed.files, speed=float("inf")), BOOK))
        async for event in standing:
            if isinstance(event, Status) and event.reason == ENDS_HERE:
                break
            found.append(event)
    assert found == everything
