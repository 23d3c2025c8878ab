from __future__ import annotations

from typing import Any

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import Limits, SimServer
from tests.sim.client import START_US, SimClient

pytestmark = pytest.mark.sim


async def test_rest_counts_the_weight_of_each_call(client: SimClient) -> None:
    used = 0
    for path, query, weight in [
        ("/fapi/v1/ping", {}, 1),
        ("/fapi/v1/exchangeInfo", {}, 1),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 5}, 2),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 100}, 5),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT"}, 10),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 1000}, 20),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 99}, 1),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 499}, 2),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1000}, 5),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1500}, 10),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT"}, 20),
        ("/fapi/v1/trades", {"symbol": "BTCUSDT"}, 5),
        ("/fapi/v1/ticker/24hr", {"symbol": "BTCUSDT"}, 1),
        ("/fapi/v1/ticker/24hr", {}, 40),
        ("/fapi/v1/premiumIndex", {"symbol": "BTCUSDT"}, 1),
        ("/fapi/v1/premiumIndex", {}, 10),
        ("/fapi/v1/openInterest", {"symbol": "BTCUSDT"}, 1),
        ("/fapi/v1/fundingRate", {}, 0),
        ("/fapi/v1/fundingInfo", {}, 0),
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "5m"}, 0),
        ("/futures/data/takerlongshortRatio", {"symbol": "BTCUSDT", "period": "5m"}, 0),
        ("/fapi/v1/historicalTrades", {"symbol": "BTCUSDT"}, 20),
        ("/fapi/v1/markPriceKlines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 99}, 1),
        ("/fapi/v1/indexPriceKlines", {"pair": "BTCUSDT", "interval": "1m"}, 5),
    ]:
        status, _, headers = await client.ask(path, **query)
        used += weight
        assert (path, query, status, headers["X-MBX-USED-WEIGHT-1M"]) == (path, query, 200, str(used))


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/fapi/v1/depth", {}, -1102),
        ("/fapi/v1/depth", {"symbol": "NOPE"}, -1121),
        ("/fapi/v1/depth", {"symbol": "btcusdt"}, -1121),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 7}, -4021),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "many"}, -1100),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT"}, -1102),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1501}, -1130),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": 5, "endTime": 4}, -1023),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "limit": 0}, -1130),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 1 + 3_600_001}, -1127),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 1 + 3_600_000}, -4166),
        ("/fapi/v1/markPriceKlines", {"symbol": "NOPE", "interval": "1m"}, -1121),
        ("/fapi/v1/indexPriceKlines", {"pair": "NOPE", "interval": "1m"}, -4144),
        ("/fapi/v1/indexPriceKlines", {"interval": "1m"}, -1102),
        ("/fapi/v1/premiumIndexKlines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/fapi/v1/continuousKlines", {"pair": "BTCUSDT", "interval": "1m"}, -1102),
        ("/fapi/v1/continuousKlines", {"pair": "BTCUSDT", "interval": "1m", "contractType": "NONE"}, -1130),
        ("/fapi/v1/historicalTrades", {"symbol": "BTCUSDT", "limit": 501}, -1130),
        ("/futures/data/basis", {"pair": "BTCUSDT", "contractType": "PERPETUAL", "period": "1m"}, -1130),
        ("/futures/data/topLongShortPositionRatio", {"symbol": "BTCUSDT"}, -1130),
    ],
)
async def test_rest_refuses_with_the_venues_codes(
    client: SimClient, path: str, query: dict[str, Any], code: int
) -> None:
    status, body, _ = await client.ask(path, **query)
    assert (status, body["code"]) == (400, code)
    assert body["msg"]


async def test_rest_reports_an_unknown_path(client: SimClient) -> None:
    status, body, _ = await client.ask("/fapi/v1/nothing")
    assert (status, body["code"]) == (404, -5000)


async def test_exchange_info_lists_contracts_that_must_not_be_shown(client: SimClient) -> None:
    symbols = {each["symbol"]: each for each in (await client.get("/fapi/v1/exchangeInfo"))["symbols"]}
    shown = [s for s, each in symbols.items() if each["status"] == "TRADING" and each["contractType"] == "PERPETUAL"]
    assert shown == ["BTCUSDT", "ETHUSDT"]
    assert len(symbols) == 4
    bitcoin = symbols["BTCUSDT"]
    assert bitcoin["filters"][0]["tickSize"] == "0.10"
    assert bitcoin["pricePrecision"] == 2, "digits of the price's text are not those of its tick"


async def test_depth_is_sorted_best_first_and_not_crossed(client: SimClient) -> None:
    body = await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
    bids = [float(price) for price, _ in body["bids"]]
    asks = [float(price) for price, _ in body["asks"]]
    assert len(bids) == len(asks) == 1_000
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]


async def test_trades_and_aggregate_trades_agree(client: SimClient, server: SimServer) -> None:
    await server.advance(5)
    aggregates = await client.get("/fapi/v1/aggTrades", symbol="BTCUSDT", limit=20)
    singles = await client.get("/fapi/v1/trades", symbol="BTCUSDT", limit=1000)
    assert [each["a"] for each in aggregates] == list(range(aggregates[0]["a"], aggregates[0]["a"] + 20))
    by_id = {each["id"]: each for each in singles}
    for each in aggregates:
        fills = [by_id[trade_id] for trade_id in range(each["f"], each["l"] + 1)]
        assert sum(float(fill["qty"]) for fill in fills) == pytest.approx(float(each["q"]))
        assert {fill["price"] for fill in fills} == {each["p"]}


async def test_aggregate_trades_of_exactly_an_hour_are_answered(client: SimClient, server: SimServer) -> None:
    start_ms = START_US // 1000 - 7_200_000
    query = {"symbol": "ETHUSDT", "startTime": start_ms, "endTime": start_ms + 3_600_000, "limit": 1000}
    trades = await client.get("/fapi/v1/aggTrades", **query)
    assert len(trades) == 1_000
    assert all(start_ms <= trade["T"] <= start_ms + 3_600_000 for trade in trades)
    again = await client.get("/fapi/v1/aggTrades", symbol="ETHUSDT", fromId=trades[500]["a"], limit=500)
    assert again == trades[500:]


async def test_historical_trades_go_back_by_id(client: SimClient) -> None:
    latest = await client.get("/fapi/v1/trades", symbol="BTCUSDT", limit=10)
    assert await client.get("/fapi/v1/historicalTrades", symbol="BTCUSDT", limit=10) == latest
    from_id = latest[0]["id"] - 1_000_000
    old = await client.get("/fapi/v1/historicalTrades", symbol="BTCUSDT", limit=500, fromId=from_id)
    assert [trade["id"] for trade in old] == list(range(from_id, from_id + 500))
    assert set(old[0]) == set(latest[0])
    assert old[-1]["time"] < latest[0]["time"]


async def test_mark_index_and_premium_bars_belong_to_the_trades_bars(client: SimClient, server: SimServer) -> None:
    await server.advance(70)
    query = {"interval": "1m", "limit": 200}
    trades = await client.get("/fapi/v1/klines", symbol="BTCUSDT", **query)
    mark = await client.get("/fapi/v1/markPriceKlines", symbol="BTCUSDT", **query)
    index = await client.get("/fapi/v1/indexPriceKlines", pair="BTCUSDT", **query)
    premium = await client.get("/fapi/v1/premiumIndexKlines", symbol="BTCUSDT", **query)
    same = await client.get("/fapi/v1/continuousKlines", pair="BTCUSDT", contractType="PERPETUAL", **query)
    assert same == trades
    for traded, *others in zip(trades, mark, index, premium, strict=True):
        for row in others:
            open_, high, low, close = map(float, row[1:5])
            assert (row[0], row[6], len(row)) == (traded[0], traded[6], 12)
            assert low <= min(open_, close) <= max(open_, close) <= high
        assert all(abs(float(row[4]) / float(traded[4]) - 1) < 0.001 for row in others[:2])
        assert float(others[2][4]) == pytest.approx(float(traded[4]) / float(others[1][4]) - 1, abs=1e-6)
    now = await client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")
    assert float(mark[-1][4]) == pytest.approx(float(now["markPrice"]), abs=0.01)
    assert float(index[-1][4]) == pytest.approx(float(now["indexPrice"]), abs=0.01)


async def test_statistics_have_the_venues_fields(client: SimClient) -> None:
    query = {"symbol": "BTCUSDT", "period": "1h", "limit": 48}
    for name in ("globalLongShortAccountRatio", "topLongShortAccountRatio", "topLongShortPositionRatio"):
        rows = await client.get(f"/futures/data/{name}", **query)
        assert len(rows) == 48
        for row in rows:
            long, short = float(row["longAccount"]), float(row["shortAccount"])
            assert long + short == pytest.approx(1)
            assert float(row["longShortRatio"]) == pytest.approx(long / short, abs=1e-3)
    bars = await client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1h", limit=48)
    takers = await client.get("/futures/data/takerlongshortRatio", **query)
    for bar, row in zip(bars, takers, strict=True):
        assert (row["timestamp"], row["buyVol"]) == (bar[0], bar[9])
        assert float(row["buyVol"]) + float(row["sellVol"]) == pytest.approx(float(bar[5]))
    for period in ("5m", "1d"):
        basis = await client.get("/futures/data/basis", pair="BTCUSDT", contractType="PERPETUAL", period=period)
        assert len(basis) == 30
        for row in basis:
            assert float(row["basis"]) == pytest.approx(float(row["futuresPrice"]) - float(row["indexPrice"]))
    quarter = {"pair": "BTCUSDT", "contractType": "CURRENT_QUARTER", "period": "1h"}
    assert await client.get("/futures/data/basis", **quarter) == []
    info = await client.get("/fapi/v1/fundingInfo")
    assert [(row["symbol"], row["fundingIntervalHours"]) for row in info] == [("BTCUSDT", 8), ("ETHUSDT", 8)]


async def test_requests_over_the_budget_are_refused_and_then_banned() -> None:
    limits = Limits(weight_per_minute=40, ban_after_refusals=2, ban_s=90)
    async with (
        SimServer(Exchange(7, 1, start_us=START_US), manual=True, limits=limits) as server,
        SimClient(server) as client,
    ):
        for _ in range(2):
            await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
        status, body, headers = await client.ask("/fapi/v1/ping")
        assert (status, body["code"]) == (429, -1003)
        assert 0 < int(headers["Retry-After"]) <= 60
        await client.ask("/fapi/v1/ping")
        status, body, headers = await client.ask("/fapi/v1/ping")
        assert (status, body["code"], headers["Retry-After"]) == (418, -1003, "90")
        assert "banned until" in body["msg"]
        await server.advance(60)
        assert (await client.ask("/fapi/v1/ping"))[0] == 418, "a new minute does not lift a ban"
        await server.advance(31)
        assert (await client.ask("/fapi/v1/ping"))[0] == 200


async def test_a_new_minute_has_a_new_budget() -> None:
    limits = Limits(weight_per_minute=1)
    async with (
        SimServer(Exchange(7, 1, start_us=START_US), manual=True, limits=limits) as server,
        SimClient(server) as client,
    ):
        await client.get("/fapi/v1/ping")
        status, _, headers = await client.ask("/fapi/v1/ping")
        assert status == 429
        await server.advance(int(headers["Retry-After"]))
        await client.get("/fapi/v1/ping")


async def test_liquidation_history_is_empty_with_404(client: SimClient) -> None:
    hour_ms = 3_600_000
    end = START_US // 1000 // hour_ms * hour_ms
    query = {"symbol": "NOPEUSDT", "timeframe": "1h", "start_timestamp": end - hour_ms, "end_timestamp": end}
    assert (await client.ask("/api/liquidations", **query))[0] == 404
    assert (await client.ask("/api/liquidation-orders", symbol="NOPEUSDT", limit=5))[0] == 404
    assert (await client.ask("/api/liquidations", symbol="BTCUSDT"))[0] == 422


async def test_liquidation_history_sums_its_own_orders(client: SimClient) -> None:
    hour_ms = 3_600_000
    end = START_US // 1000 // hour_ms * hour_ms
    start = end - 6 * hour_ms
    rows = await client.get(
        "/api/liquidations", symbol="BTCUSDT", timeframe="1h", start_timestamp=start, end_timestamp=end
    )
    assert all((row["timestamp"] - start) % hour_ms == 0 for row in rows)
    assert len({(row["timestamp"], row["side"]) for row in rows}) == len(rows)
    orders, page = [], 1
    while True:
        query = {"start_timestamp": start, "end_timestamp": end, "page": page, "page_size": 100}
        body = await client.get("/api/liquidation-orders", symbol="BTCUSDT", **query)
        orders += body["data"]
        if not body["pagination"]["has_more"]:
            break
        page += 1
    times = [order["order_trade_time"] for order in orders]
    assert times == sorted(times, reverse=True)
    total = sum(order["order_filled_accumulated_quantity"] * order["average_price"] for order in orders)
    assert sum(row["cumulated_usd_size"] for row in rows) == pytest.approx(total)
