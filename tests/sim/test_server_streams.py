from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.sim.client import START_US, SimClient

pytestmark = pytest.mark.sim

# Field order as sent by the venue in 2026 (the wire's own recordings), payload by payload.
FIELDS = {
    "aggTrade": "e E a s p q nq f l T m st",
    "trade": "e E T s t p q X m",
    "depthUpdate": "e E T s ps U u pu b a st",
    "kline": "e E s k",
    "markPriceUpdate": "e E s p ap P i r T st",
    "bookTicker": "e u s ps b B a A T E st",
    "24hrTicker": "e E s p P w c Q o h l v q O C F L n ps st",
    "24hrMiniTicker": "e E s ps c o h l v q st",
}


def kinds(frames: list[Any]) -> set[str]:
    return {frame["e"] for frame in frames if isinstance(frame, dict)}


async def test_fields_come_in_the_order_of_the_venue(client: SimClient, server: SimServer) -> None:
    public = await client.socket("/public/ws/btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker")
    market = await client.socket(
        "/market/ws/btcusdt@aggTrade/btcusdt@kline_1m/btcusdt@markPrice@1s/btcusdt@ticker/btcusdt@miniTicker"
    )
    await server.advance(4)
    frames = await public.received() + await market.received()
    assert kinds(frames) == set(FIELDS)
    for frame in frames:
        assert " ".join(frame) == FIELDS[frame["e"]]
        if frame["e"] == "kline":
            assert " ".join(frame["k"]) == "t T s i f L o c h l v n x q V Q B"


async def test_forced_orders_come_to_the_symbol_and_to_the_whole_market(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/market/stream?streams=!forceOrder@arr/btcusdt@forceOrder/ethusdt@forceOrder")
    await server.advance(90)
    frames = await socket.received()
    everything = [frame["data"] for frame in frames if frame["stream"] == "!forceOrder@arr"]
    whole = [frame for frame in everything if frame["o"]["st"] == 1]
    single = [frame["data"] for frame in frames if frame["stream"] != "!forceOrder@arr"]
    assert whole
    assert whole == single
    for frame in whole:
        assert " ".join(frame["o"]) == "s S o f q p ap X l z T ps st"
        assert 1_000 <= frame["E"] - frame["o"]["T"] < 2_100
    for symbol in ("BTCUSDT", "ETHUSDT"):
        times = [frame["o"]["T"] for frame in whole if frame["o"]["s"] == symbol]
        assert all(after - before >= 0 for before, after in pairwise(times))


async def test_the_whole_market_carries_coin_margined_orders_too() -> None:
    exchange = Exchange(7, 2, start_us=START_US, liquidation_rate=20)
    async with SimServer(exchange, manual=True) as server, SimClient(server) as client:
        socket = await client.socket("/market/ws/!forceOrder@arr")
        await server.advance(60)
        orders = [frame["o"] for frame in await socket.received()]
    foreign = [order for order in orders if order["st"] == 2]
    assert foreign
    assert {order["ps"] + "_PERP" for order in foreign} == {order["s"] for order in foreign}
    assert {order["s"] for order in orders if order["st"] == 1} <= {"BTCUSDT", "ETHUSDT"}


async def test_a_root_delivers_its_own_streams_and_acknowledges_the_others(
    client: SimClient, server: SimServer
) -> None:
    both = "btcusdt@depth@100ms/btcusdt@aggTrade"
    public = await client.socket(f"/public/ws/{both}")
    market = await client.socket(f"/market/ws/{both}")
    old = await client.socket("/ws")
    private = await client.socket(f"/private/ws/{both}")
    assert await old.ask("SUBSCRIBE", both.split("/"), 5) == {"result": None, "id": 5}
    await server.advance(3)
    assert kinds(await public.received()) == {"depthUpdate"}
    assert kinds(await market.received()) == {"aggTrade"}
    assert kinds(await old.received()) == {"depthUpdate"}
    assert await private.received() == []


async def test_subscriptions_change_on_a_live_connection(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/public/stream")
    assert await socket.ask("SUBSCRIBE", ["btcusdt@bookTicker", "nope@nothing", "0"], 3) == {"result": None, "id": 3}
    assert await socket.ask("LIST_SUBSCRIPTIONS") == {"result": ["btcusdt@bookTicker", "nope@nothing", "0"], "id": 1}
    await server.advance(1)
    frames = await socket.received()
    assert {frame["stream"] for frame in frames} == {"btcusdt@bookTicker"}
    assert await socket.ask("GET_PROPERTY", ["combined"]) == {"result": True, "id": 1}
    assert await socket.ask("SET_PROPERTY", ["combined", False]) == {"result": None, "id": 1}
    await server.advance(1)
    assert kinds(await socket.received()) == {"bookTicker"}
    assert await socket.ask("UNSUBSCRIBE", ["btcusdt@bookTicker"]) == {"result": None, "id": 1}
    await server.advance(1)
    assert await socket.received() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no json", 3),
        ("[" * 2_000, 3),
        ("[]", 2),
        ('{"id":1}', 2),
        ('{"method":"SHOUT","id":1}', 2),
        ('{"method":"SUBSCRIBE","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":"btcusdt@trade","id":1}', 2),
        ('{"method":"LIST_SUBSCRIPTIONS","id":-1}', 2),
        ('{"method":"LIST_SUBSCRIPTIONS","id":1.5}', 2),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
        ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0),
        ('{"method":"GET_PROPERTY","params":[],"id":1}', 2),
    ],
)
async def test_bad_requests_get_an_error_and_the_connection_stays_open(client: SimClient, text: str, code: int) -> None:
    socket = await client.socket("/public/ws")
    answer = await socket.answer(text)
    assert answer["code"] == code
    assert await socket.ask("LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


async def test_upper_case_symbols_stay_silent(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/public/ws/BTCUSDT@bookTicker")
    await server.advance(1)
    assert await socket.received() == []


@pytest.mark.parametrize("speed", ["", "@0ms", "@100ms", "@250ms", "@500ms"])
async def test_diffs_of_every_speed_rebuild_the_book(client: SimClient, server: SimServer, speed: str) -> None:
    await server.advance(0.13)
    socket = await client.socket(f"/public/ws/ethusdt@depth{speed}")
    await server.advance(0.7)
    snapshot = await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=1000)
    await server.advance(3.2)
    book = {side: dict(snapshot[name]) for side, name in (("b", "bids"), ("a", "asks"))}
    previous = 0
    frames = [frame for frame in await socket.received() if frame["u"] >= snapshot["lastUpdateId"]]
    for frame in frames:
        if previous:
            assert frame["pu"] == previous
        else:
            assert frame["U"] <= snapshot["lastUpdateId"] <= frame["u"]
        previous = frame["u"]
        for side in "ba":
            for price, size in frame[side]:
                if float(size):
                    book[side][price] = size
                else:
                    book[side].pop(price, None)
    now = await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=50)
    best_bids = sorted(book["b"].items(), key=lambda level: -float(level[0]))
    best_asks = sorted(book["a"].items(), key=lambda level: float(level[0]))
    every_ms = int(speed.strip("@ms") or 250)
    if every_ms <= 100:
        assert [list(level) for level in best_bids[:50]] == now["bids"]
        assert [list(level) for level in best_asks[:50]] == now["asks"]
    assert len({frame["E"] for frame in frames}) == len(frames)
    assert all(frame["E"] % max(50, every_ms) == 0 for frame in frames)


async def test_a_snapshot_without_any_diff_yet_joins_the_next_one(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/public/ws/btcusdt@depth@0ms")
    snapshot = await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5)
    await server.advance(1)
    first = (await socket.received())[0]
    assert first["U"] <= snapshot["lastUpdateId"] <= first["u"]


async def test_partial_books_are_the_best_levels(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/public/stream?streams=btcusdt@depth5@100ms/btcusdt@depth20")
    await server.advance(1)
    frames = await socket.received()
    assert {(frame["stream"], len(frame["data"]["b"]), len(frame["data"]["a"])) for frame in frames} == {
        ("btcusdt@depth5@100ms", 5, 5),
        ("btcusdt@depth20", 20, 20),
    }
    for frame in frames:
        assert frame["data"]["U"] <= frame["data"]["u"]
        assert float(frame["data"]["b"][0][0]) < float(frame["data"]["a"][0][0])


async def test_bars_are_sent_while_they_change_and_once_closed(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/market/ws/btcusdt@kline_1m")
    await server.advance(125)
    frames = [frame["k"] for frame in await socket.received()]
    closed = [bar for bar in frames if bar["x"]]
    assert len(closed) == 2
    rows = await client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=5)
    by_open = {row[0]: row for row in rows}
    for bar in closed:
        row = by_open[bar["t"]]
        assert [bar[name] for name in "ohlcv"] == row[1:6]
        assert [bar["T"], bar["q"], bar["n"], bar["V"], bar["Q"]] == row[6:11]
        assert bar["L"] - bar["f"] + 1 == bar["n"]
    opens = [bar["t"] for bar in frames]
    assert opens == sorted(opens)


async def test_whole_market_streams_carry_every_symbol(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/market/ws/!ticker@arr/!miniTicker@arr/!markPrice@arr@1s")
    books = await client.socket("/public/ws/!bookTicker")
    await server.advance(2)
    arrays = await socket.received()
    assert {frame[0]["e"] for frame in arrays} == {"24hrTicker", "24hrMiniTicker", "markPriceUpdate"}
    assert all([each["s"] for each in frame] == ["BTCUSDT", "ETHUSDT", "BTCUSD_PERP"] for frame in arrays)
    assert all([each["st"] for each in frame] == [1, 1, 2] for frame in arrays)
    assert {frame["s"] for frame in await books.received()} == {"BTCUSDT", "ETHUSDT"}


async def test_the_same_seed_gives_the_same_frames_with_and_without_other_clients() -> None:
    async def played(*others: str) -> list[Any]:
        async with SimServer(Exchange(7, 2, start_us=START_US), manual=True) as server, SimClient(server) as client:
            for other in others:
                await client.socket(other)
            socket = await client.socket("/public/ws/btcusdt@depth@100ms/btcusdt@trade")
            await server.advance(1.0)
            await client.get("/fapi/v1/depth", symbol="ETHUSDT")
            await server.advance(2.0)
            return await socket.received()

    alone = await played()
    assert len(alone) > 20
    assert await played("/market/ws/!ticker@arr", "/public/ws/ethusdt@depth/btcusdt@depth5") == alone


async def test_frames_are_compact_json(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/market/stream?streams=btcusdt@markPrice@1s")
    await server.advance(1)
    message = await socket.raw.receive(5)
    assert message.data == json.dumps(json.loads(message.data), separators=(",", ":"))


async def test_a_bar_is_sent_again_when_the_tick_changes(client: SimClient, server: SimServer) -> None:
    """Also where nothing is traded after the change: the stream and REST never show two prices for one bar."""
    socket = await client.socket("/market/ws/btcusdt@kline_1m")
    await server.advance(4)
    for tick_size in ("0.01", "0.001", "0.1"):
        server.add_fault("contract", symbol="BTCUSDT", tick_size=tick_size)
        await server.advance(1)
        sent = (await socket.received())[-1]["k"]
        (row,) = await client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=1)
        assert [sent["t"], sent["o"], sent["h"], sent["l"], sent["c"]] == row[:5]
