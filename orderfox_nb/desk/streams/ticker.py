"""Stream ``ticker``: the last 24 h with mark price, funding and open interest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderfox_nb.core.events import MarkPrice, OpenInterest, Ticker, Topic
from orderfox_nb.core.market_state import Latest
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.streams.base import OneTopic, Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.views.live_market import TickerView, ticker_columns
from orderfox_nb.views.stamp import Stamp, live_frame


class TickerRecipe(OneTopic[Latest[Ticker]]):
    """Frames of the ticker; before the first event they have what the symbol list knows."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        topics = [Topic(key.venue, key.symbol, channel) for channel in ("ticker", "mark", "open_interest")]
        super().__init__(key, sources, Latest, *topics)
        self._beside: Sequence[State | None] = (None, None)

    async def prepare(self, states: Sequence[State | None]) -> None:
        await super().prepare(states)
        self._beside = states[1:]

    def version(self) -> object:
        beside = [state.fold.view() for state in self._beside if state is not None]
        return self.fold.view(), self.state.quality.wire(), *beside

    def capture(self) -> TickerView:
        listing = self.sources.catalogue.listing(self.key.symbol)
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


STREAM: Final = Stream("ticker", (), TickerRecipe)
