"""Who may ask what: every route against every situation, in one table."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlparse

import pytest
from aiohttp import ClientSession, CookieJar
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from orderfox_nb.server.routes import CATCH_ALL, PAGES, REST, TOP_LEVEL, sockets
from tests.server.conftest import TOKEN, Child, Serve, Served, until

pytestmark = pytest.mark.server

BOT = "00000000-0000-4000-8000-000000000000"
"""Stands for the id of a bot that there is."""
REPORT, PARITY = f"api/v1/bots/{BOT}/report", f"api/v1/bots/{BOT}/parity"
"""Have no answer yet: the bot has not run. A replay is only for who may change bots."""
READS = [
    "api/v1/health",
    "api/v1/metrics",
    "api/v1/openapi.json",
    "api/v1/symbols",
    "api/v1/symbol-cache-stats",
    "api/v1/orderbook/BTCUSDT",
    "api/v1/trades/BTCUSDT",
    "api/v1/candles/BTCUSDT",
    "api/v1/quality/BTCUSDT",
    "api/v1/liquidations/BTCUSDT",
    "api/v1/liquidation-volume/BTCUSDT/1m",
    "api/v1/funding/BTCUSDT",
    "api/v1/open-interest/BTCUSDT?interval=1h",
    "api/v1/mark/BTCUSDT",
    "api/v1/past/BTCUSDT?channel=trades&start_us=0&end_us=1",
    "api/v1/strategies",
    "api/v1/bots",
    "api/v1/bots/health",
    "api/v1/bots/symbols/active",
    "api/v1/bots/symbols/stats",
    "api/v1/bots/symbols/BTCUSDT",
    f"api/v1/bots/{BOT}",
    f"api/v1/bots/{BOT}/orders",
    f"api/v1/bots/{BOT}/fills",
    f"api/v1/bots/{BOT}/equity",
    REPORT,
    PARITY,
    "api/v1/positions",
    "api/v1/docs",
    "api/v1/docs/start.js",
    "api/v1/docs/swagger-ui.css",
    "api/v1/notebooks/00_tour.ipynb",
]


class Write(NamedTuple):
    """A request that changes something, and its status where it is allowed."""

    method: str
    path: str
    status: int = 200
    body: Any = None


WRITES = [
    Write("POST", "api/v1/refresh-symbols"),
    Write("POST", "api/v1/bots", 201, {"name": "of anybody", "symbol": "BTCUSDT"}),
    Write("PATCH", f"api/v1/bots/{BOT}", 200, {"name": "renamed"}),
    Write("PATCH", f"api/v1/bots/{BOT}/status?is_active=true"),
    Write("POST", "api/v1/bots/kill"),
    Write("DELETE", f"api/v1/bots/{BOT}", 204),
    Write("POST", "api/v1/set_trading_mode", 200, {"mode": "paper"}),
    Write("POST", "api/v1/trade", 200, {"symbol": "BTCUSDT", "side": "buy", "amount": 0.01}),
]
WRITTEN = list(dict.fromkeys(write.path for write in WRITES))
STREAMS = [
    "api/v1/ws/orderbook/BTCUSDT",
    "api/v1/ws/orderbook?symbol=BTCUSDT",
    "api/v1/ws/trades/BTCUSDT",
    "api/v1/ws/candles/BTCUSDT",
    "api/v1/ws/candles/BTCUSDT/1m",
    "api/v1/ws/liquidations/BTCUSDT",
    "api/v1/ws/bots",
    "api/v1/ws/live",
]
FRIEND, STRANGER = "https://friend.example", "https://other.example"
RIGHT, WRONG = {"Authorization": f"token {TOKEN}"}, {"Authorization": "token wrong"}
SITUATIONS: dict[str, dict[str, str]] = {
    "nobody": {},
    "a wrong token": WRONG,
    "the token": RIGHT,
    "the token as bearer": {"Authorization": f"Bearer {TOKEN}"},
    "a token cut short": {"Authorization": f"token {TOKEN[:-1]}"},
    "no scheme": {"Authorization": TOKEN},
    "another origin": {"Origin": STRANGER},
    "another origin with the token": {"Origin": STRANGER, **RIGHT},
    "a listed origin": {"Origin": FRIEND},
    "a listed origin with the token": {"Origin": FRIEND, **RIGHT},
    "an opaque origin": {"Origin": "null"},
}


class Expected(NamedTuple):
    """Status of reading, of writing, and of a socket's handshake (101: open)."""

    read: int
    write: int
    socket: int


PUBLIC, PRIVATE, OPEN = Expected(200, 401, 101), Expected(403, 403, 403), Expected(200, 200, 101)
TABLE: dict[tuple[str, str], Expected] = {
    # orderfox serve: anybody reads, our token writes, a page of another site opens no socket. A client with the token
    # is let in from everywhere: no page can send the header unless it knows the token.
    ("serve", "nobody"): PUBLIC,
    ("serve", "a wrong token"): PUBLIC,
    ("serve", "the token"): OPEN,
    ("serve", "the token as bearer"): OPEN,
    ("serve", "a token cut short"): PUBLIC,
    ("serve", "no scheme"): PUBLIC,
    ("serve", "another origin"): Expected(200, 401, 403),
    ("serve", "another origin with the token"): OPEN,
    ("serve", "a listed origin"): PUBLIC,
    ("serve", "a listed origin with the token"): OPEN,
    ("serve", "an opaque origin"): Expected(200, 401, 403),
    # The extension: Jupyter's login for everything.
    ("extension", "nobody"): PRIVATE,
    ("extension", "a wrong token"): PRIVATE,
    ("extension", "the token"): OPEN,
    ("extension", "the token as bearer"): OPEN,
    ("extension", "a token cut short"): PRIVATE,
    ("extension", "no scheme"): PRIVATE,
    ("extension", "another origin"): PRIVATE,
    ("extension", "another origin with the token"): OPEN,
    ("extension", "a listed origin"): PRIVATE,
    ("extension", "a listed origin with the token"): OPEN,
    ("extension", "an opaque origin"): PRIVATE,
    # The extension with public reading: writing stays Jupyter's, and reading needs no token.
    ("public extension", "nobody"): Expected(200, 403, 101),
    ("public extension", "a wrong token"): Expected(200, 403, 101),
    ("public extension", "the token"): OPEN,
    ("public extension", "the token as bearer"): OPEN,
    ("public extension", "a token cut short"): Expected(200, 403, 101),
    ("public extension", "no scheme"): Expected(200, 403, 101),
    ("public extension", "another origin"): Expected(200, 403, 403),
    ("public extension", "another origin with the token"): Expected(200, 200, 403),
    ("public extension", "a listed origin"): Expected(200, 403, 101),
    ("public extension", "a listed origin with the token"): OPEN,
    ("public extension", "an opaque origin"): Expected(200, 403, 403),
}


@pytest.fixture(scope="module")
def public_jupyter(start_jupyter: Callable[..., tuple[Child, str]]) -> Iterator[tuple[Child, str]]:
    """``jupyter server`` whose market data anybody may read."""
    child, address = start_jupyter("--OrderFoxApp.public=True")
    yield child, address
    child.leave()


@pytest.fixture
def address(request: pytest.FixtureRequest, kind: str) -> str:
    """Base URL of a kind of server, in a process of its own."""
    fixture = {"serve": "dashboard", "extension": "jupyter", "public extension": "public_jupyter"}[kind]
    return request.getfixturevalue(fixture)[1] + "/"


async def handshake(url: str, headers: dict[str, str]) -> int:
    """Return the status of a WebSocket's handshake; an open one has to send something."""
    others = {name: value for name, value in headers.items() if name != "Origin"}
    try:
        async with connect(url, origin=headers.get("Origin"), additional_headers=others) as socket:  # type: ignore[arg-type]
            assert await socket.recv()
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


def test_table_has_every_route_and_every_situation() -> None:
    paths = ["/" + path.partition("?")[0] for path in (*READS, *WRITTEN, *STREAMS)]
    for pattern, _ in (*REST, *sockets(), *PAGES):
        assert any(re.fullmatch(pattern, path) for path in paths), f"{pattern} is not in the table"
    for pattern, handler in REST:
        for method in handler.operations().keys() - {"get"}:
            assert any(
                write.method == method.upper() and re.fullmatch(pattern, "/" + write.path.partition("?")[0])
                for write in WRITES
            ), f"{method} {pattern} is not in the table"
    assert [pattern for pattern, _ in (*TOP_LEVEL, *CATCH_ALL)] == ["/health", "/metrics", "/docs", "/api/v1(?:/.*)?"]
    kinds = {kind for kind, _ in TABLE}
    assert set(TABLE) == {(kind, situation) for kind in kinds for situation in SITUATIONS}


@pytest.mark.parametrize(("kind", "situation"), TABLE)
async def test_every_route_admits_only_whom_it_should(address: str, kind: str, situation: str) -> None:
    headers, expected = SITUATIONS[situation], TABLE[kind, situation]
    found: dict[tuple[str, str], int] = {}
    wanted = {("GET", path): expected.read for path in READS}
    if expected.read == 200:
        wanted |= {("GET", REPORT): 409, ("GET", PARITY): 409 if expected.write == 200 else expected.write}
    wanted |= {
        (write.method, write.path): write.status if expected.write == 200 else expected.write for write in WRITES
    }
    async with ClientSession(headers=RIGHT) as session:
        made = WRITES[1]
        async with session.request(made.method, address + made.path, json=made.body) as response:
            bot = (await response.json())["id"]
    bodies = {(write.method, write.path): write.body for write in WRITES}
    async with ClientSession(headers=headers, cookie_jar=CookieJar(unsafe=True)) as session:
        for method, path in wanted:
            where, body = address + path.replace(BOT, bot), bodies.get((method, path))
            async with session.request(method, where, json=body, allow_redirects=False) as response:
                found[method, path] = response.status
                assert response.headers["X-Request-ID"], path
                allowed = response.headers.get("Access-Control-Allow-Origin")
                assert allowed == (FRIEND if headers.get("Origin") == FRIEND else None), path
                assert "*" not in (allowed or "")
                if (method, path, response.status) == ("GET", "api/v1/bots", 200):
                    # By this header the panel enables its controls.
                    assert ("POST" in response.headers["Allow"]) == (expected.write == 200)
                if response.status >= 400:
                    answer = await response.json()
                    assert answer == {"detail": answer["detail"], "status_code": response.status}
    assert found == wanted
    streams = await asyncio.gather(*(handshake("ws" + address[4:] + path, headers) for path in STREAMS))
    assert dict(zip(STREAMS, streams, strict=True)) == dict.fromkeys(STREAMS, expected.socket)


@pytest.mark.parametrize("kind", ["extension"])
async def test_login_by_cookie_reads_and_writes_only_with_the_page_s_own_word(address: str, kind: str) -> None:
    """What a foreign page could make a logged-in browser send: cookies, and no XSRF token."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        async with session.get(address + "login", params={"token": TOKEN}) as response:
            assert response.status in (200, 404)
        async with session.get(address + "api/v1/symbols") as response:
            assert response.status == 200, kind
        cookies = {cookie.key: cookie.value for cookie in session.cookie_jar}
        assert "_xsrf" in cookies
        for headers, status in (({}, 403), ({"X-XSRFToken": "made up"}, 403), ({"X-XSRFToken": cookies["_xsrf"]}, 200)):
            async with session.post(address + WRITES[0].path, headers=headers) as response:
                assert response.status == status, headers
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        for path in STREAMS:
            url = "ws" + address[4:] + path
            assert await handshake(url, {"Cookie": sent}) == 101
            assert await handshake(url, {"Cookie": sent, "Origin": STRANGER}) == 403


@pytest.mark.parametrize("kind", ["serve", "extension", "public extension"])
async def test_preflight_answers_listed_origins_and_no_others(address: str, kind: str) -> None:
    async with ClientSession() as session:
        for path in (*READS, *WRITTEN):
            for origin in (FRIEND, STRANGER):
                headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                async with session.options(address + path, headers=headers) as response:
                    assert response.status == 204, kind
                    assert ("Access-Control-Allow-Methods" in response.headers) == (origin == FRIEND)
                    assert "Access-Control-Allow-Credentials" not in response.headers


TRAVERSALS = [
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "/..%5c..%5cetc%5cpasswd",
    "/....//....//etc/passwd",
    "//etc/passwd",
    "/etc/passwd%00.json",
]


@pytest.mark.parametrize("kind", ["serve", "extension"])
@pytest.mark.parametrize(
    "root", ["", "api/v1", "api/v1/orderbook", "api/v1/ws/orderbook", "voila/static", "voila/files", "static"]
)
async def test_no_path_leads_out_of_the_package(address: str, kind: str, root: str) -> None:
    where = urlparse(address + root)
    assert where.hostname is not None
    for traversal in TRAVERSALS:
        # As written: a client's library would tidy the path up.
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        path = where.path.rstrip("/") + traversal
        authorization = "" if kind == "serve" else f"Authorization: token {TOKEN}\r\n"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n{authorization}Connection: close\r\n\r\n".encode()
        )
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        status = int(answer.split(b" ", 2)[1])
        assert b"root:" not in answer
        assert status < 500, (path, answer[:200])
        assert status >= 300, (path, answer[:200])


SECRETS = {
    "BINANCE_API_KEY": "key-that-nobody-may-see",
    "ORDERFOX_SOURCE_TOKEN": "a-token-of-another-server",
    "BINANCE_SECRET_KEY": "secret-that-nobody-may-see",
    "DATABASE_URL": "postgresql://user:password-that-nobody-may-see@localhost/x",
}


async def test_secrets_are_in_no_answer_and_in_no_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answered: list[str] = []
    async with serve(**SECRETS) as server:
        async with ClientSession(headers=RIGHT) as session:
            for path in (
                *READS,
                *WRITTEN,
                "api/v1/nothing",
                "api/v1/orderbook/NOPE",
                "api/v1/orderbook/BTCUSDT?limit=0",
            ):
                for method in ("GET", "POST"):
                    async with session.request(method, f"{server.url}{path}") as response:
                        answered += [await response.text(), str(response.headers)]
        for path in (*STREAMS, "api/v1/ws/orderbook/NOPE"):
            async with connect(server.ws_url + path, additional_headers=RIGHT) as socket:
                answered.append(str(await socket.recv()))
        answered.append(repr(server.service.settings))
    # The client of the test logs what it sends.
    ours = [record for record in caplog.records if not record.name.startswith("websockets")]
    answered += [record.getMessage() for record in ours] + [str(vars(record)) for record in ours]
    assert len(answered) > 40
    for secret in (*SECRETS.values(), TOKEN):
        assert not any(secret in text for text in answered), secret


async def test_log_of_a_server_holds_no_token(start_dashboard: Callable[..., tuple[Child, str]]) -> None:
    child, address = start_dashboard("--debug", "--preheat", "0", "--source", "sim?symbols=1", **SECRETS)
    try:
        async with ClientSession() as session:
            for path in ("/", "/health", f"/api/v1/symbols?token={TOKEN}", f"/nothing?token={TOKEN}"):
                async with session.get(address + path, headers=RIGHT) as response:
                    page = await response.text()
                    assert TOKEN not in page.replace(path, ""), path
        async with connect(f"ws{address[4:]}/api/v1/ws/live?token={TOKEN}", additional_headers=RIGHT) as socket:
            await socket.recv()
    finally:
        child.end()
    assert "path=/api/v1/symbols" in child.text
    for secret in (*SECRETS.values(), TOKEN):
        assert secret not in child.text, secret


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
