"""The embedded exchange as a child process, ended by its closed pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from orderfox_nb.errors import VenueUnreachable
from orderfox_nb.sim.endpoints import Endpoints

UNTIL_STDIN_CLOSES: Final = "--until-stdin-closes"


class _Started(msgspec.Struct):
    """The first line that the child writes."""

    port: int | None = None
    error: str | None = None


class SimProcess(Endpoints):
    """Runs ``python -m orderfox_nb.sim`` on a free port of loopback.

    The child's standard input is a pipe from this process, and it ends when that closes: it cannot outlive its parent,
    however that ends.

    Args:
        options: Command line of ``orderfox sim``, such as ``["--seed", "7"]``.
        start_timeout_s: Limit for the start until it listens.
        stop_timeout_s: Limit for a clean stop, after which it is killed.

    Raises:
        VenueUnreachable: On entering, when the child ends or says nothing; carries what it wrote.
    """

    def __init__(
        self, options: Sequence[str] = (), *, start_timeout_s: float = 60.0, stop_timeout_s: float = 2.0
    ) -> None:
        self._options = tuple(options)
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self.host = "127.0.0.1"
        self.port = 0

    @property
    def pid(self) -> int:
        """Process id of the child, 0 when none runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    async def wait(self) -> int:
        """Wait until the child has ended by itself and return its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "orderfox_nb.sim",
            "--host",
            self.host,
            "--port",
            "0",
            UNTIL_STDIN_CLOSES,
            *self._options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Standard error stays the parent's: a pipe that is not read would block a child that logs a lot.
            # A Ctrl-C in the terminal is for the parent, which then closes the pipe.
            start_new_session=os.name == "posix",
        )
        try:
            self.port = await self._announced_port(self._process)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _announced_port(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._start_timeout_s):
                line = await process.stdout.readline()
        except TimeoutError:
            raise VenueUnreachable("sim", f"the simulation did not start in {self._start_timeout_s:g} s") from None
        try:
            answer = msgspec.json.decode(line, type=_Started)
        except msgspec.DecodeError:
            answer = _Started()
        if answer.port is None:
            raise VenueUnreachable("sim", f"the simulation did not start: {answer.error or 'it ended'}")
        return answer.port

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(self._stop_timeout_s):
                await process.communicate()
        except (TimeoutError, asyncio.CancelledError) as stopped:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if isinstance(stopped, asyncio.CancelledError):
                raise
