"""Limits of viewers' kernels: their memory, how many start at once, and the traffic of their sockets."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Container, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from orderfox_nb.errors import TooManyKernels
from orderfox_nb.server.clients import client_of, is_loopback
from orderfox_nb.server.limits import RateLimit

try:
    import resource
except ImportError:
    # Windows: there a kernel's memory is not bounded.
    resource = None

_log = logging.getLogger(__name__)

MAX_MESSAGE: Final = 4_000_000
"""Bytes of a page's message to its kernel: as large as the picture of a screen."""
MESSAGES_PER_S: Final = 100
MESSAGES_AT_ONCE: Final = 400
BYTES_PER_S: Final = 1_000_000
MAX_UNSENT: Final = 8_000_000
"""Bytes that wait in the server for a page that does not read; it had all of its widgets' states before that."""
STARTS_AT_ONCE: Final = 2
MAX_WAITING: Final = 16
"""Pages that wait until another one has run its notebook."""
PAGE_SLOT_S: Final = 20.0
"""After this time, a page that still runs its notebook continues without its slot."""
MAX_SOCKETS: Final = 4
"""Sockets of one kernel: a page has one, and a second one while it connects again.

Each takes four of the 1,023 sockets that ZeroMQ allows in a process, for all kernels.
"""
MAX_OFFLINE: Final = 8_000_000
"""Bytes of messages that are kept for a page while it connects again."""
ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Each further thread of numpy's libraries takes memory, and viewers share the machine anyway."""


def bound_memory(manager: Any, megabytes: int) -> None:
    """Bound the memory that a kernel's process may have; beyond it the kernel gets a MemoryError.

    Args:
        manager: Manager of a running kernel.
        megabytes: 0 for no bound.
    """
    pid = getattr(getattr(manager, "provisioner", None), "pid", None)
    if not megabytes or not pid or resource is None or sys.platform != "linux":
        return
    max_bytes = megabytes * 2**20
    try:
        resource.prlimit(pid, resource.RLIMIT_DATA, (max_bytes, max_bytes))
    except (OSError, ValueError):
        # It has ended already, or the system has a smaller bound for everybody.
        _log.debug("pid=%d memory not bounded", pid, exc_info=True)


class KernelSocketLimits:
    """Counts what one page sends to its kernel and what it has not read yet; gives the reason to close its socket."""

    def __init__(self, now_s: Any) -> None:
        self._messages = RateLimit(burst=MESSAGES_AT_ONCE, per_s=MESSAGES_PER_S, now_s=now_s)
        self._now_s = now_s
        self._bytes_left = float(2 * MAX_MESSAGE)
        self._then_s = now_s()
        self._unsent = 0

    def received(self, size: int) -> str:
        """Count a message of the page; returns why it is one too many, otherwise nothing."""
        now_s = self._now_s()
        left = min(2.0 * MAX_MESSAGE, self._bytes_left + (now_s - self._then_s) * BYTES_PER_S)
        self._bytes_left, self._then_s = left - size, now_s
        if self._bytes_left < 0:
            return f"At most {BYTES_PER_S // 1_000_000} MB a second to a kernel"
        if self._messages.wait_s():
            return f"At most {MESSAGES_PER_S} messages a second to a kernel"
        return ""

    def sending(self, size: int) -> bool:
        """Count a message to the page; returns whether it may be sent, which it may not while too much waits."""
        if self._unsent + size > MAX_UNSENT and self._unsent:
            return False
        self._unsent += size
        return True

    def sent(self, size: int) -> None:
        """Note that a message was written to the network."""
        self._unsent -= size


class KernelSockets:
    """Counts the sockets of each kernel, including those that wait for it."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def opening(self, kernel_id: str) -> Generator[bool]:
        """Count a socket until it has closed; gives whether the kernel may have another one."""
        if self._open[kernel_id] >= MAX_SOCKETS:
            yield False
            return
        self._open[kernel_id] += 1
        try:
            yield True
        finally:
            self._open[kernel_id] -= 1
            if not self._open[kernel_id]:
                del self._open[kernel_id]


class OfflineMessages(list[tuple[str, list[bytes]]]):
    """Messages of a kernel to a page that is not connected; the page misses what comes after the bound.

    Args:
        max_bytes: Largest size of all parts together.
    """

    def __init__(self, max_bytes: int = MAX_OFFLINE) -> None:
        super().__init__()
        self._left = max_bytes

    def append(self, message: tuple[str, list[bytes]], /) -> None:
        """Keep a message, its channel and its parts, if there is room."""
        self._left -= sum(map(len, message[1]))
        if self._left >= 0:
            super().append(message)


class KernelAccounts:
    """Counts the kernels of each client: those that its pages have, and those of its pages that are being made.

    Args:
        per_client: How many there may be; this machine itself, where a reverse proxy may be, is not limited.
    """

    def __init__(self, per_client: int) -> None:
        self._per_client = per_client
        self._clients: dict[object, str] = {}

    @contextmanager
    def page(self, address: str, running: Container[object]) -> Generator[Callable[[str], None]]:
        """Count a page that is being made; gives what is to be called with the id of its kernel.

        Args:
            address: Address of the page's client.
            running: The kernels that there are: others no longer count.

        Raises:
            TooManyKernels: The client has as many as it may.
        """
        self._clients = {
            kernel: client
            for kernel, client in self._clients.items()
            if not isinstance(kernel, str) or kernel in running
        }
        client, making = client_of(address), object()
        if not is_loopback(address) and sum(one == client for one in self._clients.values()) >= self._per_client:
            raise TooManyKernels(self._per_client)
        self._clients[making] = client

        def assign(kernel_id: str) -> None:
            self._clients.pop(making, None)
            self._clients[kernel_id] = client

        try:
            yield assign
        finally:
            self._clients.pop(making, None)


class StartSlots:
    """Slots for concurrent starts, with a bounded number of waiters."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._semaphore = asyncio.Semaphore(at_once)
        self._max_inside = at_once + waiting
        self._inside = 0

    @property
    def full(self) -> bool:
        """Whether a further one would have to wait behind too many."""
        return self._inside >= self._max_inside

    async def __aenter__(self) -> None:
        self._inside += 1
        try:
            await self._semaphore.acquire()
        except BaseException:
            self._inside -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._release()

    @asynccontextmanager
    async def held_for(self, seconds: float) -> AsyncGenerator[None]:
        """Hold a slot for so many seconds at most: what takes longer continues without it, and the next one gets it."""
        await self.__aenter__()
        with ExitStack() as held:
            held.callback(self._release)
            timer = asyncio.get_running_loop().call_later(seconds, held.close)
            held.callback(timer.cancel)
            yield

    def _release(self) -> None:
        self._inside -= 1
        self._semaphore.release()
