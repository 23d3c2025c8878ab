"""A page in the past: what it is sent, and that nothing else notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Gap, Topic
from orderfox_nb.core.wire import ServerMessage
from orderfox_nb.desk import frames
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.rewinding import IDLE_US
from orderfox_nb.desk.session import LiveSession
from tests.desk.scripted import VENUE, ScriptedFeed, live, trade

pytestmark = pytest.mark.core

START_US = 1_700_000_000_000_000
SECOND_US = 1_000_000
BOOK = Topic(VENUE, "BTCUSDT", "book")
TRADES = Topic(VENUE, "BTCUSDT", "trades")
KEY = f"{VENUE}/BTCUSDT/trades?rows=50"
EVENTS = f"{VENUE}/BTCUSDT/events?channel=trades"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the state of a time however long that takes: the clock here is faster than the thread that reads."""
    monkeypatch.setattr(frames, "MOVE_S", 1e6)


class RewoundPage:
    """A session with what it sent last of each type, and the newest frame of its key."""

    def __init__(self, desks: Desks) -> None:
        self.session = LiveSession(desks, self.send)
        self.last: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}
        self.trades: list[int] = []
        """Numbers of the trades that the page shows, as its frames have them."""
        self.events: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.running = asyncio.create_task(self.session.run(greet=True))

    async def send(self, texts: Sequence[bytes]) -> None:
        for text in texts:
            msgspec.json.decode(text, type=ServerMessage)
            message = json.loads(text)
            kind = message["type"]
            self.last[kind] = message
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if kind == "event":
                self.events.append(message["event"])
            if kind == "frame":
                self.frames.append(message)
                new = message["trades"][0]
                self.trades = new if message["base"] is None else [*self.trades, *new]

    async def say(self, **message: object) -> None:
        await self.session.handle(message)


class RecordedMarketRig:
    """A recording desk over a scripted feed that trades once a second; the number of a trade is its second."""

    def __init__(self, desks: Desks, feed: ScriptedFeed) -> None:
        self.desks, self.feed = desks, feed
        self.seconds = 0
        self.first_us = 0
        """When the trade of second 0 came."""
        self.pages: list[RewoundPage] = []

    def ms(self, second: float) -> int:
        """Return the time of a second in milliseconds."""
        return (self.first_us + round(second * SECOND_US)) // 1000

    def page(self) -> RewoundPage:
        self.pages.append(RewoundPage(self.desks))
        return self.pages[-1]

    async def second(self) -> None:
        self.seconds += 1
        await self.feed.clock.advance(1)
        now_us = self.feed.now_us()
        self.feed.put(TRADES, trade(now_us, self.seconds, price=50_000 + self.seconds))

    async def record(self, seconds: int) -> None:
        """Let the market go on, until it is on disk."""
        for _ in range(seconds):
            await self.second()
        await self.until(lambda: self.desks.first.recorder.status().events >= self.seconds)
        await self.desks.first.recorder.flush()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until something is so: a tenth of a second at a time, with nothing traded."""
        async with asyncio.timeout(60):
            while not condition():
                await self.feed.clock.advance(0.1)
                await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(tmp_path: Path, recording: str = "1", *, linger_s: float = 0) -> AsyncIterator[RecordedMarketRig]:
    feed = ScriptedFeed(ManualClock(START_US))
    settings = load_settings(data_dir=tmp_path, ORDERFOX_RECORDING=recording)
    async with Desks([feed], settings, feed.clock, linger_s=linger_s) as desks:
        rig = RecordedMarketRig(desks, feed)
        yield rig
        for page in rig.pages:
            page.running.cancel()
            await asyncio.wait({page.running})
        await feed.clock.advance(linger_s + 1)
        assert feed.opened == feed.closed, "a stream outlived its session"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def trading(rig: RecordedMarketRig, seconds: int) -> RewoundPage:
    """Return a page that reads trades, of which so many seconds are recorded."""
    page = rig.page()
    await page.say(type="subscribe", key=KEY)
    await rig.until(lambda: TRADES in rig.feed.opened)
    rig.first_us = rig.feed.now_us()
    rig.feed.put(TRADES, trade(rig.first_us, 0), live(rig.first_us))
    await rig.record(seconds)
    return page


async def test_a_page_in_the_past_sees_that_time_alone_and_returns_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 30)
        other = rig.page()
        await other.say(type="subscribe", key=KEY)
        await page.say(type="rewind", time=rig.ms(10.5), playing=False)
        head = page.last["playhead"]
        assert (head["time"], head["speed"], head["playing"]) == (rig.ms(10.5), 1.0, False)
        assert head["start"] < rig.ms(1)
        assert rig.ms(28) <= head["end"] <= head["live"]
        await rig.until(lambda: page.trades[-1:] == [10])
        origin = page.last["status"]["origin"]
        assert (origin["recorded"], origin["source"]) == (True, VENUE)
        assert page.last["frame"]["time"] == rig.ms(10.5)
        # The market goes on for everybody else, and into the recording.
        await rig.record(3)
        await rig.until(lambda: other.trades[-1:] == [33])
        assert page.trades[-1] == 10
        assert "playhead" not in other.last
        assert not other.last["hello"]["origin"]["recorded"]
        await page.say(type="live")
        assert page.last["playhead"]["time"] is None
        await rig.until(lambda: page.trades[-1:] == [33])
        assert page.last["frame"]["time"] >= rig.ms(33)
        assert page.last["status"]["origin"]["recorded"] is False
        assert rig.feed.opened == {TRADES: 1}, "the venue was asked again"


async def test_a_move_sends_a_whole_frame_of_its_time_and_nothing_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 30)
        await page.say(type="rewind", time=rig.ms(10.5), playing=False)
        await rig.until(lambda: page.trades[-1:] == [10])
        for second in (12, 20, 5, 25):
            # What changes beside must not send what is there still with the new time.
            page.frames.clear()
            await page.say(type="rewind", time=rig.ms(second + 0.5), playing=False)
            await page.say(type="resume", key=KEY)
            await rig.until(lambda: bool(page.frames))
            frame = page.frames[0]
            assert (frame["time"], frame["base"]) == (rig.ms(second + 0.5), None)
            assert frame["trades"][0] == list(range(second + 1))
            assert frame["quality"]["state"] == "live"


async def test_a_move_right_behind_a_frame_waits_for_no_tick(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 30)
        await page.say(type="rewind", time=rig.ms(10.5), playing=False)
        await rig.until(lambda: page.trades[-1:] == [10])
        for second in (12, 20, 5, 25):
            page.frames.clear()
            await page.say(type="rewind", time=rig.ms(second + 0.5), playing=False)
            async with asyncio.timeout(60):
                # The clock stands: only the thread that reads takes time.
                while not page.frames:  # noqa: ASYNC110 - a session has nothing to wait for
                    await asyncio.sleep(0.005)
            assert page.frames[0]["base"] is None
            assert page.trades == list(range(second + 1))


async def test_the_recording_goes_on_while_the_only_page_is_in_the_past(tmp_path: Path) -> None:
    async with opened(tmp_path, linger_s=5) as rig:
        page = await trading(rig, 10)
        await page.say(type="rewind", time=rig.ms(5), playing=False)
        await rig.record(20)
        await page.say(type="rewind", time=rig.ms(25.5))
        await rig.until(lambda: page.trades[-1:] == [25])
        assert rig.feed.opened == {TRADES: 1}


async def test_it_plays_at_its_speed_and_goes_on_with_what_is_recorded_meanwhile(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 30)
        rig.page()
        await rig.pages[1].say(type="subscribe", key=KEY)
        await page.say(type="rewind", time=rig.ms(5), speed=10)
        await rig.until(lambda: page.trades[-1:] >= [25])
        await page.say(type="rewind", speed=2)
        assert page.last["playhead"]["speed"] == 2
        # It reaches what is being recorded, and follows it.
        for _ in range(10):
            await rig.record(1)
        await rig.until(lambda: page.trades[-1:] == [40])
        head = page.last["playhead"]
        assert head["time"] <= head["end"]
        assert page.trades == sorted(page.trades)


async def test_the_strip_is_drawn_from_what_was_recorded_now_and_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        page = await trading(first, 20)
        await page.say(type="request", id=1, what="strip", symbol="btc")
        await first.until(lambda: page.last.get("response", {}).get("id") == 1)
        strip = page.last["response"]["data"]
        assert sum(strip["volume"]) == 21 * 0.5
        assert (min(strip["low"]), max(strip["high"])) == (50_000, 50_020)
        assert first.ms(0) <= strip["start"] < first.ms(1)
        assert strip["gaps"] == []
    feed = ScriptedFeed(ManualClock(START_US + 100 * SECOND_US))
    settings = load_settings(data_dir=tmp_path, ORDERFOX_RECORDING="1")
    async with Desks([feed], settings, feed.clock, linger_s=0) as desks:
        columns = desks.first.strip.columns
        rig = RecordedMarketRig(desks, feed)
        await rig.until(lambda: bool(columns("BTCUSDT", None, None).time))
        assert columns("BTCUSDT", None, None).volume == strip["volume"]


async def test_the_default_is_ten_minutes_ago_bounded_to_what_is_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 5)
        await page.say(type="rewind", playing=False)
        head = page.last["playhead"]
        assert head["time"] == head["start"]


async def test_it_steps_by_event_forwards_and_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 20)
        await page.say(type="rewind", time=rig.ms(9.5), playing=False)
        await rig.until(lambda: page.trades[-1:] == [9])
        for by, expected in ((1, 10), (3, 13), (-1, 12), (-5, 7), (1, 8)):
            asked = asyncio.create_task(page.say(type="step", by=by))
            await rig.until(asked.done)
            await rig.until(lambda expected=expected: page.trades[-1:] == [expected])
            assert page.last["playhead"]["playing"] is False
        await page.say(type="step", by=0)
        assert "by" in page.last["error"]["message"]


async def test_it_skips_to_large_trades_and_gaps(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 20)
        now_us = rig.feed.now_us()
        rig.feed.put(TRADES, trade(now_us, 21, price=50_000.0, size=100.0))
        rig.feed.put(TRADES, Gap(symbol="BTCUSDT", time_us=now_us, reason="lost"))
        await rig.record(1)
        await rig.record(3)
        await page.say(type="rewind", time=rig.ms(5.5), playing=False)
        await rig.until(lambda: page.trades[-1:] == [5])
        await page.say(type="skip", to="trade")
        await rig.until(lambda: page.trades[-1:] == [21])
        large_ms = page.last["playhead"]["time"]
        assert 0 <= large_ms - now_us // 1000 < 1000
        await page.say(type="skip", to="trade")
        assert "no later large trade" in page.last["error"]["message"]
        await page.say(type="rewind", time=rig.ms(23.5))
        await page.say(type="skip", to="trade", back=True)
        assert page.last["playhead"]["time"] == large_ms
        await page.say(type="rewind", time=rig.ms(5))
        await page.say(type="skip", to="gap")
        assert page.last["playhead"]["time"] == large_ms
        await page.say(type="skip", to="liquidation")
        assert "no later liquidation" in page.last["error"]["message"]


async def test_events_are_those_of_the_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 20)
        await page.say(type="subscribe", key=EVENTS)
        await rig.until(lambda: bool(page.events))
        await page.say(type="rewind", time=rig.ms(5.5), playing=False)

        def moved() -> list[dict[str, Any]]:
            kinds = [event["type"] for event in page.events]
            return page.events[kinds.index("Gap") :] if "Gap" in kinds else []

        await rig.until(lambda: any(event["type"] == "Status" for event in moved()))
        found = moved()
        assert found[0]["restart"] is True
        assert [event["sequence"] for event in found if event["type"] == "Trade"] == [0, 1, 2, 3, 4, 5]


async def test_a_playhead_that_stands_idle_ends(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        page = await trading(rig, 5)
        await page.say(type="rewind", time=rig.ms(2), playing=False)
        await rig.feed.clock.advance(IDLE_US / 1e6 + 1)
        await rig.until(lambda: page.last["playhead"]["time"] is None)
        assert "live again" in page.last["error"]["message"]


@pytest.mark.parametrize(
    ("recording", "why"),
    [("off", "ORDERFOX_RECORDING is off"), ("1", "nothing is recorded yet")],
)
async def test_a_page_stays_live_where_nothing_is_recorded(tmp_path: Path, recording: str, why: str) -> None:
    async with opened(tmp_path, recording) as rig:
        page = rig.page()
        await page.say(type="rewind")
        assert why in page.last["error"]["message"]
        await page.say(type="step", by=1)
        assert "live" in page.last["error"]["message"]
        assert "playhead" not in page.last


async def test_a_rewind_reaches_the_recording_before_a_restart_of_the_server(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        await trading(first, 20)
    feed = ScriptedFeed(ManualClock(START_US + 100 * SECOND_US))
    async with Desks([feed], load_settings(data_dir=tmp_path, ORDERFOX_RECORDING="1"), feed.clock, linger_s=0) as desks:
        rig = RecordedMarketRig(desks, feed)
        rig.seconds, rig.first_us = 100, first.first_us
        page = rig.page()
        await page.say(type="subscribe", key=KEY)
        feed.put(TRADES, live(feed.now_us()))
        await rig.until(lambda: desks.first.recorder.status().events > 0)
        for _ in range(5):
            await rig.second()
        await rig.until(lambda: desks.first.recorder.status().events > 5)
        await page.say(type="rewind", time=rig.ms(15.5), playing=False)
        await rig.until(lambda: page.trades[-1:] == [15])
        # Where it ends the next one goes on.
        await page.say(type="rewind", time=rig.ms(19), playing=True, speed="max")
        await rig.until(lambda: page.trades[-1:] == [105])
        assert page.last["playhead"]["speed"] == "max"
        page.running.cancel()
        await asyncio.wait({page.running})
