"""Events of several topics arrive in one order."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from orderfox_nb.core.events import Event, Topic
from orderfox_nb.desk.bot_runs.inlet import arriving
from orderfox_nb.errors import UnknownSymbol
from tests.desk.bot_runs.conftest import ScriptedMarket
from tests.server.scripted import START_US, VENUE, liquidation, trade

TOPICS = [Topic(VENUE, "BTCUSDT", channel) for channel in ("liquidations", "trades")]


async def test_topics_are_merged_by_their_receipt_and_each_keeps_its_own_order(market: ScriptedMarket) -> None:
    seen: list[tuple[str, Event]] = []
    async with aclosing(arriving(market.desk, TOPICS)) as batches:
        async with asyncio.timeout(60):
            while {type(event).__name__ for _, event in seen[-200:]} < {"Trade", "Liquidation", "Status"}:
                seen += await anext(batches)
            seen.clear()
            start_us = START_US + 10_000_000
            # A venue's clock says nothing about when an event arrived.
            for number in range(200, 210):
                event = trade("BTCUSDT", number, start_us - number)
                market.feed.emit(TOPICS[1], replace(event, received_us=start_us + number * 2))
                order = liquidation("BTCUSDT", number, start_us)
                market.feed.emit(TOPICS[0], replace(order, received_us=start_us + number * 2 + 1))
            while len(seen) < 20:
                seen += await anext(batches)
    assert [event.received_us for _, event in seen] == list(range(start_us + 400, start_us + 420))
    assert [channel for channel, _ in seen] == ["trades", "liquidations"] * 10


async def test_no_reader_and_no_task_is_left(market: ScriptedMarket) -> None:
    async with aclosing(arriving(market.desk, TOPICS)) as batches:
        await anext(batches)
    assert not any(state.users for state in market.desk.hub.topics)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("bot reads")]


async def test_symbol_that_is_not_listed_is_an_error(market: ScriptedMarket) -> None:
    with pytest.raises(UnknownSymbol):
        await anext(arriving(market.desk, [Topic(VENUE, "NOPE", "trades")]))
