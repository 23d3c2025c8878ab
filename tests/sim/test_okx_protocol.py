"""OKX's protocol beside what it has in common with Bybit's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import Limits, SimServer
from orderfox_nb.sim.server.okx.conversation import REQUESTS_PER_HOUR
from tests.sim.client import START_US, SimClient
from tests.sim.speakers import OkxSpeaker, okx_speaker

pytestmark = pytest.mark.sim

BTC = "BTC-USDT-SWAP"


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    exchange = Exchange(7, 2, start_us=START_US, liquidation_rate=100)
    async with SimServer(exchange, manual=True, protocol="okx") as server:
        yield server


@pytest.fixture
async def speaker(client: SimClient) -> OkxSpeaker:
    return await okx_speaker(client).open()


async def events(speaker: OkxSpeaker, message: Any) -> list[Any]:
    await speaker.say(message)
    return [frame for frame in await speaker.received() if "event" in frame]


async def test_each_argument_is_answered_alone(speaker: OkxSpeaker) -> None:
    known, unknown = {"channel": "trades", "instId": BTC}, {"channel": "trades", "instId": "NOPE-USDT-SWAP"}
    accepted, refused = await events(speaker, {"op": "subscribe", "id": "1512", "args": [known, unknown]})
    assert (accepted["event"], accepted["arg"], accepted["id"]) == ("subscribe", known, "1512")
    assert (refused["event"], refused["code"]) == ("error", "60018")
    (ended,) = await events(speaker, {"op": "unsubscribe", "args": [known]})
    assert (ended["event"], ended["arg"]) == ("unsubscribe", known)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "60012"),
        ("[]", "60012"),
        ('{"op": "buy", "args": [{}]}', "60012"),
        ('{"op": "subscribe", "args": []}', "60013"),
        ('{"op": "subscribe", "args": [{"channel": "candle1m", "instId": "BTC-USDT-SWAP"}]}', "60018"),
        ('{"op": "subscribe", "args": [{"channel": "index-tickers", "instId": "BTC-USDT-SWAP"}]}', "60018"),
        ('{"op": "subscribe", "args": [{"channel": "liquidation-orders", "instType": "OPTION"}]}', "60018"),
    ],
)
async def test_what_is_not_served_is_an_error_and_the_connection_lives(
    speaker: OkxSpeaker, message: str, code: str
) -> None:
    (refused,) = await events(speaker, message)
    assert (refused["event"], refused["code"]) == ("error", code)
    assert len(await events(speaker, {"op": "subscribe", "args": [{"channel": "tickers", "instId": BTC}]})) == 1


async def test_a_connection_may_subscribe_so_often_in_an_hour(speaker: OkxSpeaker, server: SimServer) -> None:
    message = {"op": "subscribe", "args": [{"channel": "price-limit", "instId": BTC}]}
    for _ in range(REQUESTS_PER_HOUR):
        await speaker.say(message)
    assert {frame["event"] for frame in await speaker.received() if "event" in frame} == {"subscribe"}
    (refused,) = await events(speaker, message)
    assert refused["code"] == "60014"


async def test_requests_of_each_path_have_a_limit_of_their_own(client: SimClient, server: SimServer) -> None:
    answers = [(await client.ask("/api/v5/public/time"))[0] for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2
    assert (await client.ask("/api/v5/public/instruments", instType="SWAP"))[0] == 200
    await server.advance(2)
    assert (await client.ask("/api/v5/public/time"))[0] == 200


async def test_a_connection_that_is_silent_in_both_directions_is_closed() -> None:
    limits = Limits(idle_s=0.2, ping_s=float("inf"))
    exchange = Exchange(7, 1, start_us=START_US)
    async with SimServer(exchange, manual=True, protocol="okx", limits=limits) as server, SimClient(server) as client:
        speaker = await okx_speaker(client).open()
        assert speaker.socket is not None
        assert await speaker.socket.closed() in (1000, 1005, 1006)


async def test_sizes_are_contracts(client: SimClient, server: SimServer) -> None:
    (row,) = (await client.get("/api/v5/public/instruments", instType="SWAP", instId=BTC))["data"]
    assert (row["ctVal"], row["ctValCcy"], row["lotSz"], row["tickSz"]) == ("0.01", "BTC", "0.1", "0.10")
    market = server.source.market("BTCUSDT")
    (book,) = (await client.get("/api/v5/market/books", instId=BTC, sz=5))["data"]
    bid, lots, *_ = market.best()
    assert [float(text) for text in book["bids"][0][:2]] == pytest.approx([bid * 0.1, lots * 0.001 / 0.01])
    (interest,) = (await client.get("/api/v5/public/open-interest", instType="SWAP", instId=BTC))["data"]
    assert float(interest["oi"]) * 0.01 == pytest.approx(float(interest["oiCcy"]))


async def test_trades_are_gathered_by_taker_order_and_single_over_rest(
    speaker: OkxSpeaker, client: SimClient, server: SimServer
) -> None:
    await speaker.say(speaker.subscription("subscribe", speaker.trades))
    await speaker.received()
    await server.advance(20)
    rows = [row for frame in await speaker.data(speaker.trades) for row in frame["data"]]
    market = server.source.market("BTCUSDT")
    facts = market.aggregate_trades(1_000, start_us=START_US)
    assert [(int(row["tradeId"]), int(row["count"])) for row in rows] == [
        (fact.last_trade_id, len(fact.fills)) for fact in facts
    ]
    singles = (await client.get("/api/v5/market/trades", instId=BTC, limit=500))["data"]
    ids = [int(row["tradeId"]) for row in singles]
    assert ids == list(range(ids[0], ids[0] - len(ids), -1))
    older = (await client.get("/api/v5/market/history-trades", instId=BTC, after=ids[-1], limit=50))["data"]
    assert [int(row["tradeId"]) for row in older] == list(range(ids[-1] - 1, ids[-1] - 51, -1))
    newer = (await client.get("/api/v5/market/history-trades", instId=BTC, before=ids[10], limit=50))["data"]
    assert [int(row["tradeId"]) for row in newer] == ids[:10]


async def test_liquidations_name_the_order_and_the_position(speaker: OkxSpeaker, server: SimServer) -> None:
    await speaker.say(speaker.subscription("subscribe", "liquidation-orders:SWAP"))
    await speaker.received()
    for _ in range(12):
        await server.advance(10)
    rows = [row for frame in await speaker.data("liquidation-orders:SWAP") for row in frame["data"]]
    details = [row["details"][0] for row in rows if row["instId"] == BTC]
    market = server.source.market("BTCUSDT")
    facts = market.liquidation_orders(START_US, server.now_us() - 2_000_000)
    assert len(facts) > 3
    sides = {"sell": "long", "buy": "short"}
    assert {(f.time_us // 1000, f.side, sides[f.side], f.lots_filled / 10) for f in facts} <= {
        (int(one["ts"]), one["side"], one["posSide"], float(one["sz"])) for one in details
    }


async def test_bars_page_by_after_and_before(client: SimClient) -> None:
    now_ms = START_US // 1000
    newest = (await client.get("/api/v5/market/candles", instId=BTC, bar="1m", limit=5))["data"]
    assert [int(row[0]) for row in newest] == [(now_ms // 60_000 - number) * 60_000 for number in range(5)]
    assert [row[8] for row in newest] == ["0", "1", "1", "1", "1"]
    older = (await client.get("/api/v5/market/candles", instId=BTC, bar="1m", after=newest[-1][0], limit=3))["data"]
    assert [int(row[0]) for row in older] == [int(newest[-1][0]) - 60_000 * number for number in (1, 2, 3)]
    between = (
        await client.get("/api/v5/market/candles", instId=BTC, bar="1m", after=newest[0][0], before=newest[3][0])
    )["data"]
    assert [row[0] for row in between] == [newest[1][0], newest[2][0]]
    assert (await client.ask("/api/v5/market/candles", instId=BTC, bar="1D"))[1]["code"] == "51000"


async def test_bars_and_every_fill_are_on_the_business_socket(client: SimClient, server: SimServer) -> None:
    speaker = await okx_speaker(client, "business").open("candle1m:" + BTC, "trades-all:" + BTC)
    await server.advance(50)
    frames = await speaker.received()
    bars = [frame["data"][0] for frame in frames if speaker.stream_of(frame) == "candle1m:" + BTC]
    minute = server.source.market("BTCUSDT").klines("1m", limit=2)[0]
    closed = [bar for bar in bars if bar[8] == "1"]
    assert [int(bar[0]) * 1000 for bar in closed] == [minute.open_us]
    assert float(closed[0][6]) == pytest.approx(minute.lots * 0.001)
    assert float(closed[0][5]) == pytest.approx(minute.lots * 0.1)
    ids = [int(frame["data"][0]["tradeId"]) for frame in frames if speaker.stream_of(frame) == "trades-all:" + BTC]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
