from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from orderfox_nb.sim.server import SimServer
from tests.sim.client import SimClient

pytestmark = pytest.mark.sim

DEPTH = "btcusdt@depth@100ms"


def chain_breaks(frames: list[Any]) -> int:
    diffs = [frame for frame in frames if frame["e"] == "depthUpdate"]
    return sum(after["pu"] != before["u"] for before, after in pairwise(diffs))


async def test_a_dropped_frame_breaks_the_chain_once(client: SimClient, server: SimServer) -> None:
    socket = await client.socket(f"/public/ws/{DEPTH}")
    await server.advance(1)
    server.add_fault("drop", stream=DEPTH)
    await server.advance(2)
    assert chain_breaks(await socket.received()) == 1
    assert server.statistics()["faults"] == {"drop": 1}
    assert not server.faults


async def test_a_duplicated_frame_comes_twice(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/market/ws/btcusdt@aggTrade")
    server.add_fault("duplicate", symbol="BTCUSDT", count=2)
    await server.advance(3)
    ids = [frame["a"] for frame in await socket.received()]
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert len(ids) == len(set(ids)) + 2


async def test_a_reordered_frame_comes_after_the_next(client: SimClient, server: SimServer) -> None:
    socket = await client.socket(f"/public/ws/{DEPTH}")
    server.add_fault("reorder")
    await server.advance(1)
    first, second, third, *_ = [frame["u"] for frame in await socket.received()]
    assert second < first < third


async def test_a_fault_of_one_connection_spares_the_others(client: SimClient, server: SimServer) -> None:
    one = await client.socket(f"/public/ws/{DEPTH}")
    other = await client.socket(f"/public/ws/{DEPTH}")
    server.add_fault("freeze", connection=1, count=-1)
    await server.advance(1)
    assert await one.received() == []
    assert len(await other.received()) >= 9


async def test_one_channel_freezes_while_the_socket_lives(client: SimClient, server: SimServer) -> None:
    socket = await client.socket(f"/public/ws/{DEPTH}/btcusdt@bookTicker")
    fault = server.add_fault("freeze", stream=DEPTH, count=-1)
    await server.advance(1)
    assert {frame["e"] for frame in await socket.received()} == {"bookTicker"}
    server.faults.remove(fault.id)
    await server.advance(1)
    assert {frame["e"] for frame in await socket.received()} == {"bookTicker", "depthUpdate"}


async def test_a_malformed_frame_is_not_json(client: SimClient, server: SimServer) -> None:
    socket = await client.socket(f"/public/ws/{DEPTH}")
    server.add_fault("malformed")
    await server.advance(0.5)
    frames = await socket.received()
    assert isinstance(frames[0], str)
    assert all(isinstance(frame, dict) for frame in frames[1:])


async def test_delayed_frames_come_late_and_in_order(client: SimClient, server: SimServer) -> None:
    socket = await client.socket(f"/public/ws/{DEPTH}")
    server.add_fault("delay", seconds=0.2)
    await server.advance(1)
    frames = await socket.received()
    assert chain_breaks(frames) == 0
    assert len(frames) >= 9


async def test_a_cut_connection_has_no_close_frame(client: SimClient, server: SimServer) -> None:
    market = await client.socket("/market/ws/btcusdt@aggTrade")
    public = await client.socket(f"/public/ws/{DEPTH}")
    server.add_fault("cut", stream=DEPTH)
    assert await public.closed() == 1006
    await server.advance(1)
    assert await market.received()


async def test_a_stale_snapshot_is_older_than_the_diffs(client: SimClient, server: SimServer) -> None:
    await server.advance(1)
    server.add_fault("stale_snapshot", symbol="BTCUSDT", count=2)
    await server.advance(1)
    socket = await client.socket(f"/public/ws/{DEPTH}")
    await server.advance(1)
    first = (await socket.received())[0]
    for _ in range(2):
        assert (await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=10))["lastUpdateId"] < first["U"]
    fresh = await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=10)
    assert fresh["lastUpdateId"] > first["U"]
    assert len(fresh["bids"]) == 10


async def test_the_clock_jumps_and_stays_there(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/market/ws/btcusdt@markPrice@1s")
    await server.advance(1)
    before = (await client.get("/fapi/v1/time"))["serverTime"]
    server.add_fault("clock_jump", seconds=90)
    assert (await client.get("/fapi/v1/time"))["serverTime"] == before + 90_000
    await server.advance(1)
    first, second = [frame["E"] for frame in await socket.received()]
    assert second - first == 91_000


@pytest.mark.parametrize(("status", "code"), [(429, -1003), (418, -1003), (451, 0), (500, None), (503, None)])
async def test_rest_answers_with_the_requested_status(
    client: SimClient, server: SimServer, status: int, code: int | None
) -> None:
    server.add_fault("status", path="/fapi/v1/depth", status=status, seconds=7)
    assert (await client.ask("/fapi/v1/time"))[0] == 200
    got, body, headers = await client.ask("/fapi/v1/depth", symbol="BTCUSDT")
    assert got == status
    assert headers["Retry-After"] == "7"
    assert (body["code"] if isinstance(body, dict) else None) == code
    assert (await client.ask("/fapi/v1/depth", symbol="BTCUSDT"))[0] == 200


async def test_rest_can_be_malformed_and_late(client: SimClient, server: SimServer) -> None:
    server.add_fault("malformed", path="/fapi/v1/klines")
    status, body, _ = await client.ask("/fapi/v1/klines", symbol="BTCUSDT", interval="1m")
    assert status == 200
    assert isinstance(body, str)
    server.add_fault("delay", path="/fapi/v1/ping", seconds=0.01)
    assert await client.get("/fapi/v1/ping") == {}


async def test_the_liquidation_history_can_fail(client: SimClient, server: SimServer) -> None:
    server.add_fault("status", path="/api/", status=500)
    assert (await client.ask("/api/liquidation-orders", symbol="BTCUSDT", limit=5))[0] == 500
    assert (await client.ask("/api/liquidation-orders", symbol="BTCUSDT", limit=5))[0] == 200


async def test_faults_are_added_over_http(client: SimClient, server: SimServer) -> None:
    socket = await client.socket(f"/public/ws/{DEPTH}")
    status, fault = await client.post("/sim/faults", {"kind": "drop", "stream": DEPTH, "count": 3})
    assert (status, fault["count"]) == (200, 3)
    assert [each["id"] for each in await client.get("/sim/faults")] == [fault["id"]]
    await server.advance(1)
    assert len(await socket.received()) == 7
    for nonsense in ({"kind": "earthquake"}, {"kind": "drop", "colour": 1}, {"kind": "drop", "count": "many"}, 5):
        status, body = await client.post("/sim/faults", nonsense)
        assert status == 400
        assert body["error"]
    assert (await client.get("/sim/statistics"))["faults"] == {"drop": 3}
