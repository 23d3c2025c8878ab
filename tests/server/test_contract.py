"""What the public sockets send is what the structs of the contract say, field by field."""

from __future__ import annotations

import json

import msgspec
import pytest
from websockets.asyncio.client import connect

from orderfox_nb.core.events import Liquidation, Topic
from orderfox_nb.server.routes import sockets
from orderfox_nb.views import contract
from tests.server.conftest import Served
from tests.server.scripted import VENUE, trade
from tests.server.test_streams import moved_book

pytestmark = pytest.mark.server

MESSAGES = (
    contract.OrderBookAnswer
    | contract.TradesUpdate
    | contract.HistoricalCandles
    | contract.CandleUpdate
    | contract.LiquidationOrder
    | contract.LiquidationVolumeUpdate
)


async def test_every_message_of_the_public_sockets_is_a_struct_of_the_contract(server: Served) -> None:
    time_us = server.feed.time_us
    order = Liquidation(symbol="BTCUSDT", time_us=time_us, side="sell", price=50_000.0, size=0.5)
    moves = {
        "book": lambda: moved_book(server, 1),
        "trades": lambda: trade("BTCUSDT", 151, time_us),
        "liquidations": lambda: order,
    }
    seen: set[str] = set()
    for path, channel, count in (
        ("orderbook/BTCUSDT", "book", 2),
        ("trades/BTCUSDT", "trades", 2),
        ("trades/BTCUSDT?delta=true", "", 1),
        ("candles/BTCUSDT/1m", "", 1),
        ("liquidations/BTCUSDT", "liquidations", 2),
        ("liquidations/BTCUSDT?timeframe=1m", "", 1),
    ):
        async with connect(f"{server.ws_url}api/v1/ws/{path}") as socket:
            for number in range(count):
                text = ""
                while json.loads(text or '{"type":"status"}')["type"] in ("status", "heartbeat"):
                    text = str(await socket.recv())
                message = msgspec.json.decode(text, type=MESSAGES)
                assert msgspec.to_builtins(message) == json.loads(text), path
                seen.add(json.loads(text)["type"])
                if number == 0 and channel:
                    server.feed.emit(Topic(VENUE, "BTCUSDT", channel), moves[channel]())
    declared = {name for _, handler in sockets() for name in getattr(handler, "messages", ())}
    # Those of bots are read in test_bot_frames.py, which has bots.
    assert seen | {"candle_update", "bots_update", "bot_update"} == declared
