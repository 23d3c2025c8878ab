"""Accounts over REST and their streams: balance, positions, settings, listen keys and events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.sim.client import START_US, SimClient, SimSocket

pytestmark = [pytest.mark.sim, pytest.mark.asyncio(loop_scope="module")]

MARKET: dict[str, Any] = {"symbol": "ETHUSDT", "type": "MARKET", "quantity": "1", "newOrderRespType": "RESULT"}
START = Decimal(10_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[SimServer]:
    async with SimServer(Exchange(7, 2, start_us=START_US), manual=True) as server:
        await server.advance(1)
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: SimServer) -> AsyncIterator[SimClient]:
    async with SimClient(server) as client:
        yield client


async def asked(client: SimClient, path: str, *, key: str, method: str = "GET", **given: Any) -> Any:
    status, body, _ = await client.signed(method, f"/fapi/{path}", key=key, **given)
    assert status == 200, body
    return body


async def code(client: SimClient, path: str, *, key: str, **given: Any) -> int:
    status, body, _ = await client.signed("POST", f"/fapi/v1/{path}", key=key, **given)
    assert status == 400, body
    return body["code"]


async def stream_of(client: SimClient, key: str, address: str = "/private/ws/{}") -> SimSocket:
    status, body, _ = await client.raw("POST", "/fapi/v1/listenKey", "", key=key)
    assert status == 200
    return await client.socket(address.format(body["listenKey"]))


@pytest.mark.parametrize("version", ["v2", "v3"])
async def test_a_new_account_has_its_starting_balance(client: SimClient, version: str) -> None:
    (balance,) = await asked(client, f"{version}/balance", key="fresh")
    assert (balance["asset"], Decimal(balance["balance"]), Decimal(balance["availableBalance"])) == (
        "USDT",
        START,
        START,
    )
    account = await asked(client, f"{version}/account", key="fresh")
    assert Decimal(account["totalWalletBalance"]) == Decimal(account["totalMarginBalance"]) == START
    assert Decimal(account["availableBalance"]) == START
    assert [row["symbol"] for row in account["positions"]] == (["BTCUSDT", "ETHUSDT"] if version == "v2" else [])
    assert len(await asked(client, f"{version}/positionRisk", key="fresh")) == (2 if version == "v2" else 0)


async def test_a_round_trip_conserves_cash(client: SimClient, server: SimServer) -> None:
    for side in ("BUY", "SELL", "SELL", "BUY"):
        await client.order(key="round", **MARKET, side=side)
        await server.advance(0.4)
    assert await asked(client, "v3/positionRisk", key="round") == []
    fills = await asked(client, "v1/userTrades", key="round", symbol="ETHUSDT")
    paid = sum(Decimal(fill["quoteQty"]) * (1 if fill["side"] == "BUY" else -1) for fill in fills)
    fees = sum(Decimal(fill["commission"]) for fill in fills)
    (balance,) = await asked(client, "v3/balance", key="round")
    assert Decimal(balance["balance"]) == START - paid - fees
    incomes = await asked(client, "v1/income", key="round", limit=1000)
    assert sum(Decimal(income["income"]) for income in incomes) == Decimal(balance["balance"]) - START
    only = await asked(client, "v1/income", key="round", incomeType="COMMISSION", symbol="ETHUSDT")
    assert sum(Decimal(income["income"]) for income in only) == -fees


async def test_a_position_has_its_margin_and_liquidation_price(client: SimClient) -> None:
    await client.order(key="holder", **MARKET, side="SELL")
    (risk,) = await asked(client, "v3/positionRisk", key="holder")
    notional = Decimal(risk["notional"])
    assert (risk["positionAmt"], notional < 0) == ("-1.000", True)
    assert Decimal(risk["positionInitialMargin"]) == pytest.approx(-notional / 20, abs=Decimal("1e-7"))
    assert Decimal(risk["liquidationPrice"]) > Decimal(risk["markPrice"]) * 3
    account = await asked(client, "v3/account", key="holder")
    used = Decimal(account["totalWalletBalance"]) + Decimal(account["totalUnrealizedProfit"])
    assert Decimal(account["availableBalance"]) == pytest.approx(
        used - Decimal(account["totalInitialMargin"]), abs=Decimal("1e-6")
    )
    rows = await asked(client, "v2/positionRisk", key="holder", symbol="ETHUSDT")
    assert (rows[0]["leverage"], rows[0]["marginType"]) == ("20", "cross")


async def test_leverage_and_margin_type_are_changed_or_refused(client: SimClient) -> None:
    changed = await asked(client, "v1/leverage", key="lever", method="POST", symbol="ETHUSDT", leverage=50)
    assert changed["leverage"] == 50
    assert await code(client, "leverage", key="lever", symbol="ETHUSDT", leverage=126) == -4028
    assert await code(client, "leverage", key="lever", symbol="ETHUSDT") == -1102
    await asked(client, "v1/marginType", key="lever", method="POST", symbol="ETHUSDT", marginType="ISOLATED")
    given: dict[str, Any] = {"symbol": "ETHUSDT", "marginType": "ISOLATED"}
    assert await code(client, "marginType", key="lever", **given) == -4046
    assert await code(client, "marginType", key="lever", **given | {"marginType": "BOTH"}) == -1130
    await client.order(key="lever", **MARKET, side="BUY")
    assert await code(client, "marginType", key="lever", **given | {"marginType": "CROSSED"}) == -4048
    assert await code(client, "leverage", key="lever", symbol="ETHUSDT", leverage=10) == -4161
    (risk,) = await asked(client, "v3/positionRisk", key="lever")
    entry = Decimal(risk["entryPrice"])
    assert Decimal(risk["isolatedWallet"]) == pytest.approx(entry / 50, abs=Decimal("1e-6"))
    assert Decimal(risk["liquidationPrice"]) > entry * Decimal("0.97"), "only the margin set aside is at stake"
    await client.order(key="lever", **MARKET, side="SELL")
    (balance,) = await asked(client, "v3/balance", key="lever")
    assert balance["balance"] == balance["crossWalletBalance"]


async def test_margin_type_does_not_change_while_orders_are_open(client: SimClient) -> None:
    bid = Decimal((await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=5))["bids"][0][0])
    given = MARKET | {"type": "LIMIT", "price": bid * Decimal("0.98") // 1, "timeInForce": "GTC", "side": "BUY"}
    await client.order(key="open", **given)
    account = await asked(client, "v3/account", key="open")
    assert Decimal(account["totalOpenOrderInitialMargin"]) == Decimal(given["price"]) / 20
    assert await code(client, "marginType", key="open", symbol="ETHUSDT", marginType="ISOLATED") == -4047


async def test_brackets_are_continuous_and_rates_are_those_of_the_venue(client: SimClient) -> None:
    rows = await asked(client, "v1/leverageBracket", key="fresh")
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT"]
    for row in rows:
        before = row["brackets"][0]
        assert (before["notionalFloor"], before["cum"]) == (0, 0)
        for bracket in row["brackets"][1:]:
            assert bracket["notionalFloor"] == before["notionalCap"]
            floor, rate = bracket["notionalFloor"], before["maintMarginRatio"]
            assert floor * bracket["maintMarginRatio"] - bracket["cum"] == pytest.approx(floor * rate - before["cum"])
            before = bracket
    rates = await asked(client, "v1/commissionRate", key="fresh", symbol="BTCUSDT")
    assert (rates["makerCommissionRate"], rates["takerCommissionRate"]) == ("0.000200", "0.000500")


@pytest.mark.parametrize(
    "address",
    ["/private/ws/{}", "/private/ws?listenKey={}", "/private/stream?streams={}"],
    ids=["path", "key", "combined"],
)
async def test_the_stream_of_an_account_shows_its_order_and_what_it_did(client: SimClient, address: str) -> None:
    key = f"stream-{len(address)}"
    stream = await stream_of(client, key, address)
    await client.order(key=key, **MARKET, side="BUY", newClientOrderId="first")
    frames = await stream.received()
    if "streams" in address:
        frames = [frame["data"] for frame in frames]
    kinds = [(frame["e"], frame["o"]["x"] if "o" in frame else frame["a"]["m"]) for frame in frames]
    assert kinds[0] == ("ORDER_TRADE_UPDATE", "NEW")
    assert set(kinds[1::2]) == {("ACCOUNT_UPDATE", "ORDER")}
    assert set(kinds[2::2]) == {("ORDER_TRADE_UPDATE", "TRADE")}
    last, update = frames[-1]["o"], frames[-2]["a"]
    assert (last["X"], last["z"], last["c"], last["m"]) == ("FILLED", "1.000", "first", False)
    assert sum(Decimal(frame["o"]["l"]) for frame in frames[2::2]) == 1
    (position,) = update["P"]
    assert (position["s"], position["pa"], position["ep"]) == ("ETHUSDT", "1.000", f"{Decimal(last['ap']):.8f}")
    (balance,) = update["B"]
    fees = sum(Decimal(frame["o"]["n"]) for frame in frames[2::2])
    assert Decimal(balance["wb"]) == START - fees


async def test_the_stream_shows_cancels_amendments_and_leverage(client: SimClient) -> None:
    stream = await stream_of(client, "changes")
    bid = Decimal((await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=5))["bids"][0][0])
    given = MARKET | {"type": "LIMIT", "price": bid * Decimal("0.98") // 1, "timeInForce": "GTX", "side": "BUY"}
    order = await client.order(key="changes", **given)
    ids: dict[str, Any] = {"symbol": "ETHUSDT", "orderId": order["orderId"]}
    await client.order("PUT", key="changes", **ids, side="BUY", quantity="2", price=given["price"] - 1)
    await client.order("DELETE", key="changes", **ids)
    await asked(client, "v1/leverage", key="changes", method="POST", symbol="ETHUSDT", leverage=30)
    frames = await stream.received()
    assert [frame["o"]["x"] for frame in frames[:3]] == ["NEW", "AMENDMENT", "CANCELED"]
    assert [frame["o"]["q"] for frame in frames[:3]] == ["1.000", "2.000", "2.000"]
    assert frames[3]["ac"] == {"s": "ETHUSDT", "l": 30}
    assert (await client.signed("DELETE", "/fapi/v1/order", key="changes", **ids))[1]["code"] == -2011


async def test_an_account_sees_only_its_own_events_and_only_under_private(client: SimClient) -> None:
    mine, other = await stream_of(client, "mine"), await stream_of(client, "other")
    public = await stream_of(client, "mine", "/public/ws/{}")
    await client.order(key="mine", **MARKET, side="BUY")
    assert len(await mine.received()) >= 3
    assert await other.received() == await public.received() == []


async def test_a_listen_key_is_kept_for_an_hour_and_then_expires(client: SimClient, server: SimServer) -> None:
    async def keys(method: str) -> tuple[int, Any]:
        return (await client.raw(method, "/fapi/v1/listenKey", "", key="hour"))[:2]

    assert await keys("PUT") == (400, {"code": -1125, "msg": "This listenKey does not exist."})
    first = await keys("POST")
    assert await keys("POST") == first
    assert await keys("PUT") == first
    assert await keys("DELETE") == (200, {})
    assert (await keys("PUT"))[1]["code"] == -1125
    second = await keys("POST")
    assert second != first
    stream = await client.socket(f"/private/ws/{second[1]['listenKey']}")
    server.add_fault("clock_jump", seconds=3_601)
    await server.advance(0.05)
    (event,) = await stream.received()
    assert (event["e"], event["listenKey"]) == ("listenKeyExpired", second[1]["listenKey"])
    assert (await keys("PUT"))[1]["code"] == -1125
    server.add_fault("clock_jump", seconds=-3_601)


async def test_the_public_streams_show_what_a_client_did(client: SimClient, server: SimServer) -> None:
    # The diff without a pace and the trades of one symbol, from a snapshot on.
    sockets = [await client.socket("/public/ws/ethusdt@depth@0ms"), await client.socket("/market/ws/ethusdt@aggTrade")]
    await server.advance(0.2)
    for socket in sockets:
        await socket.received()
    book = await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=1000)
    price = str(Decimal(book["bids"][0][0]) - 3)
    resting = MARKET | {"type": "LIMIT", "price": price, "timeInForce": "GTC", "side": "BUY", "quantity": "2"}
    await client.order(key="public", **resting)
    taken = await client.order(key="public", **MARKET, side="BUY")
    shown = await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=1000)
    levels, before = dict(shown["bids"]), dict(book["bids"])
    name = f"{Decimal(price):.2f}"
    assert Decimal(levels[name]) - Decimal(before.get(name, "0")) == 2
    asks = dict(shown["asks"])
    assert sum(Decimal(size) - Decimal(asks.get(level, "0")) for level, size in book["asks"][:500]) == 1
    await server.advance(0.05)
    diffs, trades = await sockets[0].received(), await sockets[1].received()
    changed = [size for diff in diffs for level, size in diff["b"] if level == name]
    assert changed[0] == levels[name]
    assert sum(Decimal(trade["q"]) for trade in trades if trade["T"] <= taken["updateTime"]) == 1
    assert (trades[0]["m"], Decimal(trades[0]["p"])) == (False, Decimal(book["asks"][0][0]))


async def test_a_book_that_follows_the_diffs_has_every_order_of_clients(client: SimClient, server: SimServer) -> None:
    socket = await client.socket("/public/ws/ethusdt@depth@100ms")
    await server.advance(0.3)
    snapshot = await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=1000)
    best = Decimal(snapshot["bids"][0][0])
    open_ids: list[int] = []
    for number in range(40):
        if number % 4 == 3:
            await client.order("DELETE", key="diffs", symbol="ETHUSDT", orderId=open_ids.pop(0))
        elif number % 5 == 2:
            await client.order(key="diffs", **MARKET, side="BUY" if number % 2 else "SELL")
        else:
            price = best - 20 - Decimal(number) / 100
            resting = MARKET | {"type": "LIMIT", "price": price, "timeInForce": "GTX", "side": "BUY"}
            open_ids.append((await client.order(key="diffs", **resting))["orderId"])
        if number == 9:
            # Joined in the middle: between two steps, with changes that no diff has shown yet.
            snapshot = await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=1000)
        await server.advance(0.05)
    await server.advance(0.1)
    frames = [frame for frame in await socket.received() if frame["u"] >= snapshot["lastUpdateId"]]
    assert frames[0]["U"] <= snapshot["lastUpdateId"] <= frames[0]["u"]
    sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
    previous = frames[0]["pu"]
    for frame in frames:
        assert frame["pu"] == previous
        previous = frame["u"]
        for side, levels in sides.items():
            levels.update(frame[side])
    final = await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=500)
    for side, name in (("b", "bids"), ("a", "asks")):
        kept = {level: size for level, size in sides[side].items() if Decimal(size)}
        ordered = sorted(kept.items(), key=lambda level: Decimal(level[0]), reverse=side == "b")
        assert [list(level) for level in ordered[:500]] == final[name]
    await client.signed("DELETE", "/fapi/v1/allOpenOrders", key="diffs", symbol="ETHUSDT")
