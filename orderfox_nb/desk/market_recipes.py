"""How the frames of liquidations, the ticker and the symbol list are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from orderfox_nb.core.events import WHOLE_MARKET, MarkPrice, OpenInterest, Ticker, Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.market_state import Latest
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.recipes import OneTopic
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.feeds.base import Listing
from orderfox_nb.views.live_market import (
    LiquidationsView,
    TickerView,
    liquidation_columns,
    market_liquidation_columns,
    ticker_columns,
)
from orderfox_nb.views.public_symbols import symbol_columns
from orderfox_nb.views.stamp import Stamp, live_frame

_SUMS_S: Final = {"1m": 60, "15m": 900, "1h": 3600}
SYMBOLS_POLL_S: Final = 10.0


class LiquidationsRecipe(OneTopic[LiquidationState]):
    """Frames of the newest liquidation orders and of their sums, of one symbol or of the whole market (``*``).

    Args:
        key: Of the stream ``liquidations``.
        now_us: The venue's clock.
        listing: Returns what the symbol list knows: the orders of a whole market have digits of their own.
    """

    def __init__(self, key: FrameKey, *, now_us: Callable[[], int], listing: Callable[[str], Listing | None]) -> None:
        super().__init__(key, Topic(key.venue, key.symbol, "liquidations"), now_us=now_us)
        self._listing = listing
        self._rows = key.integer("rows")

    def version(self) -> object:
        return self.fold.orders.version, self.state.quality.wire(), tuple(self._sums().values())

    def _sums(self) -> dict[str, tuple[float, float]]:
        now_us = self.now_us()
        return {name: self.fold.sum_since(now_us - seconds * 1_000_000) for name, seconds in _SUMS_S.items()}

    def capture(self) -> LiquidationsView:
        state = self.state
        since_us = 0 if state.quality.history == "complete" else state.opened_us
        return LiquidationsView(orders=self.fold.orders.newest(self._rows), sums=self._sums(), since_us=since_us)

    def full(self, view: LiquidationsView, stamp: Stamp) -> tuple[bytes, ...]:
        if self.key.symbol == WHOLE_MARKET:
            return (live_frame(stamp, market_liquidation_columns(view, self._digits)),)
        return (live_frame(stamp, liquidation_columns(view, self.instrument)),)

    def _digits(self, symbol: str) -> int | None:
        listing = self._listing(symbol)
        return None if listing is None else listing.instrument.price_digits

    def delta(self, before: LiquidationsView, view: LiquidationsView, stamp: Stamp) -> None:
        """Liquidations are rare and their frames small: every frame is full."""


class TickerRecipe(OneTopic[Latest[Ticker]]):
    """Frames of the ticker with mark price, funding and open interest.

    Args:
        key: Of the stream ``ticker``.
        now_us: The venue's clock.
        listing: Returns what the symbol list knows, for the time before the first event.
    """

    def __init__(self, key: FrameKey, *, now_us: Callable[[], int], listing: Callable[[str], Listing | None]) -> None:
        ticker = Topic(key.venue, key.symbol, "ticker")
        mark = Topic(key.venue, key.symbol, "mark")
        super().__init__(key, ticker, mark, Topic(key.venue, key.symbol, "open_interest"), now_us=now_us)
        self._listing = listing
        self._beside: Sequence[TopicState | None] = (None, None)

    async def prepare(self, states: Sequence[TopicState | None]) -> None:
        await super().prepare(states)
        self._beside = states[1:]

    def version(self) -> object:
        beside = [state.fold.view() for state in self._beside if state is not None]
        return self.fold.view(), self.state.quality.wire(), *beside

    def capture(self) -> TickerView:
        listing = self._listing(self.key.symbol)
        mark: MarkPrice | None
        interest: OpenInterest | None
        mark, interest = (None if state is None else state.fold.view() for state in self._beside)
        return TickerView(
            ticker=self.fold.view() or (listing.ticker if listing is not None else None),
            mark=mark,
            interest=interest,
            funding=listing.funding_rate if listing is not None else None,
        )

    def full(self, view: TickerView, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, ticker_columns(view, self.instrument)),)

    def delta(self, before: TickerView, view: TickerView, stamp: Stamp) -> None:
        """Every frame is full."""


class SymbolsRecipe:
    """Frames of the symbol list; asks for it again as it ages."""

    topics: Sequence[Topic] = ()
    poll_s = SYMBOLS_POLL_S

    def __init__(self, key: FrameKey, *, now_us: Callable[[], int], catalogue: Catalogue) -> None:
        self._key = key
        self._now_us = now_us
        self._catalogue = catalogue

    async def prepare(self, states: Sequence[TopicState | None]) -> None:  # noqa: ARG002 - it has no topics
        await self._catalogue.rows()

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
