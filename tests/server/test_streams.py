"""The public WebSockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from orderfox_nb.core.events import BookDelta, Status, Topic, raw_levels
from orderfox_nb.feeds.base import Listing
from orderfox_nb.server.handlers.sockets import cut_reason, parse_message
from orderfox_nb.views import contract
from tests.server.conftest import Serve, Served
from tests.server.scripted import LISTINGS, VENUE, trade

pytestmark = pytest.mark.server

BOOK = Topic(VENUE, "BTCUSDT", "book")
TRADES = Topic(VENUE, "BTCUSDT", "trades")
LIQUIDATIONS = Topic(VENUE, "BTCUSDT", "liquidations")


async def receive(socket: ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """Return the next message, or the next one of a kind."""
    async with asyncio.timeout(60):
        while True:
            message = msgspec.json.decode(await socket.recv())
            if kind is None or message["type"] == kind:
                return message


async def closed_with(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012  (whatever was on its way comes first)
        async with asyncio.timeout(60):
            while True:
                await socket.recv()
    frame = closed.value.rcvd
    assert frame is not None
    return frame.code, frame.reason


def moved_book(server: Served, number: int) -> BookDelta:
    return BookDelta(
        symbol="BTCUSDT",
        time_us=server.feed.time_us + number,
        raw_bids=raw_levels([(49_990.0, 1.0 + number)]),
        raw_asks=raw_levels([]),
        first_id=100 + number,
        last_id=100 + number,
        previous_id=99 + number,
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("orderbook?symbol=BTCUSDT", "orderbook_update"),
        ("orderbook/btcusdt", "orderbook_update"),
        ("orderbook/BTC/USDT", "orderbook_update"),
        ("orderbook/BTC%2FUSDT", "orderbook_update"),
        ("trades?symbol=btc/usdt", "trades_update"),
        ("trades/BTCUSDT", "trades_update"),
        ("candles?symbol=BTCUSDT&timeframe=1m", "historical_candles"),
        ("candles/BTCUSDT?timeframe=1m", "historical_candles"),
        ("candles/BTCUSDT/1m", "historical_candles"),
        ("candles/BTC/USDT/1m", "historical_candles"),
        ("candles/BTCUSDT?unknown=1", "historical_candles"),
        ("liquidations?symbol=BTCUSDT", "liquidation_order"),
        ("liquidations/BTCUSDT", "liquidation_order"),
    ],
)
async def test_both_path_forms_open_the_stream_under_the_canonical_symbol(server: Served, path: str, kind: str) -> None:
    async with connect(server.ws_url + "api/v1/ws/" + path) as socket:
        message = await receive(socket)
        assert message["type"] == kind
        assert message["symbol"] == "BTCUSDT"
        assert message["quality"]["state"] == "live"
        assert message["sequence"] >= 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("orderbook/BTCUSD", "Symbol BTCUSD not found. Did you mean: BTCUSDT, BTCUSDC?"),
        ("trades/NOSUCHTHING", "Symbol NOSUCHTHING not found."),
        ("candles/NOSUCHTHING/1m", "Symbol NOSUCHTHING not found."),
        ("liquidations/NOSUCHTHING", "Symbol NOSUCHTHING not found."),
        ("orderbook", "symbol"),
        ("candles/BTCUSDT/7m", "Invalid timeframe '7m'"),
        ("candles/BTCUSDT?timeframe=fortnight", "fortnight"),
        ("candles/BTCUSDT?container_width=299", "container_width"),
        ("candles/BTCUSDT?container_width=wide", "container_width"),
        ("liquidations/BTCUSDT?timeframe=3m", "timeframe"),
        ("liquidations/BTCUSDT?orders=false", "orders"),
        ("liquidations/BTCUSDT?timeframe=1m&orders=some", "orders"),
        ("liquidations/BTCUSDT?timeframe=1m&container_width=3001", "container_width"),
        ("orderbook/BTCUSDT?limit=0", "limit"),
        ("orderbook/BTCUSDT?limit=-1", "limit"),
        ("orderbook/BTCUSDT?limit=many", "limit"),
        ("orderbook/BTCUSDT?limit=", "limit"),
        ("orderbook/BTCUSDT?limit=%D9%A5", "limit"),
        ("orderbook/BTCUSDT?rounding=%D9%A1%D9%A0", "rounding"),
        ("candles/BTCUSDT?container_width=%EF%BC%95%EF%BC%90%EF%BC%90", "container_width"),
        ("orderbook/BTCUSDT?rounding=0", "rounding"),
        ("orderbook/BTCUSDT?rounding=-1", "rounding"),
        ("orderbook/BTCUSDT?rounding=NaN", "rounding"),
        ("orderbook/BTCUSDT?rounding=Infinity", "rounding"),
        ("orderbook/BTCUSDT?rounding=1e999999", "rounding"),
        ("orderbook/BTCUSDT?tz=Mars/Olympus", "tz"),
        ("orderbook/BTCUSDT?tz=../../../etc/passwd", "tz"),
        ("trades/BTCUSDT?delta=perhaps", "delta"),
        ("trades/BTCUSDT?delta=%FF", "delta"),
        ("orderbook?symbol=%FF", "symbol"),
        ("orderbook/BTCUSDT?limit=%FF", "limit"),
        ("orderbook/BTCUSDT?tz=%FF", "tz"),
        ("candles/BTCUSDT?timeframe=%ff", "timeframe"),
        ("candles/BTCUSDT?container_width=%FF", "container_width"),
        ("liquidations/BTCUSDT?timeframe=%FF", "timeframe"),
    ],
)
async def test_bad_input_is_refused_and_closes_with_4000(server: Served, path: str, said: str) -> None:
    async with connect(server.ws_url + "api/v1/ws/" + path) as socket:
        message = await receive(socket)
        assert message["type"] == "error"
        assert said in message["message"]
        code, reason = await closed_with(socket)
        assert code == 4000
        assert reason == message["message"]


async def test_closing_reason_fits_its_frame(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/" + "é" * 200) as socket:
        code, reason = await closed_with(socket)
    assert code == 4000
    assert len(reason.encode()) <= 123
    assert cut_reason("ж" * 100).endswith("…")
    assert len(cut_reason("ж" * 100).encode()) <= 123


@pytest.mark.parametrize(
    "path", ["orderbook/BTCUSDT", "trades/BTCUSDT", "candles/BTCUSDT", "liquidations/BTCUSDT", "live"]
)
async def test_every_socket_answers_pings_and_survives_nonsense(server: Served, path: str) -> None:
    async with connect(server.ws_url + "api/v1/ws/" + path) as socket:
        await receive(socket)
        for nonsense in (
            "",
            "{",
            "[1]",
            "7",
            "null",
            '{"type":"dance"}',
            "{}",
            "[" * 4000,
            '{"type":NaN}',
            b"\x00\xff",
            # Half a surrogate pair is JSON and no text.
            '{"type":"\\ud800"}',
            '{"type":"subscribe","key":"sim/\\ud800/book"}',
            '{"type":"subscribe","key":"scripted/\\udfff/events?channel=book"}',
            '{"type":"request","id":1,"what":"candles","symbol":"\\ud800","interval":"1m"}',
            '{"type":"update_params","rounding":"\\ud800"}',
            '{"type":"update_params","rounding":"\\u0661\\u0660"}',
        ):
            await socket.send(nonsense)
            assert (await receive(socket, "error"))["message"]
        await socket.send('{"type":"ping"}')
        assert await receive(socket, "pong") == {"type": "pong"}


async def test_message_that_is_too_long_closes_the_socket(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT") as socket:
        await socket.send("x" * 5000)
        assert (await closed_with(socket))[0] == 1009


@pytest.mark.parametrize(
    "path", ["orderbook/BTCUSDT", "trades/BTCUSDT", "candles/BTCUSDT", "liquidations/BTCUSDT", "live"]
)
async def test_quiet_socket_gets_heartbeats(serve: Serve, path: str) -> None:
    async with serve(heartbeat_s=0.05) as server, connect(server.ws_url + "api/v1/ws/" + path) as socket:
        await receive(socket, "heartbeat")
        await receive(socket, "heartbeat")


async def test_book_has_the_form_of_the_contract(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT?limit=3&rounding=0.25&tz=Asia/Tokyo") as socket:
        text = await socket.recv()
    book = msgspec.json.decode(text, type=contract.OrderBookAnswer)
    assert [row.price for row in book.bids] == sorted((row.price for row in book.bids), reverse=True)
    assert [row.price for row in book.asks] == sorted((row.price for row in book.asks), reverse=True)
    assert book.asks[-1].price == 50_000.0
    assert book.asks[-1].cumulative == book.asks[-1].amount
    assert book.bids[0].price_formatted == "49990.00"
    assert book.time_formatted == "07:14:00"
    assert (book.limit, book.rounding, book.aggregated) == (3, 0.25, True)


async def test_limit_above_the_highest_is_lowered_and_echoed(serve: Serve) -> None:
    async with serve(MAX_ORDERBOOK_LIMIT="5") as server:
        async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT?limit=999") as socket:
            assert (await receive(socket))["limit"] == 5
            await socket.send('{"type":"update_params","limit":70}')
            assert (await receive(socket, "params_updated"))["limit"] == 5
        async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT") as socket:
            assert (await receive(socket))["limit"] == 5


async def test_rounding_below_the_tick_is_raised_to_it(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT?rounding=0.001") as socket:
        assert (await receive(socket))["rounding"] == 0.1


async def test_update_params_takes_effect_without_a_reconnection(server: Served) -> None:
    async with (
        connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT?limit=5") as socket,
        connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT?limit=5") as other,
    ):
        first = await receive(socket)
        assert (first["limit"], first["rounding"]) == (5, 10)
        assert (await receive(other))["limit"] == 5
        await socket.send('{"type":"update_params","limit":2,"rounding":0.25}')
        assert await receive(socket) == {"type": "params_updated", "limit": 2, "rounding": 0.25, "success": True}
        fresh = await receive(socket)
        assert (fresh["limit"], fresh["rounding"], len(fresh["bids"])) == (2, 0.25, 2)
        # Each one is optional: the other stays.
        await socket.send('{"type":"update_params","rounding":"0.01"}')
        assert await receive(socket) == {"type": "params_updated", "limit": 2, "rounding": 0.1, "success": True}
        assert (await receive(socket))["rounding"] == 0.1
        server.feed.emit(BOOK, moved_book(server, 1))
        assert (await receive(other))["limit"] == 5
        assert (await receive(socket))["limit"] == 2


@pytest.mark.parametrize("symbol", ["BTCUSDT", "NOSUCHTHING"])
async def test_update_params_that_come_before_the_symbol_is_known_are_applied(
    server: Served, monkeypatch: pytest.MonkeyPatch, symbol: str
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> Sequence[Listing]:
        asked.set()
        await answer.wait()
        return LISTINGS

    monkeypatch.setattr(server.feed, "listings", slow)
    async with connect(server.ws_url + f"api/v1/ws/orderbook/{symbol}?limit=5") as socket:
        await socket.send('{"type":"update_params","limit":2,"rounding":0.25}')
        await socket.send('{"type":"ping"}')
        await asyncio.wait_for(asked.wait(), 60)
        answer.set()
        if symbol == "NOSUCHTHING":
            assert "not found" in (await receive(socket, "error"))["message"]
            assert (await closed_with(socket))[0] == 4000
            return
        updated = await receive(socket, "params_updated")
        assert updated == {"type": "params_updated", "limit": 2, "rounding": 0.25, "success": True}
        fresh = await receive(socket, "orderbook_update")
        assert (fresh["limit"], fresh["rounding"], len(fresh["bids"])) == (2, 0.25, 2)


@pytest.mark.parametrize(
    "fields",
    [
        '"limit":-2',
        '"limit":0',
        '"limit":2.5',
        '"limit":"many"',
        '"limit":true',
        '"limit":[1]',
        '"rounding":0',
        '"rounding":-0.1',
        '"rounding":"NaN"',
        '"rounding":{}',
        '"rounding":1e999',
    ],
)
async def test_bad_update_params_are_refused_and_change_nothing(server: Served, fields: str) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT?limit=5") as socket:
        await receive(socket)
        await socket.send('{"type":"update_params",' + fields + "}")
        assert (await receive(socket))["type"] == "error"
        server.feed.emit(BOOK, moved_book(server, 1))
        after = await receive(socket)
        assert (after["limit"], after["rounding"]) == (5, 10)


async def test_trades_message_replaces_the_table(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/trades/BTCUSDT") as socket:
        first = await receive(socket)
        assert first["initial"] is True
        assert [row["id"] for row in first["trades"]] == [str(number) for number in range(150, 50, -1)]
        server.feed.emit(TRADES, trade("BTCUSDT", 151, server.feed.time_us))
        later = await receive(socket)
        assert later["initial"] is False
        assert [row["id"] for row in later["trades"]] == [str(number) for number in range(151, 51, -1)]
        msgspec.convert(later["trades"], list[contract.TradeRow])


async def test_delta_trades_come_once_each_and_none_is_left_out(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/trades/BTCUSDT?delta=true") as socket:
        first = await receive(socket)
        assert (first["initial"], len(first["trades"])) == (True, 100)
        seen: list[int] = []
        for number in range(151, 401):
            server.feed.emit(TRADES, trade("BTCUSDT", number, server.feed.time_us))
            if number % 50 == 0:
                message = await receive(socket)
                assert message["initial"] is False
                seen += [int(row["id"]) for row in reversed(message["trades"])]
        while seen[-1] < 400:
            seen += [int(row["id"]) for row in reversed((await receive(socket))["trades"])]
        assert seen == list(range(151, 401))


async def test_small_messages_are_sent_at_once(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT") as client:
        await receive(client)
        for one in server.service.sockets:
            stream: Any = one.ws_connection.stream  # type: ignore[attr-defined]
            assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_failure_upstream_is_reported_and_the_socket_stays(server: Served) -> None:
    async with connect(server.ws_url + "api/v1/ws/orderbook/BTCUSDT") as socket:
        await receive(socket)
        down = Status(symbol="BTCUSDT", time_us=server.feed.time_us + 1, state="down", reason="the line was cut")
        server.feed.emit(BOOK, down)
        status = await receive(socket, "status")
        assert (status["state"], status["message"]) == (
            "down",
            "Order book of BTCUSDT: no connection, trying again (the line was cut)",
        )
        server.feed.emit(BOOK, *server.feed.prelude(BOOK))
        assert (await receive(socket, "status"))["state"] == "live"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {}),
        ('{"a":1}', {"a": 1}),
        ("[]", None),
        ("", None),
        ("nul", None),
        ('{"a":Infinity}', None),
        ('{"a":["\\ud83e\\udd8a", 1.5]}', {"a": ["\U0001f98a", Decimal("1.5")]}),
        ('{"a":["\\udd8a\\ud83e"]}', None),
        ('{"\\ud83e":1}', None),
        (b'{"type":"ping"}', {"type": "ping"}),
        (b"\xff", None),
        (b"[]", None),
    ],
)
def test_messages_that_are_no_object_are_none(text: str | bytes, expected: dict[str, Any] | None) -> None:
    assert parse_message(text) == expected
