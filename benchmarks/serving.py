"""A server in a process of its own, for the scripts that measure it from outside."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil


class BenchServer:
    """An address, and the processes behind it."""

    def __init__(self, port: int, pid: int, log: Path | None = None) -> None:
        self._log = log
        self.port = port
        self.http_url = f"http://127.0.0.1:{port}"
        self.ws_url = f"ws://127.0.0.1:{port}"
        self.server = psutil.Process(pid)

    def ask(self, path: str) -> Any:
        """Return the JSON answer of a route."""
        with urllib.request.urlopen(self.http_url + path, timeout=60) as answer:
            return json.load(answer)

    def metrics(self) -> dict[str, float]:
        """Return every sample that the server exposes, labels in the name."""
        with urllib.request.urlopen(self.http_url + "/api/v1/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def errors(self) -> list[str]:
        """Return the log from its first failure on."""
        text = self._log.read_text(errors="replace") if self._log is not None else ""
        return text[text.index("level=ERROR") :].splitlines() if "level=ERROR" in text else []

    @property
    def exchange(self) -> psutil.Process | None:
        """The embedded exchange, while it runs."""
        for child in self.server.children():
            with suppress(psutil.Error):
                if "orderfox_nb.sim" in child.cmdline():
                    return child
        return None


@contextmanager
def serving(source: str) -> Iterator[BenchServer]:
    """Run ``orderfox serve`` without kernels on a free port, with a data folder of its own."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser", "--preheat", "0"]
        command += ["--source", source]
        environment = {**psutil.Process().environ(), "ORDERFOX_DATA_DIR": folder}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process:
            assert process.stdout is not None
            try:
                address = next((line for line in process.stdout if "http://" in line), "")
                found = re.search(r":(\d+)/", address)
                if found is None:
                    raise SystemExit(f"the server did not start:\n{Path(log.name).read_text()}")
                yield BenchServer(int(found[1]), process.pid, Path(log.name))
            finally:
                process.send_signal(signal.SIGTERM)


async def venue_ahead_ms(ws_url: str) -> float:
    """Return how far the venue's clock is ahead of this machine's, by the quickest of five greetings."""
    from websockets.asyncio.client import connect

    best = (float("inf"), 0.0)
    for _ in range(5):
        async with connect(ws_url + "/api/v1/ws/live", compression=None) as socket:
            server_ms = json.loads(await socket.recv())["time"]
            now = time.time() * 1e3
            async with asyncio.timeout(5):
                await socket.send('{"type":"ping"}')
                await socket.recv()
            trip = time.time() * 1e3 - now
        best = min(best, (trip, server_ms - now + trip / 2))
    return best[1]
