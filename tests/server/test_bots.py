"""The routes of bots: whole life of a bot, bad input, and a database that is not there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from orderfox_nb.desk.store.records import SessionRows
from orderfox_nb.views import bot_contract
from tests.desk.store.rows import START_US, equity, fill, order
from tests.server.conftest import TOKEN, Serve, Served

pytestmark = pytest.mark.server

RIGHT = {"Authorization": f"token {TOKEN}"}


async def make(server: Served, **values: Any) -> Any:
    body = {"name": "one", "symbol": "BTCUSDT", **values}
    status, answer = await server.ask("api/v1/bots", method="POST", json=body, headers=RIGHT)
    assert status == 201, answer
    return answer


async def test_bot_is_created_read_changed_and_deleted(server: Served) -> None:
    body = {
        "name": " <b>Ünïcode</b> ",
        "symbol": "btc/usdt",
        "isActive": False,
        "isPaperTrading": True,
        "description": "buys\nlow",
        "params": {"size": "0.010"},
        "somethingElse": 1,
    }
    before = datetime.now(UTC)
    made = await make(server, **body)
    UUID(made["id"])
    assert made == {
        "id": made["id"],
        "name": "<b>Ünïcode</b>",
        "venue": "scripted",
        "symbol": "BTCUSDT",
        "isActive": False,
        "isPaperTrading": True,
        "description": "buys\nlow",
        "strategy": None,
        "params": {"size": "0.010"},
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "running": False,
        "note": "",
        "liveTrading": False,
        "state": "stopped",
        "account": None,
    }
    created = datetime.fromisoformat(made["createdAt"])
    assert created.tzinfo is not None
    assert before <= created <= datetime.now(UTC)
    path = f"api/v1/bots/{made['id']}"
    assert await server.ask(path) == (200, made)
    assert await server.ask(path.upper().replace("API/V1/BOTS", "api/v1/bots")) == (200, made)
    status, changed = await server.ask(path, method="PATCH", json={"is_active": True, "symbol": "eth"}, headers=RIGHT)
    assert status == 200
    assert changed["updatedAt"] > made["updatedAt"]
    assert changed["note"] == "It has no strategy and only watches its symbol"
    fields = {"isActive": True, "symbol": "ETHUSDT", "updatedAt": changed["updatedAt"], "note": changed["note"]}
    assert changed == {**made, **fields, "state": "watching"}
    assert await server.ask(path, method="PATCH", json={}, headers=RIGHT) == (200, changed)
    status, stopped = await server.ask(f"{path}/status?is_active=false", method="PATCH", headers=RIGHT)
    assert (status, stopped["isActive"]) == (200, False)
    async with server.session.delete(server.url + path, headers=RIGHT) as response:
        assert (response.status, await response.read()) == (204, b"")
    for method, where in (("GET", path), ("DELETE", path), ("PATCH", path), ("PATCH", f"{path}/status?is_active=true")):
        body = {"json": {}} if where == path else {}
        status, answer = await server.ask(where, method=method, headers=RIGHT, **body)
        assert (status, answer["status_code"]) == (404, 404)
        assert made["id"] in answer["detail"]


async def test_names_in_snake_case_are_read_and_those_in_camel_case_are_sent(server: Served) -> None:
    made = await make(server, is_active=False, is_paper_trading=True)
    assert made["isActive"] is False
    assert not any("_" in name for name in made)
    msgspec.convert(made, bot_contract.BotAnswer)


async def test_pages_are_newest_first_and_echo_their_size(server: Served) -> None:
    status, empty = await server.ask("api/v1/bots")
    assert (status, empty) == (200, {"bots": [], "total": 0, "page": 1, "pageSize": 50})
    made = [(await make(server, name=f"bot {number}"))["id"] for number in range(5)]
    pages = [(await server.ask(f"api/v1/bots?page={page}&page_size=2&sort=x"))[1] for page in (1, 2, 3, 4)]
    assert [row["id"] for page in pages for row in page["bots"]] == made[::-1]
    assert [(page["total"], page["page"], page["pageSize"]) for page in pages] == [(5, n, 2) for n in (1, 2, 3, 4)]
    assert (await server.ask("api/v1/bots?page_size=1000"))[1]["pageSize"] == 100


async def test_symbols_are_counted(server: Served) -> None:
    for symbol, active in (("ETHUSDT", False), ("BTCUSDT", True), ("BTCUSDT", False)):
        await make(server, symbol=symbol, isActive=active)
    assert await server.ask("api/v1/bots/symbols/active") == (200, ["BTCUSDT"])
    assert (await server.ask("api/v1/bots/symbols/stats"))[1] == [
        {"symbol": "BTCUSDT", "totalCount": 2, "activeCount": 1},
        {"symbol": "ETHUSDT", "totalCount": 1, "activeCount": 0},
    ]
    for written in ("BTCUSDT", "btc/usdt", "btc"):
        status, found = await server.ask(f"api/v1/bots/symbols/{written}")
        assert (status, [row["isActive"] for row in found]) == (200, [False, True])
    assert len((await server.ask("api/v1/bots/symbols/btcusdt?active_only=true"))[1]) == 1
    assert await server.ask("api/v1/bots/symbols/BTCUSDC") == (200, [])
    assert (await server.ask("api/v1/bots/symbols/NOPE"))[0] == 404
    status, health = await server.ask("api/v1/bots/health")
    assert (status, health["status"], health["database"]) == (200, "healthy", "healthy")
    assert health["bot_service"] == {"bots": 3, "active": 1, "running": 0, "symbols_tracked": 2}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, "JSON object"),
        (b"[]", 422, "JSON object"),
        (b"{", 422, "JSON object"),
        (b"\xff", 422, "JSON object"),
        (b"[" * 5000, 422, "JSON object"),
        (b'{"name":"\\ud800","symbol":"BTCUSDT"}', 422, "JSON object"),
        (b'{"symbol":"BTCUSDT"}', 422, "name"),
        (b'{"name":"x"}', 422, "symbol"),
        (b'{"name":"","symbol":"BTCUSDT"}', 422, "name"),
        (b'{"name":"  ","symbol":"BTCUSDT"}', 422, "name"),
        (b'{"name":"a\\u0000","symbol":"BTCUSDT"}', 422, "name"),
        (b'{"name":5,"symbol":"BTCUSDT"}', 422, "name"),
        (b'{"name":"' + b"x" * 101 + b'","symbol":"BTCUSDT"}', 422, "name"),
        (b'{"name":"x","symbol":"BTCUSDT","isActive":"yes"}', 422, "isActive"),
        (b'{"name":"x","symbol":"BTCUSDT","is_active":"yes"}', 422, "isActive"),
        (b'{"name":"x","symbol":"BTCUSDT","description":"' + b"x" * 201 + b'"}', 422, "description"),
        (b'{"name":"x","symbol":"BTCUSDT","description":"\\u0000"}', 422, "description"),
        (b'{"name":"x","symbol":"BTCUSDT","params":[]}', 422, "params"),
        (b'{"name":"x","symbol":"BTCUSD"}', 404, "Did you mean: BTCUSDT"),
        (b'{"name":"x","symbol":"\\u0000"}', 404, "not found"),
        (b'{"name":"x","symbol":"BTCUSDT","venue":"mars"}', 400, "venue"),
        (b'{"name":"x","symbol":"BTCUSDT","strategy":"os.system"}', 400, "strategy"),
        (b'{"name":"x","symbol":"BTCUSDT","isPaperTrading":false}', 400, "paper only"),
    ],
)
async def test_body_that_cannot_be_used_is_refused_and_stores_nothing(
    server: Served, body: bytes, status: int, said: str
) -> None:
    got, answer = await server.ask("api/v1/bots", method="POST", data=body, headers=RIGHT)
    assert (got, answer["status_code"]) == (status, status)
    assert said in answer["detail"]
    assert (await server.ask("api/v1/bots"))[1]["total"] == 0


async def test_values_that_cannot_be_used_are_refused(server: Served) -> None:
    made = await make(server)
    path = f"api/v1/bots/{made['id']}"
    asked: list[tuple[str, str, Any, int, str]] = [
        ("PATCH", path, {"name": ""}, 422, "name"),
        ("PATCH", path, {"name": None}, 422, "name"),
        ("PATCH", path, {"symbol": "NOPE"}, 404, "NOPE"),
        ("PATCH", path, {"isPaperTrading": False}, 400, "paper only"),
        ("PATCH", path + "/status", None, 400, "is_active"),
        ("PATCH", path + "/status?is_active=maybe", None, 400, "is_active"),
        ("GET", "api/v1/bots?page=0", None, 400, "page"),
        ("GET", "api/v1/bots?page_size=x", None, 400, "page_size"),
        ("GET", "api/v1/bots/no-uuid", None, 404, "no-uuid"),
        ("GET", f"api/v1/bots/{uuid4()}/orders", None, 404, "not found"),
        ("GET", path + "/fills?before=0", None, 400, "before"),
        ("GET", path + "/equity?start_time=x", None, 400, "start_time"),
        ("GET", path + "/nothing", None, 404, "No such route"),
        ("POST", path, None, 405, "use GET"),
        ("POST", "api/v1/set_trading_mode", {"mode": "live"}, 400, "paper only"),
        ("POST", "api/v1/set_trading_mode", {"mode": "x"}, 400, "mode"),
        ("POST", "api/v1/set_trading_mode", {}, 422, "mode"),
    ]
    for method, where, body, status, said in asked:
        got, answer = await server.ask(where, method=method, headers=RIGHT, json=body)
        assert (got, answer["status_code"]) == (status, status), (method, where, answer)
        assert said in answer["detail"]
    assert await server.ask(path) == (200, made)
    status, answer = await server.ask("api/v1/set_trading_mode", method="POST", headers=RIGHT, json={"mode": "paper"})
    assert (status, answer["mode"], answer["status"]) == (200, "paper", "success")


async def test_rows_of_a_bot_come_in_pages(server: Served) -> None:
    made = await make(server)
    path = f"api/v1/bots/{made['id']}"
    for what in ("orders", "fills", "equity"):
        assert await server.ask(f"{path}/{what}") == (200, [])
    number = (await (await server.service.store.bots()).get(made["id"])).number
    many = range(1, 6)
    rows = SessionRows(
        orders=[order(n) for n in many], fills=[fill(n) for n in many], equity=[equity(n * 1_000) for n in many]
    )
    await (await server.service.store.history()).save(number, rows)
    kinds = {"orders": bot_contract.BotOrder, "fills": bot_contract.BotFill, "equity": bot_contract.BotEquity}
    for what, kind in kinds.items():
        found: list[Any] = []
        where = f"/{path}/{what}?limit=2" + (f"&start_time={START_US // 1_000}" if what == "equity" else "")
        while where:
            async with server.session.get(server.url.rstrip("/") + where) as response:
                found += await response.json()
                link = response.headers.get("Link", "")
                where = link.partition(">")[0].removeprefix("<")
        assert len(found) == 5
        assert len({row.get("number", row["timestamp"]) for row in found}) == 5
        msgspec.convert(found, list[kind])
    assert found[0]["equity"] == "11000.123456789012345678"
    assert (await server.ask(f"{path}/fills?limit=1"))[1][0] == {
        "number": 5,
        "order": 5,
        "timestamp": START_US // 1_000,
        "side": "buy",
        "price": "50000.1",
        "amount": "0.01",
        "fee": "0.1000002",
        "maker": True,
        "liquidation": False,
    }


async def test_clients_that_write_at_once_lose_nothing(server: Served) -> None:
    made = await asyncio.gather(*(make(server, name=f"bot {number}") for number in range(60)))
    _, page = await server.ask("api/v1/bots?page_size=100")
    assert {row["id"] for row in page["bots"]} == {row["id"] for row in made}


async def test_more_bots_than_allowed_are_refused(serve: Serve) -> None:
    async with serve(ORDERFOX_MAX_BOTS="1") as server:
        await make(server)
        body = {"name": "two", "symbol": "BTCUSDT"}
        status, answer = await server.ask("api/v1/bots", method="POST", json=body, headers=RIGHT)
        assert (status, "ORDERFOX_MAX_BOTS" in answer["detail"]) == (400, True)


def databases(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.sqlite*")}


async def test_server_without_bots_opens_no_database(server: Served, tmp_path: Path) -> None:
    await server.ask("api/v1/symbols")
    _, health = await server.ask("api/v1/health")
    assert (health["database"], databases(tmp_path)) == ("none", set())
    await server.ask("api/v1/bots")
    _, health = await server.ask("api/v1/health")
    assert (health["database"], "orderfox.sqlite" in databases(tmp_path)) == ("healthy", True)


async def test_broken_database_stops_no_market_data(serve: Serve, tmp_path: Path) -> None:
    async with serve(DATABASE_URL=f"sqlite:///{tmp_path}") as server:
        for path in ("api/v1/bots", "api/v1/bots/health", f"api/v1/bots/{uuid4()}"):
            status, answer = await server.ask(path)
            assert (status, answer["status_code"]) == (503, 503)
            assert "database" in answer["detail"]
            assert str(tmp_path) not in answer["detail"]
        status, health = await server.ask("api/v1/health")
        assert (status, health["status"], health["database"]) == (200, "degraded", "unavailable")
        assert "database" in health["database_problem"]
        assert (await server.ask("api/v1/orderbook/BTCUSDT"))[0] == 200
