# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""Routes of a server without kernels for viewers: the page, and the files of its widgets."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import tornado.web
from tornado.iostream import StreamClosedError

from orderfox_nb.server.page_routes import YEAR_S, KernelModel, PlainErrors, PlainFiles
from orderfox_nb.server.pieces import send_in_pieces
from orderfox_nb.server.viewer.modules import Scripts
from orderfox_nb.server.viewer.rendering import Page

if TYPE_CHECKING:
    from orderfox_nb.server.viewer.pages import Pages


class PreparedFile(PlainErrors):
    """Sends a body that was compressed once for all viewers."""

    async def send_packed(self, plain: bytes, packed: bytes) -> None:
        """Send a body, as gzip where the browser takes that."""
        body = plain
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            body = packed
        await send_in_pieces(self, body)

    def compute_etag(self) -> None:
        """Return none: a page sets its own tag, and a script has its digest as its name."""


class PageForAll(PreparedFile):
    """Answers with a page that is the same one for everybody."""

    async def send_page(self, pages: Pages) -> None:
        """Send the page; one that is being rendered comes as it is made."""
        self._set_page_headers()
        current = pages.current()
        if isinstance(current, Page):
            await self._send(current)
            return
        self.set_header("Cache-Control", "no-store")
        # A viewer who leaves while the page is sent is not an error.
        with suppress(StreamClosedError):
            async for text in current.follow():
                self.write(text)
                await self.flush()

    def send_page_head(self, pages: Pages) -> None:
        """Send the headers alone."""
        self._set_page_headers()
        if isinstance(current := pages.current(), Page):
            self.set_header("ETag", current.tag)

    def _set_page_headers(self) -> None:
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        # A cached copy may be shown once the server has confirmed that the page is unchanged.
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Vary", "Accept-Encoding")

    async def _send(self, page: Page) -> None:
        self.set_header("ETag", page.tag)
        if self.check_etag_header():
            self.set_status(304)
            return
        await self.send_packed(page.plain, page.packed)


class ViewerPage(PageForAll):
    """The page at the server's own address."""

    def initialize(self, pages: Pages) -> None:
        self._pages = pages

    async def get(self) -> None:
        """Send the page."""
        await self.send_page(self._pages)

    async def head(self) -> None:
        """Send the headers alone."""
        self.send_page_head(self._pages)


class ScriptFile(PreparedFile):
    """A script of pages, which has the digest of its text as its name."""

    def initialize(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def get(self, name: str) -> None:
        """Send it."""
        try:
            script = self._scripts[name]
        except KeyError:
            raise tornado.web.HTTPError(404) from None
        self.set_header("Content-Type", "text/javascript; charset=UTF-8")
        self.set_header("Cache-Control", f"public, max-age={YEAR_S}, immutable")
        self.set_header("Vary", "Accept-Encoding")
        await self.send_packed(script.plain, script.packed)

    async def head(self, name: str) -> None:
        """Send the headers alone."""
        await self.get(name)


def viewer_rules(voila: list[Any], prefix: str, pages: Pages, *, kernels: bool) -> list[Any]:
    """Return the routes of a server whose own page needs no kernel.

    Args:
        voila: Those that Voila's page would have.
        prefix: Pattern of the base URL.
        pages: What is shown.
        kernels: Whether other pages may have one, and ask for its model.
    """
    kept = (PlainFiles, KernelModel) if kernels else (PlainFiles,)
    return [(prefix, ViewerPage, {"pages": pages}), *(rule for rule in voila if issubclass(rule[1], kept))]
