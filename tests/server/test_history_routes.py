"""The REST routes of ranges of the past."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest
from aiohttp import ClientSession, web

from orderfox_nb.core.events import Topic
from orderfox_nb.errors import BadValue, MalformedFrame
from orderfox_nb.feeds.remote import RemoteFeed
from tests.feeds.contract import START_US
from tests.feeds.stages import binance_on_the_embedded_exchange, served_over

pytestmark = pytest.mark.server

NOW_MS = START_US // 1000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


class Client:
    """Asks one server."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url}/api/v1/"

    async def ask(self, path: str) -> tuple[int, Any, str]:
        async with self._session.get(urljoin(self._url, path)) as answer:
            link = answer.headers.get("Link", "")
            assert not link or link.endswith('>; rel="next"')
            return answer.status, await answer.json(), link[1:].partition(">")[0]

    async def pages(self, path: str) -> list[list[Any]]:
        """Read a range page after page."""
        found: list[list[Any]] = []
        while path:
            status, rows, path = await self.ask(path)
            assert status == 200
            found.append(rows)
            assert len(found) < 100
        return found


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with (
        binance_on_the_embedded_exchange() as stage,
        served_over(stage.feed) as url,
        ClientSession() as session,
    ):
        client = Client(session, url)
        # A stream brings the venue's time, which the test's exchange does not share with this machine.
        assert (await client.ask("funding/BTCUSDT"))[0] == 200
        yield client


async def test_bars_of_a_range_come_in_pages_oldest_first(client: Client) -> None:
    start_ms, end_ms = NOW_MS - 50 * HOUR_MS, NOW_MS - 2 * HOUR_MS
    query = f"timeframe=1m&start_time={start_ms}&end_time={end_ms}"
    pages = await client.pages(f"candles/BTC/USDT?{query}&limit=700")
    assert [len(page) for page in pages] == [700, 700, 700, 700, 80]
    opens = [row["timestamp"] for page in pages for row in page]
    assert opens == list(range(-(-start_ms // MINUTE_MS) * MINUTE_MS, end_ms + 1, MINUTE_MS))
    _, newest, _ = await client.ask(f"candles/BTCUSDT?timeframe=1m&limit=80&end_time={end_ms}")
    assert newest == pages[-1]


async def test_trades_and_orders_of_a_range_come_newest_first(client: Client) -> None:
    start_ms, end_ms = NOW_MS - 20 * MINUTE_MS, NOW_MS - 10 * MINUTE_MS
    pages = await client.pages(f"trades/BTCUSDT?start_time={start_ms}&end_time={end_ms}&limit=300")
    ids = [int(row["id"]) for page in pages for row in reversed(page)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert len(pages) > 2
    times = [row["timestamp"] for page in pages for row in page]
    assert start_ms <= min(times) <= max(times) <= end_ms
    _, _, _ = whole = await client.ask(f"trades/BTCUSDT?start_time={start_ms}&end_time={end_ms}&limit=99999")
    assert [int(row["id"]) for row in whole[1]] == ids[::-1][-10_000:]
    start_ms = NOW_MS - 48 * HOUR_MS
    orders = await client.pages(f"liquidations/BTCUSDT?start_time={start_ms}&limit=50")
    found = [row for page in orders for row in reversed(page)]
    assert len(found) > 100
    assert all(row["timestamp"] <= later["timestamp"] for row, later in pairwise(found))


async def test_funding_open_interest_and_mark_prices_have_what_is_in_force(client: Client) -> None:
    _, rates, link = await client.ask("funding/btc?limit=20")
    assert (len(rates), link) == (21, "")
    assert [rate["paid"] for rate in rates] == [True] * 20 + [False]
    assert {later["timestamp"] - row["timestamp"] for row, later in pairwise(rates)} == {8 * HOUR_MS}
    pages = await client.pages(f"funding/BTCUSDT?start_time={rates[3]['timestamp']}&limit=4")
    assert [row for page in pages for row in page] == rates[3:]
    for route, name in (("open-interest", "open_interest"), ("mark", "mark")):
        _, values, _ = await client.ask(f"{route}/BTCUSDT?period=15m&limit=10")
        assert len(values) == 11
        assert all(row[name] > 0 for row in values)
        times = [row["timestamp"] for row in values]
        assert {later - row for row, later in pairwise(times[:-1])} == {15 * MINUTE_MS}
        assert times[-1] - times[-2] <= 15 * MINUTE_MS
        _, some, _ = await client.ask(f"{route}/BTCUSDT?period=15m&start_time={times[2]}&end_time={times[4]}")
        assert some == values[2:5]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("candles/BTCUSDT?start_time=x", 400, "start_time"),
        (f"candles/BTCUSDT?start_time={NOW_MS}&end_time={NOW_MS - 1}", 400, "after start_time"),
        ("trades/NOPE?start_time=1", 404, "not found"),
        ("mark/BTCUSDT?period=7m", 400, "period"),
        ("funding/BTCUSDT?limit=0", 400, "limit"),
        ("past/BTCUSDT?channel=book&start_us=1&end_us=2", 400, "channel"),
        ("past/BTCUSDT?channel=trades&end_us=2", 400, "start_us"),
        ("past/BTCUSDT?channel=trades&start_us=2&end_us=2", 400, "after the start"),
        ("past/BTCUSDT?channel=candles&start_us=1&end_us=2", 400, "interval"),
        ("past/NOPE?channel=trades&start_us=1&end_us=2", 404, "not found"),
    ],
)
async def test_a_range_that_is_none_is_refused(client: Client, path: str, status: int, words: str) -> None:
    got, answer, _ = await client.ask(path)
    assert (got, words in answer["detail"]) == (status, True), answer


async def test_the_routes_are_in_the_document(client: Client) -> None:
    _, document, _ = await client.ask("openapi.json")
    for route in ("funding", "open-interest", "mark", "past", "candles", "trades", "liquidations"):
        operation = document["paths"][f"/api/v1/{route}/{{symbol}}"]["get"]
        assert {"start_time", "start_us"} & {rule["name"] for rule in operation["parameters"]}
    assert "Link" in document["paths"]["/api/v1/candles/{symbol}"]["get"]["responses"]["200"]["headers"]


GOOD: dict[str, Any] = {"end_us": 200, "source": "venue", "reason": "", "events": []}
TRADE: dict[str, Any] = {
    "type": "Trade",
    "symbol": "BTCUSDT",
    "time_us": 150,
    "id": "1",
    "price": 1.0,
    "size": 1.0,
    "aggressor": "buy",
}


@pytest.mark.parametrize(
    "answer",
    [
        {**GOOD, "end_us": 100},
        {**GOOD, "end_us": 301},
        {**GOOD, "source": "elsewhere"},
        {**GOOD, "events": [{**TRADE, "time_us": 99}]},
        {**GOOD, "events": [{**TRADE, "time_us": 200}]},
        {**GOOD, "events": [TRADE, {**TRADE, "time_us": 149}]},
        {**GOOD, "events": [{"type": "Unknown"}]},
        [],
    ],
)
async def test_a_server_that_answers_another_range_is_an_error(answer: Any) -> None:
    async def given(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    app = web.Application()
    app.router.add_get("/api/v1/past/{symbol}", given)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with RemoteFeed(f"http://127.0.0.1:{port}") as feed:
            topic = Topic(feed.venue, "BTCUSDT", "trades")
            with pytest.raises(MalformedFrame):
                await feed.range_page(topic, 100, 300)
            with pytest.raises(BadValue):
                await feed.range_page(topic, 300, 300)
    finally:
        await runner.cleanup()
