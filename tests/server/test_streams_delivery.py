"""Who gets what over the public sockets: liquidations once and all of them, and what a slow reader costs."""

from __future__ import annotations

import asyncio
import socket

import msgspec
import pytest
from websockets.asyncio.client import connect

from orderfox_nb.core.events import Gap, Status
from orderfox_nb.views import contract
from tests.server.conftest import Serve, Served, until
from tests.server.scripted import liquidation
from tests.server.test_streams import BOOK, LIQUIDATIONS, closed_with, moved_book, receive

pytestmark = pytest.mark.server


async def test_volume_covers_the_range_of_the_candles_beside_it(server: Served) -> None:
    url = server.ws_url + "api/v1/ws/"
    async with connect(url + "candles/BTCUSDT/1m?container_width=600") as candles:
        history = await receive(candles, "historical_candles")
        assert history["count"] == 300
        async with connect(url + "liquidations/BTCUSDT?timeframe=1m") as socket:
            volume = await receive(socket)
        assert volume["type"] == "liquidation_volume"
        msgspec.convert(volume["data"], list[contract.VolumeBucket])
        assert volume["is_update"] is False
        assert [bucket["time"] for bucket in volume["data"]] == [bar["time"] for bar in history["data"]]


async def test_live_liquidation_updates_the_total_of_its_bucket(server: Served) -> None:
    url = server.ws_url + "api/v1/ws/"
    async with (
        connect(url + "candles/BTCUSDT/1m") as candles,
        connect(url + "liquidations/BTCUSDT?timeframe=1m") as socket,
    ):
        await receive(candles, "historical_candles")
        whole = await receive(socket, "liquidation_volume")
        before = {bucket["time"]: float(bucket["sell_volume"]) for bucket in whole["data"]}
        order = liquidation("BTCUSDT", 9, server.feed.time_us)
        server.feed.emit(LIQUIDATIONS, order)
        update = await receive(socket, "liquidation_volume")
        assert update["is_update"] is True
        assert len(update["data"]) == 1
        bucket = update["data"][0]
        assert float(bucket["sell_volume"]) == pytest.approx(before[bucket["time"]] + order.notional)


async def test_three_readers_each_receive_every_liquidation(server: Served) -> None:
    url = server.ws_url + "api/v1/ws/liquidations/BTCUSDT"
    async with connect(url) as one, connect(url) as two, connect(url) as three:
        for socket in (one, two, three):
            first = await receive(socket)
            assert first["initial"] is True
            assert [order["quantity"] for order in first["data"]] == ["2.5", "1.5", "0.5"]
            msgspec.convert(first["data"], list[contract.LiquidationRow])
        for number in range(3, 103):
            server.feed.emit(LIQUIDATIONS, liquidation("BTCUSDT", number, server.feed.time_us))
        for socket in (one, two, three):
            got = [await receive(socket) for _ in range(100)]
            assert [message["data"]["quantity"] for message in got] == [f"{number}.5" for number in range(3, 103)]
            sequences = [message["sequence"] for message in got]
            assert sequences == list(range(sequences[0], sequences[0] + 100))


async def test_first_liquidations_message_waits_for_the_past_and_has_it_newest_first(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a venue's feed opens: the connection, then sums and orders one by one, then the word that it is live.
    live, *past = server.feed.prelude(LIQUIDATIONS)
    connecting = Status(symbol="BTCUSDT", time_us=server.feed.time_us, state="connecting")
    monkeypatch.setattr(server.feed, "prelude", lambda _: [connecting])
    async with connect(server.ws_url + "api/v1/ws/liquidations/BTCUSDT") as socket:
        await until(lambda: bool(server.feed.streams.get(LIQUIDATIONS)))
        desk = await server.service.desk()
        state = desk.hub.state(LIQUIDATIONS)
        assert state is not None
        for number, event in enumerate([*past, live], 2):
            server.feed.emit(LIQUIDATIONS, event)
            await until(lambda number=number: state.sequence == number)
        first = await receive(socket)
        assert first["initial"] is True
        assert [order["quantity"] for order in first["data"]] == ["2.5", "1.5", "0.5"]


async def test_orders_that_a_feed_repeats_after_a_gap_are_not_sent_again(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/liquidations/BTCUSDT") as socket:
        assert len((await receive(socket))["data"]) == 3
        twin = msgspec.structs.replace(liquidation("BTCUSDT", 7, server.feed.time_us), received_us=1)
        server.feed.emit(LIQUIDATIONS, twin, twin)
        lost = Gap(symbol="BTCUSDT", time_us=server.feed.time_us, reason="the connection was cut")
        past = server.feed.prelude(LIQUIDATIONS)
        server.feed.emit(LIQUIDATIONS, lost, *past, twin, twin, liquidation("BTCUSDT", 9, server.feed.time_us))
        got = [(await receive(socket))["data"]["quantity"] for _ in range(3)]
        assert got == ["7.5", "7.5", "9.5"]


async def test_reader_that_stalls_slows_no_other_and_is_closed_with_4008(
    serve: Serve,
) -> None:
    async with serve(send_buffer=4096, stall_timeout_s=0.2) as server:
        url = server.ws_url + "api/v1/ws/liquidations/BTCUSDT"
        async with connect(url, max_queue=1) as stalled, connect(url) as reader:
            await receive(reader)
            await receive(stalled)
            # It reads nothing and its buffers are small, so that the server's writes soon wait.
            stalled.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.transport.pause_reading()
            sent = 3
            async with asyncio.timeout(60):
                while server.service.metrics.closed_slow._value.get() == 0:
                    for _ in range(40):
                        server.feed.emit(LIQUIDATIONS, liquidation("BTCUSDT", sent, server.feed.time_us))
                        sent += 1
                    for _ in range(40):
                        message = await receive(reader)
            assert message["data"]["quantity"] == f"{sent - 1}.5"
            stalled.transport.resume_reading()
            assert (await closed_with(stalled))[0] == 4008


async def test_view_that_stalls_slows_no_other_and_goes_on_with_the_newest_frame(serve: Serve) -> None:
    async with serve(send_buffer=4096) as server:
        url = server.ws_url + "api/v1/ws/orderbook/BTCUSDT?limit=50&rounding=0.1"
        async with connect(url, max_queue=1) as stalled, connect(url) as reader:
            await receive(reader)
            await receive(stalled)
            stalled.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.transport.pause_reading()
            frames = 0
            while frames < 20:
                server.feed.emit(BOOK, moved_book(server, frames + 1))
                newest = await receive(reader)
                frames += 1
            stalled.transport.resume_reading()
            got = 0
            while (await receive(stalled))["sequence"] < newest["sequence"]:
                got += 1
            assert got < frames - 1
