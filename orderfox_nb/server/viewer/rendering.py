"""One page on its way: what is there of it can be read while the rest is made."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import html
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orderfox_nb.server.pieces import in_pieces
from orderfox_nb.server.viewer.failures import RenderingFailed
from orderfox_nb.server.viewer.modules import PackedScript
from orderfox_nb.server.viewer.outputs import MAX_PAGE

if TYPE_CHECKING:
    from orderfox_nb.server.viewer.renderer import PageRenderer

_log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 10.0
_FAILED: Final = """<style>
#loading { display: none !important }
/* The page ends inside of it, before Voila shows it. */
#rendered_cells { display: block !important }
</style>"""
_HEARTBEAT: Final = "<script>window.voila_heartbeat()</script>\n"


class Page(msgspec.Struct, frozen=True):
    """A whole page, prepared once for all viewers."""

    plain: bytes
    packed: bytes
    """The same, as gzip."""
    tag: str
    """Its ETag."""
    scripts: tuple[PackedScript, ...] = ()
    """Scripts that it names, which can be loaded for as long as it is kept."""


def failure_text(reason: str) -> str:
    """Return what a viewer reads where there is no page."""
    return f"The notebook behind this page could not be rendered: {reason}"


def failure_notice(text: str) -> str:
    """Return the element that says what is wrong, on top of a page."""
    return f'<div id="of-trouble" role="alert">{html.escape(text)}</div>'


def noticed_page(page: Page, text: str) -> Page:
    """Return a page that says something on its top."""
    place = b'<div id="loading"'
    return _packed(page.plain.replace(place, failure_notice(text).encode() + place, 1), page.scripts)


class Rendering:
    """Makes a page in a task of its own.

    Args:
        renderer: Makes the pieces; ended here in any case.
        timeout_s: A page that is not whole by then has failed.
        turn: Held while it is made, so that few are made at once; the time runs from then on.
        now_s: Any steady clock.
    """

    def __init__(
        self,
        renderer: PageRenderer,
        *,
        timeout_s: float,
        turn: AbstractAsyncContextManager[Any] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._renderer: PageRenderer | None = renderer
        """None once the rendering has ended: it keeps everything that its notebook printed."""
        self._timeout_s = timeout_s
        self._turn = nullcontext() if turn is None else turn
        self._now_s = now_s
        self._pieces: list[str] = []
        self._news = asyncio.Condition()
        self.page: Page | None = None
        self.failure = ""
        """Why there is no page, empty if there is one or will be."""
        self.held_s = 0.0
        """Seconds for which it held its turn."""
        self.ended_s = now_s()
        """Time at which its turn ended, once it has ended."""
        self.stopping = False
        """Whether its kernel is about to be ended, so that what fails then is not an error."""
        self.task = asyncio.create_task(self._run(), name="orderfox page")

    @property
    def done(self) -> bool:
        return self.task.done()

    async def follow(self) -> AsyncIterator[str]:
        """Yield the page as it is made, and in the end why it cannot be, if it cannot."""
        at = 0
        while True:
            heard = await self._wait_beyond(at)
            pieces = self._pieces[at:]
            at += len(pieces)
            for text in in_pieces(pieces):
                yield text
            if pieces:
                continue
            if self._ended:
                break
            if not heard:
                yield _HEARTBEAT
        if self.failure:
            yield _FAILED + failure_notice(failure_text(self.failure))

    async def _wait_beyond(self, at: int) -> bool:
        """Wait for more than so many pieces, or the end; returns whether it came before a heartbeat is due."""
        async with self._news:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._news.wait_for(lambda: at < len(self._pieces) or self._ended)
            except TimeoutError:
                return False
        return True

    @property
    def _ended(self) -> bool:
        return self.page is not None or bool(self.failure)

    @asynccontextmanager
    async def _measured(self) -> AsyncGenerator[None]:
        started_s = self._now_s()
        try:
            yield
        finally:
            self.ended_s = self._now_s()
            self.held_s = self.ended_s - started_s

    async def _run(self) -> None:
        renderer = self._renderer
        assert renderer is not None
        try:
            async with self._turn, self._measured(), asyncio.timeout(self._timeout_s):
                size = 0
                async for piece in renderer.snippets():
                    size += len(piece)
                    if size > MAX_PAGE:
                        raise RenderingFailed(f"it is larger than {MAX_PAGE // 1_000_000} million characters")
                    async with self._news:
                        self._pieces.append(piece)
                        self._news.notify_all()
            self.page = await asyncio.to_thread(_packed, "".join(self._pieces).encode(), renderer.scripts)
        except RenderingFailed as error:
            self.failure = str(error)
            # What viewers do not see stands in the log: the cell's traceback.
            _log.error("rendering=failed %s", str(error.__cause__ or error))
        except TimeoutError:
            self.failure = f"it took longer than {self._timeout_s:g} s"
            _log.error("rendering=failed %s", self.failure)
        except Exception:  # noqa: BLE001 - it is logged whole, and viewers learn that there is no page
            self.failure = "the server could not render it; its log says why"
            if not self.stopping:
                _log.exception("rendering=failed")
        finally:
            if self.page is None and not self.failure:
                self.failure = "the server is shutting down"
            async with self._news:
                self._news.notify_all()
            await self._end(renderer)
            self._renderer = None

    async def _end(self, renderer: PageRenderer) -> None:
        try:
            async with asyncio.timeout(5):
                await renderer.end()
        except Exception:  # noqa: BLE001 - it may have ended by itself
            _log.debug("the rendering's kernel could not be ended", exc_info=True)


def _packed(plain: bytes, scripts: tuple[PackedScript, ...]) -> Page:
    return Page(plain, gzip.compress(plain, 6, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:32]}"', scripts)
