"""Servers of tests in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil


class Child:
    """A server in a process of its own."""

    def __init__(self, command: list[str], ready: str, log: Path, environment: dict[str, str]) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment})
        deadline = time.monotonic() + 120
        while ready not in self.text:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise AssertionError(f"{command} did not start:\n{self.text}")
            time.sleep(0.05)
        self.ps = psutil.Process(self.process.pid)

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self) -> bool:
        """Stop it and return whether it ended by itself."""
        self._ask_to_stop()
        return self.wait()

    def leave(self) -> None:
        """Ask it to stop; ``end_left()`` waits for that, so that the next test need not."""
        self._ask_to_stop()
        _leaving.append(self)

    def _ask_to_stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def wait(self) -> bool:
        """Wait until it has stopped, and kill it after 30 s; returns whether it ended by itself."""
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
            return False
        return True


def until_listening(port: int) -> None:
    """Wait until a port of this machine accepts connections: Jupyter logs its address shortly before it does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.02)


_leaving: list[Child] = []


def end_left() -> None:
    """Wait until all that were left have stopped."""
    stuck = [child.process.args for child in _leaving if not child.wait()]
    _leaving.clear()
    assert not stuck, f"killed since they did not stop: {stuck}"
