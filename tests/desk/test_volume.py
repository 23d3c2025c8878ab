from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.events import Gap, Topic
from orderfox_nb.core.timeframes import DAY_US
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Listing
from tests.desk.scripted import VENUE, ScriptedFeed, live
from tests.desk.test_frames import BARS, LIQUIDATIONS, MINUTE_US, START_US, bar, desk_of, liquidation, next_json

pytestmark = pytest.mark.core

VOLUME = frame_key(VENUE, "BTCUSDT", "v1.liquidation_volume", {"count": 200, "interval": "1m"})
BAR_FRAMES = frame_key(VENUE, "BTCUSDT", "candles", {"bars": 200, "interval": "1m"})


def feed_with_history(clock: ManualClock) -> ScriptedFeed:
    feed = ScriptedFeed(clock)
    feed.history = [
        (START_US - minutes * MINUTE_US, 100.0 * minutes, 50.0, 2) for minutes in (400, 300, 199, 120, 60, 10, 1)
    ]
    feed.preludes[BARS] = [
        bar(START_US - minutes * MINUTE_US, 50_001.0, closed=minutes > 0) for minutes in range(300, -1, -1)
    ]
    feed.preludes[LIQUIDATIONS] = [live(START_US)]
    return feed


async def passes(clock: ManualClock, seconds: float) -> None:
    """Let what is ready run before the time passes, so that it waits from now and not from later."""
    await settle(60)
    await clock.advance(seconds)


def totals(rows: list[dict[str, Any]]) -> dict[int, tuple[float, float, int, float]]:
    return {
        row["time"]: (float(row["buy_volume"]), float(row["sell_volume"]), row["count"], float(row["ma_value"]))
        for row in rows
    }


def columns(message: dict[str, Any]) -> dict[int, tuple[float, float, int, float]]:
    rows = zip(*message["liquidations"], strict=True)
    return {time: (buy, sell, count, average) for time, buy, sell, average, count in rows}


async def rest(desk: Desk, *, start_us: int | None = None, end_us: int | None = None) -> dict[str, Any]:
    return json.loads(
        await desk.answers.liquidation_volume(
            "BTCUSDT",
            "1m",
            start_ms=None if start_us is None else start_us // 1000,
            end_ms=None if end_us is None else end_us // 1000,
        )
    )


async def test_the_past_of_a_venue_that_restarted_is_asked_for_again(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    async with desk_of(feed, tmp_path) as desk, desk.frames(BAR_FRAMES) as frames:
        await passes(clock, 1.2)
        frames.resume()
        assert columns(await next_json(frames))[(START_US - MINUTE_US) // 1_000_000][0] == 100.0
        feed.history = [(START_US - MINUTE_US, 7.0, 0.0, 1)]
        feed.put(
            LIQUIDATIONS,
            Gap(symbol="BTCUSDT", time_us=START_US, reason="the venue restarted", restart=True),
            live(START_US),
        )
        await passes(clock, 1.2)
        frames.resume()
        buckets = columns(await next_json(frames))
    assert [row[:2] for row in buckets.values() if any(row[:2])] == [(7.0, 0.0)]


async def test_rest_socket_and_frame_agree_bucket_for_bucket(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    async with (
        desk_of(feed, tmp_path) as desk,
        desk.frames(BAR_FRAMES) as frames,
        desk.frames(VOLUME) as socket,
    ):
        feed.put(LIQUIDATIONS, liquidation(START_US + 5, "buy", 0.5, 50_000.0))
        await passes(clock, 1.2)
        frames.resume()
        frame, message = await next_json(frames), await next_json(socket)
        start_us, end_us = START_US - 199 * MINUTE_US, START_US + MINUTE_US
        answer = await rest(desk, start_us=start_us, end_us=end_us)
        again = await rest(desk, start_us=start_us, end_us=end_us)
    assert message["is_update"] is False
    assert answer == again
    assert totals(message["data"]) == totals(answer["data"]) == columns(frame)
    times = [row["time"] for row in message["data"]]
    assert times == list(range(start_us // 1_000_000, end_us // 1_000_000, 60))
    assert totals(message["data"])[START_US // 1_000_000][:3] == (25_000.0, 0.0, 1)
    assert totals(message["data"])[START_US // 1_000_000 - 60][:3] == (100.0, 50.0, 2)


async def test_update_carries_the_total_of_history_and_live_of_changed_buckets_only(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    async with desk_of(feed, tmp_path) as desk, desk.frames(BAR_FRAMES), desk.frames(VOLUME) as socket:
        await passes(clock, 1.2)
        whole = totals((await next_json(socket))["data"])
        # The history holds this one already: the bucket's total stays.
        feed.put(LIQUIDATIONS, liquidation(START_US - MINUTE_US + 5, "sell", 0.001, 50_000.0))
        await passes(clock, 0.2)
        update = await next_json(socket)
        assert update["is_update"] is True
        assert totals(update["data"]) == {max(whole): whole[max(whole)]}
        feed.put(LIQUIDATIONS, liquidation(START_US + 5, "sell", 0.001, 50_000.0))
        feed.put(LIQUIDATIONS, liquidation(START_US + 6, "sell", 0.001, 50_000.0))
        await passes(clock, 0.3)
        changed = totals((await next_json(socket))["data"])
        assert changed[START_US // 1_000_000][:3] == (0.0, 100.0, 2)
        answer = totals((await rest(desk, start_us=START_US - 199 * MINUTE_US))["data"])
        assert {**whole, **changed}.keys() == answer.keys()
        assert answer[START_US // 1_000_000] == changed[START_US // 1_000_000]


async def test_first_volume_message_waits_for_candles_and_covers_their_range(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    candles = frame_key(VENUE, "BTCUSDT", "v1.candles", {"count": 250, "interval": "1m"})
    async with desk_of(feed, tmp_path) as desk, desk.frames(VOLUME) as socket:
        await passes(clock, 1)
        assert socket.next_frame() is None
        async with desk.frames(candles) as bars:
            window = await next_json(bars)
            await passes(clock, 1)
            message = await next_json(socket)
    assert [row["time"] for row in message["data"]] == [row["time"] for row in window["data"]]


async def test_first_volume_message_comes_without_candles_after_two_seconds(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    async with desk_of(feed, tmp_path) as desk, desk.frames(VOLUME) as socket:
        await passes(clock, 1.5)
        assert socket.next_frame() is None
        await passes(clock, 1)
        message = await next_json(socket)
    assert len(message["data"]) == 200


async def test_history_that_fails_is_tried_again_and_live_goes_on(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    history, feed.history = feed.history, None
    async with desk_of(feed, tmp_path) as desk, desk.frames(BAR_FRAMES) as frames:
        await passes(clock, 2)
        feed.put(LIQUIDATIONS, liquidation(START_US + 5, "buy", 0.5, 50_000.0))
        await passes(clock, 2)
        frames.resume()
        assert sum(row[2] for row in columns(await next_json(frames)).values()) == 1
        feed.history = history
        await passes(clock, 35)
        frames.resume()
        assert sum(row[2] for row in columns(await next_json(frames)).values()) == 11


async def test_a_longer_past_that_fails_once_is_asked_for_again(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    feed.history = [(START_US - 900 * DAY_US, 7.0, 0.0, 1), (START_US - DAY_US, 5.0, 0.0, 1)]
    history = feed.history
    liquidations = Topic(VENUE, "BTCUSDT", "liquidations")
    async with desk_of(feed, tmp_path) as desk, desk.hub.watch(liquidations) as state:
        await settle()
        near_us, far_us = START_US - 30 * DAY_US, START_US - 1_000 * DAY_US

        async def known(start_us: int) -> tuple[str, int]:
            past = await desk.history.columns(state, "1d", start_us, START_US)
            return past.history, int(past.columns.count.sum())

        assert await known(near_us) == ("complete", 1)
        feed.history = None
        assert await known(far_us) == ("none", 1)
        feed.history = history
        assert await known(far_us) == ("none", 1), "not asked again at once"
        await clock.advance(31)
        assert await known(far_us) == ("complete", 2)


async def test_an_average_does_not_depend_on_who_has_asked_before(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    async with desk_of(feed, tmp_path) as desk:
        start_us = START_US - 30 * MINUTE_US
        before = await rest(desk, start_us=start_us)
        await rest(desk, start_us=START_US - 420 * MINUTE_US)
        await rest(desk, start_us=START_US - 1_440 * MINUTE_US)
        after = await rest(desk, start_us=start_us)
    assert before == after
    # The buckets before the start and its own, in minutes before now.
    assert float(before["data"][0]["ma_value"]) == pytest.approx(
        sum(100 * n - 50 for n in (400, 300, 199, 120, 60)) / 5
    )


async def test_a_range_up_to_now_is_not_longer_for_the_open_bucket_and_its_answer_can_be_asked_again(tmp_path: Path):
    clock = ManualClock(START_US + 20_000_000)
    feed = feed_with_history(clock)
    async with desk_of(feed, tmp_path) as desk:
        day = await rest(desk, start_us=clock.now_us() - DAY_US)
        assert len(day["data"]) == 1_441
        for interval, count in (("1m", 400), ("1d", 365)):
            answer = json.loads(await desk.answers.liquidation_volume("BTCUSDT", interval))
            assert len(answer["data"]) == count
            assert answer["start_time"] == answer["data"][0]["timestamp_ms"]
            bounds = {"start_ms": answer["start_time"], "end_ms": answer["end_time"]}
            assert json.loads(await desk.answers.liquidation_volume("BTCUSDT", interval, **bounds)) == answer
        with pytest.raises(BadValue, match="at most 1 days"):
            await rest(desk, start_us=clock.now_us() - DAY_US - 1_000)


async def test_the_last_bucket_is_whole_wherever_the_range_ends(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    old_us = START_US - 5_000 * MINUTE_US
    feed.history = [(old_us, 7.5, 2.5, 3), (START_US - 10 * MINUTE_US, 1.0, 1.0, 2)]
    async with desk_of(feed, tmp_path) as desk:
        for bucket_us, count in ((old_us, 3), (START_US - 10 * MINUTE_US, 2)):
            answer = await rest(desk, start_us=bucket_us - MINUTE_US, end_us=bucket_us + 1_000_000)
            assert [row["count"] for row in answer["data"]] == [0, count]
    ends = [end_us for _, _, _, end_us in feed.history_calls]
    assert ends[0] == old_us + MINUTE_US, "asked to the end of the bucket"


async def test_zeros_of_an_unknown_past_are_reported(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    history, feed.history = feed.history, None
    async with desk_of(feed, tmp_path) as desk, desk.frames(BAR_FRAMES) as frames, desk.frames(VOLUME) as socket:
        await passes(clock, 2)
        assert (await rest(desk))["history"] == "none"
        assert (await next_json(frames))["liquidation_history"] == "none"
        assert (await next_json(socket))["history"] == "none"
        feed.history = history
        await passes(clock, 35)
        frames.resume()
        assert (await rest(desk))["history"] == "complete"
        assert (await next_json(frames))["liquidation_history"] == "complete"
        assert (await next_json(socket))["history"] == "complete"


async def test_a_range_from_before_the_listing_is_missing_and_never_requested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    listed_us = START_US - 100 * MINUTE_US + 1
    rows = [
        msgspec.structs.replace(row, instrument=msgspec.structs.replace(row.instrument, onboard_us=listed_us))
        for row in await feed.listings()
    ]

    async def listings() -> list[Listing]:
        return rows

    monkeypatch.setattr(feed, "listings", listings)
    first_us = listed_us - 1
    async with desk_of(feed, tmp_path) as desk:
        assert (await rest(desk, start_us=first_us))["history"] == "complete"
        before = await rest(desk, start_us=first_us - MINUTE_US)
        assert before["history"] == "missing"
        assert len(before["data"]) == 102, "buckets stay contiguous"
        # Years before, beyond what a chart reaches, there is nothing to be asked.
        long_ago_us = START_US - 3_000 * DAY_US
        beyond = await rest(desk, start_us=long_ago_us, end_us=long_ago_us + 60 * MINUTE_US)
        assert beyond["history"] == "missing"
        assert {row["count"] for row in beyond["data"]} == {0}
        assert {start_us for *_, start_us, _ in feed.history_calls} == {first_us}


async def test_past_beyond_the_charts_is_asked_for_and_answered_exactly(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    old_us = START_US - 5_000 * MINUTE_US
    feed.history = [(old_us, 7.5, 2.5, 3)]
    feed.preludes[LIQUIDATIONS] = [live(START_US)]
    async with desk_of(feed, tmp_path) as desk:
        answer = await rest(desk, start_us=old_us - MINUTE_US, end_us=old_us + 3 * MINUTE_US)
        assert [(row["buy_volume"], row["sell_volume"], row["count"]) for row in answer["data"]] == [
            ("0", "0", 0),
            ("7.5", "2.5", 3),
            ("0", "0", 0),
            ("0", "0", 0),
        ]
        assert answer["data"][1] == {
            "time": old_us // 1_000_000,
            "timestamp_ms": old_us // 1000,
            "buy_volume": "7.5",
            "buy_volume_formatted": "7.50",
            "sell_volume": "2.5",
            "sell_volume_formatted": "2.50",
            "total_volume": "10",
            "total_volume_formatted": "10.00",
            "delta_volume": "5",
            "delta_volume_formatted": "5.00",
            "count": 3,
            "ma_value": "5",
            "ma_value_formatted": "5.00",
        }
        recent = await rest(desk)
        assert len(recent["data"]) == 400
        with pytest.raises(BadValue, match="at most 1 days"):
            await rest(desk, start_us=START_US - 2_000 * MINUTE_US, end_us=START_US)
        with pytest.raises(BadValue, match="end after its start"):
            await rest(desk, start_us=START_US, end_us=START_US)


async def test_liquidation_orders_reach_each_of_three_readers(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    async with (
        desk_of(feed, tmp_path) as desk,
        desk.events(LIQUIDATIONS) as a,
        desk.events(LIQUIDATIONS) as b,
        desk.events(LIQUIDATIONS) as c,
    ):
        orders = [liquidation(START_US + n, "buy", 0.5, 50_000.0 + n) for n in range(20)]
        feed.put(LIQUIDATIONS, *orders)
        await settle()
        for reader in (a, b, c):
            assert [event for _, event, _ in await reader.batch()][1:] == orders


async def test_live_frame_of_liquidations_sums_the_last_minute_quarter_and_hour(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = feed_with_history(clock)
    async with (
        desk_of(feed, tmp_path) as desk,
        desk.frames(frame_key(VENUE, "BTCUSDT", "liquidations", {"rows": 20})) as reader,
    ):
        feed.put(
            LIQUIDATIONS,
            liquidation(START_US - 10 * MINUTE_US, "sell", 0.01, 50_000.0),
            liquidation(START_US - 1, "buy", 0.5, 50_000.0),
        )
        await passes(clock, 0.2)
        reader.resume()
        message = await next_json(reader)
        assert message["orders"][1:] == [[1, -1], [50_000.0, 50_000.0], [0.5, 0.01], [25_000.0, 500.0]]
        assert message["sums"] == {"1m": [25_000.0, 0.0], "15m": [25_000.0, 500.0], "1h": [25_000.0, 500.0]}
        await passes(clock, 61)
        sums = (await next_json(reader))["sums"]
        assert sums["1m"] == [0.0, 0.0]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_topic_of_the_desk_names_its_venue(tmp_path: Path):
    desk = desk_of(ScriptedFeed(ManualClock()), tmp_path)
    assert desk.topic("BTCUSDT", "candles", "1m") == Topic(VENUE, "BTCUSDT", "candles", "1m")
