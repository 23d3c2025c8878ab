"""Bounds what a kernel's process writes to stdout and stderr: its beginning is logged, the rest is discarded.

Otherwise kernels inherit the server's standard error. A notebook that calls a library which prints, or one that fails
again and again, would then fill the server's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Generator
from typing import Any, Final

_log = logging.getLogger(__name__)

MAX_LOGGED: Final = 16_384
"""Bytes of one process that are logged."""
_CHUNK: Final = 65_536
_PAUSE_S: Final = 0.1


@contextlib.contextmanager
def bounded_output(kernel: str) -> Generator[dict[str, Any]]:
    """Yield the arguments that a kernel's process is started with, so that its output is bounded.

    Args:
        kernel: Its id, for the log.
    """
    if sys.platform == "win32":
        # An event loop cannot wait for a pipe there.
        yield {}
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    KernelOutput(kernel, reading)
    try:
        yield {"stdout": writing, "stderr": writing}
    finally:
        # The process has its own copy now: the pipe ends when the process does.
        os.close(writing)


class KernelOutput:
    """Reads a pipe until its other end is closed; closes its own end then.

    Args:
        kernel: Id of the kernel, for the log.
        reading: The file descriptor, which does not block.
    """

    def __init__(self, kernel: str, reading: int) -> None:
        self._kernel = kernel
        self._reading = reading
        self._left = MAX_LOGGED
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(reading, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._reading, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._reading)
            os.close(self._reading)
            return
        if self._left > 0:
            text = chunk[: self._left].decode(errors="replace").rstrip()
            self._left -= len(chunk)
            _log.info("kernel=%s wrote: %s", self._kernel, text)
            if self._left <= 0:
                _log.warning("kernel=%s wrote more than %d bytes: the rest is left out", self._kernel, MAX_LOGGED)
            return
        # A full pipe makes a process that writes without end wait, and this loop stays free.
        self._loop.remove_reader(self._reading)
        self._loop.call_later(_PAUSE_S, self._loop.add_reader, self._reading, self._read)
