"""Stream ``trades``: the tape."""

from __future__ import annotations

from typing import Final

from orderfox_nb.core.events import Topic
from orderfox_nb.core.tape import TapeState
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import rows
from orderfox_nb.desk.streams.base import OneTopic, Sources, Stream
from orderfox_nb.views.stamp import Stamp, live_frame
from orderfox_nb.views.trades import TapeView, new_trades, tape_columns


class TradesRecipe(OneTopic[TapeState]):
    """Frames of the newest trades; a delta has those that came since."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, TapeState, Topic(key.venue, key.symbol, "trades"))
        self._rows = key.integer("rows")

    def version(self) -> object:
        return self.fold.version, self.state.quality.wire(), self._rate()

    def _rate(self) -> float:
        return round(self.fold.rate(self.now_us()), 1)

    def capture(self) -> TapeView:
        return TapeView(trades=self.fold.newest(self._rows), rate=self._rate())

    def full(self, view: TapeView, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, tape_columns(view.trades, view.rate, self.instrument)),)

    def delta(self, before: TapeView, view: TapeView, stamp: Stamp) -> tuple[bytes, ...] | None:
        new = new_trades(before, view)
        return None if new is None else (live_frame(stamp, tape_columns(new, view.rate, self.instrument)),)


STREAM: Final = Stream("trades", (rows(100, 50, 100, 200),), TradesRecipe)
