"""When frames begin and what is left of them without readers."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.desk.streams.registry import frame_key, parse_key
from tests.desk.scripted import VENUE, ScriptedFeed
from tests.desk.test_frames import (
    BOOK,
    START_US,
    desk_of,
    next_json,
    put_book,
)

pytestmark = pytest.mark.core


async def test_last_reader_of_a_frame_closes_the_upstream_and_the_sequence_goes_on(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    key = frame_key(VENUE, "BTCUSDT", "v1.orderbook")
    async with desk_of(feed, tmp_path) as desk:
        sequences: list[int] = []
        for _ in range(3):
            async with desk.frames(key) as reader:
                put_book(feed)
                sequences.append((await next_json(reader))["sequence"])
            await settle()
        assert sequences == [1, 2, 3]
        assert feed.opened == feed.closed == {BOOK: 3}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_desk_that_is_only_entered_opens_nothing(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk:
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert desk.health().status == "healthy"
    assert feed.listing_calls == 0
    assert feed.opened == {}
    assert not feed.entered


@pytest.mark.parametrize(
    "key",
    [
        "BTCUSDT/book",
        "BTCUSDT/depth",
        "BTCUSDT/trades",
        "BTCUSDT/candles",
        "BTCUSDT/liquidations",
        "*/liquidations",
        "BTCUSDT/ticker",
    ],
)
async def test_a_key_without_readers_keeps_its_number_and_no_fold(tmp_path: Path, key: str):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk:
        async with desk.frames(parse_key(f"{VENUE}/{key}")) as reader:
            first = await next_json(reader)
            states = [weakref.ref(state) for state in desk.hub.topics]
            assert states
        del reader
        gc.collect()
        assert [ref for ref in states if ref() is not None] == []
        async with desk.frames(parse_key(f"{VENUE}/{key}")) as reader:
            assert (await next_json(reader))["sequence"] > first["sequence"]


async def test_a_topic_that_syncs_for_the_first_time_does_so_since_it_was_opened(tmp_path: Path):
    feed = ScriptedFeed(ManualClock(START_US))
    async with desk_of(feed, tmp_path) as desk, desk.frames(parse_key(f"{VENUE}/BTCUSDT/book")) as reader:
        first = await next_json(reader)
        assert first["quality"] == {"state": "syncing", "coverage": "complete", "since": START_US // 1000}
        put_book(feed)
        await settle(10)
        await feed.clock.advance(1)
        assert (await next_json(reader))["quality"]["state"] == "live"
