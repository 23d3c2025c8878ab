from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from orderfox_nb.clock import settle
from orderfox_nb.sim.server import SimServer
from orderfox_nb.sim.tape import TapeExchange
from orderfox_nb.sim.tape.liquidations import read_liquidations
from tests.sim.client import SimClient, SimSocket

pytestmark = pytest.mark.sim

BASE_MS = 1_760_000_000_000


def diff(last: int, previous: int, at_ms: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    return {
        "e": "depthUpdate",
        "E": BASE_MS + at_ms,
        "T": BASE_MS + at_ms,
        "s": "ABCUSDT",
        "U": previous + 1,
        "u": last,
        "pu": previous,
        "b": list(bids),
        "a": list(asks),
    }


def trade(trade_id: int, at_ms: int, price: str, size: str, *, kind: str = "MARKET", m: bool = False) -> dict[str, Any]:
    now = BASE_MS + at_ms
    body = {"e": "trade", "E": now, "T": now, "s": "ABCUSDT", "t": trade_id, "p": price, "q": size}
    return body | {"X": kind, "m": m}


def lines() -> list[str]:
    snapshot = {
        "lastUpdateId": 105,
        "bids": [["10.00", "5.0"], ["9.95", "1.5"]],
        "asks": [["10.05", "2.0"], ["10.10", "0.5"]],
    }
    played: list[tuple[int, Any]] = [
        (0, diff(100, 90, 0, bids=[["9.90", "7.0"]])),
        (5, trade(1, 5, "10.05", "1.0")),
        (5, trade(2, 5, "10.05", "0.5")),
        (10, snapshot),
        (20, diff(110, 100, 20, bids=[["9.95", "0.0"]], asks=[["10.05", "3.0"]])),
        (30, trade(3, 30, "0", "0", kind="NA")),
        (40, trade(4, 40, "10.00", "2.0", m=True)),
        (500, diff(120, 110, 500, asks=[["10.05", "0.0"], ["10.15", "4.0"]])),
        (70_000, trade(5, 70_000, "10.10", "0.5")),
        (70_100, diff(130, 120, 70_100, bids=[["10.05", "1.0"]])),
    ]
    wrapped = {"depthUpdate": "abcusdt@depth@0ms", "trade": "abcusdt@trade"}
    return [
        f"{(BASE_MS + at - 1_000) * 1_000_000} "
        + json.dumps({"stream": wrapped[body["e"]], "data": body} if "e" in body else body, separators=(",", ":"))
        for at, body in played
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "abc.txt"
    path.write_text("\n".join([*lines(), "17 {not json", ""]))
    return path


def rebuilt(snapshot: Any, diffs: list[Any]) -> tuple[dict[str, str], dict[str, str], int]:
    bids, asks = dict(snapshot["bids"]), dict(snapshot["asks"])
    previous = 0
    for each in diffs:
        if each["u"] < snapshot["lastUpdateId"]:
            continue
        if previous:
            assert each["pu"] == previous
        else:
            assert each["U"] <= snapshot["lastUpdateId"] <= each["u"]
        previous = each["u"]
        for side, changes in ((bids, each["b"]), (asks, each["a"])):
            for price, size in changes:
                if float(size):
                    side[price] = size
                else:
                    side.pop(price, None)
    return bids, asks, previous


async def depth_frames(socket: SimSocket) -> list[Any]:
    return [frame for frame in await socket.received() if frame["e"] == "depthUpdate"]


async def test_tape_waits_for_the_first_depth_subscription(recording: Path) -> None:
    async with SimServer(TapeExchange.open(recording), manual=True) as server, SimClient(server) as client:
        market = await client.socket("/market/ws/abcusdt@aggTrade")
        await server.advance(5)
        assert (await client.get("/fapi/v1/time"))["serverTime"] == BASE_MS
        assert await market.received() == []
        public = await client.socket("/public/ws/abcusdt@depth@100ms")
        await server.advance(5)
        assert [frame["u"] for frame in await depth_frames(public)] == [100, 110, 120]
        assert (await client.get("/fapi/v1/time"))["serverTime"] == BASE_MS + 5_000


async def test_tape_invents_no_mark_price_funding_or_open_interest(recording: Path) -> None:
    async with SimServer(TapeExchange.open(recording), manual=True) as server, SimClient(server) as client:
        socket = await client.socket("/market/stream?streams=abcusdt@markPrice@1s/!markPrice@arr/abcusdt@ticker")
        await client.socket("/public/ws/abcusdt@depth")
        await server.advance(5)
        assert {frame["stream"] for frame in await socket.received()} == {"abcusdt@ticker"}
        premium = await client.get("/fapi/v1/premiumIndex?symbol=ABCUSDT")
        assert (premium["markPrice"], premium["lastFundingRate"], premium["nextFundingTime"]) == ("", "", 0)
        assert (await client.get("/fapi/v1/openInterest?symbol=ABCUSDT"))["openInterest"] == ""
        assert await client.get("/futures/data/openInterestHist?symbol=ABCUSDT&period=5m") == []


async def test_tape_forwards_recorded_diffs_unchanged_at_any_speed(recording: Path) -> None:
    texts = [line.split(" ", 1)[1] for line in lines() if "depthUpdate" in line]
    recorded = [json.dumps(json.loads(text)["data"], separators=(",", ":")) for text in texts]
    async with SimServer(TapeExchange.open(recording), manual=True) as server, SimClient(server) as client:
        sockets = [await client.socket(f"/public/ws/abcusdt@depth{speed}") for speed in ("", "@0ms", "@500ms")]
        await server.advance(100)
        for socket in sockets:
            assert [(await socket.raw.receive(5)).data for _ in recorded] == recorded


@pytest.mark.parametrize("before_s", [0.0, 0.01, 0.3, 60.0, 100.0])
async def test_snapshot_at_any_moment_joins_the_diffs(recording: Path, before_s: float) -> None:
    async with SimServer(TapeExchange.open(recording), manual=True) as server, SimClient(server) as client:
        socket = await client.socket("/public/ws/abcusdt@depth")
        await server.advance(before_s)
        snapshot = await client.get("/fapi/v1/depth", symbol="ABCUSDT", limit=5)
        late = await client.socket("/public/ws/abcusdt@depth@0ms")
        await server.advance(100)
        whole = rebuilt(snapshot, await depth_frames(socket))
        assert whole[:2] == (
            {"10.00": "5.0", "10.05": "1.0"},
            {"10.10": "0.5", "10.15": "4.0"},
        )
        assert rebuilt(snapshot, await depth_frames(late))[:2] == whole[:2]


async def test_a_snapshot_does_not_hide_the_next_diff_of_a_single_id(tmp_path: Path) -> None:
    body = {"lastUpdateId": 105, "bids": [["10.00", "5.0"]], "asks": [["10.05", "2.0"]]}
    single = [diff(106 + n, 105 + n, 10_000 * (n + 1), bids=[[f"9.{n:02}", "1.0"]]) for n in range(3)]
    played = [(0, diff(105, 90, 0)), (5, body), *((10_000 * (n + 1), frame) for n, frame in enumerate(single))]
    path = tmp_path / "single.txt"
    path.write_text("".join(f"{(BASE_MS + at) * 1_000_000} {json.dumps(frame)}\n" for at, frame in played))
    async with SimServer(TapeExchange.open(path), manual=True) as server, SimClient(server) as client:
        socket = await client.socket("/public/ws/abcusdt@depth")
        await server.advance(1)
        snapshot = await client.get("/fapi/v1/depth", symbol="ABCUSDT", limit=5)
        assert snapshot["lastUpdateId"] == 105
        await server.advance(100)
        assert [frame["u"] for frame in await depth_frames(socket)] == [105, 106, 107, 108]


async def test_tape_infers_tick_and_lot_or_uses_those_given(recording: Path) -> None:
    for given_tick, given_lot, tick, lot in (("", "", 0.05, 0.5), ("0.01", "0.1", 0.01, 0.1)):
        tape = TapeExchange.open(recording, tick_size=given_tick, lot_size=given_lot)
        async with SimServer(tape, manual=True) as server, SimClient(server) as client:
            (contract,) = (await client.get("/fapi/v1/exchangeInfo"))["symbols"]
            assert contract["symbol"] == "ABCUSDT"
            assert float(contract["filters"][0]["tickSize"]) == tick
            assert float(contract["filters"][1]["stepSize"]) == lot


async def test_tape_derives_aggregates_and_bars_from_market_trades_alone(recording: Path) -> None:
    async with SimServer(TapeExchange.open(recording), manual=True) as server, SimClient(server) as client:
        market = await client.socket("/market/ws/abcusdt@aggTrade/abcusdt@kline_1m")
        await client.socket("/public/ws/abcusdt@depth")
        await server.advance(100)
        frames = await market.received()
        aggregates = [frame for frame in frames if frame["e"] == "aggTrade"]
        assert [(each["f"], each["l"], float(each["q"]), each["m"]) for each in aggregates] == [
            (1, 2, 1.5, False),
            (4, 4, 2.0, True),
            (5, 5, 0.5, False),
        ]
        ids = [each["a"] for each in aggregates]
        assert ids == list(range(ids[0], ids[0] + 3))
        assert [each["a"] for each in await client.get("/fapi/v1/aggTrades", symbol="ABCUSDT")] == ids
        (closed,) = [frame["k"] for frame in frames if frame["e"] == "kline" and frame["k"]["x"]]
        assert [float(closed[name]) for name in "ohlcvV"] == [10.05, 10.05, 10.0, 10.0, 3.5, 1.5]
        rows = await client.get("/fapi/v1/klines", symbol="ABCUSDT", interval="1m")
        assert [(float(row[5]), row[8]) for row in rows] == [(3.5, 3), (0.5, 1)]
        (hour,) = await client.get("/fapi/v1/klines", symbol="ABCUSDT", interval="1h")
        assert [float(value) for value in hour[1:6]] == [10.05, 10.1, 10.0, 10.1, 4.0]
        assert float((await client.get("/fapi/v1/ticker/24hr", symbol="ABCUSDT"))["lastPrice"]) == 10.1


async def test_tape_stops_at_its_end_and_stays_connected(recording: Path) -> None:
    async with SimServer(TapeExchange.open(recording), manual=True) as server, SimClient(server) as client:
        socket = await client.socket("/public/ws/abcusdt@depth")
        await server.advance(1_000)
        await depth_frames(socket)
        await server.advance(1_000)
        assert await socket.received() == []
        assert (await client.get("/fapi/v1/time"))["serverTime"] == BASE_MS + 70_100
        assert len(server.connections) == 1


async def test_tape_reads_gzip(tmp_path: Path) -> None:
    path = tmp_path / "abc.gz"
    path.write_bytes(gzip.compress("\n".join(lines()).encode()))
    assert [listing.symbol for listing in TapeExchange.open(path).listings] == ["ABCUSDT"]


async def test_tape_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text("nothing here\n")
    with pytest.raises(ValueError, match="no recorded frame"):
        TapeExchange.open(path)


@pytest.mark.parametrize("text", ["no json", "[]", '{"e":"trade"}', '{"e":"forceOrder","E":1,"o":{"T":1}}'])
async def test_a_file_without_liquidations_is_refused(recording: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "force.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(ValueError, match="not a forceOrder frame"):
        TapeExchange.open(recording, liquidations=path)


async def test_recorded_forced_orders_of_the_same_time_stay_as_they_are(recordings: Path) -> None:
    recorded = read_liquidations(recordings / "forceorder_20240818.jsonl", start_us=1_723_971_630_000_000)
    lines = (recordings / "forceorder_20240818.jsonl").read_bytes().splitlines()
    assert sorted(each.payload for each in recorded) == sorted(lines)


async def test_liquidations_of_another_day_are_moved_to_the_tape(recording: Path, tmp_path: Path) -> None:
    order = {"S": "SELL", "o": "LIMIT", "f": "IOC", "q": "2", "p": "9", "ap": "9.5", "X": "FILLED", "l": "1", "z": "2"}
    events = [
        {"e": "forceOrder", "E": 5_006, "o": {"s": "ABCUSDT", **order, "T": 5_000}},
        {"e": "forceOrder", "E": 6_006, "o": {"s": "OTHERUSDT", **order, "T": 6_000}},
    ]
    path = tmp_path / "force.jsonl"
    path.write_text("\n".join(json.dumps(event) for event in events))
    async with (
        SimServer(TapeExchange.open(recording, liquidations=path), manual=True) as server,
        SimClient(server) as client,
    ):
        socket = await client.socket("/market/stream?streams=!forceOrder@arr/abcusdt@forceOrder")
        await client.socket("/public/ws/abcusdt@depth")
        assert (await client.ask("/api/liquidation-orders", symbol="ABCUSDT", limit=9))[0] == 404
        await server.advance(10)
        frames = [(frame["stream"], frame["data"]["o"]["s"], frame["data"]["E"]) for frame in await socket.received()]
        assert sorted(frames) == [
            ("!forceOrder@arr", "ABCUSDT", BASE_MS + 1_000),
            ("!forceOrder@arr", "OTHERUSDT", BASE_MS + 2_000),
            ("abcusdt@forceOrder", "ABCUSDT", BASE_MS + 1_000),
        ]
        (past,) = await client.get("/api/liquidation-orders", symbol="ABCUSDT", limit=9)
        assert (past["average_price"], past["order_filled_accumulated_quantity"]) == (9.5, 2.0)


async def test_at_full_speed_a_slow_reader_loses_nothing(recordings: Path) -> None:
    tape = TapeExchange.open(recordings / "usdm_btcusdt_20240808.gz", paced_by_readers=True)
    async with SimServer(tape) as server, SimClient(server) as client:
        fast = await client.socket("/public/ws/btcusdt@bookTicker")
        slow = await client.socket("/public/ws/btcusdt@depth@100ms/btcusdt@trade")
        best, (snapshot, diffs, trades) = await asyncio.gather(best_of(fast), read_slowly(slow, client))
        bids, asks, last = rebuilt(snapshot, diffs)
        assert last == diffs[-1]["u"]
        assert (max(map(float, bids)), min(map(float, asks))) == (61659.7, 61659.8)
        assert trades == 21_313
        assert (best["b"], best["a"]) == ("61659.70", "61659.80")
        rows = await client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m")
        derived = recordings / "fapi_v1_klines_BTCUSDT_1m_20240808_from_trades.json"
        assert rows == json.loads(derived.read_text())


async def best_of(socket: SimSocket) -> Any:
    best = None
    for _ in range(66_089):
        best = await socket.receive(20)
    return best


async def read_slowly(socket: SimSocket, client: SimClient) -> tuple[Any, list[Any], int]:
    snapshot = None
    diffs: list[Any] = []
    trades = 0
    while len(diffs) < 6_551:
        frame = await socket.receive(20)
        # Yields to the faster reader, several times a frame.
        await settle(3)
        if frame["e"] == "trade":
            trades += 1
        else:
            diffs.append(frame)
        if len(diffs) == 100 and snapshot is None:
            snapshot = await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
    return snapshot, diffs, trades
