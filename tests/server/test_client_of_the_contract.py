"""What existing browser clients rely on: the sockets they open, and each fact once."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from orderfox_nb.core.events import Gap, Status, Topic
from orderfox_nb.core.timeframes import MINUTE_US
from tests.server.conftest import TOKEN, Served
from tests.server.scripted import VENUE, bars, liquidation

pytestmark = pytest.mark.server

CANDLES = Topic(VENUE, "BTCUSDT", "candles", "1m")
LIQUIDATIONS = Topic(VENUE, "BTCUSDT", "liquidations")


class ContractClient:
    """Shows whatever its sockets send, as the ancestor's page does: tables by type, volume bars by time."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.bars: dict[int, dict[str, Any]] = {}
        self.candles: dict[int, dict[str, Any]] = {}
        self.histories = 0
        self.updates = 0
        self.others: set[str] = set()

    def show(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "liquidation_order":
                data = message["data"]
                self.orders += data if isinstance(data, list) else [data]
            case "liquidation_volume":
                if not message["is_update"]:
                    self.bars.clear()
                self.bars.update({bar["time"]: bar for bar in message["data"]})
            case "historical_candles":
                self.histories += 1
                self.candles = {bar["time"]: bar for bar in message["data"]}
            case "candle_update":
                self.updates += 1
                self.candles[message["time"]] = message
            case other:
                self.others.add(other)

    async def read(self, socket: ClientConnection) -> None:
        async for text in socket:
            self.show(msgspec.json.decode(text))


async def shown(client: ContractClient, condition: Any) -> None:
    """Wait until the client shows something."""
    async with asyncio.timeout(60):
        while not condition(client):  # noqa: ASYNC110  (what a server sends signals nothing here)
            await asyncio.sleep(0.02)


async def test_client_with_one_socket_for_its_table_and_one_for_its_chart_shows_each_order_once(server: Served) -> None:
    base = server.ws_url + "api/v1/ws/"
    client = ContractClient()
    async with (
        connect(base + "candles/BTCUSDT/1m") as candles,
        connect(base + "liquidations/BTCUSDT") as table,
        connect(base + "liquidations/BTCUSDT?timeframe=1m") as chart,
        asyncio.TaskGroup() as readers,
    ):
        tasks = [readers.create_task(client.read(socket)) for socket in (candles, table, chart)]
        await shown(client, lambda client: client.orders and client.bars and client.candles)
        assert set(client.bars) == set(client.candles)
        known = len(client.orders)
        now_us = server.feed.time_us
        server.feed.emit(LIQUIDATIONS, *(liquidation("BTCUSDT", number, now_us) for number in range(10, 15)))
        await shown(client, lambda client: len(client.orders) >= known + 5)
        newest = max(client.bars)
        await shown(client, lambda client: client.bars[newest]["count"] >= 8)
        for task in tasks:
            task.cancel()
    assert len(client.orders) == known + 5
    assert len({(order["timestamp"], order["quantity"]) for order in client.orders}) == known + 5
    # The sum of the bars is what the table lists, beside what only the history has.
    total = sum(float(order["priceUsdt"]) for order in client.orders)
    assert float(client.bars[newest]["total_volume"]) == pytest.approx(total)


async def test_orders_and_volume_come_over_one_socket_where_both_are_asked_for(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/liquidations/BTCUSDT?timeframe=1m&orders=true") as socket:
        client = ContractClient()
        async with asyncio.timeout(60):
            while not (client.orders and client.bars):
                client.show(msgspec.json.decode(await socket.recv()))


async def test_average_is_null_before_the_first_bucket_that_is_known(server: Served) -> None:
    first_us = server.feed.time_us - 5 * MINUTE_US
    server.feed.sums = [(first_us, 1000.0, 500.0, 2)]
    start_ms = server.feed.time_us // 1000 - 600_000
    path = f"api/v1/liquidation-volume/BTCUSDT/1m?start_time={start_ms}"
    status, answer = await server.ask(path)
    assert status == 200
    averages = [bucket["ma_value"] for bucket in answer["data"]]
    first = next(at for at, bucket in enumerate(answer["data"]) if bucket["count"])
    assert first > 0
    assert averages[:first] == [None] * first
    assert answer["data"][0]["ma_value_formatted"] is None
    assert averages[first] == "500"
    assert None not in averages[first:]


async def test_restart_of_the_venue_sends_one_history_and_no_flood_of_updates(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/candles/BTCUSDT/1m") as socket, asyncio.TaskGroup() as readers:
        client = ContractClient()
        task = readers.create_task(client.read(socket))
        await shown(client, lambda client: client.histories == 1)
        # The same times with other prices, as another run of a venue has them; then one move of the open bar.
        now_us = server.feed.time_us
        past = [
            msgspec.structs.replace(bar, close=bar.close + 5, open=50_001.0)
            for bar in bars("BTCUSDT", "1m", 300, now_us)
        ]
        restart = Gap(symbol="BTCUSDT", time_us=now_us, reason="the venue restarted", restart=True)
        live = Status(symbol="BTCUSDT", time_us=now_us, state="live")
        server.feed.emit(CANDLES, restart, *past, live)
        await shown(
            client, lambda client: client.candles and all(bar["open"] == 50_001.0 for bar in client.candles.values())
        )
        assert client.histories <= 3
        assert client.updates <= 20
        task.cancel()


async def test_gap_longer_than_the_window_sends_a_history(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/candles/BTCUSDT/1m") as socket, asyncio.TaskGroup() as readers:
        client = ContractClient()
        task = readers.create_task(client.read(socket))
        await shown(client, lambda client: client.histories == 1)
        server.feed.time_us += 400 * MINUTE_US
        server.feed.emit(CANDLES, *bars("BTCUSDT", "1m", 400, server.feed.time_us))
        newest_s = server.feed.time_us // MINUTE_US * 60
        await shown(client, lambda client: newest_s in client.candles)
        assert client.updates == 0
        assert client.histories >= 2
        task.cancel()


async def test_range_of_a_history_is_in_whole_seconds(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/candles/BTCUSDT/1m") as socket:
        message = msgspec.json.decode(await socket.recv())
    times = message["time_range"]
    assert times["start"] == message["data"][0]["time"] == times["start_ms"] // 1000
    assert times["end"] == message["data"][-1]["time"] == times["end_ms"] // 1000
    assert isinstance(times["start"], int)


@pytest.mark.parametrize(
    "path", ["api/v1/symbols", "api/v1/nothing", "api/v1", "api/v1/refresh-symbols", "api/v1/ws/nothing", "api/v1/docs"]
)
async def test_preflight_is_answered_on_every_path(serve: Any, path: str) -> None:
    origin = "https://friend.example"
    async with serve(CORS_ORIGINS=origin) as server:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        async with server.session.options(server.url + path, headers=headers) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == origin
        async with server.session.options(
            server.url + path, headers={**headers, "Origin": "https://foe.example"}
        ) as response:
            assert response.status == 204
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_ping_in_a_binary_frame_is_answered(server: Served) -> None:
    for path in ("orderbook/BTCUSDT", "live"):
        async with connect(server.ws_url + "api/v1/ws/" + path) as socket:
            await socket.send(b'{"type":"ping"}')
            async with asyncio.timeout(60):
                while msgspec.json.decode(await socket.recv())["type"] != "pong":
                    pass


async def test_no_row_of_a_book_is_at_price_zero(server: Served) -> None:
    for rounding in ("10000", "30000", "100000"):
        status, book = await server.ask(f"api/v1/orderbook/BTCUSDT?rounding={rounding}&limit=50")
        assert status == 200
        assert all(row["price"] > 0 for row in (*book["bids"], *book["asks"])), rounding


async def test_client_of_another_origin_creates_a_bot_and_opens_its_trading_view(serve: Any) -> None:
    origin = "https://friend.example"
    async with serve(CORS_ORIGINS=origin) as server:
        bots = server.url + "api/v1/bots"
        wanted = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        async with server.session.options(bots, headers=wanted) as response:
            assert response.status == 204
            assert {"POST", "PATCH", "DELETE"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
            allowed = response.headers["Access-Control-Allow-Headers"].lower()
            assert "authorization" in allowed
            assert "content-type" in allowed
        # What its form sends, and what its list and its view read.
        form = {"name": "My bot", "symbol": "BTCUSDT", "isActive": True, "isPaperTrading": True}
        headers = {"Origin": origin, "Authorization": f"token {TOKEN}"}
        async with server.session.post(bots, json=form, headers=headers) as response:
            assert response.status == 201
            assert response.headers["Access-Control-Allow-Origin"] == origin
            made = await response.json()
        _, listed = await server.ask("api/v1/bots?page=1&page_size=100", headers={"Origin": origin})
        assert [bot["id"] for bot in listed["bots"]] == [made["id"]]
        assert form.items() <= listed["bots"][0].items()
        for path in ("orderbook", "trades", "candles", "liquidations"):
            async with connect(f"{server.ws_url}api/v1/ws/{path}/{made['symbol']}", origin=Origin(origin)) as socket:
                assert msgspec.json.decode(await socket.recv())["symbol"] == "BTCUSDT"
        where = f"{bots}/{made['id']}/status?is_active=false"
        async with server.session.patch(where, headers=headers) as response:
            assert (response.status, (await response.json())["isActive"]) == (200, False)
        async with server.session.delete(f"{bots}/{made['id']}", headers=headers) as response:
            assert response.status == 204
