"""Frames of bots: a reader from the start and a late one know the same, over either socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from orderfox_nb.core.events import Topic
from orderfox_nb.views import bot_contract
from tests.desk.bot_runs.installed import install
from tests.server.conftest import TOKEN, Serve, Served
from tests.server.scripted import VENUE, trade
from tests.server.test_live import page, say
from tests.server.test_streams import closed_with, receive

pytestmark = pytest.mark.server

RIGHT = {"Authorization": f"token {TOKEN}"}
LIST = f"{VENUE}/*/bots"


@pytest.fixture
async def server(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    (tmp_path / "strategies").mkdir()
    monkeypatch.syspath_prepend(str(install(tmp_path / "strategies")))
    async with serve() as running:
        yield running


async def write(server: Served, method: str, path: str, **body: Any) -> Any:
    status, answer = await server.ask(f"api/v1/bots{path}", method=method, headers=RIGHT, **body)
    assert status in (200, 201), answer
    return answer


async def make(server: Served, **values: Any) -> str:
    body = {"name": "one", "symbol": "BTCUSDT", "isActive": False, **values}
    return str((await write(server, "POST", "", json=body))["id"])


class KnownBot:
    """What a page knows of one key, put together as docs/live.md says."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.known: dict[str, Any] = {}
        self.sequence = 0

    async def until(self, condition: Callable[[dict[str, Any]], object]) -> None:
        async with asyncio.timeout(60):
            while not (self.known and condition(self.known)):
                frame = await receive(self._socket)
                if frame["type"] == "heartbeat":
                    continue
                assert frame["type"] in ("frame", "bot_update", "bots_update"), frame
                self.take(frame)

    def take(self, frame: dict[str, Any]) -> None:
        whole = frame["initial"] if "initial" in frame else frame["base"] is None
        head = ("type", "key", "base", "initial", "time", "timestamp", "quality", "sequence")
        columns = {name: value for name, value in frame.items() if name not in head}
        assert frame["quality"]["state"] == "live"
        assert frame["sequence"] > self.sequence
        if not whole and "base" in frame:
            assert frame["base"] == self.sequence
        self.sequence = frame["sequence"]
        if whole:
            self.known = columns
            return
        if "bots" in columns:
            rows = {row["id"]: row for row in (*self.known["bots"], *columns.pop("bots"))}
            for bot_id in columns.pop("removed"):
                del rows[bot_id]
            self.known["bots"] = sorted(rows.values(), key=lambda row: row["createdAt"], reverse=True)
        self.known.setdefault("fills", []).extend(columns.pop("fills", []))
        # A line that was repeated comes again under its number.
        lines = {line["number"]: line for line in (*self.known.get("log", ()), *columns.pop("log", ()))}
        self.known["log"] = list(lines.values())
        if moments := columns.pop("equity", None):
            curve = dict(zip(self.known["equity"][0], zip(*self.known["equity"][1:], strict=True), strict=True))
            curve |= dict(zip(moments[0], zip(*moments[1:], strict=True), strict=True))
            self.known["equity"] = [list(curve), *map(list, zip(*curve.values(), strict=True))]
        self.known |= columns


async def trading(server: Served, until: asyncio.Task[None]) -> None:
    """Have the market go on until something is done."""
    number = 151
    while not until.done():
        server.feed.time_us += 1_000_000
        server.feed.emit(Topic(VENUE, "BTCUSDT", "trades"), trade("BTCUSDT", number, server.feed.time_us))
        number += 1
        await asyncio.sleep(0.01)
    await until


async def test_list_shows_each_change_of_a_bot(server: Served) -> None:
    async with page(server) as socket:
        await say(socket, type="subscribe", key=LIST)
        screen = KnownBot(socket)
        await screen.until(lambda known: known["bots"] == [])
        assert (screen.known["total"], screen.known["running"], screen.known["problem"]) == (0, 0, "")
        first = await make(server, name="<b>first</b>")
        second = await make(server, name="second", strategy="Churn", isActive=True)
        await screen.until(lambda known: [row["id"] for row in known["bots"]] == [second, first])
        assert screen.known["total"] == 2
        await trading(
            server,
            asyncio.create_task(
                screen.until(lambda known: (known["bots"][0]["account"] or {}).get("fees", "0") != "0")
            ),
        )
        row = screen.known["bots"][0]
        msgspec.convert(screen.known["bots"], list[bot_contract.BotAnswer])
        assert (row["state"], row["running"], screen.known["running"]) == ("running", True, 1)
        low, worth, high = (
            Decimal(row["account"]["pnl"]["low"]),
            Decimal(row["account"]["equity"]) - Decimal(row["account"]["deposit"]),
            Decimal(row["account"]["pnl"]["high"]),
        )
        assert low <= worth <= high
        await write(server, "POST", "/kill")
        # Its record says so at once, its account once the run is saved.
        await screen.until(lambda known: known["bots"][0]["account"]["fees"] is None)
        row = screen.known["bots"][0]
        assert (row["state"], row["account"]["openOrders"]) == ("stopped", 0)
        await server.session.delete(f"{server.url}api/v1/bots/{first}", headers=RIGHT)
        await screen.until(lambda known: [row["id"] for row in known["bots"]] == [second])
    async with connect(server.ws_url + "api/v1/ws/bots") as socket:
        late = KnownBot(socket)
        await late.until(lambda known: True)
        assert (late.known["bots"], late.known["total"]) == (screen.known["bots"], 1)
        assert (await server.ask("api/v1/bots"))[1]["bots"] == late.known["bots"]


async def test_reader_of_a_bot_from_the_start_and_a_late_one_know_the_same(server: Served) -> None:
    bot_id = await make(server, strategy="Churn")
    async with page(server) as socket, connect(f"{server.ws_url}api/v1/ws/bots/{bot_id}") as public:
        await say(socket, type="subscribe", key=f"{VENUE}/*/bot?id={bot_id}")
        screen, other = KnownBot(socket), KnownBot(public)
        await screen.until(lambda known: known["bot"]["state"] == "stopped")
        empty = {name: screen.known[name] for name in ("orders", "fills", "equity", "log")}
        assert empty == {"orders": [], "fills": [], "equity": [[], [], [], []], "log": []}
        assert screen.known["instrument"]["tickSize"] == "0.1"
        await write(server, "PATCH", f"/{bot_id}/status?is_active=true")
        await trading(server, asyncio.create_task(screen.until(lambda known: len(known["fills"]) >= 6)))
        assert len(screen.known["orders"]) >= 1
        await write(server, "PATCH", f"/{bot_id}/status?is_active=false")

        def stopped(known: dict[str, Any]) -> bool:
            # Its record says so at once, its log once the run has ended. Fees are not stored: without them it is saved.
            has_ended = any(line["text"].startswith("Stopped") for line in known["log"])
            return has_ended and known["bot"]["account"]["fees"] is None

        await screen.until(stopped)
        await other.until(stopped)
        assert (screen.known["bot"]["state"], screen.known["orders"]) == ("stopped", [])
        fills = (await server.ask(f"api/v1/bots/{bot_id}/fills?limit=1000"))[1]
        assert screen.known["fills"] == fills[::-1]
        times, low, high, equity = screen.known["equity"]
        assert times == sorted(set(times))
        assert all(bottom <= worth <= top for bottom, worth, top in zip(low, equity, high, strict=True))
        lines = screen.known["log"]
        assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
        assert [line["text"] for line in lines if line["text"].startswith(("Trades", "Stopped"))] == [
            "Trades",
            "Stopped: stopped by hand",
        ]
    async with connect(f"{server.ws_url}api/v1/ws/bots?id={bot_id}") as socket:
        late = KnownBot(socket)
        await late.until(lambda known: True)
    for name in ("orders", "fills", "log"):
        assert late.known[name] == screen.known[name] == other.known[name]
    assert late.known["equity"][0] == times


async def test_error_of_a_strategy_is_in_the_log_with_its_line(server: Served) -> None:
    bot_id = await make(server, strategy="Broken", isActive=True)
    async with connect(f"{server.ws_url}api/v1/ws/bots/{bot_id}") as socket:
        screen = KnownBot(socket)
        await trading(
            server, asyncio.create_task(screen.until(lambda known: known["bot"]["state"] == "failed" and known["log"]))
        )
        await screen.until(lambda known: known["log"][-1]["level"] == "error")
        assert 'raise RuntimeError("no idea")' in screen.known["log"][-1]["text"]


async def test_bot_that_is_not_there_or_is_deleted_sends_no_more(server: Served) -> None:
    async with page(server) as socket:
        for asked in (uuid4(), "x"):
            await say(socket, type="subscribe", key=f"{VENUE}/*/bot?id={asked}")
            gone = await receive(socket)
            assert (gone["type"], "not found" in gone["message"]) == ("gone", True)
        bot_id = await make(server)
        key = f"{VENUE}/*/bot?id={bot_id}"
        await say(socket, type="subscribe", key=key)
        assert (await receive(socket))["bot"]["id"] == bot_id
        await server.session.delete(f"{server.url}api/v1/bots/{bot_id}", headers=RIGHT)
        assert "not found" in (await receive(socket, "gone"))["message"]
    async with connect(f"{server.ws_url}api/v1/ws/bots/{uuid4()}") as socket:
        assert (await receive(socket))["type"] == "error"
        assert (await closed_with(socket))[0] == 4000


async def test_strangers_read_bots_within_their_limits_and_write_nothing(serve: Serve) -> None:
    async with serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_KEYS="1") as server:
        bot_id = await make(server)
        async with page(server) as socket:
            await say(socket, type="subscribe", key=LIST)
            assert [row["id"] for row in (await receive(socket))["bots"]] == [bot_id]
            await say(socket, type="subscribe", key=f"{VENUE}/*/bot?id={bot_id}")
            while (message := await receive(socket))["type"] == "frame":
                pass
            assert message["type"] == "gone"
        status, _ = await server.ask("api/v1/bots/kill", method="POST")
        assert status == 401


def test_parameters_of_a_bot_key_are_checked() -> None:
    from orderfox_nb.desk.streams.registry import parse_key
    from orderfox_nb.errors import UnknownBot

    number = uuid4()
    assert parse_key(f"{VENUE}/*/bot?id={str(number).upper()}").text == f"{VENUE}/*/bot?id={number}"
    for query in ("", "?id=", f"?id={'x' * 200}"):
        with pytest.raises(UnknownBot):
            parse_key(f"{VENUE}/*/bot{query}")
