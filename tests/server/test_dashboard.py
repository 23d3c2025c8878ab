"""``orderfox serve`` as a process: a page for strangers, who may only read."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import psutil
import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from orderfox_nb.cli import main
from orderfox_nb.server.kernels import Reaper
from tests.server.conftest import TOKEN, Child, until
from tests.server.kernel_socket import V1, message, read

pytestmark = pytest.mark.server


async def open_page(session: ClientSession, address: str) -> tuple[str, str]:
    """Return the page and the id of its kernel."""
    async with session.get(address + "/") as response:
        assert response.status == 200
        page = await response.text()
    found = re.search(r'"kernelId": ?"([^"]+)"', page)
    assert found is not None
    return page, found[1]


def children_of(child: Child, module: str) -> int:
    """Count the living child processes that run a module."""
    count = 0
    for process in child.ps.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            count += module in " ".join(process.cmdline())
    return count


async def test_page_shows_the_notebook_and_names_no_other_host(dashboard: tuple[Child, str]) -> None:
    async with ClientSession() as session:
        page, _ = await open_page(session, dashboard[1])
    assert "kernel is 42" in page
    fetched = re.findall(r"""(?:src|href)=["'](?:https?:)?//([^"'/]+)|import\s*\(?["']https?://([^"'/]+)""", page)
    assert fetched == []
    assert "cdn" not in page.lower()


async def test_page_may_load_and_run_only_what_is_of_this_server(dashboard: tuple[Child, str]) -> None:
    """That the page works under it, without a complaint on its console, the browser tests show."""
    async with ClientSession() as session:
        for path in ("/", "/api/v1/health", "/api/v1/nothing"):
            async with session.get(dashboard[1] + path) as response:
                policy = dict(rule.split(" ", 1) for rule in response.headers["Content-Security-Policy"].split("; "))
                if path == "/":
                    assert policy["default-src"] == policy["connect-src"] == "'self'"
                    assert policy["script-src"] == "'self' 'unsafe-inline' blob:"
                    assert policy["object-src"] == "'none'"
                    assert policy["frame-ancestors"] == "'self'"
                else:
                    # An answer is data: shown as a page, it loads and runs nothing.
                    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
                    assert "script-src" not in policy
                assert not any(host in rule for rule in policy.values() for host in ("http", "*", "unsafe-eval"))
                assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_everything_works_behind_a_prefix(dashboard: tuple[Child, str]) -> None:
    _, address = dashboard
    assert urlparse(address).path == "/desk"
    async with ClientSession() as session:
        for path in ("/health", "/metrics", "/api/v1/health", "/api/v1/metrics", "/api/v1/orderbook/BTCUSDT"):
            async with session.get(address + path) as response:
                assert response.status == 200, path
        async with session.get(address.removesuffix("/desk") + "/api/v1/health") as response:
            assert response.status == 404
    async with connect("ws" + address[4:] + "/api/v1/ws/orderbook?symbol=btc/usdt") as socket:
        assert '"orderbook_update"' in str(await socket.recv())


async def test_viewer_cannot_execute_code(kernel_dashboard: tuple[Child, str], tmp_path: Path) -> None:
    address, trap = kernel_dashboard[1], tmp_path / "trap"
    async with ClientSession() as session:
        _, kernel = await open_page(session, address)
    url = f"ws{address[4:]}/api/kernels/{kernel}/channels"
    async with connect(url, subprotocols=[V1]) as socket:  # type: ignore[list-item]
        code = {"code": f"open({str(trap)!r}, 'w').close()", "silent": False, "store_history": False}
        for channel in ("shell", "control"):
            await socket.send(message(channel, "execute_request", code))
            await socket.send(message(channel, "shutdown_request", {"restart": False}))
        # The kernel handles its messages in order: once it has answered this one, the others never came.
        await socket.send(message("shell", "kernel_info_request", {}))
        async with asyncio.timeout(60):
            kinds = []
            while "kernel_info_reply" not in kinds:
                frame = await socket.recv()
                assert isinstance(frame, bytes)
                kinds.append(read(frame)[1])
    assert not {"execute_reply", "shutdown_reply"} & set(kinds)
    assert not trap.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/api/contents",
        "/api/contents/tiny.ipynb",
        "/api/terminals",
        "/api/kernels",
        "/api/sessions",
        "/terminals/new",
        "/tree",
        "/lab",
        "/voila/files/tiny.ipynb",
        "/voila/files/..%2f..%2f..%2f..%2fetc/passwd",
        "/voila/static/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/voila/api/contents/",
    ],
)
async def test_viewer_reaches_no_contents_terminals_or_kernels(
    dashboard: tuple[Child, str], kernel_dashboard: tuple[Child, str], path: str
) -> None:
    async with ClientSession() as session:
        for _, address in (dashboard, kernel_dashboard):
            async with session.get(address + path) as response:
                assert response.status in (400, 403, 404), await response.text()
            async with session.post(address + path, json={}) as response:
                assert response.status in (400, 403, 404, 405)


async def test_kernel_socket_without_the_v1_subprotocol_is_refused(kernel_dashboard: tuple[Child, str]) -> None:
    child, address = kernel_dashboard
    async with ClientSession() as session:
        _, kernel = await open_page(session, address)
        url = f"ws{address[4:]}/api/kernels/{kernel}/channels"
        for offered in (None, ["something-else"]):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(url, subprotocols=offered):  # type: ignore[arg-type]
                    pass
            assert refused.value.response.status_code == 400
        # The server neither spins nor hangs afterwards.
        before = sum(child.ps.cpu_times()[:2])
        async with session.get(address + "/health") as response:
            assert response.status == 200
        assert sum(child.ps.cpu_times()[:2]) - before < 0.5


async def test_writing_needs_the_token(dashboard: tuple[Child, str]) -> None:
    url = dashboard[1] + "/api/v1/refresh-symbols"
    async with ClientSession() as session:
        async with session.post(url) as response:
            assert response.status == 401
        async with session.post(url, headers={"Authorization": f"token {TOKEN}"}) as response:
            assert response.status == 200
            assert (await response.json())["symbols"] == 3


async def test_last_word_of_a_page_is_heard(kernel_dashboard: tuple[Child, str]) -> None:
    async with ClientSession() as session:
        _, kernel = await open_page(session, kernel_dashboard[1])
        async with session.post(f"{kernel_dashboard[1]}/voila/api/shutdown/{kernel}") as response:
            assert response.status == 204


async def test_kernel_ends_with_its_page_and_the_server_leaves_nothing(
    start_dashboard: Callable[..., tuple[Child, str]],
) -> None:
    child, address = start_dashboard("--kernel-per-viewer", "--kernel-grace", "0", "--source", "sim?symbols=2")
    try:
        async with ClientSession() as session:
            _, kernel = await open_page(session, address)
            url = f"ws{address[4:]}/api/kernels/{kernel}/channels"
            async with connect(url, subprotocols=[V1]):  # type: ignore[list-item]
                await until(lambda: children_of(child, "ipykernel") == 2)
                async with connect(f"ws{address[4:]}/api/v1/ws/orderbook/BTCUSDT") as socket:
                    await socket.recv()
            # The tab is closed: its kernel ends, and the unused one stays.
            await until(lambda: children_of(child, "ipykernel") == 1)
        children = child.ps.children(recursive=True)
        assert children_of(child, "orderfox_nb.sim") == 1
    finally:
        stopped = child.end()
    assert child.process.returncode == 0, child.text
    assert stopped
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


@pytest.mark.parametrize("options", [(), ("--kernel-per-viewer",)])
async def test_server_that_is_stopped_at_once_leaves_nothing(
    start_dashboard: Callable[..., tuple[Child, str]], options: tuple[str, ...]
) -> None:
    child, _ = start_dashboard(*options)
    children = child.ps.children(recursive=True)
    assert child.end()
    assert child.process.returncode == 0, child.text
    assert psutil.wait_procs(children, timeout=60)[1] == []
    assert "Traceback" not in child.text


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["--source", "nonsense"], {}, "ORDERFOX_SOURCE"),
        (["--source", "tape:/not/there"], {}, "ORDERFOX_SOURCE"),
        (["--source", "sim?speed=fast"], {}, "ORDERFOX_SOURCE"),
        (["--port", "99999"], {}, "BACKEND_PORT=99999: expected at most 65535"),
        (["--port", "abc"], {}, "BACKEND_PORT=abc: expected a whole number"),
        (["--port", "0", "--host", "desk..lan"], {}, "--host=desk..lan: expected an address of this machine"),
        (["--base-url", "/a b/"], {}, "--base-url"),
        ([], {"MAX_ORDERBOOK_LIMIT": "0"}, "MAX_ORDERBOOK_LIMIT=0: expected at least 1"),
        ([], {"ORDERFOX_MAX_SOCKETS": "2000000"}, "ORDERFOX_MAX_SOCKETS=2000000: expected at most 1000000"),
        ([], {"ORDERFOX_RECORDING_HOURS": "0"}, "ORDERFOX_RECORDING_HOURS=0: expected a number above 0"),
        ([], {"DEBUG": "maybe"}, "DEBUG=maybe: expected true or false"),
        ([], {"CORS_ORIGINS": "friend.example"}, "CORS_ORIGINS"),
        ([], {"BINANCE_API_BASE_URL": "nowhere"}, "BINANCE_API_BASE_URL"),
    ],
)
def test_bad_setting_is_one_line_that_names_it_and_exit_code_2(
    arguments: list[str],
    environment: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", "--no-browser", *arguments]) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert len(errors.splitlines()) == 1
    assert named in errors


def test_port_in_use_is_reported(dashboard: tuple[Child, str]) -> None:
    port = str(urlparse(dashboard[1]).port)
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--no-browser", "--port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "BACKEND_PORT" in ended.stderr.splitlines()[-1]


def test_reaper_ends_a_kernel_after_its_last_socket_closed() -> None:
    reaper = Reaper(grace_s=10, unclaimed_s=60)
    reaper.connected("k")
    reaper.connected("k")
    reaper.disconnected("k", 100)
    assert reaper.due(500, running=["k"], preheated=[]) == []
    reaper.disconnected("k", 500)
    assert reaper.due(509, running=["k"], preheated=[]) == []
    assert reaper.due(510, running=["k"], preheated=[]) == ["k"]
    assert reaper.due(511, running=[], preheated=[]) == []


def test_reaper_waits_for_no_page_that_said_it_leaves() -> None:
    reaper = Reaper(grace_s=10)
    reaper.leaving("k")
    reaper.connected("k")
    reaper.leaving("k")
    assert reaper.due(0, running=["k"], preheated=[]) == []
    reaper.disconnected("k", 1)
    assert reaper.due(1, running=["k"], preheated=[]) == ["k"]


def test_reaper_spares_a_kernel_that_is_reached_again() -> None:
    reaper = Reaper(grace_s=10)
    reaper.connected("k")
    reaper.disconnected("k", 0)
    reaper.connected("k")
    assert reaper.due(1000, running=["k"], preheated=[]) == []


def test_reaper_spares_preheated_kernels_and_ends_those_that_no_page_came_for() -> None:
    reaper = Reaper(grace_s=10, unclaimed_s=60)
    assert reaper.due(0, running=["waiting", "taken"], preheated=["waiting"]) == []
    assert reaper.due(59, running=["waiting", "taken"], preheated=["waiting"]) == []
    assert reaper.due(60, running=["waiting", "taken"], preheated=["waiting"]) == ["taken"]
    assert reaper.due(1000, running=["waiting"], preheated=["waiting"]) == []
    # Its minute begins when it leaves the pool.
    assert reaper.due(1001, running=["waiting"], preheated=[]) == []
    assert reaper.due(1061, running=["waiting"], preheated=[]) == ["waiting"]
