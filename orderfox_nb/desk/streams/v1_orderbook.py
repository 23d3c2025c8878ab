"""Stream ``v1.orderbook``: the grouped book of the public contract."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Topic
from orderfox_nb.core.ladder import Ladder
from orderfox_nb.core.symbols import default_rounding
from orderfox_nb.desk.book_rows import BookRows
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import ROUNDING, ZONE, limit
from orderfox_nb.desk.streams.base import PublicTopic, Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.views.public_book import RowTexts, orderbook_update
from orderfox_nb.views.stamp import Stamp


class BookNow(NamedTuple):
    """Contents of a message."""

    ladder: Ladder
    texts: RowTexts
    time_us: int


class PublicBookRecipe(PublicTopic[Book]):
    """Messages of a grouped book, with the roundings that the contract offers."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, Book, Topic(key.venue, key.symbol, "book"))
        self._limit = key.integer("limit")
        self._zone = ZoneInfo(key["tz"])
        self._options: Sequence[Decimal] = ()
        self._rows = BookRows(Decimal(1))

    async def prepare(self, states: Sequence[State | None]) -> None:
        await super().prepare(states)
        self._options = self.sources.catalogue.rounding_options(self.instrument)
        asked = self.key["rounding"]
        rounding = default_rounding(self._options) if asked == ROUNDING.word else Decimal(asked)
        self._rows = self.sources.book_rows.of(self.key.symbol, rounding)

    def capture(self) -> BookNow:
        ladder, texts = self._rows.read(self.fold, self._limit)
        return BookNow(ladder, texts, self.fold.time_us or self.now_us())

    def full(self, view: BookNow, stamp: Stamp) -> tuple[bytes, ...]:
        text = orderbook_update(
            view.ladder,
            stamp,
            instrument=self.instrument,
            options=self._options,
            time_us=view.time_us,
            zone=self._zone,
            texts=view.texts,
        )
        return (text,)


STREAM: Final = Stream(
    "v1.orderbook", (limit(20, 1000, "Rows a side"), ROUNDING, ZONE), PublicBookRecipe, ("orderbook_update",)
)
