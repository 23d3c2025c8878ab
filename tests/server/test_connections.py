"""Connections that say nothing, of one client and of many, and the proxies between them and the server."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, ClientTimeout
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from orderfox_nb.config import load_settings
from orderfox_nb.errors import SettingError
from orderfox_nb.server import connections as connections_module
from orderfox_nb.server.clients import TrustedProxies, client_of
from orderfox_nb.server.connections import RESERVED_FILES, SPARED_S, Connections, OccasionalLog, allowed_connections
from orderfox_nb.server.hosts import ServedHosts, served_names
from tests.server.conftest import Child, Serve, until
from tests.server.test_streams import closed_with, receive

pytestmark = pytest.mark.server

OVERALL = 150


class Held:
    """A connection of a test."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "busy", "idle", "end", "time"]), st.integers(0, 30), st.sampled_from("abc")),
        max_size=120,
    )
)
def test_no_limit_is_ever_passed_and_no_busy_connection_is_closed(steps: list[tuple[str, int, str]]) -> None:
    now = [0.0]
    room = Connections(overall=6, per_client=3, exempt=lambda address: address == "c", now_s=lambda: now[0])
    held: dict[int, tuple[Held, str]] = {}
    busy: set[Held] = set()
    for what, number, client in steps:
        if what == "time":
            now[0] += number / 10
        if what == "open" and number not in held:
            if not room.full and room.admits(client):
                held[number] = Held(), client
                room.add(*held[number])
        elif number in held and not held[number][0].closed:
            connection = held[number][0]
            if what == "busy":
                room.set_busy(connection)
                busy.add(connection)
            elif what == "idle":
                room.set_idle(connection)
                busy.discard(connection)
            elif what == "end":
                room.remove(connection)
                del held[number]
                busy.discard(connection)
        held = {number: one for number, one in held.items() if not one[0].closed}
        assert not any(connection.closed for connection in busy)
        assert len(room) == len(held) <= 6
        assert all(sum(owner == client for _, owner in held.values()) <= 3 for client in "ab")


def test_the_longest_idle_connection_makes_room_and_a_client_at_its_limit_gives_its_own() -> None:
    now = [0.0]
    room = Connections(overall=4, per_client=2, now_s=lambda: now[0])
    first, second, third, fourth = (Held() for _ in range(4))
    for connection, client in ((first, "a"), (second, "b"), (third, "b")):
        assert room.admits(client)
        room.add(connection, client)
    now[0] = SPARED_S / 2
    assert not room.admits("b"), "they have had no time to ask"
    now[0] = SPARED_S
    assert room.admits("b")
    room.add(fourth, "b")
    assert [one.closed for one in (first, second, third, fourth)] == [False, True, False, False]
    room.set_busy(third)
    room.set_busy(fourth)
    assert not room.admits("b")
    room.set_idle(third)
    now[0] = 3 * SPARED_S
    assert room.admits("b")
    assert third.closed


def test_a_warning_is_written_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log = OccasionalLog(lambda: now[0])
    for now[0] in (0.0, 1.0, 59.0, 60.0, 61.0):
        log.warn("full: %d", 7)
        log.warn("other")
    assert [record.getMessage() for record in caplog.records] == ["full: 7", "other"] * 2


@pytest.mark.parametrize(
    ("limits", "raised", "room"),
    [
        ((1024, 1_000_000), 4096 + RESERVED_FILES, 4096),
        ((1_000_000, 1_000_000), None, 4096),
        ((1024, 3000), 3000, 3000 - RESERVED_FILES),
        ((256, 256), 256, 128),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, 4096),
    ],
)
def test_limit_of_open_files_is_raised_as_far_as_needed(
    limits: tuple[int, int],
    raised: int | None,
    room: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(connections_module.resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(connections_module.resource, "setrlimit", lambda _, pair: asked.append(pair[0]))
    assert allowed_connections(4096) == room
    assert asked == ([] if raised is None else [raised])
    assert ("ulimit -n" in caplog.text) == (room < 4096)


@pytest.fixture(scope="module")
def crowded(start_dashboard: Callable[..., tuple[Child, str]]) -> Iterator[tuple[Child, str]]:
    """``orderfox serve`` with room for few connections."""
    child, address = start_dashboard(
        *("--preheat", "0", "--source", "sim?symbols=2"),
        ORDERFOX_MAX_CONNECTIONS=str(OVERALL),
        ORDERFOX_TRUSTED_PROXIES="127.0.0.1",
        ORDERFOX_MAX_CLIENT_SOCKETS="3",
        ORDERFOX_HOSTS="desk.example",
    )
    yield child, address
    child.leave()


@asynccontextmanager
async def silent(address: str, number: int) -> AsyncIterator[list[Any]]:
    """Connections that say nothing."""
    host = urlsplit(address)
    opened: list[Any] = []

    async def open_one() -> None:
        # At a limit the system may not let another one in.
        with contextlib.suppress(OSError, TimeoutError):
            opened.append(await asyncio.wait_for(asyncio.open_connection(host.hostname, host.port), 60))

    await asyncio.gather(*(open_one() for _ in range(number)))
    try:
        yield opened
    finally:
        for _, writer in opened:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in opened), return_exceptions=True)


async def healthy(address: str) -> bool:
    async with ClientSession(timeout=ClientTimeout(60)) as session, session.get(address + "/health") as response:
        return response.status == 200


@pytest.mark.parametrize("files", [None, 220])
async def test_silent_connections_keep_no_client_out(crowded: tuple[Child, str], files: int | None) -> None:
    """Up to the server's own limit, and up to one of the system that came later: each request timed out."""
    child, address = crowded
    before = child.ps.num_fds()
    async with connect(f"ws{address[4:]}/api/v1/ws/orderbook/BTCUSDT") as bystander:
        await receive(bystander)
        if files is not None:
            # Fewer than the server counts on: other programs of a machine use up its files too.
            child.ps.rlimit(resource.RLIMIT_NOFILE, (files, files))
        log = len(child.text)
        async with silent(address, 3 * OVERALL):
            for _ in range(3):
                assert await healthy(address)
            for _ in range(5):
                await receive(bystander)
            assert child.ps.num_fds() <= before + OVERALL + 40
        assert await healthy(address)
        await until(lambda: child.ps.num_fds() <= before + 40)
        assert child.text[log:].count("\n") < 50
        assert child.text.count("can be accepted") + child.text.count("are in use") <= 2


async def test_where_every_connection_is_in_use_new_ones_wait_and_it_is_said_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(heartbeat_s=1.0, ORDERFOX_MAX_CONNECTIONS="16") as server:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(16):
                socket = await stack.enter_async_context(connect(server.ws_url + "api/v1/ws/live"))
                await receive(socket)
            waiting = [asyncio.create_task(server.ask("api/v1/health")) for _ in range(5)]
            await receive(socket, "heartbeat")
            assert not any(task.done() for task in waiting)
        # The sockets are closed: every waiting client is answered.
        async with asyncio.timeout(60):
            assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * 5
    assert caplog.text.count("connections are in use") == 1


async def test_a_client_at_its_limit_is_refused_and_others_are_not_affected(serve: Serve) -> None:
    async with serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_CONNECTIONS="2") as server:
        url = server.ws_url + "api/v1/ws/live"
        async with connect(url) as one, connect(url) as two:
            await receive(one)
            await receive(two)
            host = urlsplit(server.url)
            reader, writer = await asyncio.open_connection(host.hostname, host.port)
            async with asyncio.timeout(60):
                answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"At most 2 connections a client" in answer
        async with asyncio.timeout(60):
            assert (await server.ask("api/v1/health"))[0] == 200


async def test_clients_behind_a_trusted_proxy_are_distinguished_and_no_other_may_choose_an_address(
    crowded: tuple[Child, str], serve: Serve
) -> None:
    url = f"ws{crowded[1][4:]}/api/v1/ws/live"

    def seen_as(address: str) -> Any:
        return connect(url, additional_headers={"X-Forwarded-For": address})

    async with contextlib.AsyncExitStack() as stack:
        # What the client itself wrote stands before what the proxy appended.
        for invented in ("192.0.2.1", "198.51.100.7", "127.0.0.1"):
            await receive(await stack.enter_async_context(seen_as(f"{invented}, 203.0.113.9")))
        async with seen_as("203.0.113.9") as fourth:
            assert (await closed_with(fourth))[0] == 1013
        async with seen_as("203.0.113.10") as other:
            assert (await receive(other))["type"] == "hello"
        # Its neighbours of one IPv6 network are one client.
        for number in range(3):
            await receive(await stack.enter_async_context(seen_as(f"2001:db8:1:2::{number}")))
        async with seen_as("2001:db8:1:2:ffff::1") as neighbour, seen_as("2001:db8:1:3::1") as farther:
            assert (await closed_with(neighbour))[0] == 1013
            assert (await receive(farther))["type"] == "hello"
    async with serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_SOCKETS="1") as server:
        direct = server.ws_url + "api/v1/ws/live"
        async with connect(direct, additional_headers={"X-Forwarded-For": "203.0.113.1"}) as one:
            await receive(one)
            async with connect(direct, additional_headers={"X-Forwarded-For": "203.0.113.2"}) as two:
                assert (await closed_with(two))[0] == 1013


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("", "10.0.0.1"),
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("made up", "0.0.0.0"),
        ("203.0.113.9, unknown", "0.0.0.0"),
        ("203.0.113.9,,", "0.0.0.0"),
        ("0x7f.1", "0.0.0.0"),
        ("10.0.0.7, 10.0.0.8", "10.0.0.7"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_is_the_client(forwarded: str, client: str) -> None:
    networks = load_settings(ORDERFOX_TRUSTED_PROXIES="10.0.0.0/8, ::1").proxy_networks
    assert TrustedProxies(networks).client("10.0.0.1", forwarded) == client
    assert TrustedProxies(()).client("10.0.0.1", forwarded) == "10.0.0.1"


def test_clients_are_addresses_and_networks_of_ipv6() -> None:
    assert client_of("192.0.2.1") == client_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff") != client_of("2001:db8:0:1::1")
    assert client_of("::1") == "::1"


async def test_a_name_that_is_not_this_server_s_is_refused(crowded: tuple[Child, str]) -> None:
    """A page of another site that had its name lead here read everything and opened sockets."""
    child, address = crowded
    port = urlsplit(address).port
    async with ClientSession() as session:
        for host, status in (
            (f"127.0.0.1:{port}", 200),
            (f"localhost:{port}", 200),
            (f"[::1]:{port}", 200),
            ("desk.example", 200),
            (f"DESK.example.:{port}", 200),
            ("rebound.example", 421),
            (f"127.0.0.1.rebound.example:{port}", 421),
            ("localhost.rebound.example", 421),
        ):
            for path in ("/health", "/api/v1/symbols", "/voila/static/voila.js"):
                async with session.get(address + path, headers={"Host": host}) as response:
                    assert response.status == status, (host, path)
                    if status == 421:
                        assert "ORDERFOX_HOSTS" in (await response.json())["detail"]
        # The name that a trusted proxy was asked for counts, in both directions.
        for host, forwarded, status in (("inner.example", "desk.example", 200), ("localhost", "rebound.example", 421)):
            headers = {"Host": host, "X-Forwarded-Host": forwarded}
            async with session.get(address + "/health", headers=headers) as response:
                assert response.status == status
        for headers in ({"Host": "rebound.example"}, {"Host": "rebound.example", "Origin": "http://rebound.example"}):
            async with session.get(
                address + "/api/v1/ws/live", headers={**headers, "Upgrade": "websocket", "Connection": "Upgrade"}
            ) as response:
                assert response.status == 421
    assert child.text.count("host=rebound.example refused") == 1


def test_names_of_a_server_are_its_machine_s_the_bound_one_and_those_listed() -> None:
    settings = load_settings(ORDERFOX_HOSTS="desk.example", CORS_ORIGINS="https://friend.example:8443")
    hosts = ServedHosts(served_names(settings, "bound.lan"))
    for host in ("desk.example", "friend.example:1", "bound.lan", "a.localhost", "192.0.2.1:80", "[2001:db8::1]"):
        assert hosts.serves(host), host
    for host in ("", ":80", "other.example", "user@localhost", "localhost/x", "[", "192.0.2.1.example", "a b"):
        assert not hosts.serves(host), host
    assert ServedHosts(["*"]).serves("any.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORDERFOX_TRUSTED_PROXIES", "10.0.0.0/40"),
        ("ORDERFOX_TRUSTED_PROXIES", "proxy.example"),
        ("ORDERFOX_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("ORDERFOX_HOSTS", "https://desk.example"),
        ("ORDERFOX_HOSTS", "desk.example:80"),
        ("ORDERFOX_MAX_CONNECTIONS", "0"),
    ],
)
def test_a_setting_that_cannot_be_used_names_itself(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        load_settings(**{name: value})
