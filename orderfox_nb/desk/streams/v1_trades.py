"""Stream ``v1.trades``: the newest trades of the public contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderfox_nb.core.events import Topic, Trade
from orderfox_nb.core.tape import TapeState
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.streams.base import PublicTopic, Sources, Stream
from orderfox_nb.views.stamp import Stamp
from orderfox_nb.views.trades import PUBLIC_TRADES, trades_update


class PublicTradesRecipe(PublicTopic[TapeState]):
    """Messages of the newest trades, the same number in each."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, TapeState, Topic(key.venue, key.symbol, "trades"))

    def version(self) -> object:
        return self.fold.version, self.state.quality.wire()

    def capture(self) -> Sequence[Trade]:
        return self.fold.newest(PUBLIC_TRADES)

    def full(self, view: Sequence[Trade], stamp: Stamp) -> tuple[bytes, ...]:
        return (trades_update(view, stamp, instrument=self.instrument, initial=True),)

    def delta(self, before: Sequence[Trade], view: Sequence[Trade], stamp: Stamp) -> tuple[bytes, ...]:  # noqa: ARG002 - each message has them all
        return (trades_update(view, stamp, instrument=self.instrument, initial=False),)


STREAM: Final = Stream("v1.trades", (), PublicTradesRecipe, ("trades_update",))
