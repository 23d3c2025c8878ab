"""Stream ``symbols`` (symbol ``*``): the symbol list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orderfox_nb.core.events import Topic
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.streams.base import Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.watched import Watchable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.views.public_symbols import symbol_columns
from orderfox_nb.views.stamp import Stamp, live_frame


class SymbolsRecipe:
    """Frames of the symbol list."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        self._key = key
        self._now_us = sources.now_us
        self._catalogue = sources.catalogue
        self.follows: Sequence[Topic | Watchable] = (sources.catalogue,)

    async def prepare(self, states: Sequence[State | None]) -> None:  # noqa: ARG002 - it has no topics
        await self._catalogue.rows()

    def request(self) -> None:
        """The list is kept fresh while anybody watches it."""

    def version(self) -> object:
        return self._catalogue.version, self._catalogue.problem

    def ready(self) -> bool:
        return True

    def stamp(self) -> Stamp:
        return Stamp(key=self._key.text, time_us=self._now_us(), quality=self._catalogue.quality)

    def capture(self) -> tuple[Sequence[Listing], bool]:
        return self._catalogue.known, self._catalogue.demo

    def full(self, view: tuple[Sequence[Listing], bool], stamp: Stamp) -> tuple[bytes, ...]:
        rows, demo = view
        return (live_frame(stamp, symbol_columns(rows, demo=demo)),)

    def delta(self, before: Any, view: Any, stamp: Stamp) -> None:
        """Every frame is full."""


STREAM: Final = Stream("symbols", (), SymbolsRecipe)
