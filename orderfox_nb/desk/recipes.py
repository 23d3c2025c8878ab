"""How the frames of books and trades are made from their folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from orderfox_nb.core.book import Book
from orderfox_nb.core.depth import Depth, average_prices, build_depth
from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.ladder import above_zero, build_ladder
from orderfox_nb.core.quality import QualityState
from orderfox_nb.core.symbols import default_rounding, ladder_height, ladder_heights
from orderfox_nb.core.tape import Tape
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import FeedError
from orderfox_nb.views.live_book import book_columns, depth_columns
from orderfox_nb.views.public_book import LadderFrame, orderbook_update
from orderfox_nb.views.stamp import Stamp, live_frame
from orderfox_nb.views.trades import PUBLIC_TRADES, TapeView, new_trades, tape_columns, trades_update

FoldT = TypeVar("FoldT")


class OneTopic(Generic[FoldT]):
    """What the recipes share whose first topic has the data.

    Args:
        key: What the frame shows.
        topics: Whose folds it shows.
        now_us: The venue's clock.
    """

    poll_s = 0.0

    def __init__(self, key: FrameKey, *topics: Topic, now_us: Callable[[], int]) -> None:
        self.key = key
        self.topics: Sequence[Topic] = topics
        self.now_us = now_us
        self._state: TopicState | None = None

    @property
    def state(self) -> TopicState:
        """The topic's state, once it is open."""
        if self._state is None:
            raise FeedError(self.key.venue, f"{self.topics[0]} is not open")
        return self._state

    @property
    def fold(self) -> FoldT:
        """The topic's fold."""
        return self.state.fold  # type: ignore[return-value]

    @property
    def instrument(self) -> Instrument:
        return self.state.instrument

    async def prepare(self, states: Sequence[TopicState | None]) -> None:
        self._state = states[0]

    def version(self) -> object:
        return self.state.revision, self.state.quality.wire()

    def ready(self) -> bool:
        """A widget is told at once that there is nothing yet, an old client waits for data or for trouble."""
        state = self.state
        return not self.key.stream.startswith("v1.") or state.whole or state.quality.state is not QualityState.SYNCING

    def stamp(self) -> Stamp:
        return Stamp(key=self.key.text, time_us=self.now_us(), quality=self.state.quality.wire())


class BookRecipe(OneTopic[Book]):
    """Frames of a grouped book, for widgets (``book``) and for the public socket (``v1.orderbook``).

    Args:
        key: With the parameters rows or limit, rounding and tz.
        now_us: The venue's clock.
        options: Roundings that the public contract offers, by the symbol's price.
        price: The symbol's last price as the list knows it.
    """

    def __init__(
        self,
        key: FrameKey,
        *,
        now_us: Callable[[], int],
        options: Callable[[Instrument], Sequence[Decimal]],
        price: Callable[[str], float | None],
    ) -> None:
        super().__init__(key, Topic(key.venue, key.symbol, "book"), now_us=now_us)
        self._public = key.stream == "v1.orderbook"
        self._limit = key.integer("limit" if self._public else "rows")
        self._zone = ZoneInfo(key["tz"]) if self._public else None
        self._options_of = options
        self._price_of = price
        self._options: Sequence[Decimal] = ()
        self._rounding = Decimal(1)

    async def prepare(self, states: Sequence[TopicState | None]) -> None:
        await super().prepare(states)
        if self._public:
            self._options = self._options_of(self.instrument)
            own = default_rounding(self._options)
        else:
            tick, price = self.instrument.tick_size, self._price_of(self.key.symbol) or self._best()
            self._options, own = ladder_heights(tick, price), ladder_height(tick, price)
        asked = self.key["rounding"]
        self._rounding = own if asked == "auto" else Decimal(asked)

    def _best(self) -> float | None:
        """Return the best price of a book whose symbol has no last price yet."""
        best = self.fold.best_bid or self.fold.best_ask
        return None if best is None else self.instrument.price(best)

    def capture(self) -> LadderFrame:
        self.state.check()
        book, units = self.fold, self.instrument.tick_units
        bid, ask = book.best_bid, book.best_ask
        ladder = above_zero(build_ladder(book, rounding=self._rounding, limit=self._limit))
        averages = (
            ()
            if self._public
            else (
                average_prices(book, "bid", ladder.bid_cumulative),
                average_prices(book, "ask", ladder.ask_cumulative),
            )
        )
        return LadderFrame(
            ladder=ladder,
            averages=averages,
            time_us=book.time_us or self.now_us(),
            best_bid=None if bid is None else bid * units,
            best_ask=None if ask is None else ask * units,
        )

    def full(self, view: LadderFrame, stamp: Stamp) -> tuple[bytes, ...]:
        if self._zone is not None:
            text = orderbook_update(
                view.ladder,
                stamp,
                instrument=self.instrument,
                options=self._options,
                time_us=view.time_us,
                zone=self._zone,
            )
        else:
            text = live_frame(stamp, book_columns(view, instrument=self.instrument, options=self._options))
        return (text,)

    def delta(self, before: LadderFrame, view: LadderFrame, stamp: Stamp) -> None:
        """A grouped book changes nearly everywhere: every frame is full."""


class DepthRecipe(OneTopic[Book]):
    """Frames of the cumulative depth around the middle price."""

    def __init__(self, key: FrameKey, *, now_us: Callable[[], int]) -> None:
        super().__init__(key, Topic(key.venue, key.symbol, "book"), now_us=now_us)
        self._percent = Decimal(key["range"])

    def capture(self) -> Depth:
        return build_depth(self.fold, percent=self._percent)

    def full(self, view: Depth, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, depth_columns(view, instrument=self.instrument, percent=self.key["range"])),)

    def delta(self, before: Depth, view: Depth, stamp: Stamp) -> None:
        """Every sum changes when the best level does: every frame is full."""


class TradesRecipe(OneTopic[Tape]):
    """Frames of the tape, for widgets (``trades``) and for the public socket (``v1.trades``)."""

    def __init__(self, key: FrameKey, *, now_us: Callable[[], int]) -> None:
        super().__init__(key, Topic(key.venue, key.symbol, "trades"), now_us=now_us)
        self._public = key.stream == "v1.trades"
        self._rows = PUBLIC_TRADES if self._public else key.integer("rows")

    def version(self) -> object:
        rate = 0.0 if self._public else self._rate()
        return self.fold.version, self.state.quality.wire(), rate

    def _rate(self) -> float:
        return round(self.fold.rate(self.now_us()), 1)

    def capture(self) -> TapeView:
        return TapeView(trades=self.fold.newest(self._rows), rate=0.0 if self._public else self._rate())

    def full(self, view: TapeView, stamp: Stamp) -> tuple[bytes, ...]:
        if self._public:
            return (trades_update(view.trades, stamp, instrument=self.instrument, initial=True),)
        return (live_frame(stamp, tape_columns(view.trades, view.rate, self.instrument)),)

    def delta(self, before: TapeView, view: TapeView, stamp: Stamp) -> tuple[bytes, ...] | None:
        if self._public:
            return (trades_update(view.trades, stamp, instrument=self.instrument, initial=False),)
        new = new_trades(before, view)
        return None if new is None else (live_frame(stamp, tape_columns(new, view.rate, self.instrument)),)
