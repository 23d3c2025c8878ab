"""The notebooks that a server shows, and the page of each."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from orderfox_nb.server.start.card import Card, read_card
from orderfox_nb.server.viewer.pages import Pages, rendering_key
from orderfox_nb.server.viewer.turns import RenderingTurns

if TYPE_CHECKING:
    from orderfox_nb.server.viewer.renderer import PageRenderer

_log = logging.getLogger(__name__)

MAX_NOTEBOOKS: Final = 100
"""Notebooks of a folder that are shown, by name."""
MAX_FILES: Final = 10_000
"""Entries of a folder that are looked at."""
RENDERED_AT_ONCE: Final = 2
MAX_PAGES: Final = 256_000_000
"""Bytes of the pages that are kept, with their scripts; beyond it the least recently requested ones are dropped."""
CHECK_S: Final = 1.0
_SUFFIX: Final = ".ipynb"
FileState: TypeAlias = tuple[int, int] | None
"""When a file was written, in ns, and its size in bytes; None if it is missing."""


class Cards(msgspec.Struct, frozen=True):
    """Contents of the start page."""

    built_in: tuple[Card, ...]
    """The first one is at the server's own address."""
    folder: tuple[Card, ...]
    left_out: int = 0
    """Notebooks of the folder beyond the limit."""

    def __iter__(self) -> Iterator[Card]:  # type: ignore[override]
        yield from self.built_in
        yield from self.folder


class Site:
    """Finds the notebooks again when somebody looks, at most once a second, and has a page for each.

    A notebook of the folder takes the place of a built-in one of the same name, and the main one that of both.

    Args:
        main: The notebook at the server's own address.
        pages: Its pages; none where every viewer has a kernel.
        built_in: Other notebooks that are always there.
        folder: Its notebooks are shown, those of its subfolders are not.
        make: Makes a renderer of a notebook.
        source: Source of the market data; a page depends on it.
        timeout_s: A rendering that takes longer has failed.
        starting: Tasks inside a kernel's start: ended there, the kernel would be left behind.
        now_s: Any steady clock.
    """

    def __init__(
        self,
        *,
        main: Path,
        pages: Pages | None,
        built_in: Sequence[Path],
        folder: Path | None,
        make: Callable[[Path], PageRenderer],
        source: str,
        timeout_s: float,
        starting: Container[asyncio.Task[None]] = (),
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.main = main.resolve()
        self.folder = folder
        self._main_pages = pages
        self._built_in = [path.resolve() for path in built_in]
        self._make = make
        self._source = source
        self._timeout_s = timeout_s
        self._starting = starting
        self._now_s = now_s
        # Read again when the notebook, or a file that is or may be its picture, has another state.
        self._known: dict[Path, tuple[list[FileState], Card]] = {}
        self._cards: Cards | None = None
        self._read_s = float("-inf")
        self._reading = asyncio.Lock()
        self._pages: dict[Path, Pages] = {}
        self._turns = RenderingTurns(RENDERED_AT_ONCE)
        self._reported = 0

    async def cards(self) -> Cards:
        """Return the cards as they are now."""
        async with self._reading:
            if self._cards is None or self._now_s() - self._read_s >= CHECK_S:
                self._cards = await asyncio.to_thread(self._read)
                self._read_s = self._now_s()
                await self._forget({card.path for card in self._cards})
            return self._cards

    async def find(self, name: str) -> Card | None:
        """Return the card of a page's name, if there is such a page."""
        return next((card for card in await self.cards() if card.name == name), None)

    def pages(self, card: Card) -> Pages:
        """Return the pages of a notebook that viewers see without a kernel; they are made when first asked for."""
        if card.path == self.main and self._main_pages is not None:
            return self._main_pages
        pages = self._pages.pop(card.path, None) or Pages(
            key=lambda: rendering_key(card.path, self._source),
            make=lambda: self._make(card.path),
            timeout_s=self._timeout_s,
            turns=self._turns,
            now_s=self._now_s,
        )
        self._pages[card.path] = pages  # the most recently requested one is the last
        self._drop_oldest()
        return pages

    def problem(self, card: Card) -> str:
        """Return why a notebook cannot be shown, as far as is known."""
        pages = self._main_pages if card.path == self.main else self._pages.get(card.path)
        return card.problem or (pages.failure if pages is not None else "")

    async def stop(self) -> None:
        """End the renderings that are in progress."""
        await asyncio.gather(*(pages.stop(but=self._starting) for pages in self._pages.values()))

    def _drop_oldest(self) -> None:
        for path in list(self._pages)[:-1]:
            if self._kept_bytes() <= MAX_PAGES:
                return
            # One that is being rendered has no size, and stays.
            if self._pages[path].size:
                del self._pages[path]

    def _kept_bytes(self) -> int:
        scripts = {script.name: script.size for pages in self._pages.values() for script in pages.scripts}
        return sum(scripts.values()) + sum(pages.size for pages in self._pages.values())

    async def _forget(self, there: Container[Path]) -> None:
        gone = [path for path in self._pages if path not in there]
        await asyncio.gather(*(self._pages.pop(path).stop(but=self._starting) for path in gone))

    def _read(self) -> Cards:
        found = self._notebooks()
        folder = found[:MAX_NOTEBOOKS]
        if len(found) > MAX_NOTEBOOKS and len(found) != self._reported:
            self._reported = len(found)
            _log.warning("%d of %d notebooks are shown", MAX_NOTEBOOKS, len(found))
        own = {path.name: path for path in folder} | {self.main.name: self.main}
        built_in = dict.fromkeys([self.main, *(own.get(path.name, path) for path in self._built_in)])
        cards = Cards(
            tuple(self._card(path) for path in built_in),
            tuple(self._card(path) for path in folder if path not in built_in),
            left_out=max(0, len(found) - MAX_NOTEBOOKS),
        )
        there = {card.path for card in cards}
        self._known = {path: known for path, known in self._known.items() if path in there}
        return cards

    def _notebooks(self) -> list[Path]:
        """Return the notebooks of the folder by name: no hidden ones, and no links that lead out of it."""
        if self.folder is None:
            return []
        root = self.folder.resolve()
        found: list[Path] = []
        try:
            with os.scandir(root) as entries:
                for entry in islice(entries, MAX_FILES):
                    name = entry.name
                    if not name.endswith(_SUFFIX) or name.startswith(".") or not name.isprintable():
                        continue
                    path = Path(entry.path)
                    if name == self.main.name and path != self.main:
                        # Its name is its address, which is the main notebook's.
                        continue
                    if entry.is_file() and path.resolve().parent == root:
                        found.append(path)
        except OSError as error:
            _log.warning("the folder of the notebooks cannot be read: %s", error.strerror or error)
        return sorted(found, key=lambda path: path.name.casefold())

    def _card(self, path: Path) -> Card:
        known = self._known.get(path)
        if known is None or known[0] != [_state(each) for each in (path, *known[1].pictures)]:
            own, card = _state(path), read_card(path)
            known = self._known[path] = [own, *map(_state, card.pictures)], card
        return known[1]


def _state(path: Path) -> FileState:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
