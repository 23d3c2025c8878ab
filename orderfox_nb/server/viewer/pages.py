"""The current page: rendered again when its sources have changed, one rendering at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Container, Hashable, Iterator
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orderfox_nb
from orderfox_nb.server.viewer.rendering import Page, Rendering, failure_text, noticed_page

if TYPE_CHECKING:
    from orderfox_nb.server.viewer.modules import PackedScript
    from orderfox_nb.server.viewer.renderer import PageRenderer
    from orderfox_nb.server.viewer.turns import RenderingTurns

_log = logging.getLogger(__name__)

CHECK_S: Final = 1.0
RETRY_S: Final = 15.0
"""A failed rendering is retried on request after this time, or after as long as it took if that is longer."""
MAX_PAUSE: Final = 8
"""Each further failure doubles that time, up to this factor."""
MAX_PAUSE_S: Final = 300.0
"""Longest time until then: what a notebook waited for may work again."""
SLOW_S: Final = 15.0
"""A notebook that has failed after more than this time is slow until it has rendered well."""
_PACKAGE: Final = Path(orderfox_nb.__file__).parent
_SUFFIXES: Final = frozenset({".py", ".js", ".css", ".j2"})


def rendering_key(notebook: Path, source: str) -> Hashable:
    """Return what a page depends on: the notebook, this package and those of the widgets, and the source."""
    try:
        written = notebook.stat()
        own = (written.st_mtime_ns, written.st_size)
    except OSError:
        own = None
    return own, _package_state(int(time.monotonic() / CHECK_S)), _versions(), source


@lru_cache(maxsize=1)
def _package_state(_check: int) -> Hashable:
    """Return the state of this package's files, read once for all pages that are checked within a second."""
    files = [path.stat() for path in _PACKAGE.rglob("*") if path.suffix in _SUFFIXES]
    return len(files), max(one.st_mtime_ns for one in files)


@cache
def _versions() -> tuple[str, ...]:
    return tuple(version(name) for name in ("ipywidgets", "anywidget", "bqplot", "voila"))


class Pages:
    """Gives viewers the newest page that is whole, and renders the next one beside it.

    Args:
        key: What the page depends on now.
        make: Makes a renderer.
        timeout_s: A rendering that takes longer has failed.
        turns: Each rendering holds one of them while it runs.
        now_s: Any steady clock.
    """

    def __init__(
        self,
        *,
        key: Callable[[], Hashable],
        make: Callable[[], PageRenderer],
        timeout_s: float,
        turns: RenderingTurns | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._turns = turns
        self._key = key
        self._make = make
        self._timeout_s = timeout_s
        self._now_s = now_s
        self._checked_s = float("-inf")
        self._rendered: Hashable = None
        self._failures = 0
        """Failed renderings of the same sources, without the newest."""
        self._newest: Rendering | None = None
        self._whole: Page | None = None
        self._failure = ""  # of the last rendering that has ended
        self._noticed: tuple[str, Page] | None = None
        self._closing = False

    def current(self) -> Page | Rendering:
        """Return the page, or the first one on its way; begins another one when there is reason.

        Where a newer one failed, the page before it says so.
        """
        now_s = self._now_s()
        if self._newest is not None and (self._newest.page or self._newest.failure):
            self._whole = self._newest.page or self._whole
            self._failure = self._newest.failure
        if self._newest is None or (self._newest.done and now_s - self._checked_s >= CHECK_S):
            self._checked_s = now_s
            self._render_if_changed(now_s)
        assert self._newest is not None
        if self._whole is None:
            return self._newest
        return self._with_notice(self._whole, self._failure) if self._failure else self._whole

    @property
    def size(self) -> int:
        """Approximate bytes of memory that its whole pages take, without their scripts; 0 while one is rendered."""
        if self._newest is None or not self._newest.done:
            return 0
        # The rendering keeps a page's pieces as well.
        return sum(2 * len(page.plain) + len(page.packed) for page in self._kept)

    @property
    def scripts(self) -> Iterator[PackedScript]:
        """Scripts that its whole pages name; other pages may name them too."""
        return (script for page in self._kept for script in page.scripts)

    @property
    def _kept(self) -> Collection[Page]:
        newest = self._newest.page if self._newest is not None else None
        return {page.tag: page for page in (self._whole, newest) if page is not None}.values()

    @property
    def failure(self) -> str:
        """Why the last rendering that has ended gave no page, empty if it gave one."""
        newest = self._newest
        return newest.failure if newest is not None and (newest.page or newest.failure) else self._failure

    def _with_notice(self, page: Page, failure: str) -> Page:
        text = f"{failure_text(failure)}. What stands here is the page before that change."
        if self._noticed is None or self._noticed[0] != page.tag + text:
            self._noticed = page.tag + text, noticed_page(page, text)
        return self._noticed[1]

    def _render_if_changed(self, now_s: float) -> None:
        key, newest, slow = self._key(), self._newest, False
        if self._closing or (newest is not None and key == self._rendered and not self._is_due(newest, now_s)):
            return
        self._failures = self._failures + 1 if newest is not None and key == self._rendered else 0
        if newest is not None:
            slow = bool(newest.failure) and newest.held_s > SLOW_S
        self._rendered = key
        _log.info("rendering=started")
        turn = None if self._turns is None else self._turns.turn(slow=slow)
        self._newest = Rendering(self._make(), timeout_s=self._timeout_s, turn=turn, now_s=self._now_s)

    def _is_due(self, newest: Rendering, now_s: float) -> bool:
        """Return whether a failed rendering is tried again."""
        pause_s = max(RETRY_S, min(newest.held_s * min(2**self._failures, MAX_PAUSE), MAX_PAUSE_S))
        return bool(newest.failure) and now_s - newest.ended_s >= pause_s

    async def stop(self, *, but: Container[asyncio.Task[None]] = ()) -> None:
        """End a rendering that is in progress, with its kernel.

        Args:
            but: Tasks that cannot be ended now; who has them ends what they wait for.
        """
        self._closing = True
        if self._newest is None or self._newest.done:
            return
        self._newest.stopping = True
        if self._newest.task not in but:
            self._newest.task.cancel()
            await asyncio.wait([self._newest.task], timeout=1)
