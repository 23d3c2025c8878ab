"""What holds for the imitations of Bybit and OKX alike: books, streams, faults on request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.sim.client import START_US, SimClient
from tests.sim.speakers import BybitSpeaker, Speaker, bybit_speaker, fold, okx_speaker

pytestmark = pytest.mark.sim

LEVELS = {"bybit": 200, "okx": 400}
LOT = {"bybit": 0.001, "okx": 0.1}
"""Of BTC: the base on Bybit, contracts on OKX."""


@pytest.fixture(params=["bybit", "okx"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SimServer]:
    async with SimServer(Exchange(7, 2, start_us=START_US), manual=True, protocol=request.param) as server:
        yield server


@pytest.fixture
def protocol(request: pytest.FixtureRequest) -> str:
    return request.node.callspec.params["server"]


@pytest.fixture
async def speaker(server: SimServer, protocol: str) -> AsyncIterator[Speaker]:
    async with SimClient(server) as client:
        yield bybit_speaker(client) if protocol == "bybit" else okx_speaker(client)


def broken(speaker: Speaker, frames: list[Any]) -> int:
    """Count the frames of a book that do not follow on the one before."""
    ids = [speaker.chain(frame) for frame in frames]
    return sum(previous not in (-1, before) for (_, before), (previous, _) in pairwise(ids))


async def test_a_book_is_a_snapshot_and_then_deltas_that_keep_to_the_window(
    speaker: Speaker, server: SimServer, protocol: str
) -> None:
    await speaker.open(speaker.book)
    for _ in range(20):
        await server.advance(1)
    frames = await speaker.data(speaker.book)
    assert len(frames) > 150
    assert speaker.chain(frames[0])[0] == -1
    assert broken(speaker, frames) == 0
    _, *truth = server.source.market("BTCUSDT").depth(LEVELS[protocol])
    for held, real in zip(fold(speaker, frames), truth, strict=True):
        assert held == pytest.approx({round(ticks * 0.1, 2): lots * LOT[protocol] for ticks, lots in real})


async def test_a_later_subscriber_joins_the_same_chain(speaker: Speaker, server: SimServer) -> None:
    await speaker.open(speaker.book)
    # At a half of a period: changes are on their way that the second one's snapshot must not lose.
    await server.advance(1.05)
    early = await speaker.data(speaker.book)
    late = await speaker.other().open(speaker.book)
    await server.advance(3)
    early += await speaker.data(speaker.book)
    frames = await late.data(late.book)
    assert broken(late, frames) == broken(speaker, early) == 0
    assert late.chain(frames[0])[0] == -1
    assert late.chain(frames[-1]) == speaker.chain(early[-1])
    assert fold(late, frames) == fold(speaker, early)


async def test_unsubscribing_ends_a_stream(speaker: Speaker, server: SimServer) -> None:
    await speaker.open(speaker.book, speaker.trades)
    await server.advance(1)
    await speaker.received()
    await speaker.say(speaker.subscription("unsubscribe", speaker.book))
    await speaker.received()
    await server.advance(5)
    streams = {speaker.stream_of(frame) for frame in await speaker.received()}
    assert streams == {speaker.trades}


async def test_a_lost_frame_breaks_the_chain(speaker: Speaker, server: SimServer) -> None:
    await speaker.open(speaker.book)
    await server.advance(1)
    server.add_fault("drop", stream=speaker.book)
    await server.advance(2)
    assert broken(speaker, await speaker.data(speaker.book)) == 1
    assert server.statistics()["faults"] == {"drop": 1}


async def test_frames_are_duplicated_reordered_and_malformed(speaker: Speaker, server: SimServer) -> None:
    await speaker.open(speaker.book)
    await server.advance(1)
    await speaker.received()
    server.add_fault("duplicate", stream=speaker.book)
    await server.advance(0.1)
    first, second = await speaker.data(speaker.book)
    assert first == second
    server.add_fault("reorder", stream=speaker.book)
    await server.advance(0.5)
    late, early, *_ = [speaker.chain(frame)[1] for frame in await speaker.data(speaker.book)]
    assert late > early
    server.add_fault("malformed", stream=speaker.book)
    await server.advance(0.1)
    assert [type(frame) for frame in await speaker.received()] == [str]


async def test_a_subscription_is_acknowledged_and_sends_no_data(speaker: Speaker, server: SimServer) -> None:
    server.add_fault("freeze", count=-1)
    await speaker.open(speaker.book, speaker.trades)
    await server.advance(2)
    frames = await speaker.received()
    assert frames
    assert {speaker.stream_of(frame) for frame in frames} == {""}


async def test_a_connection_is_cut_without_a_close_frame(speaker: Speaker, server: SimServer) -> None:
    await speaker.open(speaker.book)
    await speaker.received()
    server.add_fault("cut", stream=speaker.book)
    assert speaker.socket is not None
    assert await speaker.socket.closed() == 1006


async def test_ids_start_over_with_a_snapshot_after_a_restart(
    speaker: Speaker, server: SimServer, protocol: str
) -> None:
    await speaker.open(speaker.book)
    await server.advance(1)
    frames = await speaker.data(speaker.book)
    server.add_fault("restart", symbol="BTCUSDT")
    await server.advance(2)
    frames += await speaker.data(speaker.book)
    ids = [speaker.chain(frame) for frame in frames]
    assert [previous for previous, _ in ids].count(-1) == 2
    restarted = next(number for previous, number in ids[1:] if previous == -1)
    assert restarted == 1 if protocol == "bybit" else restarted < 100
    assert broken(speaker, frames) == 0
    # Of both books the window is the same again.
    assert fold(speaker, frames) == fold(speaker, frames[[p for p, _ in ids].index(-1, 1) :])


async def test_ids_go_on_from_a_smaller_one_in_the_chain_on_okx_alone(
    speaker: Speaker, server: SimServer, protocol: str
) -> None:
    await speaker.open(speaker.book)
    await server.advance(1)
    if protocol == "bybit":
        with pytest.raises(ValueError, match="only on OKX"):
            server.add_fault("renumber")
        assert not server.faults
        return
    server.add_fault("renumber")
    await server.advance(2)
    frames = await speaker.data(speaker.book)
    assert broken(speaker, frames) == 0
    assert sum(number < previous for previous, number in map(speaker.chain, frames)) == 1


@pytest.mark.parametrize("status", [403, 429, 451, 503])
async def test_rest_and_new_sockets_are_refused(speaker: Speaker, server: SimServer, status: int) -> None:
    time = "/v5/market/time" if isinstance(speaker, BybitSpeaker) else "/api/v5/public/time"
    server.add_fault("status", path=time, status=status)
    assert (await speaker.client.ask(time))[0] == status
    assert (await speaker.client.ask(time))[0] == 200
    server.add_fault("status", path=speaker.path, status=status)
    with pytest.raises(Exception, match=str(status)):
        await speaker.open()
    await speaker.open()


async def test_a_finer_tick_rewrites_the_book_within_the_chain(speaker: Speaker, server: SimServer) -> None:
    await speaker.open(speaker.book)
    await server.advance(1)
    server.add_fault("contract", symbol="BTCUSDT", tick_size="0.01")
    await server.advance(1)
    frames = await speaker.data(speaker.book)
    assert broken(speaker, frames) == 0
    numbers = [price for side in fold(speaker, frames) for price in side]
    assert any(round(price * 100) % 10 for price in numbers)
    assert all(abs(price * 100 - round(price * 100)) < 1e-6 for price in numbers)


async def test_a_delisted_symbol_is_silent_and_leaves_the_lists(
    speaker: Speaker, server: SimServer, protocol: str
) -> None:
    await speaker.open(speaker.book)
    await server.advance(1)
    await speaker.received()
    server.add_fault("contract", symbol="BTCUSDT", trading="UNLISTED")
    await server.advance(1)
    assert await speaker.received() == []
    if protocol == "bybit":
        answer = await speaker.client.get("/v5/market/instruments-info", category="linear")
        assert "BTCUSDT" not in {row["symbol"] for row in answer["result"]["list"]}
        assert (await speaker.client.get("/v5/market/orderbook", category="linear", symbol="BTCUSDT"))[
            "retCode"
        ] == 10001
    else:
        answer = await speaker.client.get("/api/v5/public/instruments", instType="SWAP")
        assert "BTC-USDT-SWAP" not in {row["instId"] for row in answer["data"]}
        assert (await speaker.client.get("/api/v5/market/books", instId="BTC-USDT-SWAP"))["code"] == "51001"


async def test_faults_are_added_over_http(speaker: Speaker, server: SimServer) -> None:
    await speaker.open(speaker.book)
    await server.advance(1)
    await speaker.received()
    status, _ = await speaker.client.post("/sim/faults", {"kind": "freeze", "stream": speaker.book, "count": -1})
    assert status == 200
    await server.advance(1)
    assert await speaker.received() == []
    status, body = await speaker.client.post("/sim/faults", {"kind": "stale_snapshot"})
    assert (status, "Binance" in body["error"]) == (400, True)
