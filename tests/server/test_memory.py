"""The memory that an abuse can use is bounded and freed again; one server meets all of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, web
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from orderfox_nb.server.kernel_limits import MAX_MESSAGE
from tests.feeds.hostile import BOMB_BYTES, Hostile
from tests.server.conftest import Child, until
from tests.server.kernel_socket import V1
from tests.server.test_dashboard import open_page
from tests.server.test_kernel_limits import change
from tests.server.test_viewers import write_notebook

pytestmark = pytest.mark.server

MB = 1_000_000
BOUND = 120 * MB
"""What an abuse may add; the unread kernel and the bombs would add four times as much or more without their limits."""
MESSAGES = 120
CONNECTIONS = 300
BODY = 1_900_000
TEXT = """
from ipywidgets import Text
text = Text()
print("text", text.model_id)
"""
MAX_FRAMES = 100
STRANGER = {"X-Forwarded-For": "203.0.113.9"}

Abuse = Callable[[str, ClientSession], contextlib.AbstractAsyncContextManager[None]]


@pytest.fixture(scope="module")
def abused(
    start_dashboard: Callable[..., tuple[Child, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Child, str, socket.socket]]:
    """A server with kernels, behind a proxy, whose liquidation history may be a hostile one."""
    notebook = tmp_path_factory.mktemp("memory") / "text.ipynb"
    write_notebook(notebook, TEXT)
    history = socket.create_server(("127.0.0.1", 0))
    child, address = start_dashboard(
        *("--kernel-per-viewer", "--source", "sim?symbols=8", "--notebook", str(notebook)),
        LIQUIDATION_API_BASE_URL=f"http://127.0.0.1:{history.getsockname()[1]}/api",
        ORDERFOX_TRUSTED_PROXIES="127.0.0.1",
        ORDERFOX_MAX_CLIENT_KEYS=str(MAX_FRAMES),
    )
    yield child, address, history
    child.leave()
    history.close()


@asynccontextmanager
async def unfinished_bodies(address: str, _session: ClientSession) -> AsyncIterator[None]:
    """Send nearly all of a body over many connections at once, and hold them."""
    host = urlsplit(address)
    head = f"POST /api/v1/refresh-symbols HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Length: {BODY}\r\n\r\n"
    async with AsyncExitStack() as stack:
        for _ in range(CONNECTIONS):
            _, writer = await asyncio.open_connection(host.hostname, host.port)
            stack.callback(writer.close)
            with contextlib.suppress(ConnectionError):
                writer.write(head.encode() + b"x" * (BODY - 1))
                await writer.drain()
        yield


@asynccontextmanager
async def unread_kernel(address: str, session: ClientSession) -> AsyncIterator[None]:
    """Have a kernel echo what a widget is set to, and read nothing."""
    page, kernel = await open_page(session, address)
    found = re.search(r"text (\w{32})", page)
    assert found is not None
    url = f"ws{address[4:]}/api/kernels/{kernel}/channels"
    text = "x" * (MAX_MESSAGE - 10_000)
    async with connect(url, subprotocols=[V1], max_size=None, max_queue=1, ping_interval=None) as socket_:  # type: ignore[list-item]
        with contextlib.suppress(ConnectionClosed):
            for _ in range(MESSAGES):
                await socket_.send(change(found[1], value=text))
        yield


@asynccontextmanager
async def many_frames(address: str, session: ClientSession) -> AsyncIterator[None]:
    """Ask over many sockets for more different frames than one stranger may have computed."""
    asked = itertools.product(("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"), ("1m", "5m", "15m", "1h"), (200, 400, 1000))
    candles = [f"sim/{symbol}/candles?bars={bars}&interval={interval}" for symbol, interval, bars in asked]
    books = [
        f"sim/{symbol}/book?rounding={rounding}&rows={rows}"
        for symbol, rounding, rows in itertools.product(
            ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"), ("0.1", "1", "5", "10", "50", "100"), (10, 20, 50, 100)
        )
    ]
    keys = [*candles, *books]
    answers: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        for some in (keys[at : at + 36] for at in range(0, len(keys), 36)):
            url = f"{address}/api/v1/ws/live"
            page = await stack.enter_async_context(session.ws_connect(url, headers=STRANGER))
            for key in some:
                await page.send_str(json.dumps({"type": "subscribe", "key": key}))
            waiting = set(some)
            while waiting:
                answer = await page.receive_json(timeout=60)
                if answer.get("key") in waiting:
                    waiting.discard(answer["key"])
                    answers[answer["type"]] += 1
        assert 0 < answers["gone"] < answers["frame"] <= MAX_FRAMES
        yield


@asynccontextmanager
async def bombs(address: str, session: ClientSession) -> AsyncIterator[None]:
    """Have the server ask a history that answers with compressed zeros."""
    hour_ms = 3_600_000
    start_ms = 1_700_000_000_000 // hour_ms * hour_ms
    for number in range(3):
        times = f"start_time={start_ms + number * hour_ms}&end_time={start_ms + (number + 5) * hour_ms}"
        async with session.get(f"{address}/api/v1/liquidation-volume/BTCUSDT/1h?{times}") as response:
            assert (await response.json())["history"] == "missing"
    yield


async def nothing(_: web.Request) -> web.StreamResponse:
    """Answer as a history that knows of nothing."""
    return web.Response(status=404)


@pytest.mark.parametrize(
    "abuse", [unfinished_bodies, unread_kernel, many_frames, bombs], ids=lambda abuse: abuse.__name__
)
async def test_memory_is_bounded_and_comes_back(abused: tuple[Child, str, socket.socket], abuse: Abuse) -> None:
    child, address, listener = abused
    hostile = Hostile()
    history = web.Application()
    history.router.add_get("/api/{path:.*}", hostile.bomb if abuse is bombs else nothing)
    runner = web.AppRunner(history)
    await runner.setup()
    await web.SockSite(runner, listener.dup()).start()

    def resident() -> int:
        return child.ps.memory_info().rss

    peak = 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, resident())
            await asyncio.sleep(0.02)

    async def healthy() -> None:
        async with session.get(address + "/health") as response:
            assert response.status == 200

    try:
        async with ClientSession() as session:
            # What everything costs once is no abuse.
            await open_page(session, address)
            async with session.get(address + "/api/v1/symbols") as response:
                assert response.status == 200
            before = resident()
            watching = asyncio.create_task(watch())
            async with abuse(address, session):
                await healthy()
            watching.cancel()
            assert peak - before < BOUND
            # All memory is free again once the abuser has disconnected.
            await until(lambda: resident() - before < BOUND * 2 / 3)
            await healthy()
    finally:
        await runner.cleanup()
    assert abuse is not bombs or hostile.sent > 0
    assert BOMB_BYTES > 3 * BOUND
    assert MESSAGES * MAX_MESSAGE > 3 * BOUND
    assert CONNECTIONS * BODY > 3 * BOUND
