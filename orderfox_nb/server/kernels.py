# Voila's and Jupyter's handlers have no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Kernels of the dashboard: their environment, access to them, and when they end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager, ServerKernelManager
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketProtocol
from traitlets import Bool, Dict, Integer
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from orderfox_nb.server.charged_requests import ChargedRequest
from orderfox_nb.server.frame_limit import counted
from orderfox_nb.server.handlers.sockets import POLICY, TOO_SLOW
from orderfox_nb.server.kernel_frames import INVALID, fault_of
from orderfox_nb.server.kernel_limits import (
    MAX_MESSAGE,
    MAX_SOCKETS,
    ONE_THREAD,
    STARTS_AT_ONCE,
    KernelAccounts,
    KernelSocketLimits,
    KernelSockets,
    OfflineMessages,
    StartSlots,
    bound_memory,
)
from orderfox_nb.server.kernel_output import bounded_output
from orderfox_nb.server.request_log import log_failure

if TYPE_CHECKING:
    from orderfox_nb.server.service import DeskService

_log = logging.getLogger(__name__)
_jupyter_log = logging.getLogger(f"{__name__}.jupyter")
_jupyter_log.setLevel(logging.ERROR)

PING_S: Final = 30.0
V1_SUBPROTOCOL: Final = "v1.kernel.websocket.jupyter.org"


class BoundedKernel(ServerKernelManager):
    """A kernel of which every process has the memory bound, one that is restarted after a crash too."""

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kwargs: Any) -> None:
        with bounded_output(self.kernel_id) as output:
            await super()._async_launch_kernel(kernel_cmd, **{**kwargs, **output})
        bound_memory(self, getattr(self.parent, "memory_mb", 0))


class DashboardKernels(AsyncMappingKernelManager):
    """Starts kernels with our address and token in their environment, and none while the server stops."""

    kernel_environment = Dict(help="Variables that every kernel gets")
    closing = Bool(False)
    max_kernels = Integer(40, help="Kernels at a time: every page has one, and anybody may open pages").tag(config=True)
    max_per_client = Integer(10, help="Kernels of one address's pages").tag(config=True)
    memory_mb = Integer(1024, help="Memory that a kernel may have, 0 for as much as there is (Linux)").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"kernel_manager_class": f"{__name__}.{BoundedKernel.__name__}", **kwargs})
        # Voila lets a page end its kernel, which the server does when the page is gone.
        self.allowed_message_types = [kind for kind in self.allowed_message_types if kind != "shutdown_request"]
        self.starting: set[asyncio.Task[Any]] = set()
        """Tasks inside a start: ended there, a kernel would be left behind."""
        self.accounts = KernelAccounts(self.max_per_client)
        self._start_slots = StartSlots(STARTS_AT_ONCE, self.max_kernels)
        self._asked = 0
        self._processes: dict[str, int | None] = {}
        """The process that each kernel was started with."""

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        if self.closing:
            raise web.HTTPError(503, "The server stops")
        if len(self.list_kernel_ids()) + self._asked >= self.max_kernels:
            raise web.HTTPError(503, f"{self.max_kernels} pages are open already")
        kwargs["env"] = {**ONE_THREAD, **(kwargs.get("env") or {}), **self.kernel_environment}
        self._asked += 1
        try:
            async with self._start_slots:
                kernel_id = await self._start(**kwargs)
        finally:
            self._asked -= 1
        self._processes[kernel_id] = _process_of(self.get_kernel(kernel_id))
        return kernel_id

    async def _start(self, **kwargs: Any) -> str:
        if self.closing:
            raise web.HTTPError(503, "The server stops")
        task = asyncio.current_task()
        assert task is not None
        self.starting.add(task)
        try:
            return await super().start_kernel(**kwargs)
        finally:
            self.starting.discard(task)

    def start_buffering(self, kernel_id: str, session_key: str, channels: dict[str, Any]) -> None:
        """Keep what a kernel sends until its page connects again, within a bound."""
        super().start_buffering(kernel_id, session_key, channels)
        self._kernel_buffers[kernel_id]["buffer"] = OfflineMessages()

    async def maintain_pool(self) -> None:
        """Discard what was kept ready and has died or never started, and fill the pool again where there is room."""
        await self.discard_ended()
        running = set(self.list_kernel_ids())
        self._processes = {kernel: pid for kernel, pid in self._processes.items() if kernel in running}
        for notebook in self._ready_pools():
            if not self.closing and len(running) + self._asked < self.max_kernels:
                self.fill_if_needed(notebook_name=notebook)  # type: ignore[attr-defined]

    async def discard_ended(self) -> None:
        """Take out of the pools what has died or never started.

        When this returns, no kernel left in them had ended: one taken before the loop continues is alive. A kernel that
        died is restarted under its name, and knows no widget of the page that was made with it.
        """
        while ended := [
            (pool, task) for pool in self._ready_pools().values() for task in pool if self._has_ended(task)
        ]:
            for pool, task in ended:
                pool.remove(task)
            _log.warning("discarded %d kernels that were kept ready and have ended", len(ended))
            for _, task in ended:
                if (kernel := _kernel_of(task)) is not None and kernel in self:
                    with contextlib.suppress(KeyError, RuntimeError):  # it is gone already
                        await self.shutdown_kernel(kernel, now=True)

    def _ready_pools(self) -> dict[str, list[asyncio.Task[Any]]]:
        return getattr(self, "_pools", {})

    def _has_ended(self, task: asyncio.Task[Any]) -> bool:
        return task.done() and not self._is_first_process(_kernel_of(task))

    def _is_first_process(self, kernel_id: str | None) -> bool:
        process = self._processes.get(kernel_id or "")
        return process is not None and process == _process_of(self.get_kernel(str(kernel_id)))


class PageKernels:
    """The kernels as one page sees them: says which one the page gets, from the pool or started for it.

    Args:
        kernels: All of them.
        assign: Called with the id of the page's kernel.
        folder: Where the kernel starts, if it is not the server's own notebook: for others none is kept ready.
    """

    def __init__(self, kernels: Any, assign: Callable[[str], None], *, folder: str = "") -> None:
        self._kernels = kernels
        self._assign = assign
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernels, name)

    def get_pool_size(self, notebook_name: str) -> int:
        return 0 if self._folder else self._kernels.get_pool_size(notebook_name)

    async def start_kernel(self, **kwargs: Any) -> str:
        if self._folder:
            del kwargs["path"]
            kwargs["cwd"] = self._folder
        kernel_id = await self._kernels.start_kernel(**kwargs)
        self._assign(kernel_id)
        return kernel_id

    async def get_rendered_notebook(self, **kwargs: Any) -> tuple[asyncio.Task[Any], list[str], str]:
        rendered = await self._kernels.get_rendered_notebook(**kwargs)
        self._assign(rendered[2])
        return rendered


def _process_of(kernel: Any) -> int | None:
    process = getattr(getattr(kernel, "provisioner", None), "process", None)
    return process.pid if process is not None and process.poll() is None else None


def _kernel_of(task: asyncio.Task[Any]) -> str | None:
    if task.cancelled() or task.exception() is not None:
        return None
    return task.result()["kernel_id"]


class Reaper:
    """Decides which kernels outlived their tab: a state machine over times that are passed in.

    A page's leave message does not always arrive, and idle culling spares a kernel with a live task. So a kernel ends
    ``grace_s`` after its last socket closed (at once when its page said that it leaves), or ``unclaimed_s`` after it
    was taken from the pool and no page came.
    """

    def __init__(self, *, grace_s: float = 15.0, unclaimed_s: float = 60.0) -> None:
        self._grace_s = grace_s
        self._unclaimed_s = unclaimed_s
        self._sockets: dict[str, int] = {}
        self._alone_since: dict[str, tuple[float, float]] = {}
        self._leaving: set[str] = set()

    def connected(self, kernel_id: str) -> None:
        """Note that a page opened a socket."""
        self._sockets[kernel_id] = self._sockets.get(kernel_id, 0) + 1
        self._alone_since.pop(kernel_id, None)
        self._leaving.discard(kernel_id)

    def leaving(self, kernel_id: str) -> None:
        """Note that a page said it is being closed; its socket closes after that."""
        if kernel_id in self._sockets:
            self._leaving.add(kernel_id)

    def disconnected(self, kernel_id: str, now_s: float) -> None:
        """Note that a page's socket closed."""
        left = self._sockets.get(kernel_id, 0) - 1
        if left > 0:
            self._sockets[kernel_id] = left
            return
        self._sockets.pop(kernel_id, None)
        self._alone_since[kernel_id] = (now_s, 0.0 if kernel_id in self._leaving else self._grace_s)
        self._leaving.discard(kernel_id)

    def due(self, now_s: float, *, running: Iterable[str], preheated: Iterable[str]) -> list[str]:
        """Return the kernels to end now.

        Args:
            now_s: Any steady clock.
            running: Every kernel there is.
            preheated: Kernels of the pool that were not used yet.
        """
        running = set(running)
        spared = set(preheated)
        self._alone_since = {kernel: since for kernel, since in self._alone_since.items() if kernel in running}
        for kernel in running - spared - self._sockets.keys():
            self._alone_since.setdefault(kernel, (now_s, self._unclaimed_s))
        return sorted(
            kernel
            for kernel, (since, timeout_s) in self._alone_since.items()
            if kernel not in spared and now_s - since >= timeout_s
        )


class GuardedKernelSocket(ChargedRequest, VoilaKernelWebsocketHandler):
    """The page's socket to its kernel.

    Without the v1 subprotocol the server would spin and ignore SIGTERM, so such a socket is refused.
    """

    @property
    def log(self) -> logging.Logger:  # type: ignore[override]
        """Logger of what Jupyter writes for each socket, of which a client can open any number."""
        return _jupyter_log

    def initialize(  # type: ignore[override]
        self, service: DeskService, reaper: Reaper, sockets: KernelSockets, now_s: Callable[[], float]
    ) -> None:
        self._service = service
        self._reaper = reaper
        self._sockets = sockets
        self._now_s = now_s
        self._counted = ""
        self._limits = KernelSocketLimits(now_s)
        self._ended = False

    @property
    def max_message_size(self) -> int:
        return MAX_MESSAGE

    # Tornado pings by seconds; Jupyter's mixin reads the same numbers as milliseconds and would ping again.
    @property
    def ping_interval(self) -> float:  # type: ignore[override]
        return PING_S

    @property
    def ping_timeout(self) -> float:  # type: ignore[override]
        return PING_S

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        frames, client = self._service.frames, self.request.remote_ip or ""
        return counted(super().get_websocket_protocol(), now_s=self._now_s, refuses=lambda: frames.wait_s(client) > 0)

    def send_ping(self) -> None:
        if self.ping_callback is not None:
            self.ping_callback.stop()

    def check_origin(self, origin: str | None = None) -> bool:  # type: ignore[override]
        return self._service.admits_origin(origin or self.get_origin(), self.request.host)

    async def get(self, kernel_id: str) -> None:  # type: ignore[override]
        # First: a page that is refused for another reason would retry without a subprotocol.
        if not self.check_origin():
            self.set_status(403)
            self.finish("403")
            return
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        if V1_SUBPROTOCOL not in (name.strip() for name in offered.split(",")):
            raise web.HTTPError(400, f"Offer the subprotocol {V1_SUBPROTOCOL}")
        if kernel_id not in self.kernel_manager:
            raise web.HTTPError(404, "No such kernel")
        with self._sockets.opening(kernel_id) as admitted:
            if not admitted:
                raise web.HTTPError(429, f"A kernel has at most {MAX_SOCKETS} sockets")
            await super().get(kernel_id)  # type: ignore[misc]

    def log_exception(self, _typ: Any, value: BaseException | None, _tb: Any) -> None:  # type: ignore[override]
        log_failure(_log, self.request.path, value)

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        # No person reads this answer, and Jupyter's error page needs files that Voila does not serve.
        self.finish(f"{status_code}")

    def on_message(self, ws_message: Any) -> None:
        if self._ended:
            return
        if reason := self._limits.received(len(ws_message)):
            self._end(POLICY, reason)
        elif fault := fault_of(ws_message):
            self._end(INVALID, fault)
        else:
            super().on_message(ws_message)

    def write_message(self, message: Any, binary: bool = False) -> Any:  # type: ignore[override]
        size = len(message) if isinstance(message, bytes | str) else 0
        if self._ended:
            return None
        if not self._limits.sending(size):
            self._end(TOO_SLOW, "This page does not take what its kernel sends")
            return None
        written: Any = super().write_message(message, binary)  # type: ignore[arg-type]
        if written is None:
            self._limits.sent(size)
        else:
            written.add_done_callback(lambda done: self._sent(size, done))
        return written

    def _sent(self, size: int, done: asyncio.Future[None]) -> None:
        self._limits.sent(size)
        if not done.cancelled() and isinstance(done.exception(), WebSocketClosedError):
            self._ended = True

    def _end(self, code: int, reason: str) -> None:
        self._ended = True
        line = "kernel=%s remote=%s closed: %s"
        self._service.request_log.write(_log, logging.WARNING, line, self._counted, self.request.remote_ip, reason)
        self.close(code, reason)

    async def open(self, kernel_id: str) -> None:  # type: ignore[override]
        self.set_nodelay(True)
        self._counted = kernel_id
        self._reaper.connected(kernel_id)
        await super().open(kernel_id)

    def on_close(self) -> None:
        if self._counted:
            self._reaper.disconnected(self._counted, self._now_s())
            self._counted = ""
        super().on_close()


class PageLeaves(web.RequestHandler):
    """A page's leave message. Voila's own handler refuses it for want of an XSRF token (voila #1458)."""

    def initialize(self, reaper: Reaper) -> None:
        self._reaper = reaper

    def post(self, kernel_id: str) -> None:
        """Take note; only the page knows the id of its kernel."""
        self._reaper.leaving(kernel_id)
        self.set_status(204)
