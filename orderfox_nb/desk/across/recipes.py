"""Streams over venues: how the frames of ``*/<markets>/<stream>`` are made from the topics of the markets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from orderfox_nb.core.across.book import ConsolidatedBook
from orderfox_nb.core.across.crossing import FRESH_US
from orderfox_nb.core.across.ladder import build_consolidated_ladder
from orderfox_nb.core.across.members import APART, JOINED, MemberQuality
from orderfox_nb.core.across.tape import ConsolidatedLiquidations, ConsolidatedTape
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.symbols import ladder_height, ladder_heights
from orderfox_nb.core.tape import TapeState
from orderfox_nb.desk.across.members import MemberTopic, MemberTopics
from orderfox_nb.desk.frames import Recipe
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import ROUNDING, Parameter, rows
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.watched import Watchable
from orderfox_nb.errors import BadValue
from orderfox_nb.views.live_across import (
    AcrossBookView,
    AcrossLiquidationsView,
    AcrossTradesView,
    book_columns,
    joined_quality,
    liquidation_columns,
    trade_columns,
)
from orderfox_nb.views.stamp import Stamp, live_frame

SUMS_S: Final = {"1m": 60, "15m": 900, "1h": 3600}


def _currency(name: str, text: str) -> str:
    if text in (APART, JOINED) or (text.isalnum() and text.isascii() and 2 <= len(text) <= 12):
        return text if text in (APART, JOINED) else text.upper()
    raise BadValue(name, text, f"{APART}, {JOINED} or a quote currency such as USDC")


CURRENCY: Final = Parameter(
    name="currency",
    default=APART,
    check=_currency,
    description="apart: the quote currency of the first market; joined: all at par; or a currency by its name",
)


class AcrossStream(NamedTuple):
    """A kind of frames over several markets."""

    name: str
    """Name of its channel."""
    parameters: Sequence[Parameter]
    recipe: Callable[[FrameKey, MemberTopics], Recipe]


class _OverMembers:
    """Base of the recipes: follows the topics of all markets and puts their states into a fold."""

    def __init__(self, key: FrameKey, members: MemberTopics) -> None:
        self.key = key
        self.follows: Sequence[Topic | Watchable] = (members,)
        self._topics = members
        self._currency = key["currency"]

    async def prepare(self, states: Sequence[State | None]) -> None:
        """The members open their topics themselves."""

    def request(self) -> None:
        for member in self._topics.members:
            if member.state is not None:
                member.state.check()

    def ready(self) -> bool:
        return True

    def delta(self, before: Any, view: Any, stamp: Stamp) -> tuple[bytes, ...] | None:
        """Return no delta: every frame is full, since states and ages of the markets change with each."""

    def version(self) -> object:
        found: list[object] = []
        for member, quality in self._qualities():
            revision = 0 if member.state is None else member.state.revision
            # An age only matters when it crosses a bound.
            found.append((revision, quality.state, quality.reason, quality.dropped, quality.is_fresh(FRESH_US)))
        return tuple(found)

    def stamp(self) -> Stamp:
        members = self._qualities()
        return Stamp(
            key=self.key.text, time_us=members[0][1].now_us, quality=joined_quality([quality for _, quality in members])
        )

    def _qualities(self) -> list[tuple[MemberTopic, MemberQuality]]:
        our_us = self._topics.clock.now_us()
        return [(member, member.quality(our_us)) for member in self._topics.members]


def consolidated_book(members: MemberTopics) -> ConsolidatedBook:
    """Return the fold of the books as they are now."""
    our_us = members.clock.now_us()
    book = ConsolidatedBook([member.market for member in members.members])
    for member in members.members:
        state = member.state
        book.apply(member.market, None if state is None else state.fold_as(Book).view(), member.quality(our_us))
    return book


def consolidated_tape(members: MemberTopics, count: int) -> ConsolidatedTape:
    """Return the fold of the newest trades as they are now."""
    our_us = members.clock.now_us()
    tape = ConsolidatedTape([member.market for member in members.members])
    for member in members.members:
        state = member.state
        trades = () if state is None else tuple(state.fold_as(TapeState).newest(count))
        instrument = None if state is None else state.instrument
        tape.apply(member.market, instrument, trades, member.quality(our_us))
    return tape


def consolidated_liquidations(members: MemberTopics, count: int) -> ConsolidatedLiquidations:
    """Return the fold of the newest liquidations as they are now."""
    our_us = members.clock.now_us()
    found = ConsolidatedLiquidations([member.market for member in members.members])
    for member in members.members:
        state, quality = member.state, member.quality(our_us)
        if state is None:
            # Nothing before now is known of it, if its venue reports any.
            since_us = 0 if quality.coverage == "none" else quality.now_us
            found.apply(member.market, None, (), {}, quality, since_us=since_us)
            continue
        fold = state.fold_as(LiquidationState)
        sums: Mapping[str, tuple[float, float]] = {
            name: fold.sum_since(quality.now_us - seconds * 1_000_000) for name, seconds in SUMS_S.items()
        }
        orders = fold.orders.newest(count)
        found.apply(member.market, state.instrument, orders, sums, quality, since_us=state.known_us)
    return found


class AcrossBookRecipe(_OverMembers):
    """Frames of one book over venues, with heights that suit a ladder."""

    def capture(self) -> AcrossBookView:
        view = consolidated_book(self._topics).view(self._currency)
        price = view.best_bid or view.best_ask
        last = None if price is None else view.price(price)
        asked = self.key["rounding"]
        rounding = ladder_height(view.price_unit, last) if asked == ROUNDING.word else Decimal(asked)
        return AcrossBookView(
            book=view,
            ladder=build_consolidated_ladder(view, rounding=rounding, limit=self.key.integer("rows")),
            heights=ladder_heights(view.price_unit, last),
        )

    def full(self, view: AcrossBookView, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, book_columns(view, self.key.symbol)),)


class AcrossTradesRecipe(_OverMembers):
    """Frames of the newest trades of all markets."""

    def version(self) -> object:
        return super().version(), self._rate()

    def _rate(self) -> float:
        states = [(one.state, one.desk.now_us()) for one in self._topics.members]
        return round(sum(state.fold_as(TapeState).rate(now_us) for state, now_us in states if state is not None), 1)

    def capture(self) -> AcrossTradesView:
        count = self.key.integer("rows")
        tape = consolidated_tape(self._topics, count)
        return AcrossTradesView(
            members=tape.members,
            left_out=tape.left_out(self._currency),
            trades=tape.view(self._currency)[-count:],
            rate=self._rate(),
        )

    def full(self, view: AcrossTradesView, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, trade_columns(view, self.key.symbol)),)


class AcrossLiquidationsRecipe(_OverMembers):
    """Frames of the newest liquidations of all markets, with sums by market."""

    def version(self) -> object:
        # Sums over a time change without events too.
        found = consolidated_liquidations(self._topics, 0)
        return super().version(), tuple(found.sums(span, self._currency).total for span in SUMS_S)

    def capture(self) -> AcrossLiquidationsView:
        count = self.key.integer("rows")
        found = consolidated_liquidations(self._topics, count)
        return AcrossLiquidationsView(
            members=found.members,
            left_out=found.left_out(self._currency),
            orders=found.view(self._currency)[:count],
            sums={span: found.sums(span, self._currency) for span in SUMS_S},
            since_us=found.since_us,
        )

    def full(self, view: AcrossLiquidationsView, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, liquidation_columns(view, self.key.symbol)),)


ACROSS_STREAMS: Final[Mapping[str, AcrossStream]] = {
    stream.name: stream
    for stream in (
        AcrossStream("book", (CURRENCY, ROUNDING, rows(20, 10, 20, 50, 100)), AcrossBookRecipe),
        AcrossStream("trades", (CURRENCY, rows(100, 50, 100, 200)), AcrossTradesRecipe),
        AcrossStream("liquidations", (CURRENCY, rows(50, 20, 50, 100)), AcrossLiquidationsRecipe),
    )
}
