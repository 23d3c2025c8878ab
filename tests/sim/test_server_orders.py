"""Signed requests and orders over REST: what is accepted, what is refused, and with which code."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from orderfox_nb.sim.server.signing import sign
from tests.sim.client import START_US, SimClient

pytestmark = [pytest.mark.sim, pytest.mark.asyncio(loop_scope="module")]

ORDER = "/fapi/v1/order"
BTC: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
MARKET: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[SimServer]:
    async with SimServer(Exchange(7, 2, start_us=START_US), manual=True) as server:
        await server.advance(1)
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: SimServer) -> AsyncIterator[SimClient]:
    async with SimClient(server) as client:
        yield client


async def best(client: SimClient) -> tuple[Decimal, Decimal]:
    book = await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5)
    return Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])


async def refused(client: SimClient, **given: Any) -> int:
    status, body, _ = await client.signed("POST", ORDER, key="refused", **given)
    assert status == 400, body
    return body["code"]


async def away(client: SimClient, share: str = "0.97") -> str:
    """Return a price that does not trade."""
    bid, _ = await best(client)
    return str((bid * Decimal(share)).quantize(Decimal("0.1")))


@pytest.mark.parametrize("in_body", [False, True])
async def test_a_signed_request_is_answered(client: SimClient, in_body: bool) -> None:
    method, path = ("POST", "/fapi/v1/order/test") if in_body else ("GET", "/fapi/v1/openOrders")
    given = MARKET if in_body else {"symbol": "BTCUSDT"}
    status, body, headers = await client.signed(method, path, in_body=in_body, **given)
    assert (status, body) == (200, {} if in_body else [])
    assert int(headers["X-MBX-USED-WEIGHT-1M"]) >= 0


async def test_parameters_may_be_split_between_query_and_body(client: SimClient, server: SimServer) -> None:
    query, body = "symbol=BTCUSDT&side=BUY&type=MARKET", f"quantity=0.01&timestamp={server.now_us() // 1000}"
    signature = sign("alice-secret", query + body)
    path = f"/fapi/v1/order/test?{query}"
    assert (await client.raw("POST", path, f"{body}&signature={signature}", in_body=True))[:2] == (200, {})


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"key": "not a key!"}, 401, -2014),
        ({"secret": "another"}, 400, -1022),
        ({"after_ms": -60_000}, 400, -1021),
        ({"after_ms": 1_000}, 400, -1021),
        ({"after_ms": -9_000, "recvWindow": 60_000}, 200, 0),
        ({"after_ms": 999}, 200, 0),
        ({"timestamp": "now"}, 400, -1102),
        ({"recvWindow": 60_001}, 400, -1131),
        ({"recvWindow": "x"}, 400, -1130),
    ],
)
async def test_keys_times_and_signatures_are_checked(
    client: SimClient, server: SimServer, given: dict[str, Any], status: int, code: int
) -> None:
    given = dict(given)
    if (after_ms := given.pop("after_ms", None)) is not None:
        given["timestamp"] = server.now_us() // 1000 + after_ms
    found, body, _ = await client.signed("GET", "/fapi/v1/openOrders", **given)
    assert (found, body["code"] if isinstance(body, dict) else 0) == (status, code)


async def test_what_makes_a_signed_request_is_mandatory(client: SimClient, server: SimServer) -> None:
    now_ms = server.now_us() // 1000
    path = "/fapi/v1/openOrders"
    assert (await client.raw("GET", path, f"timestamp={now_ms}", key=None))[1]["code"] == -2014
    assert (await client.raw("GET", path, f"timestamp={now_ms}"))[1]["code"] == -1102
    assert (await client.raw("GET", path, "signature=00"))[1]["code"] == -1102
    assert (await client.raw("GET", path, f"timestamp={now_ms}&timestamp=1&signature=0"))[1]["code"] == -1101
    # One changed character after signing.
    text = f"symbol=BTCUSDT&timestamp={now_ms}"
    signature = sign("alice-secret", text)
    assert (await client.raw("GET", path, f"{text}&signature={signature}"))[0] == 200
    text = text.replace("BTC", "ETH")
    assert (await client.raw("GET", path, f"{text}&signature={signature}"))[1]["code"] == -1022


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": ""}, -1102),
        ({"symbol": "NOPEUSDT"}, -1121),
        ({"side": ""}, -1102),
        ({"side": "LONG"}, -1117),
        ({"type": ""}, -1102),
        ({"type": "LIMIT_MAKER"}, -1116),
        ({"type": "STOP_MARKET", "stopPrice": "1"}, -4120),
        ({"timeInForce": ""}, -1102),
        ({"timeInForce": "DAY"}, -1115),
        ({"timeInForce": "GTD"}, -1102),
        ({"timeInForce": "GTD", "goodTillDate": START_US // 1000}, -1130),
        ({"positionSide": "LONG"}, -4061),
        ({"closePosition": "true"}, -4136),
        ({"reduceOnly": "maybe"}, -1130),
        ({"quantity": ""}, -1102),
        ({"quantity": "-1"}, -1100),
        ({"quantity": "0"}, -4003),
        ({"quantity": "0.0001"}, -1111),
        ({"quantity": "1000000"}, -4005),
        ({"quantity": "99999999999999999999"}, -4005),
        ({"price": ""}, -1102),
        ({"price": "1e5"}, -1100),
        ({"price": "0"}, -4001),
        ({"price": "100000000"}, -4002),
        ({"price": "60000.123"}, -1111),
        ({"price": "60000.05"}, -4014),
        ({"quantity": "0.001"}, -4164),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newClientOrderId": "a b"}, -1100),
        ({"reduceOnly": "true"}, -2022),
        ({"quantity": "20"}, -2019),
        ({"type": "MARKET"}, -1106),
        ({"newOrderRespType": "FULL"}, -1130),
        ({"priceMatch": "QUEUE"}, -1130),
    ],
)
async def test_orders_are_refused_with_the_codes_of_the_venue(
    client: SimClient, change: dict[str, Any], code: int
) -> None:
    given = BTC | {"price": await away(client)} | change
    assert await refused(client, **{name: value for name, value in given.items() if value != ""}) == code


async def test_prices_beyond_the_band_around_the_mark_are_refused(client: SimClient) -> None:
    assert await refused(client, **BTC | {"price": await away(client, "1.06")}) == -4016
    assert await refused(client, **BTC | {"side": "SELL", "price": await away(client, "0.94")}) == -4024


async def test_post_only_and_fill_or_kill_are_refused_where_they_cannot_be(client: SimClient) -> None:
    _, ask = await best(client)
    assert await refused(client, **BTC | {"price": str(ask), "timeInForce": "GTX"}) == -5022
    assert await refused(client, **BTC | {"price": await away(client), "timeInForce": "FOK"}) == -5021
    _, orders, _ = await client.signed("GET", "/fapi/v1/allOrders", key="refused", symbol="BTCUSDT")
    assert orders == [], "a refused order is not recorded"


async def test_a_position_beyond_the_leverage_bracket_is_refused(client: SimClient) -> None:
    given = BTC | {"price": await away(client), "quantity": "9000"}
    assert await refused(client, **given) == -2027


async def test_a_resting_order_shows_in_the_book_until_it_is_cancelled(client: SimClient) -> None:
    price = await away(client, "0.9999")

    async def size() -> Decimal:
        book = await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
        return next((Decimal(lots) for level, lots in book["bids"] if Decimal(level) == Decimal(price)), Decimal(0))

    before = await size()
    order = await client.order(**BTC, price=price, newClientOrderId="mine")
    assert (order["status"], order["executedQty"], order["clientOrderId"]) == ("NEW", "0.000", "mine")
    assert await size() == before + Decimal("0.01")
    ids: dict[str, Any] = {"symbol": "BTCUSDT", "origClientOrderId": "mine"}
    assert await client.order("GET", **ids) == order
    assert (await client.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT"))[1] == [order]
    status, body, _ = await client.signed("POST", ORDER, **BTC, price=price, newClientOrderId="mine")
    assert (status, body["code"]) == (400, -4116)
    assert (await client.order("DELETE", **ids))["status"] == "CANCELED"
    assert await size() == before
    assert (await client.signed("DELETE", ORDER, **ids))[1]["code"] == -2011
    assert (await client.signed("GET", ORDER, symbol="BTCUSDT", orderId=1))[1]["code"] == -2013
    assert (await client.signed("GET", ORDER, symbol="BTCUSDT"))[1]["code"] == -1102
    assert (await client.order("GET", **ids))["status"] == "CANCELED"


async def test_a_market_order_trades_at_the_best_prices(client: SimClient, server: SimServer) -> None:
    _, ask = await best(client)
    order = await client.order(key="taker", **MARKET, newOrderRespType="RESULT")
    assert (order["status"], order["executedQty"], Decimal(order["avgPrice"])) == ("FILLED", "0.010", ask)
    acknowledged = await client.order(key="taker", **MARKET | {"side": "SELL"})
    assert (acknowledged["status"], acknowledged["executedQty"]) == ("NEW", "0.000")
    _, fills, _ = await client.signed("GET", "/fapi/v1/userTrades", key="taker", symbol="BTCUSDT")
    public = {row["id"]: row for row in await client.get("/fapi/v1/trades", symbol="BTCUSDT", limit=50)}
    for fill in fills:
        row = public[fill["id"]]
        assert (row["price"], row["qty"], row["isBuyerMaker"]) == (fill["price"], fill["qty"], not fill["buyer"])
        assert Decimal(fill["commission"]) == Decimal(fill["quoteQty"]) * Decimal("0.0005")
    await server.advance(0.1)


async def test_immediate_or_cancel_expires_what_is_left(client: SimClient, server: SimServer) -> None:
    price, size = (await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5))["asks"][0]
    while Decimal(size) > 2:
        # What an account can take at once is less than the largest levels.
        await server.advance(0.05)
        price, size = (await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5))["asks"][0]
    given = BTC | {"price": price, "quantity": Decimal(size) + Decimal("0.1"), "timeInForce": "IOC"}
    order = await client.order(key="ioc", **given, newOrderRespType="RESULT")
    assert (order["status"], order["executedQty"]) == ("EXPIRED", size)


async def test_an_amended_order_goes_to_the_end_of_the_queue(client: SimClient) -> None:
    price = await away(client, "0.9995")
    order = await client.order(key="amend", **BTC, price=price)
    given: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "orderId": order["orderId"]}
    moved = str(Decimal(price) - 1)
    amended = await client.order("PUT", key="amend", **given, quantity="0.02", price=moved)
    assert (amended["orderId"], Decimal(amended["price"]), amended["origQty"]) == (
        order["orderId"],
        Decimal(moved),
        "0.020",
    )
    again = await client.signed("PUT", ORDER, key="amend", **given, quantity="0.02", price=moved)
    assert again[1]["code"] == -5027
    given["side"] = "SELL"
    wrong = await client.signed("PUT", ORDER, key="amend", **given, quantity="0.01", price=moved)
    assert wrong[1]["code"] == -1117
    given["side"] = "BUY"
    _, ask = await best(client)
    filled = await client.order("PUT", key="amend", **given, quantity="0.03", price=str(ask + 5))
    assert filled["status"] == "FILLED"


async def test_a_batch_answers_each_order(client: SimClient) -> None:
    price = await away(client)
    orders = [BTC | {"price": price, "newClientOrderId": f"batch{number}"} for number in range(2)]
    orders.append(BTC | {"price": "60000.05"})
    text = json.dumps(orders)
    _, rows, _ = await client.signed("POST", "/fapi/v1/batchOrders", key="batch", in_body=True, batchOrders=text)
    assert [row.get("status", row.get("code")) for row in rows] == ["NEW", "NEW", -4014]
    status, body, _ = await client.signed(
        "POST", "/fapi/v1/batchOrders", key="batch", batchOrders=json.dumps(orders * 2)
    )
    assert (status, body["code"]) == (400, -4082)
    mixed = json.dumps([BTC | {"price": price, "newClientOrderId": "batch9"}, None])
    status, body, _ = await client.signed("POST", "/fapi/v1/batchOrders", key="batch", batchOrders=mixed)
    assert (status, body["code"]) == (400, -1130)
    names = json.dumps(["batch0", "batch9", "nothing"])
    _, rows, _ = await client.signed(
        "DELETE", "/fapi/v1/batchOrders", key="batch", symbol="BTCUSDT", origClientOrderIdList=names
    )
    assert [row.get("status", row.get("code")) for row in rows] == ["CANCELED", -2011, -2011]
    _, body, _ = await client.signed("DELETE", "/fapi/v1/allOpenOrders", key="batch", symbol="BTCUSDT")
    assert body["code"] == 200
    assert (await client.signed("GET", "/fapi/v1/openOrders", key="batch"))[1] == []
    _, rows, _ = await client.signed("GET", "/fapi/v1/allOrders", key="batch", symbol="BTCUSDT")
    assert [row["status"] for row in rows] == ["CANCELED", "CANCELED"]


async def test_accounts_do_not_see_each_other(client: SimClient) -> None:
    order = await client.order(key="one", **BTC, price=await away(client))
    ids = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert (await client.signed("GET", ORDER, key="two", **ids))[1]["code"] == -2013
    assert (await client.signed("DELETE", ORDER, key="two", **ids))[1]["code"] == -2011
    await client.order("DELETE", key="one", **ids)


async def test_a_client_gets_its_order_through_the_queue(client: SimClient, server: SimServer) -> None:
    """An order at the touch of a busy market trades once the orders in front of it are gone."""
    bid, _ = await best(client)
    order = await client.order(key="maker", **BTC, price=str(bid))
    ids = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    while (await client.order("GET", key="maker", **ids))["status"] != "FILLED":
        await server.advance(2)
    _, fills, _ = await client.signed("GET", "/fapi/v1/userTrades", key="maker", symbol="BTCUSDT")
    assert all(fill["maker"] and Decimal(fill["price"]) == bid for fill in fills)
    assert sum(Decimal(fill["qty"]) for fill in fills) == Decimal("0.01")
    public = await client.get("/fapi/v1/historicalTrades", symbol="BTCUSDT", fromId=fills[0]["id"], limit=1)
    assert (public[0]["qty"], public[0]["price"], public[0]["isBuyerMaker"]) == (
        fills[0]["qty"],
        fills[0]["price"],
        True,
    )


async def test_orders_are_limited_in_ten_seconds(client: SimClient) -> None:
    given = BTC | {"price": await away(client)}
    text = json.dumps([given | {"newClientOrderId": f"many{number}"} for number in range(5)])
    codes: list[int] = []
    for _ in range(61):
        _, rows, _ = await client.signed("POST", "/fapi/v1/batchOrders", key="many", batchOrders=text)
        codes += [row["code"] for row in rows if "code" in row]
    assert -1015 in codes
    assert set(codes) == {-4116, -1015}
    await client.signed("DELETE", "/fapi/v1/allOpenOrders", key="many", symbol="BTCUSDT")


async def test_sizes_follow_the_step_in_force(client: SimClient, server: SimServer) -> None:
    bid = (await client.get("/fapi/v1/depth", symbol="ETHUSDT", limit=5))["bids"][0][0]
    given = BTC | {"symbol": "ETHUSDT", "price": bid}
    server.add_fault("contract", symbol="ETHUSDT", lot_size="0.01")
    try:
        assert await refused(client, **given | {"quantity": "0.015"}) == -4023
        assert await refused(client, **given | {"quantity": "0.001"}) == -4004
    finally:
        server.add_fault("contract", symbol="ETHUSDT", lot_size="0.001")


async def test_nothing_is_ordered_in_a_closed_contract(client: SimClient, server: SimServer) -> None:
    server.add_fault("contract", symbol="ETHUSDT", trading="SETTLING")
    try:
        assert await refused(client, **MARKET | {"symbol": "ETHUSDT"}) == -4141
    finally:
        server.add_fault("contract", symbol="ETHUSDT", trading="TRADING")


async def test_requests_have_the_weights_of_the_venue_and_orders_are_counted(client: SimClient) -> None:
    async def weight(method: str, path: str, **given: Any) -> int:
        _, _, before = await client.signed("GET", "/fapi/v1/openOrders", key="weights", symbol="BTCUSDT")
        _, _, after = await client.signed(method, path, key="weights", **given)
        return int(after["X-MBX-USED-WEIGHT-1M"]) - int(before["X-MBX-USED-WEIGHT-1M"])

    price = await away(client)
    assert await weight("GET", "/fapi/v1/openOrders", symbol="BTCUSDT") == 1
    assert await weight("GET", "/fapi/v1/openOrders") == 40
    assert await weight("GET", "/fapi/v1/allOrders", symbol="BTCUSDT") == 5
    assert await weight("GET", "/fapi/v3/account") == 5
    assert await weight("GET", "/fapi/v1/income") == 30
    assert await weight("POST", ORDER, **BTC, price=price) == 0
    _, _, headers = await client.signed("POST", ORDER, key="weights", **BTC, price=price)
    assert (headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1M"]) == ("2", "2")
    assert await weight("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT") == 1


async def test_a_fault_applies_to_orders_as_to_any_request(client: SimClient, server: SimServer) -> None:
    server.add_fault("status", path=ORDER, status=429)
    assert (await client.signed("POST", ORDER, key="fault", **MARKET))[0] == 429
    assert (await client.signed("GET", "/fapi/v1/allOrders", key="fault", symbol="BTCUSDT"))[1] == []


@pytest.mark.parametrize("seed", range(3))
async def test_no_parameters_whatever_end_in_an_error_of_the_server(client: SimClient, seed: int) -> None:
    draw = random.Random(seed)
    odd = [
        "",
        "0",
        "-1",
        "1e9",
        "9" * 20,
        "NaN",
        "true",
        "٣",
        "[]",
        "[1]",
        "{}",
        "[{}]",
        "[null]",
        "0." + "0" * 18 + "1",
    ]
    usual = BTC | {
        "price": await away(client),
        "orderId": "1",
        "limit": "5",
        "leverage": "20",
        "marginType": "ISOLATED",
    }
    usual |= {"batchOrders": "[]", "orderIdList": "[]", "startTime": "1", "recvWindow": "5000", "goodTillDate": "1"}
    paths = ["v1/order", "v1/batchOrders", "v1/openOrders", "v1/allOrders", "v1/userTrades", "v1/income", "v1/leverage"]
    paths += [
        "v1/marginType",
        "v1/leverageBracket",
        "v2/account",
        "v3/positionRisk",
        "v1/allOpenOrders",
        "v1/order/test",
    ]
    statuses: set[int] = set()
    for _ in range(150):
        given: dict[str, Any] = {name: value for name, value in usual.items() if draw.random() < 0.7}
        given |= {name: draw.choice(odd) for name in usual if draw.random() < 0.1}
        method = draw.choice(["GET", "POST", "PUT", "DELETE"])
        status, body, _ = await client.signed(method, f"/fapi/{draw.choice(paths)}", key=f"odd-{seed}", **given)
        statuses.add(status)
        assert status < 500, (given, body)
        assert status == 200 or body["code"] < 0
    assert {200, 400, 404} >= statuses > {400}
