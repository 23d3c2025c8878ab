"""Who may ask what: every route against every situation."""

from __future__ import annotations

import logging

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.conftest import TOKEN, Child, Serve, Served, until

pytestmark = pytest.mark.server

READS = [
    "api/v1/health",
    "api/v1/metrics",
    "api/v1/openapi.json",
    "api/v1/symbols",
    "api/v1/symbol-cache-stats",
    "api/v1/orderbook/BTCUSDT",
    "api/v1/trades/BTCUSDT",
    "api/v1/candles/BTCUSDT",
    "api/v1/liquidations/BTCUSDT",
    "api/v1/liquidation-volume/BTCUSDT/1m",
]
SOCKETS = [
    "api/v1/ws/orderbook/BTCUSDT",
    "api/v1/ws/trades/BTCUSDT",
    "api/v1/ws/candles/BTCUSDT",
    "api/v1/ws/liquidations/BTCUSDT",
    "api/v1/ws/live",
]
SITUATIONS = {
    "nobody": {},
    "a wrong token": {"Authorization": "token wrong"},
    "the token": {"Authorization": f"token {TOKEN}"},
    "the token as bearer": {"Authorization": f"Bearer {TOKEN}"},
}


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_dashboard_lets_anybody_read_and_only_the_token_write(server: Served, situation: str) -> None:
    headers = SITUATIONS[situation]
    for path in READS:
        async with server.session.get(server.url + path, headers=headers) as response:
            assert response.status == 200, path
            assert response.headers["X-Request-ID"]
    for path in SOCKETS:
        async with connect(server.ws_url + path, additional_headers=headers) as socket:
            assert await socket.recv()
    status, answer = await server.ask("api/v1/refresh-symbols", method="POST", headers=headers)
    allowed = situation.startswith("the token")
    assert status == (200 if allowed else 401)
    if not allowed:
        assert answer["status_code"] == 401
        assert "Authorization" in answer["detail"]


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_extension_asks_jupyter_for_everything(jupyter: tuple[Child, str], situation: str) -> None:
    url, headers = jupyter[1] + "/", SITUATIONS[situation]
    allowed = situation.startswith("the token")
    async with ClientSession() as session:
        for path in READS:
            async with session.get(url + path, headers=headers, allow_redirects=False) as response:
                assert response.status == (200 if allowed else 403), path
                if not allowed:
                    assert (await response.json())["status_code"] == 403
        async with session.post(url + "api/v1/refresh-symbols", headers=headers) as response:
            assert response.status == (200 if allowed else 403)
    for path in SOCKETS:
        socket_url = "ws" + url[4:] + path
        if allowed:
            async with connect(socket_url, additional_headers=headers) as socket:
                assert await socket.recv()
        else:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(socket_url, additional_headers=headers):
                    pass
            assert refused.value.response.status_code == 403


async def test_public_setting_opens_reading_of_an_extension(serve: Serve) -> None:
    async with serve(public=True, standalone=False) as server:
        assert (await server.ask("api/v1/health"))[0] == 200


@pytest.mark.parametrize(("origin", "allowed"), [("https://friend.example", True), ("https://other.example", False)])
async def test_only_listed_origins_may_read_across_sites(serve: Serve, origin: str, allowed: bool) -> None:
    async with serve(CORS_ORIGINS="https://friend.example") as server:
        headers = {"Origin": origin}
        async with server.session.get(server.url + "api/v1/symbols", headers=headers) as response:
            assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
            assert response.headers["Vary"] == "Origin"
        async with server.session.get(server.url + "api/v1/orderbook/NOPE", headers=headers) as response:
            assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        async with server.session.options(server.url + "api/v1/refresh-symbols", headers=headers) as response:
            assert response.status == 204
            methods = response.headers.get("Access-Control-Allow-Methods")
            assert (methods is not None and {"GET", "POST", "PATCH", "DELETE"} <= set(methods.split(", "))) == allowed
        for path in SOCKETS:
            if allowed:
                async with connect(server.ws_url + path, origin=origin) as socket:  # type: ignore[arg-type]
                    assert await socket.recv()
            else:
                with pytest.raises(InvalidStatus):
                    async with connect(server.ws_url + path, origin=origin):  # type: ignore[arg-type]
                        pass


async def test_page_of_the_same_server_may_open_sockets(server: Served) -> None:
    origin = server.url.rstrip("/")
    async with connect(server.ws_url + "api/v1/ws/live", origin=origin) as socket:  # type: ignore[arg-type]
        assert b"hello" in str(await socket.recv()).encode()


async def test_correlation_id_of_a_request_comes_back(server: Served) -> None:
    async with server.session.get(server.url + "health", headers={"X-Request-ID": "mine-1"}) as response:
        assert response.headers["X-Request-ID"] == "mine-1"
        assert response.status == 200
    async with server.session.get(server.url + "health", headers={"X-Request-ID": "bad id\t"}) as response:
        assert response.headers["X-Request-ID"] != "bad id"


async def test_log_names_the_correlation_id_and_the_time_of_every_request_and_socket(
    server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "orderfox_nb.server")
    headers = {"X-Request-ID": "mine-2"}
    async with server.session.get(server.url + "api/v1/symbols", headers=headers) as response:
        assert response.status == 200
    async with connect(server.ws_url + "api/v1/ws/live", additional_headers=headers) as socket:
        await socket.recv()
    await until(lambda: "sent=1" in caplog.text)
    lines = [record.getMessage() for record in caplog.records if "id=mine-2" in record.getMessage()]
    assert any("path=/api/v1/symbols status=200 ms=" in line for line in lines)
    assert any("socket=ws/live" in line and "code=1000" in line for line in lines)
