# Voila's handlers have no types, and mixins change what they inherit.
# pyright: reportIncompatibleMethodOverride=false, reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""The routes of ``orderfox serve`` that come from Voila: its page, the files that the page loads, and nothing else.

Voila's own table also serves logins, whatever lab extensions and templates happen to be installed, and error pages that
show what failed. Here every rule is named: any other path is answered with our own 404, without a cookie.
"""

from __future__ import annotations

import logging
import math
import re
from http.client import responses
from typing import TYPE_CHECKING, Any, Final

import tornado.web
from jupyter_server.auth.identity import User
from jupyter_server.base.handlers import FileFindHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyterlab_server.themes_handler import ThemesHandler
from tornado.escape import xhtml_escape
from voila.static_file_handler import MultiStaticFileHandler, TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.voila_identity_provider import VoilaIdentityProvider

from orderfox_nb.errors import TooManyKernels
from orderfox_nb.server.charged_requests import ChargedRequest, PageRefused
from orderfox_nb.server.kernel_limits import MAX_WAITING, PAGE_SLOT_S, STARTS_AT_ONCE, StartSlots
from orderfox_nb.server.kernels import PageKernels
from orderfox_nb.server.request_log import log_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_log = logging.getLogger(__name__)

PAGE_EXTENSIONS: Final = (
    # Voila's own manager makes the widgets, and takes the base classes and the controls from ipywidgets' bundle. A list
    # without either of them gives a page without widgets.
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
    "bqplot",
    "bqscales",
    # Renders outputs once the models of their widgets are there.
    "orderfox-nb",
)
"""The lab extensions that a dashboard's page needs."""
_TEMPLATE: Final = "lab"
_HASHED: Final = re.compile(r"\.[0-9a-f]{8,}\.[a-z0-9]+$")
"""A file whose name has the hash of what is in it: another content is another file."""
YEAR_S: Final = 31_536_000
_READS: Final = ("GET", "HEAD")


class ViewerIdentity(VoilaIdentityProvider):
    """All viewers share one identity: no login, and so no cookie."""

    def get_user(self, handler: Any) -> User:  # noqa: ARG002
        return User("viewer")

    def get_handlers(self) -> list[tuple[str, object]]:
        return []


class PlainErrors(ChargedRequest):
    """Read-only; errors show their status and nothing about this installation."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        for name, value in self.settings.get("headers", {}).items():
            self.set_header(name, value)

    async def prepare(self) -> None:
        # Before anything looks for a cookie or a token of a form.
        if self.request.method not in _READS:
            raise tornado.web.HTTPError(405)
        await super().prepare()

    def log_exception(self, _typ: Any, value: BaseException | None, _tb: Any) -> None:
        log_failure(_log, self.request.path, value)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        text = f"{status_code}: {responses.get(status_code, 'Error')}"
        # Only our own kernels refuse with these, in a sentence for the viewer.
        if status_code in (429, 503) and isinstance(error, tornado.web.HTTPError) and error.log_message:
            text += f". {error.log_message}"
        if isinstance(error, PageRefused) and error.retry_after_s:
            self.set_header("Retry-After", str(math.ceil(error.retry_after_s)))
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(f"<!DOCTYPE html><title>OrderFox</title><p>{xhtml_escape(text)}</p>\n")


class PlainFiles(PlainErrors):
    """Files below some folders; whatever does not name one of them is not found."""

    def parse_url_path(self, url_path: str) -> str:
        if not is_plain_path(url_path) or not self.serves(url_path):
            raise tornado.web.HTTPError(404)
        return super().parse_url_path(url_path)  # type: ignore[misc]

    def serves(self, path: str) -> bool:  # noqa: ARG002
        """Return whether a path may name a file of this route."""
        return True

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        try:
            return super().validate_absolute_path(root, absolute_path)  # type: ignore[misc]
        except tornado.web.HTTPError:
            # A folder, or a link that leads elsewhere: the answer does not say which.
            raise tornado.web.HTTPError(404) from None


class PageFiles(PlainFiles, MultiStaticFileHandler):
    """Voila's own scripts and sheets."""


class TemplateFiles(PlainFiles, TemplateStaticFileHandler):
    """Static files of the template that the page is made with."""

    def serves(self, path: str) -> bool:
        return path.startswith(f"{_TEMPLATE}/static/")


class ThemeFiles(PlainFiles, ThemesHandler):
    """JupyterLab's themes as Voila carries them; those of lab extensions are not served."""


class ExtensionFiles(PlainFiles, FileFindHandler):
    """Files of the lab extensions that are listed."""

    def initialize(self, extensions: Sequence[str], **kwargs: Any) -> None:  # type: ignore[override]
        self._extensions = extensions
        super().initialize(**kwargs)

    def serves(self, path: str) -> bool:
        return any(path.startswith(f"{name}/") for name in self._extensions)

    def set_headers(self) -> None:
        super().set_headers()
        # Voila's rule has a browser ask for each of some fifty files again, and compile each again.
        if _HASHED.search(self.request.path):
            self.set_header("Cache-Control", f"public, max-age={YEAR_S}, immutable")


class KernelModel(PlainErrors, KernelHandler):
    """Request of a page before it opens its kernel's socket."""


class DashboardPage(PlainErrors, TornadoVoilaHandler):
    """The notebook as a page, run in a kernel of its own: few at a time, or the server would be blocked meanwhile."""

    _kernels: PageKernels | None = None
    folder = ""
    """Where the kernel starts; that of the server's own notebook where it is empty."""

    async def get(self, path: str = "") -> None:  # type: ignore[override]
        """Run the notebook once a slot is free."""
        turns = self.settings.setdefault("orderfox_page_turns", StartSlots(STARTS_AT_ONCE, MAX_WAITING))
        if turns.full:
            reason = f"{MAX_WAITING} pages are being made already: try again in some seconds"
            raise PageRefused(503, reason, retry_after_s=5)
        kernels: Any = super().kernel_manager
        try:
            with kernels.accounts.page(self.client, kernels) as assign:
                self._kernels = PageKernels(kernels, assign, folder=self.folder)
                async with turns.held_for(PAGE_SLOT_S):
                    await kernels.discard_ended()
                    await super().get(path)  # type: ignore[misc]
        except TooManyKernels as error:
            raise PageRefused(429, str(error)) from None

    @property
    def kernel_manager(self) -> Any:
        """The kernels as Voila uses them here."""
        return self._kernels or super().kernel_manager

    async def head(self) -> None:
        """Answer as for the page, without making one."""
        self.set_header("Content-Type", "text/html")


def is_plain_path(path: str) -> bool:
    """Return whether a path is names between slashes: no empty one, no way up, no sign of another system."""
    return path.isprintable() and "\\" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def page_routes(rules: Iterable[Any], *, extensions: Sequence[str]) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return the rules of Voila's table that a dashboard needs, each with a handler that gives nothing away.

    Args:
        rules: Voila's table, as its application makes it.
        extensions: Names of the lab extensions whose files are served.
    """
    kept: list[tuple[str, Any, dict[str, Any]]] = []
    for pattern, handler, *rest in rules:
        options = dict(rest[0]) if rest else {}
        if handler is TornadoVoilaHandler:
            # Voila leads every other path to its files; here there is one page.
            kept.append((pattern.removesuffix("(.*)"), DashboardPage, options))
        elif handler is FileFindHandler:
            kept.append((pattern, ExtensionFiles, {**options, "extensions": tuple(extensions)}))
        elif handler is ThemesHandler:
            kept.append((pattern, ThemeFiles, {**options, "labextensions_path": []}))
        elif handler is MultiStaticFileHandler:
            kept.append((pattern, PageFiles, options))
        elif handler is TemplateStaticFileHandler:
            kept.append((pattern, TemplateFiles, options))
        elif handler is KernelHandler:
            kept.append((pattern, KernelModel, options))
    return kept
