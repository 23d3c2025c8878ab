"""A server that is stopped, killed and started again leaves no process, no port and no half a file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlparse

import psutil
import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from orderfox_nb.desk.catalogue import _read
from orderfox_nb.server.runtime import RuntimeFolder
from tests.server.conftest import Child, until
from tests.server.scripted import LISTINGS
from tests.server.test_dashboard import children_of

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

DEAF = """
import logging, sys, time
from pathlib import Path
from orderfox_nb.server.runtime import stop_on_signals
logging.basicConfig()
stop_on_signals(lambda: None, Path(sys.argv[1]).touch, within_s=0.2)
print("deaf", flush=True)
time.sleep(600)
"""


async def first_message(address: str) -> dict[str, object]:
    """Return what a reader of a book receives first: the embedded exchange runs then."""
    async with connect(f"ws{address[4:]}/api/v1/ws/orderbook?symbol=BTCUSDT") as socket, asyncio.timeout(60):
        return json.loads(await socket.recv())


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder for a while with a short name: a socket's whole path may have a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="of") as name:
        yield Path(name)


def runtimes(folder: Path) -> list[Path]:
    """Return the folders of servers that run, or were killed."""
    return list(folder.glob("orderfox_*"))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
async def test_port_is_free_at_once_and_nothing_outlives_the_server(
    start_dashboard: Start, short_folder: Path, name: str
) -> None:
    # The kernels of a server that is stopped have a test of their own.
    options, processes = ((), 1) if name == "SIGTERM" else (("--kernel-per-viewer", "--preheat", "1"), 2)
    where = {"TMPDIR": str(short_folder)}
    child, address = start_dashboard("--source", "sim?symbols=1", *options, **where)
    again: Child | None = None
    try:
        (runtime,) = runtimes(short_folder)
        assert (await first_message(address))["type"] == "orderbook_update"
        await until(lambda: len(child.ps.children(recursive=True)) >= processes)
        children = child.ps.children(recursive=True)
        assert children_of(child, "orderfox_nb.sim") == 1
        child.process.send_signal(getattr(signal, name))
        child.process.wait(60)
        # The same port, while those who were connected still linger.
        port = str(urlparse(address).port)
        # Kernels' connection files hold the keys that open them: a killed server leaves them behind.
        assert runtime.exists() == (name == "SIGKILL")
        assert name == "SIGTERM" or list(runtime.glob("kernel-*.json"))
        again, address = start_dashboard("--port", port, "--source", "sim?symbols=1", "--preheat", "0", **where)
        assert not runtime.exists()
        assert len(runtimes(short_folder)) == 1
        assert (await first_message(address))["type"] == "orderbook_update"
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert alive == []
        async with ClientSession() as session, session.get(address + "/health") as response:
            assert (await response.json())["exchange_calls"] > 1
    finally:
        child.end()
        if again is not None:
            again.end()


def test_only_what_a_killed_server_left_is_removed(tmp_path: Path) -> None:
    runs, killed = RuntimeFolder(tmp_path), RuntimeFolder(tmp_path)
    kept, left = Path(runs.open()), Path(killed.open())
    strange = tmp_path / "orderfox_without_a_lock"
    strange.mkdir()
    (tmp_path / "orderfox_link").symlink_to(tmp_path)
    assert killed._lock is not None
    # As the system does it when a process ends.
    os.close(killed._lock)
    next_one = RuntimeFolder(tmp_path)
    path = Path(next_one.open())
    assert kept.is_dir()
    assert strange.is_dir()
    assert not left.exists()
    assert oct(path.stat().st_mode & 0o777) == "0o700"
    next_one.close()
    next_one.close()
    runs.close()
    assert not path.exists()
    assert not kept.exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_server_whose_loop_hears_nothing_ends_all_the_same(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "cleaned"
    with subprocess.Popen(
        [sys.executable, "-c", DEAF, str(mark)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "deaf\n"
        server.send_signal(getattr(signal, name))
        server.send_signal(getattr(signal, name))
        said = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    assert mark.exists()
    assert "did not stop within 0.2 s" in said


async def test_readers_of_a_server_that_stops_get_a_reason(start_dashboard: Start) -> None:
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
