"""Events of several topics arrive in one order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from orderfox_nb.clock import settle
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.desk.bot_runs.inlet import arriving
from orderfox_nb.errors import UnknownSymbol
from tests.desk.bot_runs.conftest import ScriptedMarket
from tests.server.scripted import START_US, VENUE, liquidation, trade

TOPICS = [Topic(VENUE, "BTCUSDT", channel) for channel in ("liquidations", "trades")]


async def emit(market: ScriptedMarket, numbers: Iterable[int]) -> None:
    """Have a trade and an order of liquidation arrive for each number, one after the other."""
    for number in numbers:
        # A venue's clock says nothing about when an event arrived.
        event = trade("BTCUSDT", number, START_US + 10_000_000 - number)
        market.feed.emit(TOPICS[1], replace(event, received_us=number * 2))
        await settle()
        order = liquidation("BTCUSDT", number, START_US + 10_000_000)
        market.feed.emit(TOPICS[0], replace(order, received_us=number * 2 + 1))
        await settle()


async def test_topics_are_merged_in_the_order_of_arrival_also_for_a_slow_reader(market: ScriptedMarket) -> None:
    seen: list[tuple[str, Event]] = []
    async with aclosing(arriving(market.desk, TOPICS)) as batches:
        async with asyncio.timeout(60):
            while {type(event).__name__ for _, event in seen[-200:]} < {"Trade", "Liquidation", "Status"}:
                seen += await anext(batches)
            seen.clear()
            await emit(market, range(200, 210))
            # A part is read while more of it arrives: what is taken later must not be older.
            seen += await anext(batches)
            await emit(market, range(210, 220))
            while len(seen) < 40:
                seen += await anext(batches)
    assert [event.received_us for _, event in seen] == list(range(400, 440))
    assert [channel for channel, _ in seen] == ["trades", "liquidations"] * 20


async def test_no_reader_and_no_task_is_left(market: ScriptedMarket) -> None:
    async with aclosing(arriving(market.desk, TOPICS)) as batches:
        await anext(batches)
    assert not any(state.users for state in market.desk.hub.topics)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("bot reads")]


async def test_symbol_that_is_not_listed_is_an_error(market: ScriptedMarket) -> None:
    with pytest.raises(UnknownSymbol):
        await anext(arriving(market.desk, [Topic(VENUE, "NOPE", "trades")]))
