# Voila's application has no types.
# pyright: reportIncompatibleMethodOverride=false, reportMissingTypeStubs=false, reportPrivateUsage=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""``orderfox serve``: the dashboard for anybody, with the endpoints beside it on the same port and loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import tornado.ioloop
import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.routing import Rule
from traitlets import Bool, Float, Instance, List
from traitlets.config import Config
from voila.app import Voila
from voila.request_info_handler import RequestInfoSocketHandler

from orderfox_nb.errors import SettingError
from orderfox_nb.server.base_url import ToBase, base_pattern
from orderfox_nb.server.bounded_server import BoundedServer
from orderfox_nb.server.charged_requests import PAGE_SHARE
from orderfox_nb.server.handlers.base import MAX_BODY
from orderfox_nb.server.handlers.no_route import NoRoute, Preflight
from orderfox_nb.server.hosts import Misdirected, OtherHost, ServedHosts, served_names
from orderfox_nb.server.kernel_limits import KernelSockets
from orderfox_nb.server.kernels import DashboardKernels, GuardedKernelSocket, PageLeaves, Reaper
from orderfox_nb.server.page_routes import PAGE_EXTENSIONS, ViewerIdentity, page_routes
from orderfox_nb.server.request_log import RequestLog, logged_path
from orderfox_nb.server.routes import routes
from orderfox_nb.server.runtime import RuntimeFolder, stop_on_signals
from orderfox_nb.server.service import DeskService
from orderfox_nb.server.start.handlers import is_simulated, start_rules
from orderfox_nb.server.start.site import Site
from orderfox_nb.server.viewer.handlers import ScriptFile, viewer_rules
from orderfox_nb.server.viewer.modules import Scripts
from orderfox_nb.server.viewer.pages import Pages, rendering_key
from orderfox_nb.server.viewer.renderer import PageRenderer

_log = logging.getLogger(__name__)

TEMPLATES: Final = Path(__file__).parent / "templates"
_STOP_S: Final = 1.0
_WAITING: Final = 1024
"""Connections that the system holds until they are accepted: a thousand pages may come back at once."""
_POLICY: Final = {
    "default-src": "'self'",
    # Voila writes scripts into its page; widgets are modules that the page makes of text it was sent.
    "script-src": "'self' 'unsafe-inline' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}
"""What a page may load and run: of this server only, and no text as code (docs/security.md)."""
_KERNEL_PATH: Final = r"(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"


def dashboard_config(
    *, preheated: int, extensions: Sequence[str] = (), kernels: Mapping[str, int] | None = None
) -> Config:
    """Return the settings of Voila for viewers who may only look.

    Args:
        preheated: Kernels that wait for a page, 0 to start one on demand.
        extensions: Lab extensions that the page loads beside those of the dashboard's own widgets.
        kernels: Limits of ``DashboardKernels``, its own where none is given.
    """
    return Config(
        {
            "Voila": {
                "config_file_paths": [],
                "open_browser": False,
                "identity_provider_class": ViewerIdentity,
                "tornado_settings": {
                    "headers": {
                        "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in _POLICY.items()),
                        "Referrer-Policy": "same-origin",
                    }
                },
            },
            "VoilaConfiguration": {
                "template": "lab",
                "allow_template_override": "NO",
                "allow_theme_override": "NOTEBOOK",
                "multi_kernel_manager_class": DashboardKernels,
                "preheat_kernel": preheated > 0,
                "default_pool_size": preheated,
                "file_allowlist": [],
                "extension_allowlist": [*PAGE_EXTENSIONS, *extensions],
                "http_header_envs": [],
                "show_tracebacks": False,
            },
            "DashboardKernels": dict(kernels or {}),
            # Where it can be: a kernel behind a file of its owner instead of ports that every user can reach.
            "KernelManager": {"transport": "ipc" if sys.platform == "linux" else "tcp"},
        }
    )


class OrderFoxVoila(Voila):
    """Voila with our routes before its catch-all, kernels that end with their tab, and a stop that leaves nothing."""

    service = Instance(DeskService)
    reaper_grace_s = Float(15.0, help="A kernel ends so long after its page's last socket closed")
    kernel_per_viewer = Bool(False, help="A kernel for every page, instead of one that renders the page for all")
    rendering_s = Float(120.0, help="A page for all that takes longer to render has failed")
    kernels_everywhere = Bool(False, help="The same for the other notebooks, whatever their metadata say")
    folder = Instance(Path, allow_none=True, default_value=None, help="Its notebooks are on the start page")
    built_in = List(Instance(Path), help="Notebooks that the start page has in any case")
    scripts = Instance(Scripts, args=(), help="What pages without a kernel load")
    pages: Pages | None = None
    """The page for all, where viewers have no kernels."""

    # The parent's traits make these attributes at run time.
    kernel_manager: Any
    voila_configuration: Any

    def setup_template_dirs(self) -> None:
        super().setup_template_dirs()
        # Ours come first and extend Voila's "lab", whose static files stay where they are.
        self.template_paths = [str(TEMPLATES), *self.template_paths]

    def initialize(self, argv: list[str] | None = None) -> None:
        super().initialize(argv if argv is not None else [])
        # It logs a listen() that is not used here, and that an unsigned notebook is not trusted.
        self.log.setLevel(logging.ERROR)

    def init_handlers(self) -> list[Any]:
        """Put our routes and the guarded kernel socket before everything of Voila."""
        self._reaper = Reaper(grace_s=self.reaper_grace_s)
        self.rendering_kernels: set[str] = set()
        # Whether a notebook of the folder wants kernels is only known when it is looked at.
        self._with_kernels = self.kernel_per_viewer or self.folder is not None
        kernels, manager = self.service.metrics.kernels, self.kernel_manager
        kernels.labels("starting").set_function(lambda: len(manager.starting))
        kernels.labels("ready").set_function(lambda: len(ready_kernels(manager)))
        kernels.labels("used").set_function(lambda: len(set(manager.list_kernel_ids()) - preheated_kernels(manager)))
        base, prefix = self.base_url, base_pattern(self.base_url)
        guard = {"service": self.service, "reaper": self._reaper, "sockets": KernelSockets(), "now_s": time.monotonic}
        leads = [] if base == "/" else [("/", ToBase, {"base_url": base}), (prefix[:-1], ToBase, {"base_url": base})]
        rules = page_routes(
            cast("list[Any]", super().init_handlers()), extensions=self.voila_configuration.extension_allowlist
        )
        # Voila writes its patterns with the prefix as it is: signs that mean something in a pattern would be read so.
        voila = [(prefix + pattern.removeprefix(base), *rest) for pattern, *rest in rules]
        hosts = ServedHosts(served_names(self.service.settings, self.ip))
        source, main = self.service.settings.source, Path(str(self.notebook_path))
        kernel_rules = [
            (rf"{prefix}api/kernels/{_KERNEL_PATH}/channels", GuardedKernelSocket, guard),
            (rf"{prefix}voila/api/shutdown/{_KERNEL_PATH}", PageLeaves, {"reaper": self._reaper}),
        ]
        if not self.kernel_per_viewer:
            self.pages = Pages(
                key=lambda: rendering_key(main, source),
                make=lambda: PageRenderer(self, main),
                timeout_s=self.rendering_s,
            )
        self.site = Site(
            main=main,
            pages=self.pages,
            built_in=cast("list[Path]", self.built_in),
            folder=cast("Path | None", self.folder),
            make=lambda path: PageRenderer(self, path),
            source=source,
            timeout_s=self.rendering_s,
            starting=manager.starting,
        )
        rest = [
            (rf"{prefix}voila/modules/(?P<name>[0-9a-f]{{32}}\.js)", ScriptFile, {"scripts": self.scripts}),
            *(kernel_rules if self._with_kernels else []),
            *(viewer_rules(voila, prefix, self.pages, kernels=self._with_kernels) if self.pages is not None else voila),
            *start_rules(
                voila,
                prefix,
                self.site,
                base_url=base,
                simulated=is_simulated(source),
                kernel_per_viewer=self.kernels_everywhere,
            ),
        ]
        return [
            Rule(OtherHost(hosts), Misdirected, {"service": self.service}),
            *leads,
            # No file has such a name, and looking for one is an error inside tornado.
            (r".*%00.*", NoRoute, {"service": self.service}),
            *routes(base, self.service, top_level=True, catch_all=True),
            Rule(Preflight(), NoRoute, {"service": self.service}),
            *rest,
            (r".*", NoRoute, {"service": self.service}),
        ]

    def bind(self) -> str:
        """Take the port and return the address to open.

        Raises:
            SettingError: There is no such address, or the port cannot be taken.
        """
        try:
            self._listeners = bind_sockets(self.port, self.ip, backlog=_WAITING)
        except (socket.gaierror, UnicodeError) as error:
            raise SettingError("--host", self.ip, f"an address of this machine ({error})") from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise SettingError("--host", self.ip, f"an address of this machine ({error})") from None
            raise SettingError("BACKEND_PORT", self.port, f"a port that is free on {self.ip} ({error})") from None
        self.port = self._listeners[0].getsockname()[1]
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.ip, self.ip)  # noqa: S104
        shown = f"[{shown}]" if ":" in shown else shown
        return f"http://{shown}:{self.port}{self.base_url}"

    def serve(self, *, announce: Any, open_browser: bool, view: str = "") -> None:
        """Serve until SIGTERM or SIGINT; leaves no task, socket or kernel.

        Args:
            announce: Called with the address once requests are answered.
            open_browser: Whether to open a tab.
            view: Path and query of the page in that tab, from the address.
        """
        asyncio.set_event_loop(asyncio.new_event_loop())
        self.ioloop = tornado.ioloop.IOLoop.current()
        address = self.bind()
        runtime = RuntimeFolder(self.connection_dir_root)
        self.connection_dir = runtime.open()
        server: HTTPServer | None = None
        try:
            settings = cast("dict[str, Any]", self.init_settings())
            self.kernel_manager.kernel_environment = {
                "ORDERFOX_URL": address.rstrip("/"),
                "ORDERFOX_TOKEN": self.service.token,
            }
            self.app = tornado.web.Application(**settings, log_function=partial(_log_request, self.service.request_log))
            self.app.settings.update(self.tornado_settings)
            self.app.settings[PAGE_SHARE] = self.service.page_share
            self.app.add_handlers(".*$", self.init_handlers())
            # A stranger may neither fill the memory with a body nor hold a connection by saying nothing.
            http = BoundedServer(
                self.app,
                **self.service.bounds(),
                max_body_size=2 * MAX_BODY,
                body_timeout=30,
                idle_connection_timeout=120,
            )
            http.add_sockets(self._listeners)
            server = http
            loop: asyncio.AbstractEventLoop = self.ioloop.asyncio_loop  # type: ignore[attr-defined]
            stop_on_signals(lambda: loop.call_soon_threadsafe(self.ioloop.stop), runtime.close)
            self.ioloop.add_callback(announce, address)
            self.ioloop.add_callback(self.service.start_bots)
            if open_browser and has_display():
                self.ioloop.add_callback(open_in_browser, address + view)
            if self.pages is not None:
                # As soon as the endpoints answer: the notebook may read from them.
                self.ioloop.add_callback(self.pages.current)
            sweep = tornado.ioloop.PeriodicCallback(self._reap, 1000)
            sweep.start()
            # Everything allocated so far stays: excluding it from collections shortens their pauses.
            gc.collect()
            gc.freeze()
            self.ioloop.start()
            sweep.stop()
        finally:
            self.ioloop.run_sync(lambda: self._close(server))
            self.ioloop.close()
            runtime.close()

    async def _reap(self) -> None:
        manager = self.kernel_manager
        # Voila keeps what it knew of every page forever.
        for kernel_id in RequestInfoSocketHandler._cache.keys() - set(manager.list_kernel_ids()):
            del RequestInfoSocketHandler._cache[kernel_id]
        if not self._with_kernels:
            return  # the kernels that may run are those of renderings
        await manager.maintain_pool()
        spared = preheated_kernels(manager) | self.rendering_kernels
        for kernel_id in self._reaper.due(time.monotonic(), running=manager.list_kernel_ids(), preheated=spared):
            _log.info("kernel=%s outlived its page", kernel_id)
            try:
                async with asyncio.timeout(5):
                    await manager.shutdown_kernel(kernel_id, now=True)
            except (KeyError, RuntimeError, TimeoutError, tornado.web.HTTPError):
                # It ended by itself meanwhile; the next sweep sees what is left.
                _log.debug("kernel=%s could not be ended", kernel_id, exc_info=True)

    async def _close(self, server: HTTPServer | None) -> None:
        if server is not None:
            server.stop()
        else:
            for listener in self._listeners:
                listener.close()
        manager = getattr(self, "kernel_manager", None)
        ends = [asyncio.ensure_future(self.service.stop())]
        if manager is not None:
            ends.append(asyncio.ensure_future(end_kernels(manager)))
        if self.pages is not None:
            # Ended inside a kernel's start, the kernel would be left behind.
            ends.append(asyncio.ensure_future(self.pages.stop(but=self.kernel_manager.starting)))
        if (site := getattr(self, "site", None)) is not None:
            ends.append(asyncio.ensure_future(site.stop()))
        done, late = await asyncio.wait(ends, timeout=_STOP_S + 0.1)
        for end in late:
            _log.debug("something that was waited for did not end in time")
            end.cancel()
        for end in done:
            if (error := end.exception()) is not None:
                _log.error("could not stop cleanly", exc_info=error)
        if server is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await server.close_all_connections()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=0.3)


def pool_tasks(manager: Any) -> list[asyncio.Task[Any]]:
    """Return what Voila keeps in its pool: tasks that start a kernel and run the notebook in it."""
    return [task for pool in getattr(manager, "_pools", {}).values() for task in pool]


def ready_kernels(manager: Any) -> set[str]:
    """Return the kernels that have run the notebook and wait for a page."""
    return {
        task.result()["kernel_id"]
        for task in pool_tasks(manager)
        if task.done() and not task.cancelled() and task.exception() is None
    }


def preheated_kernels(manager: Any) -> set[str]:
    """Return the kernels that wait for a page, or may be about to."""
    if all(task.done() for task in pool_tasks(manager)):
        return ready_kernels(manager)
    # One is being started: which one it will be is not known yet, so none of the unused is judged.
    return ready_kernels(manager) | set(manager.list_kernel_ids())


async def end_kernels(manager: Any) -> None:
    """End every kernel at once, those that are just being started too."""
    manager.closing = True
    pools = pool_tasks(manager)
    if hasattr(manager, "_pools"):
        manager._pools = {}
    for task in pools:
        if task not in manager.starting:
            task.cancel()
    if manager.starting:
        await asyncio.wait(set(manager.starting), timeout=_STOP_S / 2)
    ends = [asyncio.ensure_future(manager.shutdown_kernel(kernel, now=True)) for kernel in manager.list_kernel_ids()]
    if ends:
        await asyncio.wait(ends, timeout=_STOP_S)
    for end in ends:
        if end.done() and not end.cancelled():
            end.exception()


def has_display() -> bool:
    """Return whether a browser can show up here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_in_browser(address: str) -> None:
    """Open a tab; a browser that takes its time does not hold the loop."""
    threading.Thread(target=webbrowser.open, args=(address,), kwargs={"new": 2}, daemon=True).start()


def _log_request(request_log: RequestLog, handler: tornado.web.RequestHandler) -> None:
    status = handler.get_status()
    level = logging.WARNING if status >= 500 else logging.INFO if status >= 400 else logging.DEBUG
    seconds = handler.request.request_time()
    request_log.write(
        _log,
        level,
        "method=%s path=%s status=%d ms=%.1f",
        *(handler.request.method, logged_path(handler.request.path), status, seconds * 1000),
    )
