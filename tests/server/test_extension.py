"""Our extension inside a Jupyter server: behind its login, and without cost until its first use."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, CookieJar
from websockets.asyncio.client import connect

from tests.server.conftest import TOKEN, Child
from tests.server.kernel_socket import V1, message, read

pytestmark = pytest.mark.server

HEADERS = {"Authorization": f"token {TOKEN}"}
CODE = """
import json, os, urllib.request
asked = urllib.request.Request(os.environ["ORDERFOX_URL"] + "/api/v1/health")
asked.add_header("Authorization", "token " + os.environ["ORDERFOX_TOKEN"])
print(json.dumps({"url": os.environ["ORDERFOX_URL"], "service": json.load(urllib.request.urlopen(asked))["service"]}))
"""


async def run_in_kernel(session: ClientSession, address: str, code: str) -> dict[str, Any]:
    """Start a kernel as a page does, run code in it, and return the JSON that it printed."""
    async with session.post(address + "/api/kernels", headers=HEADERS, json={"name": "python3"}) as response:
        assert response.status == 201
        kernel = (await response.json())["id"]
    url = f"ws{address[4:]}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
    try:
        async with connect(url, subprotocols=[V1], additional_headers=HEADERS) as socket:  # type: ignore[list-item]
            await socket.send(message("shell", "execute_request", {"code": code, "silent": False}))
            async with asyncio.timeout(60):
                while True:
                    frame = await socket.recv()
                    assert isinstance(frame, bytes)
                    _, kind, content = read(frame)
                    assert kind != "error", content
                    if kind == "stream" and content["name"] == "stdout":
                        return json.loads(content["text"])
    finally:
        async with session.delete(f"{address}/api/kernels/{kernel}", headers=HEADERS) as response:
            assert response.status == 204


async def test_kernel_gets_the_address_and_a_token_that_opens_it(jupyter: tuple[Child, str]) -> None:
    async with ClientSession() as session:
        answer = await run_in_kernel(session, jupyter[1], CODE)
    assert answer["service"] == "orderfox"
    assert answer["url"].endswith("/hub")


async def test_everything_works_behind_the_prefix_of_the_server(jupyter: tuple[Child, str]) -> None:
    _, address = jupyter
    async with ClientSession(headers=HEADERS) as session:
        for path in ("/api/v1/health", "/api/v1/symbols", "/api/v1/orderbook/BTCUSDT", "/api/v1/openapi.json"):
            async with session.get(address + path) as response:
                assert response.status == 200, path
        async with session.get(address + "/api/v1/nothing") as response:
            assert response.status == 404
            assert (await response.json())["status_code"] == 404
        # Nobody else's routes are taken: these two stay the server's own.
        for path in ("/health", "/metrics"):
            async with session.get(address + path) as response:
                assert response.headers["Content-Type"].startswith(("text/html", "text/plain"))
    async with connect(f"ws{address[4:]}/api/v1/ws/live", additional_headers=HEADERS) as socket:
        assert json.loads(await socket.recv())["origin"]["simulated"] is True


async def test_page_that_is_logged_in_by_cookie_opens_a_socket_and_writes_only_with_xsrf(
    jupyter: tuple[Child, str],
) -> None:
    _, address = jupyter
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        async with session.get(address + "/api/v1/health", params={"token": TOKEN}) as response:
            assert response.status == 200
        async with session.get(address + "/api/v1/health") as response:
            assert response.status == 200
        async with session.ws_connect(address + "/api/v1/ws/live", origin=address.removesuffix("/hub")) as socket:
            assert (await socket.receive_json())["type"] == "hello"
        async with session.post(address + "/api/v1/refresh-symbols") as response:
            assert response.status == 403
            assert (await response.json())["status_code"] == 403


async def test_unused_extension_opens_no_socket_and_no_simulation_and_stops_at_once(
    start_jupyter: Callable[..., tuple[Child, str]],
) -> None:
    child, address = start_jupyter()
    try:
        async with ClientSession(headers=HEADERS) as session, session.get(address + "/api/v1/health") as response:
            assert (await response.json())["topics"] == []
        assert child.ps.children(recursive=True) == []
        listening = [one for one in child.ps.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        assert {one.laddr.port for one in listening} == {int(address.split(":")[2].split("/")[0])}
        outward = [one for one in child.ps.net_connections("inet") if one.status == psutil.CONN_SYN_SENT]
        assert outward == []
    finally:
        stopped = child.end()
    assert stopped
    assert "Traceback" not in child.text


async def test_extension_that_was_used_stops_its_simulation_with_the_server(
    start_jupyter: Callable[..., tuple[Child, str]],
) -> None:
    child, address = start_jupyter()
    try:
        async with connect(f"ws{address[4:]}/api/v1/ws/orderbook/BTCUSDT", additional_headers=HEADERS) as socket:
            assert json.loads(await socket.recv())["type"] == "orderbook_update"
            children = child.ps.children(recursive=True)
            assert any("orderfox_nb.sim" in " ".join(process.cmdline()) for process in children)
            stopped = child.end()
    finally:
        child.end()
    assert stopped, child.text
    assert psutil.wait_procs(children, timeout=60)[1] == []
    assert "Traceback" not in child.text


async def test_bad_setting_is_logged_and_answered_by_503_while_jupyter_runs(
    start_jupyter: Callable[..., tuple[Child, str]],
) -> None:
    child, address = start_jupyter(ORDERFOX_SOURCE="nonsense")
    try:
        async with ClientSession(headers=HEADERS) as session:
            async with session.get(address + "/api/v1/health") as response:
                assert response.status == 503
                assert "ORDERFOX_SOURCE" in (await response.json())["detail"]
            async with session.get(address + "/api/kernels") as response:
                assert response.status == 200
    finally:
        child.end()
    logged = [line for line in child.text.splitlines() if "ORDERFOX_SOURCE" in line]
    assert len(logged) == 1
