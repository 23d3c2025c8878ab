"""The proxies' settings of docs/deploy.md, read from the document and run in the proxies themselves."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, TCPConnector
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.conftest import Child, until
from tests.server.raw_http import requests, until_closed
from tests.server.real_proxies import NAME, caddy, nginx, running_proxy, traefik
from tests.server.test_streams import closed_with, receive

pytestmark = pytest.mark.server

MAX_SOCKETS = 2


@pytest.fixture(scope="module")
def deployed(start_dashboard: Callable[..., tuple[Child, str]]) -> Iterator[tuple[Child, str]]:
    """A server that is set up as the document says."""
    child, address = start_dashboard(
        *("--source", "sim?symbols=2"),
        ORDERFOX_TRUSTED_PROXIES="127.0.0.1",
        ORDERFOX_HOSTS=NAME,
        ORDERFOX_MAX_CLIENT_SOCKETS=str(MAX_SOCKETS),
    )
    yield child, address
    child.leave()


@pytest.fixture(params=[nginx, caddy, traefik], ids=lambda proxy: proxy.__name__)
def proxied(request: pytest.FixtureRequest, deployed: tuple[Child, str], tmp_path: Path) -> Iterator[tuple[int, Any]]:
    """The port of a proxy with TLS before that server, and what a client has to trust."""
    with running_proxy(request.param, deployed[1].removeprefix("http://"), tmp_path) as proxy:
        yield proxy


async def test_a_request_that_can_be_read_in_two_ways_never_becomes_two_for_the_server(
    deployed: tuple[Child, str], proxied: tuple[int, Any]
) -> None:
    """The server sees no request that its proxy has not seen, and answered, as one."""
    child, _ = deployed
    port, trusted = proxied
    attacks = requests(f"{NAME}:{port}".encode())

    async def attack(number: int, text: bytes) -> None:
        smuggled = f"/smuggled-{port}-{number} ".encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname=NAME)
        # What is a request of its own to the proxy ends the connection.
        writer.write(text.replace(b"/smuggled ", smuggled).removesuffix(b"\r\n") + b"Connection: close\r\n\r\n")
        # The proxies answer what they refuse at once; a body that is not complete is ended by closing.
        answer = await until_closed(reader, seconds=3)
        writer.transport.abort()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        if b"HTTP/1.1 404" not in answer:
            assert answer.count(b"HTTP/1.1 ") <= 1
            unseen.add(smuggled.strip().decode())

    unseen: set[str] = set()
    await asyncio.gather(*(attack(number, text) for number, text in enumerate(attacks.values())))
    assert len(unseen) > len(attacks) // 2
    # One more, which the server logs behind all that it saw before.
    async with ClientSession(connector=TCPConnector(ssl=trusted)) as session:
        options: dict[str, Any] = {"server_hostname": NAME, "headers": {"Host": f"{NAME}:{port}"}}
        async with session.get(f"https://127.0.0.1:{port}/last-{port}", **options) as answer:
            assert answer.status == 404
    await until(lambda: f"/last-{port}" in child.text)
    assert [path for path in sorted(unseen) if f"path={path} " in child.text] == []


def own_address() -> str:
    """Return an address of this machine that is not the loopback: a client of there is a stranger to the server."""
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                return address.address
    pytest.skip("this machine has no address but the loopback")


async def test_the_page_and_its_socket_work_behind_it_and_each_client_counts_for_itself(
    deployed: tuple[Child, str], proxied: tuple[int, Any]
) -> None:
    child, _ = deployed
    port, trusted = proxied
    site, stranger = f"{NAME}:{port}", own_address()

    def live(*, address: str, **headers: str) -> Any:
        return connect(
            f"wss://{site}/api/v1/ws/live",
            host=address,
            ssl=trusted,
            origin=f"https://{site}",  # type: ignore[arg-type]
            additional_headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    async with asyncio.timeout(120), AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession(connector=TCPConnector(ssl=trusted)))
        options: dict[str, Any] = {"server_hostname": NAME, "headers": {"Host": site}}
        async with session.get(f"https://{stranger}:{port}/", **options) as page:
            assert page.status == 200
            assert "jupyter-config-data" in await page.text()
        # A name that a client invents does not become the site's.
        spoofed = {**options, "headers": {"Host": site, "X-Forwarded-Host": "evil.example"}}
        async with session.get(f"https://{stranger}:{port}/api/v1/health", **spoofed) as answer:
            assert answer.status == 200
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                f"wss://{site}/api/v1/ws/live",
                host=stranger,
                ssl=trusted,
                origin="https://evil.example",  # type: ignore[arg-type]
                additional_headers={"X-Forwarded-Host": "evil.example"},
            )
        assert refused.value.response.status_code == 403
        first = await stack.enter_async_context(live(address=stranger))
        assert (await receive(first))["type"] == "hello"
        await first.send('{"type": "subscribe", "key": "sim/BTCUSDT/book?rounding=0.1&rows=20"}')
        assert (await receive(first, "frame"))["key"].startswith("sim/BTCUSDT/book")
        await receive(await stack.enter_async_context(live(address=stranger)))
        # Another address in the header does not make another client of it, and this machine is a client of its own.
        async with live(address=stranger, X_Forwarded_For="203.0.113.7") as third:
            assert (await closed_with(third))[0] == 1013
        async with live(address="127.0.0.1") as local:
            assert (await receive(local))["type"] == "hello"
    assert "Traceback" not in child.text
