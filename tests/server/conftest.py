"""Real servers: one on the test's own loop with a scripted venue, and child processes as people run them."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import msgspec
import pytest
from aiohttp import ClientSession
from jupyter_server.auth.identity import IdentityProvider
from tornado import web
from tornado.netutil import bind_sockets

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.desks import Desks
from orderfox_nb.server.bounded_server import BoundedServer
from orderfox_nb.server.routes import routes
from orderfox_nb.server.service import DeskService
from tests.processes import Child
from tests.server.scripted import PreludeFeed

TOKEN = "a-token-of-the-test"
EXTENSIONS = {
    "orderfox_nb": True,
    "jupyterlab": False,
    "voila.server_extension": False,
    "jupyter_lsp": False,
    "notebook_shim": False,
}
NOTEBOOK = {
    "cells": [
        {
            "id": "one",
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": "print('kernel is', 6 * 7)",
        }
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


async def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (what happens in another process signals nothing here)
            await asyncio.sleep(0.02)


class Served:
    """A server on this loop, its scripted venue, and a client."""

    def __init__(
        self,
        port: int,
        base: str,
        feed: PreludeFeed,
        service: DeskService,
        *,
        session: ClientSession,
        http: BoundedServer,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}{base}"
        self.ws_url = f"ws://127.0.0.1:{port}{base}"
        self.feed = feed
        self.service = service
        self.session = session
        self.http = http

    async def ask(self, path: str, *, method: str = "GET", **options: Any) -> tuple[int, Any]:
        async with self.session.request(method, self.url + path, **options) as response:
            return response.status, await response.json()


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@asynccontextmanager
async def served(
    *,
    settings: Settings | Exception | None = None,
    public: bool = True,
    standalone: bool = True,
    base: str = "/",
    heartbeat_s: float = 15.0,
    stall_timeout_s: float = 10.0,
    loopback_limited: bool = False,
    send_buffer: int | None = None,
    http: dict[str, Any] | None = None,
    open_: Callable[[Settings], AbstractAsyncContextManager[Desks]] | None = None,
    **variables: Any,
) -> AsyncIterator[Served]:
    feed = PreludeFeed()

    @asynccontextmanager
    async def open_scripted(settings: Settings) -> AsyncIterator[Desks]:
        async with Desks([feed], settings, linger_s=0) as desks:
            yield desks

    given: Any = settings or load_settings(ORDERFOX_TOKEN=TOKEN, **variables)
    service = DeskService(
        given,
        public=public,
        standalone=standalone,
        heartbeat_s=heartbeat_s,
        stall_timeout_s=stall_timeout_s,
        loopback_limited=loopback_limited,
        open_=open_ or open_scripted,
    )
    app = web.Application(base_url=base, identity_provider=IdentityProvider(token=""), log_function=lambda _: None)
    app.add_handlers(".*$", routes(base, service, top_level=True, catch_all=True))
    listeners = bind_sockets(0, "127.0.0.1")
    if send_buffer is not None:
        listeners[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    server = BoundedServer(app, **service.bounds(), **(http or {}))
    server.add_sockets(listeners)
    try:
        async with ClientSession() as session:
            yield Served(listeners[0].getsockname()[1], base, feed, service, session=session, http=server)
    finally:
        server.stop()
        await service.stop()
        await server.close_all_connections()
        assert feed.entered == 0
        assert not any(feed.streams.values()), "a stream outlived the server"


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A server as ``orderfox serve`` has it: reading is public, writing needs the token."""
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    async with served() as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Starts a server on this loop with other options."""
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    return served


def wait_for_port(port: int) -> None:
    """Wait until the port answers: Jupyter prints its address a little earlier."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notebook") / "tiny.ipynb"
    path.write_bytes(msgspec.json.encode(NOTEBOOK))
    return path


@pytest.fixture(scope="session")
def start_dashboard(notebook: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Child, str]]:
    """Starts ``orderfox serve`` on a free port; returns the process and its address."""

    def start(*options: str, **environment: str) -> tuple[Child, str]:
        folder = tmp_path_factory.mktemp("serve")
        command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
        command += ["--notebook", str(notebook), *options]
        child = Child(
            command,
            "OrderFox is at",
            folder / "log",
            {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1", **environment},
        )
        line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
        return child, line.split()[3].rstrip("/")

    return start


@pytest.fixture(scope="session")
def dashboard(start_dashboard: Callable[..., tuple[Child, str]]) -> Iterator[tuple[Child, str]]:
    """``orderfox serve`` under a prefix, with the embedded exchange; its viewers have no kernels."""
    child, address = start_dashboard(
        "--source", "sim?symbols=3", "--base-url", "/desk/", CORS_ORIGINS="https://friend.example"
    )
    yield child, address
    child.leave()


@pytest.fixture(scope="session")
def kernel_dashboard(start_dashboard: Callable[..., tuple[Child, str]]) -> Iterator[tuple[Child, str]]:
    """The same with a kernel for every viewer, of which one is kept ready."""
    child, address = start_dashboard(
        "--kernel-per-viewer",
        "--source",
        "sim?symbols=3",
        "--base-url",
        "/desk/",
        CORS_ORIGINS="https://friend.example",
    )
    yield child, address
    child.leave()


@pytest.fixture(scope="session")
def start_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Child, str]]:
    """Starts ``jupyter server`` with our extension; returns the process and its address."""

    def start(*options: str, **environment: str) -> tuple[Child, str]:
        folder = tmp_path_factory.mktemp("jupyter")
        config = folder / "config"
        config.mkdir()
        command = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root", "--port=0"]
        command += [
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.base_url=/hub/",
            f"--ServerApp.root_dir={folder}",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.jpserver_extensions={EXTENSIONS}",
            *options,
        ]
        child = Child(
            command,
            "is running at",
            folder / "log",
            {
                "JUPYTER_CONFIG_DIR": str(config),
                "JUPYTER_PREFER_ENV_PATH": "0",
                "ORDERFOX_DATA_DIR": str(folder),
                "ORDERFOX_SOURCE": "sim?symbols=2",
                "CORS_ORIGINS": "https://friend.example",
                **environment,
            },
        )
        line = next(line for line in child.text.splitlines() if "http://127.0.0.1:" in line)
        address = "http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split("?")[0].rstrip("/")
        wait_for_port(urlparse(address).port or 0)
        return child, address

    return start


@pytest.fixture(scope="session")
def jupyter(start_jupyter: Callable[..., tuple[Child, str]]) -> Iterator[tuple[Child, str]]:
    """``jupyter server`` under a prefix, with our extension."""
    child, address = start_jupyter()
    yield child, address
    child.leave()
