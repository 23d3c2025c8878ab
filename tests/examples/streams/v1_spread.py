"""The new file of the example: a public stream, by its name alone."""

from __future__ import annotations

from typing import Final

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import limit
from orderfox_nb.desk.streams.base import PublicTopic, Sources, Stream
from orderfox_nb.views.stamp import Stamp, encode


class SpreadRecipe(PublicTopic[Book]):
    """The distance of the best prices, in ticks, times a factor."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, Book, Topic(key.venue, key.symbol, "book"))
        self._factor = key.integer("factor")

    def capture(self) -> int | None:
        bid, ask = self.fold.best_bid, self.fold.best_ask
        return None if bid is None or ask is None else (ask - bid) * self._factor

    def full(self, view: int | None, stamp: Stamp) -> tuple[bytes, ...]:
        return (encode({"type": "spread", "ticks": view, "quality": stamp.quality, "sequence": stamp.sequence}),)


STREAM: Final = Stream(
    "v1.spread", (limit(1, 10, "What it is multiplied by", name="factor"),), SpreadRecipe, ("spread",)
)
