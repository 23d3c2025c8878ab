"""Stream ``book``: a grouped book for ladders."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from orderfox_nb.core.book import Book
from orderfox_nb.core.depth import average_prices
from orderfox_nb.core.events import Topic
from orderfox_nb.core.ladder import above_zero, build_ladder
from orderfox_nb.core.symbols import ladder_height, ladder_heights
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import ROUNDING, rows
from orderfox_nb.desk.streams.base import OneTopic, Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.views.live_book import LadderView, book_columns
from orderfox_nb.views.stamp import Stamp, live_frame


class BookRecipe(OneTopic[Book]):
    """Frames of a grouped book, with heights that suit a ladder."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, Book, Topic(key.venue, key.symbol, "book"))
        self._rows = key.integer("rows")
        self._options: Sequence[Decimal] = ()
        self._rounding = Decimal(1)

    async def prepare(self, states: Sequence[State | None]) -> None:
        await super().prepare(states)
        tick, price = self.instrument.tick_size, self.sources.catalogue.last_price(self.key.symbol) or self._best()
        self._options = ladder_heights(tick, price)
        asked = self.key["rounding"]
        self._rounding = ladder_height(tick, price) if asked == ROUNDING.word else Decimal(asked)

    def _best(self) -> float | None:
        """Return the best price of a book whose symbol has no last price yet."""
        best = self.fold.best_bid or self.fold.best_ask
        return None if best is None else self.instrument.price(best)

    def capture(self) -> LadderView:
        book, units = self.fold, self.instrument.tick_units
        bid, ask = book.best_bid, book.best_ask
        ladder = above_zero(build_ladder(book, rounding=self._rounding, limit=self._rows))
        return LadderView(
            ladder=ladder,
            averages=(
                average_prices(book, "bid", ladder.bid_cumulative),
                average_prices(book, "ask", ladder.ask_cumulative),
            ),
            best_bid=None if bid is None else bid * units,
            best_ask=None if ask is None else ask * units,
        )

    def full(self, view: LadderView, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, book_columns(view, instrument=self.instrument, options=self._options)),)


STREAM: Final = Stream("book", (ROUNDING, rows(20, 10, 20, 50, 100)), BookRecipe)
