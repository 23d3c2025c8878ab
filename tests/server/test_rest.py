"""The REST routes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.parameters import Parameter, limit, time_ms
from orderfox_nb.errors import SettingError, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.server.handlers.sockets import BAD_INPUT, POLICY, TOO_SLOW, TRY_LATER
from orderfox_nb.server.openapi import readable
from orderfox_nb.server.routes import REST
from orderfox_nb.views import contract
from tests.server.conftest import TOKEN, Child, Serve, Served
from tests.server.scripted import START_US, VENUE

pytestmark = pytest.mark.server

NOW_MS = START_US // 1000


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("orderbook/BTCUSD", 404, "Symbol BTCUSD not found. Did you mean: BTCUSDT, BTCUSDC?"),
        ("trades/NOSUCHTHING", 404, "Symbol NOSUCHTHING not found."),
        ("candles/NOSUCHTHING", 404, "NOSUCHTHING"),
        ("liquidations/NOSUCHTHING", 404, "NOSUCHTHING"),
        ("liquidation-volume/NOSUCHTHING/1m", 404, "NOSUCHTHING"),
        ("orderbook/%00", 404, "not found"),
        ("orderbook/%FF%FE", 400, ""),
        ("orderbook/" + "A" * 5000, 404, "not found"),
        ("orderbook/BTCUSDT?limit=0", 400, "limit"),
        ("orderbook/BTCUSDT?limit=-2", 400, "limit"),
        ("orderbook/BTCUSDT?limit=many", 400, "limit"),
        ("orderbook/BTCUSDT?limit=1.5", 400, "limit"),
        ("orderbook/BTCUSDT?limit=", 400, "limit"),
        ("orderbook/BTCUSDT?limit=%D9%A5", 400, "limit '٥'"),
        ("orderbook/BTCUSDT?rounding=%D9%A1%D9%A0", 400, "rounding '١٠'"),
        ("orderbook/BTCUSDT?rounding=%EF%BC%91", 400, "rounding '１'"),
        ("orderbook/BTCUSDT?rounding=1_0", 400, "rounding"),
        ("candles/BTCUSDT?end_time=%EF%BC%91", 400, "end_time"),
        ("orderbook/BTCUSDT?rounding=0", 400, "rounding"),
        ("orderbook/BTCUSDT?rounding=-0.1", 400, "rounding"),
        ("orderbook/BTCUSDT?rounding=NaN", 400, "rounding"),
        ("orderbook/BTCUSDT?rounding=inf", 400, "rounding"),
        ("orderbook/BTCUSDT?rounding=tick", 400, "rounding"),
        ("orderbook/BTCUSDT?tz=Mars", 400, "tz"),
        ("trades/BTCUSDT?limit=0", 400, "limit"),
        ("trades/BTCUSDT?limit=x", 400, "limit"),
        ("candles/BTCUSDT?timeframe=7m", 400, "Invalid timeframe '7m'"),
        ("candles/BTCUSDT?timeframe=", 400, "timeframe"),
        ("candles/BTCUSDT?limit=-1", 400, "limit"),
        ("candles/BTCUSDT?end_time=yesterday", 400, "end_time"),
        ("candles/BTCUSDT?end_time=-1", 400, "end_time"),
        ("candles/BTCUSDT?end_time=99999999999999999999", 400, "end_time"),
        ("liquidations/BTCUSDT?limit=0", 400, "limit"),
        ("liquidation-volume/BTCUSDT/3m", 400, "timeframe"),
        ("liquidation-volume/BTCUSDT/1m?start_time=x", 400, "start_time"),
        ("liquidation-volume/BTCUSDT/1m?start=2000&end=1000", 400, "range"),
        (f"liquidation-volume/BTCUSDT/1m?start={NOW_MS - 2 * 86_400_000}&end={NOW_MS}", 400, "1 days"),
        (f"liquidation-volume/BTCUSDT/1d?start={NOW_MS - 366 * 86_400_000}&end={NOW_MS}", 400, "365 days"),
        ("nothing", 404, "No such route"),
        ("symbols/", 404, "No such route"),
        ("orderbook/BTCUSDT/", 404, "No such route"),
        ("orderbook/BTCUSDT/x/y", 404, "No such route"),
        ("", 404, "No such route"),
        ("ws/orderbook/BTCUSDT", 400, "WebSocket"),
        ("ws/nothing", 404, "No such route"),
    ],
)
async def test_bad_input_is_refused_in_the_form_of_the_contract(
    server: Served, path: str, status: int, said: str
) -> None:
    got, answer = await server.ask("api/v1/" + path)
    assert got == status
    assert answer == {"detail": answer["detail"], "status_code": status}
    assert said in answer["detail"]
    assert "Traceback" not in answer["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_method_that_a_route_has_not_is_405_and_names_those_it_has(server: Served, method: str) -> None:
    async with server.session.request(method, server.url + "api/v1/symbols") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"
        assert (await response.json())["status_code"] == 405
    async with server.session.get(server.url + "api/v1/refresh-symbols") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"


async def test_unknown_methods_make_no_series_of_their_own(server: Served) -> None:
    for number in range(3):
        async with server.session.request(f"FOO{number}", server.url + "api/v1/symbols") as response:
            assert response.status == 405
    async with server.session.get(server.url + "api/v1/metrics") as response:
        text = await response.text()
    assert 'orderfox_requests_total{method="other",route="symbols",status="405"} 3.0' in text
    assert "FOO" not in text


async def test_body_that_is_too_large_is_413(server: Served) -> None:
    status, answer = await server.ask("api/v1/refresh-symbols", method="POST", data=b"x" * 16_385)
    assert (status, answer["status_code"]) == (413, 413)


async def test_head_answers_without_a_body(server: Served) -> None:
    async with server.session.head(server.url + "api/v1/health") as response:
        assert response.status == 200
        assert await response.read() == b""


async def test_unknown_parameters_are_ignored(server: Served) -> None:
    for path in ("symbols", "orderbook/BTCUSDT", "trades/BTCUSDT", "candles/BTCUSDT", "health"):
        assert (await server.ask(f"api/v1/{path}?cache_buster=1&x="))[0] == 200


@pytest.mark.parametrize(
    ("path", "most", "coverage"),
    [("trades", 1000, "complete"), ("candles", 1500, "complete"), ("liquidations", 1000, "sampled")],
)
async def test_a_list_has_its_limit_and_its_quality_in_headers(
    server: Served, path: str, most: int, coverage: str
) -> None:
    for asked, in_force in (("7", "7"), ("999999", str(most))):
        async with server.session.get(f"{server.url}api/v1/{path}/BTCUSDT?limit={asked}") as response:
            assert response.status == 200
            assert response.headers["X-Limit"] == in_force
            assert len(await response.json()) <= int(in_force)
            quality = msgspec.json.decode(response.headers["X-Quality"], type=contract.QualityView)
            assert (quality.state, quality.coverage) == ("live", coverage)
            assert quality.since >= NOW_MS
    async with server.session.get(f"{server.url}api/v1/{path}/NOPE") as response:
        assert "X-Quality" not in response.headers


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "btcusdt", "BTC/USDT", "btc%2Fusdt", "BTC-USDT", "btc", "BTC%2FUSDT:USDT"]
)
async def test_symbol_is_accepted_in_any_form_and_echoed_in_its_own(server: Served, symbol: str) -> None:
    _, book = await server.ask(f"api/v1/orderbook/{symbol}")
    assert book["symbol"] == "BTCUSDT"
    _, volume = await server.ask(f"api/v1/liquidation-volume/{symbol}/1m")
    assert volume["symbol"] == "BTCUSDT"


async def typed(server: Served, path: str, model: Any) -> Any:
    async with server.session.get(server.url + "api/v1/" + path) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "application/json"
        return msgspec.json.decode(await response.read(), type=model)


async def test_symbols_come_by_volume_with_all_that_a_chart_needs(server: Served) -> None:
    rows = await typed(server, "symbols", list[contract.SymbolRow])
    assert [row.id for row in rows] == ["BTCUSDT", "ETHUSDT", "BTCUSDC"]
    first = rows[0]
    assert (first.symbol, first.ui_name, first.volume24h_formatted) == ("BTC/USDT:USDT", "BTC/USDT", "12.59B")
    assert (first.price_precision, first.tick_size, first.step_size) == (1, 0.1, 0.001)
    assert (first.rounding_options, first.default_rounding) == ([0.1, 1, 10, 100, 1000], 10)


async def unreachable() -> Sequence[Listing]:
    raise VenueUnreachable(VENUE, "away")


async def test_a_list_of_symbols_that_is_not_the_venues_own_is_marked(server: Served) -> None:
    async def marked(desk: Desk) -> tuple[contract.QualityView, int]:
        async with server.session.get(server.url + "api/v1/symbols") as response:
            assert "X-Limit" not in response.headers
            assert response.headers["X-Quality"] == msgspec.json.encode(desk.catalogue.quality).decode()
            return msgspec.json.decode(response.headers["X-Quality"], type=contract.QualityView), len(
                await response.json()
            )

    desk = await server.service.desk()
    listings, began_ms = server.feed.listings, time.time_ns() // 1_000_000
    server.feed.listings = unreachable  # type: ignore[method-assign]
    demo, count = await marked(desk)
    assert (demo.state, demo.coverage, count > 3) == ("down", "complete", True)
    assert demo.since >= began_ms
    server.feed.listings = listings  # type: ignore[method-assign]
    await desk.catalogue.refresh()
    own, count = await marked(desk)
    assert (own.state, count) == ("live", 3)
    assert own.since >= demo.since
    server.feed.listings = unreachable  # type: ignore[method-assign]
    with pytest.raises(VenueUnreachable):
        await desk.catalogue.refresh()
    old, count = await marked(desk)
    assert (old.state, old.since, count) == ("stale", own.since, 3)


async def test_symbols_are_loaded_once_and_again_on_request(server: Served) -> None:
    for _ in range(3):
        await server.ask("api/v1/symbols")
    stats = await typed(server, "symbol-cache-stats", contract.CacheStats)
    assert (stats.exchange_calls, stats.symbols, stats.ttl_seconds) == (1, 3, 300)
    headers = {"Authorization": f"token {server.service.token}"}
    _, answer = await server.ask("api/v1/refresh-symbols", method="POST", headers=headers)
    assert msgspec.convert(answer, contract.Refreshed).exchange_calls == 2
    assert server.feed.calls == 2


async def test_order_book_is_the_message_of_the_socket(server: Served) -> None:
    book = await typed(server, "orderbook/BTCUSDT?limit=999&rounding=0.25", contract.OrderBookAnswer)
    assert (book.limit, book.rounding) == (50, 0.25)
    assert book.bids[0].price == 49_990.0
    assert book.asks[-1].price == 50_000.0


async def test_trades_come_newest_first(server: Served) -> None:
    rows = await typed(server, "trades/BTCUSDT?limit=5", list[contract.TradeRow])
    assert [row.id for row in rows] == ["150", "149", "148", "147", "146"]
    assert len(await typed(server, "trades/BTCUSDT?limit=99999", list[contract.TradeRow])) == 150


async def test_candles_come_oldest_first(server: Served) -> None:
    rows = await typed(server, "candles/BTCUSDT?limit=10", list[contract.CandleRow])
    assert len(rows) == 10
    times = [row.time for row in rows]
    assert times == sorted(times)
    assert all(row.timestamp == row.time * 1000 for row in rows)


async def test_liquidations_come_newest_first(server: Served) -> None:
    rows = await typed(server, "liquidations/BTCUSDT", list[contract.LiquidationRow])
    assert [row.quantity for row in rows] == ["2.5", "1.5", "0.5"]
    assert rows[0].side == "SELL"
    assert rows[0].price_usdt_formatted == "125,005"


async def test_liquidation_volume_is_contiguous_and_the_same_twice(server: Served) -> None:
    end = NOW_MS - NOW_MS % 60_000
    start = end - 30 * 60_000
    paths = [
        f"liquidation-volume/BTCUSDT/1m?start_time={start}&end_time={end}",
        f"liquidation-volume/BTCUSDT/1m?start={start}&end={end}",
    ]
    answers = [await typed(server, path, contract.LiquidationVolumeAnswer) for path in paths]
    assert answers[0] == answers[1]
    times = [bucket.timestamp_ms for bucket in answers[0].data]
    assert times == list(range(start, end, 60_000))
    assert (answers[0].start_time, answers[0].end_time) == (start, end)


async def test_health_opens_nothing_and_then_reports_topics(server: Served) -> None:
    before = await typed(server, "health", contract.HealthAnswer)
    assert (before.status, before.topics) == ("healthy", [])
    assert server.feed.opened == server.feed.entered == server.feed.calls == 0
    await server.ask("api/v1/orderbook/BTCUSDT")
    after = await typed(server, "health", contract.HealthAnswer)
    assert after.exchange_calls == 1


async def test_the_document_states_the_limit_of_the_settings(serve: Serve) -> None:
    async with serve(MAX_ORDERBOOK_LIMIT="200") as server:
        _, document = await server.ask("api/v1/openapi.json")
        (rule,) = [
            rule
            for rule in document["paths"]["/api/v1/orderbook/{symbol}"]["get"]["parameters"]
            if rule["name"] == "limit"
        ]
        assert "lowered to 200" in rule["description"]
        assert (await server.ask("api/v1/orderbook/BTCUSDT?limit=200"))[1]["limit"] == 200


async def test_the_document_describes_every_field_of_a_topics_health(server: Served) -> None:
    _, document = await server.ask("api/v1/openapi.json")
    async with server.session.ws_connect(server.url + "api/v1/ws/orderbook/BTCUSDT") as socket:
        await socket.receive(10)
        _, health = await server.ask("api/v1/health")
    (row,) = health["topics"]
    assert row.keys() == document["components"]["schemas"]["TopicHealth"]["properties"].keys()


async def test_the_document_lists_the_close_codes_of_sockets(server: Served) -> None:
    _, document = await server.ask("api/v1/openapi.json")
    about = document["info"]["description"]
    assert [code for code in (BAD_INPUT, TOO_SLOW, TRY_LATER, POLICY) if f"\n| {code} | " not in about] == []


async def test_metrics_count_requests_and_exchange_calls(server: Served) -> None:
    await server.ask("api/v1/symbols")
    async with server.session.get(server.url + "metrics") as response:
        text = await response.text()
        assert response.headers["Content-Type"].startswith("text/plain")
    assert 'orderfox_requests_total{method="GET",route="symbols",status="200"} 1.0' in text
    assert "orderfox_desk_catalogue_calls 1.0" in text


async def test_setting_that_cannot_be_used_is_503_on_every_route(serve: Serve) -> None:
    problem = SettingError("ORDERFOX_SOURCE", "nonsense", "a source")
    async with serve(settings=problem) as server:
        for path in ("api/v1/health", "api/v1/symbols", "api/v1/orderbook/BTCUSDT", "api/v1/ws/live"):
            async with server.session.get(server.url + path, headers={"Upgrade": "websocket"}) as response:
                assert response.status == 503
                assert (await response.json())["detail"] == str(problem)


async def test_document_names_every_route_and_its_parameters(server: Served) -> None:
    async with server.session.get(server.url + "api/v1/openapi.json") as response:
        document = await response.json()
    assert set(document["paths"]) == {readable(pattern, handler.path) for pattern, handler in REST}
    assert "/api/v1/liquidation-volume/{symbol}/{timeframe}" in document["paths"]
    parameters = document["paths"]["/api/v1/candles/{symbol}"]["get"]["parameters"]
    assert [rule["name"] for rule in parameters] == ["symbol", "timeframe", "limit", "start_time", "end_time", "venue"]
    assert document["paths"]["/api/v1/refresh-symbols"]["post"]["security"] == [{"token": []}]
    for pattern, handler in REST:
        described = document["paths"][readable(pattern, handler.path)]
        assert described.keys() == handler.operations().keys()
        assert {name.upper() for name in described} | {"HEAD"} == {*handler.allowed(), "HEAD"}, pattern
        assert all(operation["summary"] for operation in described.values()), pattern
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(names) == len(set(names))


WRITES_TOO = ["-H", f"Authorization: token {TOKEN}", "--include-path-regex", "bots|mode|trade$|positions"]


@pytest.mark.parametrize("options", [[], WRITES_TOO])
def test_fuzzer_finds_nothing_wrong_with_the_routes(
    dashboard: tuple[Child, str], tmp_path: Path, options: list[str]
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", dashboard[1] + "/api/v1/openapi.json"]
    # That a range ends after its start is a rule between two parameters, which a schema cannot say.
    command += ["--exclude-checks", "positive_data_acceptance"]
    command += [
        "--max-examples",
        "8",
        "--phases",
        "examples,fuzzing",
        "--seed",
        "7",
        "--workers",
        "1",
        "--no-color",
        *options,
    ]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path, env=dict(os.environ)
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (limit(20, 50, ""), None, 20),
        (limit(20, 50, ""), "50", 50),
        (limit(20, 50, ""), "51", 50),
        (limit(20, 50, ""), "9" * 30, 50),
        (time_ms("end", ""), "0", 0),
        (Parameter(name="delta", kind="boolean", default=False), "TRUE", True),
        (Parameter(name="delta", kind="boolean", default=False), "0", False),
    ],
)
def test_parameter_reads_what_it_describes(rule: Parameter, text: str | None, expected: object) -> None:
    assert rule.read(text) == expected


def test_options_stand_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_PORT", "9001")
    assert load_settings(BACKEND_PORT=None).port == 9001
    assert load_settings(BACKEND_PORT="9002").port == 9002
