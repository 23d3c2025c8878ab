"""A kernel that reads from a server goes back in time there, while its live market and the server's pages go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, NoPast
from orderfox_nb.market.connection import Market
from tests.server.conftest import Serve, Served, until
from tests.server.scripted import START_US
from tests.server.test_rewind import SECOND_US, happens, written_us

pytestmark = pytest.mark.server


def newest(market: Market) -> str:
    return market["BTCUSDT"].trades.df["id"].iloc[-1]


async def shows(market: Market, trade_id: str) -> None:
    """Wait until a market's newest trade is one."""
    async with asyncio.timeout(60):
        while await asyncio.to_thread(newest, market) != trade_id:  # noqa: ASYNC110 - it is read on a thread
            await asyncio.sleep(0.02)


async def recorded_until(server: Served, second: int) -> None:
    await until(lambda: written_us(server) >= START_US + second * SECOND_US)


async def in_kernel(server: Served, work: Callable[[Market], Any], *beside: Served) -> None:
    """Run something with a market of the server and of others, in an engine of its own."""
    source = ",".join(one.url.rstrip("/") for one in (server, *beside))
    engine = Engine(load_settings(ORDERFOX_SOURCE=source))
    await asyncio.to_thread(engine.start)
    try:
        market = Market(engine)
        await work(market)
        await asyncio.to_thread(market.close)
    finally:
        await asyncio.to_thread(engine.stop)


async def test_a_kernel_goes_back_on_the_server_that_it_reads(serve: Serve) -> None:
    async with serve(ORDERFOX_RECORDING="1") as server:

        async def work(market: Market) -> None:
            await shows(market, "150")
            for number, second in ((151, 10), (152, 20), (153, 30)):
                await happens(server, number, second)
            await shows(market, "153")
            await recorded_until(server, 30)
            past = await asyncio.to_thread(market.rewind, START_US + 15 * SECOND_US)
            await asyncio.to_thread(past.pause)
            assert past.origin.recorded
            assert not past.playing
            assert past.now.timestamp() * 1e6 >= START_US + 15 * SECOND_US
            # It has played meanwhile, as long as that took.
            await asyncio.to_thread(past.seek, START_US + 15 * SECOND_US)
            await shows(past, "151")
            await asyncio.to_thread(past.step, 1)
            await shows(past, "152")
            await asyncio.to_thread(past.step, -1)
            await shows(past, "151")
            await asyncio.to_thread(past.seek, START_US + 5 * SECOND_US)
            assert past.now == datetime.fromtimestamp(START_US / 1e6 + 5, UTC)
            await shows(past, "150")
            # The live market went on, and the recording with it.
            await happens(server, 154, 40)
            await shows(market, "154")
            await recorded_until(server, 40)
            for speed in (0, 1_000):
                with pytest.raises(BadValue, match="speed"):
                    await asyncio.to_thread(past.play, speed)
            await asyncio.to_thread(past.play, 300)
            assert past.speed == 300
            await shows(past, "154")
            await asyncio.to_thread(past.close)
            await until(lambda: not len(server.service.playheads))
            await shows(market, "154")

        await in_kernel(server, work)


async def test_venues_of_servers_go_back_one_at_a_time_and_the_error_says_how(serve: Serve) -> None:
    async with serve(ORDERFOX_RECORDING="1") as server, serve(ORDERFOX_RECORDING="1") as other:

        async def work(market: Market) -> None:
            await shows(market, "150")
            await shows(market.venues["scripted-2"], "150")
            await happens(server, 151, 10)
            await happens(other, 151, 10)
            await recorded_until(server, 10)
            await recorded_until(other, 10)
            past = await asyncio.to_thread(market.rewind, START_US + 5 * SECOND_US)
            assert list(past.venues) == ["scripted"]
            with pytest.raises(NoPast, match=r'one venue at a time.* market\.venues\["scripted-2"\]\.rewind'):
                _ = past["scripted-2:BTCUSDT"]
            second = await asyncio.to_thread(market.venues["scripted-2"].rewind, START_US + 5 * SECOND_US)
            await asyncio.to_thread(second.pause)
            await asyncio.to_thread(second.seek, START_US + 5 * SECOND_US)
            assert second["BTCUSDT"].venue == "scripted-2"
            await shows(second, "150")
            for one in (past, second):
                await asyncio.to_thread(one.close)

        await in_kernel(server, work, other)


async def test_a_server_that_recorded_nothing_says_so(serve: Serve) -> None:
    async with serve(ORDERFOX_RECORDING="off") as server:

        async def work(market: Market) -> None:
            await shows(market, "150")
            with pytest.raises(NoPast, match="ORDERFOX_RECORDING is off"):
                await asyncio.to_thread(market.rewind)
            await shows(market, "150")

        await in_kernel(server, work)
