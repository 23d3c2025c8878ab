"""A server that is stopped, killed and started again leaves no process, no port and no half a file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import psutil
import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from orderfox_nb.desk.catalogue import _read
from tests.server.conftest import Child, until
from tests.server.scripted import LISTINGS

pytestmark = pytest.mark.server

Start = Callable[..., tuple[Child, str]]
# Written over and over, as large as a real list.
WRITER = """
import sys
from pathlib import Path
from orderfox_nb.desk.catalogue import _write
from tests.server.scripted import LISTINGS
rows = LISTINGS * 200
print("writing", flush=True)
while True:
    _write(Path(sys.argv[1]), rows)
"""


async def first_message(address: str) -> dict[str, object]:
    """Return what a reader of a book receives first: the embedded exchange runs then."""
    async with connect(f"ws{address[4:]}/api/v1/ws/orderbook?symbol=BTCUSDT") as socket, asyncio.timeout(60):
        return json.loads(await socket.recv())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
async def test_port_is_free_at_once_and_nothing_outlives_the_server(start_dashboard: Start, name: str) -> None:
    # The kernels of a server that is stopped have a test of their own.
    preheated, processes = ("0", 1) if name == "SIGTERM" else ("1", 2)
    child, address = start_dashboard("--source", "sim?symbols=1", "--preheat", preheated)
    again: Child | None = None
    try:
        assert (await first_message(address))["type"] == "orderbook_update"
        await until(lambda: len(child.ps.children(recursive=True)) >= processes)
        children = child.ps.children(recursive=True)
        assert any("orderfox_nb.sim" in process.cmdline() for process in children)
        child.process.send_signal(getattr(signal, name))
        child.process.wait(5)
        # The same port, while those who were connected still linger.
        port = str(urlparse(address).port)
        again, address = start_dashboard("--port", port, "--source", "sim?symbols=1", "--preheat", "0")
        assert (await first_message(address))["type"] == "orderbook_update"
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert alive == []
        async with ClientSession() as session, session.get(address + "/health") as response:
            assert (await response.json())["exchange_calls"] > 1
    finally:
        child.end()
        if again is not None:
            again.end()


async def test_readers_of_a_server_that_stops_are_told(start_dashboard: Start) -> None:
    child, address = start_dashboard("--preheat", "0", "--source", "sim?symbols=1")
    try:
        async with connect(f"ws{address[4:]}/api/v1/ws/live") as live:
            await live.recv()
            ended = asyncio.create_task(asyncio.to_thread(child.end))
            with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012  (whatever was on its way comes first)
                async with asyncio.timeout(60):
                    while True:
                        await live.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert await ended
        assert child.process.returncode == 0
    finally:
        child.end()


def test_list_of_symbols_is_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "symbols.json"
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
            while not path.is_file():
                os.sched_yield()
            for _ in range(50):
                assert len(_read(path)) == len(LISTINGS) * 200
            writer.kill()
        assert len(_read(path)) == len(LISTINGS) * 200
