"""Stream ``bots`` (symbol ``*``): all bots with state, profit and position; a delta has those that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

from orderfox_nb.core.events import Topic
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.shown_bots import NoBots
from orderfox_nb.desk.streams.base import Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.watched import Watchable
from orderfox_nb.errors import DatabaseUnavailable, MissingExtra
from orderfox_nb.views.bots import WHOLE
from orderfox_nb.views.stamp import Stamp, live_frame


class BotsView(NamedTuple):
    """Contents of a frame."""

    rows: Mapping[str, bytes]
    """Encoded, by id."""
    total: int
    running: int
    problem: str


class BotsRecipe:
    """Frames of all bots.

    Raises:
        NoBots: There are no bots behind this desk.
    """

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        board = sources.bots()
        if board is None:
            raise NoBots
        self._key = key
        self._now_us = sources.now_us
        self._board = board
        self.follows: Sequence[Topic | Watchable] = (board,)

    async def prepare(self, states: Sequence[State | None]) -> None:  # noqa: ARG002 - it has no topics
        # Else the frame says what is wrong.
        with suppress(DatabaseUnavailable, MissingExtra):
            await self._board.refresh()

    def request(self) -> None:
        """The board is refreshed while anybody watches it."""

    def version(self) -> object:
        return self._board.revision

    def ready(self) -> bool:
        return True

    def stamp(self) -> Stamp:
        return Stamp(key=self._key.text, time_us=self._now_us(), quality=WHOLE)

    def capture(self) -> BotsView:
        board = self._board
        rows = {row.id: msgspec.json.encode(row) for row in board.rows()}
        return BotsView(rows, board.total, board.running, board.problem)

    def full(self, view: BotsView, stamp: Stamp) -> tuple[bytes, ...]:
        return (self.message(self._columns(view.rows.values(), view), stamp),)

    def delta(self, before: BotsView, view: BotsView, stamp: Stamp) -> tuple[bytes, ...]:
        changed = [text for bot_id, text in view.rows.items() if before.rows.get(bot_id) != text]
        columns = self._columns(changed, view)
        columns["removed"] = [bot_id for bot_id in before.rows if bot_id not in view.rows]
        return (self.message(columns, stamp),)

    def message(self, columns: dict[str, Any], stamp: Stamp) -> bytes:
        """Encode one frame."""
        return live_frame(stamp, columns)

    @staticmethod
    def _columns(rows: Any, view: BotsView) -> dict[str, Any]:
        columns = {"total": view.total, "running": view.running, "problem": view.problem}
        return {"bots": [msgspec.Raw(row) for row in rows], **columns}


STREAM: Final = Stream("bots", (), BotsRecipe)
