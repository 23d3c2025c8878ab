"""Bybit's protocol beside what it has in common with OKX's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import Limits, SimServer
from tests.sim.client import START_US, SimClient
from tests.sim.speakers import BybitSpeaker, bybit_speaker

pytestmark = pytest.mark.sim


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SimServer]:
    """A venue, with many liquidations where a test asks for them: making their past takes a second."""
    exchange = Exchange(7, 2, start_us=START_US, liquidation_rate=getattr(request, "param", 1.0))
    async with SimServer(exchange, manual=True, protocol="bybit") as server:
        yield server


@pytest.fixture
async def speaker(client: SimClient) -> BybitSpeaker:
    return await bybit_speaker(client).open()


async def answer(speaker: BybitSpeaker, message: Any) -> Any:
    await speaker.say(message)
    return next(frame for frame in await speaker.received() if "op" in frame)


async def test_requests_are_answered_with_their_ids(speaker: BybitSpeaker) -> None:
    accepted = await answer(speaker, {"op": "subscribe", "req_id": "a7", "args": ["publicTrade.BTCUSDT"]})
    assert {key: accepted[key] for key in ("success", "ret_msg", "req_id", "op")} == {
        "success": True,
        "ret_msg": "",
        "req_id": "a7",
        "op": "subscribe",
    }
    assert "req_id" not in await answer(speaker, {"op": "unsubscribe", "args": ["publicTrade.BTCUSDT"]})
    pong = await answer(speaker, {"op": "ping", "req_id": "b"})
    assert (pong["success"], pong["ret_msg"], pong["op"]) == (True, "pong", "ping")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["orderbook.7.BTCUSDT"], "error:handler not found,topic:orderbook.7.BTCUSDT"),
        (["kline.7.BTCUSDT"], "error:handler not found,topic:kline.7.BTCUSDT"),
        (["publicTrade.NOPEUSDT"], "Invalid symbol :[publicTrade.NOPEUSDT]"),
        (["publicTrade.BTCUSDT", "nothing"], "error:handler not found,topic:nothing"),
        ([], "error:args is empty or holds what is no topic"),
        ([5], "error:args is empty or holds what is no topic"),
    ],
)
async def test_a_refused_topic_refuses_the_whole_request(
    speaker: BybitSpeaker, server: SimServer, args: list[Any], reason: str
) -> None:
    refused = await answer(speaker, {"op": "subscribe", "args": args})
    assert (refused["success"], refused["ret_msg"]) == (False, reason)
    await server.advance(2)
    assert await speaker.received() == []


@pytest.mark.parametrize(
    "message", ["not json", "[]", '{"op": 5}', '{"op": "buy"}', "5", '{"op":"subscribe","args":5}']
)
async def test_nonsense_is_refused_and_the_connection_lives(speaker: BybitSpeaker, message: str) -> None:
    assert (await answer(speaker, message))["success"] is False
    assert (await answer(speaker, {"op": "ping"}))["success"] is True


async def test_topics_of_a_connection_have_a_length_in_all() -> None:
    limits = Limits(argument_bytes=50, ping_s=float("inf"))
    exchange = Exchange(7, 2, start_us=START_US)
    async with SimServer(exchange, manual=True, protocol="bybit", limits=limits) as server, SimClient(server) as client:
        speaker = await bybit_speaker(client).open("publicTrade.BTCUSDT", "tickers.BTCUSDT")
        await speaker.received()
        refused = await answer(speaker, {"op": "subscribe", "args": ["orderbook.200.BTCUSDT"]})
        assert refused["ret_msg"] == "error:args size >50 characters"
        again = await answer(speaker, {"op": "subscribe", "args": ["publicTrade.BTCUSDT"]})
        assert again["ret_msg"] == "error:already subscribed,topic:publicTrade.BTCUSDT"


async def test_requests_beyond_the_limit_of_a_span_are_refused_until_it_is_over() -> None:
    limits = Limits(requests_per_window=3, window_s=5.0)
    exchange = Exchange(7, 1, start_us=START_US)
    async with SimServer(exchange, manual=True, protocol="bybit", limits=limits) as server, SimClient(server) as client:
        answers = [(await client.ask("/v5/market/time"))[0] for _ in range(5)]
        assert answers == [200, 200, 200, 403, 403]
        await server.advance(5)
        assert (await client.ask("/v5/market/time"))[0] == 200


async def test_trades_are_every_fill_and_those_of_rest(
    speaker: BybitSpeaker, client: SimClient, server: SimServer
) -> None:
    await speaker.say(speaker.subscription("subscribe", speaker.trades))
    await speaker.received()
    await server.advance(20)
    rows = [row for frame in await speaker.data(speaker.trades) for row in frame["data"]]
    market = server.source.market("BTCUSDT")
    facts = market.aggregate_trades(1_000, start_us=START_US)
    assert [float(row["v"]) for row in rows] == pytest.approx([lots * 0.001 for fact in facts for lots in fact.fills])
    asked = (await client.get("/v5/market/recent-trade", category="linear", symbol="BTCUSDT", limit=1_000))["result"]
    known = {row["execId"]: (row["price"], row["size"], row["side"]) for row in asked["list"]}
    recent = rows[-min(len(rows), 500) :]
    assert {row["i"]: (row["p"], row["v"], row["S"]) for row in recent}.items() <= known.items()
    assert len({row["i"] for row in rows}) == len(rows)


async def test_a_ticker_is_a_snapshot_and_then_what_has_changed(speaker: BybitSpeaker, server: SimServer) -> None:
    await speaker.say(speaker.subscription("subscribe", "tickers.BTCUSDT"))
    await server.advance(5)
    first, *others = await speaker.data("tickers.BTCUSDT")
    assert first["type"] == "snapshot"
    assert {frame["type"] for frame in others} == {"delta"}
    assert all(len(frame["data"]) < len(first["data"]) for frame in others)
    held = first["data"]
    for frame in others:
        held |= frame["data"]
    market = server.source.market("BTCUSDT")
    mark, lots = market.mark(), market.open_interest()
    assert mark is not None
    assert lots is not None
    assert float(held["markPrice"]) == pytest.approx(mark.mark, abs=0.01)
    assert float(held["openInterest"]) == pytest.approx(lots * 0.001)
    assert float(held["bid1Price"]) == pytest.approx(market.best()[0] * 0.1)


@pytest.mark.parametrize("server", [100.0], indirect=True, ids=["many"])
async def test_all_liquidations_come_with_the_side_of_the_position(speaker: BybitSpeaker, server: SimServer) -> None:
    await speaker.say(speaker.subscription("subscribe", "allLiquidation.BTCUSDT"))
    await speaker.received()
    for _ in range(12):
        await server.advance(10)
    rows = [row for frame in await speaker.data("allLiquidation.BTCUSDT") for row in frame["data"]]
    market = server.source.market("BTCUSDT")
    truth = market.liquidations_truth(START_US, server.now_us() - 2_000_000)  # type: ignore[attr-defined]
    known = {(row["T"], row["S"], float(row["v"])) for row in rows}
    # The market is quiet without them too: the rate makes sure that there are some.
    assert len(truth) > 5
    assert {(f.time_us // 1000, "Buy" if f.side == "sell" else "Sell", f.lots_filled / 1000) for f in truth} <= known


async def test_lists_have_pages_and_what_is_no_perpetual(client: SimClient) -> None:
    symbols: list[str] = []
    cursor = ""
    while True:
        given = {"cursor": cursor} if cursor else {}
        page = (await client.get("/v5/market/instruments-info", category="linear", limit=1, **given))["result"]
        symbols += [row["symbol"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    assert symbols[:2] == ["BTCUSDT", "ETHUSDT"]
    assert symbols[2].startswith("BTCUSDT-")
    assert (await client.get("/v5/market/instruments-info", category="spot"))["result"]["list"] == []
    assert (await client.get("/v5/market/instruments-info", category="moon"))["retCode"] == 10001


async def test_series_answer_the_newest_rows_of_a_span(client: SimClient) -> None:
    start_ms, end_ms = START_US // 1000 - 3_600_000, START_US // 1000
    query = {"category": "linear", "symbol": "BTCUSDT", "interval": "1"}
    both = (await client.get("/v5/market/kline", **query, start=start_ms, end=end_ms, limit=10))["result"]["list"]
    assert [int(row[0]) for row in both] == [(end_ms // 60_000 - number) * 60_000 for number in range(10)]
    first = (await client.get("/v5/market/kline", **query, start=start_ms, limit=10))["result"]["list"]
    begin_ms = -(-start_ms // 60_000) * 60_000
    assert [int(row[0]) for row in first[::-1]] == [begin_ms + 60_000 * number for number in range(10)]
    assert (await client.get("/v5/market/kline", **query, start=end_ms, end=start_ms))["retCode"] == 10001
    funding = {"category": "linear", "symbol": "BTCUSDT"}
    assert (await client.get("/v5/market/funding/history", **funding, startTime=start_ms))["retCode"] == 10001
    assert len((await client.get("/v5/market/funding/history", **funding, limit=3))["result"]["list"]) == 3
